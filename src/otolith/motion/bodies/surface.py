"""A body with a skin: how long its limbs are, and where on it a sensor lies."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from otolith.core.errors import DataError
from otolith.motion import rotations
from otolith.motion.formats.skeleton import BONE, stature_m
from otolith.motion.formats.smpl_npz import parent_of
from otolith.motion.formats.turning import shortest
from otolith.motion.motion import Motion
from otolith.motion.shapes import Point, Turn
from otolith.motion.simulation.placements import Site

# The next joint of the same limb: a bone that a clip's joints have along ours.
_LIMBS = ("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist", "hand")
_ENDS = {
    f"{side}_{start}": f"{side}_{end}"
    for side in ("left", "right")
    for limb in _LIMBS
    for start, end in itertools.pairwise(limb)
}
_LEGS = ("left_knee", "left_ankle", "right_knee", "right_ankle")
"""Joints at the far ends of the bones of both legs."""
_UPRIGHT = ("left_ankle", "right_ankle", "left_foot", "right_foot")
_CARRIED = 0.1
"""Skin that follows a bone by less than this belongs to other bones: a ray for the thigh must not
end at a hand."""
_PATCH_M = 0.03
"""How far around a sensor the skin says which way it faces: single triangles of a mesh are too
small to lie on."""


@dataclass(frozen=True, eq=False)
class Surface:
    """One body at rest, from a body model: joints, skin, and which bones the skin follows. z is up,
    it faces x.

    Arms may be spread or half hanging: each limb's axes are found from the way it points. Raises
    DataError where arrays do not fit one another or joints of the legs are missing.
    """

    joints: tuple[str, ...]
    """Names of the joints, ours (`otolith.data.skeleton.JOINTS`, fingers), parents first."""
    places: Float[np.ndarray, "J 3"]
    """Where they are, in metres."""
    vertices: Float[np.ndarray, "V 3"]
    """The skin's points, in metres."""
    faces: Int[np.ndarray, "K 3"]
    """Its triangles: indices of three points each, in the same order seen from outside."""
    weights: Float[np.ndarray, "V J"]
    """By how much each point follows each joint; rows sum to 1."""

    def __post_init__(self) -> None:
        joints, points = len(self.joints), len(self.vertices)
        shapes = (self.places.shape, self.vertices.shape, self.weights.shape, self.faces.shape[1:])
        if shapes != ((joints, 3), (points, 3), (points, joints), (3,)) or not len(self.faces):
            raise DataError(
                f"A surface of {joints} joints and {points} points needs places ({joints}, 3), "
                f"vertices ({points}, 3), weights ({points}, {joints}) and triangles; found "
                f"{shapes}."
            )
        missing = {"pelvis", "left_hip", "right_hip", *_LEGS} - set(self.joints)
        if missing:
            raise DataError(f"A surface needs the joints of the legs; it lacks {sorted(missing)}.")
        numbers = (self.places, self.vertices, self.weights)
        if not all(np.isfinite(part).all() for part in numbers):
            raise DataError("A surface needs finite numbers.")
        if self.faces.min() < 0 or self.faces.max() >= points:
            raise DataError(f"A triangle names a point beyond the {points} of the surface.")

    def __contains__(self, joint: str) -> bool:
        return joint in self.joints

    def place(self, joint: str) -> Point:
        """Where a joint is, in metres."""
        return np.asarray(self.places[self.joints.index(joint)])

    @property
    def stature_m(self) -> float:
        """Standing height in metres: from the lowest point of the skin to the highest."""
        return float(np.ptp(self.vertices[:, 2]))

    @property
    def volume_m3(self) -> float:
        """What the skin encloses, in cubic metres: the sum of the tetrahedra between the origin and
        its triangles."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return abs(float(np.sum(a * np.cross(b, c)))) / 6.0

    @cached_property
    def axes(self) -> dict[str, Turn]:
        """Our axes at each joint (quaternion xyzw, joint_to_world), limbs turned with the way that
        they point."""
        out: dict[str, np.ndarray] = {}
        for joint in self.joints:
            parent, end = parent_of(joint), _ENDS.get(joint, "")
            turn = rotations.IDENTITY if parent is None or joint in _UPRIGHT else out[parent]
            if end in self:
                line = self.place(end) - self.place(joint)
                turn = rotations.multiply(shortest(rotations.rotate(turn, BONE[end]), line), turn)
            out[joint] = turn
        return out

    def offset(self, joint: str) -> Point:
        """A joint's place in its parent's frame, in metres; zero for the pelvis."""
        parent = parent_of(joint)
        if parent is None:
            return np.zeros(3)
        line = self.place(joint) - self.place(parent)
        return np.asarray(rotations.rotate(rotations.conjugate(self.axes[parent]), line))

    @property
    def legs_m(self) -> float:
        """Length of the legs from hip to ankle, in metres, both together."""
        return float(sum(np.linalg.norm(self.offset(joint)) for joint in _LEGS))

    def fit(self, motion: Motion) -> Motion:
        """The same joint angles on this body's bones, with steps as long as its legs make them.

        Joints that the body lacks keep their place, scaled by stature. The motion's joints are ours
        (`to_body`).
        """
        offsets = motion.offsets * (self.stature_m / stature_m(motion))
        for index, joint in enumerate(motion.joints):
            if joint in self:
                offsets[index] = self.offset(joint)
        bones = [motion.offsets[motion.joint(joint)] for joint in _LEGS]
        legs = sum(float(np.linalg.norm(bone)) for bone in bones)
        return replace(motion, offsets=offsets, root=motion.root * (self.legs_m / legs))

    def mount(self, site: Site) -> tuple[Point, Turn]:
        """Where a placement's sensor lies on the skin, in its joint's frame (m), and
        sensor_to_joint there.

        From the bone the skin is looked for in the placement's direction; the sensor lies flat on
        it, its z axis along the skin's normal. Raises DataError where the body has no such joint.
        """
        if site not in self._mounts:  # every clip on this body asks anew
            self._mounts[site] = self._mount(site)
        return self._mounts[site]

    @cached_property
    def _mounts(self) -> dict[Site, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _mount(self, site: Site) -> tuple[Point, Turn]:
        if site.joint not in self:
            raise DataError(f"This body model has no {site.joint}; no sensor can be worn there.")
        axes, origin = self.axes[site.joint], self.place(site.joint)
        start = origin + rotations.rotate(axes, self._bone(site))
        way = rotations.rotate(axes, np.array(site.skin) / np.linalg.norm(site.skin))
        # Only skin that follows this bone: an arm at rest lies beside the hip's skin.
        follows = self.weights[:, self.joints.index(site.joint)] >= _CARRIED
        mine = self.faces[follows[self.faces].any(axis=1)]
        if not len(mine):
            raise DataError(
                f"No skin of this body model follows its {site.joint}; no sensor can be worn there."
            )
        point, touched = self._skin(start, way, mine)
        flat = rotations.multiply(axes, site.sensor_to_joint())
        outward = rotations.rotate(flat, np.array([0.0, 0.0, 1.0]))
        turn = shortest(outward, self._normal(point, outward, mine, touched))
        back = rotations.conjugate(axes)
        sensor_to_joint = rotations.multiply(back, rotations.multiply(turn, flat))
        return rotations.rotate(back, point - origin), sensor_to_joint

    def _bone(self, site: Site) -> Point:
        """The placement's point on the bone: by the length of that bone where it is one, else by
        stature."""
        end = _ENDS.get(site.joint, "")
        if end not in self:
            return self.stature_m * np.array(site.bone)
        length = float(np.linalg.norm(self.offset(end)) / np.linalg.norm(BONE[end]))
        return length * np.array(site.bone)

    def _skin(
        self, start: Point, way: Point, faces: Int[np.ndarray, "K 3"]
    ) -> tuple[Point, Bool[np.ndarray, " K"]]:
        """Where the skin is left on the way out, or the point nearest to the bone where it is not
        met; its triangles.

        Möller and Trumbore, "Fast, minimum storage ray-triangle intersection" (1997),
        https://doi.org/10.1080/10867651.1997.10487468.
        """
        a, b, c = (self.vertices[faces[:, k]] for k in range(3))
        across = np.cross(way, c - a)
        facing = np.sum((b - a) * across, axis=1)
        # Triangles along the way are met nowhere.
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.sum((start - a) * across, axis=1) / facing
            normal = np.cross(start - a, b - a)
            v = normal @ way / facing
            distance = np.sum((c - a) * normal, axis=1) / facing
            met = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1.0 + 1e-9) & (distance > 0.0)
        if met.any():
            nearest = float(distance[met].min())
            return np.asarray(start + nearest * way), met & (distance <= nearest + 1e-9)
        points = np.unique(faces)
        index = points[np.argmin(np.linalg.norm(self.vertices[points] - start, axis=1))]
        return np.asarray(self.vertices[index]), np.asarray((faces == index).any(axis=1))

    def _normal(
        self,
        point: Point,
        outward: Point,
        faces: Int[np.ndarray, "K 3"],
        touched: Bool[np.ndarray, " K"],
    ) -> Point:
        """Which way the skin around a point faces; `outward` says which side is out."""
        a, b, c = (self.vertices[faces[:, k]] for k in range(3))
        normals = np.cross(b - a, c - a) * np.sign(self._signed)
        near = touched | (np.linalg.norm((a + b + c) / 3.0 - point, axis=1) <= _PATCH_M)
        # The far side of a thin limb is as near as this one.
        total = np.sum(normals[near & (normals @ outward > 0.0)], axis=0)
        return np.asarray(total) if np.linalg.norm(total) > 1e-12 else outward

    @cached_property
    def _signed(self) -> float:
        """Positive where triangles go round against the clock as seen from outside."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.sum(a * np.cross(b, c)))
