"""How fast a sensor moves: its linear acceleration, integrated, without the drift of integration.

    v(t) = highpass(∫ lowpass(l) dt),   speed(t) = ‖v(t)‖

The speed that PIM predicts (https://arxiv.org/abs/2503.17978: "filtered acceleration integrated to
velocity"); the filters and their cut-offs are ours.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError
from otolith.data.physics.gravity import triaxial, zero_phase


def speed(
    linear: Float[np.ndarray, "T 3"],
    rate_hz: float,
    highpass_hz: float = 0.3,
    order: int = 3,
    denoise_hz: float = 20.0,
) -> Float[np.ndarray, "T"]:
    """Return how fast the sensor moves at each instant, in m/s, whichever way it is mounted.

    Takes one stretch without gaps of linear acceleration (see `split_gravity`), m/s². Noise above
    `denoise_hz` (at most 0.45 of the rate; skipped at 40 Hz and below) is filtered out, the rest is
    integrated by the trapezoid rule, and what is slower than `highpass_hz` is removed as drift;
    both filters are zero-phase. What remains is the speed of swinging and stepping, not of
    travelling: a steady walk at 1.4 m/s and a treadmill give the same figure.

    Raises DataError for NaN or another shape, ConfigError for a filter that this rate cannot carry.
    """
    force = triaxial(linear, "speed")
    if rate_hz > 40:
        force = zero_phase(force, rate_hz, min(denoise_hz, 0.45 * rate_hz), order, "lowpass")
    velocity = _integrated(force, rate_hz)
    # A straight line is nothing to the high-pass except at the mirrored ends, where it would become
    # a kink.
    velocity = zero_phase(_without_line(velocity), rate_hz, highpass_hz, order, "highpass")
    result: Float[np.ndarray, "T"] = np.sqrt(np.einsum("tc,tc->t", velocity, velocity))
    return result


def window_speed(linear: Float[np.ndarray, "N 3 T"], rate_hz: float) -> Float[np.ndarray, "N"]:
    """Return the mean speed in each window when only the window itself is known, in m/s.

    The variant of `speed` without filters: linear acceleration (m/s²) is integrated inside each
    window, the best straight line is subtracted per axis, and the norms are averaged. A window with
    NaN gives NaN.

    Raises DataError for another shape, ConfigError for a rate that is not positive.
    """
    windows = np.asarray(linear, np.float64)
    if windows.ndim != 3 or windows.shape[1] != 3 or windows.shape[2] == 0:
        raise DataError(
            f"window_speed takes windows of three axes, shape (N, 3, T); found shape "
            f"{windows.shape}."
        )
    if not rate_hz > 0:
        raise ConfigError(f"A rate is a positive number of samples per second; found {rate_hz}.")
    velocity = _without_line(_integrated(windows.transpose(2, 0, 1), rate_hz))
    result: Float[np.ndarray, "N"] = np.linalg.norm(velocity, axis=2).mean(axis=0)
    return result


def _integrated(values: Float[np.ndarray, "T ..."], rate_hz: float) -> Float[np.ndarray, "T ..."]:
    result = np.zeros_like(values)
    np.cumsum(values[1:] + values[:-1], axis=0, out=result[1:])
    return result / (2.0 * rate_hz)


def _without_line(values: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T ..."]:
    """Subtract from each column its least-squares straight line."""
    if len(values) < 2:
        return np.zeros_like(values)
    time: Float[np.ndarray, "T"] = np.arange(len(values)) - 0.5 * (len(values) - 1)
    slope = np.tensordot(time, values, axes=(0, 0)) / (time @ time)
    result: Float[np.ndarray, "T ..."] = (
        values - values.mean(axis=0) - np.multiply.outer(time, slope)
    )
    return result
