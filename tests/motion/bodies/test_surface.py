"""Skins: a body of boxes has all its lengths known, and a sensor lies where the box says."""

from __future__ import annotations

import box_body
import numpy as np
import pytest
from box_body import HALF_M

from otolith.core.errors import DataError
from otolith.data.skeleton import JOINTS, reference_offsets
from otolith.motion import rotations
from otolith.motion.bodies.body import Body
from otolith.motion.bodies.surface import Surface
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.placements import SITES, site
from otolith.motion.simulation.sensor import Mounting, simulate

STATURE_M = 1.70


@pytest.fixture(scope="module")
def walk() -> Motion:
    return make("walking", seconds=3.0, rate_hz=50.0)


@pytest.fixture(scope="module")
def spread() -> Surface:
    return box_body.surface()


def test__axes__arms_spread__are_the_worlds(spread: Surface) -> None:
    for joint in JOINTS:
        np.testing.assert_allclose(np.abs(spread.axes[joint]), [0, 0, 0, 1], atol=1e-7)
    offsets = np.stack([spread.offset(joint) for joint in JOINTS])
    np.testing.assert_allclose(offsets, reference_offsets(), atol=1e-12)


def hanging(degrees: float) -> np.ndarray:
    """The T pose with both arms let down, so that they half hang."""
    where = box_body.places()
    for side, sign in (("left", -1.0), ("right", 1.0)):
        down = rotations.from_axis_angle(np.deg2rad(degrees) * np.array([sign, 0.0, 0.0]))
        shoulder = where[JOINTS.index(f"{side}_shoulder")].copy()
        for part in ("elbow", "wrist", "hand"):
            index = JOINTS.index(f"{side}_{part}")
            where[index] = shoulder + rotations.rotate(down, where[index] - shoulder)
    return where


@pytest.mark.parametrize("degrees", [30.0, 60.0])
def test__axes__arms_half_hanging__the_same_body_and_sensors(
    degrees: float, spread: Surface
) -> None:
    hung = box_body.surface(hanging(degrees))
    for joint in JOINTS:
        np.testing.assert_allclose(hung.offset(joint), spread.offset(joint), atol=1e-9)
    arm = hung.axes["right_elbow"]
    assert np.rad2deg(np.linalg.norm(rotations.to_axis_angle(arm))) == pytest.approx(degrees)
    lever, turn = hung.mount(site("left_wrist"))
    assert abs(float(lever[1])) == pytest.approx(0.134 * STATURE_M)
    assert (
        np.linalg.norm(lever[[0, 2]]) >= HALF_M - 1e-9
    )  # the box is rolled otherwise about its bone
    assert np.linalg.norm(turn) == pytest.approx(1.0)


def test__mount__wrist__lies_on_top_of_the_forearm(spread: Surface) -> None:
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lever, turn = spread.mount(site(f"{side}_wrist"))
        np.testing.assert_allclose(lever, [0.0, sign * 0.134 * STATURE_M, HALF_M], atol=1e-9)
        np.testing.assert_allclose(turn, site(f"{side}_wrist").sensor_to_joint(), atol=1e-9)


@pytest.mark.parametrize("roll", [-20.0, 20.0])
def test__mount__skin_that_slopes__tilts_the_sensor(roll: float) -> None:
    lever, turn = box_body.surface(roll_deg=roll).mount(site("left_wrist"))
    assert lever[2] == pytest.approx(HALF_M / np.cos(np.deg2rad(roll)))
    outward = rotations.rotate(turn, np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(
        outward, [np.sin(np.deg2rad(roll)), 0.0, np.cos(np.deg2rad(roll))], atol=1e-9
    )


@pytest.mark.parametrize("placement", sorted(SITES))
def test__mount__every_placement__is_on_the_skin_that_its_bone_carries(
    placement: str, spread: Surface
) -> None:
    lever, turn = spread.mount(site(placement))
    joint = site(placement).joint
    own = spread.vertices[spread.weights[:, JOINTS.index(joint)] > 0.5] - spread.place(joint)
    assert np.linalg.norm(turn) == pytest.approx(1.0)
    assert (lever >= own.min(axis=0) - 1e-9).all() and (lever <= own.max(axis=0) + 1e-9).all()
    if joint.endswith("ankle"):
        return  # a foot's box slopes: within its bounds must do
    beside = np.minimum(np.abs(lever - own.min(axis=0)), np.abs(lever - own.max(axis=0)))
    assert beside.min() < 1e-2


def test__mount__triangles_inside_out__changes_nothing(spread: Surface) -> None:
    inside_out = Surface(
        spread.joints, spread.places, spread.vertices, spread.faces[:, ::-1], spread.weights
    )
    for placement in ("left_wrist", "chest", "lower_back"):
        for right, wrong in zip(
            spread.mount(site(placement)), inside_out.mount(site(placement)), strict=True
        ):
            np.testing.assert_allclose(wrong, right, atol=1e-12)


def test__mount__a_hand_before_the_thigh__is_not_in_the_way(spread: Surface) -> None:
    where = box_body.places()
    moved = box_body.surface(where)
    hand = moved.weights[:, JOINTS.index("left_hand")] > 0.5
    vertices = moved.vertices.copy()
    vertices[hand] += (
        spread.place("left_hip") + np.array([0.03, 0.0, -0.2]) - vertices[hand].mean(axis=0)
    )
    beside = Surface(moved.joints, moved.places, vertices, moved.faces, moved.weights)
    np.testing.assert_allclose(
        beside.mount(site("left_thigh"))[0], spread.mount(site("left_thigh"))[0], atol=1e-12
    )


def test__volume__boxes__is_theirs(spread: Surface) -> None:
    lengths = [
        np.linalg.norm(
            np.ptp(spread.vertices[8 * k : 8 * k + 8].reshape(2, 4, 3).mean(axis=1), axis=0)
        )
        for k in range(len(spread.vertices) // 8)
    ]
    assert spread.volume_m3 == pytest.approx(4.0 * HALF_M**2 * sum(lengths))


def test__fit__larger_body__steps_as_far_as_its_legs_reach(walk: Motion, spread: Surface) -> None:
    larger = Surface(
        spread.joints, 1.2 * spread.places, 1.2 * spread.vertices, spread.faces, spread.weights
    )
    fitted = larger.fit(walk)
    np.testing.assert_allclose(fitted.offsets, 1.2 * walk.offsets, atol=1e-9)
    np.testing.assert_allclose(fitted.root, 1.2 * walk.root, atol=1e-9)


def test__simulate__body_with_a_skin__measures_at_the_skin(walk: Motion, spread: Surface) -> None:
    body = Body.of(spread, "boxes")
    assert body.mass_kg == pytest.approx(1000.0 * spread.volume_m3)
    found = simulate(walk, ["left_wrist", "left_thigh"], 50.0, body=body)
    offsets = {}
    for placement in ("left_wrist", "left_thigh"):
        place = site(placement)
        difference = spread.mount(place)[0] - place.lever(STATURE_M, 1.0)
        x, y, z = rotations.rotate(rotations.conjugate(place.sensor_to_joint()), difference)
        offsets[placement] = Mounting(offset_m=(float(x), float(y), float(z)))
    expected = simulate(walk, ["left_wrist", "left_thigh"], 50.0, mounting=offsets)
    assert found.body == "boxes"
    for ours, theirs in zip(found.streams, expected.streams, strict=True):
        np.testing.assert_allclose(ours.values, theirs.values, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"places": np.zeros((3, 3))}, "needs places"),
        ({"places": np.full((24, 3), np.nan)}, "finite"),
        ({"faces": np.array([[0, 1, 9999]])}, "beyond"),
        ({"faces": np.zeros((0, 3), dtype=int)}, "triangles"),
        ({"joints": ("hips", *JOINTS[1:])}, "pelvis"),
    ],
)
def test__surface__arrays_that_do_not_fit__are_refused(
    change: dict[str, object], says: str, spread: Surface
) -> None:
    parts = {
        name: getattr(spread, name) for name in ("joints", "places", "vertices", "faces", "weights")
    }
    with pytest.raises(DataError, match=says):
        Surface(**{**parts, **change})


def test__mount__joint_without_skin__is_told(spread: Surface) -> None:
    weights = spread.weights.copy()
    weights[:, JOINTS.index("left_elbow")] = 0.0
    bare = Surface(spread.joints, spread.places, spread.vertices, spread.faces, weights)
    with pytest.raises(DataError, match=r"No skin.*left_elbow"):
        bare.mount(site("left_wrist"))
