"""A body of boxes, one along each bone: a model file of the SMPL family whose every length is
known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from otolith.data.skeleton import FINGERS, JOINTS
from otolith.motion import rotations
from otolith.motion.bodies.surface import Surface
from otolith.motion.formats.smpl_npz import FACE, parent_of, rest_offsets
from otolith.motion.formats.turning import shortest
from otolith.motion.formats.world import up_axis

HALF_M = 0.04
"""Half the width of every box."""
TALLER = 0.1
"""By how much of itself the first beta makes the body larger."""
SMPLX = (*JOINTS[:22], *FACE, *FINGERS)
_TIPS = {"head": (0.0, 0.0, 0.2), "left_hand": (0.0, 0.1, 0.0), "right_hand": (0.0, -0.1, 0.0)}
_ENDS = {
    "pelvis": "spine1",
    "spine3": "neck",
    "left_wrist": "left_middle1",
    "right_wrist": "right_middle1",
}
_CORNERS = np.array([[a, b, c] for a in (0.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
# Two triangles to a side, against the clock as seen from outside.
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_FACES = np.array([triangle for a, b, c, d in _SIDES for triangle in ((a, b, c), (a, c, d))])


def places(joints: tuple[str, ...] = JOINTS) -> np.ndarray:
    """Where joints are in a T pose, in our axes, the pelvis at the origin."""
    out: dict[str, np.ndarray] = {}
    for joint, offset in zip(joints, rest_offsets(joints), strict=True):
        parent = parent_of(joint)
        out[joint] = np.zeros(3) if parent is None else out[parent] + offset
    return np.stack([*out.values()])


def boxes(
    where: np.ndarray, joints: tuple[str, ...], roll_deg: float = 0.0
) -> tuple[np.ndarray, ...]:
    """Vertices, triangles and the joint of each vertex; boxes rolled about their bones."""
    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    owner: list[int] = []
    for index, joint in enumerate(joints):
        children = [k for k, name in enumerate(joints) if parent_of(name) == joint]
        end = (
            joints.index(_ENDS[joint])
            if _ENDS.get(joint) in joints
            else children[0]
            if len(children) == 1
            else None
        )
        line = (
            where[end] - where[index]
            if end is not None
            else np.array(_TIPS.get(joint, (0.0, 0.0, 0.0)))
        )
        length = np.linalg.norm(line)
        if length < 1e-6:
            continue
        turn = shortest(np.array([1.0, 0.0, 0.0]), line)
        roll = rotations.from_axis_angle(np.deg2rad(roll_deg) * line / length)
        corners = rotations.rotate(
            rotations.multiply(roll, turn), _CORNERS * [length, HALF_M, HALF_M]
        )
        faces.append(_FACES + 8 * len(vertices))
        vertices.append(where[index] + corners)
        owner += [index] * 8
    return np.concatenate(vertices), np.concatenate(faces), np.array(owner)


def surface(where: np.ndarray | None = None, roll_deg: float = 0.0) -> Surface:
    """The body of boxes, our 24 joints at places of their own."""
    where = places() if where is None else where
    vertices, faces, owner = boxes(where, JOINTS, roll_deg)
    return Surface(JOINTS, where, vertices, faces, np.eye(len(JOINTS))[owner])


def write(
    path: Path,
    joints: tuple[str, ...] = JOINTS,
    shapes: int = 10,
    other: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write the body of boxes as a model file like SMPL's, whose first beta makes it larger."""
    where = places(joints)
    vertices, faces, owner = boxes(where, joints)
    to_y_up = rotations.conjugate(up_axis("y"))
    points = rotations.rotate(to_y_up, np.concatenate([where, vertices]))
    directions = np.zeros((len(points), 3, shapes))
    directions[:, :, 0] = TALLER * points
    directions[:, :, 10:] = 1.0  # what a face does, where there are so many
    parents = [
        -1 if (parent := parent_of(joint)) is None else joints.index(parent) for joint in joints
    ]
    content = {
        "v_template": points,
        "shapedirs": directions,
        "J_regressor": np.eye(len(joints), len(points)),
        "weights": np.eye(len(joints))[np.concatenate([np.arange(len(joints)), owner])],
        "kintree_table": np.array([parents, range(len(joints))]).astype(np.uint32),
        "f": faces + len(joints),
    }
    np.savez(
        path, **{key: value for key, value in {**content, **(other or {})}.items() if value.size}
    )
