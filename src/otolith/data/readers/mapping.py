r"""The mapping file: what the columns of somebody's own tables mean, stated once, in TOML.

    [study]
    name = "Ward 7"                   # needed
    terms = "internal"                # who may use it
    source = "AX6, clinic"            # where it comes from
    citation = ""
    gravity = "included"              # or "removed", where the app subtracted it

    [files]
    pattern = "**/*.csv"              # below the source folder
    subject = {from = "path", pattern = '(?P<subject>P\d+)_(?P<session>\d+)_(?P<sensor>[a-z]+)'}
    # or subject = {column = "person"}, with session = {column = "day"} if there is one; or subject = {value = "P01"}

    [time]
    column = "timestamp"
    format = "milliseconds"           # seconds, microseconds, nanoseconds, unix, iso, sample, or such as
                                      # "strptime:%d.%m.%Y %H:%M:%S.%f"
    timezone = "Europe/Berlin"        # of written stamps without a zone
    zero = "absolute"                 # files of one recording share a clock; "first": each starts at its own zero
    rate_hz = 100                     # with format = "sample": rows (or the column's numbers) are counted

    [[sensor]]                        # one block per sensor
    placement = "left_wrist"          # otolith list placements
    device = ""                       # a name, where two devices sit on one place
    match = "lw"                      # which files it is in, by the group `sensor` of the pattern
    rate_hz = 100                     # nominal, only noted
    time_column = ""                  # a clock of its own
    separate = false                  # true where acc and gyro stand in rows of their own
    acc = {columns = ["ax", "ay", "az"], unit = "g"}
    gyro = {columns = ["gx", "gy", "gz"], unit = "deg/s"}
    mag = {columns = ["mx", "my", "mz"], unit = "uT"}

    [label]
    column = "activity"               # runs of equal labels become segments
    # or file = "labels.csv" with the columns start, end, label and recording;
    # or file = "labels/{recording}.csv", one for each: {recording}, {subject} and {session} are filled in
    ignore = ["", "transition"]       # not a label
    names = {"1" = "walking"}         # codes -> names

    [csv]
    delimiter = ";"                   # also "tab", "space"
    decimal = ","
    encoding = "utf-8"
    skip_rows = 0                     # lines above the header
    skip_after_header = 0             # such as a line of units
    comment = "#"
    header = true                     # false: columns are called "1", "2", …

    [evaluation]                      # how the study is cut by default: the fields of Cut
    seconds = 5.0

An unknown key fails and names the nearest; a "?" stands for what is still to be filled in, and
fails too.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from otolith.core.catalog import placement
from otolith.core.errors import ConfigError, ReadError, UnitError
from otolith.core.foreign.patterns import Pattern
from otolith.core.foreign.plain import read_text
from otolith.core.foreign.texts import MAX_TOML_BYTES, parse_toml
from otolith.core.settings import configure, refuse_unknown, settings
from otolith.data.quantities import QUANTITIES, factor, units_of
from otolith.data.readers.clock import check_format
from otolith.data.readers.columns import CsvFormat
from otolith.data.windows import Cut


@settings
class StudyFacts:
    """What the study is called and where it comes from."""

    name: str
    terms: str = ""
    source: str = ""
    citation: str = ""
    gravity: Literal["included", "removed"] = "included"


@settings
class Who:
    """Where a subject's or a session's name is found: in the path, in a column, or stated."""

    pattern: str = ""
    """A regular expression over the path below the source, with a group `subject`, and perhaps
    `session`, `recording` and `sensor`."""
    column: str = ""
    value: str = ""


@settings
class Files:
    """Which files, and who was recorded in each."""

    subject: Who
    pattern: str = "*.csv"
    session: Who | None = None


@settings
class Time:
    """How moments are written."""

    column: str = ""
    format: str = "seconds"
    timezone: str = ""
    zero: Literal["absolute", "first"] = "absolute"
    rate_hz: float | None = None


@settings
class Triad:
    """Three columns and their unit."""

    columns: tuple[str, str, str]
    unit: str


@settings
class Sensor:
    """One sensor on the body and its columns."""

    placement: str
    device: str = ""
    match: str = ""
    rate_hz: float | None = None
    time_column: str = ""
    separate: bool = False
    acc: Triad | None = None
    gyro: Triad | None = None
    mag: Triad | None = None

    @property
    def triads(self) -> dict[str, Triad]:
        """quantity -> its columns, for those that the sensor has."""
        return {
            name: found for name in QUANTITIES if (found := getattr(self, name, None)) is not None
        }


@settings
class Label:
    """Where labels are written: in a column of the table, or in a table of their own."""

    column: str = ""
    file: str = ""
    start: str = "start"
    end: str = "end"
    label: str = "label"
    recording: str = "recording"
    """Column of the label file that names the recording; not needed with one label file per
    recording."""
    format: str = ""
    """How `start` and `end` are written; empty for the same as [time]."""
    from_start: bool = False
    """True where `start` and `end` count from the recording's start instead of standing on its
    clock."""
    ignore: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)


@settings
class Mapping:
    """A whole mapping file."""

    study: StudyFacts
    files: Files
    time: Time
    sensors: tuple[Sensor, ...]
    label: Label | None = None
    csv: CsvFormat = field(default_factory=CsvFormat)
    cut: Cut = field(default_factory=Cut)


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping file.

    Raises ReadError where there is none, ConfigError where it says something unknown, UnitError
    where a unit is unknown or left open.
    """
    path = Path(path)
    try:
        text = read_text(path, MAX_TOML_BYTES)
    except ReadError as error:
        raise ReadError(
            f"The mapping file {path} cannot be read ({error}). "
            f"Have a first one written: otolith import SOURCE --guess --mapping {path}"
        ) from error
    return parse_mapping(text, str(path))


def parse_mapping(text: str, name: str = "mapping") -> Mapping:
    """Read the text of a mapping file; raises as `load_mapping` does."""
    try:
        content = parse_toml(text, name)
    except ReadError as error:
        raise ConfigError(str(error)) from error
    _refuse_open(content, name)
    parts = ("study", "files", "time", "sensor", "label", "csv", "evaluation")
    refuse_unknown(content, parts, name)
    for part in ("study", "files"):
        if part not in content:
            raise ConfigError(
                f"{name} has no [{part}]; the parts are {', '.join(f'[{p}]' for p in parts)}."
            )
    blocks = content.get("sensor")
    if not isinstance(blocks, list) or not blocks:
        raise ConfigError(
            f"{name} names no sensor; write a [[sensor]] block with a placement and its acc "
            f"columns."
        )
    label = configure(Label, content["label"], f"[label] of {name}") if "label" in content else None
    mapping = Mapping(
        configure(StudyFacts, content["study"], f"[study] of {name}"),
        _files(content["files"], name),
        configure(Time, content.get("time", {}), f"[time] of {name}"),
        tuple(
            _sensor(block, f"[[sensor]] {number + 1} of {name}")
            for number, block in enumerate(blocks)
        ),
        label,
        configure(CsvFormat, content.get("csv", {}), f"[csv] of {name}"),
        configure(Cut, content.get("evaluation", {}), f"[evaluation] of {name}"),
    )
    _check(mapping, name)
    return mapping


def _check(mapping: Mapping, name: str) -> None:
    time, label = mapping.time, mapping.label
    check_format(time.format, time.timezone)
    if time.format == "sample" and not time.rate_hz:
        raise ConfigError(f'{name}: format = "sample" counts rows, so [time] needs rate_hz.')
    if (
        time.format != "sample"
        and not time.column
        and not all(s.time_column for s in mapping.sensors)
    ):
        raise ConfigError(
            f'{name}: [time] names no column; without stamps, write format = "sample" and rate_hz.'
        )
    for rate in (time.rate_hz, *(sensor.rate_hz for sensor in mapping.sensors)):
        if rate is not None and not 0 < rate < 1e6:
            raise ConfigError(f"{name}: a rate of {rate} Hz is not possible.")
    if label and bool(label.column) == bool(label.file):
        raise ConfigError(f'{name}: [label] needs either column = "…" or file = "…", and not both.')
    if label and label.format:
        check_format(label.format)
    if label and _climbs(label.file):
        raise ConfigError(
            f"{name}: the label file lies below the source folder; found '{label.file}'."
        )
    csv = mapping.csv
    if csv.decimal not in (".", ",") or csv.decimal == csv.delimiter:
        raise ConfigError(f"{name}: decimal is '.' or ',', and not the delimiter.")
    if len(csv.delimiter) != 1 and csv.delimiter not in ("tab", "space", "\\t"):
        raise ConfigError(
            f"{name}: the delimiter is one letter, or tab, or space; found '{csv.delimiter}'."
        )
    if (
        csv.delimiter == '"'
        or not csv.delimiter.isascii()
        or not (csv.delimiter == "\t" or csv.delimiter.isprintable())
    ):
        raise ConfigError(
            f"{name}: '{csv.delimiter!r}' cannot part cells; common are ',', ';' and tab."
        )
    seen: dict[tuple[str, str], int] = {}
    for number, sensor in enumerate(mapping.sensors, 1):
        first = seen.setdefault((sensor.placement, sensor.device), number)
        if first != number:
            raise ConfigError(
                f"{name}: sensors {first} and {number} are both on {sensor.placement}; give each a "
                f'device = "…".'
            )


def _climbs(path: str) -> bool:
    return path.startswith(("/", "\\")) or ".." in path or "\x00" in path


def _files(content: Any, name: str) -> Files:
    where = f"[files] of {name}"
    refuse_unknown(content, [f.name for f in dataclasses.fields(Files)], where)
    subject = _who(content.get("subject"), "subject", where)
    session = _who(content["session"], "session", where) if "session" in content else None
    if subject.pattern and "subject" not in Pattern(subject.pattern, where).groups:
        raise ConfigError(f"{where}: the subject's pattern has no group (?P<subject>…).")
    pattern = content.get("pattern", "*.csv")
    # Path.glob takes no absolute pattern, and one that climbs out of the source would read a
    # stranger's files.
    if (
        not isinstance(pattern, str)
        or not pattern
        or _climbs(pattern)
        or pattern.count("**") > 2
        or len(pattern) > 300
    ):
        raise ConfigError(
            f"{where}: pattern is a glob below the source folder such as '**/*.csv'; found "
            f"{pattern!r}."
        )
    return Files(subject, pattern, session)


def _who(content: Any, what: str, where: str) -> Who:
    forms = f'{what} = {{from = "path", pattern = "(?P<{what}>P\\\\d+)"}}, {{column = "…"}} or {{value = "…"}}'
    if not isinstance(content, dict):
        raise ConfigError(f"{where} does not say who was recorded; write {forms}.")
    refuse_unknown(content, ["from", "pattern", "column", "value"], where)
    if (
        content.get("from", "path") != "path"
        or sum(key in content for key in ("pattern", "column", "value")) != 1
    ):
        raise ConfigError(f"{where}: write {forms}.")
    who = configure(Who, {key: value for key, value in content.items() if key != "from"}, where)
    Pattern(who.pattern, where)
    return who


def _sensor(content: Any, where: str) -> Sensor:
    if not isinstance(content, dict):
        raise ConfigError(f"{where} is no table of settings.")
    triads: dict[str, Triad] = {}
    for quantity in QUANTITIES:
        if quantity not in content:
            continue
        here = f"{quantity} in {where}"
        triad = configure(Triad, content[quantity], here)
        factor(quantity, triad.unit)
        triads[quantity] = triad
    if not triads:
        raise ConfigError(
            f'{where} has no columns; write acc = {{columns = ["x", "y", "z"], unit = "g"}}.'
        )
    sensor = configure(Sensor, dict(content) | triads, where)
    placement(sensor.placement)
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,40}", sensor.device):
        raise ConfigError(
            f"{where}: a device is called by up to 40 letters, digits, _ and -; found "
            f"'{sensor.device}'."
        )
    Pattern(sensor.match, f"{where}, match")
    return sensor


def _refuse_open(content: Any, name: str, path: str = "") -> None:
    # A guessed mapping leaves "?" where only a person can know.
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in items:
        here = f"{path}.{key + 1 if isinstance(key, int) else key}".lstrip(".")
        if value == "?" and key == "unit":
            quantity = path.rpartition(".")[2]
            raise UnitError(
                f"{name}: the unit of {path} is still open. Units are never guessed: replace the ? "
                f"by one of "
                f"{', '.join(units_of(quantity) if quantity in QUANTITIES else ())}."
            )
        if value == "?":
            raise ConfigError(
                f"{name}: {here} is still open: replace the ? (the comment beside it says by what)."
            )
        _refuse_open(value, name, here)
