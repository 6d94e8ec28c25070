"""Recognising many recordings, as it is typed: folders of tables, studies, clock times, and those
that do not fit."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from toy import toy_recording
from typer.testing import CliRunner

from otolith.cli.app import app
from otolith.data.recording import Recording
from otolith.data.study import write_study
from otolith.data.windows import Cut
from otolith.learn.training.checkpoint import save

MAPPING = """
[study]
name = "tables"
[files]
pattern = "*/*.csv"
subject = {from = "path", pattern = '(?P<subject>p\\d+)/(?P<recording>\\w+)_(?P<sensor>left|right)'}
[time]
column = "t"
[[sensor]]
placement = "left_wrist"
match = "left"
acc = {columns = ["x", "y", "z"], unit = "m/s2"}
[[sensor]]
placement = "right_wrist"
match = "right"
acc = {columns = ["x", "y", "z"], unit = "m/s2"}
[label]
column = "doing"
"""


def recordings() -> list[Recording]:
    made = [toy_recording(f"p{number}", seconds_each=8.0, gyro=False) for number in range(3)]
    return [replace(made[0], start="2026-03-29T01:59:50+01:00"), *made[1:]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people as a study and as a folder of files per sensor, and who recognises them."""
    folder = tmp_path_factory.mktemp("many")
    cut = Cut(seconds=2.0, rate_hz=50.0, overlap=0.5)
    write_study(folder / "study", recordings(), name="toy", source="toy", terms="CC0", cut=cut)
    for recording in recordings():
        person = folder / "visits" / recording.subject
        person.mkdir(parents=True)
        for stream in recording.streams:
            rows = np.column_stack([stream.time_s, stream.values])
            path = person / f"visit_{stream.name.split('_')[0]}.csv"
            np.savetxt(path, rows, delimiter=",", header="t,x,y,z", comments="", fmt="%.6f")
    (folder / "mapping.toml").write_text(MAPPING)
    typed(
        folder,
        "adapt features study --head logistic --shots 4 --out recogniser --threads 1 --precision "
        "fp32",
    )
    return folder


def typed(place: Path, words: str, code: int = 0) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        result = CliRunner().invoke(app, words.split(), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return str(result.output)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test__recognise__folder_with_a_file_a_sensor__is_joined_as_import_joins_it(place: Path) -> None:
    # There are no labels in these tables: only what is to be recognised may do without.
    (place / "plain.toml").write_text(MAPPING.partition("[label]")[0])
    typed(place, "import visits --mapping plain.toml --out imported --quiet")
    typed(place, "recognise recogniser visits --mapping mapping.toml --out folder.csv")
    typed(place, "recognise recogniser imported --out imported.csv")
    found = rows_of(place / "folder.csv")
    assert found == rows_of(place / "imported.csv")
    assert list(found[0]) == [
        "recording",
        "start_s",
        "end_s",
        "label",
        "resting",
        "shaking",
        "walking",
    ]
    assert list(dict.fromkeys(row["recording"] for row in found)) == [
        "p0_1_visit",
        "p1_1_visit",
        "p2_1_visit",
    ]
    assert not list(place.glob("folder*.svg"))


def test__recognise__study__every_recording_has_a_timeline_in_clock_time_where_it_is_known(
    place: Path,
) -> None:
    (place / "each").mkdir()
    typed(place, "recognise recogniser study --out each")
    names = ["p0-1", "p1-1", "p2-1"]
    assert sorted(path.name for path in (place / "each").iterdir()) == sorted(
        f"{name}.timeline.{ending}" for name in names for ending in ("csv", "svg")
    )
    known, unknown = (rows_of(place / "each" / f"{name}.timeline.csv") for name in names[:2])
    assert list(known[0])[:5] == ["start_s", "end_s", "start_time", "end_time", "label"]
    assert list(unknown[0])[:3] == ["start_s", "end_s", "label"]
    began = datetime.fromisoformat("2026-03-29T01:59:50+01:00")
    for row in known:
        passed = (datetime.fromisoformat(row["start_time"]) - began).total_seconds()
        assert passed == pytest.approx(float(row["start_s"]), abs=2e-3)
    typed(place, "recognise recogniser study --out all.csv --plot")
    together = rows_of(place / "all.csv")
    first = [row for row in together if row.pop("recording") == "p0-1"]
    assert first == known
    assert {row["start_time"] for row in together[len(first) :]} == {""}
    assert sorted(path.name for path in place.glob("all.*.svg")) == [
        f"all.{name}.svg" for name in names
    ]


def test__recognise__some_do_not_fit__are_named_and_the_others_recognised(
    place: Path, tmp_path: Path
) -> None:
    for name in ("visits", "recogniser"):
        shutil.copytree(place / name, tmp_path / name)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "visits" / "p0" / "visit_left.csv").write_bytes(b"\x00\x01\x02")
    (tmp_path / "visits" / "p1" / "visit_right.csv").unlink()
    said = typed(
        tmp_path, "recognise recogniser visits --mapping mapping.toml --out some.csv", code=1
    )
    assert {row["recording"] for row in rows_of(tmp_path / "some.csv")} == {"p2_1_visit"}
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert (
        len(errors) == 2 and "visits/p0/visit_left.csv" in errors[0] and "right_wrist" in errors[1]
    )
    assert "visits/p1/visit_left.csv" in errors[1]
    assert "2 of 3 recordings could not be recognised." in said
    (tmp_path / "visits" / "p2" / "visit_left.csv").unlink()
    said = typed(
        tmp_path, "recognise recogniser visits --mapping mapping.toml --out none.csv", code=2
    )
    assert "3 of 3 recordings" in said and not (tmp_path / "none.csv").exists()


def test__recognise__timeline_that_is_there__is_refused_before_anything_is_recognised(
    place: Path,
) -> None:
    (place / "taken").mkdir()
    (place / "taken" / "p2-1.timeline.csv").write_text("mine")
    said = typed(place, "recognise recogniser study --out taken", code=2)
    assert "p2-1.timeline.csv" in said and "--overwrite" in said
    assert [path.name for path in (place / "taken").iterdir()] == ["p2-1.timeline.csv"]
    typed(place, "recognise recogniser study --out taken --overwrite --no-plot")
    assert len(list((place / "taken").iterdir())) == 3


def test__recognise__folder_of_neither_kind__says_what_to_type(place: Path) -> None:
    said = typed(place, "recognise recogniser visits", code=2)
    assert "no study.json" in said and "--guess --mapping mapping.toml" in said


def test__recognise__a_picture_of_the_users_is_in_the_way__is_told_and_stays(place: Path) -> None:
    shutil.copy(place / "study" / "recordings" / "p0-1.left_wrist.parquet", place / "left.parquet")
    (place / "mine.svg").write_text("mine")
    words = "recognise recogniser study/recordings/p0-1.left_wrist.parquet --out mine.csv --plot"
    assert "mine.svg already exists" in typed(place, words, code=2)
    assert (place / "mine.svg").read_text() == "mine"
    assert not (place / "mine.csv").exists()


def test__recognise__out_is_what_is_read__is_refused_whoever_overwrites(place: Path) -> None:
    shutil.copy(place / "study" / "recordings" / "p0-1.left_wrist.parquet", place / "visit.csv")
    before = (place / "visit.csv").read_bytes()
    told = typed(place, "recognise recogniser visit.csv --out visit.csv --overwrite", code=2)
    assert "is what is to be recognised" in told
    assert (place / "visit.csv").read_bytes() == before


@pytest.mark.parametrize("words", ["info study --html", "view study --figure", "view study --rrd"])
def test__a_file_to_write__is_there_already__is_replaced_only_if_asked_for(
    place: Path, words: str
) -> None:
    (place / "mine.svg").write_text("mine")
    assert "mine.svg already exists" in typed(place, f"{words} mine.svg", code=2)
    assert (place / "mine.svg").read_text() == "mine"
    if "--rrd" not in words:
        typed(place, f"{words} mine.svg --overwrite")
        assert (place / "mine.svg").read_text() != "mine"
    (place / "mine.svg").unlink()


def test__adapt__over_its_own_encoder__is_refused_before_it_learns(place: Path) -> None:
    save(place / "made", "encoder", {}, {}, {})
    told = typed(place, "adapt features study --head logistic --out made --overwrite", code=2)
    assert "holds a checkpoint of kind 'encoder'; choose another folder for the recogniser" in told
