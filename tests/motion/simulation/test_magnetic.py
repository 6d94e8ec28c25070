"""A compass on a turning body."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.errors import ConfigError
from otolith.motion import rotations
from otolith.motion.simulation.magnetic import field_reading, local_field


def test__local_field__dips_and_points_north() -> None:
    np.testing.assert_allclose(local_field(50.0, 0.0), [50.0, 0.0, 0.0])
    np.testing.assert_allclose(local_field(50.0, 90.0), [0.0, 0.0, -50.0], atol=1e-12)
    np.testing.assert_allclose(
        local_field(50.0, 60.0, 90.0), [0.0, 25.0, -50.0 * np.sin(np.pi / 3)], atol=1e-12
    )


def test__field_reading__body_turned_left__sees_north_on_its_right() -> None:
    q = rotations.from_axis_angle(np.array([[0.0, 0.0, np.pi / 2]]))
    np.testing.assert_allclose(
        field_reading(q, local_field(50.0, 0.0)), [[0.0, -50.0, 0.0]], atol=1e-12
    )


def test__field_reading__any_turn__keeps_the_strength() -> None:
    q = rotations.from_axis_angle(np.random.default_rng(0).normal(size=(100, 3)))
    np.testing.assert_allclose(
        np.linalg.norm(field_reading(q, local_field(49.0, 66.0, 12.0)), axis=1), 49.0
    )


@pytest.mark.parametrize(("strength", "dip"), [(0.0, 10.0), (50.0, 91.0), (float("nan"), 0.0)])
def test__local_field__nonsense__is_refused(strength: float, dip: float) -> None:
    with pytest.raises(ConfigError, match="is none"):
        local_field(strength, dip)
