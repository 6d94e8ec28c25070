"""BVH: what is read is what was written, and what is damaged is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bvh_writer import write_bvh
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ReadError
from otolith.motion import rotations
from otolith.motion.formats.bvh import read_bvh
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make

HEADER = """HIERARCHY
ROOT hips
{
  OFFSET 1 2 3
  CHANNELS 6 Yrotation Xposition Zposition Zrotation Yposition Xrotation
  JOINT arm
  {
    OFFSET 0 10 0
    CHANNELS 2 Xrotation Zrotation
    End Site
    {
      OFFSET 0 5 0
    }
  }
}
MOTION
"""
ROW = "90 100 300 0 200 0 0 90"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "clip.bvh"
    path.write_text(text, encoding="utf-8")
    return path


def test__read_bvh__channels_in_any_order__mean_what_their_names_say(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + f"Frames: 2\nFrame Time: 0.00833333\n{ROW}\n{ROW}\n")
    motion = read_bvh(path)
    assert motion.rate_hz == 120.0
    assert motion.joints == ("hips", "arm", "arm_end")
    places, _ = motion.forward()
    # In the file: hips at (100, 200, 300) cm turned a quarter about y; y up, z forward and x left
    # become z, x and y.
    np.testing.assert_allclose(places[0, 0], [3.0, 1.0, 2.0], atol=1e-12)
    np.testing.assert_allclose(places[0, 1], [3.0, 1.0, 2.1], atol=1e-12)
    # The arm's quarter about its z sends its y to its -x, which the hips turn to the file's z: the
    # world's x.
    np.testing.assert_allclose(places[0, 2], [3.05, 1.0, 2.1], atol=1e-12)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000), frames=st.integers(2, 6), up=st.sampled_from(["y", "z", "-y", "x"])
)
def test__write_bvh__read_again__is_the_same_motion(
    seed: int, frames: int, up: str, tmp_path_factory: object
) -> None:
    rng = np.random.default_rng(seed)
    parents = (-1, 0, 1, 1, 0)
    turns = rotations.unroll(rotations.normalise(rng.normal(size=(frames, 5, 4))))
    turns[:, 3] = rotations.IDENTITY
    names = ("hips", "spine", "head", "spine_end", "leg")
    motion = Motion(
        turns, rng.normal(size=(frames, 3)), 30.0 + seed, names, parents, rng.normal(size=(5, 3))
    )
    path = tmp_path_factory.mktemp("bvh") / "clip.bvh"  # type: ignore[attr-defined]
    write_bvh(motion, path, up=up)
    again = read_bvh(path, up=up)
    assert (set(again.joints), again.rate_hz) == (
        set(names),
        pytest.approx(motion.rate_hz, rel=1e-9),
    )
    places, to_world = motion.forward()
    places_again, to_world_again = again.forward(names)
    np.testing.assert_allclose(places_again, places, atol=1e-7)
    np.testing.assert_allclose(np.abs(np.sum(to_world * to_world_again, axis=-1)), 1.0, atol=1e-10)


def test__write_bvh__procedural_walk__comes_back_joint_by_joint(tmp_path: Path) -> None:
    motion = make("walking", seconds=3.0)
    write_bvh(motion, tmp_path / "walk.bvh")
    again = read_bvh(tmp_path / "walk.bvh")
    order = [again.joint(name) for name in motion.joints]
    np.testing.assert_allclose(again.root, motion.root, atol=1e-9)
    np.testing.assert_allclose(again.offsets[order], motion.offsets, atol=1e-9)
    closeness = np.abs(np.sum(again.rotations[:, order] * motion.rotations, axis=-1))
    np.testing.assert_allclose(closeness, 1.0, atol=1e-12)


def test__read_bvh__frame_that_is_not_finite__is_a_gap(tmp_path: Path) -> None:
    rows = "\n".join([ROW, ROW.replace("100", "nan"), ROW])
    motion = read_bvh(written(tmp_path, HEADER + f"Frames: 3\nFrame Time: 0.01\n{rows}\n"))
    np.testing.assert_array_equal(motion.lost, [False, True, False])
    assert [piece.frames for piece in motion.pieces()] == [1, 1]
    assert "1 frames with numbers that are not finite" in motion.notes[0]


def test__read_bvh__more_lines_than_stated__are_left_out_and_reported(tmp_path: Path) -> None:
    motion = read_bvh(written(tmp_path, HEADER + "Frames: 2\nFrame Time: 0.01\n" + f"{ROW}\n" * 5))
    assert motion.frames == 2
    assert "3 lines beyond" in motion.notes[0]


def test__read_bvh__joint_that_only_carries_the_hips__gives_way_to_them(tmp_path: Path) -> None:
    text = """HIERARCHY
ROOT world
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT hips
  {
    OFFSET 0 90 0
    CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
    JOINT a
    {
      OFFSET 0 5 0
      CHANNELS 3 Zrotation Xrotation Yrotation
    }
    JOINT b
    {
      OFFSET 0 -5 0
      CHANNELS 3 Zrotation Xrotation Yrotation
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.01
10 0 0 0 0 90 0 100 50 0 0 0 0 0 0 0 0 0
10 0 0 0 0 90 0 100 60 0 0 0 0 0 0 0 0 0
"""
    motion = read_bvh(written(tmp_path, text))
    assert motion.joints == ("hips", "a", "b")
    # The world's joint is turned a quarter about y: its z is the file's x, our y.
    np.testing.assert_allclose(motion.root, [[0.0, 0.6, 1.0], [0.0, 0.7, 1.0]], atol=1e-12)


def test__read_bvh__frame_rate_said__overrides_the_header(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + f"Frames: 2\nFrame Time: 0.01\n{ROW}\n{ROW}\n")
    assert read_bvh(path, frame_rate=60.0).rate_hz == 60.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not end"),
        ("no such file\n", "does not begin with HIERARCHY"),
        (HEADER.replace("MOTION\n", ""), "no MOTION follows"),
        (HEADER.replace("  }\n}\n", ""), "3 braces|2 braces|1 braces"),
        (HEADER.replace("CHANNELS 2", "CHANNELS 3"), "CHANNELS takes a count"),
        (HEADER.replace("Xrotation Zrotation", "Xrotation Xrotation"), "each once"),
        (HEADER.replace("OFFSET 0 10 0", "OFFSET 0 ten 0"), "three numbers"),
        (HEADER + f"Frames: 2\n{ROW}\n{ROW}\n", "no 'Frame Time'"),
        (HEADER + f"Frames: 3\nFrame Time: 0.01\n{ROW}\n{ROW}\n", "2 frames of the 3"),
        (HEADER + f"Frames: 2\nFrame Time: 0.01\n{ROW}\n{ROW[:10]}\n", "cut short"),
        (HEADER + f"Frames: 1\nFrame Time: 0.01\n{ROW} 7\n", "9 numbers, its skeleton needs 8"),
        (
            HEADER + "Frames: 1\nFrame Time: 0.01\n" + "nan " * 8 + "\n",
            "none of its 1 frames is finite",
        ),
    ],
)
def test__read_bvh__damaged__says_what_is_wrong(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=says):
        read_bvh(written(tmp_path, text))


def test__read_bvh__bytes_that_are_no_text__are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.bvh"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ReadError, match="is not text"):
        read_bvh(path)
