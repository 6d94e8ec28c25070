"""A simulated study compared with a real one of the same movements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError, StudyError
from otolith.data.channels import triads
from otolith.data.recording import Recording
from otolith.data.signals.resample import Stretch, join, to_grid
from otolith.data.study import Study
from otolith.motion.fidelity.alignment import align
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
        return {
            "real": self.real, "simulated": self.simulated, "sensor": self.sensor, "lever_m": list(self.lever_m),
            "delay_s": self.delay_s, **self.fidelity.as_dict(),
        }  # fmt: skip


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
    _known(fit)
    found: list[Compared] = []
    notes: list[str] = []
    pairs = [
        (entry["id"], other["id"])
        for entry in real.entries
        for other in simulated.entries
        if entry["id"] in (other["id"], other["clip"])
    ]
    if not pairs:
        here, there = (", ".join(e["id"] for e in study.entries[:3]) for study in (simulated, real))
        raise StudyError(
            f"No simulated recording ({here}, …) is of the same movement as a real one ({there}, "
            f"…): the clip, or the "
            "recording itself, must be named as the real recording is. Name the clips' files so, "
            "or their sidecars."
        )
    for number, (real_id, simulated_id) in enumerate(pairs):
        if progress:
            progress(number, len(pairs), f"{real_id} and {simulated_id}")
        one, other = real.recording(real_id), simulated.recording(simulated_id)
        if (one.gravity, other.gravity) != ("included", "included"):
            notes.append(f"{real_id}: gravity was removed, so it cannot be compared")
            continue
        shared = [sensor for sensor in _sensors(one) if sensor in _sensors(other)]
        if not shared:
            notes.append(
                f"{real_id} and {simulated_id} share no sensor with acceleration and angular rate"
            )
        for sensor in shared:
            try:
                readings, rate_hz, start_s, late_s = _on_one_clock(other, one, sensor, search_s)
                score, lever, delay_s, example = _scored(
                    *readings, rate_hz, fit, band_hz, normalise
                )
            except DataError as error:
                notes.append(f"{real_id}, {sensor}: {error}")
                continue
            example = replace(example, time_s=example.time_s + start_s)
            found.append(
                Compared(real_id, simulated_id, sensor, score, lever, late_s + delay_s, example)
            )
    if progress:
        progress(len(pairs), len(pairs), "")
    return found, notes


def _known(fit: str) -> None:
    if fit not in FITS:
        raise ConfigError(f"fit is {', '.join(FITS)}; found '{fit}'.")


def _scored(
    simulated: Reading,
    real: Reading,
    rate_hz: float,
    fit: Fit,
    band_hz: float | None,
    normalise: str,
) -> tuple[Fidelity, tuple[float, float, float], float, Example]:
    finite = np.isfinite(np.concatenate([*simulated, *real], axis=1)).all(axis=1)
    if band_hz is not None:
        simulated, real = (
            Reading(*(banded(part, rate_hz, band_hz, finite) for part in reading))
            for reading in (simulated, real)
        )
    use = finite
    if fit == "none":
        score = fidelity(simulated, real, rate_hz, use, normalise=normalise)
        return score, (0.0, 0.0, 0.0), 0.0, _liveliest(simulated, real, rate_hz, use)
    first = np.arange(len(use)) < np.searchsorted(np.cumsum(use), use.sum() / 2.0)
    lever = fit == "mounting"
    sits = align(
        simulated, real, rate_hz, use & first, lever=lever, max_delay_s=_LATEST_S if lever else 0.0
    )
    as_worn = sits.apply(simulated, rate_hz)
    found = fidelity(as_worn, real, rate_hz, use & ~first, normalise=normalise)
    x, y, z = (float(value) for value in sits.lever_m)
    return found, (x, y, z), sits.delay_s, _liveliest(as_worn, real, rate_hz, use & ~first)


def _liveliest(simulated: Reading, real: Reading, rate_hz: float, use: np.ndarray) -> Example:
    """The seconds in which the real sensor moves most; only what was scored, the rest NaN."""
    size = np.where(use, np.linalg.norm(real.acceleration, axis=1), np.nan)
    length = min(len(size), max(2, round(EXAMPLE_S * rate_hz)))
    starts = np.arange(0, len(size) - length + 1, max(1, length // 4))
    there = np.nan_to_num(size)
    moved = [
        there[a : a + length].std() if use[a : a + length].mean() > 0.9 else 0.0 for a in starts
    ]
    here = slice(int(starts[int(np.argmax(moved))]), int(starts[int(np.argmax(moved))]) + length)
    hidden = np.where(use[here], 1.0, np.nan)[:, None]
    parts = (Reading(*(part[here] * hidden for part in reading)) for reading in (simulated, real))
    return Example(np.arange(here.start, here.stop) / rate_hz, *parts)


def _sensors(recording: Recording) -> list[str]:
    found = [key for stream in recording.streams for key in triads(stream.channels)]
    return [sensor for sensor, quantity in found if quantity == "acc" and (sensor, "gyro") in found]


def _on_one_clock(
    simulated: Recording, real: Recording, sensor: str, search_s: float
) -> tuple[tuple[Reading, Reading], float, float, float]:
    """Both sensors on one grid of the lower rate, gaps NaN; the rate, the grid's start, how late
    the real one is."""
    parts = {
        "simulated": list(_triads_of(simulated, sensor)),
        "real": list(_triads_of(real, sensor)),
    }
    rate_hz = float(min(rate for found in parts.values() for _, _, rate in found))
    late_s = 0.0
    if search_s > 0:
        turning = {
            side: join([to_grid(time_s, values, rate_hz)], rate_hz)
            for side, (_, (time_s, values, _)) in parts.items()
        }
        late_s = _late(turning["simulated"], turning["real"], rate_hz, search_s)
    both = [(time_s + late_s, values) for time_s, values, _ in parts["simulated"]]
    both += [(time_s, values) for time_s, values, _ in parts["real"]]
    together: list[Stretch] = join(
        [to_grid(time_s, values, rate_hz) for time_s, values in both], rate_hz
    )
    if not together:
        raise DataError(
            "the two never measured at the same time; both must start together, or say --search "
            "SECONDS."
        )
    first = round(together[0].start_s * rate_hz)
    count = round(together[-1].start_s * rate_hz) + len(together[-1].values) - first
    grid = np.full((count, 12), np.nan)
    for stretch in together:
        start = round(stretch.start_s * rate_hz) - first
        grid[start : start + len(stretch.values)] = stretch.values
    readings = Reading(grid[:, :3], grid[:, 3:6]), Reading(grid[:, 6:9], grid[:, 9:])
    return readings, rate_hz, first / rate_hz, late_s


def _late(simulated: list[Stretch], real: list[Stretch], rate_hz: float, most_s: float) -> float:
    """Seconds by which the real clock is late: where both magnitudes of angular rate correlate
    best."""
    from scipy.signal import correlate, correlation_lags

    sizes, starts = [], []
    for stretches in (simulated, real):
        if not stretches:
            raise DataError("there is no stretch without a gap to tell the two clocks from.")
        starts.append(round(stretches[0].start_s * rate_hz))
        end = round(stretches[-1].start_s * rate_hz) + len(stretches[-1].values)
        size = np.full(end - starts[-1], np.nan)
        for stretch in stretches:
            here = round(stretch.start_s * rate_hz) - starts[-1]
            size[here : here + len(stretch.values)] = np.linalg.norm(stretch.values, axis=1)
        sizes.append(np.nan_to_num(size - np.nanmean(size)))
    lags = correlation_lags(len(sizes[1]), len(sizes[0])) + starts[1] - starts[0]
    both = correlate(sizes[1], sizes[0], method="fft")
    allowed = np.abs(lags) <= most_s * rate_hz
    if not allowed.any():
        raise DataError(f"the two are more than {most_s:g} s apart.")
    return float(lags[allowed][int(np.argmax(both[allowed]))] / rate_hz)


def _triads_of(recording: Recording, sensor: str) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    for quantity in ("acc", "gyro"):
        for stream in recording.streams:
            columns = triads(stream.channels).get((sensor, quantity))
            if columns is not None:
                yield (
                    stream.time_s,
                    stream.values[:, list(columns)],
                    stream.nominal_rate_hz or stream.rate_hz,
                )
                break
