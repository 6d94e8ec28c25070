"""Folders that hold whatever a stranger put there: every file is read, counted or told, and nothing
waits or climbs."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from otolith.cli.app import app
from otolith.core.errors import ConfigError, OtolithError, ReadError
from otolith.core.limits import DEFAULT_BYTES
from otolith.data.readers import guess, import_tables
from otolith.data.readers.mapping import parse_mapping
from otolith.data.readers.planning import safe_name
from otolith.data.study import Study

# Files of these tests are copies of one another, which import rightly warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.*byte for byte:otolith.core.errors.OtolithWarning")

MAPPING = """
[study]
name = "theirs"
[files]
pattern = "**/*.csv*"
subject = {WHO}
[time]
column = "t"
format = "seconds"
[[sensor]]
placement = "left_wrist"
acc = {columns = ["x", "y", "z"], unit = "m/s2"}
"""
BY_COLUMN = MAPPING.replace("{WHO}", '{column = "who"}')
BY_PATH = MAPPING.replace("{WHO}", "{from = \"path\", pattern = '(?P<subject>[^/_]+)_'}")


def rows(count: int, who: str = "P1") -> str:
    values = np.random.default_rng(0).normal(0, 0.05, (count, 3)) + np.array([0.0, 0.0, 9.8])
    lines = [f"{n / 50},{x:.3f},{y:.3f},{z:.3f},{who}" for n, (x, y, z) in enumerate(values)]
    return "\n".join(["t,x,y,z,who", *lines]) + "\n"


def imported(folder: Path, mapping: str = BY_COLUMN, on_error: str = "stop") -> Study:
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    return import_tables(
        folder / "source", folder / "mapping.toml", folder / "study", True, on_error
    )  # type: ignore[arg-type]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "good_1.csv").write_text(rows(300))
    return folder


def test__import__name_that_is_not_utf_8__is_read_and_told_as_latin_1(
    source: Path, tmp_path: Path
) -> None:
    (source / os.fsdecode(b"M\xfcller_2.csv")).write_text(rows(300))
    study = imported(tmp_path, BY_PATH)
    assert study.subjects == ["Müller", "good"]
    assert {entry["id"] for entry in study.entries} == {"good_1", "Müller_2"}
    (source / os.fsdecode(b"\xe9_3.csv")).write_text("nothing\n")
    imported(tmp_path, BY_PATH, "skip")
    assert json.loads((tmp_path / "study" / "skipped.json").read_text())[0]["file"] == "é_3.csv"
    assert "tables" not in guess(source / os.fsdecode(b"M\xfcller_2.csv"))[0].encode().decode()


def test__import__subjects_of_hundreds_of_letters__have_files_with_names_that_fit(
    source: Path, tmp_path: Path
) -> None:
    for name, who in (
        ("a_1", "P" * 300),
        ("b_1", "ß" * 400 + "1"),
        ("c_1", "ß" * 400 + "2"),
        ("d_1", "../../x"),
    ):
        (source / f"{name}.csv").write_text(rows(300, who))
    study = imported(tmp_path)
    assert len(study) == len({entry["id"] for entry in study.entries}) == 5
    assert "../../x" in study.subjects
    assert all(
        path.parent == tmp_path / "study" / "recordings"
        for path in (tmp_path / "study").rglob("*.parquet")
        if path.name != "segments.parquet"
    )


@pytest.mark.parametrize(
    "text", ["a" * 500, "ü" * 500, "\udcfc" * 200, "..", "/", "a/../b", "\x1b[2J", "x" * 119]
)
def test__safe_name__any_text__fits_into_a_file_name(text: str) -> None:
    name = safe_name(text)
    assert (
        0 < len(name.encode()) <= 120 and "/" not in name and name[0] != "." and name.isprintable()
    )
    assert safe_name(text + "a" * 200) != safe_name(text + "b" + "a" * 199)


def test__import__what_is_no_file__is_passed_by_and_what_is_damaged_named(
    source: Path, tmp_path: Path
) -> None:
    os.mkfifo(source / "pipe.csv")
    (source / "folder.csv").mkdir()
    (source / "loop.csv").symlink_to("loop.csv")
    (source / "self").symlink_to(".")
    (source / "device.csv").symlink_to("/dev/zero")
    damaged = {
        "empty.csv": b"",
        "head.csv": b"t,x,y,z,who\n",
        "cut.csv.gz": gzip.compress(rows(300).encode())[:-20],
    }
    damaged["bomb.csv.gz"] = gzip.compress(
        b"t,x,y,z,who\n" + b"1,1,1,1,1\n" * (DEFAULT_BYTES // 10)
    )
    for name, content in damaged.items():
        (source / name).write_bytes(content)
    study = imported(tmp_path, on_error="skip")
    assert [entry["id"] for entry in study.entries] == ["good_1_P1"]
    skipped = json.loads((tmp_path / "study" / "skipped.json").read_text())
    assert {entry["file"] for entry in skipped} == set(damaged)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test__import__source_that_is_a_pipe__is_told(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "source")
    with pytest.raises(ReadError, match="pipe"):
        imported(tmp_path)
    with pytest.raises(ReadError, match="pipe"):
        guess(tmp_path / "source")


@pytest.mark.parametrize("count", [1, 2, 3])
def test__import__recording_of_few_samples__is_kept(
    count: int, source: Path, tmp_path: Path
) -> None:
    (source / "few.csv").write_text(rows(count))
    study = imported(tmp_path)
    assert study.rows == {"read": 300 + count, "kept": 300 + count, "reported": 0}
    assert study.info()["recordings"] == 2
    try:
        assert len(study.windows(seconds=2, label_rule="unlabelled", missing="drop")) > 0
    except OtolithError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("value", ["1e39", "-1e39", "1e300", "1e400", "inf", "nan", "9" * 400])
@pytest.mark.parametrize("column", [0, 1])
def test__import__beyond_float32__is_a_reported_row(
    column: int, value: str, source: Path, tmp_path: Path
) -> None:
    lines = rows(300).splitlines()
    cells = lines[100].split(",")
    cells[column] = value
    (source / "good_1.csv").write_text(
        "\n".join([*lines[:100], ",".join(cells), *lines[101:]]) + "\n"
    )
    study = imported(tmp_path)
    assert study.rows == {"read": 300, "kept": 299, "reported": 1}
    (stream,) = next(iter(study)).streams
    assert np.isfinite(stream.values).all() and np.isfinite(stream.time_s).all()


def test__import__parquet_of_many_kinds__ends_in_our_own_errors(
    source: Path, tmp_path: Path
) -> None:
    (source / "good_1.csv").unlink()
    kinds = [
        pa.array([{"a": 1}] * 3),
        pa.array([[1.0]] * 3),
        pa.array([b"\xff"] * 3),
        pa.array([None] * 3),
        pa.array(["1", "x", None]),
        pa.array([2**63 - 1] * 3),
        pa.array([2**64 - 1] * 3, pa.uint64()),
        pa.array(["a"] * 3).dictionary_encode(),
        pa.array([1e308] * 3),
    ]
    for number, odd in enumerate(kinds):
        for place, column in enumerate(("t", "x", "who")):
            axes = {axis: [1.0 + number, 2.0 + place, 3.0] for axis in "xyz"}  # no two files alike
            table = {"t": [0.0, 0.1, 0.2], **axes, "who": ["P"] * 3} | {column: odd}
            pq.write_table(pa.table(table), source / f"{number}{column}.parquet")
    mapping = BY_COLUMN.replace("**/*.csv*", "*.parquet")
    try:
        imported(tmp_path, mapping, "skip")
    except OtolithError as error:
        assert "27 files" in str(error)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("[^/_]+)_", "(a+)+)$", ""),
        ("(?P<subject>[^/_]+)_", "(?P<subject>a)(?=b)", "linear time"),
        ("**/*.csv*", "/etc/*", "below the source"),
        ("**/*.csv*", "**/**/**/*.csv", "below the source"),
        (
            'placement = "left_wrist"',
            'placement = "left_wrist"\ndevice = "' + "d" * 60 + '"',
            "up to 40",
        ),
        ("[study]", '[label]\nfile = "../labels.csv"\n[study]', "below the source"),
        ("[study]", '[label]\nfile = "/etc/passwd"\n[study]', "below the source"),
        ("[study]", "[csv]\nskip_rows = 1000000000000\n[study]", "skip_rows"),
        ("[study]", '[csv]\ndelimiter = "\\u0000"\n[study]', "cannot separate cells"),
        ("[study]", "[label]\nnames = " + "[" * 5000, "deep"),
        ("[study]", "[study." + ".".join("a" * 3000) + "]", "parts"),
    ],
)
def test__mapping__hostile__is_refused_or_harmless(before: str, after: str, says: str) -> None:
    assert before in BY_PATH
    text = BY_PATH.replace(before, after, 1)
    if not says:
        parse_mapping(text)
        return
    with pytest.raises(ConfigError, match=says):
        parse_mapping(text)


def test__command__max_bytes_and_lines_without_an_end__are_told_once(
    source: Path, tmp_path: Path
) -> None:
    for number in range(5):
        (source / f"cut_{number}.csv").write_text(rows(100)[:-1])
    bomb = (
        "t,x,y,z,who\n" + "".join(f"{n},1,2,9.6,P1\n" for n in range(5000)) + "\n" * DEFAULT_BYTES
    )
    (source / "big.csv.gz").write_bytes(gzip.compress(bomb.encode()))
    (tmp_path / "mapping.toml").write_text(BY_COLUMN)
    typed = [
        "import",
        str(source),
        "--mapping",
        str(tmp_path / "mapping.toml"),
        "--out",
        str(tmp_path / "study"),
    ]
    refused = CliRunner().invoke(app, typed)
    assert refused.exit_code == 2 and "--max-bytes" in refused.output
    taken = CliRunner().invoke(app, [*typed, "--max-bytes", "200M"])
    assert taken.exit_code == 0
    assert taken.output.count("it may have been cut") == 1 and "5 recordings" in taken.output
    assert CliRunner().invoke(app, [*typed, "--max-bytes", "-3"]).exit_code == 2
