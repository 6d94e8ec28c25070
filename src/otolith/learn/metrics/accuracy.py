"""Accuracy: the share of windows that were recognised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otolith.learn.metrics._confusion import confusion


def accuracy(
    true: np.ndarray | Sequence[object], predicted: np.ndarray | Sequence[object]
) -> float:
    """Return the share of windows whose class was recognised.

    A class that fills most of the time decides it nearly alone; see macro_f1. Labels (N,) of any
    type, 0 to 1. Raises DataError where both lists differ in length or are empty.

    >>> accuracy(["walk", "sit"], ["walk", "walk"])
    0.5
    """
    counts = confusion(true, predicted)
    return float(np.trace(counts) / counts.sum())
