"""Joint angles do what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.errors import ConfigError
from otolith.data.skeleton import JOINTS
from otolith.motion.motion import Motion
from otolith.motion.procedural.pose import ANGLES, flat_footed, local_rotations, planted


def place(joint: str, **angles: float) -> np.ndarray:
    motion = Motion(local_rotations(dict(angles), 1), np.zeros((1, 3)), 100.0)
    return np.asarray(motion.forward((joint,))[0][0, 0])


FORWARD, OUTWARD_LEFT, UP = 0, 1, 2


@pytest.mark.parametrize(
    ("joint", "angle", "axis", "sign"),
    [
        ("left_knee", "left_hip_flexion", FORWARD, 1),
        ("right_knee", "right_hip_flexion", FORWARD, 1),
        ("left_knee", "left_hip_abduction", OUTWARD_LEFT, 1),
        ("right_knee", "right_hip_abduction", OUTWARD_LEFT, -1),
        ("left_ankle", "left_knee_flexion", FORWARD, -1),
        ("left_foot", "left_ankle_flexion", UP, 1),
        ("left_foot", "left_hip_rotation", OUTWARD_LEFT, -1),
        ("right_foot", "right_hip_rotation", OUTWARD_LEFT, 1),
        ("left_wrist", "left_shoulder_flexion", FORWARD, 1),
        ("right_wrist", "right_shoulder_abduction", OUTWARD_LEFT, -1),
        ("left_wrist", "left_elbow_flexion", FORWARD, 1),
        ("right_wrist", "right_elbow_flexion", FORWARD, 1),
        ("head", "trunk_flexion", FORWARD, 1),
        ("head", "trunk_bend", OUTWARD_LEFT, 1),
        ("left_shoulder", "trunk_twist", FORWARD, -1),
        ("left_hip", "pelvis_roll", UP, 1),
        ("head", "pelvis_pitch", FORWARD, 1),
        ("head", "head_nod", FORWARD, 1),
    ],
)
def test__local_rotations__one_positive_angle__moves_the_joint_that_way(
    joint: str, angle: str, axis: int, sign: int
) -> None:
    moved = place(joint, **{angle: 40.0}) - place(joint)
    assert sign * moved[axis] > 0.01


def test__local_rotations__bent_elbow_turned_in__moves_the_hand_inward() -> None:
    for side, inward in (("left", -1), ("right", 1)):
        bent = {f"{side}_elbow_flexion": 90.0}
        moved = place(f"{side}_wrist", **bent, **{f"{side}_shoulder_rotation": 50.0}) - place(
            f"{side}_wrist", **bent
        )
        assert inward * moved[OUTWARD_LEFT] > 0.1


def test__local_rotations__zero__hangs_the_arms() -> None:
    np.testing.assert_allclose(
        place("left_wrist") - place("left_shoulder"), [0, 0, -1.7 * 0.332], atol=1e-12
    )


def test__local_rotations__misspelt__names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'left_knee_flexion'"):
        local_rotations({"left_knee_flexoin": 1.0}, 1)


def test__flat_footed__any_crouch__keeps_soles_level_and_feet_in_place() -> None:
    angles = {"pelvis_pitch": np.linspace(0, 40, 20)}
    for side in ("left", "right"):
        angles |= flat_footed(
            np.linspace(0, 80, 20), np.linspace(0, 25, 20), angles["pelvis_pitch"], side
        )
    local = local_rotations(angles, 20)
    positions, to_world = Motion(local, planted(local, 100.0), 100.0).forward(
        ("left_ankle", "right_ankle")
    )
    np.testing.assert_allclose(np.abs(to_world[..., 3]), 1.0, atol=1e-12)
    np.testing.assert_allclose(positions[:, 0] - positions[:1, 0], 0.0, atol=1e-12)
    np.testing.assert_allclose(positions[..., 2], 0.039 * 1.70, atol=1e-12)


def test__angles__table__covers_both_sides() -> None:
    assert {name.replace("left", "right") for name in ANGLES if name.startswith("left")} <= set(
        ANGLES
    )
    assert len(JOINTS) == 24
