"""Where windows are cut from: resampled recordings that lie once, memory-mapped, uncopied."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt16
from typing_extensions import override

from otolith.core.files import digest

VALUES, LOST = "values.f32", "lost.u16"
STORES = "store-"
"""How the names of stores begin in a study's cache."""


class Rows:
    """The rows of several arrays, one after the other, read without copying them together."""

    def __init__(self, parts: Sequence[np.ndarray | Rows]) -> None:
        self.parts: list[np.ndarray] = []
        for part in parts:
            self.parts += part.parts if isinstance(part, Rows) else [part]
        self.bounds = np.cumsum([0, *map(len, self.parts)])
        self.shape = (int(self.bounds[-1]), *self.parts[0].shape[1:])
        self.dtype = self.parts[0].dtype

    def __len__(self) -> int:
        return int(self.bounds[-1])

    def part_of(self, rows: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
        """Return which of the arrays each row is in."""
        return np.asarray(np.searchsorted(self.bounds, rows, side="right") - 1)

    def __getitem__(self, rows: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """Return some rows, or a slice, which lies within one array, as stretches do."""
        if isinstance(rows, slice):
            part = int(self.part_of(rows.start))
            start = self.bounds[part]
            return self.parts[part][rows.start - start : rows.stop - start]
        rows = np.asarray(rows)
        of = self.part_of(rows)
        out = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for part in np.unique(of):
            out[of == part] = self.parts[part][rows[of == part] - self.bounds[part]]
        return out


@dataclass(frozen=True, repr=False)
class Store:
    """Resampled, gap-free stretches of recordings, one after the other, on disk or in memory."""

    values: Float[np.ndarray, "R C"] | Rows
    """float32, NaN where a recording lacks a channel."""
    lost: UInt16[np.ndarray, " R"] | Rows
    """A bit set for each stream that lost the sample, whose value is then interpolated."""
    pieces: Int[np.ndarray, "P 2"]
    """int64, the first and the end row of each stretch."""
    key: str
    """A hash of what the store was made from."""

    @override
    def __repr__(self) -> str:
        rows, channels = self.values.shape
        return f"Store({rows} rows, {channels} channels, {len(self.pieces)} stretches)"

    @classmethod
    def open(
        cls, folder: Path, rows: int, channels: int, pieces: Int[np.ndarray, "P 2"], key: str
    ) -> Store:
        """Map a store that was written to `folder`."""
        if not rows:
            return cls(np.empty((0, channels), np.float32), np.empty(0, np.uint16), pieces, key)
        values = np.memmap(folder / VALUES, dtype=np.float32, mode="r", shape=(rows, channels))
        lost = np.memmap(folder / LOST, dtype=np.uint16, mode="r", shape=(rows,))
        return cls(values, lost, pieces, key)

    def release(self) -> None:
        """Hand the pages read so far back to the system; they are read again when needed."""
        for rows in (self.values, self.lost):
            for array in rows.parts if isinstance(rows, Rows) else [rows]:
                mapped = getattr(array, "_mmap", None)
                if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                    mapped.madvise(mmap.MADV_DONTNEED)

    @classmethod
    def chain(cls, stores: Sequence[Store]) -> Store:
        """Put stores one after the other, without copying them."""
        start = np.cumsum([0, *(len(store.lost) for store in stores)])
        return cls(
            Rows([store.values for store in stores]),
            Rows([store.lost for store in stores]),
            np.concatenate([s.pieces + first for s, first in zip(stores, start, strict=False)]),
            digest([store.key for store in stores]),
        )
