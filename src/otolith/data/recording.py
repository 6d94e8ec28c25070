"""One person, one stretch of time: streams, each with its own clock, and labelled segments."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float
from typing_extensions import override

from otolith.core.errors import DataError, ReadError, UnitError
from otolith.core.frames import html_table
from otolith.core.text import printable
from otolith.data.channels import Channel, triads
from otolith.data.signals.rate import measured_rate
from otolith.data.units import GravityVerdict, gravity_verdict, still_blocks

if TYPE_CHECKING:
    from otolith.data.entries import StudyEntry

_FASTEST_HZ = 1e9 * (1 + 1e-6)  # a nanosecond from stamp to stamp, as float64 has it
LARGEST = 1e15
"""No sensor reads this; beyond it squares overflow float32."""
LATEST_S = 1e10
"""Three hundred years: stamps beyond are damage, and would overflow what is counted from steps
between them."""
_LONGEST_ID = 150
"""Bytes: with the names of stream and temporary file it stays within the 255 of a file name."""


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


@dataclass(frozen=True, repr=False)
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
                f"channels, but values of shape {self.values.shape}; give values of shape "
                "(samples, channels)."
            )
        reported = sum(report.rows for report in self.reports)
        if self.rows_read < 0:
            object.__setattr__(self, "rows_read", self.rows_kept + reported)
        if self.rows_read != self.rows_kept + reported:
            raise DataError(
                f"Stream '{self.name}' read {self.rows_read} rows, kept {self.rows_kept} and "
                f"reported {reported}: its reader lost rows without a word."
            )

    @override
    def __repr__(self) -> str:
        return (
            f"Stream('{self.name:.60}', {len(self.channels)} channels, {self.rows_kept} samples, "
            f"{self.rate_hz:.4g} Hz)"
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
        """Clean the rows of a file into a stream; each kind of damage is counted in a report.

        Left out are rows whose stamp or any value is no number that a sensor could give, and rows
        whose stamp repeats or runs back against the last one kept; samples that never came are
        counted from the steps between stamps. A channel that is never a number in the whole file is
        left out with a remark, so that it does not take every row with it. Raises ReadError where
        no row is left, or where stamps are less than a nanosecond apart.
        """
        rows_read = len(time_s) + sum(report.rows for report in reports)
        time_s = np.asarray(time_s, dtype=np.float64)
        out = list(reports)
        living, remark = _living(channels, values)
        out += [remark] if remark else []
        channels = [channel for channel, alive in zip(channels, living, strict=True) if alive]
        values = values[:, living]
        good, reported = _usable_rows(time_s, values)
        out += reported
        time_s, values = time_s[good], values[good]
        keep, reported = _rising_rows(time_s)
        out += reported
        time_s, values = time_s[keep], values[keep]
        if not len(time_s):
            reasons = "; ".join(f"{r.rows} × {r.kind}" for r in out if r.rows)
            raise ReadError(
                f"Stream '{name}' holds no usable row ({rows_read} read): {reasons}. Check that "
                "the file is not empty and that its columns are named in the mapping."
            )
        values = np.ascontiguousarray(values, dtype=np.float32)
        stream = cls(name, tuple(channels), time_s, values, nominal_rate_hz, rows_read, tuple(out))
        if len(time_s) > 1 and not stream.rate_hz <= _FASTEST_HZ:
            raise ReadError(
                f"Stream '{name}' has stamps less than a nanosecond apart: {len(time_s)} samples "
                f"in {stream.duration_s:.3g} s. Check the unit of its stamps."
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


def _living(
    channels: Sequence[Channel], values: Float[np.ndarray, "T C"]
) -> tuple[Bool[np.ndarray, " C"], RowReport | None]:
    """Which channels are ever a number, and a remark about the others; all where none is."""
    living = np.asarray(_readable(values).any(axis=0))
    if living.all() or not living.any():
        return np.ones(len(channels), dtype=bool), None
    silent = ", ".join(c.name for c, alive in zip(channels, living, strict=True) if not alive)
    return living, RowReport("silent channel", 0, f"never a number: {silent}")


def _readable(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(values) < LARGEST)


def _usable_rows(
    time_s: Float[np.ndarray, " T"], values: Float[np.ndarray, "T C"]
) -> tuple[Bool[np.ndarray, " T"], list[RowReport]]:
    """Which rows hold numbers that a sensor gives, and what was wrong with the others."""
    number = np.isfinite(time_s) & np.isfinite(values).all(axis=1)
    good = number & (np.abs(time_s) < LATEST_S) & _readable(values).all(axis=1)
    reports = []
    if blank := int((~number).sum()):
        reports.append(RowReport("not a number", blank, "stamp or value missing or not finite"))
    if beyond := int((number & ~good).sum()):
        reports.append(
            RowReport("out of range", beyond, "stamp or value beyond what any sensor gives")
        )
    return good, reports


def _rising_rows(time_s: Float[np.ndarray, " T"]) -> tuple[Bool[np.ndarray, " T"], list[RowReport]]:
    """Which stamps exceed all before them; the others repeat one or run back."""
    if not len(time_s):
        return np.ones(0, dtype=bool), []
    peak = np.maximum.accumulate(time_s)
    previous = np.concatenate(([-np.inf], peak[:-1]))
    repeated, backward = time_s == previous, time_s < previous
    reports = [
        RowReport(kind, int(bad.sum()), f"first at {float(time_s[bad][0]):.3f} s")
        for kind, bad in (("repeated stamp", repeated), ("backward stamp", backward))
        if bad.any()
    ]
    return ~(repeated | backward), reports


@dataclass(frozen=True, repr=False)
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
        fits = self.id.isprintable() and len(self.id.encode()) <= _LONGEST_ID
        if not fits or not names_a_file(self.id):
            raise DataError(
                f"'{printable(self.id, 200)}' cannot name a recording: it becomes a file name, of "
                f"at most {_LONGEST_ID} bytes and without control characters."
            )
        names = [channel for stream in self.streams for channel in stream.channels]
        if len(set(names)) != len(names):
            raise DataError(
                f"Recording '{self.id}' has a channel twice; give the second device a name "
                "(left_wrist@b)."
            )

    @override
    def __repr__(self) -> str:
        return (
            f"Recording('{self.id:.60}' of '{self.subject:.60}', {self.duration_s:.1f} s, "
            f"{len(self.streams)} streams, {len(self.segments)} segments)"
        )

    def _repr_html_(self) -> str:
        streams = {
            stream.name: f"{len(stream.channels)} channels, {stream.rows_kept} samples, "
            f"{stream.rate_hz:.4g} Hz"
            for stream in self.streams
        }
        labels = ", ".join(sorted({segment.label for segment in self.segments})) or "none"
        facts = {"subject": self.subject, "seconds": f"{self.duration_s:.1f}", "labels": labels}
        return html_table(f"Recording '{self.id}'", facts | streams)

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
        """Return the clock time of a second of the recording; None where its start is unknown."""
        if self.start is None:
            return None
        return clock_time(self.start, f"Recording '{self.id}'", seconds)

    @property
    def group(self) -> str:
        """Whom a split must not tear apart: the subject, or who performed (else which clip) if it
        was simulated."""
        return group_of(self.origin, self.subject, self.performer, self.clip, self.clip_group)

    def gravity_verdicts(self) -> dict[str, GravityVerdict]:
        """Hold every accelerometer against gravity in its still stretches, sensor by sensor."""
        return {sensor: gravity_verdict(*blocks) for sensor, blocks in self.still_blocks().items()}

    def still_blocks(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return for each accelerometer the mean norm of each half second, and which were still."""
        return {
            sensor: still_blocks(stream.values[:, list(columns)], stream.rate_hz)
            for stream in self.streams
            for (sensor, quantity), columns in triads(stream.channels).items()
            if quantity == "acc" and stream.rows_kept > 2
        }


def names_a_file(text: str) -> bool:
    """Whether a text can be a file's name on every system."""
    return bool(text) and not text.startswith(".") and not any(c in text for c in '/\\:*?"<>|')


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which p2 comes before p10.

    >>> sorted(["p10", "p2"], key=natural_key)
    ['p2', 'p10']
    """
    parts = [part for part in re.split(r"(\d+)", text) if part]
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts)


def clock_time(text: object, where: str, seconds: float = 0.0) -> datetime:
    """Read a moment in ISO 8601 with its zone, and add some seconds.

    `where` begins the message. Raises DataError where it has no zone or leaves the calendar.
    """
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        if moment.tzinfo is None:
            raise ValueError("without a zone")
        return (moment.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(moment.tzinfo)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{where} starts at {text!r:.80}; a start is ISO 8601 with a zone, such as "
            "2026-03-29T08:15:00+02:00, or left out."
        ) from error


def group_of(
    origin: str,
    subject: str,
    performer: str | None,
    clip: str | None,
    clip_group: str | None = None,
) -> str:
    """Return the unit of an honest split: the subject, or the performer of a simulated recording.

    Where the performer is unknown, it is the group of clips that may share one, else the clip;
    never the body.
    """
    if origin == "simulated":
        return performer or clip_group or clip or subject
    return subject


def group_of_entry(entry: StudyEntry) -> str:
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
