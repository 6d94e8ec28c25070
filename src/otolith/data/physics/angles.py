"""How a sensor is tilted, from the direction of gravity; and, with a magnetometer, where it points.

Gravity means what a still accelerometer reads: it points up, away from the earth, +9.81 m/s² on an
axis that stands upright. Only its direction counts, so any unit will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError


def gravity_angles(gravity: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any 3"]:
    """Return the three angles that gravity alone defines: how far the x-y-z axes lean out of the
    horizontal.

    In radians, (roll, pitch, yaw):
    roll = atan2(gy, sqrt(gx² + gz²)), the y axis above the horizontal, -π/2 to π/2;
    pitch = atan2(gx, sqrt(gy² + gz²)), the x axis above the horizontal, -π/2 to π/2;
    yaw = atan2(sqrt(gx² + gy²), gz), the z axis away from upright, 0 to π.

    They are PIM's "roll, pitch and yaw from the gravity vector" (https://arxiv.org/abs/2503.17978)
    as far as one vector can give three angles. This yaw is no heading: a turn about the vertical
    leaves all three as they are. Where gravity is zero (free fall) or NaN, the angles are NaN.
    Raises DataError when the last axis does not hold x, y, z.
    """
    x, y, z = _axes(gravity, "gravity")
    return np.stack(
        [
            np.arctan2(y, np.hypot(x, z)),
            np.arctan2(x, np.hypot(y, z)),
            np.arctan2(np.hypot(x, y), z),
        ],
        -1,
    )


def compass_angles(
    gravity: Float[np.ndarray, "*any 3"], magnetic: Float[np.ndarray, "*any 3"]
) -> Float[np.ndarray, "*any 3"]:
    """Return roll, pitch and true heading of a sensor that also has a magnetometer.

    In radians, (roll, pitch, yaw): the sensor is turned from the world by yaw about z, then by
    pitch about the new y, then by roll about the new x: sensor_to_world = Rz(yaw) Ry(pitch)
    Rx(roll), all right-handed. The world's z is up, its x magnetic north, its y west. So yaw is the
    angle of the sensor's x axis from magnetic north, anticlockwise seen from above (a compass
    bearing counts the other way round); pitch is positive when the x axis dips below the
    horizontal. Roll and yaw go from -π to π, pitch from -π/2 to π/2; at ±π/2 only their sum or
    difference means anything.

    The magnetic field may be in any unit. Where either vector is zero or NaN, the angles are NaN.
    Raises DataError when the last axis does not hold x, y, z.
    """
    x, y, z = _axes(gravity, "gravity")
    north_x, north_y, north_z = _axes(magnetic, "magnetic")
    roll = np.arctan2(y, z)
    pitch = np.arctan2(-x, np.hypot(y, z))
    level_x = north_x * np.cos(pitch) + (north_y * np.sin(roll) + north_z * np.cos(roll)) * np.sin(
        pitch
    )
    yaw = np.arctan2(north_z * np.sin(roll) - north_y * np.cos(roll), level_x)
    angles = np.stack(np.broadcast_arrays(roll, pitch, yaw), -1)
    angles[np.isnan(angles).any(axis=-1)] = np.nan
    return angles


def _axes(vectors: Any, name: str) -> tuple[Any, Any, Any]:
    array = np.asarray(vectors, np.float64)
    if array.ndim == 0 or array.shape[-1] != 3:
        raise DataError(
            f"{name} holds x, y, z on its last axis, shape (..., 3); found shape {array.shape}."
        )
    usable = np.isfinite(array).all(axis=-1) & (array != 0).any(axis=-1)
    array = np.where(usable[..., None], array, np.nan)
    return array[..., 0], array[..., 1], array[..., 2]
