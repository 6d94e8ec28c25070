"""Counts of which class was taken for which: what all metrics here are made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from otolith.core.errors import DataError


def confusion(
    true: np.ndarray | Sequence[object], predicted: np.ndarray | Sequence[object]
) -> Int[np.ndarray, "K K"]:
    """Return how often each true class (rows) was predicted as each class (columns).

    Classes are those that occur on either side, sorted. Raises DataError for lists of unequal
    length, or empty.
    """
    rows, columns = np.asarray(true), np.asarray(predicted)
    if rows.ndim != 1 or rows.shape != columns.shape or not rows.size:
        raise DataError(
            f"A score needs one prediction per true label, and at least one, not {rows.shape} and "
            f"{columns.shape}. Pass two lists of labels of the same length."
        )
    classes, codes = np.unique(np.concatenate([rows, columns]), return_inverse=True)
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (codes[: len(rows)], codes[len(rows) :]), 1)
    return counts
