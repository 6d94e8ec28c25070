"""One person, one stretch of time: streams, each with a clock of its own, and what was labelled in
it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError, ReadError, UnitError
from otolith.core.text import printable
from otolith.data.channels import Channel
from otolith.data.signals.rate import measured_rate
from otolith.data.units import GravityVerdict, gravity_verdict, still_blocks

_FASTEST_HZ = 1e9 * (1 + 1e-6)  # a nanosecond from stamp to stamp, as float64 has it
LARGEST = 1e15
"""No sensor reads this; beyond it squares overflow float32."""
LATEST_S = 1e10
"""Three hundred years: stamps beyond are damage, and would overflow what is counted from steps
between them."""
_LONGEST_ID = (
    150  # bytes: with the names of stream and temporary file it stays within the 255 of a file name
)


@dataclass(frozen=True)
class RowReport:
    """Rows of a file that were not kept, or what else a reader noticed, in numbers."""

    kind: str
    """Such as "not a number", "repeated stamp", "backward stamp", "lost samples"."""
    rows: int
    """Rows of the file that this accounts for; 0 for a remark about rows that were kept or never
    came."""
    detail: str = ""


@dataclass(frozen=True)
class Segment:
    """A labelled stretch of a recording, in seconds from its start; `end_s` is not part of it."""

    start_s: float
    end_s: float
    label: str
    source: str = "annotation"


@dataclass(frozen=True)
class Stream:
    """The channels of one device that share one clock.

    time_s: (T,) float64, seconds from the recording's start, strictly rising. values: (T, C)
    float32 in SI units.
    """

    name: str
    channels: tuple[Channel, ...]
    time_s: Float[np.ndarray, " T"]
    values: Float[np.ndarray, "T C"]
    nominal_rate_hz: float | None = None
    rows_read: int = -1
    reports: tuple[RowReport, ...] = ()

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.time_s), len(self.channels)):
            raise DataError(
                f"Stream '{self.name}' has {len(self.time_s)} stamps and {len(self.channels)} "
                f"channels, "
                f"but values of shape {self.values.shape}; give values of shape (samples, "
                f"channels)."
            )
        if self.rows_read < 0:
            object.__setattr__(
                self, "rows_read", len(self.time_s) + sum(r.rows for r in self.reports)
            )
        reported = sum(report.rows for report in self.reports)
        if self.rows_read != self.rows_kept + reported:
            raise DataError(
                f"Stream '{self.name}' read {self.rows_read} rows, kept {self.rows_kept} and "
                f"reported {reported}: "
                "its reader lost rows without a word."
            )

    @property
    def rows_kept(self) -> int:
        """Samples that the stream holds."""
        return len(self.time_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last sample."""
        return float(self.time_s[-1] - self.time_s[0]) if len(self.time_s) > 1 else 0.0

    @property
    def rate_hz(self) -> float:
        """Measured rate (see `signals.rate.measured_rate`); nan under two samples."""
        return measured_rate(self.time_s) if len(self.time_s) > 1 else float("nan")

    @classmethod
    def from_rows(
        cls,
        name: str,
        channels: Sequence[Channel],
        time_s: Float[np.ndarray, " T"],
        values: Float[np.ndarray, "T C"],
        nominal_rate_hz: float | None = None,
        reports: Sequence[RowReport] = (),
    ) -> Stream:
        """Clean the rows of a file into a stream: each kind of damage has one treatment, counted in
        a report.

        A row whose stamp or any value is no number that a sensor could give is left out; a stamp
        that repeats or runs back against the last one kept is left out; samples that never came are
        counted from the steps between stamps. A channel that is never a number in the whole file is
        left out with a remark, so that it does not take every row with it; ReadError where no row
        is left.
        """
        rows_read = len(time_s) + sum(report.rows for report in reports)
        out = list(reports)
        time_s = np.asarray(time_s, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            finite = np.abs(values) < LARGEST
        alive = finite.any(axis=0)
        if len(time_s) and not alive.all() and alive.any():
            dead = [
                channel.name for channel, living in zip(channels, alive, strict=True) if not living
            ]
            out.append(RowReport("silent channel", 0, f"never a number: {', '.join(dead)}"))
            channels = [channel for channel, living in zip(channels, alive, strict=True) if living]
            values, finite = values[:, alive], finite[:, alive]
        number = np.isfinite(time_s) & np.isfinite(values).all(axis=1)
        if not number.all():
            out.append(
                RowReport(
                    "not a number", int((~number).sum()), "stamp or value missing or not finite"
                )
            )
        good = number & (np.abs(time_s) < LATEST_S) & finite.all(axis=1)
        if beyond := int((number & ~good).sum()):
            out.append(
                RowReport("out of range", beyond, "stamp or value beyond what any sensor gives")
            )
        time_s, values = time_s[good], values[good]
        if len(time_s):
            # The running maximum is the last stamp kept: whatever does not exceed it repeats or
            # runs back.
            peak = np.maximum.accumulate(time_s)
            previous = np.concatenate(([-np.inf], peak[:-1]))
            repeated, backward = time_s == previous, time_s < previous
            for kind, bad in (("repeated stamp", repeated), ("backward stamp", backward)):
                if bad.any():
                    out.append(
                        RowReport(kind, int(bad.sum()), f"first at {float(time_s[bad][0]):.3f} s")
                    )
            keep = ~(repeated | backward)
            time_s, values = time_s[keep], values[keep]
        if not len(time_s):
            raise ReadError(
                f"Stream '{name}' holds no usable row ({rows_read} read): "
                + "; ".join(f"{r.rows} × {r.kind}" for r in out if r.rows)
                + ". Check that the file is not empty and that its columns are named in the "
                "mapping."
            )
        stream = cls(
            name,
            tuple(channels),
            time_s,
            np.ascontiguousarray(values, dtype=np.float32),
            nominal_rate_hz,
            rows_read,
            tuple(out),
        )
        if len(time_s) > 1 and not stream.rate_hz <= _FASTEST_HZ:
            raise ReadError(
                f"Stream '{name}' has stamps less than a nanosecond apart: {len(time_s)} samples "
                f"in "
                f"{stream.duration_s:.3g} s. Check the unit of its stamps."
            )
        lost, gaps = stream.lost_samples()
        if lost:
            report = RowReport("lost samples", 0, f"{lost} never came, in {gaps} places")
            stream = dataclasses.replace(stream, reports=(*stream.reports, report))
        return stream

    def lost_samples(self) -> tuple[int, int]:
        """Return how many samples never came, judged by the steps between stamps, and in how many
        places."""
        if len(self.time_s) < 3:
            return 0, 0
        periods = np.diff(self.time_s) * self.rate_hz
        missing = np.where(periods > 1.5, np.rint(periods) - 1, 0).astype(np.int64)
        return int(missing.sum()), int((missing > 0).sum())


@dataclass(frozen=True)
class Recording:
    """One person, one stretch of time, one or more streams, with labelled segments.

    Simulated recordings differ only in `origin`, and in `performer` (who moved), `clip` (which
    motion) and `body` (which virtual body wore the sensors), three different things.
    """

    id: str
    subject: str
    streams: tuple[Stream, ...]
    segments: tuple[Segment, ...] = ()
    session: str = "1"
    performer: str | None = None
    clip: str | None = None
    clip_group: str | None = None
    """Where the performer is unknown: clips of one group may be of one person, and stay on one side
    of a split."""
    body: str | None = None
    origin: Literal["measured", "simulated"] = "measured"
    gravity: Literal["included", "removed"] = "included"
    facts: dict[str, str | int | float] = field(default_factory=dict)
    """What else is known and stays with the recording, such as age or height."""
    start: str | None = None
    """The moment of second 0 in ISO 8601 with its zone, such as 2026-03-29T08:15:00.500+02:00; None
    where no file says it."""

    def __post_init__(self) -> None:
        if self.start is not None:
            clock_time(self.start, f"Recording '{self.id}'")
        if not self.id or any(c in self.id for c in '/\\:*?"<>|') or self.id.startswith("."):
            raise DataError(
                f"'{printable(self.id, 200)}' cannot name a recording: it becomes a file name."
            )
        if not self.id.isprintable() or len(self.id.encode()) > _LONGEST_ID:
            raise DataError(
                f"'{printable(self.id, 200)}' cannot name a recording: it becomes a file name, of "
                f"at most "
                f"{_LONGEST_ID} bytes and without control characters."
            )
        names = [channel for stream in self.streams for channel in stream.channels]
        if len(set(names)) != len(names):
            raise DataError(
                f"Recording '{self.id}' has a channel twice; give the second device a name "
                f"(left_wrist@b)."
            )

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels, stream by stream."""
        return tuple(channel for stream in self.streams for channel in stream.channels)

    @property
    def placements(self) -> list[str]:
        """The places on the body where sensors sat."""
        return list(dict.fromkeys(channel.placement for channel in self.channels))

    @property
    def duration_s(self) -> float:
        """Seconds from the recording's start to its last sample."""
        return max(
            (float(stream.time_s[-1]) for stream in self.streams if len(stream.time_s)), default=0.0
        )

    def moment(self, seconds: float) -> datetime | None:
        """Return the clock time of a second of the recording, in the zone of its start; None where
        that is unknown."""
        return (
            None
            if self.start is None
            else clock_time(self.start, f"Recording '{self.id}'", seconds)
        )

    @property
    def group(self) -> str:
        """Whom a split must not tear apart: the subject, or who performed (else which clip) if it
        was simulated."""
        return group_of(self.origin, self.subject, self.performer, self.clip, self.clip_group)

    def gravity_verdicts(self) -> dict[str, GravityVerdict]:
        """Hold every accelerometer against gravity in its still stretches, sensor by sensor."""
        return {sensor: gravity_verdict(*blocks) for sensor, blocks in self.still_blocks().items()}

    def still_blocks(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return for each accelerometer the mean norm of each half second, and whether it was
        still."""
        from otolith.data.channels import triads

        out = {}
        for stream in self.streams:
            for (sensor, quantity), columns in triads(stream.channels).items():
                if quantity == "acc" and len(stream.time_s) > 2:
                    out[sensor] = still_blocks(stream.values[:, list(columns)], stream.rate_hz)
        return out


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which p2 comes before p10.

    >>> sorted(["p10", "p2"], key=natural_key)
    ['p2', 'p10']
    """
    parts = [part for part in re.split(r"(\d+)", text) if part]
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts)


def clock_time(text: object, where: str, seconds: float = 0.0) -> datetime:
    """Read a moment written in ISO 8601 with its zone, and go some seconds on from there.

    Raises DataError where it is none, has no zone, or leaves the calendar.
    """
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        if moment.tzinfo is None:
            raise ValueError("without a zone")
        return (moment.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(moment.tzinfo)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{where} starts at {text!r:.80}; a start is ISO 8601 with a zone, such as "
            f"2026-03-29T08:15:00+02:00, "
            "or left out."
        ) from error


def group_of(
    origin: str,
    subject: str,
    performer: str | None,
    clip: str | None,
    clip_group: str | None = None,
) -> str:
    """Return the unit of an honest split: measured recordings by subject, simulated ones by
    performer.

    Where the performer is unknown, by the group of clips that may share one, else by clip; never by
    body.
    """
    if origin == "simulated":
        return performer or clip_group or clip or subject
    return subject


def group_of_entry(entry: Mapping[str, Any]) -> str:
    """Return the same for a recording's entry in study.json."""
    return group_of(
        entry["origin"],
        entry["subject"],
        entry["performer"],
        entry["clip"],
        entry.get("clip_group"),
    )


def refuse_wrong_unit(sensor: str, verdict: GravityVerdict, where: str) -> None:
    """Raise UnitError where a still sensor does not read gravity."""
    if not verdict.plausible:
        raise UnitError(
            f"{where}: the accelerometer '{sensor}' reads {verdict.median_norm:.3g} m/s² at rest "
            f"({verdict.still_s:.0f} s of stillness); gravity is 9.81. "
            f"{verdict.likely[0].upper()}{verdict.likely[1:]}."
        )
