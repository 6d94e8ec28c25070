"""A zero-phase Butterworth low-pass for one gap-free stretch of samples.

|H(f)|² = 1 / (1 + (f / fc)^(2 n)), applied forwards and backwards: nothing moves in time, and at the
cut-off fc half of the amplitude is left. (Butterworth, "On the Theory of Filter Amplifiers", 1930.)
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError


def check_filter(rate_hz: float, cutoff_hz: float, order: int) -> None:
    """Raise ConfigError for a Butterworth filter that signals of this rate cannot carry."""
    if not 0 < cutoff_hz < rate_hz / 2 or order < 1:
        raise ConfigError(
            "A filter needs an order of at least 1 and a cut-off between 0 and half the rate; "
            f"found order {order} and {cutoff_hz} Hz at {rate_hz} Hz."
        )


def lowpass(
    values: Float[np.ndarray, "T C"], rate_hz: float, cutoff_hz: float, order: int = 3
) -> Float[np.ndarray, "T C"]:
    """Return what is slower than `cutoff_hz`: posture and gravity at 0.3 Hz, movement at 20 Hz.

    Any unit; same shape and dtype back. Raises ConfigError unless 0 < cutoff_hz < rate_hz / 2.

    >>> lowpass(np.ones((100, 3)), rate_hz=50, cutoff_hz=5).shape
    (100, 3)
    """
    check_filter(rate_hz, cutoff_hz, order)
    if values.ndim != 2:
        raise DataError(
            f"A filter takes samples x channels; found shape {values.shape}. Try values[:, None]."
        )
    if len(values) < 2:
        return values.copy()  # one sample has no movement: all of it is slow
    from scipy.signal import butter, sosfiltfilt

    sections = butter(order, cutoff_hz, "lowpass", fs=rate_hz, output="sos")
    # A slow filter needs a long run-in: one period of its cut-off, mirrored at both ends.
    run_in = max(3 * (2 * len(sections) + 1), math.ceil(rate_hz / cutoff_hz))
    padding = min(len(values) - 1, run_in)
    filtered = sosfiltfilt(sections, values.astype(np.float64), axis=0, padlen=padding)
    return np.asarray(filtered, dtype=values.dtype)
