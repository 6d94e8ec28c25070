"""Equal cuts of recordings that still know who wore the sensors, when they start and what was done.

Windows never hold copies of the signal: the resampled recordings lie once, memory-mapped, in a
store, and a window is a place in it. A study of thousands of hours is so read window by window
without filling the memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.lib.stride_tricks import sliding_window_view

from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.core.files import digest
from otolith.data.channels import Channel, channel_names, explain_mismatch
from otolith.data.store import Rows, Store

Rowwise = slice | Sequence[int] | np.ndarray
"""What chooses among windows: a slice, indices, or a mask."""
UNLABELLED = -1
_RELEASE_BYTES = 256 * 2**20
"""Pages of the store that are kept in memory before they are handed back to the system."""


@dataclass(frozen=True)
class Windows:
    """Windows of N places in a store, with subject, recording, start time and label of each.

    Splitting goes by people alone: `of(subjects)` and `without(subjects)`. There is no way to split
    by windows.
    """

    store: Store
    channels: tuple[Channel, ...]
    rate_hz: float
    length: int
    """Samples in a window (T)."""
    first_row: Int[np.ndarray, " N"]
    piece: Int[np.ndarray, " N"]
    """Which stretch of the store each window lies in."""
    subject: np.ndarray
    """(N,) text: the person (for simulated recordings the performer) that splits keep whole."""
    recording: np.ndarray
    """(N,) text."""
    start_s: Float[np.ndarray, " N"]
    code: Int[np.ndarray, " N"]
    """Index into `classes`, or -1 for unlabelled."""
    classes: tuple[str, ...]
    study: str = ""
    study_hash: str = ""
    gravity: str = "included"
    origin: str = "measured"
    dropped: dict[str, int] = field(default_factory=dict)
    """Windows that were not made, by reason."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """How these windows were cut."""
    folders: dict[str, Path] = field(default_factory=dict)
    """Name of each study -> its folder, where modalities of windows lie; nothing for windows of
    arrays."""

    contents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Recording -> short content hashes of its streams, by which it is known whatever it is called.
    """

    def __len__(self) -> int:
        return len(self.first_row)

    @property
    def contents_here(self) -> set[str]:
        """Content hashes of the recordings that these windows are of."""
        return {
            content
            for name in set(self.recording.tolist())
            for content in self.contents.get(name, ())
        }

    @property
    def seconds(self) -> float:
        """Length of a window in seconds."""
        return self.length / self.rate_hz

    @property
    def subjects(self) -> list[str]:
        """The people here, each once, sorted as people count."""
        from otolith.data.study import natural_key

        return sorted(set(self.subject.tolist()), key=natural_key)

    @property
    def part(self) -> Int[np.ndarray, " N"]:
        """Which of the studies that were put together each window is of, by number; all 0 where
        there is one."""
        rows = self.store.values
        if not isinstance(rows, Rows):
            return np.zeros(len(self), dtype=np.int64)
        found: np.ndarray = (
            np.searchsorted(rows.bounds, self.store.pieces[self.piece, 0], side="right") - 1
        )
        return found

    @property
    def labels(self) -> np.ndarray:
        """(N,) text: the label of each window, empty where there is none."""
        names: np.ndarray = np.array([*self.classes, ""], dtype=object)[self.code]
        return names

    @property
    def is_labelled(self) -> Bool[np.ndarray, " N"]:
        """Which windows have a label."""
        labelled: np.ndarray = self.code != UNLABELLED
        return labelled

    @cached_property
    def hash(self) -> str:
        """A content hash: the same windows of the same recordings, the same hash."""
        rows = [
            len(self),
            int(self.first_row.sum()),
            digest(self.first_row.tolist()),
            digest(self.code.tolist()),
        ]
        return digest([self.study_hash, self.store.key, self.recipe, rows, self.classes])

    def __getitem__(self, chosen: Any) -> Windows:
        """Return some of the windows: by a mask, indices or a slice."""
        if isinstance(chosen, (int, np.integer)):
            chosen = [chosen]
        parts = ("first_row", "piece", "subject", "recording", "start_s", "code")
        return replace(self, **{name: getattr(self, name)[chosen] for name in parts})

    def of(self, subjects: Sequence[str]) -> Windows:
        """Return the windows of these people."""
        return self[np.isin(self.subject, list(subjects))]

    def without(self, subjects: Sequence[str]) -> Windows:
        """Return the windows of everybody else."""
        return self[~np.isin(self.subject, list(subjects))]

    @property
    def labelled(self) -> Windows:
        """The windows that have a label."""
        return self[self.is_labelled]

    def hide_labels(self) -> Windows:
        """Return the same windows without their labels, as pretraining sees them."""
        return replace(self, code=np.full(len(self), UNLABELLED), classes=())

    def few(self, shots: int | str, seed: int = 0) -> Windows:
        """Return `shots` labelled windows of each class, or all labelled ones for "all".

        The draws of one seed are nested: the 2 per class are among the 4, which are among the 8. A
        class with fewer windows gives all that it has; `short_classes` tells which. Raises
        ConfigError for less than 1.
        """
        if shots == "all":
            return self.labelled
        if not str(shots).isdecimal() or int(shots) < 1:
            raise ConfigError(f"Shots are whole numbers from 1 up, or 'all'; not {shots!r}.")
        chosen = [order[: int(shots)] for order in self._orders(seed)]
        return self[np.sort(np.concatenate(chosen))] if chosen else self[:0]

    def short_classes(self, shots: int | str) -> dict[str, int]:
        """Return the classes that hold fewer than `shots` windows, with how many they hold."""
        if shots == "all":
            return {}
        count = np.bincount(self.code[self.is_labelled], minlength=len(self.classes))
        return {name: int(n) for name, n in zip(self.classes, count, strict=True) if n < int(shots)}

    def _orders(self, seed: int) -> list[np.ndarray]:
        out = []
        for code, name in enumerate(self.classes):
            members = np.flatnonzero(self.code == code)
            # A stream per class, so that a class with few windows does not shift the draw of the
            # others.
            out.append(
                np.random.default_rng([seed, int(digest(name), 16) % 2**32]).permutation(members)
            )
        return out

    @property
    def present(self) -> Bool[np.ndarray, "N C"]:
        """Which channels each window has; a recording may lack a sensor."""
        if not len(self):
            return np.empty((0, len(self.channels)), dtype=bool)
        first = self.store.pieces[self.piece, 0]
        unique, back = np.unique(first, return_inverse=True)
        there: np.ndarray = ~np.isnan(self.store.values[unique])[back]
        return there

    def values(self, chosen: Rowwise = slice(None)) -> Float[np.ndarray, "N C T"]:
        """Return the signals of some windows as an array (N, C, T) in SI units; NaN where a channel
        is missing."""
        return self._gather(self.store.values, chosen).transpose(0, 2, 1)

    def received(self, chosen: Rowwise = slice(None)) -> Bool[np.ndarray, "N T"]:
        """Return which samples of some windows were received, not interpolated or padded."""
        out: np.ndarray = self._gather(self.store.lost, chosen) == 0
        first, edges = self._place(chosen)
        past = (first < edges[:, 0]) | (first + self.length > edges[:, 1])
        if past.any():
            row = first[past, None] + np.arange(self.length)
            out[past] &= (row >= edges[past, :1]) & (row < edges[past, 1:])
        return out

    def _place(self, chosen: Rowwise) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, "N 2"]]:
        """First row of each chosen window, and the first and end row of its stretch.

        Only the chosen ones are looked up: of five million windows that takes 0.1 ms for a batch
        where looking up all of them took 230 ms.
        """
        return self.first_row[chosen], self.store.pieces[self.piece[chosen]]

    def _gather(self, rows: np.ndarray | Rows, chosen: Rowwise) -> np.ndarray:
        first, edges = self._place(chosen)
        if not isinstance(rows, Rows):
            # Slices of a memmap cost eight times those of an array over the same memory.
            return _cut_out(np.asarray(rows), first, edges, self.length)
        out = np.empty((len(first), self.length, *rows.shape[1:]), dtype=rows.dtype)
        part = np.searchsorted(rows.bounds, edges[:, 0], side="right") - 1
        for i in np.unique(part):
            here, start = part == i, rows.bounds[i]
            out[here] = _cut_out(
                np.asarray(rows.parts[i]), first[here] - start, edges[here] - start, self.length
            )
        return out

    def batches(self, size: int = 256) -> Iterator[tuple[np.ndarray, Float[np.ndarray, "B C T"]]]:
        """Walk over all windows in order: indices and signals, in bounded memory however large the
        study."""
        since = 0
        for start in range(0, len(self), size):
            index = np.arange(start, min(start + size, len(self)))
            values = self.values(index)
            yield index, values
            since += values.nbytes
            if since > _RELEASE_BYTES:
                self.store.release()
                since = 0

    def require(
        self, channels: Sequence[Channel], rate_hz: float, length: int | None, who: str
    ) -> None:
        """Raise ChannelError where these windows do not fit what `who` was made for."""
        if tuple(channels) != self.channels:
            raise ChannelError(
                f"These windows hold {', '.join(channel_names(self.channels))}; {who} was made for "
                f"{', '.join(channel_names(channels))} "
                f"({explain_mismatch(channels, self.channels)}). "
                "Cut windows with the same placements and quantities, or pretrain on this study."
            )
        if rate_hz != self.rate_hz or length not in (None, self.length):
            raise ChannelError(
                f"These windows are {self.length} samples at {self.rate_hz:g} Hz; {who} was made "
                f"for {length} samples "
                f"at {rate_hz:g} Hz. Call "
                f"study.windows(seconds={(length or self.length) / rate_hz:g}, "
                f"rate_hz={rate_hz:g})."
            )

    @classmethod
    def concatenate(cls, several: Sequence[Windows]) -> Windows:
        """Put the windows of several studies together for pretraining; people then carry their
        study's name.

        Raises ChannelError where channels, rate, length or gravity differ.
        """
        first = several[0]
        if len(several) == 1:
            return first
        for other in several[1:]:
            other.require(first.channels, first.rate_hz, first.length, f"study '{first.study}'")
            if other.gravity != first.gravity:
                raise ChannelError(
                    f"Gravity is {first.gravity} in study '{first.study}' and {other.gravity} in "
                    f"'{other.study}'; one "
                    "model cannot learn from both."
                )
        folders: dict[str, Path] = {}
        for part in several:
            for name, folder in part.folders.items():
                if folders.setdefault(name, folder) != folder:
                    raise ConfigError(
                        f"Two studies are called '{name}': {folders[name]} and {folder}. Give one "
                        f"another name."
                    )
        classes = tuple(sorted({name for part in several for name in part.classes}))
        pieces = np.concatenate(([0], np.cumsum([len(part.store.pieces) for part in several])))
        rows = np.concatenate(([0], np.cumsum([len(part.store.lost) for part in several])))
        place = {name: i for i, name in enumerate(classes)}
        codes = [
            np.array([*(place[n] for n in part.classes), UNLABELLED])[part.code] for part in several
        ]
        dropped: dict[str, int] = {}
        for part in several:
            for reason, count in part.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + count
        return replace(
            first,
            store=Store.chain([part.store for part in several]),
            first_row=np.concatenate(
                [p.first_row + r for p, r in zip(several, rows, strict=False)]
            ),
            piece=np.concatenate([p.piece + n for p, n in zip(several, pieces, strict=False)]),
            subject=np.concatenate([[f"{p.study}/{s}" for s in p.subject] for p in several]).astype(
                object
            ),
            recording=np.concatenate(
                [[f"{p.study}/{r}" for r in p.recording] for p in several]
            ).astype(object),
            start_s=np.concatenate([p.start_s for p in several]),
            code=np.concatenate(codes),
            classes=classes,
            study=" + ".join(p.study for p in several),
            study_hash=digest([p.study_hash for p in several]),
            origin="simulated" if any(p.origin == "simulated" for p in several) else "measured",
            dropped=dropped,
            recipe={p.study: p.recipe for p in several},
            folders=folders,
            contents={
                f"{p.study}/{name}": held for p in several for name, held in p.contents.items()
            },
        )

    @classmethod
    def from_array(
        cls,
        values: Float[np.ndarray, "N C T"],
        labels: Sequence[Any] | None = None,
        *,
        rate_hz: float,
        channels: Sequence[Channel | str],
        subject: Sequence[str] | None = None,
    ) -> Windows:
        """Make windows from an array (N, C, T) in SI units, each a recording of its own.

        Without `subject` everything counts as one person, so that no split of it is possible.
        """
        values = np.asarray(values, dtype=np.float32)
        named = tuple(Channel.parse(c) if isinstance(c, str) else c for c in channels)
        if values.ndim != 3 or values.shape[1] != len(named):
            raise DataError(
                f"Windows from an array need shape (windows, {len(named)} channels, samples), "
                f"found {values.shape}."
            )
        count, _, length = values.shape
        for what, given in (("labels", labels), ("subject", subject)):
            if given is not None and len(given) != count:
                raise DataError(
                    f"There are {count} windows but {len(given)} {what}; give one for each window."
                )
        rows = np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(count * length, len(named))
        first = np.arange(count, dtype=np.int64) * length
        pieces = np.stack([first, first + length], axis=1)
        text = np.array([] if labels is None else [str(label) for label in labels], dtype=object)
        classes = tuple(sorted(set(text.tolist())))
        code = (
            np.full(count, UNLABELLED)
            if labels is None
            else np.searchsorted(np.array(classes, dtype=object), text)
        )
        lost = (~np.isfinite(rows).any(axis=1)).astype(np.uint16)
        key = digest([values.shape, hashlib.sha256(rows.tobytes()).hexdigest(), rate_hz])
        people = np.array(
            ["1"] * count if subject is None else [str(s) for s in subject], dtype=object
        )
        names = np.array([f"window-{i}" for i in range(count)], dtype=object)
        return cls(
            Store(rows, lost, pieces, key), named, float(rate_hz), length, first, np.arange(count), people, names,
            np.zeros(count), code.astype(np.int64), classes, recipe={"from": "array"},
        )  # fmt: skip


def _cut_out(rows: np.ndarray, first: np.ndarray, edges: np.ndarray, length: int) -> np.ndarray:
    """Copy windows out of rows; one that reaches past its stretch is filled with the edge value."""
    shape = (length, *rows.shape[1:])
    past = (first < edges[:, 0]) | (first + length > edges[:, 1])
    if len(rows) < length:
        out = np.empty((len(first), *shape), dtype=rows.dtype)
    else:
        # One copy of all: a mask on the left-hand side made it twenty times as slow.
        view = sliding_window_view(rows, shape)
        out = view[np.clip(first, 0, len(rows) - length)].reshape(-1, *shape)
    if past.any():
        row = first[past, None] + np.arange(length)
        out[past] = rows[np.clip(row, edges[past, :1], edges[past, 1:] - 1)]
    return out
