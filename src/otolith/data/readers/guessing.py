"""A first draft of a mapping file from the look of a table: what can be seen is filled in, what
cannot stays "?".

Units and places on the body are never taken from the look of the numbers: the draft says in a
comment what they look like, and a person decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from otolith.core.catalog import PLACEMENTS
from otolith.core.errors import ReadError
from otolith.core.foreign.plain import name_of, plain_size
from otolith.core.text import printable
from otolith.data.quantities import QUANTITIES, units_of
from otolith.data.readers.clock import texts_to_seconds
from otolith.data.readers.columns import Columns, CsvFormat, header_of, read_columns
from otolith.data.signals.rate import measured_rate
from otolith.data.units import gravity_verdict, still_blocks

_LARGEST = 1e15  # as in reading: no sensor reads this, and its square is still a number
_TABLES = re.compile(r"\.(csv|txt|tsv|parquet|pq)(\.gz)?$", re.IGNORECASE)
_TIME_UNITS = {
    "nanoseconds": re.compile(r"nano|[\[(_ ]ns\b", re.IGNORECASE),
    "microseconds": re.compile(r"micro|[\[(_ ][uµ]s\b", re.IGNORECASE),
    "milliseconds": re.compile(r"milli|[\[(_ ]ms\b", re.IGNORECASE),
    "seconds": re.compile(r"second|[\[(_ ]s\b", re.IGNORECASE),
}
_TIME = re.compile(r"time|stamp|zeit|uhr|date|unix|epoch|^t$|elapsed|seconds", re.IGNORECASE)
_SUBJECT = re.compile(r"subject|participant|person|user|patient|proband", re.IGNORECASE)
_LABEL = re.compile(r"label|activity|class|task|exercise|action|aktivit", re.IGNORECASE)
_WRITTEN = (
    "iso",
    "strptime:%d.%m.%Y %H:%M:%S.%f",
    "strptime:%d.%m.%Y %H:%M:%S",
    "strptime:%d/%m/%Y %H:%M:%S.%f",
    "strptime:%d/%m/%Y %H:%M:%S",
    "strptime:%H:%M:%S.%f",
    "strptime:%H:%M:%S",
)


def guess(source: str | Path) -> tuple[str, list[str]]:
    """Draft a mapping file from the first table of a source.

    Returns its text, and sentences on what could not be known. Each "?" in the text fails on import
    until somebody replaces it. Raises ReadError where there is no table.
    """
    source = Path(source)
    path, pattern = _first_table(source)
    csv = _format(path)
    names = header_of(path, csv)
    unknown: list[str] = []
    if not path.suffix.lower().startswith(".p") and 2 * sum(
        _is_number(name, csv) for name in names
    ) >= len(names):
        csv = replace(csv, header=False)
        names = header_of(path, csv)
        unknown.append(
            "What the columns are: the first line holds numbers already, so they are called 1, 2, "
            "3 …"
        )
    triads = _triads(names)
    time = _time_column(path, names, csv)
    if not triads:
        return _open_draft(source, path, pattern, names, time, csv, unknown)
    signal = [name for columns in triads.values() for name in columns]
    numbers = read_columns(path, dict.fromkeys(dict.fromkeys(signal), "number"), csv)
    lines = _first_lines(source, path, pattern, names, time, csv, unknown)
    lines += _sensor_lines(triads, numbers, _rate(path, time, csv), unknown)
    label = next((name for name in names if _LABEL.search(name) and name not in signal), None)
    return "\n".join(lines + _last_lines(path, label, csv, unknown)) + "\n", unknown


def _open_draft(
    source: Path,
    path: Path,
    pattern: str,
    names: list[str],
    time: str | None,
    csv: CsvFormat,
    unknown: list[str],
) -> tuple[str, list[str]]:
    """Draft what can be known where no names tell which columns are x, y and z: by what stands in
    them."""
    named = [name for name, times in Counter(names).items() if name and times == 1]
    numbers = read_columns(path, dict.fromkeys(named, "number"), csv).numbers
    filled = [name for name in named if np.isfinite(numbers[name]).any()]
    time = time or (
        next((name for name in filled if _counts_up(numbers[name])), None)
        if not csv.header
        else None
    )
    open_to_sensors = [name for name in filled if name != time]
    if len(open_to_sensors) < 3:
        raise ReadError(
            f"{path} has no three columns of numbers for a sensor; its columns are "
            f"{', '.join(names[:20])}. "
            "Give the file that holds the signals."
        )
    lines = _first_lines(source, path, pattern, names, time, csv, unknown)
    seen = ", ".join(
        f"{name} ({numbers[name][np.isfinite(numbers[name])][0]:.4g} …)"
        for name in open_to_sensors[:12]
    )
    lines += [
        "[[sensor]]",
        'placement = "?"   # see: otolith list placements',
        f"# the columns, each with its first value: {seen}",
    ]
    for quantity, lead in (("acc", ""), ("gyro", "# ")):
        units = ", ".join(units_of(quantity))
        lines.append(
            f'{lead}{quantity} = {{columns = ["?", "?", "?"], unit = "?"}}   # x, y and z; one of '
            f"{units}"
        )
    unknown.append(
        "Which columns are x, y and z of what: no three names differ only in these letters."
    )
    words = [name for name in named if name not in filled]
    label = next(
        (name for name in words if _LABEL.search(name)),
        words[0] if words and not csv.header else None,
    )
    return "\n".join(lines + _last_lines(path, label, csv, unknown)) + "\n", unknown


def _first_lines(
    source: Path,
    path: Path,
    pattern: str,
    names: Sequence[str],
    time: str | None,
    csv: CsvFormat,
    unknown: list[str],
) -> list[str]:
    lines = [
        f"# Drafted from {printable(name_of(path.name))}. Every ? needs an answer before import.",
        "",
        "[study]",
    ]
    lines += [
        f"name = {_quoted(name_of(source.stem) or 'study')}",
        'terms = ""   # who may use these recordings',
    ]
    lines += [
        'gravity = "included"   # "removed" where the app gives linear or user acceleration',
        "",
        "[files]",
    ]
    lines += [f"pattern = {_quoted(pattern)}", *_who(source, path, names, unknown), ""]
    return lines + _time_lines(path, time, csv, unknown)


def _last_lines(path: Path, label: str | None, csv: CsvFormat, unknown: list[str]) -> list[str]:
    lines: list[str] = []
    if label:
        lines += [
            "",
            "[label]",
            f"column = {_quoted(label)}",
            'ignore = [""]   # add the names that mean nothing',
        ]
    else:
        unknown.append(
            "No column looks like a label: the recordings will be unlabelled. Add [label] if there "
            "is one."
        )
    if csv != CsvFormat() and not path.suffix.lower().startswith(".p"):
        lines += [
            "",
            "[csv]",
            f"delimiter = {_quoted('tab' if csv.delimiter == chr(9) else csv.delimiter)}",
        ]
        lines += [f'decimal = "{csv.decimal}"', f'encoding = "{csv.encoding}"']
        lines += [] if csv.header else ["header = false"]
    return lines


def _is_number(cell: str, csv: CsvFormat) -> bool:
    return bool(re.fullmatch(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", cell.replace(csv.decimal, ".").lower()))


def _counts_up(values: np.ndarray) -> bool:
    steps = np.diff(values[np.isfinite(values)])
    return bool(len(steps) and (steps >= 0).all() and steps.any())


def _first_table(source: Path) -> tuple[Path, str]:
    if not source.is_dir():
        plain_size(source)
        return source, "*" + "".join(
            source.suffixes[-2:] if source.suffix == ".gz" else source.suffixes[-1:]
        )
    files = sorted(
        p for p in source.rglob("*") if p.is_file() and _TABLES.search(p.name) and p.name[0] != "."
    )
    if not files:
        raise ReadError(
            f"{source} holds no table (.csv, .txt, .tsv or .parquet). Unpack archives first."
        )
    ending = _TABLES.search(files[0].name)
    assert ending is not None
    return files[0], f"**/*{ending[0]}"


def _format(path: Path) -> CsvFormat:
    if path.suffix.lower() in (".parquet", ".pq"):
        return CsvFormat()
    encoding = "utf-8"
    try:
        names = header_of(path, CsvFormat(delimiter="\x1f"))
    except ReadError as error:
        # Other faults stay what they are: to try another encoding takes the memory of the whole
        # file.
        if " is not utf-8 text" not in str(error):
            raise
        with path.open("rb") as opened:
            start = opened.read(2)
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        names = header_of(path, CsvFormat(delimiter="\x1f", encoding=encoding))
    line = names[0]
    # The rarer a letter is inside a name, the surer it parts cells.
    delimiter = next((d for d in ("\t", ";", ",", " ") if d in line), ",")
    # With commas between cells there are none left for decimals.
    decimal: Literal[".", ","] = (
        "." if delimiter == "," else _decimal(path, CsvFormat(delimiter, encoding=encoding))
    )
    return CsvFormat(delimiter, decimal, encoding)


def _decimal(path: Path, csv: CsvFormat) -> Literal[".", ","]:
    names = [name for name in header_of(path, csv) if name]
    texts = read_columns(path, dict.fromkeys(names, "text"), csv).texts
    cells = [cell for column in texts.values() for cell in column[:20].to_pylist()]
    return "," if any(re.fullmatch(r"-?\d+,\d+", (cell or "").strip()) for cell in cells) else "."


def _triads(names: Sequence[str]) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Find (rest of the name, quantity) -> three columns whose names differ in one letter: x, y and
    z."""
    out: dict[tuple[str, str], tuple[str, str, str]] = {}
    known = set(names)
    for name in names:
        for at, letter in enumerate(name):
            if letter not in "xX" or (
                name[at - 1 : at].isalpha() and name[at + 1 : at + 2].isalpha()
            ):
                continue
            y, z = (name[:at] + chr(ord(letter) + step) + name[at + 1 :] for step in (1, 2))
            if y not in known or z not in known:
                continue
            rest = re.sub(r"[\[(].*?[\])]", "", name[:at] + " " + name[at + 1 :]).strip(" ._-")
            quantity = _quantity_of(rest)
            if re.search(r"quat|euler|gravity|angle", rest, re.IGNORECASE):
                continue
            if quantity:
                rest = re.sub(QUANTITIES[quantity].header, "", rest, flags=re.IGNORECASE)
            where = rest.strip(" ._-")
            out.setdefault((where.lower(), quantity or "acc"), (name, y, z))
    return out


def _quantity_of(header: str) -> str:
    """The quantity whose words take most of a header: "gyro_mag x" is of a gyroscope."""
    matches = {
        name: match[0]
        for name, quantity in QUANTITIES.items()
        if quantity.axes and (match := re.search(quantity.header, header, re.IGNORECASE))
    }
    return max(matches, key=lambda name: len(matches[name]), default="")


def _time_column(path: Path, names: Sequence[str], csv: CsvFormat) -> str | None:
    return next((name for name in names if _TIME.search(name)), None)


def _time_lines(path: Path, name: str | None, csv: CsvFormat, unknown: list[str]) -> list[str]:
    lines = ["[time]"]
    if name is None:
        unknown.append(
            "No column looks like time: rows are counted, and you have to state their rate_hz."
        )
        return [
            *lines,
            'format = "sample"',
            'rate_hz = "?"   # samples per second, a number without quotes',
            "",
        ]
    format, sure = _time_format(path, name, csv)
    lines += [f"column = {_quoted(name)}", f"format = {_quoted(format)}", ""]
    if format == "?":
        unknown.append(
            f"How the time column '{name}' is written: see format in docs/recordings.md."
        )
    elif not sure:
        lines[2] += "   # judged by the steps between stamps: check it"
        unknown.append(
            f"Whether the time column '{name}' really counts {format}; it was judged by its steps."
        )
    return lines


def _time_format(path: Path, name: str, csv: CsvFormat) -> tuple[str, bool]:
    stamps = read_columns(path, {name: "number"}, csv).numbers[name]
    finite = stamps[np.isfinite(stamps)]
    if not len(finite):
        column = read_columns(path, {name: "text"}, csv).texts[name]
        for format in _WRITTEN:
            try:
                if np.isfinite(texts_to_seconds(column, format, "", str(path))).all():
                    return format, True
            except ReadError:
                continue
        return "?", False
    for least, format in (
        (1e17, "nanoseconds"),
        (1e14, "microseconds"),
        (1e11, "milliseconds"),
        (1e8, "unix"),
    ):
        if abs(float(finite[0])) > least:
            return format, True
    written = next((format for format, look in _TIME_UNITS.items() if look.search(name)), None)
    if written:
        return written, True
    step = float(np.median(np.diff(finite))) if len(finite) > 1 else 0.0
    for most, format in (
        (0.5, "seconds"),
        (500, "milliseconds"),
        (5e5, "microseconds"),
        (5e8, "nanoseconds"),
    ):
        # A step of exactly one may count rows as well as milliseconds.
        if 0 < step < most and step != 1:
            return format, False
    return "?", False


def _rate(path: Path, name: str | None, csv: CsvFormat) -> float:
    if name is None:
        return 50.0
    format, _ = _time_format(path, name, csv)
    scale = {"nanoseconds": 1e-9, "microseconds": 1e-6, "milliseconds": 1e-3}.get(format, 1.0)
    stamps = read_columns(path, {name: "number"}, csv).numbers[name] * scale
    rising = np.unique(stamps[np.isfinite(stamps)])
    return measured_rate(rising) if len(rising) > 1 else 50.0


def _who(source: Path, path: Path, names: Sequence[str], unknown: list[str]) -> list[str]:
    column = next((name for name in names if _SUBJECT.search(name)), None)
    if column:
        return [f"subject = {{column = {_quoted(column)}}}"]
    relative = name_of(path.relative_to(source).as_posix() if source.is_dir() else path.name)
    numbered = re.search(r"[A-Za-z]*\d+", relative)
    if source.is_dir() and numbered:
        unknown.append(
            f"Who was recorded: the pattern takes '{numbered[0]}' from the path {relative}; check "
            f"that."
        )
        pattern = rf"(?P<subject>{re.sub(r'[0-9]+', '', numbered[0])}\d+)"
        return [
            f"subject = {{from = \"path\", pattern = '{pattern}'}}   # takes {numbered[0]} from "
            f"{relative}"
        ]
    unknown.append("Who was recorded: neither a column nor a number in the path tells.")
    return ['subject = {value = "?"}   # a name or code for the person']


def _sensor_lines(
    triads: dict[tuple[str, str], tuple[str, str, str]],
    table: Columns,
    rate_hz: float,
    unknown: list[str],
) -> list[str]:
    lines: list[str] = []
    for number, where in enumerate(dict.fromkeys(place for place, _ in triads)):
        spoken = re.sub(r"[^a-z]+", "_", where).strip("_")
        place = next(
            (name for name in sorted(PLACEMENTS, key=len, reverse=True) if name in spoken), None
        )
        comment = f"the columns say: {place}" if place else "see: otolith list placements"
        lines += ["", "[[sensor]]"] if number else ["[[sensor]]"]
        lines.append(f'placement = "?"   # {comment}')
        unknown.append(
            f"Where the sensor {where or number + 1} was worn"
            + (f" (it looks like {place})." if place else ".")
        )
        if re.search(r"linear|user", where):
            unknown.append(
                f"Whether '{where}' has gravity removed, as its name suggests: then leave it out, "
                f"or say so."
            )
        for (other, quantity), columns in triads.items():
            if other != where:
                continue
            names = ", ".join(_quoted(name) for name in columns)
            look = _unit_look(quantity, columns, table, rate_hz)
            unknown.append(
                f"The unit of {quantity} of sensor {where or number + 1}"
                + (f": {look}." if look else ".")
            )
            options = look or "one of " + ", ".join(units_of(quantity))
            lines.append(f'{quantity} = {{columns = [{names}], unit = "?"}}   # {options}')
    return lines


def _unit_look(quantity: str, columns: tuple[str, str, str], table: Columns, rate_hz: float) -> str:
    written = re.search(r"[\[(](.*?)[\])]", columns[0])
    if written and written[1].replace(" ", "") in units_of(quantity):
        return f"the header says {written[1].replace(' ', '')}"
    values = np.column_stack([table.numbers[name] for name in columns])
    values = values[(np.abs(values) < _LARGEST).all(axis=1)]
    if quantity == "acc" and len(values):
        typical = float(np.median(np.linalg.norm(values, axis=1)))
        for unit, one_g in (("m/s2", 9.80665), ("g", 1.0), ("mg", 1000.0)):
            if 0.85 < typical / one_g < 1.15:
                verdict = gravity_verdict(*still_blocks(values * 9.80665 / one_g, rate_hz))
                return f"a typical norm of {typical:.4g} looks like {unit}" + (
                    "" if verdict.checked else ", never still"
                )
    if quantity == "gyro" and len(values):
        largest = float(np.percentile(np.abs(values), 99.9))
        likely = QUANTITIES[quantity].likely_units(-largest, largest)
        if likely and "rad/s" not in likely:
            return f"values above {QUANTITIES[quantity].plausible[1]:g} look like {likely[0]}"
    return ""


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    # TOML takes no control characters as they are.
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in plain) + '"'
