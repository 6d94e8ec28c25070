"""Bodies drawn from ranges, and motions put on them: on the floor, at the origin, without sliding
feet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import box_body
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ConfigError, ReadError
from otolith.data.skeleton import ANKLE_HEIGHT
from otolith.motion import rotations
from otolith.motion.bodies.body import Body
from otolith.motion.bodies.variation import BodyRanges, bodies, on_the_floor, put_on
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make

WALK = make("walking", seconds=6.0)


def elsewhere(motion: Motion, turn: float = 0.8) -> Motion:
    """The same motion somewhere else in the world, facing another way."""
    about_up = rotations.from_axis_angle(np.array([0.0, 0.0, turn]))
    turned = motion.rotations.copy()
    turned[:, 0] = rotations.multiply(about_up, turned[:, 0])
    return replace(
        motion,
        rotations=turned,
        root=rotations.rotate(about_up, motion.root) + np.array([3.0, -2.0, 0.4]),
    )


def test__bodies__drawn__lie_in_the_ranges_and_differ() -> None:
    drawn = bodies(300, seed=3)[1:]
    statures = np.array([body.stature_m for body in drawn]) / 1.70
    assert 0.85 <= statures.min() < 0.87
    assert 1.13 < statures.max() <= 1.15
    for part in ("legs", "arms", "shoulders"):
        factors = np.array([getattr(body, part) for body in drawn])
        assert 0.9 <= factors.min() < 0.91
        assert 1.09 < factors.max() <= 1.1
    assert np.ptp([body.girth for body in drawn]) > 0.3
    assert len({body.name for body in drawn}) == len(drawn)


def test__bodies__first__is_the_average_of_170_cm() -> None:
    (only,) = bodies(1)
    assert only == Body("body00")
    assert only.stature_m == 1.70


def test__bodies__more_of_them__leave_the_first_as_they_were() -> None:
    assert bodies(3, seed=1) == bodies(8, seed=1)[:3]
    assert bodies(3, seed=1)[1:] != bodies(3, seed=2)[1:]


@pytest.mark.parametrize(
    "changes", [{"height": (1.2, 0.8)}, {"legs": (0.0, 1.0)}, {"bmi": (18.0, 500.0)}]
)
def test__body_ranges__impossible__are_refused(changes: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))):
        BodyRanges(**changes)


def test__bodies__none__is_refused() -> None:
    with pytest.raises(ConfigError):
        bodies(0)


def test__put_on__anywhere__starts_at_the_origin_on_the_floor() -> None:
    motion = put_on(elsewhere(WALK), Body(stature_m=1.9, legs=0.9))
    ankles, _ = motion.forward(("left_ankle", "right_ankle"))
    balls, _ = motion.forward(("left_foot", "right_foot"))
    feet = np.concatenate([ankles, balls], axis=1)
    np.testing.assert_allclose(feet[0, :, :2].mean(axis=0), 0.0, atol=1e-12)
    lowest = min(
        ankles[..., 2].min() - 1.9 * ANKLE_HEIGHT, balls[..., 2].min() - 1.9 * (ANKLE_HEIGHT - 0.03)
    )
    assert lowest == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=15)
@given(legs=st.floats(0.9, 1.1), arms=st.floats(0.9, 1.1), height=st.floats(0.85, 1.15))
def test__put_on__any_body__feet_do_what_they_did(legs: float, arms: float, height: float) -> None:
    body = Body(stature_m=1.70 * height, legs=legs, arms=arms)
    motion = put_on(WALK, body)
    feet, own = (clip.forward(("left_foot", "right_ankle"))[0] for clip in (WALK, motion))
    np.testing.assert_allclose(
        np.diff(own, axis=0), height * legs * np.diff(feet, axis=0), atol=1e-9
    )


def test__put_on__heading_removed__faces_x_and_changes_nothing_else() -> None:
    plain, turned = put_on(WALK, Body(), "remove"), put_on(elsewhere(WALK), Body(), "remove")
    np.testing.assert_allclose(turned.forward()[0], plain.forward()[0], atol=1e-9)
    z, w = turned.rotations[0, 0, 2:]
    assert np.arctan2(z, w) == pytest.approx(0.0, abs=1e-9)
    kept = put_on(elsewhere(WALK), Body(), "keep")
    assert np.abs(kept.forward()[0] - plain.forward()[0]).max() > 0.1


def test__put_on__unknown_heading__is_refused() -> None:
    with pytest.raises(ConfigError, match="keep"):
        put_on(WALK, Body(), "north")  # type: ignore[arg-type]


def test__on_the_floor__lost_frames__stay_lost() -> None:
    root = WALK.root.copy()
    root[:5] = np.nan
    moved = on_the_floor(replace(WALK, root=root), facing_x=True)
    assert moved.lost.sum() == 5
    assert np.isfinite(moved.root[5:]).all()
    ankles, _ = moved.forward(("left_ankle", "right_ankle", "left_foot", "right_foot"))
    np.testing.assert_allclose(ankles[5, :, :2].mean(axis=0), 0.0, atol=1e-12)


def test__bodies__of_a_model_file__have_its_skin(tmp_path: Path) -> None:
    box_body.write(tmp_path / "SMPL_F.npz")
    drawn = bodies(4, seed=1, model=tmp_path / "SMPL_F.npz")
    assert [body.name for body in drawn] == ["body00", "body01", "body02", "body03"]
    assert all(body.surface is not None for body in drawn)
    assert len({body.stature_m for body in drawn}) == 4
    assert drawn[2].stature_m == bodies(3, seed=1, model=tmp_path / "SMPL_F.npz")[2].stature_m


def test__bodies__model_and_ranges__exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give one of them"):
        bodies(2, ranges=BodyRanges(height=(0.9, 1.0)), model="anny")
    with pytest.raises(ReadError, match="SMPL_X"):
        bodies(2, model=tmp_path / "SMPL_X.npz")
