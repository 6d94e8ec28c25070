"""A first draft of a mapping: what is seen stands there, what is not stays a question."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ConfigError, OtolithError, ReadError, UnitError
from otolith.data.readers import guess, read_table_study
from otolith.data.readers.mapping import parse_mapping


def write(path: Path, header: str, rows: list[str], encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


def rows(stamps: list[str], cells: str, delimiter: str = ",") -> list[str]:
    return [f"{stamp}{delimiter}{cells}" for stamp in stamps]


MILLIS = [str(1_600_000_000_000 + 20 * i) for i in range(100)]


def test__guess__units_and_places__are_left_open_but_described(tmp_path: Path) -> None:
    header = ",".join(
        ["timestamp", *(f"left_wrist_{what}_{axis}" for what in ("acc", "gyro") for axis in "xyz")]
    )
    write(tmp_path / "P07.csv", header, rows(MILLIS, "0.6,0.8,0.0,100,2,3"))
    text, unknown = guess(tmp_path)
    draft = tomllib.loads(text)
    (sensor,) = draft["sensor"]
    assert sensor["placement"] == sensor["acc"]["unit"] == sensor["gyro"]["unit"] == "?"
    assert sensor["gyro"]["columns"] == [f"left_wrist_gyro_{axis}" for axis in "xyz"]
    assert draft["time"] == {"column": "timestamp", "format": "milliseconds"}
    said = " ".join(unknown)
    assert "looks like left_wrist" in said and "looks like g" in said and "look like deg/s" in said
    with pytest.raises(UnitError, match="still open"):
        parse_mapping(text.replace('placement = "?"', 'placement = "left_wrist"'))
    with pytest.raises(ConfigError, match="placement is still open"):
        parse_mapping(text.replace('unit = "?"', 'unit = "g"'))


def test__guess__filled_in__imports(tmp_path: Path) -> None:
    write(tmp_path / "P07.csv", "time,ax,ay,az,activity", rows(MILLIS, "0.6,0.8,0.0,walking"))
    text, _ = guess(tmp_path)
    answered = text.replace('placement = "?"', 'placement = "chest"').replace(
        'unit = "?"', 'unit = "g"'
    )
    (recording,) = read_table_study(tmp_path, parse_mapping(answered))
    assert (recording.subject, recording.placements) == ("P07", ["chest"])
    assert {segment.label for segment in recording.segments} == {"walking"}
    np.testing.assert_allclose(
        np.linalg.norm(recording.streams[0].values, axis=1), 9.80665, rtol=1e-6
    )


def test__guess__european_export__sees_delimiter_and_decimal(tmp_path: Path) -> None:
    stamps = [f"03.02.2021 10:00:{i / 50:06.3f}" for i in range(100)]
    header = "Zeit;Beschleunigung x (m/s²);Beschleunigung y (m/s²);Beschleunigung z (m/s²)"
    write(tmp_path / "a.csv", header, rows(stamps, "0,5;0,25;9,75", ";"), "cp1252")
    draft = tomllib.loads(guess(tmp_path)[0])
    assert draft["csv"] == {"delimiter": ";", "decimal": ",", "encoding": "cp1252"}
    assert draft["time"]["format"] == "strptime:%d.%m.%Y %H:%M:%S.%f"
    assert draft["files"]["subject"] == {"value": "?"}


@pytest.mark.parametrize(
    ("name", "first", "step", "format"),
    [
        ("t", 1.6e18, 2e7, "nanoseconds"),
        ("t", 1.6e15, 2e4, "microseconds"),
        ("t", 1.6e9, 0.02, "unix"),
        ("t", 0, 0.02, "seconds"),
        ("t", 0, 20, "milliseconds"),
        ("time (ms)", 0, 1, "milliseconds"),
        ("seconds_elapsed", 0, 1, "seconds"),
        ("t", 0, 1, "?"),
    ],
)
def test__guess__time__is_told_by_size_header_or_steps(
    name: str, first: float, step: float, format: str, tmp_path: Path
) -> None:
    stamps = [repr(first + step * i) for i in range(50)]
    write(tmp_path / "P1.csv", f"{name},x,y,z", rows(stamps, "0,0,1"))
    assert tomllib.loads(guess(tmp_path)[0])["time"]["format"] == format


def test__guess__phone_app__three_quantities_are_one_sensor(tmp_path: Path) -> None:
    triads = [
        f"{what}{axis}" for what in ("accelerometer", "gyroscope", "magnetometer") for axis in "XYZ"
    ]
    write(
        tmp_path / "P1.csv",
        ",".join(["seconds_elapsed", *triads]),
        rows(["0.0", "0.02"], ",".join("1" * 9)),
    )
    (sensor,) = tomllib.loads(guess(tmp_path)[0])["sensor"]
    assert set(sensor) == {"placement", "acc", "gyro", "mag"}


def test__guess__two_places__are_two_sensors_and_quaternions_none(tmp_path: Path) -> None:
    columns = [f"{p}_acc_{a}" for p in ("left_wrist", "right_ankle") for a in "xyz"] + [
        f"quat_{a}" for a in "xyz"
    ]
    write(tmp_path / "P1.csv", ",".join(["t", *columns]), rows(["0.0", "0.02"], ",".join("1" * 9)))
    assert len(tomllib.loads(guess(tmp_path)[0])["sensor"]) == 2


def test__guess__no_time_column__asks_for_the_rate(tmp_path: Path) -> None:
    write(tmp_path / "P1.csv", "x,y,z", ["0,0,1", "0,0,1"])
    text, unknown = guess(tmp_path)
    assert tomllib.loads(text)["time"] == {"format": "sample", "rate_hz": "?"}
    assert any("rate_hz" in sentence for sentence in unknown)


def test__guess__no_header__drafts_what_stands_in_the_columns(tmp_path: Path) -> None:
    lines = [
        f"{i / 50:.2f},{0.01 * (i % 3)},0.2,9.8,{'walking' if i < 150 else 'sitting'}"
        for i in range(300)
    ]
    write(tmp_path / "P1.csv", lines[0], lines[1:])
    text, unknown = guess(tmp_path / "P1.csv")
    drafted = tomllib.loads(text)
    assert drafted["time"] == {"column": "1", "format": "seconds"}
    assert drafted["label"]["column"] == "5" and drafted["csv"]["header"] is False
    assert "2 (0 …), 3 (0.2 …), 4 (9.8 …)" in text
    assert any("first line holds numbers" in sentence for sentence in unknown)
    for asked, answer in (
        ('columns = ["?", "?", "?"], unit = "?"', 'columns = ["2", "3", "4"], unit = "m/s2"'),
        ('placement = "?"', 'placement = "waist"'),
        ('value = "?"', 'value = "P1"'),
    ):
        text = text.replace(asked, answer, 1)
    (recording,) = read_table_study(tmp_path / "P1.csv", parse_mapping(text))
    assert [segment.label for segment in recording.segments] == ["walking", "sitting"]
    assert recording.streams[0].values.shape == (300, 3)


def test__guess__names_that_tell_no_axes__lists_the_columns(tmp_path: Path) -> None:
    write(
        tmp_path / "P1.csv",
        "time [s],front,side,up,activity",
        [f"{i / 50},0,0,9.8,lying" for i in range(50)],
    )
    text, unknown = guess(tmp_path)
    assert tomllib.loads(text)["sensor"][0]["acc"]["columns"] == ["?", "?", "?"]
    assert "front (0 …), side (0 …), up (9.8 …)" in text and 'column = "activity"' in text
    assert any("x, y and z" in sentence for sentence in unknown)


def test__guess__nothing_to_see__says_so(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="holds no table"):
        guess(tmp_path)
    write(tmp_path / "a.csv", "a,b", ["1,2"])
    with pytest.raises(ReadError, match="no three columns"):
        guess(tmp_path)
    (tmp_path / "a.csv").write_bytes(bytes(range(256)))
    with pytest.raises(OtolithError, match=r"a\.csv"):
        guess(tmp_path)


def test__guess__values_that_no_sensor_reads__say_nothing_of_the_unit(tmp_path: Path) -> None:
    header = ",".join(["timestamp", *(f"left_wrist_acc_{axis}" for axis in "xyz")])
    write(
        tmp_path / "P07.csv",
        header,
        rows(MILLIS[:50], "1e300,1e300,0") + rows(MILLIS[50:], "0.6,0.8,0.0"),
    )
    assert "looks like g" in " ".join(guess(tmp_path)[1])
    write(tmp_path / "P07.csv", header, rows(MILLIS, "1e300,1e300,0"))
    assert "looks like g" not in " ".join(guess(tmp_path)[1])
