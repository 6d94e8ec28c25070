"""Whether a clip moves as a body can: no doubt where it does, the right one where not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otolith.core.errors import UnknownNameError
from otolith.motion import rotations
from otolith.motion.formats import check
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import PROCEDURAL, make


def kinds(motion: Motion) -> set[str]:
    return {finding.kind for finding in check(motion)}


def scaled(motion: Motion, factor: float) -> Motion:
    return replace(motion, root=motion.root * factor, offsets=motion.offsets * factor)


def tipped(motion: Motion) -> Motion:
    turn = rotations.from_axis_angle(np.array([np.pi / 2, 0.0, 0.0]))
    local = motion.rotations.copy()
    local[:, 0] = rotations.multiply(turn, local[:, 0])
    return replace(motion, rotations=local, root=rotations.rotate(turn, motion.root))


@pytest.mark.parametrize("name", sorted(set(PROCEDURAL) - {"lying"}))
def test__check__our_own_motions__are_plausible(name: str) -> None:
    assert kinds(make(name, seconds=8.0)) == set()


def test__check__lying__is_doubted_as_another_axis_up() -> None:
    assert kinds(make("lying", seconds=8.0)) == {"up"}


@pytest.mark.parametrize(("factor", "limit"), [(2.54, 3.0), (0.1, 0.5)])
def test__check__another_unit__names_the_stature(factor: float, limit: float) -> None:
    (found,) = [
        finding
        for finding in check(scaled(make("walking", seconds=8.0), factor))
        if finding.kind == "stature"
    ]
    assert found.limit == limit
    assert found.value == pytest.approx(1.7 * factor, rel=0.05)
    assert "unit=" in found.message


def test__check__another_axis_up__is_told() -> None:
    assert "up" in kinds(tipped(make("walking", seconds=8.0)))


def test__check__played_too_fast__falls_faster_than_gravity() -> None:
    jump = make("jumping", seconds=8.0)
    found = {finding.kind: finding for finding in check(replace(jump, rate_hz=2.0 * jump.rate_hz))}
    assert 2.0 < found["falling"].value < 5.0
    assert "frame_rate=" in found["falling"].message


def test__check__one_joint_glitching_for_single_frames__is_no_doubt() -> None:
    motion = make("walking", seconds=8.0)
    local = motion.rotations.copy()
    elbow = motion.joints.index("left_elbow")
    local[::400, elbow] = rotations.multiply(
        local[::400, elbow], rotations.from_axis_angle(np.array([0.0, 0.0, 1.5]))
    )  # 75 rad/s there and back, one frame in four hundred
    assert kinds(replace(motion, rotations=local)) == set()


def test__check__path_in_another_unit__slides_or_flies() -> None:
    walking = make("walking", seconds=8.0)
    assert kinds(replace(walking, root=walking.root * 10.0)) & {"root_speed", "sliding", "falling"}


def test__check__skeleton_without_ankles__names_what_is_missing() -> None:
    motion = make("walking", seconds=8.0)
    with pytest.raises(UnknownNameError, match="left_ankle"):
        check(
            replace(motion, joints=tuple(name.replace("ankle", "hoof") for name in motion.joints))
        )
