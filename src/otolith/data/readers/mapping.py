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
    # or subject = {column = "person"}, with session = {column = "day"} if there is one;
    # or subject = {value = "P01"}

    [time]
    column = "timestamp"
    format = "milliseconds"           # seconds, microseconds, nanoseconds, unix, iso, sample, or
                                      # such as "strptime:%d.%m.%Y %H:%M:%S.%f"
    timezone = "Europe/Berlin"        # of written stamps without a zone
    zero = "absolute"                 # files of one recording share a clock; "first": each starts
                                      # at its own zero
    rate_hz = 100                     # with format = "sample": rows, or the column's numbers, are
                                      # counted

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
    baro = {columns = ["p"], unit = "hPa"}

    [label]
    column = "activity"               # runs of equal labels become segments
    # or file = "labels.csv" with the columns start, end, label and recording;
    # or file = "labels/{recording}.csv", one for each; {subject} and {session} are filled in too
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

Each table is a settings class below. An unknown key fails and names the nearest; a "?" stands for
what is still to be filled in, and fails too.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, Len

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

Rate = Annotated[float, Interval(gt=0, lt=1e6)]
"""Samples per second; no sensor gives a million."""
_DEVICE = re.compile(r"[A-Za-z0-9_-]{0,40}")
_MOST_STARS = 2  # "**" in a pattern: each multiplies the folders that are looked into


@settings
class StudyFacts:
    """[study]: what the study is called and where it comes from."""

    name: str
    terms: str = ""
    """Who may use the recordings."""
    source: str = ""
    """Where they come from; the folder's name where empty."""
    citation: str = ""
    gravity: Literal["included", "removed"] = "included"
    """Whether accelerations include gravity, or the app subtracted it."""


@settings
class Who:
    """Where a subject's or a session's name is: in the path, in a column, or stated."""

    pattern: str = ""
    """A regular expression over the path below the source, with a group `subject`, and perhaps
    `session`, `recording` and `sensor`."""
    column: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.pattern, self.column, self.value))) != 1:
            raise ConfigError(f"write one of {_forms('subject')}.")
        Pattern(self.pattern)


@settings
class Files:
    """[files]: which files are read, and who was recorded in each."""

    subject: Who
    pattern: Annotated[str, Len(1, 300)] = "*.csv"
    """A glob below the source folder."""
    session: Who | None = None

    def __post_init__(self) -> None:
        # A pattern that climbs out of the source would read files that nobody meant.
        if _climbs(self.pattern) or self.pattern.count("**") > _MOST_STARS:
            raise ConfigError(
                "[files] pattern is a glob below the source folder such as '**/*.csv'; given "
                f"{self.pattern!r}."
            )
        if self.subject.pattern and "subject" not in Pattern(self.subject.pattern).groups:
            raise ConfigError("[files] the subject's pattern has no group (?P<subject>…).")


@settings
class Time:
    """[time]: how moments are written."""

    column: str = ""
    format: str = "seconds"
    timezone: str = ""
    """Zone of stamps that name none, such as Europe/Berlin."""
    zero: Literal["absolute", "first"] = "absolute"
    """Whether the files of one recording share a clock, or each starts at its own zero."""
    rate_hz: Rate | None = None
    """With format = "sample": how many rows (or counts of the column) make a second."""

    def __post_init__(self) -> None:
        check_format(self.format, self.timezone)
        if self.format == "sample" and not self.rate_hz:
            raise ConfigError('[time] format = "sample" counts rows, so it needs rate_hz.')


@settings
class Signal:
    """The columns of one quantity of a sensor, and their unit."""

    columns: tuple[str, ...]
    """x, y and z; one column for a scalar such as air pressure."""
    unit: str


@settings
class Sensor:
    """[[sensor]]: one sensor on the body and its columns."""

    placement: str
    signals: dict[str, Signal]
    """quantity -> its columns; in the file each stands under the quantity's own name."""
    device: str = ""
    """A name, where two devices sit on one place."""
    match: str = ""
    """Which files it is in: a regular expression for the group `sensor` of the path's pattern."""
    rate_hz: Rate | None = None
    """Nominal rate, which is only noted."""
    time_column: str = ""
    """Its own clock, where [time] column is not it."""
    separate: bool = False
    """True where each quantity has rows of its own."""

    def __post_init__(self) -> None:
        placement(self.placement)
        for quantity, signal in self.signals.items():
            factor(quantity, signal.unit)
            axes = QUANTITIES[quantity].axes or ("its value",)
            if len(signal.columns) != len(axes):
                raise ConfigError(
                    f"[[sensor]] {quantity} needs {len(axes)} columns, for {', '.join(axes)}; "
                    f"given {', '.join(signal.columns) or 'none'}."
                )
        if not self.signals:
            raise ConfigError(
                '[[sensor]] has no columns; write acc = {columns = ["x", "y", "z"], unit = "g"}.'
            )
        if not _DEVICE.fullmatch(self.device):
            raise ConfigError(
                f"[[sensor]] device is up to 40 letters, digits, _ and -; given '{self.device}'."
            )
        Pattern(self.match, "[[sensor]] match")


@settings
class Label:
    """[label]: where labels are written, in a column of the table or in a table of their own."""

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
    """True where `start` and `end` count from the recording's start and are not on its clock."""
    ignore: tuple[str, ...] = ()
    """Names that are no label."""
    names: dict[str, str] = field(default_factory=dict)
    """Code in the file -> name of the label."""

    def __post_init__(self) -> None:
        if bool(self.column) == bool(self.file):
            raise ConfigError('[label] needs either column = "…" or file = "…", and not both.')
        if self.format:
            check_format(self.format)
        if _climbs(self.file):
            raise ConfigError(
                f"[label] file is a path below the source folder; given '{self.file}'."
            )


@settings
class Mapping:
    """A whole mapping file; `cut` is its table [evaluation]."""

    study: StudyFacts
    files: Files
    time: Time
    sensors: Annotated[tuple[Sensor, ...], Len(1)]
    label: Label | None = None
    csv: CsvFormat = field(default_factory=CsvFormat)
    cut: Cut = field(default_factory=Cut)

    def __post_init__(self) -> None:
        clocks = all(sensor.time_column for sensor in self.sensors)
        if not (self.time.column or clocks or self.time.format == "sample"):
            raise ConfigError(
                '[time] names no column; without stamps, write format = "sample" and rate_hz.'
            )
        seen: dict[tuple[str, str], int] = {}
        for number, sensor in enumerate(self.sensors, 1):
            first = seen.setdefault((sensor.placement, sensor.device), number)
            if first != number:
                raise ConfigError(
                    f"Sensors {first} and {number} are both on {sensor.placement}; give each a "
                    'device = "…".'
                )


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping file.

    Raises ReadError where there is none, ConfigError where a setting is unknown or does not fit,
    UnitError where a unit is unknown or left open.
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
    """Read the text of a mapping file; raises as `load_mapping` does.

    >>> mapping = parse_mapping('''
    ... study = {name = "ward"}
    ... files = {subject = {value = "P01"}}
    ... time = {column = "t"}
    ... [[sensor]]
    ... placement = "left_wrist"
    ... acc = {columns = ["x", "y", "z"], unit = "g"}
    ... ''')
    >>> mapping.sensors[0].signals["acc"].unit
    'g'
    """
    try:
        content = parse_toml(text, name)
    except ReadError as error:
        raise ConfigError(str(error)) from error
    _refuse_open(content, name)
    parts = ("study", "files", "time", "sensor", "label", "csv", "evaluation")
    refuse_unknown(content, parts, name)
    for part in ("study", "files"):
        if part not in content:
            listed = ", ".join(f"[{part}]" for part in parts)
            raise ConfigError(f"{name} has no [{part}]; the parts are {listed}.")
    blocks = content.get("sensor")
    if not isinstance(blocks, list) or not blocks:
        raise ConfigError(
            f"{name} names no sensor; write a [[sensor]] block with a placement and its acc "
            "columns."
        )
    label = content.get("label")
    return Mapping(
        configure(StudyFacts, content["study"], f"[study] of {name}"),
        _files(content["files"], f"[files] of {name}"),
        configure(Time, content.get("time", {}), f"[time] of {name}"),
        tuple(
            _sensor(block, f"[[sensor]] {number} of {name}")
            for number, block in enumerate(blocks, 1)
        ),
        None if label is None else configure(Label, label, f"[label] of {name}"),
        configure(CsvFormat, content.get("csv", {}), f"[csv] of {name}"),
        configure(Cut, content.get("evaluation", {}), f"[evaluation] of {name}"),
    )


def _climbs(path: str) -> bool:
    return path.startswith(("/", "\\")) or ".." in path or "\x00" in path


def _files(content: object, where: str) -> Files:
    refuse_unknown(content, [f.name for f in dataclasses.fields(Files)], where)
    assert isinstance(content, dict)
    people = {key: content.get(key) for key in ("subject", "session") if key in content}
    for key, who in {"subject": None, **people}.items():
        if not isinstance(who, dict) or who.get("from", "path") != "path":
            raise ConfigError(f"{where} does not say who was recorded; write {_forms(key)}.")
        # `from` says no more than `pattern` does; it only makes the line read well.
        people[key] = {name: value for name, value in who.items() if name != "from"}
    return configure(Files, content | people, where)


def _forms(key: str) -> str:
    path = f'{key} = {{from = "path", pattern = "(?P<{key}>P\\\\d+)"}}'
    return f'{path}, {{column = "…"}} or {{value = "…"}}'


def _sensor(content: object, where: str) -> Sensor:
    own = [f.name for f in dataclasses.fields(Sensor) if f.name != "signals"]
    refuse_unknown(content, [*own, *QUANTITIES], where)
    assert isinstance(content, dict)
    signals = {key: value for key, value in content.items() if key in QUANTITIES}
    rest = {key: value for key, value in content.items() if key not in QUANTITIES}
    return configure(Sensor, {**rest, "signals": signals}, where)


def _refuse_open(content: object, name: str, path: str = "") -> None:
    """Raise ConfigError for a "?", which a guessed mapping has where only a person can know."""
    if isinstance(content, list):
        content = dict(enumerate(content, 1))
    for key, value in content.items() if isinstance(content, dict) else ():
        here = f"{path}.{key}".lstrip(".")
        if value == "?" and key == "unit":
            quantity = path.rpartition(".")[2]
            units = ", ".join(units_of(quantity)) if quantity in QUANTITIES else "its units"
            raise UnitError(
                f"{name}: the unit of {path} is still open. Units are never guessed: replace the "
                f"? by one of {units}."
            )
        if value == "?":
            raise ConfigError(
                f"{name}: {here} is still open: replace the ? (the comment beside it says by what)."
            )
        _refuse_open(value, name, here)
