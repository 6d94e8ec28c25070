"""The skeleton: what it is at rest, how it follows its joints, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otolith.core.errors import DataError, UnknownNameError
from otolith.data.skeleton import JOINTS
from otolith.motion import rotations
from otolith.motion.motion import Motion


def resting(frames: int = 3) -> Motion:
    local = np.zeros((frames, len(JOINTS), 4))
    local[..., 3] = 1.0
    return Motion(local, np.tile([0.0, 0.0, 0.952], (frames, 1)), 100.0)


def test__forward__rest_pose__has_published_joint_heights() -> None:
    positions, to_world = resting().forward()
    height = dict(zip(JOINTS, positions[0, :, 2] / 1.70, strict=True))
    # Drillis and Contini: hip 0.530, knee 0.285, ankle 0.039, shoulder 0.818 of stature.
    for joint, fraction in {"hip": 0.530, "knee": 0.285, "ankle": 0.039, "shoulder": 0.818}.items():
        assert height[f"left_{joint}"] == pytest.approx(fraction, abs=1e-9)
        assert height[f"right_{joint}"] == pytest.approx(fraction, abs=1e-9)
    np.testing.assert_allclose(to_world[..., 3], 1.0)
    assert (
        positions[0, JOINTS.index("left_wrist"), 1]
        > 0.5
        > -0.5
        > positions[0, JOINTS.index("right_wrist"), 1]
    )


def test__forward__shoulder_turned_forward__swings_the_whole_arm() -> None:
    motion = resting(1)
    turned = motion.rotations.copy()
    turned[:, JOINTS.index("left_shoulder")] = rotations.from_axis_angle(
        np.array([0.0, 0.0, -np.pi / 2])
    )
    moved = Motion(turned, motion.root, 100.0)
    (shoulder, wrist), _ = moved.forward(("left_shoulder", "left_wrist"))[0][0], None
    np.testing.assert_allclose(wrist - shoulder, [1.70 * (0.186 + 0.146), 0.0, 0.0], atol=1e-12)


def test__forward__some_joints__equal_those_of_all() -> None:
    rng = np.random.default_rng(1)
    motion = Motion(rotations.normalise(rng.normal(size=(7, 24, 4))), rng.normal(size=(7, 3)), 60.0)
    positions, to_world = motion.forward()
    some, turns = motion.forward(("right_hand", "pelvis", "left_foot"))
    chosen = [motion.joint(name) for name in ("right_hand", "pelvis", "left_foot")]
    np.testing.assert_array_equal(some, positions[:, chosen])
    np.testing.assert_array_equal(turns, to_world[:, chosen])


def test__joint__misspelt__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'left_wrist'"):
        resting().joint("left_wirst")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: Motion(m.rotations[:2], m.root, 100.0), "rotations, root, offsets and parents"),
        (lambda m: Motion(m.rotations, m.root * np.nan, 100.0), "is finite"),
        (
            lambda m: Motion(m.rotations, m.root, 100.0, parents=(-1, 2, *m.parents[2:])),
            "before their children",
        ),
    ],
)
def test__motion__nonsense__is_refused(change: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        change(resting())  # type: ignore[operator]


def test__cut__middle__keeps_frames_and_rate() -> None:
    cut = resting(10).cut(2, 7)
    assert (cut.frames, cut.rate_hz, cut.duration_s) == (5, 100.0, 0.04)


def test__repr__long_clip_with_text__stays_short() -> None:
    motion = replace(
        resting(5000), label="walking", clip="c" * 500, text="w" * 5000, notes=("n",) * 99
    )
    assert "5000 frames" in repr(motion) and "walking" in repr(motion)
    assert len(repr(motion)) <= 300
