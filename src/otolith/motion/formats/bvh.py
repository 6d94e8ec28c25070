"""BVH, the BioVision hierarchy: a skeleton in words, then one line of numbers per frame.

Format: M. Meredith and S. Maddock, "Motion Capture File Formats Explained" (University of
Sheffield, 2001). Channels stand in any order and number per joint; rotations are applied in the
order in which they are listed, with the body. A position channel takes the place of the joint's
offset. The format names no unit and no up axis.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import read_text
from otolith.motion import rotations
from otolith.motion.formats.frames import END, LARGEST, lost_note, refuse_many_joints, table
from otolith.motion.formats.turning import turned
from otolith.motion.formats.world import to_world
from otolith.motion.motion import Motion
from otolith.motion.shapes import JointTurns

_STRETCH_M = 0.001
_FASTEST_HZ = 1e6
_MOST_JOINTS = 2000  # a body with hands and face has 150
_HEADER = re.compile(r"\s*(frames|frame\s*time)\s*:?\s*(\S+)\s*", re.IGNORECASE)


@dataclass
class Joint:
    """One joint of a hierarchy as it stands in the file."""

    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: list[str] = field(default_factory=list)
    first: int = 0
    """Column of its first channel."""

    def columns(self, kind: str) -> dict[str, int]:
        """Axis -> column, of the channels of one kind ("position" or "rotation") in their order."""
        numbered = enumerate(self.channels, self.first)
        return {name[0]: column for column, name in numbered if name.endswith(kind)}


def read_bvh(
    path: Path | str, scale: float = 0.01, up: str = "y", frame_rate: float | None = None
) -> Motion:
    """Read a BVH file with the joints that it names, turned so that z is up.

    `scale` is metres per unit of the file (centimetres as a rule), `up` the file's upward axis,
    `frame_rate` overrides the header's. Lines of numbers that are not finite become gaps. Raises
    ReadError where the hierarchy does not close, lines are missing or cut, or neither header nor
    caller states the frame rate.
    """
    path = Path(path)
    lines = read_text(path).splitlines()
    hierarchy = _Hierarchy(path)
    at = hierarchy.read(lines)
    stated, header_hz, at = _header(path, lines, at)
    rate_hz = header_hz if frame_rate is None else frame_rate
    if rate_hz is None:
        raise ReadError(f"{path} has no 'Frame Time', so its speed is unknown. Say frame_rate=...")
    rows, notes = _rows(path, lines[at:], stated)
    joints = hierarchy.joints
    numbers = table(path, rows, sum(len(joint.channels) for joint in joints))
    refuse_many_joints(path, len(numbers), len(joints))
    motion = _motion(joints, numbers, scale, rate_hz)
    notes += lost_note(path, motion.lost)
    return to_world(replace(motion, notes=(*notes, *motion.notes)), up)


class _Hierarchy:
    """The joints between HIERARCHY and MOTION, parents first, read line by line."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        self.joints: list[Joint] = []
        self._open: list[int] = []
        self._names: set[str] = set()

    def read(self, lines: list[str]) -> int:
        """Read the joints, and return where the lines after MOTION begin."""
        begun, word = False, ""
        for self.number, line in enumerate(lines, 1):
            word, *rest = line.split() or [""]
            word = word.upper()
            if word == "HIERARCHY":
                begun = True
            elif word and not begun:
                raise ReadError(
                    f"{self.path} does not begin with HIERARCHY, found '{line.strip()[:40]}': it "
                    "is no BVH file."
                )
            elif word == "MOTION":
                break
            elif word:
                self._take(word, rest)
        if word != "MOTION" or self._open or not self.joints:
            braces = f"{len(self._open)} braces are open" if self._open else "no MOTION follows"
            raise ReadError(f"{self.path}: the hierarchy does not end ({braces}); it is cut short.")
        return self.number

    def _take(self, word: str, rest: list[str]) -> None:
        if word != "ROOT" and not self.joints:
            raise self._wrong(f"'{word[:40]}' stands before the ROOT")
        if word in ("ROOT", "JOINT", "END"):
            self._add(word, " ".join(rest))
        elif word == "{":
            self._open.append(len(self.joints) - 1)
        elif word == "}":
            if not self._open:
                raise self._wrong("a brace is closed that was never opened")
            self._open.pop()
        elif word == "OFFSET":
            self.joints[-1].offset = self._offset(rest)
        elif word == "CHANNELS":
            self.joints[-1].channels = self._channels(rest)
        else:
            raise self._wrong(f"'{word[:40]}' belongs to no BVH hierarchy")

    def _add(self, word: str, name: str) -> None:
        if len(self.joints) >= _MOST_JOINTS:
            raise self._wrong(f"a body has no more than {_MOST_JOINTS:,} joints")
        if (word == "ROOT") != (not self.joints):
            raise self._wrong("a BVH file holds one ROOT, and it comes first")
        parent = self._open[-1] if self._open else -1
        name = self.joints[parent].name + END if word == "END" else name
        name = name or f"joint{len(self.joints)}"
        if name in self._names:
            name = next(n for k in count(2) if (n := f"{name}_{k}") not in self._names)
        self._names.add(name)
        self.joints.append(Joint(name, parent))

    def _offset(self, words: list[str]) -> tuple[float, ...]:
        try:
            offset = tuple(float(word) for word in words)
        except ValueError:
            offset = ()
        if len(offset) != 3 or not all(abs(part) < LARGEST for part in offset):
            raise self._wrong(f"OFFSET takes three numbers, each a length; found {words}")
        return offset

    def _channels(self, words: list[str]) -> list[str]:
        names = [word.lower() for word in words[1:]]
        known = all(re.fullmatch("[xyz](position|rotation)", name) for name in names)
        if words[:1] != [str(len(names))] or not known or len(set(names)) < len(names):
            raise self._wrong(
                "CHANNELS takes a count and as many of Xposition … Zrotation, each once; found "
                + " ".join(words)
            )
        self.joints[-1].first = sum(len(joint.channels) for joint in self.joints[:-1])
        return names

    def _wrong(self, what: str) -> ReadError:
        return ReadError(f"{self.path}, line {self.number}: {what}.")


def _header(path: Path, lines: list[str], at: int) -> tuple[int | None, float | None, int]:
    """Frames and rate that the lines from `at` on state, and where the numbers begin."""
    frames, rate_hz = None, None
    while at < len(lines) and ((stated := _HEADER.fullmatch(lines[at])) or not lines[at].strip()):
        at += 1
        if stated is None:
            continue
        try:
            value = float(stated[2])
            whole = int(value)  # raises for what is not finite
        except (ValueError, OverflowError) as error:
            raise ReadError(f"{path}, line {at}: '{stated[2][:40]}' is no number.") from error
        if stated[1].lower() == "frames":
            frames = whole
        elif 1.0 / _FASTEST_HZ < value < _FASTEST_HZ:
            rate_hz = _rate(stated[2])
    return frames, rate_hz, at


def _rate(printed: str) -> float:
    """Frames per second: the whole number that the printed frame time stands for, if there is one.

    >>> _rate("0.0083333"), _rate("0.03")
    (120.0, 33.0)
    """
    # 0.0083333 stands for 120 frames per second: taken at its word, an hour is 14 ms short.
    seconds = float(printed)
    mantissa, _, exponent = printed.lower().partition("e")
    half_digit = 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    whole = round(1.0 / seconds)
    printed_so = whole and abs(1.0 / whole - seconds) <= 1.001 * half_digit
    return float(whole) if printed_so else 1.0 / seconds


def _rows(path: Path, lines: list[str], stated: int | None) -> tuple[list[str], list[str]]:
    """The lines with numbers, as many as the header states, and a note on those beyond."""
    rows = [line for line in lines if line and not line.isspace()]
    notes = []
    if stated is not None and len(rows) > stated:
        more = len(rows) - stated
        notes.append(f"{more} lines beyond the {stated} frames of the header were left out")
        rows = rows[:stated]
    if not rows or len(rows) < (stated or 0):
        raise ReadError(
            f"{path} holds {len(rows)} frames of the {stated or 'unknown number of'} frames that "
            "its header states; the file is cut short. Get it again."
        )
    return rows, notes


def _motion(
    joints: list[Joint], numbers: Float[np.ndarray, "F K"], scale: float, rate_hz: float
) -> Motion:
    kept, parents = _kept(joints)
    names, notes = [joint.name for joint in kept], []
    q, places = _turns(kept, numbers), scale * _places(kept, numbers)
    moving = [bool(joint.columns("position")) for joint in kept]
    while moving[1:2] == [True] and parents.count(0) == 1:
        # Some files put an empty joint at the world's origin and let the hips travel as its child.
        places[1] = places[0] + rotations.rotate(q[:, 0], places[1])
        q[:, 1] = rotations.multiply(q[:, 0], q[:, 1])
        notes.append(f"joint '{names[0]}' only carries '{names[1]}', which became the root")
        q, names, places, moving = q[:, 1:], names[1:], places[1:], moving[1:]
        parents = [-1, *(parent - 1 for parent in parents[2:])]
    seen = ~np.isnan(numbers[:, 0])
    offsets = np.array([np.zeros(3), *(place[seen].mean(axis=0) for place in places[1:])])
    # Bones must be rigid for joint angles to mean anything; some exporters write noise into them.
    stretch = [0.0, *(float(np.ptp(place[seen], axis=0).max()) for place in places[1:])]
    if max(stretch) > _STRETCH_M:
        worst = f"up to {max(stretch) * 100:.1f} cm at '{names[int(np.argmax(stretch))]}'"
        notes.append(f"bones change their length ({worst}): held at their mean")
    # Signs start anew after a gap, as a comparison with NaN is false; no spline crosses it.
    skeleton = tuple(names), tuple(parents), offsets
    return Motion(rotations.unroll(q), places[0], rate_hz, *skeleton, notes=tuple(notes))


def _kept(joints: list[Joint]) -> tuple[list[Joint], list[int]]:
    """The joints without tips of no length, which say only that a chain ends; their parents."""
    carrying = {joint.parent for joint in joints}
    kept = [
        number
        for number, joint in enumerate(joints)
        if joint.channels or any(joint.offset) or number in carrying or END not in joint.name[-4:]
    ]
    index = {-1: -1} | {number: index for index, number in enumerate(kept)}
    return [joints[number] for number in kept], [index[joints[number].parent] for number in kept]


def _places(joints: list[Joint], numbers: Float[np.ndarray, "F K"]) -> Float[np.ndarray, "J F 3"]:
    """Where each joint is in its parent's frame, in the file's unit."""
    out = np.empty((len(joints), len(numbers), 3))
    for place, joint in zip(out, joints, strict=True):
        place[:] = joint.offset
        for letter, column in joint.columns("position").items():
            place[:, "xyz".index(letter)] = numbers[:, column]
    return out


def _turns(joints: list[Joint], numbers: Float[np.ndarray, "F K"]) -> JointTurns:
    """joint_to_parent of every joint; those with one order of axes are turned together."""
    q = np.tile(rotations.IDENTITY, (len(numbers), len(joints), 1))
    by_order: dict[str, dict[int, list[int]]] = defaultdict(dict)
    for index, joint in enumerate(joints):
        if turn := joint.columns("rotation"):
            by_order["".join(turn).upper()][index] = [*turn.values()]
    # Files name a handful of orders: one call for all joints of an order, not one for each.
    for order, columns in by_order.items():
        angles = np.deg2rad(numbers[:, np.array([*columns.values()])])
        q[:, [*columns]] = turned(order, angles)
    return q
