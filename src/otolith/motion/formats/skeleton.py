"""Any skeleton to ours: the 24 joints of `otolith.data.skeleton.JOINTS`, each with our axes, so
that sensors can be worn.

Every source gives its joints axes of their own. What is kept is how each bone really moves; what is
found is one constant rotation per joint between its axes and ours, from anatomy, so that two files
of one trial agree whatever their axes: along the bone it follows from the skeleton; about the bone,
elbows and knees are hinges, and over a clip the hinge shows which way arm, forearm, thigh and shank
face. Skeletons that bear our joints' names (SMPL's) have our axes already, in the pose without
rotations: a body with arms spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError
from otolith.data.skeleton import (
    FINGERS,
    JOINTS,
    PARENTS,
    REFERENCE_STATURE_M,
    SKELETON,
    reference_offsets,
)
from otolith.motion import rotations
from otolith.motion.formats.names import LIMBS, joint_names
from otolith.motion.formats.turning import mean_rotation, shortest
from otolith.motion.motion import Motion

Vector = Float[np.ndarray, "3"]
X, Y, Z = np.eye(3)
_SEEN = 0.08
"""A hinge that opens by less than 5 degrees on average shows no axis."""
_RIGID_M = 0.02
_NEXT = {
    "pelvis": "spine1",
    "spine1": "spine2",
    "spine2": "spine3",
    "spine3": "neck",
    "neck": "head",
    "left_collar": "left_shoulder",
    "right_collar": "right_shoulder",
}
# Bones that point as ours do only in a clip's own axes: the constant rotation lays them along ours.
_ALONG = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand"}


def to_body(
    motion: Motion,
    joints: Mapping[str, str] | None = None,
    rest: Literal["auto", "t_pose", "anatomy"] = "auto",
) -> Motion:
    """The same movement on our 24 joints (and 30 of the hands, where they are there), positions
    kept.

    `joints` names joints that are not recognised, theirs to ours. `rest` says where our axes are
    found: in the pose without rotations ("t_pose"), in the movement ("anatomy"), or in the former
    for skeletons of our names only. Joints that the source lacks are rigid with their parents; a
    limb that it lacks is left out.

    Raises UnknownNameError where joints are not recognised.
    """
    names = joint_names(motion, joints)
    source = _Source(motion, names)
    own = set(JOINTS[:22]) <= set(motion.joints)
    spread = rest == "t_pose" or (rest == "auto" and own and source.stands_spread())
    lacking = {
        part for limb, parts in LIMBS.items() if parts[0] not in names for part in _whole(limb)
    }
    kept = [joint for joint in JOINTS if joint not in lacking]
    turns: dict[str, np.ndarray] = {}
    doubtful: set[str] = set()
    for joint in kept:
        if joint in names:
            constant, sure = source.rest_axes(joint) if spread else source.anatomical_axes(joint)
            turns[joint] = rotations.multiply(source.turn[names[joint]], constant)
            if not sure:
                doubtful.add(joint)
        else:
            parent = SKELETON[joint][0]
            assert parent is not None
            turns[joint] = turns[parent]
    if not own:
        for side in ("left", "right"):
            if f"{side}_wrist" in turns and f"{side}_hand" in names:
                turns[f"{side}_elbow"] = _with_twist(turns[f"{side}_elbow"], turns[f"{side}_wrist"])
    places = source.places(kept, spread)
    if "neck" in names and "head" in names:
        # Some necks have joints that ours has not: it is turned so that the head stays where it
        # was.
        nod = places["head"] - places["neck"]
        was = np.median(
            rotations.rotate(rotations.conjugate(turns["neck"]), nod)[~motion.lost], axis=0
        )
        turns["neck"] = rotations.multiply(
            shortest(rotations.rotate(turns["neck"], was), nod), turns["neck"]
        )
    for finger in FINGERS:
        if finger in motion.joints and motion.joints[motion.parents[motion.joint(finger)]] in (
            *FINGERS,
            *kept,
        ):
            kept.append(finger)
            turns[finger], places[finger] = source.turn[finger], source.place[finger]
    return _assembled(
        motion,
        kept,
        turns,
        places,
        doubtful,
        sorted(limb for limb in LIMBS if LIMBS[limb][0] in lacking),
    )


def _whole(limb: str) -> tuple[str, ...]:
    side = limb.split("_")[0]
    more = ("foot",) if limb.endswith("leg") else ("collar", "hand")
    return (*LIMBS[limb], *(f"{side}_{part}" for part in more))


def _with_twist(
    elbow: Float[np.ndarray, "F 4"], wrist: Float[np.ndarray, "F 4"]
) -> Float[np.ndarray, "F 4"]:
    """The forearm turned about itself as far as the hand is: a wrist bends, only the forearm can
    turn the palm."""
    relative = rotations.multiply(rotations.conjugate(elbow), wrist)
    twist = relative * np.array([0.0, 1.0, 0.0, 1.0])
    length = np.linalg.norm(twist, axis=1, keepdims=True)
    twist = np.where(length > 1e-6, twist / np.maximum(length, 1e-6), rotations.IDENTITY)
    return rotations.multiply(elbow, twist)


def _assembled(
    motion: Motion,
    kept: list[str],
    turns: Mapping[str, Float[np.ndarray, "F 4"]],
    places: Mapping[str, Float[np.ndarray, "F 3"]],
    doubtful: set[str],
    absent: list[str],
) -> Motion:
    offsets, parents, loose = np.zeros((len(kept), 3)), [-1], 0.0
    local = np.empty((motion.frames, len(kept), 4))
    there = ~motion.lost
    for index, joint in enumerate(kept):
        if index == 0:
            local[:, 0] = turns[joint]
            continue
        parent = (
            SKELETON[joint][0]
            if joint in SKELETON
            else motion.joints[motion.parents[motion.joint(joint)]]
        )
        assert parent is not None
        back = rotations.conjugate(turns[parent])
        seen = rotations.rotate(back, places[joint] - places[parent])[there]
        offsets[index] = np.median(seen, axis=0)
        loose = max(loose, float(np.quantile(np.linalg.norm(seen - offsets[index], axis=1), 0.95)))
        local[:, index] = rotations.multiply(back, turns[joint])
        parents.append(kept.index(parent))
    notes = list(motion.notes)
    if loose > _RIGID_M:
        notes.append(
            f"joints between ours, or bones that stretch, move a joint by up to {100 * loose:.0f} "
            f"cm: left out"
        )
    if absent:
        notes.append(
            f"the source has no {', '.join(absent).replace('_', ' ')}: sensors cannot be worn there"
        )
    if doubtful:
        notes.append(
            f"straight all the time, so that the turn about the bone is a guess: "
            f"{', '.join(sorted(doubtful))}"
        )
    return replace(
        motion,
        rotations=rotations.unroll(local),
        root=places["pelvis"],
        joints=tuple(kept),
        parents=tuple(parents),
        offsets=offsets,
        unreliable_twist=motion.unreliable_twist | doubtful,
        notes=tuple(notes),
    )


class _Source:
    """A clip as it is: where its joints are and how they are turned, and what that says about their
    axes."""

    def __init__(self, motion: Motion, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        self.there = ~motion.lost
        used = [
            *dict.fromkeys(
                [*names.values(), *(finger for finger in FINGERS if finger in motion.joints)]
            )
        ]
        places, turns = motion.forward(used)
        self.place = {name: places[:, k] for k, name in enumerate(used)}
        self.turn = {name: turns[:, k] for k, name in enumerate(used)}
        offsets = motion.offsets
        assert offsets is not None
        rest = np.zeros_like(offsets)
        for index, parent in enumerate(motion.parents[1:], start=1):
            rest[index] = rest[parent] + offsets[index]
        self.rest = {ours: rest[motion.joint(theirs)] for ours, theirs in names.items()}
        left = self.rest["left_hip"] - self.rest["right_hip"]
        forward = np.cross(left, Z)
        self.heading = rotations.IDENTITY
        if np.linalg.norm(forward) > 0.5 * np.linalg.norm(left) > 0:
            self.heading = rotations.from_axis_angle(np.arctan2(forward[1], forward[0]) * Z)
        legs = sum(
            self._length(f"left_{a}", f"left_{b}") for a, b in (("hip", "knee"), ("knee", "ankle"))
        )
        self.size = legs / (0.491 * REFERENCE_STATURE_M)
        """How large the body is, relative to the reference."""

    def _length(self, a: str, b: str) -> float:
        return float(np.median(np.linalg.norm(self.to(a, b)[self.there], axis=1)))

    def to(self, a: str, b: str) -> Float[np.ndarray, "F 3"]:
        return np.asarray(self.place[self.names[b]] - self.place[self.names[a]])

    def places(self, kept: list[str], spread: bool) -> dict[str, Float[np.ndarray, "F 3"]]:
        """Where each of our joints is; those that the source lacks lie on the line to the next one
        that it has."""
        out: dict[str, np.ndarray] = {}
        for joint in kept:
            if joint in self.names:
                out[joint] = self.place[self.names[joint]]
                continue
            parent = SKELETON[joint][0]
            assert parent is not None
            chain = [joint]
            while chain[-1] not in self.names and chain[-1] in _NEXT:
                chain.append(_NEXT[chain[-1]])
            if chain[-1] in self.names:
                lengths = [float(np.linalg.norm(SKELETON[part][1])) for part in chain]
                line = self.place[self.names[chain[-1]]] - out[parent]
                out[joint] = out[parent] + line * lengths[0] / sum(lengths)
            else:
                turn = self._nearest_turn(parent, spread)
                offset = self.size * reference_offsets()[JOINTS.index(joint)]
                out[joint] = out[parent] + rotations.rotate(turn, offset)
        return out

    def _nearest_turn(self, joint: str, spread: bool) -> Float[np.ndarray, "F 4"]:
        while joint not in self.names:
            joint = JOINTS[PARENTS[JOINTS.index(joint)]]
        constant = (self.rest_axes(joint) if spread else self.anatomical_axes(joint))[0]
        return rotations.multiply(self.turn[self.names[joint]], constant)

    def stands_spread(self) -> bool:
        """Whether the pose without rotations is a body upright, with straight legs, arms spread and
        feet forward."""
        rest = {
            ours: rotations.rotate(rotations.conjugate(self.heading), place)
            for ours, place in self.rest.items()
        }

        def points(a: str, b: str, way: Vector, degrees: float) -> bool:
            if a not in rest or b not in rest:
                return True
            line = rest[b] - rest[a]
            return bool(line @ way >= np.cos(np.deg2rad(degrees)) * np.linalg.norm(line) > 0)

        return (
            "left_shoulder" in rest
            and points("pelvis", "left_shoulder", Z, 60)
            and all(
                points(f"{side}_hip", f"{side}_ankle", -Z, 35)
                and points(f"{side}_shoulder", f"{side}_elbow", sign * Y, 50)
                and points(f"{side}_elbow", f"{side}_wrist", sign * Y, 50)
                and points(f"{side}_ankle", f"{side}_foot", X, 60)
                for side, sign in (("left", 1.0), ("right", -1.0))
            )
        )

    def rest_axes(self, joint: str) -> tuple[Float[np.ndarray, "4"], bool]:
        """Our axes in the joint's own, from the T pose: the body's heading, then the shortest turn
        along the bone."""
        side, _, part = joint.rpartition("_")
        end = f"{side}_{_ALONG.get(part, '')}"
        if end not in self.names:
            return self.heading, True
        ours = rotations.rotate(self.heading, np.array(SKELETON[end][1]))
        return rotations.multiply(
            shortest(ours, self.rest[end] - self.rest[joint]), self.heading
        ), True

    def anatomical_axes(self, joint: str) -> tuple[Float[np.ndarray, "4"], bool]:
        """Our axes in the joint's own, from how the body moved; False where nothing showed the turn
        about the bone."""
        side, _, part = joint.rpartition("_")
        sign = 1.0 if side == "left" else -1.0
        lateral = self.lateral(joint)
        if part in ("hip", "knee"):
            hinge, sure = self.hinge(joint, f"{side}_hip", f"{side}_knee", f"{side}_ankle")
            along = self.within(joint, self.to(joint, f"{side}_{_ALONG[part]}"))
            return _axes(along, hinge if sure else lateral, -Z, Y), sure
        if part == "ankle":
            hinge, sure = self.hinge(joint, f"{side}_hip", f"{side}_knee", f"{side}_ankle")
            across = hinge if sure else lateral
            end = f"{side}_foot"
            if end not in self.names:
                return _axes(self.within(joint, self.up()), across, Z, Y), True
            return _axes(
                self.within(joint, self.to(joint, end)), across, np.array(SKELETON[end][1]), Y
            ), True
        if part in ("shoulder", "elbow", "wrist"):
            end = f"{side}_{_ALONG[part]}"
            bone = (joint, end) if end in self.names else (f"{side}_elbow", joint)
            along = self.within(joint, self.to(*bone))
            hinge, sure = self.hinge(joint, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
            if sure:
                return _axes(along, hinge, sign * Y, -sign * Z), True
            return _axes(along, self.within(joint, self.forward()), sign * Y, X), part == "wrist"
        if part == "collar":
            arm = f"{side}_shoulder"
            up = self.within(joint, self.up_of_trunk(), self.standing)
            return _axes(
                self.within(joint, self.to(joint, arm)), up, np.array(SKELETON[arm][1]), Z
            ), True
        if part in ("foot", "hand"):  # rigid with what carries it, on average
            parent = f"{side}_{'ankle' if part == 'foot' else 'wrist'}"
            constant, _ = self.anatomical_axes(parent)
            return self._average(
                joint, rotations.multiply(self.turn[self.names[parent]], constant)
            ), True
        if joint == "pelvis":
            return _axes(lateral, self.within(joint, self.up_of_trunk(), self.standing), Y, Z), True
        return _axes(self.within(joint, self.up_of_trunk(), self.standing), lateral, Z, Y), True

    def lateral(self, joint: str) -> Vector:
        """Where the body's left is in the joint's own axes, averaged over the clip: shoulders
        above, hips below."""
        hips = self.to("right_hip", "left_hip")
        if (
            joint.split("_")[-1] in ("pelvis", "hip", "knee", "ankle", "foot")
            or "left_shoulder" not in self.names
        ):
            return self.within(joint, hips)
        shoulders = self.to("right_shoulder", "left_shoulder")
        return self.within(
            joint, shoulders if joint != "spine1" else _units(shoulders) + _units(hips)
        )

    def up_of_trunk(self) -> Float[np.ndarray, "F 3"]:
        """From the hips to the shoulders; up, where the source has no shoulders."""
        if "left_shoulder" not in self.names:
            return self.up()
        hips = self.place[self.names["left_hip"]] + self.place[self.names["right_hip"]]
        shoulders = (
            self.place[self.names["left_shoulder"]] + self.place[self.names["right_shoulder"]]
        )
        return np.asarray(shoulders - hips)

    def up(self) -> Float[np.ndarray, "F 3"]:
        return np.tile(Z, (len(self.place[self.names["pelvis"]]), 1))

    def forward(self) -> Float[np.ndarray, "F 3"]:
        across = self.to("right_shoulder", "left_shoulder")
        return np.asarray(np.cross(across, self.up_of_trunk()))

    @cached_property
    def standing(self) -> Float[np.ndarray, " F"]:
        """How much each frame counts for the posture of the trunk: most where it goes on in the
        line of the thighs."""
        thighs = _units(self.to("left_knee", "left_hip")) + _units(
            self.to("right_knee", "right_hip")
        )
        straight = np.sum(_units(self.up_of_trunk()) * _units(thighs), axis=1)
        return np.asarray(np.maximum(straight, 0.01) ** 8)

    def within(
        self,
        joint: str,
        world: Float[np.ndarray, "F 3"],
        weight: Float[np.ndarray, " F"] | None = None,
    ) -> Vector:
        """A direction of the world as the joint's own axes see it, averaged over the clip."""
        seen = rotations.rotate(rotations.conjugate(self.turn[self.names[joint]]), _units(world))[
            self.there
        ]
        return np.asarray(
            np.average(seen, axis=0, weights=None if weight is None else weight[self.there])
        )

    def hinge(self, joint: str, a: str, b: str, c: str) -> tuple[Vector, bool]:
        """Axis of the hinge b between bones a-b and b-c, as the joint's axes see it, and whether it
        ever opened."""
        axis = np.cross(_units(self.to(a, b)), _units(self.to(b, c)))
        seen = rotations.rotate(rotations.conjugate(self.turn[self.names[joint]]), axis)
        mean = seen[self.there].mean(axis=0)
        return np.asarray(mean), bool(np.linalg.norm(mean) > _SEEN)

    def _average(self, joint: str, target: Float[np.ndarray, "F 4"]) -> Float[np.ndarray, "4"]:
        relative = rotations.multiply(rotations.conjugate(self.turn[self.names[joint]]), target)
        return mean_rotation(relative[self.there])


def _units(vectors: Float[np.ndarray, "F 3"]) -> Float[np.ndarray, "F 3"]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _axes(
    along: Vector, across: Vector, ours_along: Vector, ours_across: Vector
) -> Float[np.ndarray, "4"]:
    """Rotation from our axes to a joint's: `ours_along` comes to lie on `along`, `ours_across`
    nearest to `across`."""

    def triad(first: Vector, second: Vector) -> np.ndarray:
        first = _told_apart(first)
        third = _told_apart(np.cross(first, second))
        return np.stack([first, np.cross(third, first), third], axis=1)

    return rotations.from_matrix(triad(along, across) @ triad(ours_along, ours_across).T)


def _told_apart(vector: Vector) -> Vector:
    length = float(np.linalg.norm(vector))
    if not length > _SAME:
        raise DataError(
            "Joints of this skeleton lie on one another or in one line, so that the axes of a bone "
            "cannot be seen: the "
            "file is damaged, or a joint is named wrongly."
        )
    return np.asarray(vector / length)


_SAME = 1e-12


def stature_m(motion: Motion) -> float:
    """How tall a body of our joints stands, from the lengths of its bones, in metres."""
    offsets = motion.offsets
    assert offsets is not None
    reference = {joint: float(np.linalg.norm(offset)) for joint, (_, offset) in SKELETON.items()}
    used = [
        joint
        for joint in motion.joints
        if joint in ("left_knee", "left_ankle", "spine1", "spine2", "spine3", "neck", "head")
    ]
    found = sum(float(np.linalg.norm(offsets[motion.joint(joint)])) for joint in used)
    return found / sum(reference[joint] for joint in used)
