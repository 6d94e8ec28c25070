"""The magnetic field of a place, and what a magnetometer reads of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError
from otolith.motion import rotations
from otolith.motion.shapes import Point


def local_field(strength_ut: float, dip_deg: float, north_deg: float = 0.0) -> Point:
    """The earth's field in the world's axes (z up), µT.

    strength_ut: 25 to 65 over the earth; dip_deg: how far the field points below the horizon, -90
    to 90 (positive in the north); north_deg: where magnetic north is, turned to the left from the
    world's x axis. All three for a place and a day: World Magnetic Model,
    https://www.ncei.noaa.gov/products/world-magnetic-model. Indoors iron bends the field, which
    this does not. Raises ConfigError for a dip beyond a right angle or a strength that is no
    number.

    >>> local_field(49.0, 66.0).round(1).tolist()  # north is x, most of it points down
    [19.9, 0.0, -44.8]
    """
    if not (abs(dip_deg) <= 90.0 and 0.0 < strength_ut < np.inf and np.isfinite(north_deg)):
        raise ConfigError(
            f"A field of {strength_ut} µT that dips by {dip_deg}° is none: the earth's has 25 to "
            "65 µT and dips by -90 to 90°. Middle Europe: local_field(49, 66)."
        )
    dip, north = np.deg2rad(dip_deg), np.deg2rad(north_deg)
    return strength_ut * np.array(
        [np.cos(dip) * np.cos(north), np.cos(dip) * np.sin(north), -np.sin(dip)]
    )


def field_reading(
    sensor_to_world: Float[np.ndarray, "T 4"], field_ut: Point
) -> Float[np.ndarray, "T 3"]:
    """What an ideal magnetometer reads in a field that is the same everywhere: ``R^T B``, µT.

    >>> field_reading(np.array([[0.0, 0.0, 0.0, 1.0]]), local_field(49.0, 90.0)).round(6).tolist()
    [[0.0, 0.0, -49.0]]
    """
    world_to_sensor = rotations.conjugate(sensor_to_world)
    return rotations.rotate(world_to_sensor, np.asarray(field_ut, dtype=np.float64)[None])
