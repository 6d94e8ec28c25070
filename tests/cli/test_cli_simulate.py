"""Simulating by command: from movements to a study, a look at it, and how close it comes to real
sensors."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import box_body
import numpy as np
import pytest
from bvh_writer import write_bvh
from toy import write_toy_study
from typer.testing import CliRunner, Result

from otolith.cli.app import app
from otolith.data.study import Study
from otolith.motion.procedural.procedural import make


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def said(*words: object) -> str:
    result = typed(*words)
    assert result.exit_code == 0, result.output
    return result.output


def printed(rrd: Path) -> str:
    """What Rerun itself reads in a file."""
    command = [sys.executable, "-m", "rerun", "rrd", "print", "-v", str(rrd)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "study"
    choices = ("--bodies", 2, "--placements", "left_wrist, head", "--rate", 25)
    output = said("simulate", "procedural:walking", "squat", *choices, "--out", folder)
    assert "4 recordings of 2 clips on 2 bodies" in output
    return folder


def test__simulate__options__reach_the_study(virtual: Path) -> None:
    study = Study.load(virtual)
    assert study.placements == ["left_wrist", "head"]
    assert {
        stream["nominal_rate_hz"] for entry in study.entries for stream in entry["streams"]
    } == {25.0}
    assert json.loads(said("info", virtual, "--json"))["origin"] == "simulated"


def test__simulate__recipe__makes_the_same_again(virtual: Path, tmp_path: Path) -> None:
    said("simulate", "--recipe", virtual / "recipe.toml", "--out", tmp_path / "again", "--quiet")
    assert Study.load(tmp_path / "again").entries == Study.load(virtual).entries


def test__simulate__recipe_with_ranges_and_mountings__reach_the_bodies(tmp_path: Path) -> None:
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        'placements = "left_wrist"\nbodies = 2\n[ranges]\nheight = [1.1, 1.12]\n'
        "[mountings]\nleft_wrist = { rotation_deg = [180, 0, 0] }\n"
    )
    said("simulate", "procedural:walking", "--recipe", recipe, "--out", tmp_path / "s", "--quiet")
    said(
        "simulate",
        "procedural:walking",
        "--placements",
        "left_wrist",
        "--out",
        tmp_path / "plain",
        "--quiet",
    )
    study, plain = Study.load(tmp_path / "s"), Study.load(tmp_path / "plain")
    first, usual = (each.recording("walking-body00").streams[0].values for each in (study, plain))
    np.testing.assert_allclose(first, usual * np.tile([1, -1, -1], 2), atol=1e-4)
    assert 1.87 < study.recording("walking-body01").facts["stature_m"] < 1.905
    recipe.write_text("[ranges]\nhight = [1.1, 1.12]\n")
    wrong = typed("simulate", "procedural:walking", "--recipe", recipe, "--out", tmp_path / "t")
    assert wrong.exit_code != 0 and "height" in wrong.output


def test__simulate__body_model__bodies_are_its_shapes(tmp_path: Path) -> None:
    box_body.write(tmp_path / "SMPL_M.npz")
    said(
        "simulate",
        "squat",
        "--bodies",
        2,
        "--body-model",
        tmp_path / "SMPL_M.npz",
        "--out",
        tmp_path / "s",
    )
    first, second = Study.load(tmp_path / "s").entries
    assert first["body"] != second["body"]
    assert str(tmp_path) not in (tmp_path / "s" / "simulated.jsonl").read_text()
    result = typed(
        "simulate", "squat", "--body-model", tmp_path / "none.npz", "--out", tmp_path / "t"
    )
    assert result.exit_code == 2
    assert "none.npz is no .npz file" in result.output.replace("\n", " ")


def test__simulate__clip_played_too_fast__is_kept_and_told(tmp_path: Path) -> None:
    write_bvh(make("jumping", seconds=4.0), tmp_path / "jumping.bvh")
    fine = typed("simulate", tmp_path / "jumping.bvh", "--out", tmp_path / "a", "--quiet")
    fast = typed(
        "simulate",
        tmp_path / "jumping.bvh",
        "--frame-rate",
        400,
        "--out",
        tmp_path / "b",
        "--quiet",
    )
    assert "look at" not in fine.output
    assert "look at jumping-body00" in fast.output and "frame rate lower" in fast.output
    assert len(Study.load(tmp_path / "b")) == 1


def test__simulate__file_in_other_units__is_read_as_said(tmp_path: Path) -> None:
    write_bvh(make("walking", seconds=3.0), tmp_path / "walk.bvh", scale=1.0)
    wrong = typed("simulate", tmp_path / "walk.bvh", "--out", tmp_path / "a")
    assert wrong.exit_code == 2
    assert "unit" in wrong.output
    said(
        "simulate",
        tmp_path / "walk.bvh",
        "--unit",
        "m",
        "--frame-rate",
        50,
        "--out",
        tmp_path / "b",
    )
    (entry,) = Study.load(tmp_path / "b").entries
    assert entry["duration_s"] == pytest.approx(6.0, abs=0.05)
    assert entry["clip"] == "walk"


def test__simulate__damaged_clip__is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_bvh(make("walking", seconds=3.0), tmp_path / "in" / "good.bvh")
    (tmp_path / "in" / "bad.bvh").write_text("HIERARCHY")
    assert typed("simulate", tmp_path / "in", "--out", tmp_path / "a").exit_code == 2
    result = typed("simulate", tmp_path / "in", "--out", tmp_path / "a", "--skip-damaged")
    assert result.exit_code == 0
    assert "bad.bvh" in result.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["procedural:wlaking"], "walking"),
        (["procedural:walking", "--placements", "left_wirst"], "left_wrist"),
        (["procedural:walking", "--noise", "wach"], "watch"),
        (["procedural:walking", "--heading", "north"], "'keep',"),
        (["no/such/folder"], "no/such/folder"),
    ],
)
def test__simulate__mistyped__says_what_to_type(
    words: list[str], expected: str, tmp_path: Path
) -> None:
    result = typed("simulate", *words, "--out", tmp_path / "s")
    assert result.exit_code == 2
    assert expected in result.output


def test__fidelity__study_against_itself__is_perfect(virtual: Path) -> None:
    found = json.loads(said("fidelity", virtual, virtual, "--json", "--quiet"))
    assert len(found) == 8
    for row in found:
        assert row["acceleration"]["rmse"] < 1e-4
        assert row["angular_rate"]["rmse"] < 1e-4
    table = said("fidelity", virtual, virtual, "--fit", "none", "--quiet").splitlines()
    assert len(table) == 10
    assert "0.000" in table[1]
    assert table[-1].startswith("mean of 8")


def test__fidelity__nothing_in_common__says_what_goes_together(
    virtual: Path, tmp_path: Path
) -> None:
    write_toy_study(tmp_path / "real", people=2)
    result = typed("fidelity", virtual, tmp_path / "real")
    assert result.exit_code == 2
    assert "clip" in result.output
    assert typed("fidelity", virtual, virtual, "--fit", "all").exit_code == 2


def test__fidelity__folder_of_a_paired_set__says_where_its_readers_went(tmp_path: Path) -> None:
    (tmp_path / "mocap_sample.csv").touch()
    result = typed("fidelity", tmp_path)
    assert result.exit_code == 2 and "benchmarks/fidelity.py" in result.output


def test__view__without_rerun__names_the_extra(
    virtual: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    result = typed("view", virtual)
    assert result.exit_code == 2
    assert "otolith[view]" in result.output


def test__view__figure__needs_no_rerun(
    virtual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    said("view", virtual, "walking-body01", "--figure", tmp_path / "walk.svg")
    picture = (tmp_path / "walk.svg").read_text()
    assert "head: angular velocity" in picture and "metres" in picture
    assert len(picture) < 300_000
    said("view", virtual, "walking-body01", "--figure", tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == picture
    assert (
        "9.0 to 10.0 s"
        in said("view", virtual, "--figure", tmp_path / "end.svg", "--start", 9)
        + (tmp_path / "end.svg").read_text()
    )
    assert typed("view", virtual, "--figure", tmp_path / "a.svg", "--start", 11).exit_code == 2
    assert "--figure" in typed("view", virtual, "--start", 1).output


@pytest.mark.skipif(
    find_spec("rerun") is None, reason="rerun-sdk is not installed: pip install 'otolith[view]'"
)
def test__view__rrd__holds_skeleton_sensors_and_signals(virtual: Path, tmp_path: Path) -> None:
    file = tmp_path / "walk.rrd"
    said("view", virtual, "walking-body01", "--rrd", file)
    told = printed(file)
    for entity in (
        "/world/skeleton",
        "/world/sensors/left_wrist",
        "/signals/head/gyro",
        "/truth/head/speed",
        "/label",
    ):
        assert f" - {entity} - " in told
    assert "251" in told  # samples of ten seconds at 25 Hz
    assert typed("view", virtual, "walkin-body01", "--rrd", file).exit_code == 2


@pytest.mark.skipif(
    find_spec("rerun") is None, reason="rerun-sdk is not installed: pip install 'otolith[view]'"
)
def test__view__measured_recording__shows_its_signals_alone(tmp_path: Path) -> None:
    write_toy_study(tmp_path / "real", people=1)
    said("view", tmp_path / "real", "--rrd", tmp_path / "p0.rrd")
    told = printed(tmp_path / "p0.rrd")
    assert "/signals/left_wrist/acc" in told
    assert "skeleton" not in told
