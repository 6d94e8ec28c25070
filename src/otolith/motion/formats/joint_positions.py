"""Positions of joints, without rotations: HumanML3D, Kinect, and 3-D poses from video (MM-Fit).

How a bone turns about itself cannot be seen from its ends. It is given the least turn from its
parent, and the joint is listed in `Motion.unreliable_twist`: a gyroscope's axis along that bone is
then a guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError, ReadError
from otolith.core.foreign.arrays import npy_shape, sane
from otolith.core.foreign.arrays import read_npy as read_array
from otolith.core.foreign.mat import mat_shapes
from otolith.core.foreign.mat import read_mat as read_arrays
from otolith.data.skeleton import HUMAN36M, JOINTS, KINECT, MM_FIT, reference_offsets, sided
from otolith.motion import rotations
from otolith.motion.formats.skeleton import BONE, PARENT_OF, in_parents
from otolith.motion.formats.turning import mean_rotation, shortest
from otolith.motion.formats.world import up_axis
from otolith.motion.motion import FARTHEST_M, Motion
from otolith.motion.shapes import Marks, Points, Turns

KINECT_ARRAY = "d_skel"
TWISTING = frozenset(JOINTS) - {"pelvis", "spine3"}
"""Joints whose turn about their own bone positions do not show; hips and shoulders show that of
pelvis and chest."""


@dataclass(frozen=True)
class Layout:
    """One way of storing positions; None where the estimator decides and the user must say."""

    joints: tuple[str, ...]
    rate_hz: float | None = None
    up: str | None = None
    scale: float | None = None
    """Metres per unit."""


# Guo et al., "Generating Diverse and Natural 3D Human Motions from Text" (2022): 20 fps, y up,
# metres. Kinect: 30 fps, camera's y up, metres. Human3.6M joints: rate, axes and unit depend on the
# estimator and must be stated; MM-Fit's videos (Strömbäck et al. 2020,
# https://doi.org/10.1145/3432701) are 30 fps.
LAYOUTS = {
    22: Layout(JOINTS[:22], 20.0, "y", 1.0),
    20: Layout(KINECT, 30.0, "y", 1.0),
    17: Layout(HUMAN36M),
    18: Layout(MM_FIT, 30.0),
}


def read_npy(
    path: Path | str,
    up: str | None = None,
    frame_rate: float | None = None,
    scale: float | None = None,
) -> Motion:
    """Read an array of positions (frames, joints, 3), its joints told by their number: 22, 20, 17.

    MM-Fit's (3, frames, 18), whose first column counts frames, is taken too. `scale` is metres per
    unit. Raises ReadError for another shape or a pickled file, and where unit, axis or rate are not
    known from the layout.
    """
    path = Path(path)
    return _from_array(path, read_array(path), up, frame_rate, scale)


def read_mat(
    path: Path | str,
    up: str | None = None,
    frame_rate: float | None = None,
    scale: float | None = None,
) -> Motion:
    """Read the Kinect's joints from a MATLAB file of UTD-MHAD: `d_skel`, (20, 3, frames).

    `scale` is metres per unit. Raises ReadError for a damaged file or one without such an array.
    """
    path = Path(path)
    array = read_arrays(path, [KINECT_ARRAY]).get(KINECT_ARRAY)
    if array is None or array.ndim != 3 or array.shape[:2] != (len(KINECT), 3):
        shape = (
            "" if array is None else f" of shape (20, 3, frames), but one of shape {array.shape}"
        )
        raise ReadError(f"{path} holds no '{KINECT_ARRAY}'{shape}: joints are read from there.")
    return _from_array(path, np.moveaxis(array, 2, 0), up, frame_rate, scale)


def _from_array(
    path: Path, array: np.ndarray, up: str | None, frame_rate: float | None, scale: float | None
) -> Motion:
    count = _joints(array.shape)
    if count is None or array.dtype.kind not in "fiu":
        raise ReadError(
            f"{path} has shape {array.shape}; positions are (frames, joints, 3) with 22, 20 or 17 "
            "joints, or MM-Fit's (3, frames, 18)."
        )
    layout = LAYOUTS[count]
    rate_hz = layout.rate_hz if frame_rate is None else frame_rate
    up, scale = layout.up if up is None else up, layout.scale if scale is None else scale
    if rate_hz is None or up is None or scale is None:
        said = {"frame_rate": rate_hz, "up": up, "unit": scale}
        missing = ", ".join(name for name, value in said.items() if value is None)
        raise ReadError(f"{path}: arrays of {count} joints do not say it all. Say {missing}=...")
    names, array = layout.joints, sane(array)  # absurd numbers become gaps
    if count == 18:
        array = np.moveaxis(array[:, :, 1:], 0, -1)
        names = sided(names, array)
    return from_positions(array * scale, names, float(rate_hz), up)


def holds_positions(path: Path) -> bool:
    """Whether an .npy or .mat file has the shape of positions of joints, told from its header.

    A damaged one counts, so that reading it names it; no clip of a folder is lost without a word.
    """
    try:
        if path.suffix.lower() == ".mat":
            return mat_shapes(path).get(KINECT_ARRAY, ())[:2] == (len(KINECT), 3)
        return _joints(npy_shape(path)) is not None
    except ReadError:
        return True


def _joints(shape: tuple[int, ...]) -> int | None:
    if len(shape) == 3 and shape[0] == 3 and shape[2] == 18:
        return 18
    return shape[1] if len(shape) == 3 and shape[2] == 3 and shape[1] in (22, 20, 17) else None


def from_positions(
    positions: Float[np.ndarray, "F J 3"], joints: Sequence[str], rate_hz: float, up: str = "y"
) -> Motion:
    """A motion from where joints were, in metres, named as ours ("" is left out) in any order.

    Frames in which a joint is missing or lies on its neighbour become gaps. Bones keep their median
    length. Raises DataError where pelvis, hips, knees, ankles or shoulders are not among the
    joints.
    """
    with np.errstate(invalid="ignore"):
        near = np.where(np.abs(positions) <= FARTHEST_M, positions, np.nan)
    world = rotations.rotate(up_axis(up), np.asarray(near, dtype=np.float64))
    place = _placed(world, joints)
    lost = ~np.isfinite(np.stack(list(place.values()))).all(axis=(0, 2))
    if lost.all():
        raise DataError("No frame holds a place of every joint; there is nothing to read.")
    turn = _turns(place, lost)  # marks frames in which joints coincide as lost, too
    if lost.all():
        raise DataError("In every frame joints lie upon one another; there is no body to read.")
    local, lines = in_parents(PARENT_OF, turn, place)
    offsets, spread = _scale(place) * reference_offsets(), 0.0
    for joint, line in lines.items():
        # Estimators of poses stretch bones from frame to frame; a sensor's lever must not.
        length = np.linalg.norm(line[~lost], axis=1)
        spread = max(spread, float(np.std(length) / max(np.median(length), 1e-9)))
        offsets[JOINTS.index(joint)] = np.median(line[~lost], axis=0)
    offsets[0] = 0.0
    local[lost] = np.nan
    notes = {
        f"bones vary in length by up to {100 * spread:.0f} %: held at their median": spread > 0.03,
        f"{int(lost.sum())} frames without a place for every joint are gaps": lost.any(),
    }
    return Motion(
        rotations.unroll(local),
        np.where(lost[:, None], np.nan, place["pelvis"]),
        rate_hz,
        offsets=offsets,
        unreliable_twist=TWISTING,
        notes=tuple(note for note, holds in notes.items() if holds),
    )


def _placed(world: Float[np.ndarray, "F J 3"], joints: Sequence[str]) -> dict[str, Points]:
    """The places of the joints by name; a neck that is lacking lies between the shoulders."""
    place = {name: world[:, index] for index, name in enumerate(joints) if name}
    needed = [f"{side}_{part}" for side in ("left", "right") for part in _NEEDED]
    if missing := [name for name in ("pelvis", *needed) if name not in place]:
        raise DataError(f"Positions need {', '.join(missing)} too; found {', '.join(place)}.")
    place.setdefault("neck", (place["left_shoulder"] + place["right_shoulder"]) / 2.0)
    return place


_NEEDED = ("hip", "knee", "ankle", "shoulder")


def _scale(place: Mapping[str, Points]) -> float:
    """How large the body is, relative to the reference, by the length of a leg."""
    leg = ("left_knee", "left_ankle")
    lines = [place[joint] - place[PARENT_OF[joint]] for joint in leg]
    length = sum(float(np.nanmedian(np.linalg.norm(line, axis=1))) for line in lines)
    reference = [reference_offsets()[JOINTS.index(joint)] for joint in leg]
    return length / float(sum(np.linalg.norm(offset) for offset in reference))


def _turns(place: dict[str, Points], lost: Marks) -> dict[str, Turns]:
    """How each joint is turned: pelvis and chest by their width, every other as its parent and then
    along its bone."""
    turn: dict[str, np.ndarray] = {}
    trunk = place["neck"] - place["pelvis"]
    whole = {name for name, ends in _WIDE.items() if {name, *ends} <= place.keys()}
    spine = ("spine1", "spine2", "spine3")
    lengths = np.cumsum([float(np.linalg.norm(BONE[joint])) for joint in (*spine, "neck")])
    for joint, along in zip(spine, lengths, strict=False):
        place.setdefault(joint, place["pelvis"] + trunk * along / lengths[-1])
    for joint, parent in PARENT_OF.items():
        child = _NEXT.get(joint)
        if joint in _WIDE:
            part = "hip" if joint == "pelvis" else "shoulder"
            turn[joint] = _facing(place[f"left_{part}"] - place[f"right_{part}"], trunk, lost)
        if joint in whole:
            # Three joints of one bone show how it turns; the whole trunk shows what upright is, on
            # average.
            right, left, top = (place[name] for name in _WIDE[joint])
            exact = _facing(left - right, top - place[joint], lost)
            relative = rotations.multiply(rotations.conjugate(exact), turn[joint])[~lost]
            turn[joint] = rotations.multiply(exact, mean_rotation(relative))
        elif joint not in _WIDE:
            turn[joint] = turn[parent]
            # The least turn from the parent: how a bone turns about itself is not observed.
            if child in place and joint in place:
                bone = place[child] - place[joint]
                lost |= np.linalg.norm(bone, axis=1) < 1e-4
                along = shortest(rotations.rotate(turn[parent], BONE[child]), bone)
                turn[joint] = rotations.multiply(along, turn[parent])
    return turn


_WIDE = {
    "pelvis": ("right_hip", "left_hip", "spine1"),
    "spine3": ("right_collar", "left_collar", "neck"),
}
"""Joint of the trunk -> the joints at its right and left, and the one above it."""
_CHAINS = ("hip", "knee", "ankle", "foot"), ("collar", "shoulder", "elbow", "wrist", "hand")
_NEXT = {"spine1": "spine2", "spine2": "spine3", "neck": "head"}
_NEXT |= {
    f"{side}_{near}": f"{side}_{far}"
    for side in ("left", "right")
    for chain in _CHAINS
    for near, far in itertools.pairwise(chain)
}


def _facing(left: Points, up: Points, lost: np.ndarray) -> Turns:
    """Orientation of a part of the trunk whose left side and upward direction are seen; the former
    holds exactly."""
    forward = np.cross(left, up)
    lost |= np.linalg.norm(forward, axis=1) < 1e-6
    safe = lost[:, None]
    y = np.where(safe, np.array([0.0, 1.0, 0.0]), left)
    x = np.where(safe, np.array([1.0, 0.0, 0.0]), forward)
    y, x = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (y, x))
    return rotations.from_matrix(np.stack([x, y, np.cross(x, y)], axis=2))
