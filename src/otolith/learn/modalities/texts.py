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
from otolith.data.paired import LABEL, Text, model_stamp, places, read_texts
from otolith.data.windows import Windows
from otolith.learn.modalities.modality import Modality, ModalityVectors, best_covering


def texts_of(windows: Windows, labels: bool = True) -> list[str]:
    """Return the words of each window; empty where there are none.

    The text that covers most of a window is its text (see `best_covering`). `labels` False leaves
    texts out that merely say the label.
    """
    words = [""] * len(windows)
    known: dict[Path, dict[str, list[Text]]] = {}
    for folder, recording, rows in places(windows):
        if folder not in known:
            known[folder] = read_texts(folder)
        texts = [
            text
            for text in known[folder].get(recording, ())
            if text.text.strip() and (labels or text.source != LABEL)
        ]
        if not texts:
            continue
        start_s, end_s = (np.array([getattr(t, n) for t in texts]) for n in ("start_s", "end_s"))
        best, covered = best_covering(start_s, end_s, windows.start_s[rows], windows.seconds)
        for row, chosen, seconds in zip(rows, best, covered, strict=True):
            if seconds > 0:
                words[row] = texts[chosen].text.strip()
    return words


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
        parts = []
        for folder, rows in _by_folder(windows):
            with_text = [int(row) for row in rows if texts[row]]
            if with_text:
                parts.append((with_text, self._kept(folder, [texts[row] for row in with_text])))
        # Where all vectors are cached, the model need not be on this machine any more.
        dimension = parts[0][1].shape[1] if parts else self.dimension
        return ModalityVectors.gathered(len(windows), dimension, parts)

    def _kept(self, folder: Path, texts: list[str]) -> Float[np.ndarray, "N E"]:
        """Encode texts; those encoded before come from the study's cache."""
        stamp = model_stamp(getattr(self.config, "model", ""))
        key = digest([type(self).__name__, self.settings() | {"labels": None, "stamp": stamp}])
        path = cache_folder(folder, "partners") / f"text-{key}.cache"
        known: dict[str, np.ndarray] = {}
        if (cached := read_arrays(path, key)) is not None:
            known = dict(zip(cached[0], cached[1]["vector"], strict=True))
        # Sorted: a set's order, and with it the batches, would differ from run to run.
        if new := sorted(set(texts) - known.keys()):
            known |= dict(zip(new, self.encode(new), strict=True))
            vectors = np.stack(list(known.values())).astype(np.float32)
            write_arrays(path, key, list(known), {"vector": vectors})
        return np.stack([known[text] for text in texts]).astype(np.float32)


def warn_of_long(texts: Sequence[str], tokens: Sequence[int], most: int) -> None:
    """Warn where texts are longer than the `most` tokens that a model reads."""
    long = [text for text, count in zip(texts, tokens, strict=True) if count > most]
    if long:
        warnings.warn(
            f"{len(long)} of {len(texts)} texts are longer than the {most} tokens that the model "
            f"reads, and only their beginning counts; the first begins '{long[0][:60]}'.",
            OtolithWarning,
            stacklevel=3,
        )


def _by_folder(windows: Windows) -> list[tuple[Path, np.ndarray]]:
    merged: dict[Path, list[np.ndarray]] = {}
    for folder, _, rows in places(windows):
        merged.setdefault(folder, []).append(rows)
    return [(folder, np.sort(np.concatenate(rows))) for folder, rows in merged.items()]
