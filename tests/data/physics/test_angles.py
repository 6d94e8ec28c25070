"""Tilt and heading, on sensors turned by known rotations. The rotation matrices are written out
here."""

from __future__ import annotations

from inspect import unwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import DataError
from otolith.data.physics.angles import compass_angles, gravity_angles

DOWN_NORTH = np.array(
    [18.0, 0.0, -45.0]
)  # µT in a world of x magnetic north, z up: the field dips into the ground


def about_x(angle):
    return np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )


def about_y(angle):
    return np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )


def about_z(angle):
    return np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )


def reading(sensor_to_world, world):
    return sensor_to_world.T @ world


@pytest.mark.parametrize(
    ("gravity", "expected"),
    [
        ([0, 0, 9.81], [0, 0, 0]),
        ([0, 0, -9.81], [0, 0, 180]),
        ([9.81, 0, 0], [0, 90, 90]),
        ([-9.81, 0, 0], [0, -90, 90]),
        ([0, 9.81, 0], [90, 0, 90]),
        ([0, -9.81, 0], [-90, 0, 90]),
        ([0, 1, 1], [45, 0, 45]),
        ([-1, 0, np.sqrt(3)], [0, -30, 30]),
    ],
)
def test__gravity_angles__axis_upright_or_leaning__is_that_angle(gravity, expected):
    assert np.rad2deg(gravity_angles(np.array(gravity, float))) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("degrees", [-75, -20, 35, 80])
def test__gravity_angles__one_rotation__moves_its_own_angle(degrees):
    angle, up = np.deg2rad(degrees), np.array([0.0, 0.0, 9.81])
    rolled, pitched, headed = (
        gravity_angles(reading(turn(angle), up)) for turn in (about_x, about_y, about_z)
    )
    assert rolled == pytest.approx([angle, 0.0, abs(angle)], abs=1e-12)
    # A positive turn about y lowers the x axis.
    assert pitched == pytest.approx([0.0, -angle, abs(angle)], abs=1e-12)
    assert headed == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)


angle = st.floats(-3.1, 3.1)


@settings(max_examples=60, deadline=None)
@given(roll=angle, pitch=st.floats(-1.5, 1.5), yaw=angle)
def test__compass_angles__any_rotation__is_recovered_signs_included(roll, pitch, yaw):
    sensor_to_world = about_z(yaw) @ about_y(pitch) @ about_x(roll)
    gravity, magnetic = (
        reading(sensor_to_world, np.array([0.0, 0.0, 9.81])),
        reading(sensor_to_world, DOWN_NORTH),
    )
    assert compass_angles(gravity, magnetic) == pytest.approx([roll, pitch, yaw], abs=1e-9)


def test__compass_angles__facing_west_and_east__is_plus_and_minus_ninety_degrees():
    up = np.array([0.0, 0.0, 9.81])
    # Facing west, magnetic north lies to the right: on the sensor's -y axis.
    assert np.rad2deg(compass_angles(up, np.array([0.0, -1.0, -2.0]))[2]) == pytest.approx(90.0)
    assert np.rad2deg(compass_angles(up, np.array([0.0, 1.0, -2.0]))[2]) == pytest.approx(-90.0)


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-3, 1e3), turn=angle)
def test__gravity_angles__strength_or_heading__does_not_matter(scale, turn):
    gravity = np.array([1.0, -2.0, 3.0])
    tilted = about_y(0.3) @ about_x(-0.8)
    plain = gravity_angles(reading(tilted, np.array([0, 0, 1.0])))
    assert gravity_angles(
        reading(about_z(turn) @ tilted, np.array([0, 0, scale]))
    ) == pytest.approx(plain, abs=1e-9)
    assert gravity_angles(scale * gravity) == pytest.approx(gravity_angles(gravity), abs=1e-12)


def test__angles__many_at_once__keep_their_leading_dimensions():
    gravity, magnetic = np.random.default_rng(0).standard_normal((2, 4, 5, 3))
    assert gravity_angles(gravity).shape == compass_angles(gravity, magnetic).shape == (4, 5, 3)
    assert np.array_equal(gravity_angles(gravity)[2, 3], gravity_angles(gravity[2, 3]))
    assert np.array_equal(
        compass_angles(gravity, magnetic)[2, 3], compass_angles(gravity[2, 3], magnetic[2, 3])
    )


def test__angles__free_fall_or_nan__are_undefined():
    gravity = np.array([[0.0, 0.0, 0.0], [np.nan, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    magnetic = np.array([[1.0, 0, 0], [1.0, 0, 0], [0.0, 0, 0], [1.0, 0, 0]])
    assert np.isnan(gravity_angles(gravity)).all(axis=1).tolist() == [True, True, False, False]
    assert np.isnan(compass_angles(gravity, magnetic)).all(axis=1).tolist() == [
        True,
        True,
        True,
        False,
    ]
    assert np.isfinite(compass_angles(gravity, magnetic)[3]).all()


def test__angles__no_axis_of_three__says_so():
    with pytest.raises(DataError, match="x, y, z on its last axis"):
        unwrap(gravity_angles)(np.ones((3, 4)))
