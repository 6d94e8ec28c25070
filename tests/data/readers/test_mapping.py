"""The mapping file: what it accepts, and how it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otolith.core.errors import ConfigError, OtolithError, ReadError, UnitError, UnknownNameError
from otolith.data.readers import load_mapping, mapping
from otolith.data.readers.mapping import parse_mapping

GOOD = """
[study]
name = "ward"
[files]
subject = {value = "P01"}
[time]
column = "t"
[[sensor]]
placement = "left_wrist"
acc = {columns = ["x", "y", "z"], unit = "g"}
"""


def test__parse_mapping__shortest__has_the_defaults() -> None:
    found = parse_mapping(GOOD)
    assert (
        found.study.gravity == "included"
        and found.time.format == "seconds"
        and found.files.pattern == "*.csv"
    )
    assert found.sensors[0].signals["acc"].columns == ("x", "y", "z")
    assert found.label is None


def test__parse_mapping__every_setting_of_the_page__is_known() -> None:
    assert mapping.__doc__ is not None
    example = "\n".join(
        line[4:] for line in mapping.__doc__.splitlines() if line.startswith("    ")
    )
    found = parse_mapping(example)
    assert "mag" in found.sensors[0].signals and found.label is not None
    assert found.label.names == {"1": "walking"} and found.csv.decimal == ","
    assert found.cut.seconds == 5.0


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        ("[time]", "[tiem]", ConfigError, "Did you mean 'time'"),
        ("placement", "placment", ConfigError, "Did you mean 'placement'"),
        ('"left_wrist"', '"left_wirst"', UnknownNameError, "Did you mean 'left_wrist'"),
        ('unit = "g"', 'unit = "G"', UnitError, "is not a unit of acc"),
        ('unit = "g"', 'unit = "?"', UnitError, "sensor.1.acc is still open"),
        (', unit = "g"', "", ConfigError, "'unit' is missing"),
        ('"left_wrist"', '"?"', ConfigError, "sensor.1.placement is still open"),
        ('["x", "y", "z"]', '["x", "y"]', ConfigError, "acc needs 3 columns, for x, y, z"),
        ('["x", "y", "z"]', "[1, 2, 3]", ConfigError, "'columns[0]' should be text"),
        ('{value = "P01"}', '{vlaue = "P01"}', ConfigError, "Did you mean 'value'"),
        ('{value = "P01"}', '"P01"', ConfigError, "who was recorded"),
        (
            '{value = "P01"}',
            "{from = \"path\", pattern = '(P'}",
            ConfigError,
            "no regular expression",
        ),
        (
            '{value = "P01"}',
            "{from = \"path\", pattern = 'P'}",
            ConfigError,
            r"no group (?P<subject>…)",
        ),
        ('column = "t"', 'column = "t"\nformat = "iso8601"', ConfigError, "Did you mean 'iso'"),
        ('column = "t"', 'format = "sample"', ConfigError, "needs rate_hz"),
        (
            'column = "t"',
            'column = "t"\nzero = "last"',
            ConfigError,
            "should be 'absolute' or 'first'",
        ),
        ('column = "t"', 'column = "t"\nrate_hz = true', ConfigError, "a number"),
        ('column = "t"', 'column = "t"\nrate_hz = -5', ConfigError, "greater than 0"),
        ('column = "t"', 'column = "t"\nrate_hz = "50"', ConfigError, "should be a number"),
        ('column = "t"', 'column = "t"\nrate_hz = 1e6', ConfigError, "less than 1000000"),
        ('column = "t"', "", ConfigError, "names no column"),
        (
            'name = "ward"',
            'name = "ward"\ngravity = "yes"',
            ConfigError,
            "should be 'included' or 'removed'",
        ),
        ('name = "ward"', "", ConfigError, "'name' is missing"),
        ("[study]", "[study", ConfigError, "not valid TOML"),
        ("[[sensor]]", "[sensor]", ConfigError, "names no sensor"),
        ("[time]", '[label]\ncolumn = "a"\nfile = "b"\n[time]', ConfigError, "not both"),
        ("[time]", '[csv]\ndelimiter = ";;"\n[time]', ConfigError, "one letter"),
        ("[time]", "[csv]\nskip_rows = -1\n[time]", ConfigError, "greater than or equal to 0"),
        ("[time]", "[csv]\nheaders = false\n[time]", ConfigError, "Did you mean 'header'"),
        ("[time]", "[csv]\nheader = 0\n[time]", ConfigError, "should be true or false"),
        ("[time]", "[csv]\ndecimal = ';'\n[time]", ConfigError, "should be '.' or ','"),
        ("[time]", "[csv]\ndecimal = ','\n[time]", ConfigError, "not the decimal mark"),
        ("[time]", "[label]\ncolum = 'a'\n[time]", ConfigError, "Did you mean 'column'"),
        ("acc = ", "accc = ", ConfigError, "Did you mean 'acc'"),
        ("acc = ", "acc = 3 # ", ConfigError, "signals.acc"),
        ('{value = "P01"}', '{value = ""}', ConfigError, "write one of subject = "),
        ("[time]", "[evaluation]\nsecond = 2\n[time]", ConfigError, "Did you mean 'seconds'"),
        ("[files]", '[files]\npattern = "/etc/*"', ConfigError, "glob below the source"),
        ("[files]", '[files]\npattern = "../*"', ConfigError, "glob below the source"),
    ],
)
def test__parse_mapping__mistake__is_refused_with_what_to_write(
    old: str, new: str, error: type[OtolithError], says: str
) -> None:
    assert old in GOOD
    with pytest.raises(error, match=re.escape(says)):
        parse_mapping(GOOD.replace(old, new, 1))


def test__parse_mapping__two_sensors_on_one_place__need_device_names() -> None:
    second = GOOD[GOOD.index("[[sensor]]") :]
    with pytest.raises(ConfigError, match="give each a device"):
        parse_mapping(GOOD + second)
    named = parse_mapping(GOOD + second.replace('"left_wrist"', '"left_wrist"\ndevice = "b"'))
    assert [sensor.device for sensor in named.sensors] == ["", "b"]


def test__load_mapping__absent__says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="--guess --mapping"):
        load_mapping(tmp_path / "mapping.toml")
