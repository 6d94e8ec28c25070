"""Curves that motions are made of: cycles from a few key points, pulses, holds, and variation that
never repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from otolith.motion.shapes import Curve

KeyPoints = tuple[tuple[float, float], ...]
HARMONICS = 8  # joint angles in gait hold nothing above 6 to 8 strides (Winter 2009, section 2.2)


@lru_cache(maxsize=128)
def fourier(points: KeyPoints, harmonics: int = HARMONICS) -> Float[np.ndarray, " H"]:
    """Complex Fourier coefficients (harmonic 0 upward) of the smooth closed curve through (percent
    of cycle, value).

    >>> fourier(((0, 3), (25, 1), (50, -1), (75, 1)))[:2].round(1).real.tolist()  # 1 + 2 cos
    [1.0, 2.0]
    """
    from scipy.interpolate import CubicSpline

    percent, value = np.array(points, dtype=np.float64).T
    closed = np.append(percent, percent[0] + 100.0), np.append(value, value[0])
    curve = CubicSpline(*closed, bc_type="periodic")
    # The spline through the points has corners in its third derivative, which harmonics have not.
    spectrum = np.fft.rfft(curve(np.arange(256) * (100.0 / 256))) / 256
    spectrum[1:] *= 2.0
    return np.asarray(spectrum[: harmonics + 1])


def cycle(phase: Curve, points: KeyPoints) -> Curve:
    """A repeating curve through key points, read at a phase counted in cycles.

    >>> cycle(np.array([0.0, 0.5, 1.0]), ((0, 20), (50, -10))).round(1).tolist()  # repeats
    [20.0, -10.0, 20.0]
    """
    return series(phase, fourier(points))


def series(phase: Curve, coefficients: Float[np.ndarray, " H"]) -> Curve:
    """A Fourier series read at a phase counted in cycles; harmonics by Horner's rule, one
    exponential for all.

    >>> series(np.array([0.0, 0.25, 0.5]), np.array([1.0, 2.0])).round(9).tolist()
    [3.0, 1.0, -1.0]
    """
    turn = np.exp(2j * np.pi * phase)
    total = np.zeros_like(turn)
    for coefficient in coefficients[::-1]:
        total = total * turn + coefficient
    return np.asarray(total.real)


def ease(x: Curve) -> Curve:
    """From 0 to 1 as an unhurried limb moves: the minimum-jerk curve.

    Flash and Hogan, "The coordination of arm movements" (1985),
    https://doi.org/10.1523/JNEUROSCI.05-07-01688.1985

    >>> ease(np.array([-1.0, 0.0, 0.5, 1.0])).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    s = np.clip(x, 0.0, 1.0)
    return np.asarray(s**3 * (10.0 - 15.0 * s + 6.0 * s**2))


def drift(rng: np.random.Generator, frames: int, rate_hz: float, every_s: float) -> Curve:
    """Smooth variation of about unit size that changes its mind every `every_s` seconds.

    >>> drift(np.random.default_rng(0), frames=200, rate_hz=100.0, every_s=0.5).shape
    (200,)
    """
    from scipy.interpolate import CubicSpline

    seconds = frames / rate_hz
    knots = int(np.ceil(seconds / every_s)) + 4
    curve = CubicSpline(np.arange(knots) * every_s, rng.standard_normal(knots))
    return np.asarray(curve(every_s * (1.0 + rng.uniform()) + np.arange(frames) / rate_hz))


def cadenced(
    rng: np.random.Generator, frames: int, rate_hz: float, cycles_hz: float, jitter: float
) -> Curve:
    """Phase in cycles of a rhythm whose cycles differ in length by `jitter` (their coefficient of
    variation).

    >>> phase = cadenced(np.random.default_rng(0), 201, 100.0, cycles_hz=1.5, jitter=0.0)
    >>> (phase[-1] - phase[0]).round(6)  # two seconds
    np.float64(3.0)
    """
    # One knot a cycle: the length of each differs from its neighbours', as people's strides do.
    rate = cycles_hz * (1.0 + jitter * drift(rng, frames, rate_hz, 1.0 / cycles_hz))
    return np.asarray(rng.uniform() + np.cumsum(rate) / rate_hz)


def pulses(time_s: Curve, starts: Sequence[float], widths: Sequence[float]) -> Curve:
    """Strokes out and back, each from 0 to 1 to 0 within its width, at given starts.

    >>> pulses(np.arange(5) / 2.0, starts=[0.5], widths=[1.0]).tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0]
    """
    out = np.zeros_like(time_s)
    for start, width in zip(starts, widths, strict=True):
        first, last = np.searchsorted(time_s, (start, start + width))
        part = (time_s[first:last] - start) / width
        out[first:last] += np.where(part < 0.5, ease(2.0 * part), ease(2.0 - 2.0 * part))
    return out


def holds(
    rng: np.random.Generator,
    variants: Sequence[Mapping[str, float]],
    frames: int,
    rate_hz: float,
    hold_s: float = 15.0,
    move_s: float = 1.2,
    spread: float = 5.0,
) -> dict[str, Curve]:
    """Stay in one posture, then move to another: angles over time from variants of a posture.

    Each visit to a posture differs by about `spread` degrees per angle; keys that a variant lacks
    rest at 0.

    >>> postures = [{"elbow_flexion": 20.0}, {"elbow_flexion": 90.0}]
    >>> angles = holds(np.random.default_rng(0), postures, frames=500, rate_hz=50.0)
    >>> angles["elbow_flexion"].shape
    (500,)
    """
    keys = sorted({key for variant in variants for key in variant})
    time_s = np.arange(frames) / rate_hz
    values = np.zeros((len(keys), frames))
    current = np.zeros(len(keys))
    start = -10.0 * move_s  # the first posture is reached before the clip begins
    while start < time_s[-1] + move_s:
        variant = variants[int(rng.integers(len(variants)))]
        target = np.array([variant.get(key, 0.0) for key in keys])
        target = target + spread * rng.standard_normal(len(keys))
        move = ease((time_s - start) / (move_s * rng.uniform(0.7, 1.6)))
        values += (target - current)[:, None] * move
        current, start = target, max(start, 0.0) + hold_s * rng.uniform(0.5, 1.5)
    return dict(zip(keys, values, strict=True))
