"""Simulated recordings beside real ones of the same movement: which belong together, on one clock, and how close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float

from otolith.channels import triads
from otolith.errors import ChannelError, ConfigError, DataError
from otolith.recording import Recording, Segment, Stream
from otolith.signals.resample import to_grid
from otolith.simulation.alignment import align
from otolith.simulation.fidelity import Fidelity, banded, fidelity
from otolith.simulation.paired import Paired
from otolith.simulation.sensor import Reading
from otolith.simulation.smoothing import Smoothing

FITS: tuple[str, ...] = ("none", "rotation", "lever")
"""What is estimated of the real sensor's mounting: nothing; its rotation; its rotation and lever arm."""


def compare(
    simulated: Recording,
    real: Recording,
    mounting: str = "none",
    band_hz: float | None = None,
    max_delay_s: float = 0.0,
    fitted_share: float = 0.5,
    normalise: str = "deviation",
) -> dict[str, Fidelity]:
    """Hold every sensor that both recordings have against its counterpart, at the lower of both rates.

    mounting: what is estimated first, on the first `fitted_share` of the common time; the scores are then those of
    the rest, so nothing is scored on what it was fitted to. max_delay_s: how far the clocks may be apart (estimated
    likewise). The other arguments are those of `otolith.simulation.fidelity.fidelity`.

    Raises ChannelError where they share no sensor that has both acceleration and angular rate, DataError where they
    share too little time, ConfigError for an unknown mounting or a share that leaves nothing.
    """
    if mounting not in FITS or not 0.0 < fitted_share < 1.0:
        raise ConfigError(
            f"mounting is one of {', '.join(FITS)}, and fitted_share lies between 0 and 1; found '{mounting}' and "
            f"{fitted_share}."
        )
    ours, theirs = _sensors(simulated), _sensors(real)
    shared = [sensor for sensor in ours if sensor in theirs]
    if not shared:
        raise ChannelError(
            f"Recordings '{simulated.id}' and '{real.id}' share no sensor with acceleration and angular rate: "
            f"{', '.join(ours) or 'none'} and {', '.join(theirs) or 'none'}."
        )
    out = {}
    for sensor in shared:
        rate_hz = min(ours[sensor][0].rate_hz, theirs[sensor][0].rate_hz)
        first, second = (_on_grid(*side[sensor], rate_hz) for side in (ours, theirs))
        count = min(len(first), len(second))
        if band_hz is not None:
            first, second = (banded(part, rate_hz, band_hz, np.isfinite(part[:, 0])) for part in (first, second))
        readings = [Reading(part[:count, :3], part[:count, 3:]) for part in (first, second)]
        where = None
        if mounting != "none" or max_delay_s > 0.0:
            known = np.flatnonzero(np.isfinite(readings[0].acceleration[:, 0] + readings[1].acceleration[:, 0]))
            if known.size < 20:
                raise DataError(f"'{simulated.id}' and '{real.id}' share {known.size} samples of '{sensor}': too few.")
            early = np.arange(count) < known[int(fitted_share * known.size)]
            found = align(
                readings[0], readings[1], rate_hz, early, mounting != "none", mounting == "lever", max_delay_s
            )  # fmt: skip
            readings[0] = found.apply(readings[0], rate_hz)
            where = ~early
        out[sensor] = fidelity(readings[0], readings[1], rate_hz, where, None, normalise)
    return out


def pairs(simulated: Iterable[Recording], real: Iterable[Recording]) -> Iterator[tuple[Recording, Recording]]:
    """Recordings of the same movement: those of one id, else those of one subject and session, if it has one only.

    Real recordings are kept in memory, simulated ones pass by. Raises DataError where nothing belongs together.
    """
    kept = list(real)
    by_id = {recording.id: recording for recording in kept}
    sessions: dict[tuple[str, str], list[Recording]] = {}
    for recording in kept:
        sessions.setdefault((recording.subject, recording.session), []).append(recording)
    seen, found = [], False
    for recording in simulated:
        seen.append(recording.id)
        same = sessions.get((recording.subject, recording.session), [])
        partner = by_id.get(recording.id) or (same[0] if len(same) == 1 else None)
        if partner is not None:
            found = True
            yield recording, partner
    if not found:
        raise DataError(
            f"No simulated recording belongs to a real one: ids {seen[:5]} and {list(by_id)[:5]}. Give both sides the "
            "same ids, or the same subjects and sessions."
        )


def as_recordings(pair: Paired, placement: str, smoothing: Smoothing = "auto") -> tuple[Recording, Recording]:
    """One sensor of a paired set as a simulated and a measured recording, so that both can stand in studies.

    What the set marks as movement is labelled "moving". Raises UnknownNameError for an unknown placement.
    """
    from otolith.channels import triad
    from otolith.simulation.fidelity import stretches

    channels = (*triad(placement, "acc"), *triad(placement, "gyro"))
    segments = [Segment(s.start / pair.rate_hz, s.stop / pair.rate_hz, "moving") for s in stretches(pair.moving)]
    made = []
    for reading in (pair.simulate(smoothing), pair.real):
        values = np.concatenate(reading, axis=1).astype(np.float32)
        known = np.isfinite(values).all(axis=1)
        made.append(Stream(placement, channels, pair.time_s[known], values[known], nominal_rate_hz=pair.rate_hz))
    return (
        Recording(
            pair.name, pair.name, (made[0],), tuple(segments), performer=pair.name, clip=pair.name, origin="simulated"
        ),
        Recording(pair.name, pair.name, (made[1],), tuple(segments)),
    )  # fmt: skip


def _sensors(recording: Recording) -> dict[str, tuple[Stream, list[int]]]:
    """Sensors that have both quantities: their stream, and its columns of acceleration, then of angular rate."""
    out = {}
    for stream in recording.streams:
        found = triads(stream.channels)
        for sensor, quantity in found:
            if quantity == "acc" and (sensor, "gyro") in found:
                out[sensor] = (stream, [*found[(sensor, "acc")], *found[(sensor, "gyro")]])
    return out


def _on_grid(stream: Stream, columns: list[int], rate_hz: float) -> Float[np.ndarray, "T 6"]:
    """Samples at whole multiples of 1 / rate_hz from the recording's start, NaN where there are none."""
    stretches = to_grid(stream.time_s, stream.values[:, columns], rate_hz)
    starts = [round(stretch.start_s * rate_hz) for stretch in stretches]
    length = max((start + len(s.values) for start, s in zip(starts, stretches, strict=True)), default=0)
    out = np.full((length, 6), np.nan)
    for start, stretch in zip(starts, stretches, strict=True):
        out[start : start + len(stretch.values)] = stretch.values
    return out
