"""What an accelerometer reads, split into gravity and movement."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError
from otolith.data.signals.filters import check_filter
from otolith.data.units import STILL_DEVIATION, STILL_SECONDS

SHORTEST_S = 10.0  # of less than this, a filter of some tenths of a hertz is mostly edge


def split_gravity(
    acceleration: Float[np.ndarray, "T 3"], rate_hz: float, cutoff_hz: float = 0.3, order: int = 3
) -> tuple[Float[np.ndarray, "T 3"], Float[np.ndarray, "T 3"], bool]:
    """Split a reading into gravity, which turns slowly, and linear acceleration, which is the rest.

        g = lowpass(a),   l = a − g

    Takes one stretch without gaps, specific force a in m/s² in the sensor's frame. Gravity is the
    output of a zero-phase Butterworth low-pass, 0.3 Hz and third order as in the UCI HAR data set
    (Anguita et al., A public domain dataset for human activity recognition using smartphones,
    2013); PIM names the step but not its filter. A steady centripetal pull looks like gravity to
    it: no filter of one accelerometer can tell them apart.

    Stretches shorter than 10 s get one constant: the mean of their stillest half second, or of the
    whole stretch when no half second is still (standard deviation of the reading, all axes
    together, below 0.05 g).

    Returns (gravity, linear acceleration, approximate), the arrays in float64; approximate is True
    for short stretches. Raises DataError for NaN or another shape, ConfigError for a filter that
    this rate cannot carry.
    """
    reading = triaxial(acceleration, "split_gravity")
    if len(reading) < SHORTEST_S * rate_hz:
        check_filter(rate_hz, cutoff_hz, order)
        gravity = np.broadcast_to(_stillest_mean(reading, rate_hz), reading.shape).copy()
        return gravity, reading - gravity, True
    gravity = zero_phase(reading, rate_hz, cutoff_hz, order, "lowpass")
    return gravity, reading - gravity, False


def zero_phase(
    signal: Float[np.ndarray, "T C"],
    rate_hz: float,
    cutoff_hz: float,
    order: int,
    kind: Literal["lowpass", "highpass"],
) -> Float[np.ndarray, "T C"]:
    """Filter forwards and backwards with a Butterworth filter: nothing is delayed, the gain is |H|².

    Both ends are continued by their mirror image for one period of the cut-off: a mirror keeps the
    level of a movement that is cut off mid-swing, where SciPy's default (a rotation about the last
    sample) moves it by up to twice the amplitude. A constant passes a low-pass bit for bit and
    leaves exactly zero behind a high-pass. Raises ConfigError for a filter that this rate cannot
    carry.
    """
    from scipy.signal import butter, sosfiltfilt

    check_filter(rate_hz, cutoff_hz, order)
    if not len(signal):
        return signal.copy()
    base = signal[:1]
    sections = butter(order, cutoff_hz, kind, fs=rate_hz, output="sos")
    padding = min(len(signal) - 1, math.ceil(rate_hz / cutoff_hz))
    moved = np.asarray(sosfiltfilt(sections, signal - base, axis=0, padtype="even", padlen=padding))
    return moved + base if kind == "lowpass" else moved


def triaxial(values: Any, caller: str) -> Float[np.ndarray, "T 3"]:
    """Return three axes as float64; DataError for another shape or anything that is not finite."""
    array = np.asarray(values, np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise DataError(
            f"{caller} takes samples of three axes, shape (T, 3); found shape {array.shape}."
        )
    broken = int((~np.isfinite(array)).any(axis=1).sum())
    if broken:
        raise DataError(
            f"{caller} takes a stretch without gaps; {broken} of {len(array)} samples hold NaN or "
            "infinity, which a filter would spread. Cut the recording at its gaps, part by part."
        )
    return array


def _stillest_mean(reading: Float[np.ndarray, "T 3"], rate_hz: float) -> Float[np.ndarray, "3"]:
    if not len(reading):
        return np.zeros(3)
    width = max(2, round(STILL_SECONDS * rate_hz))
    if len(reading) >= width:
        parts = np.lib.stride_tricks.sliding_window_view(reading, width, axis=0)
        deviations = np.sqrt(parts.var(axis=2).sum(axis=1))
        stillest = int(np.argmin(deviations))
        if deviations[stillest] < STILL_DEVIATION:
            reading = parts[stillest].T
    # About the first sample, so that the mean of a constant is that constant bit for bit.
    mean: Float[np.ndarray, "3"] = reading[0] + (reading - reading[0]).mean(axis=0)
    return mean
