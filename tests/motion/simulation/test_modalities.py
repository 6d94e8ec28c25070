"""The pose and the truth that go with a simulated recording agree with its sensors and with closed
forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import StudyError
from otolith.data.paired import read_modality, write_modality
from otolith.data.skeleton import FINGERS, JOINTS, POSE_JOINTS, reference_offsets
from otolith.data.study import write_study
from otolith.motion import rotations
from otolith.motion.bodies.body import Body
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.modalities import pose, truth
from otolith.motion.simulation.sensor import simulate

WALK = make("walking", seconds=4.0)
GRID = np.arange(201) / 50.0
WRISTS = ("left_wrist", "right_wrist")


def drifting(rate_hz: float = 100.0, frames: int = 301) -> Motion:
    """A body in a T that turns steadily about the vertical and travels along y at 2 m/s."""
    time_s = np.arange(frames) / rate_hz
    turns = np.tile(rotations.IDENTITY, (frames, len(JOINTS), 1))
    turns[:, 0] = rotations.from_axis_angle(time_s[:, None] * np.array([0.0, 0.0, 1.5]))
    return Motion(turns, np.stack([0 * time_s, 2.0 * time_s, 1.0 + 0 * time_s], axis=1), rate_hz)


def vectors(facts: dict[str, np.ndarray], name: str, letters: str = "xyz") -> np.ndarray:
    return np.stack([facts[f"{name}.{letter}"] for letter in letters], axis=1)


def test__truth__travelling_and_turning__is_the_closed_form() -> None:
    motion = drifting()
    time_s = np.arange(0, 3.0, 0.02)
    facts = truth(motion, ("waist",), time_s)
    place = vectors(facts, "waist.position")
    arm = place - np.stack([0 * time_s, 2.0 * time_s, 1.0 + 0 * time_s], axis=1)
    velocity = np.array([0.0, 2.0, 0.0]) + np.cross([0.0, 0.0, 1.5], arm)
    np.testing.assert_allclose(facts["waist.speed"], np.linalg.norm(velocity, axis=1), rtol=1e-5)
    up = rotations.rotate(vectors(facts, "waist.orientation", "xyzw"), np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(up, np.tile([0.0, 0.0, 1.0], (len(time_s), 1)), atol=1e-9)


def test__truth__mirrored_posture__has_no_asymmetry() -> None:
    motion = drifting()
    np.testing.assert_allclose(
        truth(motion, WRISTS, GRID[:100])["left_wrist~right_wrist.symmetry"], 0.0, atol=1e-9
    )
    turns = motion.rotations.copy()
    turns[:, JOINTS.index("left_shoulder")] = rotations.from_axis_angle(np.array([0.0, 0.5, 0.3]))
    lopsided = truth(replace(motion, rotations=turns), WRISTS, GRID[:100])[
        "left_wrist~right_wrist.symmetry"
    ]
    assert lopsided.min() > 0.1


def test__truth__one_side_alone__has_no_symmetry() -> None:
    assert not [name for name in truth(WALK, ("left_wrist", "head"), GRID[:20]) if "~" in name]


def test__truth__orientation_and_position__explain_what_the_sensor_read() -> None:
    facts = truth(WALK, ("left_wrist",), GRID)
    (stream,) = simulate(WALK, ("left_wrist",), 50.0).streams
    turned = vectors(facts, "left_wrist.orientation", "xyzw")
    world = rotations.rotate(turned, stream.values[:, :3].astype(np.float64)) - np.array(
        [0.0, 0.0, 9.80665]
    )
    bend = np.diff(vectors(facts, "left_wrist.position"), n=2, axis=0) * 50.0**2
    assert np.corrcoef(world[1:-1].ravel(), bend.ravel())[0, 1] > 0.98
    speed = np.linalg.norm(np.gradient(vectors(facts, "left_wrist.position"), 0.02, axis=0), axis=1)
    np.testing.assert_allclose(facts["left_wrist.speed"][2:-2], speed[2:-2], atol=0.12)


def test__truth__inside_a_gap__is_nan_and_right_outside() -> None:
    root = WALK.root.copy()
    root[150:220] = np.nan
    facts, whole = truth(replace(WALK, root=root), WRISTS, GRID), truth(WALK, WRISTS, GRID)
    inside = (GRID > 1.499) & (GRID < 2.195)
    for name, column in facts.items():
        if name != "time_s":
            assert np.isnan(column[inside]).all()
            assert np.isfinite(column[~inside]).all()
            far = np.abs(GRID - 1.85) > 0.7
            np.testing.assert_allclose(column[far], whole[name][far], atol=1e-3)


def test__pose__at_the_frames_own_rate__is_where_the_joints_are() -> None:
    found = pose(WALK, 100.0)
    assert [name for name in found if name.endswith(".x")] == [
        f"{joint}.x" for joint in POSE_JOINTS
    ]
    places, _ = WALK.forward(POSE_JOINTS)
    np.testing.assert_allclose(
        vectors(found, "left_wrist"), places[:, POSE_JOINTS.index("left_wrist")], atol=1e-5
    )
    np.testing.assert_allclose(np.diff(pose(WALK, 30.0)["time_s"]), 1 / 30)


def test__pose__hands__follow_the_body_where_there_are_any() -> None:
    wrist = JOINTS.index("left_wrist")
    hand = [finger for finger in FINGERS if finger.startswith("left")]
    motion = replace(
        WALK,
        joints=(*JOINTS, *hand),
        parents=(*WALK.parents, *([wrist] * 15)),
        offsets=np.concatenate([reference_offsets(), np.tile([0.0, 0.1, 0.0], (15, 1))]),
        rotations=np.concatenate(
            [WALK.rotations, np.tile(rotations.IDENTITY, (WALK.frames, 15, 1))], axis=1
        ),
    )
    found = pose(motion, 30.0)
    assert len(found) == 1 + 3 * (22 + 15)
    apart = np.linalg.norm(vectors(found, "left_index1") - vectors(found, "left_wrist"), axis=1)
    np.testing.assert_allclose(apart, 0.1, atol=1e-4)


def test__pose__gap__leaves_moments_out() -> None:
    root = WALK.root.copy()
    root[100:200] = np.nan
    time_s = pose(replace(WALK, root=root), 50.0)["time_s"]
    assert not ((time_s > 0.995) & (time_s < 1.995)).any()
    assert len(time_s) == len(pose(WALK, 50.0)["time_s"]) - 50


def test__pose__missing_arm__is_nan() -> None:
    kept = [
        index
        for index, joint in enumerate(JOINTS)
        if joint not in ("left_elbow", "left_wrist", "left_hand")
    ]
    legs = Motion(
        WALK.rotations[:, kept],
        WALK.root,
        WALK.rate_hz,
        tuple(JOINTS[index] for index in kept),
        tuple(-1 if WALK.parents[i] < 0 else kept.index(WALK.parents[i]) for i in kept),
        WALK.offsets[kept],
    )
    found = pose(legs, 30.0)
    assert np.isnan(found["left_wrist.x"]).all()
    assert np.isfinite(found["right_wrist.x"]).all()


def test__modality__written__reads_back(tmp_path: Path) -> None:
    study = write_study(tmp_path, [simulate(WALK, name="a", body=Body())], name="one")
    with pytest.raises(StudyError, match="has no pose"):
        read_modality(study.folder, "pose", "a")
    columns = pose(WALK, 30.0)
    write_modality(tmp_path, "pose", "a", columns)
    for name, values in read_modality(study.folder, "pose", "a").items():
        np.testing.assert_array_equal(values, columns[name])
    path = tmp_path / "partners" / "pose" / "a.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(StudyError, match="damaged"):
        read_modality(study.folder, "pose", "a")
