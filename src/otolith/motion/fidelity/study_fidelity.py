"""A simulated study compared with a real one of the same movements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError, StudyError
from otolith.data.channels import triads
from otolith.data.recording import Recording
from otolith.data.signals.resample import join, to_grid
from otolith.data.study import Study
from otolith.motion import rotations
from otolith.motion.fidelity.alignment import Alignment, align
from otolith.motion.fidelity.fidelity import Fidelity, banded, fidelity
from otolith.motion.simulation.sensor import Reading

Fit = Literal["none", "rotation", "mounting"]
FITS = ("none", "rotation", "mounting")
_LATEST_S = 0.25
"""How far two clocks that were started by hand, or matched by an event, are looked for."""
EXAMPLE_S = 6.0
"""How much of each pair is kept to be looked at."""


@dataclass(frozen=True)
class Example:
    """The liveliest seconds of what was scored, as it was scored."""

    time_s: Float[np.ndarray, " T"]
    """On the real recording's clock."""
    simulated: Reading
    real: Reading


@dataclass(frozen=True)
class Compared:
    """One simulated sensor held against the real one."""

    real: str
    """The real recording."""
    simulated: str
    """The simulated one."""
    sensor: str
    fidelity: Fidelity
    lever_m: tuple[float, float, float]
    """Where the fit put the real sensor, from the simulated one, in its axes."""
    delay_s: float
    """How much later the real clock was taken to be."""
    example: Example
    """Some seconds to look at."""

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, for JSON."""
        names = ("real", "simulated", "sensor", "lever_m", "delay_s")
        return {name: getattr(self, name) for name in names} | self.fidelity.as_dict()


def compare_studies(
    simulated: Study,
    real: Study,
    fit: Fit = "mounting",
    band_hz: float | None = None,
    normalise: str = "deviation",
    search_s: float = 0.0,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[list[Compared], list[str]]:
    """Hold every real sensor against the simulated ones of the same movement; return them, and what
    was left out.

    A simulated recording goes with the real one whose id is its own id or its clip's name; times
    start together, or within `search_s` of each other: then the shift is sought at which the
    angular rates go together best. Only sensors with acceleration and angular rate on both sides
    are compared, at the lower rate. fit: what of the mounting is estimated on the first half
    ("rotation", or "mounting": rotation, lever arm and delay); the second half is scored. "none"
    scores everything as it is. band_hz, normalise: see `otolith.motion.fidelity.fidelity.fidelity`.
    `progress(done, pairs, what)` is called before each pair and at the end.

    Raises StudyError where no recording of one goes with one of the other, ConfigError for an
    unknown fit.
    """
    if fit not in FITS:
        raise ConfigError(f"fit is {', '.join(FITS)}; found '{fit}'.")
    compared: list[Compared] = []
    notes: list[str] = []
    pairs = [
        (entry["id"], other["id"])
        for entry in real.entries
        for other in simulated.entries
        if entry["id"] in (other["id"], other["clip"])
    ]
    if not pairs:
        ids = [", ".join(e["id"] for e in study.entries[:3]) for study in (simulated, real)]
        raise StudyError(
            f"No simulated recording ({ids[0]}, …) is of the same movement as a real one "
            f"({ids[1]}, …): the clip, or the recording itself, must be named as the real "
            "recording is. Name the clips' files so, or their sidecars."
        )
    for number, (real_id, simulated_id) in enumerate(pairs):
        if progress:
            progress(number, len(pairs), f"{real_id} and {simulated_id}")
        one, other = real.recording(real_id), simulated.recording(simulated_id)
        for result in _of_pair(one, other, fit, band_hz, normalise, search_s):
            if isinstance(result, str):
                notes.append(result)
            else:
                compared.append(result)
    if progress:
        progress(len(pairs), len(pairs), "")
    return compared, notes


def _of_pair(
    real: Recording,
    simulated: Recording,
    fit: Fit,
    band_hz: float | None,
    normalise: str,
    search_s: float,
) -> Iterator[Compared | str]:
    """Every sensor that two recordings share, or why it cannot be compared."""
    if (real.gravity, simulated.gravity) != ("included", "included"):
        yield f"{real.id}: gravity was removed, so it cannot be compared"
        return
    shared = [sensor for sensor in _sensors(real) if sensor in _sensors(simulated)]
    if not shared:
        yield f"{real.id} and {simulated.id} share no sensor with acceleration and angular rate"
    for sensor in shared:
        try:
            readings, rate_hz, start_s, late_s = _on_one_clock(simulated, real, sensor, search_s)
            score, sits, example = _scored(*readings, rate_hz, fit, band_hz, normalise)
        except DataError as error:
            yield f"{real.id}, {sensor}: {error}"
            continue
        x, y, z = sits.lever_m.tolist()
        example = replace(example, time_s=example.time_s + start_s)
        delay_s = late_s + sits.delay_s
        yield Compared(real.id, simulated.id, sensor, score, (x, y, z), delay_s, example)


def _scored(
    simulated: Reading,
    real: Reading,
    rate_hz: float,
    fit: Fit,
    band_hz: float | None,
    normalise: str,
) -> tuple[Fidelity, Alignment, Example]:
    """How well two sensors agree, as the fit on the first half of the samples has them sit."""
    use = np.isfinite(np.concatenate([*simulated, *real], axis=1)).all(axis=1)
    if band_hz is not None:
        simulated, real = (
            Reading(*(banded(part, rate_hz, band_hz, use) for part in reading))
            for reading in (simulated, real)
        )
    sits = Alignment(rotations.IDENTITY, np.zeros(3))
    if fit != "none":
        # Half of the samples that count, not of the clock: gaps would leave one side with little.
        first = np.arange(len(use)) < np.searchsorted(np.cumsum(use), use.sum() / 2.0)
        lever = fit == "mounting"
        latest_s = _LATEST_S if lever else 0.0
        sits = align(simulated, real, rate_hz, use & first, lever=lever, max_delay_s=latest_s)
        simulated, use = sits.apply(simulated, rate_hz), use & ~first
    score = fidelity(simulated, real, rate_hz, use, normalise=normalise)
    return score, sits, _liveliest(simulated, real, rate_hz, use)


def _liveliest(simulated: Reading, real: Reading, rate_hz: float, use: np.ndarray) -> Example:
    """The seconds in which the real sensor moves most; only what was scored, the rest NaN."""
    size = np.where(use, np.nan_to_num(np.linalg.norm(real.acceleration, axis=1)), 0.0)
    length = min(len(size), max(2, round(EXAMPLE_S * rate_hz)))
    starts = range(0, len(size) - length + 1, max(1, length // 4))
    parts = [slice(start, start + length) for start in starts]
    moved = [size[part].std() if use[part].mean() > 0.9 else 0.0 for part in parts]
    best = parts[int(np.argmax(moved))]
    hidden = np.where(use[best], 1.0, np.nan)[:, None]
    shown = (Reading(*(part[best] * hidden for part in reading)) for reading in (simulated, real))
    return Example(np.arange(best.start, best.stop) / rate_hz, *shown)


def _sensors(recording: Recording) -> list[str]:
    keys = [key for stream in recording.streams for key in triads(stream.channels)]
    return [sensor for sensor, quantity in keys if quantity == "acc" and (sensor, "gyro") in keys]


def _on_one_clock(
    simulated: Recording, real: Recording, sensor: str, search_s: float
) -> tuple[tuple[Reading, Reading], float, float, float]:
    """Both sensors on one grid of the lower rate, gaps NaN; the rate, the grid's start, how late
    the real one is."""
    sides = [[*_triads_of(simulated, sensor)], [*_triads_of(real, sensor)]]
    rate_hz = float(min(rate for side in sides for _, _, rate in side))
    late_s = 0.0
    if search_s > 0:
        turning = [_gridded([side[1][:2]], rate_hz) for side in sides]
        late_s = _late(turning[0], turning[1], rate_hz, search_s)
    both = [(time_s + late_s, values) for time_s, values, _ in sides[0]]
    both += [(time_s, values) for time_s, values, _ in sides[1]]
    grid, first = _gridded(both, rate_hz)
    acc, gyro, real_acc, real_gyro = np.split(grid, 4, axis=1)
    return (Reading(acc, gyro), Reading(real_acc, real_gyro)), rate_hz, first / rate_hz, late_s


def _gridded(
    signals: Sequence[tuple[np.ndarray, np.ndarray]], rate_hz: float
) -> tuple[Float[np.ndarray, "T C"], int]:
    """Signals (stamps, values) side by side on one grid, gaps NaN, and its first sample's number."""
    stretches = join([to_grid(time_s, values, rate_hz) for time_s, values in signals], rate_hz)
    if not stretches:
        raise DataError(
            "the two never measured at the same time; both must start together, or say --search "
            "SECONDS."
        )
    starts = [round(stretch.start_s * rate_hz) for stretch in stretches]
    count = starts[-1] + len(stretches[-1].values) - starts[0]
    grid = np.full((count, stretches[0].values.shape[1]), np.nan)
    for start, stretch in zip(starts, stretches, strict=True):
        grid[start - starts[0] :][: len(stretch.values)] = stretch.values
    return grid, starts[0]


def _late(
    simulated: tuple[np.ndarray, int], real: tuple[np.ndarray, int], rate_hz: float, most_s: float
) -> float:
    """Seconds by which the real clock is late: where both magnitudes of angular rate correlate
    best."""
    from scipy.signal import correlate, correlation_lags

    ours, theirs = (np.linalg.norm(grid, axis=1) for grid, _ in (simulated, real))
    ours, theirs = (np.nan_to_num(size - np.nanmean(size)) for size in (ours, theirs))
    # Angular rate alone: gravity would correlate at every lag.
    lags = correlation_lags(len(theirs), len(ours)) + real[1] - simulated[1]
    both = correlate(theirs, ours, method="fft")
    allowed = np.abs(lags) <= most_s * rate_hz
    if not allowed.any():
        raise DataError(f"the two are more than {most_s:g} s apart.")
    return float(lags[allowed][int(np.argmax(both[allowed]))] / rate_hz)


def _triads_of(recording: Recording, sensor: str) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Stamps, values and rate of a sensor's acceleration, then of its angular rate."""
    for quantity in ("acc", "gyro"):
        for stream in recording.streams:
            columns = triads(stream.channels).get((sensor, quantity))
            if columns is not None:
                rate_hz = stream.nominal_rate_hz or stream.rate_hz
                yield stream.time_s, stream.values[:, list(columns)], rate_hz
                break
