"""Bilateral symmetry: do both sides of the body do the same, apart from a shift in time?

    k* = argmax_k corr(left[t], right[t + k]),   symmetry = DTW(left[t], right[t + k*]) / (2 n)

One of the three quantities of PIM (Physics-Informed Multi-task pre-training for human activity
recognition, 2025, https://arxiv.org/abs/2503.17978): the norms of two sensors are aligned by
cross-correlation and compared by dynamic time warping. Low is synchronous. What the paper leaves
open is decided here: how far the shift may go, the correlation taken over the overlap only with
means removed (else gravity pulls the peak to zero lag), and the distance divided by the two cropped
lengths.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from jaxtyping import Float, Float32, Int

from otolith.core.errors import ConfigError, DataError
from otolith.data.physics.dtw import warp_pairs

_TIE = 1e-9  # correlations closer than this are equal, and the smaller shift is taken
_NO_VARIANCE = 1e-7  # of the largest reading: what is left of a constant in single precision


def norms(acceleration: Float[np.ndarray, "N 3 T"]) -> Float[np.ndarray, "N T"]:
    """Return how strongly a sensor is accelerated at each instant, whichever way it is mounted.

    Windows of three axes in, their Euclidean norm out, same unit and precision. Raises DataError
    for other shapes.
    """
    windows = np.asarray(acceleration)
    if windows.ndim != 3 or windows.shape[1] != 3:
        raise DataError(
            f"norms takes windows of three axes, shape (N, 3, T); found shape {windows.shape}."
        )
    result: Float[np.ndarray, "N T"] = np.sqrt(np.einsum("nct,nct->nt", windows, windows))
    return result


def best_lag(
    left: Float[np.ndarray, "N T"],
    right: Float[np.ndarray, "N T"],
    rate_hz: float,
    max_lag_s: float = 0.8,
    min_overlap: float = 0.6,
) -> Int[np.ndarray, "N"]:
    """Return by how many samples the right side follows the left in each window; negative when it
    leads.

    The lag k with the highest Pearson correlation between left[t] and right[t + k] over the samples
    that overlap, among |k| <= max_lag_s with at least `min_overlap` of the window overlapping. Ties
    go to the smaller |k|, then to the positive one. Windows with NaN, or without variance on either
    side, give 0.

    The default of 0.8 s reaches half a stride of slow walking (left against right foot: median 0.56
    s). Raises DataError for shapes that do not fit, ConfigError for settings out of range.
    """
    first, second = _both(left, right)
    return _lags(first, second, _longest_lag(first.shape[1], rate_hz, max_lag_s, min_overlap))  # type: ignore[no-any-return]


def symmetry(
    left: Float[np.ndarray, "N T"],
    right: Float[np.ndarray, "N T"],
    rate_hz: float,
    max_lag_s: float = 0.8,
    min_overlap: float = 0.6,
    band: float = 0.1,
    znorm: bool = False,
) -> Float32[np.ndarray, "N"]:
    """Return how differently the two sides of the body move in each window; 0 is a perfect copy,
    shifted or not.

    left and right are the norms of two sensors (see `norms`), of acceleration with or without
    gravity. They are shifted by `best_lag`, cropped to their overlap of n samples, and warped in
    time with cost |x - y| inside a Sakoe-Chiba band of `band` times the window's length (rounded
    down, at least one sample); the result is the sum over the path divided by 2 n, in the unit of
    the input.

    `znorm` compares shapes only: each side is scaled to mean 0 and variance 1 first, which hides
    differences of amplitude. A window with NaN on either side gives NaN; sides without variance are
    compared unshifted. Raises DataError for shapes that do not fit, ConfigError for settings out of
    range.
    """
    first, second = _both(left, right)
    count, samples = first.shape
    if not 0.0 <= band <= 1.0:
        raise ConfigError(f"band is a share of the window, from 0 to 1; found {band}.")
    if znorm:
        first, second = _standardised(first), _standardised(second)
    lags = _lags(first, second, _longest_lag(samples, rate_hz, max_lag_s, min_overlap))
    overlap = samples - np.abs(lags)
    row = np.arange(count)
    pairs = np.stack([row, row, np.maximum(-lags, 0), np.maximum(lags, 0), overlap, overlap])
    # The share is taken of a number that floating point may have put just below a whole one.
    radius = max(1, math.floor(band * samples + 1e-9))
    result = warp_pairs(first, second, pairs, min(radius, samples), squared=False) / (2.0 * overlap)
    # Samples outside the overlap do not reach the warping, but a window is either whole or masked.
    result[~(np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1))] = np.nan
    return np.asarray(result, np.float32)


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _product(x: Any, y: Any) -> float:
    total = 0.0
    for t in range(len(x)):
        total += x[t] * y[t]
    return total


@numba.njit(cache=True)
def _running(values: Any, sums: Any, squares: Any) -> float:
    """Fill the sums of the first t values and of their squares, about the mean; return the largest
    |value|."""
    mean = values.mean()
    largest = 0.0
    sums[0] = squares[0] = 0.0
    for t in range(len(values)):
        largest = max(largest, abs(values[t]))
        centred = values[t] - mean
        sums[t + 1] = sums[t] + centred
        squares[t + 1] = squares[t] + centred * centred
    return largest


@numba.njit(cache=True, parallel=True)
def _lags(left: Any, right: Any, longest: int) -> Any:
    count, samples = left.shape
    lags = np.zeros(count, np.int64)
    for n in numba.prange(count):
        x_sums, x_squares = np.empty(samples + 1), np.empty(samples + 1)
        y_sums, y_squares = np.empty(samples + 1), np.empty(samples + 1)
        x_floor = samples * (_NO_VARIANCE * _running(left[n], x_sums, x_squares)) ** 2
        y_floor = samples * (_NO_VARIANCE * _running(right[n], y_sums, y_squares)) ** 2
        if not (np.isfinite(x_squares[samples]) and np.isfinite(y_squares[samples])):
            continue
        # Zeros around the right side let every lag use one loop of fixed length, which the compiler
        # turns into vectors.
        x = left[n] - left[n].mean()
        padded = np.zeros(samples + 2 * longest)
        padded[longest : longest + samples] = right[n] - right[n].mean()
        highest = -2.0
        for step in range(2 * longest + 1):
            lag = (step + 1) // 2 if step % 2 else -(step // 2)  # 0, 1, -1, 2, -2, …
            overlap = samples - abs(lag)
            x_begin, y_begin = max(0, -lag), max(0, lag)
            x_end, y_end = x_begin + overlap, y_begin + overlap
            x_sum, y_sum = x_sums[x_end] - x_sums[x_begin], y_sums[y_end] - y_sums[y_begin]
            x_spread = x_squares[x_end] - x_squares[x_begin] - x_sum * x_sum / overlap
            y_spread = y_squares[y_end] - y_squares[y_begin] - y_sum * y_sum / overlap
            if x_spread <= x_floor or y_spread <= y_floor:
                continue
            product = (
                _product(x, padded[longest + lag : longest + lag + samples])
                - x_sum * y_sum / overlap
            )
            correlation = product / math.sqrt(x_spread * y_spread)
            if correlation > highest + _TIE:
                highest, lags[n] = correlation, lag
    return lags


def _longest_lag(samples: int, rate_hz: float, max_lag_s: float, min_overlap: float) -> int:
    if not rate_hz > 0 or not max_lag_s >= 0 or not 0.0 < min_overlap <= 1.0:
        raise ConfigError(
            "A lag is searched with rate_hz > 0, max_lag_s >= 0 and 0 < min_overlap <= 1; "
            f"found rate_hz={rate_hz}, max_lag_s={max_lag_s}, min_overlap={min_overlap}."
        )
    return min(
        math.floor(max_lag_s * rate_hz + 1e-9),
        math.floor((1.0 - min_overlap) * samples + 1e-9),
        samples - 1,
    )


def _both(left: Any, right: Any) -> tuple[Float[np.ndarray, "N T"], Float[np.ndarray, "N T"]]:
    first, second = np.ascontiguousarray(left, np.float64), np.ascontiguousarray(right, np.float64)
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] == 0:
        raise DataError(
            "Both sides are windows of one number per sample, same shape (N, T); found "
            f"{first.shape} and {second.shape}. From three axes: physics.symmetry.norms."
        )
    return first, second


def _standardised(values: Float[np.ndarray, "N T"]) -> Float[np.ndarray, "N T"]:
    centred = values - values.mean(axis=1, keepdims=True)
    spread = values.std(axis=1, keepdims=True)
    real = spread > _NO_VARIANCE * np.abs(values).max(axis=1, keepdims=True)
    return np.ascontiguousarray(centred / np.where(real, spread, 1.0))
