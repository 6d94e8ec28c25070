"""A study folder: what is written reads back, what was cut short is no study, what was damaged is
named."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import RATE_HZ, toy_recording, write_toy_study

from otolith import Cut, Recording, Segment, Stream, Study, write_study
from otolith.core.errors import ConfigError, DataError, StudyError, UnitError
from otolith.core.files import write_sealed
from otolith.data.channels import triad
from otolith.data.recording import RowReport, natural_key
from otolith.data.study_check import verify_study


def short(subject: str = "p0", **more: Any) -> Recording:
    return toy_recording(subject, seconds_each=2.0, **more)


def damage(path: Path, content: dict[str, Any]) -> None:
    """Edit study.json as somebody would who knows of its seal."""
    write_sealed(path, json.loads(path.read_text()) | content)


def test__round_trip__every_field_of_a_recording__comes_back(tmp_path: Path) -> None:
    time = np.array([0.0, 0.02, 0.05, 0.06])
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    report = (RowReport("not a number", 2, "two rows"), RowReport("silent channel", 0, "none"))
    stream = Stream("head", triad("head", "gyro", "b"), time, values, 50.0, reports=report)
    made = Recording(
        "clip-1 ä", "body 1", (stream,), (Segment(0.0, 0.04, "läuft", "expert"),), "2", "anna", "clip", "group",
        "small", "simulated", "removed", {"age": 31, "height_m": 1.7, "side": "left"}, "2026-03-29T08:15:00.500+02:00",
    )  # fmt: skip
    cut = Cut(2.0, 25.0, 0.0, "majority", ("läuft",), ("gyro",), ("head",), pad=True)
    study = write_study(tmp_path, [made], name="n", source="s", terms="t", citation="c", cut=cut)
    again = Study.load(tmp_path)
    assert (again.name, again.source, again.terms, again.citation) == ("n", "s", "t", "c")
    assert again.cut == cut
    assert again.entries == study.entries
    (read,) = list(again)
    np.testing.assert_array_equal(read.streams[0].time_s, time)
    np.testing.assert_array_equal(read.streams[0].values, values)
    assert read.streams[0].values.dtype == np.float32
    assert _facts(read) == _facts(made)


def _facts(made: Recording) -> list[Any]:
    """Everything but the arrays."""
    own = [getattr(made, name) for name in Recording.__dataclass_fields__ if name != "streams"]
    names = [name for name in Stream.__dataclass_fields__ if name not in ("time_s", "values")]
    return own + [getattr(stream, name) for stream in made.streams for name in names]


def test__info__of_the_toy_study__is_what_was_written(toy_study: Study) -> None:
    info = toy_study.info()
    assert info["subjects"] == [f"p{i}" for i in range(6)]
    assert info["recordings"] == 6
    assert info["hours"] == pytest.approx(6 * 35.98 / 3600)
    assert info["placements"] == ["left_wrist", "right_wrist"]
    assert info["labels"] == {"resting": 72.0, "shaking": 72.0, "walking": 72.0}
    assert info["rows"] == {"read": 6 * 2 * 1800, "kept": 6 * 2 * 1800, "reported": 0}
    assert info["gravity"]["left_wrist"]["checked"]
    assert json.loads(json.dumps(info))["evaluation"]["quantities"] == ["acc", "gyro"]


def test__write__same_recordings_twice__same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_toy_study(tmp_path / name, people=2, seconds_each=2.0)
    for path in sorted((tmp_path / "a").rglob("*")):
        if path.is_file():
            assert (
                path.read_bytes()
                == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
            )


def test__write__stopped_half_way__is_no_study_and_says_so(tmp_path: Path) -> None:
    def stopped() -> Iterator[Recording]:
        yield short("p0")
        raise KeyboardInterrupt

    write_study(tmp_path, [short("old")], name="old")
    with pytest.raises(KeyboardInterrupt):
        write_study(tmp_path, stopped(), name="new")
    assert not (tmp_path / "study.json").exists()
    with pytest.raises(StudyError, match=r"did not finish\. Run it again"):
        Study.load(tmp_path)


@pytest.mark.parametrize("at", [1, 3])
def test__write__disk_is_full__leaves_no_half_file(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, original = [], pq.write_table

    def full(table: Any, where: Any, **more: Any) -> None:
        calls.append(where)
        if len(calls) == at:
            where.write(b"PAR1 half of a fi")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(table, where, **more)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_study(tmp_path / "study", [short("p0"), short("p1")], name="full")
    assert not (tmp_path / "study" / "study.json").exists()
    left = [path for path in (tmp_path / "study").rglob("*") if path.is_file() and path.suffix]
    assert len(left) == at - 1
    assert all(pq.read_table(path).num_rows for path in left)


def test__write__over_an_older_study__leaves_none_of_its_files(tmp_path: Path) -> None:
    write_study(tmp_path, [short("old"), short("p0")], name="old")
    study = write_study(tmp_path, [short("p0")], name="new")
    assert {path.name for path in (tmp_path / "recordings").iterdir()} == {
        "p0-1.left_wrist.parquet", "p0-1.right_wrist.parquet",
    }  # fmt: skip
    assert len(study) == 1


def test__write__two_of_one_name_or_nothing__is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="Two recordings are called 'p0-1'"):
        write_study(tmp_path / "a", [short("p0"), short("p0")], name="twice")
    with pytest.raises(StudyError, match="nothing to write"):
        write_study(tmp_path / "b", [], name="empty")


def test__write__acceleration_in_g__is_refused_with_the_unit_named(tmp_path: Path) -> None:
    right = short()
    wrong = replace(
        right, streams=tuple(replace(s, values=s.values / np.float32(9.81)) for s in right.streams)
    )
    with pytest.raises(UnitError, match=r"left_wrist.*unit = 'g'"):
        write_study(tmp_path, [wrong], name="wrong")
    assert not (tmp_path / "study.json").exists()
    removed = replace(right, gravity="removed")
    assert (
        "gravity was removed"
        in write_study(tmp_path, [removed], name="r").gravity_checks["left_wrist"]["sentence"]
    )


def test__hash__edited_segments__is_another(tmp_path: Path) -> None:
    before = write_toy_study(tmp_path, people=2, seconds_each=4.0)
    windows = before.windows()
    table = pq.read_table(tmp_path / "segments.parquet").to_pylist()
    table[0]["label"] = "walking"
    pq.write_table(
        pq.read_table(tmp_path / "segments.parquet").from_pylist(table),
        tmp_path / "segments.parquet",
    )
    with pytest.raises(StudyError, match=r"segments\.parquet was changed.*--accept-edits"):
        Study.load(tmp_path).windows()
    with pytest.raises(StudyError, match=r"segments\.parquet was changed"):
        _ = Study.load(tmp_path).hash
    assert verify_study(tmp_path, accept_edits=True).accepted
    after = Study.load(tmp_path)
    assert after.hash != before.hash
    assert after.windows().hash != windows.hash
    assert Study.load(tmp_path).hash == after.hash


def test__load__no_study__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="otolith import SOURCE --out"):
        Study.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"otolith_study": 99}, "has format 99"),
        ({"recordings": []}, "lacks 'recordings'"),
        ({"name": ""}, "lacks 'name'"),
        ({"evaluation": {"secnds": 2}}, "Did you mean 'seconds'"),
    ],
)
def test__load__study_json_that_is_none__says_what_is_wrong(
    change: Any, said: str, tmp_path: Path
) -> None:
    write_study(tmp_path, [short()], name="a")
    damage(tmp_path / "study.json", change)
    with pytest.raises(StudyError, match=said):
        Study.load(tmp_path)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def zeros_inside(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 200] = bytes(200)
    path.write_bytes(content)


def lacks_a_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["left_wrist.acc.x"]), path)


def lacks_rows(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(0, 10), path)


@pytest.mark.parametrize("harm", [cut_off, zeros_inside, lacks_a_column, lacks_rows, Path.unlink])
def test__recording__damaged_file__is_named(harm: Any, tmp_path: Path) -> None:
    study = write_study(tmp_path, [short()], name="a")
    harm(tmp_path / "recordings" / "p0-1.left_wrist.parquet")
    with pytest.raises(StudyError, match=r"p0-1\.left_wrist\.parquet"):
        study.recording("p0-1")


def test__segments__damaged__are_named(tmp_path: Path) -> None:
    write_study(tmp_path, [short()], name="a")
    cut_off(tmp_path / "segments.parquet")
    with pytest.raises(StudyError, match=r"segments\.parquet was changed or damaged"):
        Study.load(tmp_path).recording("p0-1")


def test__recording__unknown__names_the_nearest(toy_study: Study) -> None:
    with pytest.raises(StudyError, match="Did you mean 'p0-1'"):
        toy_study.recording("p0_1")


def test__windows__unknown_choice__names_the_nearest(toy_study: Study) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'overlap'"):
        toy_study.windows(overlp=0.5)


def test__subjects__simulated__are_performers(tmp_path: Path) -> None:
    made = [
        replace(
            short(id=f"r{i}"), subject=f"body {i}", performer=f"actor {i // 2}", origin="simulated"
        )
        for i in range(4)
    ]
    study = write_study(tmp_path, made, name="virtual")
    assert study.simulated
    assert study.subjects == ["actor 0", "actor 1"]


def test__natural_key__people__count_as_people_do() -> None:
    assert sorted(["p10", "p2", "q1", "p1", "2", "10"], key=natural_key) == [
        "2",
        "10",
        "p1",
        "p2",
        "p10",
        "q1",
    ]


@given(st.lists(st.text(max_size=6), max_size=6))
def test__natural_key__any_names__can_be_sorted(texts: list[str]) -> None:
    assert sorted(sorted(texts, key=natural_key), key=natural_key) == sorted(texts, key=natural_key)


def test__rate__of_the_toy__stands_in_study_json(toy_study: Study) -> None:
    assert {stream["rate_hz"] for entry in toy_study.entries for stream in entry["streams"]} == {
        RATE_HZ
    }


def test__study__clips_of_one_group__are_one_side_of_a_split(tmp_path: Path) -> None:
    recordings = [
        replace(short(id=id), origin="simulated", clip=id, clip_group=group, body="body00")
        for id, group in (("a", "wave"), ("b", "wave"), ("c", None))
    ]
    study = write_study(tmp_path, recordings, name="grouped")
    assert study.subjects == ["c", "wave"]
    assert [recording.clip_group for recording in study] == ["wave", "wave", None]
    assert sorted(study.windows(seconds=2.0, rate_hz=RATE_HZ).subjects) == ["c", "wave"]


def test__write_study__study_json_is_a_folder__is_told_and_left(tmp_path: Path) -> None:
    study = write_toy_study(tmp_path / "study", people=1, seconds_each=2.0)
    (study.folder / "study.json").unlink()
    (study.folder / "study.json").mkdir()
    (study.folder / "study.json" / "mine.txt").write_text("my own")
    with pytest.raises(DataError, match="is a folder"):
        write_toy_study(tmp_path / "study", people=1, seconds_each=2.0)
    assert (study.folder / "study.json" / "mine.txt").read_text() == "my own"
