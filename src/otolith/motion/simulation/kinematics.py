"""From a path and a turning frame to acceleration and angular rate, by one interpolating spline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from otolith.core.errors import ConfigError, DataError
from otolith.motion import rotations
from otolith.motion.shapes import Points, Turns
from otolith.motion.simulation.smoothing import SavitzkyGolay, Smoothing, noise_cutoff, smooth

DEGREE = 5
"""A quintic spline: its second derivative is itself a cubic spline, smooth where the next
difference is taken."""
BRIDGE_S = 0.1
"""Lost frames are interpolated up to here; a longer loss is a gap, which nothing is differentiated
across."""


@dataclass(frozen=True)
class Track:
    """Where a sensor is, how it is turned, and the derivatives of both; NaN inside gaps."""

    time_s: Float[np.ndarray, " T"]
    position: Float[np.ndarray, "T 3"]
    """In the world, metres."""
    acceleration: Float[np.ndarray, "T 3"]
    """Of the sensor's own point in the world, m/s², without gravity."""
    sensor_to_world: Float[np.ndarray, "T 4"]
    """Unit quaternions xyzw."""
    angular_rate: Float[np.ndarray, "T 3"]
    """About the sensor's own axes, rad/s."""
    cutoff_hz: tuple[float | None, float | None] = (None, None)
    """Where positions and orientations were smoothed; None where they were not."""
    bridged: int = 0
    """Frames that were lost and interpolated."""

    @property
    def known(self) -> Bool[np.ndarray, " T"]:
        """Which moments lie outside of gaps."""
        return np.asarray(np.isfinite(self.position[:, 0]))


def track(
    position: Points,
    sensor_to_world: Turns,
    rate_hz: float,
    time_s: Float[np.ndarray, " T"] | None = None,
    smoothing: Smoothing = "none",
    bridge_s: float = BRIDGE_S,
) -> Track:
    """Follow a sensor: a quintic spline through its places and quaternions (float64),
    differentiated exactly.

    Acceleration is the second derivative ``r''`` of the position in the world (z up, m/s², without
    gravity), angular rate ``2 conj(q) q' / |q|²`` about the sensor's own axes (rad/s), with q
    sensor_to_world as xyzw. `time_s` (from the first frame, within the clip) are the moments asked
    for; each frame's own where left out. Away from the ends the error falls with the fourth power
    of the frame interval: 1e-7 for 2 Hz at 200 frames per second. An interpolating spline through
    captured places follows their noise: smoothing="auto" takes a cut-off from the path's own
    spectrum, a number is a cut-off in Hz, and `SavitzkyGolay(window, order)` is that filter.

    Frames that are not finite are lost: up to `bridge_s` they are interpolated and counted, beyond
    it everything inside is NaN. Signs of quaternions may flip. Raises DataError for fewer than 6
    frames, or fewer than the window of the filter, and for moments outside of the clip; ConfigError
    for a cut-off that the frames cannot hold.

    >>> angle = np.linspace(0.0, 2.0, 201)  # 1 rad/s about z, on a circle of 1 m
    >>> circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> turns = rotations.from_axis_angle(np.stack([0 * angle, 0 * angle, angle], axis=1))
    >>> path = track(circle, turns, rate_hz=100.0)
    >>> path.angular_rate[100].round(6).tolist()
    [0.0, 0.0, 1.0]
    >>> np.linalg.norm(path.acceleration[100]).round(6)  # v² / r, towards the centre
    np.float64(1.0)
    """
    needed = smoothing.window if isinstance(smoothing, SavitzkyGolay) else DEGREE + 1
    asked_s = _moments(len(position), rate_hz, time_s, needed)
    samples = np.concatenate([position, sensor_to_world], axis=1).astype(np.float64)
    observed = np.asarray(np.isfinite(samples).all(axis=1))
    pieces = [p for p in _pieces(observed, bridge_s * rate_hz) if observed[p].sum() >= needed]
    if not pieces:
        raise DataError(
            f"No stretch of {needed} observed frames is left of {len(samples)}, "
            f"{int(observed.sum())} of which hold numbers."
        )
    for piece in pieces:
        _repair(samples[piece], observed[piece])
    # One cut-off for the whole clip: pieces of one capture have the same noise.
    cutoffs = _cutoffs([samples[piece] for piece in pieces], rate_hz, smoothing)
    out = np.full((len(asked_s), 13), np.nan)
    for piece in pieces:
        start_s, stop_s = piece.start / rate_hz, (piece.stop - 1) / rate_hz
        # Moments of another rate miss a frame by a rounding.
        inside = (asked_s >= start_s - 1e-9) & (asked_s <= stop_s + 1e-9)
        if inside.any():
            if not isinstance(smoothing, SavitzkyGolay):
                _smooth(samples[piece], observed[piece], rate_hz, cutoffs)
            parts = samples[piece], rate_hz, asked_s[inside] - start_s, smoothing
            out[inside] = _differentiate(*parts)
    bridged = sum(int((~observed[piece]).sum()) for piece in pieces)
    position, acceleration, turns, rate = np.split(out, [3, 6, 10], axis=1)
    return Track(asked_s, position, acceleration, turns, rate, cutoffs, bridged)


def _moments(
    frames: int, rate_hz: float, time_s: Float[np.ndarray, " T"] | None, needed: int
) -> Float[np.ndarray, " T"]:
    """The moments asked for, or each frame's; raises DataError where the clip cannot hold them."""
    if frames < needed:
        what = "A Savitzky-Golay window" if needed > DEGREE + 1 else "A quintic spline"
        raise DataError(f"{what} needs at least {needed} frames, found {frames}.")
    asked_s = np.asarray(np.arange(frames) / rate_hz if time_s is None else time_s, np.float64)
    last_s = (frames - 1) / rate_hz
    if asked_s.size and (asked_s.min() < 0.0 or asked_s.max() > last_s + 1e-9):
        raise DataError(
            f"Moments from {asked_s.min():.3f} to {asked_s.max():.3f} s were asked of a clip that "
            f"lasts from 0 to {last_s:.3f} s."
        )
    return asked_s


def _pieces(observed: np.ndarray, bridge: float) -> Iterator[slice]:
    """Stretches from an observed frame to another, with no longer loss than `bridge` frames in
    between."""
    index = np.flatnonzero(observed)
    if index.size:
        cuts = np.flatnonzero(np.diff(index) - 1 > bridge + 1e-9)
        for first, last in zip(np.r_[0, cuts + 1], np.r_[cuts, index.size - 1], strict=True):
            yield slice(int(index[first]), int(index[last]) + 1)


def _repair(samples: np.ndarray, observed: np.ndarray) -> None:
    """Choose signs of quaternions that go on smoothly, and fill lost frames, in place."""
    from scipy.interpolate import make_interp_spline

    samples[observed, 3:] = rotations.unroll(rotations.normalise(samples[observed, 3:]))
    if not observed.all():
        index = np.flatnonzero(observed)
        samples[~observed] = make_interp_spline(index, samples[observed], k=3)(
            np.flatnonzero(~observed)
        )


def _cutoffs(
    pieces: list[np.ndarray], rate_hz: float, smoothing: Smoothing
) -> tuple[float | None, float | None]:
    """Cut-offs in Hz of positions and of orientations; None where nothing is smoothed."""
    if isinstance(smoothing, SavitzkyGolay):
        bandwidth_hz = smoothing.bandwidth_hz(rate_hz)
        return bandwidth_hz, bandwidth_hz
    if smoothing == "none":
        return None, None
    if smoothing == "auto":
        places, turns = [p[:, :3] for p in pieces], [p[:, 3:] for p in pieces]
        return noise_cutoff(places, rate_hz), noise_cutoff(turns, rate_hz)
    if isinstance(smoothing, str):
        raise ConfigError(
            f"Smoothing is 'none', 'auto', a cut-off in Hz or a SavitzkyGolay; found '{smoothing}'."
        )
    return float(smoothing), float(smoothing)


def _smooth(
    samples: np.ndarray,
    observed: np.ndarray,
    rate_hz: float,
    cutoffs: tuple[float | None, float | None],
) -> None:
    """Smooth places and quaternions, in place."""
    for columns, cutoff in zip((slice(0, 3), slice(3, 7)), cutoffs, strict=True):
        if cutoff is not None:
            samples[:, columns] = smooth(samples[:, columns], rate_hz, cutoff, observed)


def _differentiate(
    samples: np.ndarray, rate_hz: float, asked_s: np.ndarray, smoothing: Smoothing
) -> Float[np.ndarray, "T 13"]:
    """Position, acceleration, quaternion and angular rate at moments of one gap-free stretch."""
    from scipy.interpolate import make_interp_spline
    from scipy.signal import savgol_filter

    frame_s = np.arange(len(samples)) / rate_hz
    if isinstance(smoothing, SavitzkyGolay):
        window, order = smoothing.window, smoothing.order
        parts = [
            savgol_filter(part, window, order, deriv=times, delta=1.0 / rate_hz, axis=0)
            for part, times in ((samples, 0), (samples[:, 3:], 1), (samples[:, :3], 2))
        ]
        # The filter answers at frames alone: a cubic leads from there to the moments.
        smoothed = make_interp_spline(frame_s, np.concatenate(parts, axis=1), k=3)(asked_s)
        value, dq, acceleration = np.split(smoothed, [7, 11], axis=1)
    else:
        spline = make_interp_spline(frame_s, samples, k=DEGREE)
        value, dq = spline(asked_s), spline.derivative(1)(asked_s)[:, 3:]
        acceleration = spline.derivative(2)(asked_s)[:, :3]
    q = value[:, 3:]
    turning = rotations.multiply(rotations.conjugate(q), dq)[:, :3]
    # Between frames the spline leaves the unit sphere by a hair: dividing by the squared length
    # corrects the rate.
    rate = 2.0 * turning / np.sum(q * q, axis=1, keepdims=True)
    return np.concatenate([value[:, :3], acceleration, rotations.normalise(q), rate], axis=1)
