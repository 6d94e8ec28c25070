"""Clips in, a study out: everything apart that is apart, nothing lost when stopped, nothing mixed
up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from bvh_writer import write_bvh

from otolith.core.errors import ConfigError, DataError, OtolithError, UnknownNameError
from otolith.data.paired import read_modality
from otolith.data.study import Study
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.simulate_study import SimulateConfig, clips_of, simulate_study

TWO = ["procedural:walking", "procedural:squat"]
QUICK = SimulateConfig(bodies=2, rate_hz=25.0, pose_rate_hz=10.0)


class StopError(Exception):
    """What stops a run in these tests."""


def stop_after(count: int) -> object:
    def progress(done: int, of: int, text: str) -> None:
        if done == count:
            raise StopError

    return progress


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return simulate_study(TWO, tmp_path_factory.mktemp("simulated") / "study", QUICK)


def test__simulate_study__clip_and_body__stay_apart(study: Study) -> None:
    assert [entry["id"] for entry in study.entries] == [
        "walking-body00", "walking-body01", "squat-body00", "squat-body01",
    ]  # fmt: skip
    assert study.simulated
    assert {entry["body"] for entry in study.entries} == {"body00", "body01"}
    assert len(study.subjects) == 2, "two clips of unknown performers, however many bodies"
    assert set(study.label_seconds) == {"walking", "squat"}
    assert study.entries[0]["facts"]["stature_m"] == 1.7
    assert study.entries[1]["facts"]["stature_m"] != 1.7


def test__simulate_study__modalities__are_there_for_every_recording(study: Study) -> None:
    for recording in study:
        facts = read_modality(study.folder, "truth", recording.id)
        for stream in recording.streams:
            np.testing.assert_allclose(facts["time_s"], stream.time_s)
        assert "left_wrist~right_wrist.symmetry" in facts
        poses = read_modality(study.folder, "pose", recording.id)
        assert len(poses) == 1 + 3 * 22
        assert poses["time_s"][1] == pytest.approx(0.1)
    texts = pq.read_table(study.folder / "partners" / "text.parquet").to_pylist()
    assert [row["text"] for row in texts] == ["walking", "walking", "squat", "squat"]
    assert texts[0]["end_s"] == pytest.approx(study.entries[0]["duration_s"])


def test__simulate_study__taller_body__strides_farther(study: Study) -> None:
    ways = []
    for id in ("walking-body00", "walking-body01"):
        pelvis = np.stack(
            [read_modality(study.folder, "pose", id)[f"pelvis.{axis}"] for axis in "xy"], axis=1
        )
        ways.append(np.linalg.norm(pelvis[-1] - pelvis[0]))
    heights = [entry["facts"]["stature_m"] for entry in study.entries[:2]]
    assert ways[1] / ways[0] == pytest.approx(
        heights[1] / heights[0], rel=0.11
    )  # legs differ by a tenth at most
    assert ways[1] != pytest.approx(ways[0], rel=1e-3)


@pytest.mark.parametrize("count", [1, 3])
def test__simulate_study__stopped__goes_on_and_ends_the_same(
    study: Study, tmp_path: Path, count: int
) -> None:
    with pytest.raises(StopError):
        simulate_study(TWO, tmp_path / "s", QUICK, progress=stop_after(count))  # type: ignore[arg-type]
    with pytest.raises(OtolithError, match="did not finish"):
        Study.load(tmp_path / "s")
    with (tmp_path / "s" / "simulated.jsonl").open("a") as journal:
        journal.write('{"id": "squat-body01", "ma')  # killed within a line
    seen: list[str] = []
    again = simulate_study(
        TWO, tmp_path / "s", QUICK, progress=lambda done, of, text: seen.append(f"{done}/{of}")
    )
    assert seen == [f"{done}/4" for done in range(count + 1, 5)]
    assert contents(tmp_path / "s") == contents(study.folder)
    assert again.entries == study.entries
    assert again.hash == study.hash


def test__simulate_study__finished__is_not_done_again(study: Study) -> None:
    seen: list[str] = []
    again = simulate_study(
        TWO, study.folder, QUICK, progress=lambda done, of, text: seen.append(text)
    )
    assert seen == []
    assert again.hash == study.hash


def test__simulate_study__other_settings__are_refused_and_named(study: Study) -> None:
    with pytest.raises(ConfigError, match="rate_hz"):
        simulate_study(TWO, study.folder, replace(QUICK, rate_hz=20.0))
    with pytest.raises(ConfigError, match="sources"):
        simulate_study(TWO[:1], study.folder, QUICK)


def test__simulate_study__folder_of_something_else__is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="already exists"):
            simulate_study(TWO, tmp_path, QUICK, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test__simulate_study__overwrite__replaces_an_older_one(tmp_path: Path) -> None:
    simulate_study(["procedural:squat"], tmp_path / "s", QUICK)
    other = simulate_study(
        ["procedural:walking"], tmp_path / "s", replace(QUICK, bodies=1), overwrite=True
    )
    assert [entry["id"] for entry in other.entries] == ["walking-body00"]
    assert {Path(name).name.split(".")[0] for name in contents(tmp_path / "s")} == {
        "walking-body00", "segments", "text",
    }  # fmt: skip


def test__simulate_study__files__keep_performer_and_clip(tmp_path: Path) -> None:
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        write_bvh(make("walking", seconds=3.0), tmp_path / folder / "walk.bvh")
        (tmp_path / folder / "motion.toml").write_text(f'performer = "{folder}"\n')
    study = simulate_study(
        [tmp_path / "monday", tmp_path / "tuesday"], tmp_path / "s", replace(QUICK, bodies=1)
    )
    assert [entry["id"] for entry in study.entries] == ["monday-walk-body00", "tuesday-walk-body00"]
    assert study.subjects == ["monday", "tuesday"]
    assert {entry["clip"] for entry in study.entries} == {"walk"}


def test__simulate_study__damaged_clip__stops_or_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_bvh(make("walking", seconds=3.0), tmp_path / "in" / "good.bvh")
    (tmp_path / "in" / "bad.bvh").write_text("HIERARCHY\nROOT")
    with pytest.raises(DataError):
        simulate_study([tmp_path / "in"], tmp_path / "a", QUICK)
    study = simulate_study([tmp_path / "in"], tmp_path / "b", QUICK, on_error="skip")
    assert {entry["clip"] for entry in study.entries} == {"good"}
    (told,) = json.loads((tmp_path / "b" / "skipped.json").read_text())
    assert told["file"].endswith("bad.bvh")
    (tmp_path / "in" / "good.bvh").unlink()
    with pytest.raises(DataError, match="says why"):
        simulate_study([tmp_path / "in"], tmp_path / "c", QUICK, on_error="skip")


def test__simulate_study__changed_file__is_simulated_again(tmp_path: Path) -> None:
    write_bvh(make("walking", seconds=3.0), tmp_path / "a.bvh")
    first = simulate_study([tmp_path / "a.bvh"], tmp_path / "s", replace(QUICK, bodies=1))
    write_bvh(make("squat", seconds=4.0), tmp_path / "a.bvh")
    again = simulate_study([tmp_path / "a.bvh"], tmp_path / "s", replace(QUICK, bodies=1))
    assert len(again) == 1
    assert again.entries[0]["duration_s"] > first.entries[0]["duration_s"] + 0.5


def test__simulate_study__by_hand__differs_between_bodies_not_runs(tmp_path: Path) -> None:
    by_hand = replace(QUICK, mounting="by_hand", noise="watch", bodies=1)
    values = [
        simulate_study(TWO[:1], tmp_path / name, config)
        .recording("walking-body00")
        .streams[0]
        .values
        for name, config in (("a", by_hand), ("b", by_hand), ("c", replace(by_hand, seed=1)))
    ]
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test__simulate_study__mountings__turn_the_sensor_as_said_or_any_way(tmp_path: Path) -> None:
    turned = replace(
        QUICK, bodies=1, mountings={QUICK.placements[0]: {"rotation_deg": (180.0, 0.0, 0.0)}}
    )
    values = [
        simulate_study(TWO[:1], tmp_path / name, config)
        .recording("walking-body00")
        .streams[0]
        .values
        for name, config in (
            ("a", replace(QUICK, bodies=1)),
            ("b", turned),
            ("c", replace(turned, mounting="any")),
        )
    ]
    np.testing.assert_allclose(values[1], values[0] * np.tile([1, -1, -1], 2), atol=1e-4)
    norms = [np.linalg.norm(each[:, :3], axis=1) for each in values]
    np.testing.assert_allclose(norms[2], norms[0], atol=1e-3)
    assert not np.allclose(values[2], values[1], atol=0.5)
    with pytest.raises(ConfigError, match="where no sensor sits"):
        replace(turned, mountings={"head": {}})


def test__clips_of__names_and_folders__have_keys_of_their_own(tmp_path: Path) -> None:
    for name in ("a/walk.bvh", "b/walk.bvh", "b/run .bvh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("HIERARCHY")
    clips = clips_of([tmp_path, tmp_path / "a", "procedural:walking", "walking"])
    assert [key for key, _ in clips] == ["a-walk", "run_", "b-walk", "walking"]
    (tmp_path / "b/run .amc").write_text(":DEGREES")
    clips = clips_of([tmp_path])
    assert [key for key, _ in clips] == [
        "a-walk",
        "run_",
        "run_~2",
        "b-walk",
    ]  # no folder tells the two runs apart
    assert len(clips_of(["procedural"])) == 12
    with pytest.raises(ConfigError):
        clips_of([])


@pytest.mark.parametrize(
    "changes",
    [{"bodies": 0}, {"rate_hz": 0.0}, {"placements": ()}, {"placements": ("head", "head")},
     {"heading": "north"}, {"mounting": "loose"}, {"pose_rate_hz": float("nan")}, {"seed": -1}, {"smoothing": "some"},
     {"smoothing": 0.0}, {"smoothing": float("nan")}],
)  # fmt: skip
def test__simulation_config__impossible__is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        SimulateConfig(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"placements": ("left_wirst",)}, {"noise": "wacth"}])
def test__simulation_config__misspelt__names_the_nearest(changes: dict[str, object]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean"):
        SimulateConfig(**changes)  # type: ignore[arg-type]
