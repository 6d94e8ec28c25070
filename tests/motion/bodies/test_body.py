"""Bodies of many sizes, and motions fitted to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otolith.core.errors import ConfigError, DataError
from otolith.data.skeleton import JOINTS, reference_offsets
from otolith.motion.bodies.body import STATURE, Body, fit
from otolith.motion.procedural.procedural import make


def test__body__average__is_the_reference_skeleton() -> None:
    np.testing.assert_allclose(Body().offsets(), reference_offsets())
    assert Body().girth == pytest.approx(1.0)


def test__body__drawn__has_the_statures_of_the_literature() -> None:
    bodies = [Body.draw(np.random.default_rng(i)) for i in range(600)]
    for sex, (mean, deviation) in STATURE.items():
        statures = np.array([body.stature_m for body in bodies if body.sex == sex])
        assert statures.mean() == pytest.approx(mean, abs=0.012)
        assert statures.std() == pytest.approx(deviation, abs=0.01)
    bmi = np.array([body.mass_kg / body.stature_m**2 for body in bodies])
    assert 22.5 < np.median(bmi) < 24.5


def test__offsets__longer_legs__lengthen_legs_alone() -> None:
    plain, long = Body().offsets(), Body(legs=1.1).offsets()
    ratio = np.linalg.norm(long, axis=1)[1:] / np.linalg.norm(plain, axis=1)[1:]
    for joint, factor in zip(JOINTS[1:], ratio, strict=True):
        part = joint.split("_")[-1]
        assert factor == pytest.approx(1.1 if part in ("hip", "knee", "ankle", "foot") else 1.0)


def test__fit__walking__keeps_feet_on_the_floor_and_scales_the_step() -> None:
    motion = make("walking", seconds=10.0)
    fitted = fit(motion, Body(stature_m=1.90, legs=1.05))
    scale = 1.90 * 1.05 / 1.70
    feet, own = (clip.forward(("left_foot", "right_foot"))[0] for clip in (motion, fitted))
    np.testing.assert_allclose(own[..., 2].min(), scale * feet[..., 2].min(), atol=0.01)
    way, own_way = (
        np.linalg.norm(clip.root[-1, :2] - clip.root[0, :2]) for clip in (motion, fitted)
    )
    assert own_way == pytest.approx(scale * way)


@pytest.mark.parametrize(
    "changes", [{"stature_m": 170.0}, {"mass_kg": 0.0}, {"legs": 0.1}, {"stature_m": float("nan")}]
)
def test__body__impossible__is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Body(**changes)


def test__fit__own_proportions__are_kept_at_the_new_stature() -> None:
    captured = Body(stature_m=1.5, arms=1.2)
    motion = replace(make("walking", seconds=3.0), offsets=captured.offsets())
    fitted = fit(motion, Body(stature_m=1.8))
    np.testing.assert_allclose(fitted.offsets, Body(stature_m=1.8, arms=1.2).offsets(), rtol=1e-9)


def test__fit__fingers__go_with_the_arm() -> None:
    motion = make("standing", seconds=3.0)
    finger = replace(
        motion,
        joints=(*JOINTS, "left_index1"),
        parents=(*motion.parents, JOINTS.index("left_wrist")),
        offsets=np.concatenate([reference_offsets(), [[0.0, 0.1, 0.0]]]),
        rotations=np.concatenate(
            [motion.rotations, motion.rotations[:, :1] * 0 + [0, 0, 0, 1]], axis=1
        ),
    )
    fitted = fit(finger, Body(arms=1.1))
    np.testing.assert_allclose(fitted.offsets[-1], [0.0, 0.11, 0.0])


def test__fit__unknown_joints__says_what_to_call() -> None:
    motion = make("standing", seconds=3.0)
    with pytest.raises(DataError, match="to_body"):
        fit(replace(motion, joints=("Hips", *JOINTS[1:])), Body())
