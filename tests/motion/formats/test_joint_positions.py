"""Positions of joints: what they show is found, what they do not show is marked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import DataError, ReadError
from otolith.data.skeleton import HUMAN36M, JOINTS, KINECT, MM_FIT, sided
from otolith.motion import rotations
from otolith.motion.formats.joint_positions import TWISTING, from_positions, read_npy
from otolith.motion.formats.reading import read
from otolith.motion.formats.skeleton import stature_m
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make

TO_Y_UP = [1, 2, 0]  # world x, y, z to the file's z, x, y


@pytest.fixture(scope="module")
def walk() -> Motion:
    return make("walking", seconds=4.0, rate_hz=20.0)


def seen(motion: Motion, names: tuple[str, ...]) -> np.ndarray:
    places = motion.forward([name or "head" for name in names])[0]
    return np.asarray(places[..., TO_Y_UP])


def test__from_positions__humanml3d_joints__come_back_where_they_were(walk: Motion) -> None:
    motion = from_positions(seen(walk, JOINTS[:22]), JOINTS[:22], 20.0)
    assert motion.joints == JOINTS
    np.testing.assert_allclose(
        motion.forward(JOINTS[:22])[0], walk.forward(JOINTS[:22])[0], atol=0.02
    )
    assert stature_m(motion) == pytest.approx(1.70, abs=0.01)
    assert motion.unreliable_twist == TWISTING
    assert "left_elbow" in motion.unreliable_twist and "pelvis" not in motion.unreliable_twist


def test__from_positions__twist_about_a_bone__is_the_least(walk: Motion) -> None:
    motion = from_positions(seen(walk, JOINTS[:22]), JOINTS[:22], 20.0)
    elbow = motion.rotations[:, JOINTS.index("left_elbow")]
    np.testing.assert_allclose(elbow[:, 1], 0.0, atol=1e-12)  # y runs along the forearm


def test__from_positions__pelvis__faces_where_it_faced(walk: Motion) -> None:
    motion = from_positions(seen(walk, JOINTS[:22]), JOINTS[:22], 20.0)
    left = rotations.rotate(motion.rotations[:, 0], np.array([0.0, 1.0, 0.0]))
    true = rotations.rotate(walk.rotations[:, 0], np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(left, true, atol=1e-9)


@pytest.mark.parametrize("names", [KINECT, HUMAN36M])
def test__from_positions__fewer_joints__fills_in_the_others(
    names: tuple[str, ...], walk: Motion
) -> None:
    motion = from_positions(seen(walk, names), names, 30.0)
    shared = [name for name in names if name]
    np.testing.assert_allclose(motion.forward(shared)[0], walk.forward(shared)[0], atol=0.06)
    assert motion.joints == JOINTS


def test__from_positions__lost_and_collapsed_joints__are_gaps(walk: Motion) -> None:
    places = seen(walk, JOINTS[:22]).copy()
    places[3, 7] = np.nan
    places[5, JOINTS.index("left_wrist")] = places[5, JOINTS.index("left_elbow")]
    motion = from_positions(places, JOINTS[:22], 20.0)
    assert np.flatnonzero(motion.lost).tolist() == [3, 5]
    assert any("2 frames" in note for note in motion.notes)


def test__from_positions__no_knees__are_asked_for(walk: Motion) -> None:
    names = tuple(name for name in JOINTS[:22] if not name.endswith("knee"))
    with pytest.raises(DataError, match="need left_knee, right_knee"):
        from_positions(seen(walk, names), names, 20.0)


def test__read_npy__mm_fit_layout__drops_the_column_of_frame_numbers(
    walk: Motion, tmp_path: Path
) -> None:
    places = 1000.0 * seen(walk, HUMAN36M)
    numbered = np.concatenate(
        [np.tile(np.arange(len(places)), (3, 1))[..., None], np.moveaxis(places, -1, 0)], axis=2
    )
    np.save(tmp_path / "w00_pose_3d.npy", numbered)
    with pytest.raises(ReadError, match=r"Say up, unit=\.\.\."):
        read_npy(tmp_path / "w00_pose_3d.npy")
    motion = read(tmp_path / "w00_pose_3d.npy", up="y", unit="mm")
    assert motion.rate_hz == 30.0
    np.testing.assert_allclose(motion.root, walk.root, atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 3), (5, 21, 3), (5, 22, 2)])
def test__read_npy__other_shape__is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(ReadError, match="has shape"):
        read_npy(tmp_path / "a.npy")


def test__read_npy__pickle__is_never_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ReadError, match="no plain"):
        read_npy(tmp_path / "a.npy")


def test__read__humanml3d_sample__stands_and_is_of_human_size() -> None:
    if "OTOLITH_DATA" not in os.environ:
        pytest.skip("OTOLITH_DATA is unset: set it to the folder that holds mocap/text_annotations")
    folder = Path(os.environ["OTOLITH_DATA"]) / "mocap" / "text_annotations"
    motion = read(folder / "humanml3d_new_joints_012314.npy")
    array = np.load(folder / "humanml3d_new_joints_012314.npy")
    assert (motion.rate_hz, motion.frames) == (20.0, len(array))
    assert 1.5 < stature_m(motion) < 1.9
    apart = np.linalg.norm(motion.forward(JOINTS[:22])[0][..., TO_Y_UP] - array, axis=-1)
    assert np.quantile(apart, 0.95) < 0.03


@pytest.mark.parametrize("name", ["walking", "squat", "lying", "sit to stand"])
def test__sided__left_for_right__is_told_by_the_knees(name: str) -> None:
    known = [joint for joint in HUMAN36M if joint]
    places = make(name, seconds=5.0, rate_hz=30.0).forward(known)[0]
    exchanged = [joint for joint in MM_FIT if joint]
    assert sided(known, places) == tuple(known)
    assert sided(exchanged, places) == tuple(known)


def test__sided__straight_legs__leave_the_names() -> None:
    known = [joint for joint in HUMAN36M if joint]
    places = make("standing", seconds=5.0, rate_hz=30.0).forward(known)[0]
    exchanged = tuple(joint for joint in MM_FIT if joint)
    assert sided(exchanged, places) == exchanged
