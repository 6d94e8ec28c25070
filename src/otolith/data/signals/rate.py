"""How many samples a second a stream really took: the one measurement of a rate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError

GAP_PERIODS = 3.0
"""A step between stamps longer than this many median steps is no jitter: samples are missing there,
and it says nothing of the rate."""


def measured_rate(time_s: Float[np.ndarray, " T"]) -> float:
    """Return how many samples a second a stream took, by its own stamps.

    rate = Σ round(step / median) / Σ step, over steps of at most three medians: a lost sample
    counts as a step, a pause not at all. Stamps rounded to milliseconds do no harm, as their errors
    cancel. Where stamps come in bunches, so that no step is typical, each step counts as one.
    time_s in s, strictly rising. Raises DataError for fewer than two samples.

    >>> round(measured_rate(np.array([0.0, 0.02, 0.04, 0.08, 0.1, 5.0])), 6)
    50.0
    """
    if len(time_s) < 2:
        raise DataError(
            f"A rate takes at least two samples; found {len(time_s)}. Leave this stream out."
        )
    step = np.diff(time_s)
    median = float(np.median(step))
    step = step[step <= GAP_PERIODS * median]
    with np.errstate(over="ignore"):
        periods = step / median
        bunched = ((periods > 0.5) & (periods < 1.5)).mean() <= 0.6
        # Exact while stamps jitter by less than a quarter of the period, within 1 % beyond.
        # Counting again with that rate was tried: a rate too low makes more short steps vanish, so
        # the error grows.
        count = len(step) if bunched else max(np.rint(periods).sum(), 1.0)
        return float(count / step.sum())
