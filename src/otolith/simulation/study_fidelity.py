"""A simulated study held against a real one of the same movements, or a published paired set against its own optics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from otolith.channels import triads
from otolith.errors import ConfigError, DataError, StudyError
from otolith.recording import Recording
from otolith.signals.resample import Stretch, join, to_grid
from otolith.simulation.alignment import align
from otolith.simulation.fidelity import Fidelity, banded, fidelity
from otolith.simulation.paired import read_broad, read_gaitmap
from otolith.simulation.sensor import Reading
from otolith.study import Study

Fit = Literal["none", "rotation", "mounting"]
FITS = ("none", "rotation", "mounting")
_LATEST_S = 0.25
"""How far two clocks that were started by hand, or matched by an event, are looked for."""


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
    """How much later the fit took the real clock to be."""

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, for JSON."""
        return {
            "real": self.real, "simulated": self.simulated, "sensor": self.sensor, "lever_m": list(self.lever_m),
            "delay_s": self.delay_s, **self.fidelity.as_dict(),
        }  # fmt: skip


def compare_studies(
    simulated: Study, real: Study, fit: Fit = "mounting", band_hz: float | None = None, normalise: str = "deviation"
) -> tuple[list[Compared], list[str]]:
    """Hold every real sensor against the simulated ones of the same movement; return them, and what was left out.

    A simulated recording goes with the real one whose id is its own id or its clip's name; times start together. Only
    sensors with acceleration and angular rate on both sides are compared, at the lower rate. fit: what of the mounting
    is estimated on the first half ("rotation", or "mounting": rotation, lever arm and delay); the second half is
    scored. "none" scores everything as it is. band_hz, normalise: see `otolith.simulation.fidelity.fidelity`.

    Raises StudyError where no recording of one goes with one of the other, ConfigError for an unknown fit.
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
            f"No simulated recording ({here}, …) is of the same movement as a real one ({there}, …): the clip, or the "
            "recording itself, must be named as the real recording is. Name the clips' files so, or their sidecars."
        )
    for real_id, simulated_id in pairs:
        one, other = real.recording(real_id), simulated.recording(simulated_id)
        if (one.gravity, other.gravity) != ("included", "included"):
            notes.append(f"{real_id}: gravity was removed, so it cannot be compared")
            continue
        shared = [sensor for sensor in _sensors(one) if sensor in _sensors(other)]
        if not shared:
            notes.append(f"{real_id} and {simulated_id} share no sensor with acceleration and angular rate")
        for sensor in shared:
            try:
                readings, rate_hz = _on_one_clock(other, one, sensor)
                result = _scored(*readings, rate_hz, fit, band_hz, normalise)
            except DataError as error:
                notes.append(f"{real_id}, {sensor}: {error}")
                continue
            found.append(Compared(real_id, simulated_id, sensor, *result))
    return found, notes


def compare_paired(
    folder: str | Path, fit: Fit = "none", band_hz: float | None = None, normalise: str = "deviation"
) -> list[Compared]:
    """Hold what the optics of a published paired set foretell against its sensors: BROAD's .mat, or gaitmap's CSV.

    Raises DataError where the folder is neither, ReadError for a damaged file, ConfigError for an unknown fit.
    """
    _known(fit)
    folder = Path(folder)
    trials = sorted(folder.glob("*.mat"))
    walks = sorted(path.parent for path in folder.rglob("mocap_sample.csv"))
    if not trials and not walks:
        raise DataError(
            f"{folder} is no study and no paired set: it has no study.json, no .mat of BROAD and no mocap_sample.csv "
            "of gaitmap. Type: otolith fidelity SIMULATED_STUDY REAL_STUDY"
        )
    pairs = [read_broad(path) for path in trials]
    pairs += [read_gaitmap(walk, side) for walk in walks for side in ("left", "right")]
    out = []
    for pair in pairs:
        path, simulated = pair.follow("auto"), pair.simulate("auto")
        result = _scored(simulated, pair.real, pair.rate_hz, fit, band_hz, normalise, pair.moving & path.known)
        out.append(Compared(pair.name, "its own optics", "sensor", *result))
    return out


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
    where: np.ndarray | None = None,
) -> tuple[Fidelity, tuple[float, float, float], float]:
    finite = np.isfinite(np.concatenate([*simulated, *real], axis=1)).all(axis=1)
    if band_hz is not None:
        simulated, real = (
            Reading(*(banded(part, rate_hz, band_hz, finite) for part in reading)) for reading in (simulated, real)
        )
    use = finite if where is None else where & finite
    if fit == "none":
        return fidelity(simulated, real, rate_hz, use, normalise=normalise), (0.0, 0.0, 0.0), 0.0
    first = np.arange(len(use)) < np.searchsorted(np.cumsum(use), use.sum() / 2.0)
    lever = fit == "mounting"
    sits = align(simulated, real, rate_hz, use & first, lever=lever, max_delay_s=_LATEST_S if lever else 0.0)
    found = fidelity(sits.apply(simulated, rate_hz), real, rate_hz, use & ~first, normalise=normalise)
    x, y, z = (float(value) for value in sits.lever_m)
    return found, (x, y, z), sits.delay_s


def _sensors(recording: Recording) -> list[str]:
    found = [key for stream in recording.streams for key in triads(stream.channels)]
    return [sensor for sensor, quantity in found if quantity == "acc" and (sensor, "gyro") in found]


def _on_one_clock(simulated: Recording, real: Recording, sensor: str) -> tuple[tuple[Reading, Reading], float]:
    """Both sensors on one grid of the lower rate, gaps NaN."""
    parts = [part for recording in (simulated, real) for part in _triads_of(recording, sensor)]
    rate_hz = float(min(rate for _, _, rate in parts))
    together: list[Stretch] = join([to_grid(time_s, values, rate_hz) for time_s, values, _ in parts], rate_hz)
    if not together:
        raise DataError("the two never measured at the same time; both must start together.")
    first = round(together[0].start_s * rate_hz)
    count = round(together[-1].start_s * rate_hz) + len(together[-1].values) - first
    grid = np.full((count, 12), np.nan)
    for stretch in together:
        start = round(stretch.start_s * rate_hz) - first
        grid[start : start + len(stretch.values)] = stretch.values
    return (Reading(grid[:, :3], grid[:, 3:6]), Reading(grid[:, 6:9], grid[:, 9:])), rate_hz


def _triads_of(recording: Recording, sensor: str) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    for quantity in ("acc", "gyro"):
        for stream in recording.streams:
            columns = triads(stream.channels).get((sensor, quantity))
            if columns is not None:
                yield stream.time_s, stream.values[:, list(columns)], stream.nominal_rate_hz or stream.rate_hz
                break
