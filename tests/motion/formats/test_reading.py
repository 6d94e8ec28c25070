"""Any file of motion capture by one call: what is said beside a clip, what collections say, and
what is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from bvh_writer import write_bvh

from otolith.core.errors import ConfigError, ReadError, UnitError, UnknownNameError
from otolith.data.skeleton import KINECT
from otolith.motion.formats.layouts import known_layout
from otolith.motion.formats.reading import find, read
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make

TO_Y_UP = [1, 2, 0]
NEEDS_DATA = pytest.mark.skipif(
    "OTOLITH_DATA" not in os.environ, reason="OTOLITH_DATA is unset: no real clips"
)


def mocap() -> Path:
    return Path(os.environ["OTOLITH_DATA"]) / "mocap"


@pytest.fixture(scope="module")
def walk() -> Motion:
    return make("walking", seconds=3.0, rate_hz=50.0)


@pytest.fixture
def clip(walk: Motion, tmp_path: Path) -> Path:
    write_bvh(walk, tmp_path / "walk.bvh")
    return tmp_path / "walk.bvh"


def kinect(motion: Motion) -> np.ndarray:
    return np.moveaxis(motion.forward(KINECT)[0][..., TO_Y_UP], 0, 2)


def test__read__nothing_said__is_called_by_its_file(clip: Path) -> None:
    motion = read(clip)
    assert (motion.clip, motion.source, motion.performer, motion.rate_hz) == (
        "walk",
        "bvh",
        None,
        50.0,
    )


def test__read__sidecars__the_clips_own_beats_the_folders_and_what_is_typed_beats_both(
    clip: Path,
) -> None:
    (clip.parent / "motion.toml").write_text(
        'performer = "Ann"\nframe_rate = 25\ntext = "someone moves"\n'
    )
    (clip.parent / "walk.motion.toml").write_text('text = "Ann walks"\nlabel = "walking"\n')
    motion = read(clip)
    assert (motion.performer, motion.rate_hz, motion.text, motion.label) == (
        "Ann",
        25.0,
        "Ann walks",
        "walking",
    )
    assert read(clip, frame_rate=30, performer="Bo").rate_hz == 30.0
    assert read(clip, performer="Bo").performer == "Bo"


def test__read__sidecar_with_unit_and_up__is_believed(walk: Motion, tmp_path: Path) -> None:
    write_bvh(walk, tmp_path / "walk.bvh", up="z", scale=0.001)
    with pytest.raises(UnitError, match="'mm'"):
        read(tmp_path / "walk.bvh")
    (tmp_path / "walk.motion.toml").write_text('unit = "mm"\nup = "z"\n')
    motion = read(tmp_path / "walk.bvh")
    np.testing.assert_allclose(motion.forward(["head"])[0], walk.forward(["head"])[0], atol=1e-6)


def test__read__sidecar_names_joints__theirs_to_ours(clip: Path) -> None:
    clip.write_text(clip.read_text().replace("left_shoulder", "Bone07"))
    with pytest.raises(UnknownNameError, match=r"known as left_shoulder.*Bone07"):
        read(clip)
    (clip.parent / "motion.toml").write_text('joints = { Bone07 = "left_shoulder" }\n')
    assert "left_shoulder" in read(clip).joints


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("framerate = 25\n", ConfigError, "no setting 'framerate'.*'frame_rate'"),
        ('frame_rate = "fast"\n', ConfigError, "'frame_rate' should be a number"),
        ("frame_rate = -2\n", ConfigError, "'frame_rate' should be greater than 0"),
        ("unit = \n", ReadError, "is not valid TOML"),
        ('up = "north"\n', UnknownNameError, "no axis 'north'"),
        ('unit = "ell"\n', UnitError, "no unit of length 'ell'"),
    ],
)
def test__read__sidecar_that_is_wrong__is_told(
    text: str, error: type[Exception], says: str, clip: Path
) -> None:
    (clip.parent / "motion.toml").write_text(text)
    with pytest.raises(error, match=says):
        read(clip)


def test__read__pickle__is_never_opened(tmp_path: Path) -> None:
    trap = tmp_path / "opened"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(trap),))

    (tmp_path / "clip.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ReadError, match="never opened"):
        read(tmp_path / "clip.pkl")
    assert not trap.exists()


def test__read__unknown_format_or_no_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no reader knows 'bvhh'.*'bvh'"):
        read(tmp_path / "walk.xyz", format="bvhh")
    with pytest.raises(ReadError, match="is not there"):
        read(tmp_path / "walk.bvh")


def test__read__kinect_in_a_matlab_file__is_the_motion(walk: Motion, tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "a22_s3_t1_skeleton.mat", {"d_skel": kinect(walk)})
    motion = read(tmp_path / "a22_s3_t1_skeleton.mat")
    assert (motion.performer, motion.clip, motion.rate_hz) == ("s3", "a22_s3_t1", 19.0)
    assert (motion.label, motion.text) == ("jog", "a person jogs")
    for joint in ("left_knee", "right_wrist"):
        np.testing.assert_allclose(motion.forward([joint])[0], walk.forward([joint])[0], atol=0.01)
    assert "right_elbow" in motion.unreliable_twist
    assert read(tmp_path / "a22_s3_t1_skeleton.mat", frame_rate=30.0).rate_hz == 30.0


def test__read__other_matlab_files__are_refused_and_not_found(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"imu": np.zeros((5, 6))})
    savemat(tmp_path / "b.mat", {"d_skel": np.zeros((5, 6))})
    (tmp_path / "c.mat").write_bytes(b"MATLAB 5.0 MAT-file, cut short")
    for name, says in (
        ("a", "holds no 'd_skel'"),
        ("b", r"shape \(5, 6\)"),
        ("c", "cannot be read as MATLAB"),
    ):
        with pytest.raises(ReadError, match=says):
            read(tmp_path / f"{name}.mat")
    assert find(tmp_path) == [tmp_path / "c.mat"], (
        "a damaged file may be a clip, and is not passed over"
    )
    (tmp_path / "c.mat").unlink()
    with pytest.raises(ReadError, match="holds no motion capture"):
        find(tmp_path)


@pytest.mark.parametrize("ending", ["npz", "npy", "mat"])
def test__find__damaged_clip__is_named_by_whoever_reads_it(ending: str, clip: Path) -> None:
    damaged = clip.parent / f"damaged.{ending}"
    damaged.write_bytes(b"PK\x03\x04 cut")
    assert damaged in find(clip.parent)
    with pytest.raises(ReadError, match="damaged"):
        read(damaged)


def test__find__mixed_folder__lists_what_holds_motion_and_nothing_else(clip: Path) -> None:
    folder = clip.parent
    np.savez(folder / "pose.npz", poses=np.zeros((4, 72)))
    np.savez(folder / "other.npz", weights=np.zeros(3))
    np.save(folder / "joints.npy", np.zeros((5, 22, 3)))
    np.save(folder / "other.npy", np.zeros((5, 7)))
    (folder / "notes.txt").write_text("walk.bvh is nice")
    assert [path.name for path in find(folder)] == ["joints.npy", "pose.npz", "walk.bvh"]
    assert find(clip) == [clip]


@pytest.mark.parametrize(
    ("name", "performer", "group"),
    [
        ("16_15.amc", "cmu16", None),
        ("dataset-1_walk_active_001.bvh", None, "dataset-1_walk_active"),
        ("w03_pose_3d.npy", None, None),
        ("a1_s8_t4_skeleton.mat", "s8", None),
        ("mine.bvh", None, None),
    ],
)
def test__known_layout__file_name__says_who_moved(
    name: str, performer: str | None, group: str | None
) -> None:
    about = known_layout(Path(name))
    assert (about.performer, about.group) == (performer, group)


@NEEDS_DATA
def test__read__salsa_of_cmu__is_twice_too_fast_until_told() -> None:
    salsa = mocap() / "cmu_bvh" / "salsa" / "02.bvh"
    said, right = read(salsa), read(salsa, frame_rate=60)
    assert (said.rate_hz, right.rate_hz) == (120.0, 60.0)
    assert right.duration_s == pytest.approx(2.0 * said.duration_s, rel=1e-3)


@NEEDS_DATA
def test__find__real_folders__every_clip_once() -> None:
    counts = {place: len(find(mocap() / place)) for place in ("cmu_bvh", "bandai_namco")}
    assert counts == {"cmu_bvh": 10, "bandai_namco": 804}
    with pytest.raises(ReadError, match="holds no motion capture"):
        find(mocap() / "paired_broad")
