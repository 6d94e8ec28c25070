"""A mounting that was put in comes out again, on samples that it was not estimated from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import DataError
from otolith.motion import rotations
from otolith.motion.fidelity.alignment import Alignment, align, lever_effect
from otolith.motion.simulation.kinematics import track
from otolith.motion.simulation.sensor import Reading, ideal

RATE_HZ = 200.0
TIME_S = np.arange(1600) / RATE_HZ


def tumbling(lever: np.ndarray, mounting: np.ndarray, shift_s: float = 0.0) -> Reading:
    """A body that turns about all axes and moves, worn by a sensor at a lever arm and a rotation
    from its origin."""
    time_s = TIME_S - shift_s
    angles = np.stack(
        [np.sin(5.1 * time_s), 0.7 * np.sin(3.3 * time_s + 1), 1.2 * np.sin(2.1 * time_s + 2)],
        axis=1,
    )
    q = rotations.from_axis_angle(angles)
    path = 0.2 * np.stack([np.sin(4 * time_s), np.cos(3 * time_s), np.sin(6 * time_s)], axis=1)
    point = path + rotations.rotate(q, lever[None])
    return ideal(track(point, rotations.multiply(q, rotations.conjugate(mounting)[None]), RATE_HZ))


def test__lever_effect__constant_spin__is_omega_squared_r_inwards() -> None:
    effect = lever_effect(np.tile([0.0, 0.0, 3.0], (50, 1)), RATE_HZ)
    np.testing.assert_allclose(
        effect @ [0.5, 0.0, 0.2], np.tile([-4.5, 0.0, 0.0], (50, 1)), atol=1e-12
    )


def test__lever_effect__speeding_up__pushes_across() -> None:
    rate = np.stack([0 * TIME_S, 0 * TIME_S, 2.0 * TIME_S], axis=1)
    np.testing.assert_allclose(
        (lever_effect(rate, RATE_HZ) @ [0.5, 0.0, 0.0])[:, 1], 1.0, atol=1e-9
    )


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3),
    st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=3),
)
def test__align__mounting_put_in__comes_out(turn: list[float], lever: list[float]) -> None:
    mounting = rotations.from_axis_angle(np.array(turn))
    simulated, real = tumbling(np.zeros(3), rotations.IDENTITY), tumbling(np.array(lever), mounting)
    first = TIME_S < 4.0
    found = align(simulated, real, RATE_HZ, first)
    np.testing.assert_allclose(found.lever_m, lever, atol=2e-3)
    between = rotations.multiply(rotations.conjugate(found.simulated_to_real), mounting)
    assert np.linalg.norm(rotations.to_axis_angle(between)) < 2e-3
    assert found.delay_s == 0.0
    np.testing.assert_allclose(
        found.apply(simulated, RATE_HZ).acceleration[~first][:-20],
        real.acceleration[~first][:-20],
        atol=0.1,
    )


@pytest.mark.parametrize("delay_s", [-0.02, 0.0025, 0.015])
def test__align__late_clock__is_found_to_half_a_sample(delay_s: float) -> None:
    lever, mounting = (
        np.array([0.05, -0.1, 0.02]),
        rotations.from_axis_angle(np.array([0.3, 1.0, -0.4])),
    )
    simulated, real = tumbling(np.zeros(3), rotations.IDENTITY), tumbling(lever, mounting, delay_s)
    found = align(simulated, real, RATE_HZ)
    assert found.delay_s == pytest.approx(delay_s, abs=1e-9)
    moved = found.apply(simulated, RATE_HZ)
    inner = slice(20, -20)
    np.testing.assert_allclose(moved.angular_rate[inner], real.angular_rate[inner], atol=5e-3)
    assert np.isnan(moved.angular_rate).any()  # what the delay shifts in from outside is not known


def test__align__without_lever_or_rotation__leaves_them() -> None:
    simulated = tumbling(np.zeros(3), rotations.IDENTITY)
    real = tumbling(np.array([0.0, 0.2, 0.0]), rotations.from_axis_angle(np.array([0.0, 0.5, 0.0])))
    np.testing.assert_array_equal(align(simulated, real, RATE_HZ, lever=False).lever_m, 0.0)
    np.testing.assert_array_equal(
        align(simulated, real, RATE_HZ, rotation=False).simulated_to_real, [0, 0, 0, 1]
    )


def test__alignment__nothing__changes_nothing() -> None:
    reading = tumbling(np.zeros(3), rotations.IDENTITY)
    same = Alignment(rotations.IDENTITY, np.zeros(3)).apply(reading, RATE_HZ)
    np.testing.assert_allclose(same.acceleration, reading.acceleration, atol=1e-12)


def test__align__sensor_that_never_turns__is_refused() -> None:
    still = Reading(np.tile([0.0, 0.0, 9.81], (100, 1)), np.zeros((100, 3)))
    with pytest.raises(DataError, match="that never turn"):
        align(still, still, RATE_HZ)
    with pytest.raises(DataError, match="found 5 samples"):
        align(still, still, RATE_HZ, np.arange(100) < 5)
    with pytest.raises(DataError, match="one clock"):
        align(still, Reading(*(part[:50] for part in still)), RATE_HZ)
