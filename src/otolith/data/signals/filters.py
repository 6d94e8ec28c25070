"""Zero-phase Butterworth filters for one gap-free stretch of samples.

Filtered forwards and backwards, so nothing moves in time; each pass has the order that is asked
for, and the cut-off is where the two passes together leave half of the amplitude. (Butterworth, "On
the Theory of Filter Amplifiers", 1930.)
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError


def lowpass(
    values: Float[np.ndarray, "T C"], rate_hz: float, cutoff_hz: float, order: int = 3
) -> Float[np.ndarray, "T C"]:
    """Return what is slower than `cutoff_hz`: posture and gravity at 0.3 Hz, body movement without
    noise at 20 Hz.

    (T, C) in any unit, same shape and dtype back. Raises ConfigError unless 0 < cutoff_hz < rate_hz
    / 2.
    """
    return _butterworth(values, rate_hz, [cutoff_hz], order, "lowpass")


def highpass(
    values: Float[np.ndarray, "T C"], rate_hz: float, cutoff_hz: float, order: int = 3
) -> Float[np.ndarray, "T C"]:
    """Return what is faster than `cutoff_hz`: movement without gravity and without drift.

    (T, C) in any unit, same shape and dtype back. Raises ConfigError unless 0 < cutoff_hz < rate_hz
    / 2.
    """
    return _butterworth(values, rate_hz, [cutoff_hz], order, "highpass")


def bandpass(
    values: Float[np.ndarray, "T C"], rate_hz: float, cutoff_hz: tuple[float, float], order: int = 3
) -> Float[np.ndarray, "T C"]:
    """Return what lies between two frequencies: 0.5 to 3 Hz keeps the rhythm of steps.

    (T, C) in any unit, same shape and dtype back. Raises ConfigError unless 0 < low < high <
    rate_hz / 2.
    """
    return _butterworth(values, rate_hz, list(cutoff_hz), order, "bandpass")


def _butterworth(
    values: np.ndarray,
    rate_hz: float,
    cutoff_hz: list[float],
    order: int,
    kind: Literal["lowpass", "highpass", "bandpass"],
) -> np.ndarray:
    nyquist_hz = rate_hz / 2.0
    if not (np.isfinite(rate_hz) and cutoff_hz[0] > 0 and cutoff_hz[-1] < nyquist_hz):
        named = " to ".join(f"{frequency:g}" for frequency in cutoff_hz)
        raise ConfigError(
            f"A {kind} at {named} Hz needs 0 < cutoff_hz < {nyquist_hz:g} Hz, half of its rate "
            f"({rate_hz:g} Hz). "
            f"Choose a lower cutoff_hz or resample to a higher rate first."
        )
    if len(cutoff_hz) == 2 and not cutoff_hz[0] < cutoff_hz[1]:
        raise ConfigError(
            f"A bandpass takes (low, high); found ({cutoff_hz[0]:g}, {cutoff_hz[1]:g}). Swap them."
        )
    if order < 1:
        raise ConfigError(f"A filter's order is at least 1; found {order}. Try order=3.")
    if values.ndim != 2:
        raise DataError(
            f"A filter takes samples x channels; found shape {values.shape}. Try values[:, None]."
        )
    if len(values) < 2:
        # One sample has no movement: all of it is slow.
        return values.copy() if kind == "lowpass" else np.zeros_like(values)
    from scipy.signal import butter, sosfiltfilt

    sections = butter(
        order, cutoff_hz if kind == "bandpass" else cutoff_hz[0], kind, fs=rate_hz, output="sos"
    )
    # A slow filter needs a long run-in: one period of its cut-off, mirrored at both ends, as far as
    # there are samples.
    run_in = min(
        len(values) - 1, max(3 * (2 * len(sections) + 1), int(np.ceil(rate_hz / cutoff_hz[0])))
    )
    filtered = sosfiltfilt(sections, values.astype(np.float64), axis=0, padlen=run_in)
    return np.asarray(filtered, dtype=values.dtype)
