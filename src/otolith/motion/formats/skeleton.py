"""Any skeleton to ours: the 24 joints of `otolith.data.skeleton.JOINTS` with our axes.

Every source gives its joints axes of their own. The movement of each bone is kept; estimated is one
constant rotation per joint between its axes and ours, from anatomy, so that two files of one trial
agree whatever their axes. Along the bone it follows from the skeleton; about the bone, elbows and
knees are hinges, and over a clip the hinge shows which way arm, forearm, thigh and shank face.
Skeletons with our joints' names (SMPL's) have our axes already, in the pose without rotations: a
body with arms spread.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from otolith.core.errors import DataError
from otolith.data.skeleton import FINGERS, JOINTS, REFERENCE_STATURE_M, SKELETON, reference_offsets
from otolith.motion import rotations
from otolith.motion.formats.names import LIMBS, joint_names
from otolith.motion.formats.turning import mean_rotation, shortest
from otolith.motion.motion import Motion
from otolith.motion.shapes import Curve, JointTurns, Marks, Point, Points, Turn, Turns

X, Y, Z = np.eye(3)
PARENT_OF = {joint: parent or "" for joint, (parent, _) in SKELETON.items()}
"""Our joint -> the joint that carries it; the pelvis hangs on none."""
BONE = {joint: np.array(offset) for joint, (_, offset) in SKELETON.items()}
"""Our joint -> its place in its parent's frame, as fractions of stature."""
_SEEN = 0.08
"""A hinge that opens by less than 5 degrees on average shows no axis."""
_RIGID_M = 0.02
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_NEXT = dict(itertools.pairwise(_TRUNK))
_NEXT |= {f"{side}_collar": f"{side}_shoulder" for side in ("left", "right")}
# Bones that point as ours do only in a clip's own axes: the constant rotation lays them along ours.
_ALONG = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand"}
_PARTS = {
    "leg": ("hip", "knee", "ankle", "foot"),
    "arm": ("collar", "shoulder", "elbow", "wrist", "hand"),
}


class Axes(NamedTuple):
    """Our axes at a joint: a rotation ours_to_joint (quaternion xyzw), and whether it is sure."""

    turn: Turn
    sure: bool = True
    """False where nothing in the clip showed the turn about the bone."""


def to_body(
    motion: Motion,
    joints: Mapping[str, str] | None = None,
    rest: Literal["auto", "t_pose", "anatomy"] = "auto",
) -> Motion:
    """The same movement on our 24 joints (and 30 of the hands, where the source has them).

    `joints` names joints that are not recognised, theirs to ours. `rest` says where our axes are
    taken from: the pose without rotations ("t_pose"), the movement ("anatomy"), or the former for
    skeletons with our names only. Joints that the source lacks are rigid with their parents; a limb
    that it lacks is left out.

    Raises UnknownNameError where joints are not recognised.
    """
    names = joint_names(motion, joints)
    source = _Source(motion, names)
    ours = set(JOINTS[:22]) <= set(motion.joints)
    source.spread = rest == "t_pose" or (rest == "auto" and ours and source.stands_spread())
    absent = sorted(limb for limb, parts in LIMBS.items() if parts[0] not in names)
    kept = _without(absent)
    axes = {joint: source.axes(joint) for joint in kept if joint in names}
    turns = source.turns(kept, axes, twisted=not ours)
    places = source.places(kept)
    if "neck" in names and "head" in names:
        nod = places["head"] - places["neck"]
        turns["neck"] = _nodding(turns["neck"], nod, source.seen)
    for finger in FINGERS:
        if finger in motion.joints and _carrier(motion, finger) in (*FINGERS, *kept):
            kept.append(finger)
            turns[finger], places[finger] = source.turn[finger], source.place[finger]
    doubtful = sorted(joint for joint, axis in axes.items() if not axis.sure)
    return _assembled(motion, kept, turns, places, doubtful, absent)


def _without(limbs: list[str]) -> list[str]:
    """Our joints but for those of some limbs, such as "left_leg"."""
    lacking = {f"{limb[:-4]}_{part}" for limb in limbs for part in _PARTS[limb[-3:]]}
    return [joint for joint in JOINTS if joint not in lacking]


def _nodding(neck: Turns, nod: Points, seen: Marks) -> Turns:
    """The neck turned so that the head keeps its place: it may have joints that ours has not."""
    still = np.median(rotations.rotate(rotations.conjugate(neck), nod)[seen], axis=0)
    return rotations.multiply(shortest(rotations.rotate(neck, still), nod), neck)


def _carrier(motion: Motion, joint: str) -> str:
    """The joint that carries another: by our skeleton, or by the file's for joints of its own."""
    return PARENT_OF.get(joint) or motion.joints[motion.parents[motion.joint(joint)]]


def _with_twist(elbow: Turns, wrist: Turns) -> Turns:
    """The forearm turned about itself as far as the hand is: a wrist bends, only the forearm can
    turn the palm."""
    relative = rotations.multiply(rotations.conjugate(elbow), wrist)
    twist = relative * np.array([0.0, 1.0, 0.0, 1.0])
    length = np.linalg.norm(twist, axis=1, keepdims=True)
    twist = np.where(length > 1e-6, twist / np.maximum(length, 1e-6), rotations.IDENTITY)
    return rotations.multiply(elbow, twist)


def in_parents(
    carriers: Mapping[str, str], turns: Mapping[str, Turns], places: Mapping[str, Points]
) -> tuple[JointTurns, dict[str, Points]]:
    """From the world to each joint's parent: joint_to_parent, and where joints lie in its axes.

    `carriers`: joint -> its parent, the root ("" as parent) first. A joint has no line where it or
    its parent has no place.
    """
    turned, lines = [], {}
    for joint, parent in carriers.items():
        if not parent:
            turned.append(turns[joint])
            continue
        back = rotations.conjugate(turns[parent])
        turned.append(rotations.multiply(back, turns[joint]))
        if joint in places and parent in places:
            lines[joint] = rotations.rotate(back, places[joint] - places[parent])
    return np.stack(turned, axis=1), lines


def _assembled(
    motion: Motion,
    kept: list[str],
    turns: Mapping[str, Turns],
    places: Mapping[str, Points],
    doubtful: list[str],
    absent: list[str],
) -> Motion:
    """The motion of our joints, their bones at their median."""
    carriers = {joint: _carrier(motion, joint) if k else "" for k, joint in enumerate(kept)}
    local, lines = in_parents(carriers, turns, places)
    offsets, loose = np.zeros((len(kept), 3)), 0.0
    for index, line in enumerate(lines.values(), 1):
        seen = line[~motion.lost]
        offsets[index] = np.median(seen, axis=0)
        # Not the largest: a marker that was swapped for some frames is no joint between ours.
        loose = max(loose, float(np.quantile(np.linalg.norm(seen - offsets[index], axis=1), 0.95)))
    notes = {
        f"joints between ours, or bones that stretch, move a joint by up to {100 * loose:.0f} cm: "
        "left out": loose > _RIGID_M,
        f"the source has no {', '.join(absent).replace('_', ' ')}: no sensor can be worn there": (
            absent
        ),
        "straight all the time, so that the turn about the bone is a guess: "
        + ", ".join(doubtful): doubtful,
    }
    return replace(
        motion,
        rotations=rotations.unroll(local),
        root=places["pelvis"],
        joints=tuple(kept),
        parents=(-1, *(kept.index(carriers[joint]) for joint in kept[1:])),
        offsets=offsets,
        unreliable_twist=motion.unreliable_twist | set(doubtful),
        notes=(*motion.notes, *(note for note, holds in notes.items() if holds)),
    )


class _Source:
    """A clip as it is: places and turns of its joints, and what they say about the joints' axes."""

    def __init__(self, motion: Motion, names: Mapping[str, str]) -> None:
        self.names, self.seen, self.spread = dict(names), ~motion.lost, False
        fingers = [finger for finger in FINGERS if finger in motion.joints]
        used = list(dict.fromkeys([*names.values(), *fingers]))
        places, turns = motion.forward(used)
        self.place = {name: places[:, k] for k, name in enumerate(used)}
        self.turn = {name: turns[:, k] for k, name in enumerate(used)}
        rest = np.zeros_like(motion.offsets)
        for index, parent in enumerate(motion.parents[1:], start=1):
            rest[index] = rest[parent] + motion.offsets[index]
        self.rest = {ours: rest[motion.joint(theirs)] for ours, theirs in names.items()}
        left = self.rest["left_hip"] - self.rest["right_hip"]
        forward = np.cross(left, Z)
        self.heading = rotations.IDENTITY
        # Hips above one another: the body lies on its side at rest, and has no heading.
        if np.linalg.norm(forward) > 0.5 * np.linalg.norm(left) > 0:
            self.heading = rotations.from_axis_angle(np.arctan2(forward[1], forward[0]) * Z)
        self.legs_m = sum(
            float(np.median(np.linalg.norm(self.to(f"left_{a}", f"left_{b}")[self.seen], axis=1)))
            for a, b in (("hip", "knee"), ("knee", "ankle"))
        )

    def at(self, joint: str) -> Points:
        """Where one of our joints is, in the world."""
        return self.place[self.names[joint]]

    def to(self, a: str, b: str) -> Points:
        """The line from one of our joints to another, in the world."""
        return np.asarray(self.at(b) - self.at(a))

    def in_world(self, joint: str, axes: Axes) -> Turns:
        """How our axes at a joint are turned in the world."""
        return rotations.multiply(self.turn[self.names[joint]], axes.turn)

    def turns(self, kept: list[str], axes: Mapping[str, Axes], twisted: bool) -> dict[str, Turns]:
        """How each of our joints is turned in the world; one without axes is rigid with its parent.

        `twisted`: the forearm takes its turn about itself from the hand.
        """
        out: dict[str, np.ndarray] = {}
        for joint in kept:
            known = joint in axes
            out[joint] = self.in_world(joint, axes[joint]) if known else out[PARENT_OF[joint]]
        for side in ("left", "right") if twisted else ():
            if f"{side}_wrist" in out and f"{side}_hand" in self.names:
                elbow = f"{side}_elbow"
                out[elbow] = _with_twist(out[elbow], out[f"{side}_wrist"])
        return out

    def places(self, kept: list[str]) -> dict[str, Points]:
        """Where each of our joints is; those that the source lacks lie on the line to the next one
        that it has."""
        out: dict[str, np.ndarray] = {}
        for joint in kept:
            parent, chain = PARENT_OF[joint], [joint]
            while chain[-1] not in self.names and chain[-1] in _NEXT:
                chain.append(_NEXT[chain[-1]])
            if joint in self.names:
                out[joint] = self.at(joint)
            # Spines have one to five joints: ours divide the line as our own bones do.
            elif chain[-1] in self.names:
                lengths = [float(np.linalg.norm(BONE[part])) for part in chain]
                line = self.at(chain[-1]) - out[parent]
                out[joint] = out[parent] + line * lengths[0] / sum(lengths)
            else:
                carrier = parent
                while carrier not in self.names:
                    carrier = PARENT_OF[carrier]
                offset = self._size * reference_offsets()[JOINTS.index(joint)]
                turn = self.in_world(carrier, self.axes(carrier))
                out[joint] = out[parent] + rotations.rotate(turn, offset)
        return out

    @property
    def _size(self) -> float:
        """How large the body is, relative to the reference."""
        return self.legs_m / (0.491 * REFERENCE_STATURE_M)

    def stands_spread(self) -> bool:
        """Whether the pose without rotations is a body upright, with straight legs, arms spread and
        feet forward."""
        upright = rotations.conjugate(self.heading)
        rest = {joint: rotations.rotate(upright, place) for joint, place in self.rest.items()}

        def points(a: str, b: str, way: Point, degrees: float) -> bool:
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

    def axes(self, joint: str) -> Axes:
        """Our axes in a joint's own: from the T pose where the body stands so, else from the
        movement."""
        side, _, part = joint.rpartition("_")
        if self.spread:
            return self._rest_axes(joint, f"{side}_{_ALONG.get(part, '')}")
        if part in ("hip", "knee", "ankle"):
            return self._leg_axes(joint, side, part)
        if part in ("shoulder", "elbow", "wrist"):
            return self._arm_axes(joint, side, part)
        if part in ("foot", "hand"):  # rigid with what carries it, on average
            carrier = f"{side}_{'ankle' if part == 'foot' else 'wrist'}"
            target = self.in_world(carrier, self.axes(carrier))
            back = rotations.conjugate(self.turn[self.names[joint]])
            return Axes(mean_rotation(rotations.multiply(back, target)[self.seen]))
        trunk = self._within(joint, self._up_of_trunk, self._standing)
        if part == "collar":
            arm = f"{side}_shoulder"
            return Axes(_axes(self._within(joint, self.to(joint, arm)), trunk, BONE[arm], Z))
        if joint == "pelvis":
            return Axes(_axes(self._lateral(joint), trunk, Y, Z))
        return Axes(_axes(trunk, self._lateral(joint), Z, Y))

    def _rest_axes(self, joint: str, end: str) -> Axes:
        """The body's heading, then the shortest turn along the bone."""
        if end not in self.names:
            return Axes(self.heading)
        along = shortest(
            rotations.rotate(self.heading, BONE[end]), self.rest[end] - self.rest[joint]
        )
        return Axes(rotations.multiply(along, self.heading))

    def _leg_axes(self, joint: str, side: str, part: str) -> Axes:
        hinge, sure = self._hinge(joint, f"{side}_hip", f"{side}_knee", f"{side}_ankle")
        across = hinge if sure else self._lateral(joint)
        if part != "ankle":
            along = self._within(joint, self.to(joint, f"{side}_{_ALONG[part]}"))
            return Axes(_axes(along, across, -Z, Y), sure)
        end = f"{side}_foot"
        if end in self.names:
            return Axes(_axes(self._within(joint, self.to(joint, end)), across, BONE[end], Y))
        return Axes(_axes(self._within(joint, self._up), across, Z, Y))

    def _arm_axes(self, joint: str, side: str, part: str) -> Axes:
        sign, end = 1.0 if side == "left" else -1.0, f"{side}_{_ALONG[part]}"
        bone = (joint, end) if end in self.names else (f"{side}_elbow", joint)
        along = self._within(joint, self.to(*bone))
        hinge, sure = self._hinge(joint, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
        if sure:
            return Axes(_axes(along, hinge, sign * Y, -sign * Z))
        forward = np.cross(self.to("right_shoulder", "left_shoulder"), self._up_of_trunk)
        return Axes(_axes(along, self._within(joint, forward), sign * Y, X), part == "wrist")

    def _lateral(self, joint: str) -> Point:
        """Where the body's left is in the joint's own axes, averaged over the clip: shoulders
        above, hips below."""
        across = self.to("right_hip", "left_hip")
        lower = joint.split("_")[-1] in ("pelvis", "hip", "knee", "ankle", "foot")
        if not lower and "left_shoulder" in self.names:
            shoulders = self.to("right_shoulder", "left_shoulder")
            across = _units(shoulders) + _units(across) if joint == "spine1" else shoulders
        return self._within(joint, across)

    @property
    def _up(self) -> Points:
        return np.tile(Z, (len(self.seen), 1))

    @cached_property
    def _up_of_trunk(self) -> Points:
        """From the hips to the shoulders; up, where the source has no shoulders."""
        if "left_shoulder" not in self.names:
            return self._up
        hips = self.at("left_hip") + self.at("right_hip")
        return np.asarray(self.at("left_shoulder") + self.at("right_shoulder") - hips)

    @cached_property
    def _standing(self) -> Curve:
        """How much each frame counts for the posture of the trunk: most where it goes on in the
        line of the thighs."""
        left, right = (_units(self.to(f"{side}_knee", f"{side}_hip")) for side in ("left", "right"))
        straight = np.sum(_units(self._up_of_trunk) * _units(left + right), axis=1)
        # A high power: frames that bend or sit count for next to nothing, but never for none.
        return np.asarray(np.maximum(straight, 0.01) ** 8)

    def _within(self, joint: str, world: Points, weight: Curve | None = None) -> Point:
        """A direction of the world in the joint's own axes, averaged over the clip."""
        back = rotations.conjugate(self.turn[self.names[joint]])
        directions = rotations.rotate(back, _units(world))[self.seen]
        weights = None if weight is None else weight[self.seen]
        return np.asarray(np.average(directions, axis=0, weights=weights))

    def _hinge(self, joint: str, a: str, b: str, c: str) -> tuple[Point, bool]:
        """Axis of the hinge b between bones a-b and b-c in the joint's own axes, and whether it
        ever opened."""
        # As long as the sine of the bend: frames with a straight limb hardly count.
        axis = np.cross(_units(self.to(a, b)), _units(self.to(b, c)))
        back = rotations.conjugate(self.turn[self.names[joint]])
        mean = rotations.rotate(back, axis)[self.seen].mean(axis=0)
        return np.asarray(mean), bool(np.linalg.norm(mean) > _SEEN)


def _units(vectors: Points) -> Points:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _axes(along: Point, across: Point, ours_along: Point, ours_across: Point) -> Turn:
    """Rotation from our axes to a joint's: `ours_along` comes to lie on `along`, `ours_across`
    nearest to `across`."""

    def triad(first: Point, second: Point) -> np.ndarray:
        first = _unit(first)
        third = _unit(np.cross(first, second))
        return np.stack([first, np.cross(third, first), third], axis=1)

    return rotations.from_matrix(triad(along, across) @ triad(ours_along, ours_across).T)


def _unit(vector: Point) -> Point:
    length = float(np.linalg.norm(vector))
    # Written so that NaN is refused, too.
    if not length > 1e-12:
        raise DataError(
            "Joints of this skeleton coincide or lie in one line, so that a bone shows no axes: "
            "the file is damaged, or a joint is named wrongly."
        )
    return np.asarray(vector / length)


def stature_m(motion: Motion) -> float:
    """How tall a body of our joints stands, from the lengths of its bones, in metres.

    >>> from otolith.motion.procedural.procedural import make
    >>> round(stature_m(make("standing", seconds=3.0)), 3)
    1.7
    """
    bones = ("left_knee", "left_ankle", "spine1", "spine2", "spine3", "neck", "head")
    used = [joint for joint in motion.joints if joint in bones]
    lengths = [float(np.linalg.norm(motion.offsets[motion.joint(joint)])) for joint in used]
    return sum(lengths) / sum(float(np.linalg.norm(BONE[joint])) for joint in used)
