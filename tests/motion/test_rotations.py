"""Laws of rotations, and a few known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from otolith.core.errors import DataError
from otolith.motion import rotations

VECTORS = arrays(np.float64, (5, 3), elements=st.floats(-3.0, 3.0, allow_subnormal=False))
HALF = np.sqrt(0.5)


def same_rotation(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(np.abs(np.sum(a * b, axis=-1)), 1.0, atol=1e-9))


def test__rotate__quarter_turn_about_z__takes_x_to_y() -> None:
    q = rotations.from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(q, [0.0, 0.0, HALF, HALF], atol=1e-15)
    np.testing.assert_allclose(
        rotations.rotate(q, np.array([1.0, 0.0, 0.0])), [0.0, 1.0, 0.0], atol=1e-15
    )


def test__multiply__two_turns__last_one_is_left() -> None:
    about_z = rotations.from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    about_x = rotations.from_axis_angle(np.array([np.pi / 2, 0.0, 0.0]))
    first_z_then_x = rotations.multiply(about_x, about_z)
    np.testing.assert_allclose(
        rotations.rotate(first_z_then_x, np.array([1.0, 0, 0])), [0, 0, 1], atol=1e-15
    )


def test__from_euler__body_and_fixed_axes__differ_as_in_the_docstring() -> None:
    angles = np.array([0.3, -0.2, 0.9])
    z, y, x = (rotations.from_euler(axis, angles[i : i + 1]) for i, axis in enumerate("zyx"))
    body = rotations.multiply(rotations.multiply(z, y), x)
    fixed = rotations.multiply(x, rotations.multiply(y, z))
    assert same_rotation(rotations.from_euler("ZYX", angles), body)
    assert same_rotation(rotations.from_euler("zyx", angles), fixed)
    np.testing.assert_allclose(rotations.to_euler("ZYX", body), angles, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(VECTORS, VECTORS)
def test__rotate__any_rotation__keeps_lengths_and_undoes(turn: np.ndarray, v: np.ndarray) -> None:
    q = rotations.from_axis_angle(turn)
    turned = rotations.rotate(q, v)
    np.testing.assert_allclose(
        np.linalg.norm(turned, axis=-1), np.linalg.norm(v, axis=-1), atol=1e-9
    )
    np.testing.assert_allclose(rotations.rotate(rotations.conjugate(q), turned), v, atol=1e-9)
    np.testing.assert_allclose((rotations.to_matrix(q) @ v[..., None])[..., 0], turned, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(VECTORS)
def test__conversions__there_and_back__are_the_same_rotation(turn: np.ndarray) -> None:
    q = rotations.from_axis_angle(turn)
    assert same_rotation(rotations.from_matrix(rotations.to_matrix(q)), q)
    assert same_rotation(rotations.from_axis_angle(rotations.to_axis_angle(q)), q)


def test__operations__any_leading_dimensions__keep_them() -> None:
    turns = np.random.default_rng(0).normal(size=(4, 2, 3))
    q = rotations.from_axis_angle(turns)
    assert q.shape == (4, 2, 4)
    assert rotations.to_matrix(q).shape == (4, 2, 3, 3)
    assert rotations.from_matrix(rotations.to_matrix(q)).shape == (4, 2, 4)
    assert rotations.to_axis_angle(q).shape == (4, 2, 3)
    assert rotations.from_euler("ZYX", turns).shape == (4, 2, 4)
    one = rotations.rotate(q[1, 1], turns[1, 1])
    np.testing.assert_allclose(rotations.rotate(q, turns)[1, 1], one)


def test__slerp__third_of_the_way__is_a_third_of_the_angle() -> None:
    end = rotations.from_axis_angle(np.array([0.0, 0.9, 0.0]))
    third = rotations.slerp(rotations.IDENTITY, -end, 1.0 / 3.0)
    np.testing.assert_allclose(rotations.to_axis_angle(third), [0.0, 0.3, 0.0], atol=1e-12)
    np.testing.assert_allclose(rotations.slerp(end, end, 0.5), end, atol=1e-12)


def test__unroll__flipped_signs__are_mended_and_rotations_kept() -> None:
    q = rotations.from_axis_angle(np.linspace(0, 12, 100)[:, None] * np.array([0.0, 0.0, 1.0]))
    flipped = q * np.where(np.arange(100) % 3 == 0, -1.0, 1.0)[:, None]
    mended = rotations.unroll(flipped)
    assert (np.sum(mended[1:] * mended[:-1], axis=1) > 0).all()
    assert same_rotation(mended, q)


def test__angular_rate__constant_spin__is_that_rate_everywhere() -> None:
    spin = np.array([1.0, -2.0, 0.5])
    start = rotations.from_axis_angle(np.array([0.4, 0.2, 2.0]))
    q = rotations.multiply(start, rotations.from_axis_angle(np.arange(50)[:, None] / 100.0 * spin))
    np.testing.assert_allclose(rotations.angular_rate(q, 100.0), np.tile(spin, (50, 1)), atol=1e-10)


def test__angular_rate__one_frame__is_refused() -> None:
    with pytest.raises(DataError, match="at least 2 frames, found 1"):
        rotations.angular_rate(rotations.IDENTITY[None], 100.0)


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test__normalise__no_direction__is_refused(bad: float) -> None:
    with pytest.raises(DataError, match="1 of 2 quaternions"):
        rotations.normalise(np.array([[0.0, 0.0, 0.0, 2.0], [bad, bad, bad, bad]]))
