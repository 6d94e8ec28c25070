"""Streams of any clock onto one grid of time, gap-free stretch by gap-free stretch.

Every sensor has a clock of its own: another rate than its data sheet says, stamps that jitter,
samples that were lost. Here each stream is brought onto the samples at whole multiples of 1 /
rate_hz from the start of its recording, so that sensors can be joined sample by sample. Nothing is
made up across a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from otolith.core.errors import ConfigError, DataError
from otolith.data.signals.cubic import cubic
from otolith.data.signals.polyphase import fractional, polyphase
from otolith.data.signals.rate import measured_rate

_UNIFORM = 0.1
"""Of the period: stamps closer than this to an even grid jitter, the sampling itself does not."""
_ON_GRID = 0.01
"""Of the source period: an offset below this is rounding of the stamps, not a shift."""
_DENOMINATORS = (16, 256)
"""Simple ratios first (33.333 to 50 Hz is 3/2), then those like 51.2 to 50 Hz (125/128)."""


@dataclass(frozen=True)
class Stretch:
    """One run of samples without a gap, on the grid of its recording: sample i is at start_s + i /
    rate_hz."""

    start_s: float
    """Time of the first sample, from the start of the recording; a whole multiple of 1 / rate_hz.
    """
    values: Float[np.ndarray, "T C"]
    """float32 samples, in the unit in which they came."""
    received: Bool[np.ndarray, "T ..."]
    """(T,), or (T, S) of S joined sensors; False where the nearest sample was lost and the value is
    interpolated."""


def to_grid(
    time_s: Float[np.ndarray, " T"],
    values: Float[np.ndarray, "T C"],
    rate_hz: float,
    bridge_s: float = 0.1,
    source_rate_hz: float | None = None,
) -> list[Stretch]:
    """Return a stream at another rate, by its own clock, as one stretch per run without a gap.

    Lost samples of up to `bridge_s` are interpolated linearly and marked; a longer gap ends the
    stretch, and neither filter nor interpolation reaches across it. Rows that hold a value that is
    not finite count as lost; a channel that holds none at all stays as it is. The samples of every
    stretch lie at whole multiples of 1 / rate_hz.

    Evenly sampled streams whose rate is a simple fraction of the new one go through one zero-phase
    anti-alias filter, at the same rate and without offset unchanged to the bit. Others (jitter, a
    drifting clock, 103 to 50 Hz) are first interpolated by a cubic onto an even grid at a multiple
    of `rate_hz` not below their own rate. `source_rate_hz` is measured where it is not given.
    time_s (T,) in s from the start of the recording, values (T, C) in any unit. Raises ConfigError
    for a rate or bridge out of range, DataError for stamps that repeat or go back.
    """
    if not (np.isfinite(rate_hz) and rate_hz > 0 and bridge_s >= 0):
        raise ConfigError(
            f"rate_hz is above 0 and bridge_s 0 s or more; found rate_hz={rate_hz} and "
            f"bridge_s={bridge_s}. Try rate_hz=50, bridge_s=0.1."
        )
    time, samples = _checked_time(time_s), np.asarray(values, dtype=np.float32)
    if samples.ndim != 2 or len(samples) != len(time):
        raise DataError(
            f"Each sample needs one stamp; found {len(time)} stamps and values of shape "
            f"{samples.shape}."
        )
    whole = _finite_rows(samples)
    if not whole.all():
        time, samples = time[whole], samples[whole]
    if len(time) < 2:
        return []
    source_hz = measured_rate(time) if source_rate_hz is None else source_rate_hz
    # Counted in samples, with a tenth of one as allowance: "exactly bridge_s" is a bridge also
    # where stamps jitter.
    lost = np.rint(np.diff(time) * source_hz) - 1.0
    ends = np.flatnonzero(lost > bridge_s * source_hz + 0.1) + 1
    bounds = [0, *ends.tolist(), len(time)]
    stretches = (_one_run(time[a:b], samples[a:b], rate_hz, source_hz) for a, b in pairwise(bounds))
    return [stretch for stretch in stretches if len(stretch.received)]


def join(streams: Sequence[Sequence[Stretch]], rate_hz: float) -> list[Stretch]:
    """Return the stretches of time that all sensors cover, their channels side by side in the order
    of the sensors.

    `received` keeps a column for each sensor, as sensors lose packets apart from one another. All
    stretches on the grid of `rate_hz`, as `to_grid` makes them. Raises ConfigError without sensors
    and DataError for a stretch that lies off the grid.
    """
    if not streams:
        raise ConfigError("join takes the stretches of at least one sensor; found none.")
    spans = [
        deque((_grid_index(s.start_s, rate_hz), s) for s in sorted(stream, key=_start))
        for stream in streams
    ]
    joined = []
    while all(spans):
        current = [span[0] for span in spans]
        first = max(index for index, _ in current)
        stops = [index + len(stretch.received) for index, stretch in current]
        last = min(stops)
        if last > first:
            cuts = [(stretch, slice(first - index, last - index)) for index, stretch in current]
            received = np.stack([stretch.received[cut] for stretch, cut in cuts], axis=1)
            values = np.concatenate([stretch.values[cut].T for stretch, cut in cuts]).T
            joined.append(Stretch(first / rate_hz, values, received))
        # Whichever stretch ends first has nothing more to share with the others.
        spans[stops.index(last)].popleft()
    return joined


def _start(stretch: Stretch) -> float:
    return stretch.start_s


def _grid_index(start_s: float, rate_hz: float) -> int:
    index = round(start_s * rate_hz)
    if abs(start_s * rate_hz - index) > 1e-3:
        raise DataError(
            f"A stretch starts at {start_s} s, which is no whole multiple of 1/{rate_hz:g} s. "
            f"Bring each sensor to the rate first: to_grid(time_s, values, rate_hz={rate_hz:g})."
        )
    return index


def _checked_time(time_s: Float[np.ndarray, " T"]) -> np.ndarray:
    time = np.asarray(time_s, dtype=np.float64)
    if not np.isfinite(time).all():
        raise DataError(
            f"{int((~np.isfinite(time)).sum())} of {len(time)} time stamps are empty. Leave their "
            "rows out."
        )
    wrong = np.flatnonzero(np.diff(time) <= 0)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"Time must increase; {len(wrong)} of {len(time)} stamps repeat or go back, the first "
            f"one at row {row + 1} ({time[row]:.6f} s, then {time[row + 1]:.6f} s). Leave these "
            "rows out, or sort them by time."
        )
    return time


def _finite_rows(samples: np.ndarray) -> np.ndarray:
    """Return the rows without a missing value, not counting channels that are missing from start to
    end."""
    finite = np.isfinite(samples)
    present = finite.any(axis=0)
    return np.asarray(finite[:, present].all(axis=1))


def _one_run(time: np.ndarray, samples: np.ndarray, rate_hz: float, source_hz: float) -> Stretch:
    """Bring one run without gaps onto the grid."""
    step = np.diff(time) * source_hz
    place = np.concatenate([[0], np.cumsum(np.maximum(np.rint(step), 1.0))]).astype(np.int64)
    filled, received = _bridge(place, samples)
    for denominator in _DENOMINATORS:
        ratio = Fraction(rate_hz / source_hz).limit_denominator(denominator)
        if not 0 < ratio.numerator <= denominator:
            continue
        even_hz = rate_hz * ratio.denominator / ratio.numerator
        late = time - place / even_hz
        origin = float(late.max() + late.min()) / 2.0
        if float(late.max() - late.min()) <= 2.0 * _UNIFORM / even_hz:
            return _even(origin, even_hz, filled, received, rate_hz, ratio)
    stamps = np.interp(np.arange(len(received)), place, time)
    return _uneven(stamps, filled, received, rate_hz, source_hz)


def _bridge(place: Int[np.ndarray, " T"], samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put samples at their places and draw straight lines through the places of lost ones."""
    received = np.zeros(int(place[-1]) + 1, dtype=np.bool_)
    received[place] = True
    if received.all():
        return samples, received
    filled = np.empty((len(received), samples.shape[1]), dtype=np.float32)
    filled[place] = samples
    lost = np.flatnonzero(~received)
    for channel in range(samples.shape[1]):
        filled[lost, channel] = np.interp(lost, place, samples[:, channel])
    return filled, received


def _even(
    origin: float,
    even_hz: float,
    filled: np.ndarray,
    received: np.ndarray,
    rate_hz: float,
    ratio: Fraction,
) -> Stretch:
    """Filter an evenly sampled run onto the grid; the shift between both grids is part of the
    filter."""
    first = int(np.ceil(origin * rate_hz - _ON_GRID * rate_hz / even_hz))
    shift = (first / rate_hz - origin) * even_hz  # in source samples
    if abs(shift - round(shift)) <= _ON_GRID:
        shift = float(round(shift))
    # No sample after the last one of the source: the end is not extended.
    ends = len(filled) - 1 - shift
    count = int(np.floor(ends * ratio.numerator / ratio.denominator + 1e-6)) + 1 if ends >= 0 else 0
    values = fractional(filled, ratio.numerator, ratio.denominator, shift, count)
    position = shift + np.arange(count) * (ratio.denominator / ratio.numerator)
    return Stretch(first / rate_hz, values, _received_at(position, received))


def _uneven(
    stamps: np.ndarray, filled: np.ndarray, received: np.ndarray, rate_hz: float, source_hz: float
) -> Stretch:
    """Interpolate an uneven run onto a fine even grid, then filter that down to the wanted rate."""
    # 1 % of slack: 50.2 Hz to 50 Hz has nothing to gain from a grid at 100 Hz.
    multiple = max(1, int(np.ceil(source_hz / rate_hz - 0.01)))
    first = int(np.ceil(stamps[0] * rate_hz - 1e-6))
    count = max(0, int(np.floor(stamps[-1] * rate_hz + 1e-6)) - first + 1)
    fine_count = max(0, (count - 1) * multiple + 1)
    fine = cubic(stamps, filled, first * multiple, rate_hz * multiple, fine_count)
    values = polyphase(fine, 1, multiple)[:count]
    position = np.interp(np.arange(first, first + count) / rate_hz, stamps, np.arange(len(stamps)))
    return Stretch(first / rate_hz, values, _received_at(position, received))


def _received_at(position: np.ndarray, received: np.ndarray) -> np.ndarray:
    nearest = np.floor(position + 0.5).astype(np.int64)
    return np.asarray(received[np.clip(nearest, 0, len(received) - 1)])
