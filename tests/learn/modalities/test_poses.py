"""Poses of windows, held to a body whose movement is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy import write_toy_study

from otolith import Study
from otolith.core.errors import ConfigError, StudyError
from otolith.data.paired import write_modality
from otolith.data.skeleton import FINGERS, POSE_JOINTS
from otolith.learn.modalities.pose_vector import PoseVector
from otolith.learn.modalities.poses import poses_of


def body(
    time_s: np.ndarray, heading: float = 0.0, speed: float = 0.0, at: float = 0.0
) -> dict[str, np.ndarray]:
    """A body that stands, its hips 20 cm apart, its left wrist swinging once a second; travels
    where it faces."""
    place = {
        name: np.tile([0.0, 0.02 * number, 0.05 * number], (len(time_s), 1))
        for number, name in enumerate(POSE_JOINTS)
    }
    place["pelvis"] = np.zeros((len(time_s), 3))
    place["left_hip"], place["right_hip"] = (
        np.tile([0.0, side, 0.0], (len(time_s), 1)) for side in (0.1, -0.1)
    )
    place["left_wrist"] = np.stack(
        [0.3 * np.sin(2 * np.pi * time_s), 0.2 + 0 * time_s, 0 * time_s], axis=1
    )
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    out = {"time_s": time_s}
    for name, path in place.items():
        path = (path + np.stack([speed * time_s, 0 * time_s, 0 * time_s], axis=1)) @ turn.T + at
        out |= {f"{name}.{letter}": path[:, axis] for axis, letter in enumerate("xyz")}
    return out


GRID = np.arange(0, 12.0, 1 / 30)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study", people=3, seconds_each=4.0)


def windows(study: Study):  # type: ignore[no-untyped-def]
    return study.windows(seconds=2.0, overlap=0.0, label_rule="unlabelled", labels=())


def ids(study: Study) -> list[str]:
    return [entry["id"] for entry in study.entries]


def test__poses_of__a_known_movement__in_the_bodys_own_direction(study: Study) -> None:
    first, second, _ = ids(study)
    write_modality(study.folder, "pose", first, body(GRID, heading=2.0, speed=1.0, at=5.0))
    write_modality(study.folder, "pose", second, body(GRID))
    cut = windows(study)
    values, known = poses_of(cut, 20)
    own = cut.recording == first
    moments = cut.start_s[own][:, None] + (np.arange(20) + 0.5) / 20 * 2.0
    wrist = values[own][:, :, POSE_JOINTS.index("left_wrist")]
    travelled = moments - moments[:, 10:11]
    # Linear between poses of 30 a second: 0.3 (2 pi / 30)^2 / 8 at most.
    np.testing.assert_allclose(
        wrist[..., 0], 0.3 * np.sin(2 * np.pi * moments) + travelled, atol=2e-3
    )
    np.testing.assert_allclose(wrist[..., 1], 0.2, atol=1e-5)
    assert known[own][:, : len(POSE_JOINTS)].all()
    assert not known[:, len(POSE_JOINTS) :].any(), FINGERS
    assert not known[cut.recording == ids(study)[2]].any()
    assert (values[~known[:, None].repeat(20, axis=1)] == 0).all()


def test__poses_of__lost_poses_and_lost_joints__are_not_drawn_across(study: Study) -> None:
    table = body(GRID)
    table = {name: column[(GRID < 3.0) | (GRID > 3.5)] for name, column in table.items()}
    table["head.x"] = np.full_like(table["head.x"], np.nan)
    write_modality(study.folder, "pose", ids(study)[0], table)
    cut = windows(study)
    _, known = poses_of(cut)
    own = known[cut.recording == ids(study)[0]]
    assert own[:, POSE_JOINTS.index("pelvis")].tolist() == [True, False, True, True, True, True]
    assert not own[:, POSE_JOINTS.index("head")].any()


@pytest.mark.parametrize("late_s", [-0.1, 0.5])
def test__poses_of__clocks_that_differ__are_an_error(study: Study, late_s: float) -> None:
    write_modality(study.folder, "pose", ids(study)[1], body(GRID) | {"time_s": GRID + late_s})
    with pytest.raises(
        StudyError, match=rf"'{ids(study)[1]}' .* out of step by more than half a pose"
    ):
        poses_of(windows(study))


def test__pose_vector__place_and_heading__do_not_count_and_movement_does(study: Study) -> None:
    first, second, third = ids(study)
    write_modality(study.folder, "pose", first, body(GRID, heading=-1.0, at=3.0))
    write_modality(study.folder, "pose", second, body(GRID))
    write_modality(study.folder, "pose", third, body(GRID * 1.0, speed=1.5))
    cut = windows(study)
    found = PoseVector().vectors(cut)
    assert found.dimension == 22 * (3 + 8 * 3 + 1)
    a, b, c = (found.values[cut.recording == name] for name in (first, second, third))
    np.testing.assert_allclose(a, b, atol=1e-4)
    assert np.linalg.norm(b - c, axis=1).min() > 0.5


def test__pose_vector__one_moment__is_refused() -> None:
    with pytest.raises(ConfigError, match="'moments' should be greater than or equal to 2"):
        PoseVector(moments=1)


def test__poses_of__window_padded_past_its_recording__keeps_the_pose_of_the_edge(
    study: Study,
) -> None:
    first, *_ = ids(study)
    write_modality(study.folder, "pose", first, body(GRID))
    padded = study.windows(seconds=20.0, overlap=0.0, label_rule="centred", pad=True)
    own = padded.recording == first
    assert own.sum() == 3 and padded.start_s[own][0] < 0
    values, known = poses_of(padded, 200)
    assert known[own][:, : len(POSE_JOINTS)].all()
    moments = padded.start_s[own][0] + (np.arange(200) + 0.5) / 200 * 20.0
    still = values[own][0, moments < 0]
    assert len(still) > 50
    np.testing.assert_allclose(still, still[:1].repeat(len(still), axis=0), atol=1e-6)
    assert np.ptp(values[own][0, moments >= 0, POSE_JOINTS.index("left_wrist"), 0]) > 0.5


def test__poses_of__part_of_a_joint__is_refused(study: Study) -> None:
    columns = body(GRID)
    del columns["head.z"]
    write_modality(study.folder, "pose", ids(study)[0], columns)
    with pytest.raises(StudyError, match=r"a part of head, but not head\.z"):
        poses_of(windows(study))


def test__poses_of__joint_beyond_any_room__is_not_known(study: Study) -> None:
    columns = body(GRID)
    columns["head.x"] = np.full(len(GRID), 3e38)
    write_modality(study.folder, "pose", ids(study)[0], columns)
    values, known = poses_of(windows(study))
    head = POSE_JOINTS.index("head")
    assert not known[:, head].any() and known[:, 0].any() and np.isfinite(values).all()
