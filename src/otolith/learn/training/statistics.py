"""Mean, standard deviation and plausible range of each channel over the training people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from otolith.data.windows import Windows

TAIL_SHARE = 1e-3
"""Share of the samples at each end that do not decide the range."""
TAIL_SAMPLES = 32
"""At least so many, up to a hundredth of all: resampling spreads one bad sample over some dozen."""
SPANS = 3.0
"""Spans between the tails that the range reaches beyond them: a heel or a fall lies inside."""
SAMPLED = 2**24
"""Values, of all channels together, that the range is taken from; larger studies are sampled
evenly."""
_BATCH = 1024


@dataclass(frozen=True)
class ChannelStatistics:
    """What standardisation goes by; each array has one number for a channel, in SI units."""

    mean: Float[np.ndarray, " C"]
    std: Float[np.ndarray, " C"]
    low: Float[np.ndarray, " C"]
    """Smaller values are taken for this one; minus infinity where nothing is known of the range."""
    high: Float[np.ndarray, " C"]


def channel_statistics(windows: Windows) -> ChannelStatistics:
    """Return mean, standard deviation and range of each channel over some windows, absent channels
    left out.

    The range comes first, and mean and deviation are those of the values clipped to it, so that one
    glitch does not set the scale of a channel for everybody. A channel that never changes gets a
    standard deviation of 1, so that it stays finite, and no range, as nothing is known of how far
    it may go.

    >>> values = np.tile([1.0, 3.0], (4, 1, 25))
    >>> windows = Windows.from_array(values, rate_hz=50, channels=["head.acc.x"])
    >>> of = channel_statistics(windows)
    >>> of.mean.tolist(), of.std.tolist(), of.low.tolist(), of.high.tolist()
    ([2.0], [1.0], [-5.0], [9.0])
    """
    low, high = channel_range(windows)
    total, square, count = np.zeros((3, len(windows.channels)))
    for _, values in windows.batches(_BATCH):
        count += (~np.isnan(values[:, :, 0])).sum(axis=0) * windows.length
        values = np.nan_to_num(np.clip(values, low[:, None], high[:, None]))
        # In float64: a float32 sum over millions of samples stops growing.
        total += values.sum(axis=(0, 2), dtype=np.float64)
        square += np.einsum("bct,bct->c", values, values, dtype=np.float64, optimize=True)
    count = np.maximum(count, 1)
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0))
    still = low >= high  # nothing is known of how far such a channel may go
    return ChannelStatistics(
        mean.astype(np.float32),
        np.where(std < 1e-6, 1.0, std).astype(np.float32),
        np.where(still, -np.inf, low).astype(np.float32),
        np.where(still, np.inf, high).astype(np.float32),
    )


def channel_range(windows: Windows) -> tuple[Float[np.ndarray, " C"], Float[np.ndarray, " C"]]:
    """Return what each channel plausibly lies between, in bounded memory: its tails, and `SPANS`
    spans beyond them.

    Both are equal for a channel that never changes, but for its tails; infinite for one that nobody
    has.

    >>> values = np.tile([1.0, 3.0], (4, 1, 25))
    >>> windows = Windows.from_array(values, rate_hz=50, channels=["head.acc.x"])
    >>> [bound.tolist() for bound in channel_range(windows)]
    [[-5.0], [9.0]]
    """
    channels = len(windows.channels)
    most = max(1, SAMPLED // (windows.length * channels))
    spread = np.linspace(0, len(windows) - 1, min(most, len(windows)))
    chosen = np.unique(spread.round().astype(np.int64))
    starts = range(0, len(chosen), _BATCH)
    parts = [windows.values(chosen[start : start + _BATCH]) for start in starts]
    parts = parts or [np.empty((0, channels, windows.length), np.float32)]
    low = np.full(channels, -np.inf, dtype=np.float32)
    high = np.full(channels, np.inf, dtype=np.float32)
    for channel in range(channels):
        values = np.concatenate([part[:, channel].ravel() for part in parts])
        values = values[~np.isnan(values)]
        if len(values) < 3:
            continue
        tail = max(int(np.ceil(TAIL_SHARE * len(values))), min(TAIL_SAMPLES, len(values) // 100), 1)
        # Only two order statistics are needed: no full sort.
        ordered = np.partition(values, [tail, len(values) - 1 - tail])
        first, last = float(ordered[tail]), float(ordered[-1 - tail])
        reach = SPANS * (last - first)
        low[channel], high[channel] = first - reach, last + reach
    return low, high
