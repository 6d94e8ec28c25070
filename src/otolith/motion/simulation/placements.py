"""Where on a skeleton each placement is: the bone it moves with, its lever arm, and which way its
axes point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otolith.core.catalog import PLACEMENTS
from otolith.core.errors import UnknownNameError, nearest
from otolith.motion import rotations
from otolith.motion.shapes import Point, Turn

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Site:
    """A default mounting, in the frame of its joint at rest (x forward, y left, z up, arms in a T,
    palms down)."""

    joint: str
    """The joint whose bone carries the sensor: the elbow turns the forearm, so it carries a watch.
    """
    bone: Vector
    """Along the bone, in fractions of stature."""
    skin: Vector
    """From the bone to the sensor, in metres, for a body of usual girth."""
    x_axis: Vector
    """Where the sensor's x axis points."""
    z_axis: Vector
    """Where its z axis points: away from the skin."""

    def sensor_to_joint(self) -> Turn:
        """Orientation of the sensor in its joint's frame, quaternion xyzw."""
        x, z = np.array(self.x_axis), np.array(self.z_axis)
        return rotations.from_matrix(np.stack([x, np.cross(z, x), z], axis=1))

    def lever(self, stature_m: float, girth: float) -> Point:
        """Place of the sensor in its joint's frame, in metres."""
        return stature_m * np.array(self.bone) + girth * np.array(self.skin)


FRONT, BACK, LEFT, UP = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)

# Left side; the right one is its mirror. On limbs x points up the body when it stands with hanging
# arms, except at wrist, hand and foot, where it points to the fingers or toes as on most worn
# devices.
_SIDED: dict[str, Site] = {
    "wrist": Site("elbow", (0.0, 0.134, 0.0), (0.0, 0.0, 0.025), LEFT, UP),
    "forearm": Site("elbow", (0.0, 0.070, 0.0), (0.0, 0.0, 0.035), LEFT, UP),
    "upper_arm": Site("shoulder", (0.0, 0.095, 0.0), (0.0, 0.0, 0.045), (0.0, -1.0, 0.0), UP),
    "shoulder": Site("collar", (0.0, 0.060, 0.010), (0.0, 0.0, 0.040), FRONT, UP),
    "hand": Site("wrist", (0.0, 0.035, 0.0), (0.0, 0.0, 0.015), LEFT, UP),
    "thigh": Site("hip", (0.0, 0.0, -0.120), (0.075, 0.0, 0.0), UP, FRONT),
    "pocket": Site("hip", (0.0, 0.0, -0.060), (0.075, 0.045, 0.0), UP, FRONT),
    "shank": Site("knee", (0.0, 0.0, -0.110), (0.0, 0.045, 0.0), UP, LEFT),
    "ankle": Site("knee", (0.0, 0.0, -0.222), (0.0, 0.040, 0.0), UP, LEFT),
    "foot": Site("ankle", (0.050, 0.0, -0.010), (0.0, 0.0, 0.020), FRONT, UP),
    "ear": Site("head", (0.0, 0.0, 0.025), (0.0, 0.075, 0.0), UP, LEFT),
}
_MIDDLE: dict[str, Site] = {
    "head": Site("head", (0.0, 0.0, 0.045), (0.095, 0.0, 0.0), UP, FRONT),
    "chest": Site("spine3", (0.0, 0.0, 0.040), (0.115, 0.0, 0.0), UP, FRONT),
    "waist": Site("pelvis", (0.0, 0.0, 0.040), (0.120, 0.0, 0.0), UP, FRONT),
    "lower_back": Site("pelvis", (0.0, 0.0, 0.040), (-0.105, 0.0, 0.0), UP, BACK),
}


def _site(name: str) -> Site | None:
    side, _, part = name.partition("_")
    if side not in ("left", "right") or part not in _SIDED:
        return _MIDDLE.get(name)
    usual = _SIDED[part]
    joint = usual.joint if usual.joint == "head" else f"{side}_{usual.joint}"
    sign = 1.0 if side == "left" else -1.0
    vectors = (usual.bone, usual.skin, usual.x_axis, usual.z_axis)
    return Site(joint, *((x, sign * y, z) for x, y, z in vectors))


SITES: dict[str, Site] = {name: one for name in PLACEMENTS if (one := _site(name)) is not None}


def site(name: str) -> Site:
    """Where a placement is on the skeleton; raises UnknownNameError that names the nearest.

    >>> site("left_wrist").joint, site("right_thigh").bone
    ('left_elbow', (0.0, -0.0, -0.12))
    """
    if name not in SITES:
        raise UnknownNameError(
            f"No sensor can be simulated at '{name}'.{nearest(name, SITES)} Known: "
            f"{', '.join(SITES)}."
        )
    return SITES[name]
