"""Duplicates: recordings that are the same by what they hold, between people, within one, whole and
in part."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from toy import toy_recording
from typer.testing import CliRunner

from otolith import Study, write_study
from otolith.cli.app import app
from otolith.core.errors import OtolithWarning
from otolith.data.duplicates import duplicates, listed
from otolith.data.readers import import_tables
from otolith.data.recording import Recording
from otolith.data.windows import Cut
from otolith.learn.training.runtime import Runtime
from otolith.measure.benchmark import benchmark
from otolith.show.report_page import save_with_page


def copied(recording: Recording, id: str, subject: str) -> Recording:
    return dataclasses.replace(recording, id=id, subject=subject)


def study_of(folder: Path, *recordings: Recording) -> Study:
    return write_study(folder, recordings, name="s", cut=Cut(seconds=2.0, rate_hz=50.0))


def test__duplicates__people_that_differ__finds_nothing(toy_study: Study) -> None:
    assert duplicates(toy_study.entries) == []
    assert toy_study.info()["duplicates"] == []


def test__duplicates__two_people_one_recording__is_found_whatever_it_is_called(
    tmp_path: Path,
) -> None:
    one = toy_recording("p0")
    study = study_of(tmp_path / "s", one, toy_recording("p1"), copied(one, "another-name", "p2"))
    (found,) = duplicates(study.entries)
    assert (found.first, found.second, found.people) == ("p0-1", "another-name", ("p0", "p2"))
    assert found.across_people and found.streams == (2, 2, 2)
    assert (
        "are the same, byte for byte, but are said to be of two people, p0 and p2"
        in found.sentence()
    )
    result = CliRunner().invoke(app, ["info", str(study.folder)], env={"COLUMNS": "200"})
    assert "are the same, byte for byte" in " ".join(result.output.split())
    shown = json.loads(CliRunner().invoke(app, ["info", str(study.folder), "--json"]).output)
    assert shown["duplicates"] == [found.sentence()]


def test__duplicates__one_stream_of_two__is_a_part(tmp_path: Path) -> None:
    one, two = toy_recording("p0"), toy_recording("p1")
    mixed = dataclasses.replace(two, streams=(one.streams[0], two.streams[1]))
    (found,) = duplicates(study_of(tmp_path / "s", one, mixed).entries)
    assert found.streams == (1, 2, 2)
    assert "share 1 of 2 streams, byte for byte" in found.sentence()


def test__duplicates__one_person_twice__counts_twice(tmp_path: Path) -> None:
    one = toy_recording("p0")
    (found,) = duplicates(study_of(tmp_path / "s", one, copied(one, "p0-2", "p0")).entries)
    assert not found.across_people
    assert found.sentence().endswith("these data of p0 count twice")


def test__duplicates__many_copies__are_told_shortly(tmp_path: Path) -> None:
    one = toy_recording("p0", seconds_each=4.0)
    found = duplicates(
        study_of(tmp_path / "s", *(copied(one, f"r{n}", f"p{n}") for n in range(9))).entries
    )
    assert len(found) == 8
    assert list(listed(found))[-1] == "3 more pairs of recordings share streams, byte for byte"


MAPPING = """
[study]
name = "s"
[files]
subject = {from = "path", pattern = "(?P<subject>anna|bert)"}
[time]
column = "t"
[[sensor]]
placement = "waist"
acc = {columns = ["x", "y", "z"], unit = "m/s^2"}
"""


def test__import__a_file_copied_for_another_person__warns(tmp_path: Path) -> None:
    source = tmp_path / "files"
    source.mkdir()
    rows = "\n".join(f"{n / 50:.2f},{n % 7},0.1,9.81" for n in range(400))
    (source / "anna_1.csv").write_text(f"t,x,y,z\n{rows}\n")
    shutil.copy(source / "anna_1.csv", source / "bert_1.csv")
    (tmp_path / "mapping.toml").write_text(MAPPING)
    with pytest.warns(
        OtolithWarning, match="byte for byte, but are said to be of two people, anna and bert"
    ):
        import_tables(source, tmp_path / "mapping.toml", tmp_path / "study")


def test__benchmark__two_people_one_recording__warns_and_says_so_in_the_report(
    tmp_path: Path,
) -> None:
    one = toy_recording("p0")
    study = study_of(tmp_path / "s", one, toy_recording("p1"), copied(one, "p2-1", "p2"))
    with pytest.warns(OtolithWarning, match="of two people, p0 and p2"):
        report = benchmark(
            [study],
            methods=["logistic"],
            shots=[2],
            folds=3,
            draws=1,
            out=tmp_path / "out",
            runtime=Runtime("cpu", "fp32", 1),
            save=save_with_page,
        )
    assert any("are said to be of two people, p0 and p2" in note for note in report.notes)
    assert "of two people, p0 and p2" in (tmp_path / "out" / "report.html").read_text(
        encoding="utf-8"
    )
