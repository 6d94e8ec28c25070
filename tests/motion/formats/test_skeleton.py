"""Foreign skeletons on ours: positions stay, axes are found, what cannot be known is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otolith.core.errors import DataError, UnknownNameError
from otolith.data.skeleton import JOINTS
from otolith.motion import rotations
from otolith.motion.formats.names import joint_names, split_side
from otolith.motion.formats.skeleton import stature_m, to_body
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make

BANDAI = {
    "pelvis": "Hips", "spine1": "Spine", "spine3": "Chest", "neck": "Neck", "head": "Head",
    **{
        f"{side}_{ours}": f"{theirs}_{side[0].upper()}"
        for side in ("left", "right")
        for ours, theirs in (
            ("hip", "UpperLeg"), ("knee", "LowerLeg"), ("ankle", "Foot"), ("foot", "Toes"),
            ("collar", "Shoulder"), ("shoulder", "UpperArm"), ("elbow", "LowerArm"),
            ("wrist", "Hand"),
        )
    },
}  # fmt: skip


def foreign(motion: Motion, seed: int = 3, names: dict[str, str] | None = None) -> Motion:
    """The same movement in axes of chance at every joint, under other names, as a stranger's file
    would have it."""
    rng = np.random.default_rng(seed)
    own = rotations.normalise(rng.normal(size=(len(motion.joints), 4)))
    parents = list(motion.parents)
    offsets = motion.offsets
    above = np.stack([own[max(parent, 0)] for parent in parents])
    above[0] = rotations.IDENTITY
    local = rotations.multiply(
        rotations.multiply(rotations.conjugate(above), motion.rotations), own
    )
    moved = rotations.rotate(rotations.conjugate(above), offsets)
    called = names or {}
    kept = [called.get(name, f"{name}_x") for name in motion.joints]
    return replace(motion, rotations=local, offsets=moved, joints=tuple(kept))


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    relative = rotations.multiply(rotations.conjugate(a), b)
    return np.rad2deg(np.linalg.norm(rotations.to_axis_angle(relative), axis=-1))


@pytest.fixture(scope="module")
def walk() -> Motion:
    return make("walking", seconds=6.0, rate_hz=50.0)


def test__to_body__our_own_skeleton__stays_as_it_is(walk: Motion) -> None:
    body = to_body(walk)
    assert body.joints == JOINTS
    np.testing.assert_allclose(
        np.abs(np.sum(body.rotations * walk.rotations, axis=-1)), 1.0, atol=1e-9
    )
    np.testing.assert_allclose(body.root, walk.root)


def test__to_body__axes_of_chance__positions_stay_and_hinges_are_found(walk: Motion) -> None:
    names = BANDAI | {"left_hand": "Palm_L", "right_hand": "Palm_R", "spine2": "Spine2"}
    strange = foreign(walk, names=names)
    body = to_body(strange)
    assert body.joints == JOINTS
    np.testing.assert_allclose(body.forward()[0], walk.forward()[0], atol=1e-6)
    _, turns = walk.forward()
    _, found = body.forward()
    apart = dict(zip(JOINTS, degrees(turns, found).max(axis=0), strict=True))
    for joint in ("left_hip", "right_knee", "left_ankle", "right_shoulder"):
        assert apart[joint] < 0.5, (
            joint
        )  # knees and elbows show which way thigh, shank, foot and arm face
    for joint in ("pelvis", "spine3", "head"):
        assert apart[joint] < 8.0, joint
    # The arm that walks with turned palms all the time has these for its neutral ones: 15 degrees
    # and a little.
    assert apart["left_elbow"] < 25.0


def test__to_body__two_files_in_different_axes__agree(walk: Motion) -> None:
    names = BANDAI | {"left_hand": "Palm_L", "right_hand": "Palm_R", "spine2": "Spine2"}
    one, other = (to_body(foreign(walk, seed, names)) for seed in (1, 2))
    assert degrees(one.rotations, other.rotations).max() < 1e-3


def test__to_body__straight_arms__are_a_guess_and_said_so(walk: Motion) -> None:
    stiff = walk.rotations.copy()
    stiff[:, JOINTS.index("left_elbow")] = rotations.IDENTITY
    body = to_body(foreign(replace(walk, rotations=stiff), names=BANDAI))
    assert {"left_shoulder", "left_elbow"} <= body.unreliable_twist
    assert "right_shoulder" not in body.unreliable_twist
    assert any("straight all the time" in note for note in body.notes)
    # Hanging at the side it still faces forward, within what a walking arm turns.
    shoulder = JOINTS.index("left_shoulder")
    assert degrees(body.forward()[1][:, shoulder], walk.forward()[1][:, shoulder]).max() < 40.0


def test__to_body__palm_turned_at_the_wrist__turns_the_forearm(walk: Motion) -> None:
    turned = walk.rotations.copy()
    angle = np.deg2rad(40.0) * np.sin(np.linspace(0.0, 9.0, walk.frames))
    about = rotations.from_axis_angle(angle[:, None] * np.array([0.0, 1.0, 0.0]))
    turned[:, JOINTS.index("left_wrist")] = about
    names = BANDAI | {"left_hand": "Palm_L", "right_hand": "Palm_R", "spine2": "Spine2"}
    body = to_body(foreign(replace(walk, rotations=turned), names=names))
    wrist = body.rotations[:, JOINTS.index("left_wrist")]
    assert np.rad2deg(2.0 * np.arcsin(np.abs(wrist[:, 1]))).max() < 0.1
    still = to_body(foreign(walk, names=names)).forward(("left_elbow",))[1][:, 0]
    moved = body.forward(("left_elbow",))[1][:, 0]
    swing = rotations.multiply(rotations.conjugate(still), moved)
    assert np.rad2deg(2.0 * np.arcsin(np.abs(swing[:, 1]))).max() > 35.0


def test__to_body__skeleton_without_arms__leaves_them_out(walk: Motion) -> None:
    legs = [
        k
        for k, name in enumerate(JOINTS)
        if name == "pelvis" or name.split("_")[-1] in ("hip", "knee", "ankle")
    ]
    only = Motion(
        walk.rotations[:, legs],
        walk.root,
        walk.rate_hz,
        tuple(BANDAI[JOINTS[k]] for k in legs),
        tuple(-1 if k == 0 else legs.index(walk.parents[k]) for k in legs),
        walk.offsets[legs],
    )
    body = to_body(only)
    assert "left_wrist" not in body.joints and "left_foot" in body.joints
    assert "no left arm, right arm" in body.notes[0]
    with pytest.raises(UnknownNameError, match="no joint 'left_elbow'"):
        body.joint("left_elbow")


def test__to_body__lost_frames__stay_lost(walk: Motion) -> None:
    root = walk.root.copy()
    root[10:15] = np.nan
    body = to_body(foreign(replace(walk, root=root), names=BANDAI))
    np.testing.assert_array_equal(np.flatnonzero(body.lost), np.arange(10, 15))


def test__joint_names__unknown__lists_what_is_there_and_takes_a_mapping(walk: Motion) -> None:
    odd = foreign(walk, names=BANDAI | {"left_knee": "Gelenk7", "left_ankle": "Foot_L"})
    with pytest.raises(UnknownNameError, match=r"known as left_knee.*Gelenk7.*joints="):
        joint_names(odd)
    assert joint_names(odd, {"Gelenk7": "left_knee"})["left_knee"] == "Gelenk7"
    with pytest.raises(UnknownNameError, match=r"no joint 'left_kneee'.* 'left_knee'"):
        joint_names(odd, {"Gelenk7": "left_kneee"})


@pytest.mark.parametrize(
    ("name", "side", "part"),
    [
        ("mixamorig:LeftUpLeg", "left", "upleg"),
        ("UpperArm_R", "right", "upperarm"),
        ("lfemur", "left", "femur"),
        ("L_Hip", "left", "hip"),
        ("rShldr", "right", "shldr"),
        ("RightToeBase", "right", "toebase"),
        ("lowerback", "", "lowerback"),
        ("root", "", "root"),
    ],
)
def test__split_side__usual_spellings__are_understood(name: str, side: str, part: str) -> None:
    assert split_side(name) == (side, part)


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.2])
def test__stature__scaled_skeleton__follows(scale: float, walk: Motion) -> None:
    assert stature_m(replace(walk, offsets=walk.offsets * scale)) == pytest.approx(
        1.70 * scale, rel=1e-9
    )


def test__to_body__joints_that_lie_on_one_another__are_refused() -> None:

    walk = make("walking", seconds=3.0, rate_hz=20.0)
    flat = replace(walk, offsets=np.zeros_like(walk.offsets))
    with pytest.raises(DataError, match="coincide or lie in one line"):
        to_body(flat, rest="anatomy")
