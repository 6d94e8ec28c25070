"""Poses of the SMPL family, in files written here in the schema of AMASS and its kin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import DataError, ReadError
from otolith.data.skeleton import FINGERS, JOINTS, PARENTS
from otolith.motion import rotations
from otolith.motion.formats.reading import read
from otolith.motion.formats.smpl_npz import (
    JOINTS_OF,
    holds_poses,
    model_joints,
    read_npz,
    rest_offsets,
)
from otolith.motion.formats.world import up_axis
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make

TEMPLATE = up_axis("y")  # the model's own axes to ours


@pytest.fixture(scope="module")
def walk() -> Motion:
    return make("walking", seconds=3.0, rate_hz=60.0)


def poses_of(motion: Motion, up: str, width: int = 156) -> tuple[np.ndarray, np.ndarray]:
    """What AMASS would hold for a motion of ours: rotation vectors in the model's axes, the path in
    the file's."""
    back = rotations.conjugate(TEMPLATE)
    q = np.concatenate(
        [rotations.rotate(back, motion.rotations[..., :3]), motion.rotations[..., 3:]], axis=-1
    )
    to_file = rotations.conjugate(up_axis(up))
    q[:, 0] = rotations.multiply(rotations.multiply(to_file, motion.rotations[:, 0]), TEMPLATE)
    vectors = rotations.to_axis_angle(q).reshape(len(q), -1)
    poses = np.zeros((len(q), width))
    shared = min(width, 72 if width == 72 else 66)
    poses[:, :shared] = vectors[:, :shared]
    return poses, rotations.rotate(to_file, motion.root)


@pytest.mark.parametrize("width", JOINTS_OF)
@pytest.mark.parametrize("spelling", ["mocap_framerate", "mocap_frame_rate"])
def test__read_npz__every_pose_width__is_the_motion(
    width: int, spelling: str, walk: Motion, tmp_path: Path
) -> None:
    poses, trans = poses_of(walk, "z", width)
    path = tmp_path / "walk_poses.npz"
    np.savez(
        path, poses=poses, trans=trans, betas=np.zeros(16), gender="female", **{spelling: 60.0}
    )
    motion = read_npz(path)
    assert motion.joints == JOINTS_OF[width]
    assert motion.rate_hz == 60.0
    names = JOINTS[:22]
    np.testing.assert_allclose(motion.forward(names)[0], walk.forward(names)[0], atol=1e-9)
    body = read(path)
    assert body.joints[:24] == JOINTS
    assert set(body.joints[24:]) == (set(FINGERS) if width > 72 else set())
    np.testing.assert_allclose(body.forward(names)[0], walk.forward(names)[0], atol=1e-6)


def test__read_npz__fingers__reach_out_of_the_hand(walk: Motion, tmp_path: Path) -> None:
    poses, trans = poses_of(walk, "z", 165)
    poses[:, 75 + 2 : 75 + 6 : 3] = 0.0
    poses[:, 75:78] = [0.0, 0.0, -1.0]  # the left index bends at its knuckle
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, mocap_frame_rate=60)
    body = read(tmp_path / "a.npz")
    bent = body.rotations[0, body.joint("left_index1")]
    np.testing.assert_allclose(rotations.to_axis_angle(bent), [-1.0, 0.0, 0.0], atol=1e-9)
    places = body.forward(("left_elbow", "left_wrist", "left_middle1", "left_middle3"))[0][0]
    along = (places[1] - places[0]) / np.linalg.norm(places[1] - places[0])
    reach = (places[2:] - places[1]) @ along
    assert 0.06 < reach[0] < reach[1] < 0.2


def test__read_npz__parts_of_a_pose__are_in_a_cameras_axes(walk: Motion, tmp_path: Path) -> None:
    poses, trans = poses_of(walk, "-y", 156)
    parts = {
        "smplx_root_pose": poses[:, :3],
        "smplx_body_pose": poses[:, 3:66].reshape(-1, 21, 3),
        "smplx_lhand_pose": poses[:, 66:111],
        "smplx_rhand_pose": poses[:, 111:],
        "cam_trans": trans,
    }
    np.savez(tmp_path / "clip.npz", **parts)
    assert holds_poses(tmp_path / "clip.npz")
    motion = read(tmp_path / "clip.npz", frame_rate=25.0)
    assert motion.rate_hz == 25.0
    np.testing.assert_allclose(
        motion.forward(JOINTS[:22])[0], walk.forward(JOINTS[:22])[0], atol=1e-6
    )
    with pytest.raises(ReadError, match="states no frame rate"):
        read(tmp_path / "clip.npz")


def test__read__wrong_up_axis__is_seen(walk: Motion, tmp_path: Path) -> None:
    poses, trans = poses_of(walk, "y")
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, mocap_framerate=60)
    with pytest.raises(DataError, match=r"the head is \d+ degrees away"):
        read(tmp_path / "a.npz")
    np.testing.assert_allclose(read(tmp_path / "a.npz", up="y").root, walk.root, atol=1e-9)


def test__read__lying_person__is_taken_when_told_so(tmp_path: Path) -> None:
    poses, trans = poses_of(make("lying", seconds=3.0), "z")
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, mocap_framerate=100)
    with pytest.raises(DataError, match="check_up=False"):
        read(tmp_path / "a.npz")
    assert read(tmp_path / "a.npz", check_up=False).frames == 301


def write_model(path: Path, joints: tuple[str, ...], taller: float = 0.1) -> np.ndarray:
    """A body model of one vertex per joint whose first beta makes it taller by a tenth."""
    offsets = rotations.rotate(rotations.conjugate(TEMPLATE), rest_offsets(joints))
    places = np.zeros_like(offsets)
    for index in range(1, len(joints)):
        places[index] = places[PARENTS[index]] + offsets[index]
    shapes = np.zeros((len(joints), 3, 3))
    shapes[:, :, 0] = taller * places
    kintree = np.array([[*PARENTS], range(len(joints))])
    regressor = np.eye(len(joints))
    np.savez(
        path, v_template=places, shapedirs=shapes, J_regressor=regressor, kintree_table=kintree
    )
    return places


def test__read_npz__body_model__gives_limbs_as_the_betas_say(walk: Motion, tmp_path: Path) -> None:
    poses, trans = poses_of(walk, "z", 72)
    write_model(tmp_path / "SMPL_F.npz", JOINTS)
    np.savez(
        tmp_path / "a.npz", poses=poses, trans=trans, betas=np.array([2.0, 0.0]), mocap_framerate=60
    )
    motion = read(tmp_path / "a.npz", body_model=tmp_path / "SMPL_F.npz")
    np.testing.assert_allclose(motion.offsets, 1.2 * walk.offsets, atol=1e-9)
    assert not any("no body model" in note for note in motion.notes)
    assert any("no body model" in note for note in read(tmp_path / "a.npz").notes)


def test__model_joints__other_model__is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "SMPL.npz", JOINTS)
    with pytest.raises(ReadError, match="has 24 joints, the poses turn 52"):
        model_joints(tmp_path / "SMPL.npz", np.zeros(10), JOINTS_OF[156])
    np.savez(tmp_path / "b.npz", v_template=np.zeros((2, 3)))
    with pytest.raises(ReadError, match="lacks J_regressor, shapedirs"):
        model_joints(tmp_path / "b.npz", np.zeros(10), JOINTS)


def test__read_npz__pickled_object_inside__is_never_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", poses=np.array([{"body": 1}], dtype=object), mocap_framerate=60)
    with pytest.raises(ReadError, match="'poses' is a pickled object"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"poses": np.zeros((4, 100))}, r"shape \(4, 100\)"),
        ({"poses": np.full((4, 72), np.nan)}, "none of its 4 frames"),
        ({"poses": np.zeros((4, 72)), "trans": np.zeros((3, 3))}, r"need \(4, 3\)"),
        ({"poses": np.array(["a", "b"])}, "where numbers were expected"),
        ({"other": np.zeros(3)}, "holds no poses; its arrays are"),
        ({"body_pose": np.zeros((4, 63))}, "not both a root and a body pose"),
        ({"global_orient": np.zeros((4, 3)), "body_pose": np.zeros((3, 63))}, "different lengths"),
        (
            {"global_orient": np.zeros((4, 3)), "body_pose": np.zeros((4, 32))},
            "32 numbers per frame",
        ),
        (
            {
                "global_orient": np.zeros((4, 3)),
                "body_pose": np.zeros((4, 63)),
                "left_hand_pose": np.zeros((4, 45)),
            },
            "hand",
        ),
    ],
)
def test__read_npz__damaged__says_what_is_wrong(
    content: dict[str, np.ndarray], says: str, tmp_path: Path
) -> None:
    np.savez(
        tmp_path / "a.npz", **content, **({} if "other" in content else {"fps": np.array(30.0)})
    )
    with pytest.raises(ReadError, match=says):
        read_npz(tmp_path / "a.npz")


def test__read_npz__truncated__is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", poses=np.zeros((40, 72)), mocap_framerate=60)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match=r"no \.npz file"):
        read_npz(tmp_path / "a.npz")


def test__read_npz__lost_frames__are_gaps_and_signs_are_unrolled(
    walk: Motion, tmp_path: Path
) -> None:
    poses, trans = poses_of(walk, "z", 72)
    poses[:, 2] += np.linspace(
        0.0, 12.0, len(poses)
    )  # turning on and on: rotation vectors leap at half turns
    poses[20:23, 5] = np.nan
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, mocap_framerate=60)
    motion = read_npz(tmp_path / "a.npz")
    assert np.flatnonzero(motion.lost).tolist() == [20, 21, 22]
    for piece in motion.pieces():
        assert np.sum(piece.rotations[1:] * piece.rotations[:-1], axis=-1).min() > 0.5


def test__read__body_model_that_is_a_link_to_itself__is_named(walk: Motion, tmp_path: Path) -> None:
    poses, trans = poses_of(walk, "z", 72)
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, betas=np.zeros(10), mocap_frame_rate=60)
    model = tmp_path / "model.npz"
    model.symlink_to("model.npz")
    with pytest.raises(ReadError, match=r"model\.npz"):
        read(tmp_path / "a.npz", body_model=model)
