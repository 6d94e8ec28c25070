"""Macro F1: how well each class is recognised, averaged over the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otolith.learn.metrics._confusion import confusion


def macro_f1(
    true: np.ndarray | Sequence[object], predicted: np.ndarray | Sequence[object]
) -> float:
    """Return the F1 score of each class, averaged with equal weight.

    F1 is 2 hits / (2 hits + misses + false alarms). Averaged over the classes that occur among the
    true labels or the predictions, so a class that is only ever predicted wrongly counts as 0; as
    scikit-learn's average="macro". Labels (N,) of any type, 0 to 1. Raises DataError where both
    lists differ in length or are empty.

    >>> round(macro_f1(["sit", "sit", "walk"], ["sit", "sit", "sit"]), 2)
    0.4
    """
    counts = confusion(true, predicted)
    # Never zero: each class here occurs at least once, in a row or in a column.
    return float((2 * np.diag(counts) / (counts.sum(axis=0) + counts.sum(axis=1))).mean())
