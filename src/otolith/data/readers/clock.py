"""The time column of a table -> seconds, whichever way it was written."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from datetime import timezone as fixed_zone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from otolith.core.errors import ConfigError, ReadError, nearest

NUMERIC = {
    "seconds": 1.0,
    "unix": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanoseconds": 1e-9,
    "sample": 1.0,
}
# Stamps before 1843 or after 2096 are damage, and no sensor is faster than 1 GHz: what lies beyond
# would overflow the counts of lost samples that are made from steps between stamps.
_LATEST_S = 4e9
_DECIMALS = 9
_SINCE_1970 = ("unix", "milliseconds", "microseconds", "nanoseconds")
# A clock that nobody set counts from 1970, 1980 or 2000, or from when it was switched on.
_FIRST_DATE_S = 946_771_200.0  # 2000-01-02
_ZONED = r"\d:\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"


def check_format(format: str, timezone: str = "") -> None:
    """Refuse a time format or zone that does not exist.

    Raises ConfigError, naming the nearest.
    """
    options = [*NUMERIC, "iso", "strptime:%d.%m.%Y %H:%M:%S.%f"]
    if format not in options and not format.startswith("strptime:"):
        raise ConfigError(
            f"'{format}' is no time format; write one of "
            f"{', '.join(options)}.{nearest(format, options)}"
        )
    _zone(timezone)


def is_text(format: str) -> bool:
    """Whether a time column of this format is read as text."""
    return format not in NUMERIC


def numbers_to_seconds(
    column: Float[np.ndarray, " T"], format: str, rate_hz: float | None
) -> Float[np.ndarray, " T"]:
    """Turn a column of numbers into seconds on the file's own clock; nan where there is no sensible
    number."""
    with np.errstate(over="ignore"):
        seconds = column / rate_hz if format == "sample" and rate_hz else column * NUMERIC[format]
    return _sensible(seconds)


def texts_to_seconds(
    column: pa.Array, format: str, timezone: str, where: str
) -> Float[np.ndarray, " T"]:
    """Turn a column of written dates and times into seconds since 1970; nan where one cannot be
    read.

    A stamp without a zone is taken to stand in `timezone`, or in UTC where none is given: within
    one recording only differences count. Raises ReadError, quoting the first stamp, where none can
    be read.
    """
    if pa.types.is_timestamp(column.type):
        # A column of a Parquet file that is time already.
        zoned = (
            column
            if column.type.tz
            else pc.assume_timezone(column, timezone or "UTC", **_AT_CLOCK_CHANGE)
        )
        return _micros(zoned.cast(pa.timestamp("us", "UTC"), safe=False))
    column = pc.utf8_trim_whitespace(column)
    out = _fast(column, format, timezone)
    if out is None:
        zone = _zone(timezone)
        out = np.array([_one(text, format, zone) for text in column.to_pylist()], dtype=np.float64)
        out = _sensible(out)
    if len(out) and not np.isfinite(out).any():
        first = next((text for text in column.to_pylist() if text), "")
        raise ReadError(
            f'{where}: no stamp could be read as format = "{format}"; the first one is '
            f"'{first[:60]}'. "
            'Describe it under [time], such as format = "strptime:%d.%m.%Y %H:%M:%S.%f" or '
            '"milliseconds".'
        )
    return out


def zone_of_numbers(format: str, timezone: str) -> tzinfo | None:
    """Return the zone in which a column of numbers can be told as clock time; None where it counts
    from anywhere."""
    return _zone(timezone) if format in _SINCE_1970 else None


def zone_of_texts(column: pa.Array, format: str, timezone: str) -> tzinfo | None:
    """Return the zone in which a column of written stamps is told; None where neither they nor
    `timezone` say one."""
    if timezone:
        return _zone(timezone)
    if pa.types.is_timestamp(column.type):
        return _zone_of_column(column.type.tz) if column.type.tz else None
    pattern = format.removeprefix("strptime:")
    stamps = pc.utf8_trim_whitespace(column).drop_null()
    zoned = (
        "%z" in pattern
        if pattern != format
        else pc.all(pc.match_substring_regex(stamps, _ZONED)).as_py()
    )
    if not zoned or not len(stamps):
        return None
    for text in stamps[:100].to_pylist():
        try:
            stamp = (
                datetime.fromisoformat(text)
                if pattern == format
                else datetime.strptime(text, pattern)
            )
        except ValueError:
            continue
        return fixed_zone(offset) if (offset := stamp.utcoffset()) is not None else None
    return None


def _zone_of_column(name: str) -> tzinfo:
    # Parquet names a zone, or an offset such as +09:00; what it calls otherwise is the same moment
    # in UTC.
    try:
        return (
            datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo or UTC
            if name[0] in "+-"
            else _zone(name)
        )
    except (ValueError, ConfigError):
        return UTC


def start_of(seconds: float, zone: tzinfo | None) -> str | None:
    """Return a moment in seconds since 1970 in ISO 8601 with its zone; None where it is no date
    that a clock had."""
    if zone is None or not _FIRST_DATE_S <= seconds < _LATEST_S:
        return None
    moment = datetime.fromtimestamp(round(seconds, 3), zone)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


_AT_CLOCK_CHANGE = {"ambiguous": "earliest", "nonexistent": "earliest"}


def _fast(column: pa.Array, format: str, timezone: str) -> np.ndarray | None:
    # Whole columns at once; None where that is not possible and each stamp has to be looked at.
    try:
        if format == "iso":
            try:
                naive = column.cast(pa.timestamp("us"))
            except pa.ArrowInvalid:
                return _micros(column.cast(pa.timestamp("us", "UTC")))
            return _micros(pc.assume_timezone(naive, timezone or "UTC", **_AT_CLOCK_CHANGE))
        pattern = format.removeprefix("strptime:")
        fraction: np.ndarray | float = 0.0
        if pattern.endswith("S.%f"):
            pattern, parts = (
                pattern.removesuffix(".%f"),
                pc.split_pattern(column, ".", max_splits=1, reverse=True),
            )
            column = pc.list_element(parts, 0)
            fraction = pc.cast(
                pc.binary_join_element_wise("0.", pc.list_element(parts, 1), ""), pa.float64()
            ).to_numpy(zero_copy_only=False)
        if "%f" in pattern or "%z" in pattern or "%Z" in pattern:
            return None
        naive = pc.strptime(column, format=pattern, unit="us", error_is_null=True)
        return _micros(pc.assume_timezone(naive, timezone or "UTC", **_AT_CLOCK_CHANGE)) + fraction
    except (pa.ArrowException, IndexError):
        return None


def _micros(stamps: pa.Array) -> np.ndarray:
    micros = stamps.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return _sensible(micros * 1e-6)


def _sensible(seconds: np.ndarray) -> np.ndarray:
    return np.round(np.where(np.abs(seconds) < _LATEST_S, seconds, np.nan), _DECIMALS)


def _one(text: str | None, format: str, zone: tzinfo) -> float:
    try:
        if format == "iso":
            stamp = datetime.fromisoformat(text or "")
        else:
            stamp = datetime.strptime(text or "", format.removeprefix("strptime:"))
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return float("nan")


def _zone(timezone: str) -> tzinfo:
    if not timezone:
        return UTC
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"There is no time zone '{timezone}'; one looks like Europe/Berlin or UTC."
        ) from error
