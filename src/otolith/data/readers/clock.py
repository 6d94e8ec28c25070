"""The time column of a table -> seconds, however it is written.

Numbers count from anywhere ("seconds", "sample") or from 1970 ("unix", "milliseconds" …); texts are
ISO 8601 ("iso") or follow a pattern of Python's strptime. Stamps are float64 seconds, rounded to
nanoseconds; nan where one cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from datetime import timezone as fixed_zone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from otolith.core.errors import ConfigError, ReadError, nearest
from otolith.data.readers.cells import Columns, Kind

NUMERIC = {
    "seconds": 1.0,
    "unix": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanoseconds": 1e-9,
    "sample": 1.0,
}
"""Format of a column of numbers -> seconds per count; "sample" counts rows of a stated rate."""
# Stamps before 1843 or after 2096 are damage. Beyond them the counts of lost samples, which are
# made from steps between stamps, would overflow.
_LATEST_S = 4e9
_DECIMALS = 9  # no sensor is faster than 1 GHz
_SINCE_1970 = ("unix", "milliseconds", "microseconds", "nanoseconds")
# A clock that nobody set counts from 1970, 1980 or 2000, or from when it was switched on.
_FIRST_DATE_S = 946_771_200.0  # 2000-01-02
_ZONED = r"\d:\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"
_STRPTIME = "strptime:"
_AT_CLOCK_CHANGE = {"ambiguous": "earliest", "nonexistent": "earliest"}


@dataclass(frozen=True)
class Clock:
    """One column of a table that holds moments, and how they are written.

    >>> from pathlib import Path
    >>> from otolith.data.readers.columns import read_columns
    >>> clock = Clock("t", "milliseconds")
    >>> table = read_columns(Path("a.csv"), {"t": clock.kind}, content=b"t\\n0\\n20\\n")
    >>> clock.seconds(table).tolist()
    [0.0, 0.02]
    """

    column: str
    """Empty where rows are counted instead; `format` is "sample" then."""
    format: str
    timezone: str = ""
    """Zone of written stamps that name none; also of numbers that count from 1970."""
    rate_hz: float | None = None
    """Counts per second of the format "sample"."""

    @property
    def kind(self) -> Kind:
        """How the column is read."""
        return "text" if is_text(self.format) else "number"

    def seconds(self, table: Columns) -> Float[np.ndarray, " T"]:
        """Return the stamps of a table in seconds; ReadError where no text can be read as one."""
        if self.column in table.texts:
            where = f"{table.path}, column '{self.column}'"
            return texts_to_seconds(table.texts[self.column], self.format, self.timezone, where)
        counts = table.numbers[self.column] if self.column else np.arange(len(table), dtype=float)
        return numbers_to_seconds(counts, self.format, self.rate_hz)

    def zone(self, table: Columns) -> tzinfo | None:
        """Return the zone of the clock on the wall; None where the stamps do not tell one."""
        if self.column in table.texts:
            return zone_of_texts(table.texts[self.column], self.format, self.timezone)
        return zone_of_numbers(self.format, self.timezone) if self.column else None


def check_format(format: str, timezone: str = "") -> None:
    """Refuse a time format or zone that does not exist.

    Raises ConfigError, naming the nearest.
    """
    options = [*NUMERIC, "iso", f"{_STRPTIME}%d.%m.%Y %H:%M:%S.%f"]
    if format not in options and not format.startswith(_STRPTIME):
        raise ConfigError(
            f"'{format}' is no time format; write one of "
            f"{', '.join(options)}.{nearest(format, options)}"
        )
    _zone(timezone)


def is_text(format: str) -> bool:
    """Return whether a time column of this format is read as text."""
    return format not in NUMERIC


def numbers_to_seconds(
    column: Float[np.ndarray, " T"], format: str, rate_hz: float | None
) -> Float[np.ndarray, " T"]:
    """Turn a column of numbers into seconds on the file's own clock.

    >>> import numpy as np
    >>> numbers_to_seconds(np.array([0.0, 25.0]), "sample", 50.0).tolist()
    [0.0, 0.5]
    """
    with np.errstate(over="ignore"):
        seconds = column / rate_hz if format == "sample" and rate_hz else column * NUMERIC[format]
    return _sensible(seconds)


def texts_to_seconds(
    column: pa.Array, format: str, timezone: str, where: str
) -> Float[np.ndarray, " T"]:
    """Turn a column of written dates and times into seconds since 1970.

    A stamp without a zone is taken to be in `timezone`, or in UTC where none is given: within one
    recording only differences count. Raises ReadError, quoting the first stamp, where none can be
    read.

    >>> import pyarrow as pa
    >>> texts_to_seconds(pa.array(["1970-01-01 00:00:01.25", "noon"]), "iso", "", "a.csv").tolist()
    [1.25, nan]
    """
    if pa.types.is_timestamp(column.type):  # a column of Parquet that is time already
        if not column.type.tz:
            column = pc.assume_timezone(column, timezone or "UTC", **_AT_CLOCK_CHANGE)
        return _micros(column.cast(pa.timestamp("us", "UTC"), safe=False))
    column = pc.utf8_trim_whitespace(column)
    out = _whole_column(column, format, timezone)
    if out is None:
        zone = _zone(timezone)
        out = _sensible(np.array([_one(text, format, zone) for text in column.to_pylist()], float))
    if len(out) and not np.isfinite(out).any():
        first = next((text for text in column.to_pylist() if text), "")
        raise ReadError(
            f'{where}: no stamp could be read as format = "{format}"; the first one is '
            f"'{first[:60]}'. Describe it under [time], such as "
            f'format = "{_STRPTIME}%d.%m.%Y %H:%M:%S.%f" or "milliseconds".'
        )
    return out


def zone_of_numbers(format: str, timezone: str) -> tzinfo | None:
    """Return the zone of the clock on the wall; None where numbers count from anywhere."""
    return _zone(timezone) if format in _SINCE_1970 else None


def zone_of_texts(column: pa.Array, format: str, timezone: str) -> tzinfo | None:
    """Return the zone of written stamps; None where neither they nor `timezone` name one."""
    if timezone:
        return _zone(timezone)
    if pa.types.is_timestamp(column.type):
        return _zone_of_column(column.type.tz) if column.type.tz else None
    stamps = pc.utf8_trim_whitespace(column).drop_null()
    all_zoned = pc.all(pc.match_substring_regex(stamps, _ZONED)).as_py()
    zoned = "%z" in format if format.startswith(_STRPTIME) else all_zoned
    moments = (_moment(text, format) for text in stamps[:100].to_pylist() if zoned)
    first = next((moment for moment in moments if moment is not None), None)
    offset = None if first is None else first.utcoffset()
    return None if offset is None else fixed_zone(offset)


def start_of(seconds: float, zone: tzinfo | None) -> str | None:
    """Return a moment in seconds since 1970 as ISO 8601 with its zone.

    None without a zone, and where it is no date that a clock that had been set could show.

    >>> from datetime import UTC
    >>> start_of(1_774_764_900.25, UTC), start_of(5.0, UTC)
    ('2026-03-29T06:15:00.250+00:00', None)
    """
    if zone is None or not _FIRST_DATE_S <= seconds < _LATEST_S:
        return None
    moment = datetime.fromtimestamp(round(seconds, 3), zone)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _whole_column(column: pa.Array, format: str, timezone: str) -> np.ndarray | None:
    """Read all stamps at once; None where each has to be looked at by itself."""
    try:
        if format != "iso":
            return _by_pattern(column, format.removeprefix(_STRPTIME), timezone)
        try:
            naive = column.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            return _micros(column.cast(pa.timestamp("us", "UTC")))
        return _micros(pc.assume_timezone(naive, timezone or "UTC", **_AT_CLOCK_CHANGE))
    except (pa.ArrowException, IndexError):
        return None


def _by_pattern(column: pa.Array, pattern: str, timezone: str) -> np.ndarray | None:
    fraction: np.ndarray | float = 0.0
    # Arrow's strptime knows no fractions: they are cut off, read as numbers and added.
    if pattern.endswith("S.%f"):
        pattern = pattern.removesuffix(".%f")
        parts = pc.split_pattern(column, ".", max_splits=1, reverse=True)
        column = pc.list_element(parts, 0)
        decimals = pc.binary_join_element_wise("0.", pc.list_element(parts, 1), "")
        fraction = pc.cast(decimals, pa.float64()).to_numpy(zero_copy_only=False)
    if any(code in pattern for code in ("%f", "%z", "%Z")):
        return None
    naive = pc.strptime(column, format=pattern, unit="us", error_is_null=True)
    return _micros(pc.assume_timezone(naive, timezone or "UTC", **_AT_CLOCK_CHANGE)) + fraction


def _micros(stamps: pa.Array) -> np.ndarray:
    micros = stamps.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return _sensible(micros * 1e-6)


def _sensible(seconds: np.ndarray) -> np.ndarray:
    return np.round(np.where(np.abs(seconds) < _LATEST_S, seconds, np.nan), _DECIMALS)


def _one(text: str | None, format: str, zone: tzinfo) -> float:
    moment = _moment(text or "", format)
    if moment is None:
        return float("nan")
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return float("nan")


def _moment(text: str, format: str) -> datetime | None:
    try:
        if format.startswith(_STRPTIME):
            return datetime.strptime(text, format.removeprefix(_STRPTIME))
        return datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def _zone(timezone: str) -> tzinfo:
    if not timezone:
        return UTC
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"There is no time zone '{timezone}'; one looks like Europe/Berlin or UTC."
        ) from error


def _zone_of_column(name: str) -> tzinfo:
    """The zone of a Parquet column, which is a name or an offset such as +09:00."""
    try:
        if name[0] in "+-":
            return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo or UTC
        return _zone(name)
    except (ValueError, ConfigError):
        return UTC  # whatever it is called, the moments are the same
