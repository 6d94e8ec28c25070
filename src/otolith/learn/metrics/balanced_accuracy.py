"""Balanced accuracy: every true class counts the same, however rare it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otolith.learn.metrics._confusion import confusion


def balanced_accuracy(
    true: np.ndarray | Sequence[object], predicted: np.ndarray | Sequence[object]
) -> float:
    """Return the share of each class's windows that were recognised, averaged over the classes that
    occur.

    Always saying one class scores 1 / K. Brodersen et al., "The Balanced Accuracy and Its Posterior
    Distribution", 2010, https://doi.org/10.1109/ICPR.2010.764. Labels (N,) of any type, 0 to 1.
    Raises DataError where both lists differ in length or are empty.

    >>> balanced_accuracy(["sit", "sit", "walk"], ["sit", "sit", "sit"])
    0.5
    """
    counts = confusion(true, predicted)
    windows = counts.sum(axis=1)
    return float((np.diag(counts)[windows > 0] / windows[windows > 0]).mean())
