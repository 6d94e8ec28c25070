"""One file of a mapping -> its parts: the rows of one sensor that belong to one person.

A part is still on the file's own clock; `table` joins parts into recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from otolith.core.errors import ConfigError, ReadError
from otolith.data.channels import Channel, quantity_channels
from otolith.data.quantities import factor
from otolith.data.readers.cells import Columns, Kind
from otolith.data.readers.clock import Clock
from otolith.data.readers.columns import read_columns
from otolith.data.readers.mapping import Mapping, Sensor
from otolith.data.recording import LARGEST, RowReport

Person = tuple[str, str]
"""Subject and session as columns name them; empty where the path or the mapping does."""


@dataclass(frozen=True)
class Part:
    """The rows of one stream in one file that belong to one person and session."""

    path: Path
    person: Person
    name: str
    """What the stream is called."""
    channels: tuple[Channel, ...]
    time_s: Float[np.ndarray, " T"]
    """Seconds on the file's clock; nan where a row has no stamp or lacks a value."""
    values: Float[np.ndarray, "T C"]
    """In SI units; nan where a cell is no number that a sensor could give."""
    rate_hz: float | None
    """Nominal, as the mapping states it."""
    reports: tuple[RowReport, ...]
    labels: tuple[str, ...] | None
    """The label beside each row; None where no column holds labels."""
    zone: tzinfo | None
    """Of the file's clock, where it tells the time of day."""

    @property
    def usable_s(self) -> Float[np.ndarray, " M"]:
        """The stamps of the rows that can be kept."""
        usable: np.ndarray = self.time_s[np.isfinite(self.time_s)]
        return usable


def read_parts(path: Path, sensors: Sequence[Sensor], mapping: Mapping) -> list[Part]:
    """Read one file: a part for each person in it and each stream of each sensor.

    Raises ReadError where the file is damaged or names nobody, ConfigError where the mapping gives
    one column two meanings.
    """
    clocks = [_clock(sensor, mapping) for sensor in sensors]
    table = read_columns(path, _kinds(sensors, clocks, mapping), mapping.csv)
    people, reports = _people(table, mapping)
    reports = (*table.reports, *reports)
    column = mapping.label.column if mapping.label else ""
    labels = table.words(column) if column else None
    # Converted once for the file, however many people are in it.
    times = [clock.seconds(table) for clock in clocks]
    zones = [clock.zone(table) for clock in clocks]
    parts = []
    for person, rows in people.items():
        for sensor, clock, time_s, zone in zip(sensors, clocks, times, zones, strict=True):
            unreadable = [table.remarks[clock.column]] if clock.column in table.remarks else []
            told = (*reports, *unreadable)
            share = _Share(table, sensor, person, rows, time_s[rows], labels, told, zone)
            parts += [share.part(quantities) for quantities in _streams(sensor)]
        reports = ()  # rows that belong to nobody are reported with the first person alone
    return parts


@dataclass(frozen=True)
class _Share:
    """One person's rows of one sensor in a file."""

    table: Columns
    sensor: Sensor
    person: Person
    rows: Int[np.ndarray, " T"]
    time_s: Float[np.ndarray, " T"]
    labels: Sequence[str] | None
    """Of all rows of the file."""
    reports: tuple[RowReport, ...]
    zone: tzinfo | None

    def part(self, quantities: Sequence[str]) -> Part:
        """Return the stream of some of the sensor's quantities, in SI units."""
        sensor, numbers = self.sensor, self.table.numbers
        blocks = [sensor.signals[quantity] for quantity in quantities]
        names = [name for block in blocks for name in block.columns]
        scale = [
            factor(q, b.unit) for q, b in zip(quantities, blocks, strict=True) for _ in b.columns
        ]
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.column_stack([numbers[name][self.rows] for name in names]) * scale
            values[~(np.abs(values) < LARGEST)] = np.nan
        remarks = [self.table.remarks[name] for name in names if name in self.table.remarks]
        reports = [*self.reports, *dict.fromkeys(remarks)]
        finite = np.isfinite(values)
        keep = finite.any(axis=1) if sensor.separate else np.ones(len(values), dtype=bool)
        if blank := int((~keep).sum()):
            reports.append(RowReport("row of another quantity", blank, "blank here by design"))

        # A row that will be left out sets no clock and carries no label. A column that is blank
        # throughout does not count against its rows.
        usable = finite[:, finite.any(axis=0)].all(axis=1)
        rows = self.rows[keep].tolist()
        channels = [
            c for q in quantities for c in quantity_channels(sensor.placement, q, sensor.device)
        ]
        return Part(
            self.table.path,
            self.person,
            channels[0].sensor + (f".{quantities[0]}" if sensor.separate else ""),
            tuple(channels),
            np.where(usable, self.time_s, np.nan)[keep],
            values[keep],
            sensor.rate_hz,
            tuple(reports),
            None if self.labels is None else tuple(self.labels[row] for row in rows),
            self.zone,
        )


def _streams(sensor: Sensor) -> list[list[str]]:
    """Which quantities share a stream: all, or each its own where it has rows of its own."""
    quantities = list(sensor.signals)
    return [[quantity] for quantity in quantities] if sensor.separate else [quantities]


def _clock(sensor: Sensor, mapping: Mapping) -> Clock:
    time = mapping.time
    column = sensor.time_column or time.column
    return Clock(column, time.format if column else "sample", time.timezone, time.rate_hz)


def _kinds(sensors: Sequence[Sensor], clocks: Sequence[Clock], mapping: Mapping) -> dict[str, Kind]:
    """Every column that the mapping names for these sensors, and how it is read."""
    kinds: dict[str, Kind] = {}
    for sensor, clock in zip(sensors, clocks, strict=True):
        if clock.column:
            kinds[clock.column] = clock.kind
        for block in sensor.signals.values():
            kinds |= dict.fromkeys(block.columns, "number")
    files = mapping.files
    session = files.session.column if files.session else ""
    label = mapping.label.column if mapping.label else ""
    for name in filter(None, (files.subject.column, session, label)):
        if name in kinds:
            raise ConfigError(
                f"The column '{name}' is named twice in the mapping, as a signal and as a name."
            )
        kinds[name] = "text"
    return kinds


def _people(
    table: Columns, mapping: Mapping
) -> tuple[dict[Person, Int[np.ndarray, " T"]], tuple[RowReport, ...]]:
    """Return each person's rows, and a report of the rows that name nobody."""
    subject = mapping.files.subject.column
    session = mapping.files.session.column if mapping.files.session else ""
    if not subject and not session:
        return {("", ""): np.arange(len(table))}, ()
    blank = [""] * len(table)
    subjects = table.words(subject) if subject else blank
    sessions = table.words(session) if session else blank
    rows: dict[Person, list[int]] = {}
    for row, person in enumerate(zip(subjects, sessions, strict=True)):
        rows.setdefault(person, []).append(row)
    people = {who: np.array(chosen) for who, chosen in rows.items() if who[0] or not subject}
    if not people:
        raise ReadError(
            f"{table.path}: the column '{subject}' names nobody in any of its {len(table)} rows."
        )
    nobody = len(table) - sum(map(len, people.values()))
    empty = RowReport("no subject", nobody, f"column '{subject}' is empty")
    return people, (empty,) if nobody else ()
