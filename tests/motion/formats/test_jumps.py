"""Jumps become gaps; fast movements do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otolith.data.skeleton import JOINTS
from otolith.motion import rotations
from otolith.motion.formats.jumps import jumps, without_jumps
from otolith.motion.procedural.procedural import PROCEDURAL, make


def test__without_jumps__calibration_pose_first__is_cut_off_from_the_movement() -> None:
    walk = make("walking", seconds=3.0, rate_hz=120.0)
    turns = walk.rotations.copy()
    turns[0] = rotations.IDENTITY
    mended = without_jumps(replace(walk, rotations=turns))
    np.testing.assert_array_equal(np.flatnonzero(mended.lost), [0])
    assert "jumps after frame 0" in mended.notes[0]
    np.testing.assert_allclose(mended.root[1:], walk.root[1:])


def test__jumps__root_set_back__is_found() -> None:
    walk = make("walking", seconds=3.0, rate_hz=60.0)
    root = walk.root.copy()
    root[100:] += np.array([2.0, 0.0, 0.0])
    assert np.flatnonzero(jumps(replace(walk, root=root))).tolist() == [99]


@pytest.mark.parametrize("name", PROCEDURAL)
def test__without_jumps__our_own_movements__are_left_alone(name: str) -> None:
    motion = make(name, seconds=5.0, rate_hz=60.0)
    assert without_jumps(motion) is motion


def test__jumps__fast_swing__is_none() -> None:
    walk = make("standing", seconds=3.0, rate_hz=60.0)
    turns = walk.rotations.copy()
    angle = np.pi * np.tanh(
        np.linspace(-12.0, 12.0, walk.frames)
    )  # half a turn within a third of a second
    turns[:, JOINTS.index("right_shoulder")] = rotations.from_axis_angle(
        angle[:, None] * np.array([1.0, 0.0, 0.0])
    )
    assert not jumps(replace(walk, rotations=turns)).any()


@pytest.mark.parametrize("rate_hz", [20.0, 30.0])
def test__jumps__one_wrong_frame_of_a_slow_camera__is_found(rate_hz: float) -> None:
    walk = make("walking", seconds=4.0, rate_hz=rate_hz)
    turns = walk.rotations.copy()
    elbow = JOINTS.index("left_elbow")
    turns[40, elbow] = rotations.multiply(
        turns[40, elbow], rotations.from_axis_angle(np.array([0.0, 0.0, 1.2]))
    )
    found = np.flatnonzero(jumps(replace(walk, rotations=turns)))
    assert 40 in found
    assert set(found) <= {39, 40}
    there = turns.copy()
    there[41:, elbow] = turns[40, elbow]  # it stays there: fast, but no spike
    assert not jumps(replace(walk, rotations=there)).any()
