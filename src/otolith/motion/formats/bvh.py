"""BVH, the BioVision hierarchy: a skeleton in words, then one line of numbers per frame.

Format: M. Meredith and S. Maddock, "Motion Capture File Formats Explained" (University of
Sheffield, 2001). Channels stand in any order and number per joint; rotations are applied in the
order in which they are listed, with the body. A position channel takes the place of the joint's
offset. The format names no unit and no up axis.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import plain_size, read_text
from otolith.core.limits import refuse_large
from otolith.motion import rotations
from otolith.motion.formats.turning import turned
from otolith.motion.formats.world import from_world, to_world
from otolith.motion.motion import Motion

END = "_end"
"""What the tip of a last bone (End Site) is called: its joint's name and this."""
_STRETCH_M = 0.001
_FASTEST_HZ = 1e6
_LARGEST = 1e9  # degrees and millimetres alike: beyond it a number is damage
_BYTES_OF_A_JOINT = 56  # in each frame: a quaternion and a place
_MOST_JOINTS = 2000  # a body with hands and face has 150


@dataclass
class Joint:
    """One joint of a hierarchy as it stands in the file."""

    name: str
    parent: int
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    channels: list[str] = field(default_factory=list)


def read_bvh(
    path: Path | str, scale: float = 0.01, up: str = "y", frame_rate: float | None = None
) -> Motion:
    """Read a BVH file, its joints as they are named there, turned so that z is up.

    `scale` is metres per unit of the file (centimetres as a rule), `up` the file's upward axis,
    `frame_rate` overrides the header's. Lines of numbers that are not finite become gaps. Raises
    ReadError where the hierarchy does not close, lines are missing or cut, or neither header nor
    caller states the frame rate.
    """
    path = Path(path)
    lines = _text(path).splitlines()
    joints, at = _hierarchy(path, lines)
    stated, header_hz, at = _motion_header(path, lines, at)
    rate_hz = header_hz if frame_rate is None else frame_rate
    if rate_hz is None:
        raise ReadError(
            f"{path} has no 'Frame Time', so that nobody knows how fast it moves. Say "
            f"frame_rate=..."
        )
    numbers, notes = _numbers(
        path, lines[at:], stated, sum(len(joint.channels) for joint in joints)
    )
    # Joints without channels cost a file nothing, and every frame of them memory.
    refuse_large(path, plain_size(path), len(numbers) * len(joints) * _BYTES_OF_A_JOINT)
    motion = _motion(path, joints, numbers, scale, rate_hz)
    return to_world(replace(motion, notes=(*notes, *motion.notes)), up)


def _text(path: Path) -> str:
    return read_text(path)


def _hierarchy(path: Path, lines: list[str]) -> tuple[list[Joint], int]:
    """Return the joints, parents first, and the number of the line after the hierarchy."""
    joints: list[Joint] = []
    taken: set[str] = set()
    open_joints: list[int] = []
    begun = False
    for number, line in enumerate(lines):
        words = line.split()
        if not words:
            continue
        word = words[0].upper()
        if word == "HIERARCHY":
            begun = True
        elif not begun:
            raise ReadError(
                f"{path} does not begin with HIERARCHY, found '{line.strip()[:40]}': it is no BVH "
                f"file."
            )
        elif word not in ("ROOT", "MOTION") and not joints:
            raise ReadError(
                f"{path}, line {number + 1}: '{line.strip()[:40]}' stands before the ROOT."
            )
        elif word in ("ROOT", "JOINT", "END"):
            if len(joints) >= _MOST_JOINTS:
                raise ReadError(
                    f"{path} has more than {_MOST_JOINTS:,} joints: it is damaged, or no body."
                )
            if (word == "ROOT") != (not joints):
                raise ReadError(
                    f"{path}, line {number + 1}: a BVH file holds one ROOT, and it comes first."
                )
            parent = open_joints[-1] if open_joints else -1
            own = joints[parent].name + END if word == "END" else " ".join(words[1:])
            name = _free(own or f"joint{len(joints)}", taken)
            taken.add(name)
            joints.append(Joint(name, parent))
        elif word == "{":
            open_joints.append(len(joints) - 1)
        elif word == "OFFSET":
            joints[-1].offset = _offset(path, number, words)
        elif word == "CHANNELS":
            joints[-1].channels = _channels(path, number, words)
        elif word == "}":
            if not open_joints:
                raise ReadError(
                    f"{path}, line {number + 1}: a brace is closed that was never opened."
                )
            open_joints.pop()
        elif word == "MOTION":
            if open_joints or not joints:
                break
            return joints, number + 1
        else:
            raise ReadError(
                f"{path}, line {number + 1}: '{line.strip()[:40]}' belongs to no BVH hierarchy."
            )
    unclosed = f"{len(open_joints)} braces are open" if open_joints else "no MOTION follows"
    raise ReadError(
        f"{path}: the hierarchy does not end ({unclosed}); the file is cut short or damaged."
    )


def _free(name: str, taken: set[str]) -> str:
    return (
        name
        if name not in taken
        else next(n for k in count(2) if (n := f"{name}_{k}") not in taken)
    )


def _offset(path: Path, number: int, words: list[str]) -> tuple[float, float, float]:
    try:
        x, y, z = (float(word) for word in words[1:])
    except ValueError as error:
        raise ReadError(
            f"{path}, line {number + 1}: OFFSET takes three numbers, found {words[1:]}."
        ) from error
    if not max(abs(x), abs(y), abs(z)) < _LARGEST:
        raise ReadError(
            f"{path}, line {number + 1}: no bone is as long as OFFSET {words[1:]} says."
        )
    return x, y, z


def _channels(path: Path, number: int, words: list[str]) -> list[str]:
    names = [word.lower() for word in words[2:]]
    good = all(re.fullmatch("[xyz](position|rotation)", name) for name in names) and len(
        set(names)
    ) == len(names)
    if len(words) < 2 or words[1] != str(len(names)) or not good:
        raise ReadError(
            f"{path}, line {number + 1}: CHANNELS takes a count and as many of Xposition … "
            f"Zrotation, each once; "
            f"found {' '.join(words[1:])}."
        )
    return names


def _motion_header(path: Path, lines: list[str], at: int) -> tuple[int | None, float | None, int]:
    frames: int | None = None
    rate_hz: float | None = None
    while at < len(lines):
        found = re.fullmatch(
            r"\s*(frames|frame\s*time)\s*:?\s*(\S+)\s*", lines[at], flags=re.IGNORECASE
        )
        if found is None and lines[at].strip():
            break
        if found is not None:
            try:
                value = float(found[2])
                if not np.isfinite(value):
                    raise ValueError(found[2])
            except ValueError as error:
                raise ReadError(
                    f"{path}, line {at + 1}: '{found[2][:40]}' is no number."
                ) from error
            if found[1].lower() == "frames":
                frames = int(value)
            elif 1.0 / _FASTEST_HZ < value < _FASTEST_HZ:
                rate_hz = _rate(found[2])
        at += 1
    return frames, rate_hz, at


def _rate(printed: str) -> float:
    """Frames per second: the whole number that the printed digits of the frame time stand for, if
    there is one."""
    seconds = float(printed)
    mantissa, _, exponent = printed.lower().partition("e")
    half_digit = 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    whole = round(1.0 / seconds)
    return (
        float(whole)
        if whole and abs(1.0 / whole - seconds) <= 1.001 * half_digit
        else 1.0 / seconds
    )


def _numbers(
    path: Path, lines: list[str], stated: int | None, channels: int
) -> tuple[Float[np.ndarray, "F K"], list[str]]:
    rows = [line for line in lines if line and not line.isspace()]
    notes = []
    if stated is not None and len(rows) > stated:
        notes.append(
            f"{len(rows) - stated} lines beyond the {stated} frames that the header states were "
            f"left out"
        )
        rows = rows[:stated]
    if not rows or (stated is not None and len(rows) < stated):
        raise ReadError(
            f"{path} holds {len(rows)} frames of the "
            f"{stated if stated is not None else 'unknown number of'} frames "
            "that its header states; the file is cut short. Get it again."
        )
    try:
        numbers = np.loadtxt(rows, dtype=np.float64, ndmin=2, comments=None)
    except ValueError as error:
        raise ReadError(
            f"{path}: a line of the motion is cut short or holds no number ({error})."
        ) from error
    if numbers.shape[1] != channels:
        raise ReadError(
            f"{path}: each frame holds {numbers.shape[1]} numbers, the hierarchy has {channels} "
            f"channels."
        )
    return numbers, notes


def _motion(
    path: Path, joints: list[Joint], numbers: Float[np.ndarray, "F K"], scale: float, rate_hz: float
) -> Motion:
    with np.errstate(invalid="ignore"):
        lost = ~(np.abs(numbers) < _LARGEST).all(axis=1)
    if lost.all():
        raise ReadError(
            f"{path}: none of its {len(numbers)} frames is finite; there is nothing to read."
        )
    notes = (
        [f"{int(lost.sum())} frames with numbers that are not finite are gaps"]
        if lost.any()
        else []
    )
    clean = np.where(lost[:, None], 0.0, numbers)
    kept: list[Joint] = []
    moving: list[bool] = []
    places: list[np.ndarray] = []
    first = 0
    by_order: dict[str, list[tuple[int, list[int]]]] = {}
    carrying = {joint.parent for joint in joints}
    for number, joint in enumerate(joints):
        own = range(first, first + len(joint.channels))
        first += len(joint.channels)
        tip = not joint.channels
        if tip and not any(joint.offset) and joint.name.endswith(END) and number not in carrying:
            continue  # a tip without length says only that the chain ends
        turn = [k for k, name in zip(own, joint.channels, strict=True) if name.endswith("rotation")]
        order = "".join(name[0].upper() for name in joint.channels if name.endswith("rotation"))
        if order:
            by_order.setdefault(order, []).append((len(kept), turn))
        moves = {
            name[0]: k
            for k, name in zip(own, joint.channels, strict=True)
            if name.endswith("position")
        }
        place = np.tile(np.array(joint.offset), (len(numbers), 1))
        for axis, letter in enumerate("xyz"):
            if letter in moves:
                place[:, axis] = clean[:, moves[letter]]
        kept.append(joint)
        places.append(place * scale)
        moving.append(bool(moves))
    q = np.tile(rotations.IDENTITY, (len(numbers), len(kept), 1))
    for order, members in by_order.items():
        columns = np.array([columns for _, columns in members])
        angles = np.deg2rad(clean[:, columns])
        q[:, [index for index, _ in members]] = turned(order, angles)
    index = {id(joint): number for number, joint in enumerate(kept)}
    parents = [-1 if joint.parent < 0 else index[id(joints[joint.parent])] for joint in kept]
    names = [joint.name for joint in kept]
    while moving[1:2] == [True] and parents.count(0) == 1:
        # Some files put an empty joint at the world's origin and let the hips travel as its child.
        places[1] = places[0] + rotations.rotate(q[:, 0], places[1])
        q[:, 1] = rotations.multiply(q[:, 0], q[:, 1])
        notes.append(f"joint '{names[0]}' only carries '{names[1]}', which became the root")
        q, names, places, moving = q[:, 1:], names[1:], places[1:], moving[1:]
        parents = [-1, *(parent - 1 for parent in parents[2:])]
    seen = ~lost
    offsets = np.array([np.zeros(3), *(place[seen].mean(axis=0) for place in places[1:])])
    stretch = [float(np.ptp(place[seen], axis=0).max()) for place in places[1:]]
    if stretch and max(stretch) > _STRETCH_M:
        worst = names[1 + int(np.argmax(stretch))]
        notes.append(
            f"bones change their length (up to {max(stretch) * 100:.1f} cm at '{worst}'): held at "
            f"their mean"
        )
    q[lost] = np.nan
    root = np.where(lost[:, None], np.nan, places[0])
    # Signs start anew after a gap, as a comparison with NaN is false; no spline crosses it.
    return Motion(
        rotations.unroll(q),
        root,
        rate_hz,
        tuple(names),
        tuple(parents),
        offsets,
        notes=tuple(notes),
    )


def write_bvh(motion: Motion, path: Path | str, up: str = "y", scale: float = 0.01) -> None:
    """Write a motion as a BVH file with the given upward axis, `scale` metres to the unit
    (centimetres as a rule).

    Leaves whose names end in "_end" are written as End Sites. Lost frames are written as nan, which
    our own reader takes for gaps.
    """
    in_file = from_world(motion, up)
    q, root, offsets = in_file.rotations.copy(), in_file.root, in_file.offsets
    assert offsets is not None
    children: list[list[int]] = [[] for _ in motion.joints]
    for index, parent in enumerate(motion.parents[1:], start=1):
        children[parent].append(index)
    lines, order = ["HIERARCHY"], list[int]()

    def describe(index: int, depth: int) -> None:
        pad, name = "  " * depth, motion.joints[index]
        tip = (
            depth > 0 and not children[index] and name == motion.joints[motion.parents[index]] + END
        )
        lines.append(f"{pad}End Site" if tip else f"{pad}{'JOINT' if depth else 'ROOT'} {name}")
        place = offsets[index] / scale if depth else np.zeros(3)
        lines.extend([f"{pad}{{", f"{pad}  OFFSET {_row(place)}"])
        if not tip:
            order.append(index)
            kinds = "" if depth else "Xposition Yposition Zposition "
            lines.append(
                f"{pad}  CHANNELS {3 if depth else 6} {kinds}Zrotation Xrotation Yrotation"
            )
            for child in children[index]:
                describe(child, depth + 1)
            if not children[index]:
                lines.extend(
                    [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 0 0 0", f"{pad}  }}"]
                )
        lines.append(f"{pad}}}")

    describe(0, 0)
    lost = motion.lost
    q[lost] = rotations.IDENTITY
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # in gimbal lock one of two angles is free, and zero will do
        angles = np.rad2deg(rotations.to_euler("ZXY", rotations.normalise(q[:, order])))
    table = np.concatenate([root / scale, angles.reshape(len(q), -1)], axis=1)
    table[lost] = np.nan
    lines += ["MOTION", f"Frames: {motion.frames}", f"Frame Time: {1.0 / motion.rate_hz:.12g}"]
    lines += [_row(row) for row in table]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(values: Float[np.ndarray, " K"]) -> str:
    return " ".join(f"{value:.10g}" for value in values.tolist())
