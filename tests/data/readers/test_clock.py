"""Written moments -> seconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from otolith.core.errors import ConfigError, ReadError
from otolith.data.readers.clock import (
    check_format,
    numbers_to_seconds,
    start_of,
    texts_to_seconds,
    zone_of_numbers,
    zone_of_texts,
)


@pytest.mark.parametrize(
    ("format", "number", "seconds"),
    [
        ("seconds", 1.5, 1.5),
        ("unix", 1_648_531_521.5, 1_648_531_521.5),
        ("milliseconds", 1_648_531_521_030, 1_648_531_521.03),
        ("microseconds", 20_000, 0.02),
        ("nanoseconds", 10_000_000, 0.01),
        ("sample", 25, 0.5),
    ],
)
def test__numbers_to_seconds__each_format__golden(
    format: str, number: float, seconds: float
) -> None:
    out = numbers_to_seconds(np.array([number, np.nan, 1e300, np.inf]), format, 50.0)
    assert out[0] == pytest.approx(seconds, abs=1e-6)
    assert np.isnan(out[1:]).all()


@pytest.mark.parametrize(
    ("format", "text", "timezone", "seconds"),
    [
        ("iso", "1970-01-01 00:00:01.25", "", 1.25),
        ("iso", "1970-01-01T00:00:01.250Z", "", 1.25),
        ("iso", "1970-01-01 09:00:01.250000+09:00", "", 1.25),
        ("iso", "1970-01-01 01:00:01.25", "Europe/Berlin", 1.25),
        ("strptime:%d.%m.%Y %H:%M:%S.%f", "01.01.1970 00:00:01.25", "", 1.25),
        ("strptime:%d.%m.%Y %H:%M:%S.%f", "01.01.1970 01:00:01.25", "Europe/Berlin", 1.25),
        ("strptime:%d/%m/%Y %H:%M:%S", "02/01/1970 00:00:01", "", 86401.0),
        ("strptime:%f %S %M %H %d %m %Y", "250000 01 00 00 01 01 1970", "", 1.25),
        ("strptime:%Y-%m-%d %H:%M:%S %z", "1970-01-01 09:00:01 +0900", "", 1.0),
    ],
)
def test__texts_to_seconds__each_format__golden(
    format: str, text: str, timezone: str, seconds: float
) -> None:
    out = texts_to_seconds(pa.array([text, f" {text} "]), format, timezone, "a.csv")
    np.testing.assert_allclose(out, seconds, atol=1e-6)


@pytest.mark.parametrize("format", ["iso", "strptime:%Y-%m-%d %H:%M:%S.%f"])
def test__texts_to_seconds__some_unreadable__only_those_are_nan(format: str) -> None:
    out = texts_to_seconds(
        pa.array(["1970-01-01 00:00:00.5", "noon", "", None]), format, "", "a.csv"
    )
    np.testing.assert_array_equal(out, [0.5, np.nan, np.nan, np.nan])


def test__texts_to_seconds__fraction_sometimes_left_out__is_read(tmp_path: object) -> None:
    out = texts_to_seconds(
        pa.array(["2018-11-08 11:34:55.996000", "2018-11-08 11:34:56"]), "iso", "", "a.csv"
    )
    assert out[1] - out[0] == pytest.approx(0.004, abs=1e-6)


def test__texts_to_seconds__none_readable__quotes_the_first() -> None:
    with pytest.raises(ReadError, match=r"a\.csv.*'half past nine'"):
        texts_to_seconds(pa.array(["half past nine", "ten"]), "iso", "", "a.csv")


def test__texts_to_seconds__clock_put_forward__no_hour_is_invented() -> None:
    # 27 March 2022, Berlin: 02:00 became 03:00.
    column = pa.array(["2022-03-27 01:59:59", "2022-03-27 03:00:00"])
    assert np.diff(texts_to_seconds(column, "iso", "Europe/Berlin", "a.csv")) == 1.0


def test__texts_to_seconds__parquet_time__needs_no_format() -> None:
    column = pa.array([0, 1_500_000], pa.timestamp("us"))
    np.testing.assert_array_equal(texts_to_seconds(column, "iso", "", "a.parquet"), [0.0, 1.5])


def test__check_format__misspelt__names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'milliseconds'"):
        check_format("miliseconds")
    with pytest.raises(ConfigError, match="no time zone"):
        check_format("iso", "Europe/Atlantis")


_DAY = "strptime:%d.%m.%Y %H:%M:%S"


@pytest.mark.parametrize(
    ("format", "text", "timezone", "start"),
    [
        ("iso", "2026-03-29T08:15:00+02:00", "", "2026-03-29T08:15:00+02:00"),
        ("iso", "2026-03-29 06:15:00.5Z", "", "2026-03-29T06:15:00.500+00:00"),
        ("iso", "2026-03-29 08:15:00", "Europe/Berlin", "2026-03-29T08:15:00+02:00"),
        ("iso", "2026-03-29 08:15:00", "", None),
        ("iso", "2026-03-29", "", None),
        ("iso", "1970-01-01T00:00:05Z", "", None),
        (_DAY, "29.03.2026 08:15:00", "", None),
        (_DAY, "29.03.2026 08:15:00", "UTC", "2026-03-29T08:15:00+00:00"),
        (f"{_DAY} %z", "29.03.2026 08:15:00 +0530", "", "2026-03-29T08:15:00+05:30"),
        ("strptime:%H:%M:%S", "08:15:00", "Europe/Berlin", None),
    ],
)
def test__start_of__written_stamps__is_told_only_where_a_zone_is_stated(
    format: str, text: str, timezone: str, start: str | None
) -> None:
    column = pa.array([text])
    seconds = float(texts_to_seconds(column, format, timezone, "a.csv")[0])
    assert start_of(seconds, zone_of_texts(column, format, timezone)) == start


def test__start_of__a_column_of_parquet_time__is_told_where_it_has_a_zone() -> None:
    stamps = pa.array([1_774_764_900_000_000], pa.timestamp("us"))
    told = {
        zone: start_of(
            1_774_764_900.0, zone_of_texts(stamps.cast(pa.timestamp("us", zone)), "iso", "")
        )
        for zone in ("Europe/Berlin", "+09:00", None)
    }
    assert told == {
        "Europe/Berlin": "2026-03-29T08:15:00+02:00",
        "+09:00": "2026-03-29T15:15:00+09:00",
        None: None,
    }


@pytest.mark.parametrize(
    ("format", "number", "start"),
    [
        ("unix", 1_774_764_900.25, "2026-03-29T06:15:00.250+00:00"),
        ("milliseconds", 1_774_764_900_250, "2026-03-29T06:15:00.250+00:00"),
        ("nanoseconds", 1.7747649e18, "2026-03-29T06:15:00+00:00"),
        ("nanoseconds", 8.6e13, None),  # a day since the device was switched on
        ("seconds", 1_774_764_900.0, None),  # counted from anywhere
        ("sample", 1_774_764_900.0, None),
    ],
)
def test__start_of__numbers__is_told_where_they_count_from_1970(
    format: str, number: float, start: str | None
) -> None:
    seconds = float(numbers_to_seconds(np.array([number]), format, 1.0)[0])
    assert start_of(seconds, zone_of_numbers(format, "")) == start


def test__start_of__nan__is_no_moment() -> None:
    assert start_of(float("nan"), zone_of_numbers("unix", "")) is None
