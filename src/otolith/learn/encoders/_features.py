"""The features that people compute by hand from windows of motion: statistics, spectra, and how
axes move together.

They are the control that a pretrained encoder must beat, so they are the usual ones (Anguita et
al., "A Public Domain Dataset for Human Activity Recognition Using Smartphones", 2013; Bulling et
al., "A Tutorial on Human Activity Recognition Using Body-Worn Inertial Sensors", 2014,
https://doi.org/10.1145/2499621). tsfel and tsfresh were considered: they walk over windows and
features in Python loops, which costs 10 to 100 ms a window, and a study has some 100,000 windows
for each of several sensors. Here each feature is one array operation over thousands of windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ChannelError, ConfigError, DataError

Triad = tuple[int, int, int]

BANDS_HZ: tuple[tuple[float, float], ...] = (
    (0.0, 1.0),
    (1.0, 3.0),
    (3.0, 5.0),
    (5.0, 10.0),
    (10.0, np.inf),
)

SIGNAL_FEATURES: tuple[str, ...] = (
    *("mean", "std", "min", "max", "median", "iqr", "rms", "skew", "kurtosis", "mean_abs_diff"),
    *("zero_crossing_rate", "mean_crossing_rate", "energy", "trend", "time_of_max", "time_of_min"),
    *("rhythm", "dominant_hz", "spectral_entropy", "spectral_centroid_hz"),
    *(f"energy_{low:g}_{high:g}_hz" for low, high in BANDS_HZ[:-1]),
    f"energy_above_{BANDS_HZ[-1][0]:g}_hz",
)
_SHORTEST_PERIOD_S = 0.2
"""Nobody repeats a movement faster; nearer lags only say that the signal is smooth."""
_CHUNK = 2_000_000
"""Samples at once: bounds the working memory to some 100 MB, however many windows there are."""


def hand_made_features(
    windows: Float[np.ndarray, "N C T"], rate_hz: float, triads: Sequence[Triad] = ()
) -> Float[np.ndarray, "N F"]:
    """Return the usual time and frequency features of each window, as a float32 table.

    For every channel and for the length of every triad (the x, y, z channels of one sensor): the
    features named in SIGNAL_FEATURES; for every triad also the correlations xy, xz and yz. Columns
    as `feature_names` says. windows in any unit, sampled at rate_hz; energies are mean squares in
    that unit, trend is that unit per second, the times of the largest and smallest value are shares
    of the window, rhythm is the highest autocorrelation beyond 0.2 s. (Trend and times tell a swipe
    to the left from one to the right, which no unordered statistic does.) A constant window has
    zero where a feature is undefined (skew, entropy, correlation). Masked channels (all NaN) give
    NaN in their own columns alone. Raises DataError for windows of fewer than 4 samples,
    ConfigError for a rate of zero, ChannelError for a triad that names a channel beyond the last
    one.
    """
    count, channels, samples = windows.shape
    if samples < 4:
        raise DataError(
            f"Features need windows of at least 4 samples, not {samples}. Cut longer windows."
        )
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise ConfigError(
            f"rate_hz must be above 0, not {rate_hz}. Try the rate of the windows, such as 50."
        )
    _check_triads(triads, channels)
    signals = channels + len(triads)
    out = np.empty((count, len(SIGNAL_FEATURES) * signals + 3 * len(triads)), dtype=np.float32)
    step = max(1, _CHUNK // (max(1, signals) * samples))
    for start in range(0, count, step):
        some = slice(start, start + step)
        out[some] = _chunk_features(windows[some], rate_hz, triads)
    return out


def feature_names(channel_names: Sequence[str], triads: Sequence[Triad] = ()) -> list[str]:
    """Return what each column of `hand_made_features` is.

    Raises ChannelError for a triad that names a channel beyond the last one.

    >>> feature_names(["waist.acc.x", "waist.acc.y", "waist.acc.z"], [(0, 1, 2)])[-4:]
    ['waist.acc norm energy_above_10_hz', 'waist.acc correlation xy', 'waist.acc correlation xz', \
'waist.acc correlation yz']
    """
    _check_triads(triads, len(channel_names))
    first = [channel_names[triad[0]] for triad in triads]
    sensors = [name.rpartition(".")[0] or name for name in first]
    signals = [*channel_names, *(f"{sensor} norm" for sensor in sensors)]
    pairs = [f"{sensor} correlation {axes}" for sensor in sensors for axes in ("xy", "xz", "yz")]
    return [f"{signal} {feature}" for signal in signals for feature in SIGNAL_FEATURES] + pairs


def _check_triads(triads: Sequence[Triad], channels: int) -> None:
    for triad in triads:
        if len(triad) != 3 or not all(0 <= index < channels for index in triad):
            raise ChannelError(
                f"A triad names the x, y and z channels of one sensor by their index, 0 to "
                f"{channels - 1}, not {tuple(triad)}. Leave it out where a sensor lacks an axis."
            )


def _chunk_features(windows: np.ndarray, rate_hz: float, triads: Sequence[Triad]) -> np.ndarray:
    values = np.asarray(windows, dtype=np.float32)
    signals = values
    if triads:
        axes = np.asarray(triads)
        # One axis at a time: norm(..., axis=2) would copy all three.
        lengths = np.sqrt(sum(np.square(values[:, axes[:, axis]]) for axis in range(3)))
        signals = np.concatenate([values, lengths], axis=1)
    per_signal = np.stack([*_in_time(signals, rate_hz), *_in_frequency(signals, rate_hz)], axis=-1)
    columns = [per_signal.reshape(len(values), -1)]
    if triads:
        columns.append(_correlations(values, triads))
    return np.concatenate(columns, axis=1)


def _in_time(signals: np.ndarray, rate_hz: float) -> list[np.ndarray]:
    samples = signals.shape[-1]
    # In float64: gravity in a long window costs float32 the digits of a small movement.
    mean = signals.mean(axis=-1, dtype=np.float64).astype(np.float32)
    centred = signals - mean[..., None]
    square = centred * centred
    variance = square.mean(axis=-1)
    std = np.sqrt(variance)
    # Rounding leaves a trace of variance in a constant window; a ratio to it would be noise.
    moving = std > 1e-5 * (np.abs(mean) + 1e-3)
    unit = np.where(moving, std, 1.0)
    cube = (square * centred).mean(axis=-1)
    fourth = (square * square).mean(axis=-1)
    ordered = np.sort(signals, axis=-1)
    quartile_1, median, quartile_3 = (_quantile(ordered, share) for share in (0.25, 0.5, 0.75))
    # Comparisons with NaN are False: absent channels get their NaN back by addition.
    missing = np.where(np.isnan(mean), np.nan, 0.0).astype(np.float32)
    return [
        mean,
        std,
        ordered[..., 0] + missing,
        ordered[..., -1],
        median,
        quartile_3 - quartile_1,
        np.sqrt(variance + mean * mean),
        np.where(moving, cube / unit**3, missing),
        np.where(moving, fourth / unit**4 - 3.0, missing),
        np.abs(np.diff(signals, axis=-1)).mean(axis=-1),
        _crossings(signals) / (samples - 1) + missing,
        np.where(moving, _crossings(centred) / (samples - 1), missing),
        variance + mean * mean,
        _trend(centred, rate_hz),
        signals.argmax(axis=-1).astype(np.float32) / samples + missing,
        signals.argmin(axis=-1).astype(np.float32) / samples + missing,
        np.where(moving, _rhythm(centred, rate_hz) / (unit * unit), missing),
    ]


def _trend(centred: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return the slope of the straight line through each window, per second."""
    samples = centred.shape[-1]
    # Centred time: slope and mean are then independent, and the slope is one product.
    time = (np.arange(samples) - (samples - 1) / 2.0) / rate_hz
    return np.asarray(centred @ (time / (time @ time)).astype(np.float32))


def _rhythm(centred: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return the largest autocovariance at lags from the shortest period to half of the window."""
    samples = centred.shape[-1]
    first, last = int(np.ceil(_SHORTEST_PERIOD_S * rate_hz)), samples // 2
    if first >= last:
        return np.zeros(centred.shape[:-1], dtype=np.float32)
    # Padded to twice the length: else the end of the window would wrap around to its start.
    spectrum = np.fft.rfft(centred, 2 * samples, axis=-1)
    covariance = np.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), axis=-1)
    return np.asarray(covariance[..., first:last].max(axis=-1) / samples, dtype=np.float32)


def _quantile(ordered: np.ndarray, share: float) -> np.ndarray:
    position = share * (ordered.shape[-1] - 1)
    low = int(position)
    high = min(low + 1, ordered.shape[-1] - 1)
    step = ordered[..., high] - ordered[..., low]
    return np.asarray(ordered[..., low] + np.float32(position - low) * step)


def _crossings(signals: np.ndarray) -> np.ndarray:
    positive = signals > 0
    return np.asarray((positive[..., 1:] != positive[..., :-1]).sum(axis=-1), dtype=np.float32)


def _in_frequency(signals: np.ndarray, rate_hz: float) -> list[np.ndarray]:
    """Return features of the power spectrum, without the mean, in which posture would drown
    movement."""
    samples = signals.shape[-1]
    frequency = np.fft.rfftfreq(samples, 1.0 / rate_hz).astype(np.float32)[1:]
    mean = signals.mean(axis=-1, keepdims=True)
    spectrum = np.fft.rfft(signals - mean, axis=-1)[..., 1:]
    # Scaled so that the bins add up to the variance of the window.
    square = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
    power = square * (2.0 / samples**2)
    if samples % 2 == 0:
        # The Nyquist bin has no mirror image, which the factor 2 counts.
        power[..., -1] *= 0.5
    total = power.sum(axis=-1)
    # As with the variance: shares of rounding errors would be noise.
    moving = total > 1e-10 * (np.square(mean[..., 0]) + 1e-6)
    missing = np.where(np.isnan(total), np.nan, 0.0).astype(np.float32)
    share = power / np.where(moving, total, 1.0)[..., None]
    entropy = -(share * np.log(share, out=np.zeros_like(share), where=share > 0)).sum(axis=-1)
    bands = [
        power[..., (frequency > low) & (frequency <= high)].sum(axis=-1) for low, high in BANDS_HZ
    ]
    return [
        np.where(moving, frequency[power.argmax(axis=-1)], missing),
        np.where(moving, entropy / np.log(max(2, len(frequency))), missing),
        np.where(moving, share @ frequency, missing),
        *bands,
    ]


def _correlations(values: np.ndarray, triads: Sequence[Triad]) -> np.ndarray:
    columns = []
    for triad in triads:
        axes = values[:, list(triad)]
        mean = axes.mean(axis=-1, keepdims=True)
        centred = axes - mean
        std = np.sqrt((centred * centred).mean(axis=-1))
        moving = std > 1e-5 * (np.abs(mean[..., 0]) + 1e-3)
        missing = np.where(np.isnan(std), np.nan, 0.0)
        unit = np.where(moving, std, 1.0)
        for a, b in ((0, 1), (0, 2), (1, 2)):
            together = (centred[:, a] * centred[:, b]).mean(axis=-1) / (unit[:, a] * unit[:, b])
            # A still axis correlates with nothing: 0, not the correlation of rounding errors.
            both = moving[:, a] & moving[:, b]
            columns.append(np.where(both, together, missing[:, a] + missing[:, b]))
    return np.stack(columns, axis=1)
