"""How much of a captured path is movement and how much is noise, and the filters that keep the
first.

Differentiating twice multiplies noise by the square of its frequency, so the spectrum of a captured
path's acceleration falls to a valley, where movement ends, and rises again, where only noise is
left. The valley is read off the path itself: no measured acceleration is needed to place the
cut-off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError
from otolith.core.settings import settings

BLOCK_S = 2.0
"""Length of the stretches whose spectra are averaged."""
LOWEST_HZ = 6.0
"""People move up to here at the least, the usual cut-off for gait: no valley is looked for below.
"""
HIGHEST_HZ = 25.0
"""Optics see next to nothing of a body above here, so a path that shows no valley below is cut
here. (On the paired sets in docs/simulation.md, no position has its valley above 21 Hz.)"""
_LOUD = 0.1
"""Share of the stretches that is left out, the loudest above a quarter of the frame rate: frames
where markers jump."""
_RISE = 1.5
"""A valley counts where the spectrum comes back to this many times its lowest value: a chance dip
does not."""
_FLAT = 1.05
"""Steps shake a foot at all frequencies, so its valley is a plain: the cut-off lies where the plain
ends."""
_ORDER = 3


@settings
class SavitzkyGolay:
    """Least-squares polynomials over a sliding window, differentiated: the usual filter of captured
    motion.

    Savitzky and Golay, "Smoothing and Differentiation of Data by Simplified Least Squares
    Procedures" (1964), https://doi.org/10.1021/ac60214a047. Raises ConfigError where the window is
    not odd or not longer than the order.
    """

    window: int = 21
    """Frames, odd."""
    order: int = 3
    """Degree of the polynomial, at least 2."""

    def __post_init__(self) -> None:
        if self.window % 2 == 0 or not 2 <= self.order < self.window:
            raise ConfigError(
                "A Savitzky-Golay window is an odd number of frames above its order, which is 2 or "
                f"more; found window {self.window}, order {self.order}. Try SavitzkyGolay(21, 3)."
            )

    def bandwidth_hz(self, rate_hz: float) -> float:
        """Where the second derivative has lost 3 dB against the ideal one, at this frame rate.

        >>> round(SavitzkyGolay(21, 3).bandwidth_hz(100.0), 1)
        3.3
        """
        from scipy.signal import savgol_coeffs

        taps = np.asarray(savgol_coeffs(self.window, self.order, deriv=2, use="dot"))
        omega = np.linspace(1e-3, np.pi, 4096)
        lags = np.arange(self.window) - self.window // 2
        kept = np.abs(np.cos(np.outer(omega, lags)) @ taps) / omega**2
        below = np.flatnonzero(kept < np.sqrt(0.5))
        return float(omega[below[0] if below.size else -1] * rate_hz / (2.0 * np.pi))


Smoothing = str | float | SavitzkyGolay
"""'none' (an interpolating spline), 'auto' (a cut-off from the path's own noise), a cut-off in Hz,
or a filter."""


def noise_cutoff(pieces: Sequence[Float[np.ndarray, "F C"]], rate_hz: float) -> float | None:
    """Frequency in Hz above which a twice differentiated path holds noise alone, 25 at the most.

    pieces: gap-free stretches of one path, (F, C) each: positions or quaternions, in any unit. The
    cut-off is the lowest point of the second derivative's power spectrum (Welch's average over
    stretches of 2 s, half an octave wide) from which it rises again; the highest such, where
    several are about as low. None where there is no such point and the frames come too slowly to
    hold 25 Hz. Raises DataError where no stretch has 32 frames and lasts half a second.

    >>> rng = np.random.default_rng(0)
    >>> time_s = np.arange(2000) / 200.0
    >>> path = np.sin(2 * np.pi * 1.5 * time_s)[:, None] + 1e-4 * rng.standard_normal((2000, 3))
    >>> 6.0 <= noise_cutoff([path], rate_hz=200.0) <= 25.0
    True
    """
    needed = max(32, int(np.ceil(0.5 * rate_hz)))
    whole = [np.diff(piece, 2, axis=0) for piece in pieces if len(piece) >= needed]
    if not whole:
        longest = max(map(len, pieces), default=0)
        raise DataError(
            f"The noise of a path is estimated from {needed} frames or more at {rate_hz:g} Hz; "
            f"found {longest}. Give a cut-off in Hz (smoothing=12.0) or smoothing='none'."
        )
    block = min(int(BLOCK_S * rate_hz), max(map(len, whole)))
    hertz, power = _spectrum([piece for piece in whole if len(piece) >= block], block, rate_hz)
    centres_hz = 2.0 ** np.arange(np.log2(LOWEST_HZ), np.log2(0.45 * rate_hz), 1.0 / 12.0)
    # A difference is weaker than a derivative towards half the frame rate.
    angle = np.pi * hertz[1:] / rate_hz
    power = power[1:] * (angle / np.sin(angle)) ** 4
    octave = np.log2(hertz[1:])
    near = np.abs(octave[None, :] - np.log2(centres_hz)[:, None]) <= 1.0 / 4.0
    level = (near @ np.log(np.maximum(power, 1e-300))) / np.maximum(near.sum(axis=1), 1)
    level, centres_hz = level[near.any(axis=1)], centres_hz[near.any(axis=1)]
    if not len(level):
        return None
    # The highest of several equal valleys: below it there may still be movement.
    last = int(np.flatnonzero(level <= level.min() + np.log(_FLAT))[-1])
    valley = level[last:].max() - level.min() > np.log(_RISE)
    if valley and centres_hz[last] < HIGHEST_HZ:
        return float(centres_hz[last])
    return HIGHEST_HZ if 0.45 * rate_hz > HIGHEST_HZ else None


def _spectrum(
    pieces: Sequence[np.ndarray], block: int, rate_hz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean power over half-overlapping stretches (Hann's window, straight lines taken off),
    channels added up."""
    from scipy.signal import detrend

    window = np.hanning(block + 2)[1:-1, None]
    spectra = []
    for piece in pieces:
        for start in range(0, len(piece) - block + 1, max(1, block // 2)):
            part = detrend(piece[start : start + block], axis=0)
            spectra.append((np.abs(np.fft.rfft(part * window, axis=0)) ** 2).sum(axis=1))
    powers = np.array(spectra)
    # Blocks with jumping markers would lift the whole upper half of a mean spectrum.
    high = powers[:, powers.shape[1] // 2 :].sum(axis=1)
    kept = np.argsort(high, kind="stable")[: max(1, len(powers) - int(_LOUD * len(powers)))]
    return np.fft.rfftfreq(block, 1.0 / rate_hz), powers[kept].mean(axis=0)


def smooth(
    values: Float[np.ndarray, "F C"],
    rate_hz: float,
    cutoff_hz: float,
    observed: np.ndarray | None = None,
) -> Float[np.ndarray, "F C"]:
    """Keep what is slower than a cut-off: a smoothing spline on even frames, half of the amplitude
    at the cut-off.

    Minimises the squared distance to the frames plus a penalty on the third difference, which is a
    Butterworth filter of third order run forwards and backwards without its trouble at the ends
    (Whittaker, "On a New Method of Graduation", 1923; Eilers, "A Perfect Smoother", 2003,
    https://doi.org/10.1021/ac034173t). Frames that are not `observed` are bridged. Raises
    ConfigError unless 0 < cutoff_hz < rate_hz / 2.

    >>> time_s = np.arange(400) / 100.0
    >>> path = np.stack([np.sin(2 * np.pi * time_s), np.sin(2 * np.pi * 30 * time_s)], axis=1)
    >>> np.ptp(smooth(path, rate_hz=100.0, cutoff_hz=8.0)[100:300], axis=0).round(2).tolist()
    [2.0, 0.0]
    """
    from scipy.linalg import solveh_banded

    if not 0.0 < cutoff_hz < rate_hz / 2.0:
        raise ConfigError(
            f"A cut-off is below half the frame rate, {rate_hz / 2:g} Hz; found {cutoff_hz:g} Hz."
        )
    frames = len(values)
    if frames <= _ORDER:
        return np.asarray(values, dtype=np.float64).copy()
    penalty = (2.0 * np.sin(np.pi * cutoff_hz / rate_hz)) ** (-2 * _ORDER)
    weight = np.ones(frames) if observed is None else np.asarray(observed, dtype=np.float64)
    taps = np.array([-1.0, 3.0, -3.0, 1.0])
    bands = np.zeros((_ORDER + 1, frames))
    for row in range(_ORDER + 1):
        for column in range(row + 1):
            at = slice(column, column + frames - _ORDER)
            bands[row - column, at] += penalty * taps[row] * taps[column]
    bands[0] += weight
    seen = np.where(weight[:, None] > 0, values, 0.0)
    return np.asarray(solveh_banded(bands, weight[:, None] * seen, lower=True))
