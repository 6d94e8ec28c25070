"""Numbers into classes: equal steps between two limits, learnt from training people only.

    class(v) = min(max(⌊(v − low) / (high − low) · K⌋, 0), K − 1)

PIM predicts 11 classes per quantity (https://arxiv.org/abs/2503.17978), binned as by scikit-learn's
KBinsDiscretizer with strategy "uniform". That is `clip_percentile=None` here; the default first
sets aside the outermost half percent on each side, since with equal steps one outlier empties most
classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int
from typing_extensions import override

from otolith.core.errors import CheckpointError, ConfigError

MASKED = -1


@dataclass(frozen=True, eq=False)
class UniformBins:
    """Equal steps between two limits; what is undefined gets the code -1 and is left out of every
    loss."""

    edges: Float[np.ndarray, "bins_and_one"]
    """Limits of the classes, rising; all the same number for a quantity that never changed, NaN for
    one never seen."""
    clip_percentile: tuple[float, float] | None = (0.5, 99.5)
    """Percentiles of the training values that became the outer limits; None for their extremes."""

    def __post_init__(self) -> None:
        edges = np.array(self.edges, np.float64)
        if edges.ndim != 1 or len(edges) < 2 or (np.diff(edges) < 0).any():
            raise ConfigError(
                f"The edges of bins are at least two numbers in rising order; found {self.edges!r}."
            )
        edges.flags.writeable = False
        object.__setattr__(self, "edges", edges)

    @classmethod
    def fit(
        cls,
        values: Float[np.ndarray, "N"],
        n_bins: int = 11,
        clip_percentile: tuple[float, float] | None = (0.5, 99.5),
    ) -> Self:
        """Learn the limits from training values; NaN and infinity are ignored.

        Raises ConfigError for fewer than two bins, or percentiles that are not rising within 0 to
        100.
        """
        if n_bins < 2:
            raise ConfigError(f"A quantity is cut into at least 2 bins; found n_bins={n_bins}.")
        if clip_percentile is not None and not 0 <= clip_percentile[0] < clip_percentile[1] <= 100:
            raise ConfigError(
                f"clip_percentile is two rising numbers from 0 to 100; found {clip_percentile}."
            )
        array = np.asarray(values, np.float64)
        array = array[np.isfinite(array)]
        if not array.size:
            return cls(np.full(n_bins + 1, np.nan), clip_percentile)
        low, high = (
            (array.min(), array.max())
            if clip_percentile is None
            else np.percentile(array, clip_percentile)
        )
        return cls(np.linspace(low, high, n_bins + 1), clip_percentile)

    @property
    def n_bins(self) -> int:
        """Number of classes."""
        return len(self.edges) - 1

    @property
    def constant(self) -> bool:
        """Whether the training values were all the same, or missing: then every code is -1."""
        return not self.edges[0] < self.edges[-1]

    def transform(self, values: Float[np.ndarray, "*any"]) -> Int[np.ndarray, "*any"]:
        """Return the class of each value, 0 to n_bins - 1; beyond the limits the outermost class,
        undefined is -1."""
        array = np.asarray(values, np.float64)
        if self.constant:
            return np.full(array.shape, MASKED, np.int64)
        codes = np.searchsorted(self.edges[1:-1], array, side="right")
        return np.where(np.isfinite(array), codes, MASKED).astype(np.int64)

    def occupancy(self, codes: Int[np.ndarray, "*any"]) -> Int[np.ndarray, "bins"]:
        """Return how many codes fall into each class; masked ones into none."""
        array = np.asarray(codes)
        return np.bincount(array[array != MASKED].ravel(), minlength=self.n_bins)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers that JSON can hold; undefined edges become None."""
        edges = [float(edge) if np.isfinite(edge) else None for edge in self.edges]
        clip = None if self.clip_percentile is None else list(self.clip_percentile)
        return {"edges": edges, "clip_percentile": clip}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Rebuild what `to_dict` returned. Raises CheckpointError for anything else."""
        try:
            edges = np.array([np.nan if edge is None else float(edge) for edge in stored["edges"]])
            clip = stored["clip_percentile"]
            return cls(edges, None if clip is None else (float(clip[0]), float(clip[1])))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CheckpointError(
                f"Stored bins hold 'edges' and 'clip_percentile'; found {stored!r}. Pretrain again."
            ) from error

    @override
    def __eq__(self, other: object) -> bool:
        """Two sets of bins are equal when their edges and percentiles are."""
        if not isinstance(other, UniformBins):
            return NotImplemented
        return self.clip_percentile == other.clip_percentile and np.array_equal(
            self.edges, other.edges, equal_nan=True
        )

    @override
    def __hash__(self) -> int:
        return hash((self.edges.tobytes(), self.clip_percentile))
