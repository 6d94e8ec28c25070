"""How close a simulated sensor comes to the real one: correlation, error in SI units, coherence,
and magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from otolith.core.errors import ConfigError, DataError
from otolith.motion.motion import runs
from otolith.motion.simulation.sensor import Reading

NORMALISATIONS = ("deviation", "range", "real")
"""What magnitudes are divided by; see `magnitude_mse`."""
BANDS_HZ: tuple[tuple[float, float], ...] = ((0.5, 3.0), (3.0, 8.0), (8.0, 15.0), (15.0, 25.0))
"""Strides and gestures; their harmonics; impacts; what optics can hardly see."""


@dataclass(frozen=True)
class Agreement:
    """One quantity of one sensor, simulated against measured."""

    correlation: tuple[float, float, float]
    """Pearson's, along x, y and z; nan where an axis never moves."""
    rmse: float
    """Root mean square error over the axes, in m/s² or rad/s."""
    magnitude_mse: float
    """The measure of Multi3Net+: mean squared error of the two normalised magnitudes, whatever the
    mounting."""
    coherence: tuple[float, ...]
    """Share of the real signal's power that a linear filter of the simulated one explains, per
    band, over the axes."""


@dataclass(frozen=True)
class Fidelity:
    """A simulated sensor held against a real one."""

    acceleration: Agreement
    angular_rate: Agreement
    seconds: float
    """How much was compared."""
    rate_hz: float
    band_hz: float | None
    """Both were filtered to below this; None where they were taken as they are."""
    bands_hz: tuple[tuple[float, float], ...] = BANDS_HZ
    """The bands of the coherence."""

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, for JSON."""
        return asdict(self)


def fidelity(
    simulated: Reading,
    real: Reading,
    rate_hz: float,
    where: Bool[np.ndarray, " T"] | None = None,
    band_hz: float | None = None,
    normalise: str = "deviation",
    bands_hz: Sequence[tuple[float, float]] = BANDS_HZ,
) -> Fidelity:
    """Hold a simulated sensor against a real one, sample by sample, over the samples marked in
    `where`.

    band_hz filters both (zero phase) to below this first. normalise says what the magnitudes are
    divided by for the measure of Multi3Net+ (2025, https://doi.org/10.3389/fcomp.2025.1569205,
    which leaves it open): each its own mean and deviation, each its own range, or both the real
    one's. Samples that are not finite on either side are gaps: left out, and no filter crosses
    them.

    Raises DataError where shapes differ or fewer than ten samples are left, ConfigError for an
    unknown normalisation.
    """
    if normalise not in NORMALISATIONS:
        raise ConfigError(f"normalise is 'deviation', 'range' or 'real'; found '{normalise}'.")
    parts = [np.asarray(part, dtype=np.float64) for part in (*simulated, *real)]
    count = len(parts[0])
    chosen = np.ones(count, dtype=bool) if where is None else np.asarray(where)
    shapes = [part.shape for part in parts]
    if set(shapes) != {(count, 3)} or chosen.shape != (count,):
        raise DataError(
            f"Simulated and real samples are compared one by one; found shapes {shapes} and marks "
            f"{chosen.shape}. Bring them onto one clock first."
        )
    finite = np.asarray(np.isfinite(np.concatenate(parts, axis=1)).all(axis=1))
    if band_hz is not None:
        parts = [banded(part, rate_hz, band_hz, finite) for part in parts]
    use = chosen & finite
    if use.sum() < 10:
        raise DataError(
            f"Too little to compare: {int(use.sum())} of {count} samples are finite on both sides."
        )
    bands = tuple((float(low), float(high)) for low, high in bands_hz)
    acceleration, rate = (
        Agreement(
            _correlation(ours[use], theirs[use]),
            float(np.sqrt(np.mean((ours[use] - theirs[use]) ** 2))),
            magnitude_mse(ours[use], theirs[use], normalise),
            coherence(ours, theirs, rate_hz, use, bands),
        )
        for ours, theirs in zip(parts[:2], parts[2:], strict=True)
    )
    return Fidelity(acceleration, rate, float(use.sum() / rate_hz), float(rate_hz), band_hz, bands)


def magnitude_mse(
    simulated: Float[np.ndarray, "T 3"],
    real: Float[np.ndarray, "T 3"],
    normalise: str = "deviation",
) -> float:
    """Mean squared error of two normalised magnitudes: `mean((|simulated| - |real|)²)`, blind to
    orientation.

    "deviation": each less its mean, over its standard deviation; "range": each from 0 to 1; "real":
    both over the standard deviation of the real one. nan where a magnitude that is divided by never
    changes.

    >>> simulated = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])  # magnitudes 5 and 1
    >>> magnitude_mse(simulated, real=np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 4.0]]))  # 2 and 4
    4.0
    """
    first, second = np.linalg.norm(simulated, axis=1), np.linalg.norm(real, axis=1)
    if normalise == "real":
        spread = float(second.std())
        return float(np.mean((first - second) ** 2)) / spread**2 if spread > 0 else float("nan")
    sizes = []
    for size in (first, second):
        low, spread = (
            (size.mean(), size.std()) if normalise == "deviation" else (size.min(), np.ptp(size))
        )
        if not spread > 1e-12:
            return float("nan")
        sizes.append((size - low) / spread)
    return float(np.mean((sizes[0] - sizes[1]) ** 2))


def coherence(
    simulated: Float[np.ndarray, "T 3"],
    real: Float[np.ndarray, "T 3"],
    rate_hz: float,
    where: Bool[np.ndarray, " T"],
    bands_hz: Sequence[tuple[float, float]] = BANDS_HZ,
    block_s: float = 2.0,
) -> tuple[float, ...]:
    """Magnitude-squared coherence per band, mean over the axes: 1 where one is a filtered copy of
    the other.

    Welch's average over half-overlapping stretches of `block_s` inside of what is marked; nan for a
    band that the rate cannot hold, or with fewer than 4 stretches (two unrelated signals would
    still seem to share a quarter).

    >>> noise = np.random.default_rng(0).standard_normal((1000, 3))
    >>> np.round(coherence(noise, 2.0 * noise, 50.0, np.ones(1000, bool), [(0.5, 3.0)]), 6).tolist()
    [1.0]
    """
    block = int(block_s * rate_hz)
    window = np.hanning(block + 2)[1:-1, None]
    hertz = np.fft.rfftfreq(block, 1.0 / rate_hz)
    cross = np.zeros((len(hertz), 3), complex)
    power, others, blocks = np.zeros((len(hertz), 3)), np.zeros((len(hertz), 3)), 0
    for run in runs(where):
        for start in range(run.start, run.stop - block + 1, max(1, block // 2)):
            pieces = (part[start : start + block] for part in (simulated, real))
            a, b = (np.fft.rfft((p - p.mean(axis=0)) * window, axis=0) for p in pieces)
            cross = cross + a * np.conj(b)
            power, others, blocks = power + np.abs(a) ** 2, others + np.abs(b) ** 2, blocks + 1
    if blocks < 4:
        return tuple(float("nan") for _ in bands_hz)
    # Weighted by the real signal's power: an axis that hardly moves counts for little.
    shared = np.abs(cross) ** 2 / np.maximum(power * others, 1e-300) * others
    out = []
    for low, high in bands_hz:
        inside = (hertz >= low) & (hertz < high) & (high <= rate_hz / 2.0)
        total = others[inside].sum()
        out.append(float(shared[inside].sum() / total) if total > 0 else float("nan"))
    return tuple(out)


def banded(
    values: Float[np.ndarray, "T C"], rate_hz: float, band_hz: float, known: Bool[np.ndarray, " T"]
) -> Float[np.ndarray, "T C"]:
    """What is slower than `band_hz`, each run of known samples by itself; NaN elsewhere.

    >>> time_s = np.arange(1000) / 100.0
    >>> both = np.sin(2 * np.pi * time_s) + np.sin(2 * np.pi * 30.0 * time_s)
    >>> slow = banded(both[:, None], 100.0, 5.0, np.ones(1000, bool))
    >>> np.ptp(slow[300:700]).round(1)
    np.float64(2.0)
    """
    from otolith.data.signals.filters import lowpass

    out = np.full_like(values, np.nan)
    for run in runs(known):
        out[run] = lowpass(values[run], rate_hz, band_hz)
    return out


def _correlation(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    sizes = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    moves = sizes > 1e-12
    x, y, z = np.where(moves, (a * b).sum(axis=0) / np.where(moves, sizes, 1.0), np.nan).tolist()
    return x, y, z
