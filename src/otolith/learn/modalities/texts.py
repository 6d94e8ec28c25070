"""The words that go with windows, and frozen models that make vectors of words."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.caches import cache_folder, read_arrays, write_arrays
from otolith.core.errors import OtolithWarning
from otolith.core.files import digest
from otolith.core.settings import settings
from otolith.data.paired import LABEL, model_stamp, places, read_texts
from otolith.data.windows import Windows
from otolith.learn.modalities.modality import Modality, ModalityVectors


def texts_of(windows: Windows, labels: bool = True) -> list[str]:
    """Return the words of each window; empty where there are none.

    The text that covers most of a window is its text; of several that cover as much, the one whose
    middle is nearest. `labels` False leaves texts out that merely say the label.
    """
    out = [""] * len(windows)
    known: dict[Path, Any] = {}
    for folder, recording, rows in places(windows):
        if folder not in known:
            known[folder] = read_texts(folder)
        texts = [
            t
            for t in known[folder].get(recording, ())
            if t.text.strip() and (labels or t.source != LABEL)
        ]
        if not texts:
            continue
        start, end = (np.array([getattr(t, name) for t in texts]) for name in ("start_s", "end_s"))
        first = windows.start_s[rows][:, None]
        last = first + windows.seconds
        covered = np.minimum(end, last) - np.maximum(start, first)
        apart = np.abs((start + end) / 2 - (first + last) / 2)
        # Microseconds decide nothing: a tie is told from a difference by more than rounding.
        best = np.lexsort((apart, -np.round(covered, 6)), axis=1)[:, 0]
        for row, chosen, much in zip(rows, best, covered[np.arange(len(rows)), best], strict=True):
            if much > 0:
                out[row] = texts[chosen].text.strip()
    return out


@settings
class TextConfig:
    """Which words count."""

    labels: bool = True
    """Whether texts count that merely say the label; these are labels of the people they belong to.
    """


class TextModel(Modality):
    """A frozen model that makes a vector of a sentence."""

    Config: ClassVar[type[Any]] = TextConfig
    kind: ClassVar[str] = "text"
    dimension: int

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "N E"]:
        """Return one L2-normalised float32 vector for each text."""

    @override
    def vectors(self, windows: Windows) -> ModalityVectors:
        """Return the vector of each window's text; see `texts_of`."""
        texts = texts_of(windows, self.config.labels)
        present = np.array([bool(text) for text in texts], dtype=bool)
        found: list[tuple[list[int], np.ndarray]] = []
        for folder, rows in _by_folder(windows):
            own = [int(row) for row in rows if texts[row]]
            if own:
                found.append((own, self._kept(folder, [texts[row] for row in own])))
        # Where all are kept already, the model need not be there any more.
        values = np.zeros(
            (len(texts), found[0][1].shape[1] if found else self.dimension), dtype=np.float32
        )
        for own, vectors in found:
            values[own] = vectors
        return ModalityVectors(values, present)

    def _kept(self, folder: Path, texts: list[str]) -> Float[np.ndarray, "N E"]:
        """Encode texts, the new ones only: others are in the study's cache."""
        what = self.settings() | {
            "labels": None,
            "stamp": model_stamp(getattr(self.config, "model", "")),
        }
        made_of = digest([type(self).__name__, what])
        path = cache_folder(folder, "partners") / f"text-{made_of}.cache"
        known: dict[str, np.ndarray] = {}
        if (kept := read_arrays(path, made_of)) is not None:
            # Each text with its vector; the file is of ours and whole, or it would not have been
            # read.
            known = dict(zip(kept[0], kept[1]["vector"], strict=True))
        if new := sorted(set(texts) - known.keys()):
            known |= dict(zip(new, self.encode(new), strict=True))
            vectors = np.stack(list(known.values())).astype(np.float32)
            write_arrays(path, made_of, list(known), {"vector": vectors})
        return np.stack([known[text] for text in texts]).astype(np.float32)


def warn_of_long(texts: Sequence[str], tokens: Sequence[int], most: int) -> None:
    """Tell once that texts are longer than what a model reads."""
    long = [text for text, count in zip(texts, tokens, strict=True) if count > most]
    if long:
        warnings.warn(
            f"{len(long)} of {len(texts)} texts are longer than the {most} tokens that the model "
            f"reads, and only "
            f"their beginning counts; the first begins '{long[0][:60]}'.",
            OtolithWarning,
            stacklevel=3,
        )


def _by_folder(windows: Windows) -> list[tuple[Path, np.ndarray]]:
    merged: dict[Path, list[np.ndarray]] = {}
    for folder, _, rows in places(windows):
        merged.setdefault(folder, []).append(rows)
    return [(folder, np.sort(np.concatenate(rows))) for folder, rows in merged.items()]
