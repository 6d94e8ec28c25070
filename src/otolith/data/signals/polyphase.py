"""Change of rate by a rational factor L/M: one zero-phase FIR filter, at the kept samples only.

    y[m] = Σ_n x[n] h(m M − n L),   h(k) = c sinc(k / max(L, M)) · Kaiser(k; β = 5)

with ten periods of the slower rate to each side: the filter that `scipy.signal.resample_poly`
designs, and the numbers agree with it. (Crochiere and Rabiner, "Multirate Digital Signal
Processing", 1983.) What differs is the loop: samples are dealt into M lanes so that neighbouring
outputs read neighbouring memory, and the compiler can use the whole width of the vector units.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numba as nb
import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError

# Samples of the slower of both rates to each side, and the window: the choice of resample_poly.
_HALF_PERIODS, _KAISER = 10, 5.0
# Taps that one pass over a block adds up: saves three of four loads and stores of the sum.
_UNROLL = 4
# Floats of dealt samples that a block may hold: 48 KiB, about one first-level cache.
_SCRATCH, _BLOCK = 12_288, 512


def polyphase(values: Float[np.ndarray, "T C"], up: int, down: int) -> Float[np.ndarray, "T2 C"]:
    """Return a signal at up/down times its rate, without what the new rate cannot carry.

    Same numbers as `scipy.signal.resample_poly(values, up, down, axis=0, padtype="edge")` within
    float32 rounding: (T, C) becomes (ceil(T * up / down), C), and sample 0 stays at its time.
    Values of one run without gaps, any unit. The result is laid out channel by channel, so that
    windows of one channel are contiguous pieces of it. Raises ConfigError for a factor below 1 and
    DataError where the values are no (T, C) array.
    """
    if up < 1 or down < 1:
        raise ConfigError(
            f"A rate can be changed by whole factors of at least 1; found {up}/{down}. "
            "Try up=1, down=2."
        )
    if values.ndim != 2:
        raise DataError(
            f"polyphase takes samples x channels; found shape {values.shape}. Try values[:, None]."
        )
    common = math.gcd(up, down)
    up, down = up // common, down // common
    return fractional(values, up, down, 0.0, -(-values.shape[0] * up // down))


def fractional(
    values: Float[np.ndarray, "T C"], up: int, down: int, shift: float, count: int
) -> Float[np.ndarray, "T2 C"]:
    """Return `count` samples, the first one `shift` source samples after the first source sample.

    The same filter as `polyphase`, its taps taken between the usual places, so that a sub-sample
    shift costs nothing extra and is as exact as the filter itself. `up` and `down` without common
    factor. (T, C) to (count, C).
    """
    source = np.asarray(values, dtype=np.float32)
    if up == down == 1 and shift == int(shift) and 0 <= shift <= len(source) - count:
        return source[int(shift) : int(shift) + count].copy()
    out = np.empty((source.shape[1], count), dtype=np.float32)
    if not len(source) or not out.size:
        return out.T
    offsets, weights = _phases(up, down, round(shift * up, 9))
    # Blocks are counted in groups of `up` outputs, which consume `down` source samples.
    width = _SCRATCH // (source.shape[1] * down)
    _filter(source, offsets, weights, up, down, max(16, min(_BLOCK, width)), out)
    return out.T


def impulse(position: Float[np.ndarray, " taps"], up: int, down: int) -> Float[np.ndarray, " taps"]:
    """Return the filter's response at positions counted in samples of `up` times the source rate."""
    slower = max(up, down)
    half = _HALF_PERIODS * slower
    whole = np.arange(-half, half + 1)
    scale = up / float((np.sinc(whole / slower) * np.kaiser(2 * half + 1, _KAISER)).sum())
    inside = np.clip(1.0 - (position / half) ** 2, 0.0, None)
    window = np.i0(_KAISER * np.sqrt(inside)) / np.i0(_KAISER)
    response = scale * np.sinc(position / slower) * window
    return np.asarray(np.where(np.abs(position) <= half, response, 0.0), dtype=np.float64)


@lru_cache(maxsize=64)
def _phases(up: int, down: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the source offsets that each of the `up` output phases reads, and their weights."""
    half = _HALF_PERIODS * max(up, down)
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    for phase in range(up):
        centre = phase * down + shift
        index = np.arange(math.ceil((centre - half) / up), math.floor((centre + half) / up) + 1)
        weight = impulse(centre - index * up, up, down)
        if shift != math.floor(shift):
            # Off its usual places the filter's gain at rest is off by some 1e-4.
            weight *= 1.0 / weight.sum()
        # Every second tap of a halving filter is zero; half of the work is saved by leaving them
        # out.
        kept = np.abs(weight) > 1e-9 * np.abs(weight).max()
        rows.append((index[kept], weight[kept]))
    taps = -(-max(len(index) for index, _ in rows) // _UNROLL) * _UNROLL
    offsets = np.empty((up, taps), dtype=np.int64)
    weights = np.zeros((up, taps), dtype=np.float32)
    for phase, (index, weight) in enumerate(rows):
        # Padding reads a sample that is read anyway: a NaN elsewhere must not spread.
        offsets[phase] = index[-1]
        offsets[phase, : len(index)] = index
        weights[phase, : len(index)] = weight
    return offsets, weights


@nb.njit(cache=True, nogil=True)
def _deal(source: np.ndarray, base: int, dealt: np.ndarray) -> None:
    """Deal samples from `base` on into lanes: (T, C) to (C, down, lanes)."""
    channels, down, lanes = dealt.shape
    last = len(source) - 1
    inside = base >= 0 and base + lanes * down <= len(source)
    for lane in range(lanes):
        for residue in range(down):
            row = base + lane * down + residue
            if not inside:  # beyond both ends the signal stays at its last value
                row = min(max(row, 0), last)
            for channel in range(channels):
                dealt[channel, residue, lane] = source[row, channel]


@nb.njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _filter(
    source: np.ndarray,
    offsets: np.ndarray,
    weights: np.ndarray,
    up: int,
    down: int,
    block: int,
    out: np.ndarray,
) -> None:
    channels, count = out.shape
    groups = (count + up - 1) // up
    first = offsets.min() // down  # floor, also below zero: lanes before the block's own start
    lanes = block + offsets.max() // down - first + 1
    dealt = np.empty((channels, down, lanes), dtype=np.float32)
    total = np.empty(block, dtype=np.float32)
    taps = offsets.shape[1]
    for start in range(0, groups, block):
        size = min(block, groups - start)
        _deal(source, (start + first) * down, dealt)
        for channel in range(channels):
            for phase in range(up):
                total[:size] = 0.0
                o, w = offsets[phase], weights[phase]
                for tap in range(0, taps, 4):
                    o0, o1, o2, o3 = o[tap], o[tap + 1], o[tap + 2], o[tap + 3]
                    w0, w1, w2, w3 = w[tap], w[tap + 1], w[tap + 2], w[tap + 3]
                    a0 = dealt[channel, o0 % down, o0 // down - first :]
                    a1 = dealt[channel, o1 % down, o1 // down - first :]
                    a2 = dealt[channel, o2 % down, o2 // down - first :]
                    a3 = dealt[channel, o3 % down, o3 // down - first :]
                    for k in range(size):
                        total[k] += w0 * a0[k] + w1 * a1[k] + w2 * a2[k] + w3 * a3[k]
                at = start * up + phase
                for k in range(min(size, (count - at + up - 1) // up)):
                    out[channel, at + k * up] = total[k]
