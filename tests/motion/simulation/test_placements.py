"""Every placement of the catalogue has a place on the skeleton, and sides mirror each other."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.catalog import PLACEMENTS
from otolith.core.errors import UnknownNameError
from otolith.data.skeleton import JOINTS
from otolith.motion.rotations import to_matrix
from otolith.motion.simulation.placements import SITES, site


def test__sites__catalogue__is_covered_but_for_unsided_unknowns() -> None:
    assert set(PLACEMENTS) - set(SITES) == {"thigh", "shank", "forearm", "upper_arm", "imu"}
    assert all(place.joint in JOINTS for place in SITES.values())


@pytest.mark.parametrize("name", [name for name in SITES if name.startswith("left_")])
def test__sites__left_and_right__are_mirrors(name: str) -> None:
    left, right = site(name), site(name.replace("left", "right"))
    mirror = np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(left.lever(1.8, 1.2) * mirror, right.lever(1.8, 1.2))
    own, other = to_matrix(left.sensor_to_joint()), to_matrix(right.sensor_to_joint())
    np.testing.assert_allclose(own[:, 0] * mirror, other[:, 0], atol=1e-12)
    np.testing.assert_allclose(own[:, 2] * mirror, other[:, 2], atol=1e-12)
    # A mirror image of three axes is left-handed; real sensors are not, so y turns round.
    np.testing.assert_allclose(own[:, 1] * mirror, -other[:, 1], atol=1e-12)


@pytest.mark.parametrize("name", SITES)
def test__sites__z_axis__points_away_from_the_skin(name: str) -> None:
    place = site(name)
    assert np.dot(place.skin, place.z_axis) > 0


def test__site__unknown__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'left_ankle'"):
        site("left_ancle")
