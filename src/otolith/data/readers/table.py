"""Plain tables, CSV or Parquet, through a mapping file -> recordings.

One file per recording, or one per sensor (joined by person, session and recording); a column may
name the people too. `otolith.data.readers.mapping` lists every setting. A stream is one sensor's
columns on their clock; per stream, the rows read are the rows kept plus the rows reported.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Literal

import numpy as np

from otolith.core.errors import ConfigError, DataError, ReadError
from otolith.core.foreign.plain import name_of
from otolith.core.text import printable
from otolith.data.channels import Channel, triad
from otolith.data.duplicates import warn_of_duplicates
from otolith.data.readers.clock import (
    is_text,
    numbers_to_seconds,
    start_of,
    texts_to_seconds,
    zone_of_numbers,
    zone_of_texts,
)
from otolith.data.readers.columns import Columns, Kind, read_columns
from otolith.data.readers.labels import LabelFiles, label_runs
from otolith.data.readers.mapping import Mapping, Sensor, load_mapping
from otolith.data.readers.planning import Planned, plan, safe_name
from otolith.data.recording import LARGEST, Recording, RowReport, Segment, Stream, refuse_wrong_unit
from otolith.data.study import Study, write_study
from otolith.data.study_files import owned_study, refuse_taken
from otolith.data.units import factor

OnError = Literal["stop", "skip"]
SKIPPED = "skipped.json"
"""Which files were left out, beside study.json."""
_SURE_S = 5.0  # stillness that it takes to refuse a single recording's unit; the study as a whole is judged later


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why."""

    file: str
    reason: str


def import_tables(
    source: str | Path,
    mapping_path: str | Path,
    out: str | Path,
    overwrite: bool = False,
    on_error: OnError = "stop",
    progress: Callable[[Recording], None] | None = None,
) -> Study:
    """Read somebody's own tables into a study folder; what `otolith import --mapping` does.

    With `on_error="skip"` a file that cannot be read is left out, and listed with its reason in
    `skipped.json` beside study.json. Raises ReadError, UnitError, ConfigError or DataError, each
    naming the file.
    """
    out = Path(out)
    refuse_taken(out, overwrite)
    mapping = load_mapping(mapping_path)
    skipped: list[Skipped] = []

    def beside() -> dict[str, list[dict[str, str]]]:
        return {SKIPPED: [dataclasses.asdict(one) for one in skipped]} if skipped else {}

    with owned_study(out, (SKIPPED,)):
        recordings = read_table_study(source, mapping, on_error, skipped, ignore=out)
        first = next(recordings, None)
        if first is None:
            reason = f" The first: {skipped[0].reason}" if skipped else ""
            raise ReadError(
                f"None of the {len(skipped)} files under {source} could be read.{reason}"
            )
        facts = mapping.study
        study = write_study(
            out,
            itertools.chain((first,), recordings),
            name=facts.name,
            source=facts.source or Path(source).name,
            terms=facts.terms,
            citation=facts.citation,
            cut=mapping.cut,
            beside=beside,
            progress=progress,
        )
    warn_of_duplicates(study.name, study.entries)
    return study


def read_table_study(
    source: str | Path,
    mapping: Mapping,
    on_error: OnError = "stop",
    skipped: list[Skipped] | None = None,
    ignore: Path | None = None,
) -> Iterator[Recording]:
    """Read the recordings of a folder (or one file) of tables, one at a time, in a fixed order.

    With `on_error="skip"`, files that cannot be read are added to `skipped` instead of raising.
    Raises ReadError or UnitError, naming the file.
    """
    if on_error not in ("stop", "skip"):
        raise ConfigError(f"on_error is 'stop' or 'skip'; found '{on_error}'.")
    source = Path(source)
    root = source if source.is_dir() else source.parent
    labels = LabelFiles(root, mapping) if mapping.label and mapping.label.file else None
    left_out: list[Skipped] = skipped if skipped is not None else []
    for planned in plan(source, mapping, ignore):
        parts: list[_Part] = []
        for path, sensors in planned.files:
            try:
                parts += _read_file(path, sensors, mapping)
            except DataError as error:
                if on_error == "stop":
                    raise
                left_out.append(
                    Skipped(name_of(path.relative_to(root).as_posix()), printable(str(error)))
                )
        try:
            yield from _recordings(planned, parts, mapping, labels, root)
        except DataError as error:
            if on_error == "stop":
                raise
            left_out += [
                Skipped(name_of(path.relative_to(root).as_posix()), printable(str(error)))
                for path, _ in planned.files
            ]
    if labels:
        try:
            labels.refuse_unused()
        except ReadError as error:
            if on_error == "stop":
                raise
            left_out.append(Skipped(labels.rule.file, printable(str(error))))


def read_planned(planned: Planned, mapping: Mapping, root: Path) -> list[Recording]:
    """Read what some files under `root` hold, without the labels: one recording, or one for each
    person of a column.

    Raises ReadError or UnitError, naming the file.
    """
    silent = dataclasses.replace(mapping, label=None)
    parts = [part for path, sensors in planned.files for part in _read_file(path, sensors, silent)]
    return list(_recordings(planned, parts, silent, None, root))


@dataclass(frozen=True)
class _Part:
    """The rows of one sensor in one file that belong to one person and session, still on the file's
    clock."""

    path: Path
    person: tuple[str, str]
    name: str
    channels: tuple[Channel, ...]
    time_s: np.ndarray
    values: np.ndarray
    rate_hz: float | None
    reports: tuple[RowReport, ...]
    labels: tuple[str | None, ...] | None
    zone: tzinfo | None
    """Of the file's clock, where it tells the time of day."""

    @property
    def first_s(self) -> float:
        finite = self.time_s[np.isfinite(self.time_s)]
        return float(finite[0]) if len(finite) else float("nan")


def _read_file(path: Path, sensors: tuple[Sensor, ...], mapping: Mapping) -> list[_Part]:
    files, label = mapping.files, mapping.label
    columns = read_columns(path, _wanted(sensors, mapping), mapping.csv)
    rows = len(columns)
    people, nobody = _people(columns, mapping)
    if not people:
        raise ReadError(
            f"{path}: the column '{files.subject.column}' names nobody in any of its {rows} rows."
        )
    unplaced = [*columns.reports]
    if nobody:
        unplaced.append(
            RowReport("no subject", nobody, f"column '{files.subject.column}' is empty")
        )
    texts = (
        columns.texts[label.column].cast("string").to_pylist() if label and label.column else None
    )
    parts = []
    for number, (person, pick) in enumerate(people.items()):
        named = None if texts is None else tuple(texts[row] for row in pick)
        for sensor in sensors:
            time_s = _time(columns, sensor, mapping)[pick]
            # Rows that belong to nobody are told with the first person of the file.
            clock = columns.remarks.get(sensor.time_column or mapping.time.column)
            told = (*(unplaced if number == 0 else ()), *((clock,) if clock else ()))
            parts += _sensor_parts(
                columns, sensor, person, pick, time_s, named, told, _zone(columns, sensor, mapping)
            )
    return parts


def _people(columns: Columns, mapping: Mapping) -> tuple[dict[tuple[str, str], np.ndarray], int]:
    """Return (subject, session) -> its rows, and how many rows name nobody."""
    rows = len(columns)
    subject_column = mapping.files.subject.column
    session_column = mapping.files.session.column if mapping.files.session else ""
    if not subject_column and not session_column:
        return {("", ""): np.arange(rows)}, 0
    subjects = (
        columns.texts[subject_column].cast("string").to_pylist() if subject_column else [""] * rows
    )
    sessions = (
        columns.texts[session_column].cast("string").to_pylist() if session_column else [""] * rows
    )
    nobody = 0
    people: dict[tuple[str, str], list[int]] = {}
    for row, (subject, session) in enumerate(zip(subjects, sessions, strict=True)):
        person = ((subject or "").strip(), (session or "").strip())
        if subject_column and not person[0]:
            nobody += 1
        else:
            people.setdefault(person, []).append(row)
    return {person: np.array(chosen) for person, chosen in people.items()}, nobody


def _wanted(sensors: tuple[Sensor, ...], mapping: Mapping) -> dict[str, Kind]:
    wanted: dict[str, Kind] = {}
    for sensor in sensors:
        clock = sensor.time_column or mapping.time.column
        if clock:
            wanted[clock] = "text" if is_text(mapping.time.format) else "number"
        for triad_ in sensor.triads.values():
            wanted |= dict.fromkeys(triad_.columns, "number")
    named = [
        mapping.files.subject.column,
        mapping.files.session.column if mapping.files.session else "",
    ]
    for name in (*named, mapping.label.column if mapping.label else ""):
        if name:
            if name in wanted:
                raise ConfigError(
                    f"The column '{name}' is named twice in the mapping, as a signal and as a name."
                )
            wanted[name] = "text"
    return wanted


def _time(columns: Columns, sensor: Sensor, mapping: Mapping) -> np.ndarray:
    time = mapping.time
    name = sensor.time_column or time.column
    if not name:
        return numbers_to_seconds(np.arange(len(columns), dtype=np.float64), "sample", time.rate_hz)
    if name in columns.texts:
        return texts_to_seconds(
            columns.texts[name], time.format, time.timezone, f"{columns.path}, column '{name}'"
        )
    return numbers_to_seconds(columns.numbers[name], time.format, time.rate_hz)


def _zone(columns: Columns, sensor: Sensor, mapping: Mapping) -> tzinfo | None:
    time = mapping.time
    name = sensor.time_column or time.column
    if name in columns.texts:
        return zone_of_texts(columns.texts[name], time.format, time.timezone)
    return zone_of_numbers(time.format, time.timezone) if name else None


def _sensor_parts(
    columns: Columns,
    sensor: Sensor,
    person: tuple[str, str],
    pick: np.ndarray,
    time_s: np.ndarray,
    labels: tuple[str | None, ...] | None,
    told: tuple[RowReport, ...],
    zone: tzinfo | None,
) -> list[_Part]:
    # One stream for the sensor, or one per quantity where each has rows of its own.
    quantities = sensor.triads
    together = [[quantity] for quantity in quantities] if sensor.separate else [list(quantities)]
    parts = []
    for group in together:
        channels: list[Channel] = []
        values = np.empty((len(pick), 3 * len(group)))
        remarks = []
        for at, quantity in enumerate(group):
            channels += triad(sensor.placement, quantity, sensor.device)
            scale = factor(quantity, quantities[quantity].unit)
            for axis, name in enumerate(quantities[quantity].columns):
                with np.errstate(over="ignore"):
                    values[:, 3 * at + axis] = columns.numbers[name][pick] * scale
                if name in columns.remarks:
                    remarks.append(columns.remarks[name])
        with np.errstate(invalid="ignore"):
            values[~(np.abs(values) < LARGEST)] = np.nan
        keep: np.ndarray = np.ones(len(pick), dtype=bool)
        reports = [*told, *dict.fromkeys(remarks)]
        if sensor.separate:
            keep = np.asarray(np.isfinite(values).any(axis=1))
            if not keep.all():
                reports.append(
                    RowReport("row of another quantity", int((~keep).sum()), "blank here by design")
                )
        # A row that will be left out sets no clock and carries no label; a column that is blank
        # throughout is let off.
        finite = np.isfinite(values)
        usable = finite[:, finite.any(axis=0)].all(axis=1)
        stamps = np.where(usable, time_s, np.nan)
        name = channels[0].sensor + (f".{group[0]}" if sensor.separate else "")
        named = (
            labels
            if labels is None
            else tuple(label for label, kept in zip(labels, keep, strict=True) if kept)
        )
        parts.append(
            _Part(
                columns.path,
                person,
                name,
                tuple(channels),
                stamps[keep],
                values[keep],
                sensor.rate_hz,
                tuple(reports),
                named,
                zone,
            )
        )
    return parts


def _recordings(
    planned: Planned, parts: list[_Part], mapping: Mapping, labels: LabelFiles | None, root: Path
) -> Iterator[Recording]:
    for person in dict.fromkeys(part.person for part in parts):
        yield _recording(
            planned, [part for part in parts if part.person == person], mapping, labels, root
        )


def _recording(
    planned: Planned, parts: list[_Part], mapping: Mapping, labels: LabelFiles | None, root: Path
) -> Recording:
    person = parts[0].person
    subject, session = planned.subject or person[0], person[1] or planned.session
    id = planned.id if not any(person) else safe_name("_".join((planned.id, *filter(None, person))))
    paths = list(dict.fromkeys(part.path for part in parts))
    where = ", ".join(name_of(path.relative_to(root).as_posix()) for path in paths)
    zeros = _zeros(parts, mapping, where)
    streams: list[Stream] = []
    segments: dict[Segment, None] = {}
    for part in parts:
        time_s = part.time_s - zeros[part.path]
        try:
            streams.append(
                Stream.from_rows(
                    part.name, part.channels, time_s, part.values, part.rate_hz, part.reports
                )
            )
        except ReadError as error:
            raise ReadError(f"{part.path}: {error}") from error
        if part.labels is not None and mapping.label and not segments:
            # Every table of a recording carries the same labels; the first one is believed.
            segments = dict.fromkeys(label_runs(time_s, part.labels, mapping.label))
    gravity = mapping.study.gravity
    facts: dict[str, str | int | float] = {"file": where}
    recording = Recording(
        id,
        subject,
        tuple(streams),
        (),
        session,
        gravity=gravity,
        facts=facts,
        start=_start(parts, zeros),
    )
    if labels:
        zero, end = min(zeros.values()), recording.duration_s
        segments = dict.fromkeys(labels.of(id, subject, session, zero, end))
    if recording.gravity == "included":
        for sensor, verdict in recording.gravity_verdicts().items():
            if verdict.still_s >= _SURE_S:
                refuse_wrong_unit(sensor, verdict, where)
    return dataclasses.replace(recording, segments=tuple(segments))


def _start(parts: list[_Part], zeros: dict[Path, float]) -> str | None:
    """The moment of the recording's zero; None where its files do not say, or do not agree."""
    moments = {start_of(zeros[part.path], part.zone) for part in parts}
    return moments.pop() if len(moments) == 1 else None


def _zeros(parts: list[_Part], mapping: Mapping, where: str) -> dict[Path, float]:
    """Return the moment of each file's clock that is the recording's zero."""
    firsts: dict[Path, float] = {}
    lasts: dict[Path, float] = {}
    for part in parts:
        finite = part.time_s[np.isfinite(part.time_s)]
        if not len(finite):
            raise ReadError(
                f"{part.path}: none of its {len(part.time_s)} rows has a stamp and every value of "
                f"'{part.name}' as "
                "numbers. Where acceleration and angular rate stand in rows of their own, write "
                "separate = true under "
                "[[sensor]]; otherwise look at the time column."
            )
        firsts[part.path] = min(firsts.get(part.path, np.inf), part.first_s)
        lasts[part.path] = max(lasts.get(part.path, -np.inf), float(finite[-1]))
    if mapping.time.zero == "first":
        return firsts
    if len(firsts) > 1 and max(firsts.values()) > min(lasts.values()):
        raise ReadError(
            f"{where}: these files are one recording, but their clocks do not overlap. Where each "
            f"file counts from its "
            'own start, write zero = "first" under [time]; otherwise they are not of one recording.'
        )
    return dict.fromkeys(firsts, min(firsts.values()))
