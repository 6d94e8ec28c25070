"""Ego-Exo4D and Ego4D: windows around what was told, official splits, whom nobody numbered, damaged
annotations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otolith.core.errors import ConfigError, ReadError, UnitError
from otolith.data.datasets import _narrations, ego4d, ego_exo4d, import_dataset
from otolith.data.paired import read_texts
from otolith.learn.modalities.texts import texts_of


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    ego_exo4d.write_sample(tmp_path / "exo")
    return tmp_path / "exo"


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    ego4d.write_sample(tmp_path / "ego")
    return tmp_path / "ego" / "v2"


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("#C C cuts the onion #unsure", "cuts the onion"),
        ("C moves his right hand.", "moves his right hand."),
        ("#O The man X talks to C", "the man x talks to c"),
        ("C's hand is still", "c's hand is still"),
        ("#unsure", ""),
    ],
)
def test__cleaned__marks_and_the_wearers_letter__go(raw: str, clean: str) -> None:
    assert _narrations.cleaned(raw) == clean


def test__around__near_the_ends__is_moved_inside() -> None:
    assert _narrations.around(6.0, 12.0) == (3.5, 8.5)
    assert _narrations.around(0.5, 12.0) == (0.0, 5.0)
    assert _narrations.around(11.9, 12.0) == (7.0, 12.0)
    assert _narrations.around(12.1, 12.0) is None and _narrations.around(2.0, 4.0) is None


def test__ego_exo4d__takes__with_a_file_are_read(takes: Path) -> None:
    found = list(ego_exo4d.EgoExo4D().read(takes))
    assert [(r.id, r.subject, r.session, r.facts["split"]) for r in found] == [
        ("site_0_1", "657", "capture-0", "train"),
        ("site_1_1", "657", "capture-1", "train"),
        ("site_2_1", "658", "capture-2", "val"),
    ]
    assert [s.label for s in found[2].segments] == ["CPR", "CPR"]
    assert [(s.start_s, s.end_s) for s in found[0].segments] == [(0.0, 5.0), (3.5, 8.5)]
    whole = next(ego_exo4d.EgoExo4D(segments="takes").read(takes))
    assert [(s.label, s.end_s) for s in whole.segments] == [("bike repair", pytest.approx(11.999))]


@pytest.mark.parametrize(
    ("task", "parent", "wanted"),
    [
        ("Covid-19 Rapid Antigen Test", "Health", "medical test"),
        ("Playing Violin", "Music", "music"),
        ("Basketball Drills - Reverse Layup", "Basketball", "soccer or basketball"),
        ("Rock Climbing", "Rock Climbing", "climbing"),
        ("Performing the basic choreography", "Dance", "dance"),
        (None, "Gardening", "Gardening"),
        (None, None, "unknown"),
    ],
)
def test__ego_exo4d__activity_of__a_task(task: str | None, parent: str | None, wanted: str) -> None:
    assert ego_exo4d.activity_of({"task_name": task, "parent_task_name": parent}) == wanted


def test__ego_exo4d__windows__carry_the_description_around_which_they_lie(
    takes: Path, tmp_path: Path
) -> None:
    study = import_dataset(takes, "ego_exo4d", tmp_path / "out")
    windows = study.windows(labels=("bike repair", "cooking", "CPR"))
    assert texts_of(windows) == ["moves his right hand.", "the man x walks towards c."] * 3
    assert np.allclose(windows.start_s, [0.0, 3.5] * 3, atol=0.03) and windows.length == 250
    assert {text.source for texts in read_texts(study.folder).values() for text in texts} == {
        "atomic description"
    }


def test__ego_exo4d__no_glasses_file_at_all__says_which_part_to_get(takes: Path) -> None:
    for path in takes.rglob("*.csv"):
        path.unlink()
    with pytest.raises(ReadError, match=r"aria01_noimagestreams\.vrs.*take_vrs_noimagestream"):
        list(ego_exo4d.EgoExo4D().read(takes))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("takes.json", lambda c: {"takes": c}, "is no list of takes"),
        ("takes.json", lambda c: [{**c[0], "take_uid": None}], "take 0 has no take_uid"),
        ("annotations/splits.json", lambda c: {"splits": c}, "no object 'take_uid_to_split'"),
        (
            "annotations/atomic_descriptions_val.json",
            lambda c: {"takes": c},
            "no object 'annotations'",
        ),
        (
            "annotations/atomic_descriptions_val.json",
            lambda c: {"annotations": {"uid-2": [{"descriptions": [{"text": "C waits"}]}]}},
            "take uid-2: a description needs timestamp",
        ),
    ],
)
def test__ego_exo4d__damaged_metadata__is_named(
    takes: Path, file: str, change: Any, message: str
) -> None:
    edit(takes / file, change)
    with pytest.raises(ReadError, match=message):
        list(ego_exo4d.EgoExo4D().read(takes))


def test__ego_exo4d__wrong_unit__is_refused_by_gravity(takes: Path, tmp_path: Path) -> None:
    for path in takes.rglob("*.csv"):
        head, *rows = path.read_text().splitlines()
        scaled = [
            ",".join([r.split(",")[0], *(f"{float(v) / 9.80665:.6f}" for v in r.split(",")[1:])])
            for r in rows
        ]
        path.write_text("\n".join([head, *scaled]))
    with pytest.raises(UnitError, match=r"'head' reads 0\.999"):
        import_dataset(takes, "ego_exo4d", tmp_path / "out")


def test__ego_exo4d__options__are_held_against_what_there_is() -> None:
    with pytest.raises(
        ConfigError, match="'segments' should be 'descriptions' or 'takes'; given 'scenes'"
    ):
        ego_exo4d.EgoExo4D(segments="scenes")  # type: ignore[arg-type]


def test__ego4d__videos__have_people_splits_and_scenarios(videos: Path) -> None:
    found = list(ego4d.Ego4D().read(videos))
    assert [(r.subject, r.facts.get("split")) for r in found] == [
        ("7", "train"),
        ("8", None),
        ("unknown-unict", "val"),
    ]
    assert [r.segments[0].label for r in found] == ["Cooking", ego4d.SEVERAL, "Carpenter"]
    assert (
        found[2].facts["split_fho"] == "test" and found[0].facts["device"] == "GoPro Hero Black 7"
    )


def test__ego4d__rows_before_the_video__are_reported(videos: Path) -> None:
    last = list(ego4d.Ego4D().read(videos))[2]
    for stream in last.streams:
        assert stream.time_s[0] == 0.0 and stream.rows_read == 2400
        assert [(r.kind, r.rows) for r in stream.reports] == [("outside the video", 40)]


def test__ego4d__rates_that_differ__are_two_streams(videos: Path) -> None:
    path = videos / "imu" / "0000-1.csv"
    head, *rows = path.read_text().splitlines()
    rows = [
        row if n % 2 else ",".join([*row.split(",")[:6], "", "", ""]) for n, row in enumerate(rows)
    ]
    path.write_text("\n".join([head, *rows]) + "\n")
    streams = {s.name: s for s in list(ego4d.Ego4D().read(videos))[1].streams}
    assert (streams["acc"].rate_hz, streams["gyro"].rate_hz) == (
        pytest.approx(100.0),
        pytest.approx(200.0),
    )
    assert [(r.kind, r.rows) for r in streams["acc"].reports] == [("row of another quantity", 1200)]
    path.write_text(
        "\n".join([head, *(",".join([*row.split(",")[:6], "", "", ""]) for row in rows)])
    )
    assert [s.name for s in list(ego4d.Ego4D().read(videos))[1].streams] == ["gyro"]


def test__ego4d__windows__carry_the_narration(videos: Path, tmp_path: Path) -> None:
    study = import_dataset(videos, "ego4d", tmp_path / "out")
    windows = study.windows()
    assert texts_of(windows) == ["cuts the onion", "the man x talks to c"] * 3
    assert sorted(study.label_seconds) == ["Carpenter", "Cooking", "several scenarios"]


def test__ego4d__one_file_of_narrations_by_uid_alone__is_read_too(videos: Path) -> None:
    path = videos / "annotations" / "narration.json"
    edit(path, lambda content: content["videos"])
    path.rename(path.with_name("all_narrations_redacted.json"))
    assert len(next(ego4d.Ego4D().read(videos)).segments) == 2
    path.with_name("all_narrations_redacted.json").unlink()
    assert next(ego4d.Ego4D().read(videos)).segments == ()
    assert next(ego4d.Ego4D(segments="videos").read(videos)).segments[0].label == "Cooking"


def test__ego4d__metadata__missing_or_of_another_version(videos: Path) -> None:
    edit(videos / "ego4d.json", lambda c: {"videos": c["videos"][1:]})
    with pytest.raises(ReadError, match=r"ego4d\.json knows no video '0000-0'"):
        list(ego4d.Ego4D().read(videos))
    (videos / "ego4d.json").unlink()
    with pytest.raises(ReadError, match=r"no ego4d\.json, which tells who"):
        list(ego4d.Ego4D().read(videos))


def test__ego4d__narration_without_a_time__is_named(videos: Path) -> None:
    bad = {
        "videos": {"0000-0": {"narration_pass_2": {"narrations": [{"narration_text": "C waits"}]}}}
    }
    edit(videos / "annotations" / "narration.json", lambda c: bad)
    with pytest.raises(ReadError, match="video 0000-0: a narration needs timestamp_sec"):
        list(ego4d.Ego4D().read(videos))


def test__ego4d__column_of_another_name__is_told(videos: Path) -> None:
    path = videos / "imu" / "0000-0.csv"
    path.write_text(path.read_text().replace("accl_x", "acc_x"))
    with pytest.raises(ReadError, match=r"0000-0\.csv has no column 'accl_x'"):
        list(ego4d.Ego4D().read(videos))
