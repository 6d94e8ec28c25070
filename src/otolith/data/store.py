"""Where windows are cut from: resampled recordings that lie once, memory-mapped, and are never
copied whole."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int, UInt16

from otolith.core.files import digest

VALUES, LOST = "values.f32", "lost.u16"
STORES = "store-"
"""How the names of stores begin in a study's cache."""


@dataclass(frozen=True)
class Store:
    """Resampled, gap-free stretches of recordings, one after the other, on disk or in memory.

    values: (R, C) float32, NaN where a recording lacks a channel. lost: (R,) uint16, with a bit set
    for each stream that lost the sample, whose value is then interpolated. pieces: (P, 2) int64,
    the first and the end row of each stretch.
    """

    values: Float[np.ndarray, "R C"]
    lost: UInt16[np.ndarray, " R"]
    pieces: Int[np.ndarray, "P 2"]
    key: str

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
        """Hand the pages read so far back to the system; they are read again when they are needed."""
        for rows in (self.values, self.lost):
            for array in rows.parts if isinstance(rows, Rows) else [rows]:
                mapped = getattr(array, "_mmap", None)
                if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                    mapped.madvise(mmap.MADV_DONTNEED)

    @classmethod
    def chain(cls, stores: Sequence[Store]) -> Store:
        """Put stores one after the other, without copying them."""
        start = np.concatenate(([0], np.cumsum([len(store.lost) for store in stores])))
        pieces = np.concatenate(
            [store.pieces + first for store, first in zip(stores, start, strict=False)]
        )
        values, lost = (
            Rows([store.values for store in stores]),
            Rows([store.lost for store in stores]),
        )
        return cls(
            cast(Any, values), cast(Any, lost), pieces, digest([store.key for store in stores])
        )


class Rows:
    """The rows of several stores, one after the other, read without copying them together."""

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self.parts = list(parts)
        self.bounds = np.concatenate(([0], np.cumsum([len(part) for part in parts])))
        self.shape = (int(self.bounds[-1]), *parts[0].shape[1:])
        self.dtype = parts[0].dtype

    def __len__(self) -> int:
        return int(self.bounds[-1])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return some rows, or a slice, which lies within one store, as stretches do."""
        if isinstance(rows, slice):
            part = int(np.searchsorted(self.bounds, rows.start, side="right")) - 1
            found: np.ndarray = self.parts[part][
                rows.start - self.bounds[part] : rows.stop - self.bounds[part]
            ]
            return found
        rows = np.asarray(rows)
        of = np.searchsorted(self.bounds, rows, side="right") - 1
        out = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for part in np.unique(of):
            out[of == part] = self.parts[part][rows[of == part] - self.bounds[part]]
        return out
