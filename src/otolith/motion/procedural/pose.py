"""From a clinician's joint angles (degrees) to rotations, and from feet on the floor to a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, nearest
from otolith.data.skeleton import ANKLE_HEIGHT, JOINTS, REFERENCE_STATURE_M
from otolith.motion import rotations
from otolith.motion.motion import Motion
from otolith.motion.shapes import Curve, JointTurns, Points, Turns

Angle = Curve | float
Angles = dict[str, Angle]
SIDES = ("left", "right")
X, Y, Z = 0, 1, 2

# angle -> what a positive number means; all are zero in a body that stands upright with hanging
# arms, palms inward.
TRUNK_ANGLES = {
    "pelvis_pitch": "forward",
    "pelvis_roll": "left side up",
    "pelvis_yaw": "to the left",
    "trunk_flexion": "forward",
    "trunk_bend": "to the left",
    "trunk_twist": "to the left",
    "head_nod": "down",
    "head_turn": "to the left",
}
LIMB_ANGLES = {
    "hip_flexion": "thigh forward",
    "hip_abduction": "thigh outward",
    "hip_rotation": "toes inward",
    "knee_flexion": "heel to buttock",
    "ankle_flexion": "toes up",
    "shoulder_flexion": "arm forward",
    "shoulder_abduction": "arm outward",
    "shoulder_rotation": "bent forearm inward",
    "elbow_flexion": "hand to shoulder",
    "pronation": "palm backward, or down in front",
}
ANGLES = [*TRUNK_ANGLES, *(f"{side}_{name}" for side in SIDES for name in LIMB_ANGLES)]
# Joint -> the turns that it is composed of, each about an axis, from a share of an angle, in the
# body's order. The back bends as a chain: a third in each of its joints. On the right side, turns
# about x and z are mirrored.
_THIRDS = ((Z, "trunk_twist", 3.0), (Y, "trunk_flexion", 3.0), (X, "trunk_bend", -3.0))
_TRUNK_TURNS = {
    "pelvis": ((Z, "pelvis_yaw", 1.0), (Y, "pelvis_pitch", 1.0), (X, "pelvis_roll", 1.0)),
    "neck": ((Z, "head_turn", 1.0), (Y, "head_nod", 1.0)),
    **dict.fromkeys(("spine1", "spine2", "spine3"), _THIRDS),
}
_LIMB_TURNS = {
    "hip": ((Y, "hip_flexion", -1.0), (X, "hip_abduction", 1.0), (Z, "hip_rotation", -1.0)),
    "knee": ((Y, "knee_flexion", 1.0),),
    "ankle": ((Y, "ankle_flexion", -1.0),),
    "shoulder": (
        (Y, "shoulder_flexion", -1.0),
        (X, "shoulder_abduction", 1.0),
        (Z, "shoulder_rotation", -1.0),
        (X, "", -1.0),  # from the T of the rest pose to a hanging arm
    ),
    "elbow": ((Z, "elbow_flexion", -1.0), (Y, "pronation", 1.0)),
}
_HANGING_DEG = 90.0


def local_rotations(angles: Mapping[str, Angle], frames: int) -> JointTurns:
    """joint_to_parent quaternions (xyzw) of the 24 joints from angles in degrees.

    Raises ConfigError for an unknown angle.

    >>> turns = local_rotations({"left_knee_flexion": 90.0}, frames=1)
    >>> turns[0, JOINTS.index("left_knee")].round(3).tolist()
    [0.0, 0.707, 0.0, 0.707]
    """
    for name in angles:
        if name not in ANGLES:
            raise ConfigError(
                f"There is no angle '{name}'.{nearest(name, ANGLES)} All: {', '.join(ANGLES)}."
            )
    out = np.empty((frames, len(JOINTS), 4))
    out[:] = rotations.IDENTITY
    for joint, turns in _TRUNK_TURNS.items():
        parts = [(axis, angles.get(name, 0.0) / share) for axis, name, share in turns]
        out[:, JOINTS.index(joint)] = _composed(parts)
    for side, mirror in zip(SIDES, (1.0, -1.0), strict=True):
        for joint, turns in _LIMB_TURNS.items():
            parts = []
            for axis, name, sign in turns:
                angle = angles.get(f"{side}_{name}", 0.0) if name else _HANGING_DEG
                parts.append((axis, (sign if axis == Y else sign * mirror) * angle))
            out[:, JOINTS.index(f"{side}_{joint}")] = _composed(parts)
    return out


def _composed(turns: Sequence[tuple[int, Angle]]) -> Turns:
    """Turns about axes by degrees, one after another with the body."""
    total: np.ndarray | None = None
    for axis, degrees in turns:
        if isinstance(degrees, float | int) and degrees == 0:
            continue
        half = np.deg2rad(np.atleast_1d(np.asarray(degrees, dtype=np.float64))) / 2.0
        turn = np.zeros((len(half), 4))
        turn[:, axis], turn[:, 3] = np.sin(half), np.cos(half)
        total = turn if total is None else rotations.multiply(total, turn)
    return rotations.IDENTITY[None] if total is None else total


def arm(
    side: str, flexion: Angle, abduction: Angle, rotation: Angle, elbow: Angle, pronation: Angle
) -> Angles:
    """One arm: flexion, abduction and rotation of the shoulder, bend of the elbow, pronation.

    >>> arm("left", 10.0, 5.0, 0.0, 90.0, 0.0)["left_elbow_flexion"]
    90.0
    """
    shoulder = {"flexion": flexion, "abduction": abduction, "rotation": rotation}
    angles = {f"{side}_shoulder_{name}": angle for name, angle in shoulder.items()}
    return angles | {f"{side}_elbow_flexion": elbow, f"{side}_pronation": pronation}


def flat_footed(thigh: Angle, shank: Angle, pelvis_pitch: Angle, side: str) -> Angles:
    """Hip, knee and ankle angles for a foot flat on the floor, given how far thigh and shank lean
    forward of vertical.

    thigh: knee ahead of the hip by this angle; shank: knee ahead of the ankle by this angle.

    >>> flat_footed(thigh=20.0, shank=5.0, pelvis_pitch=0.0, side="left")
    {'left_hip_flexion': 20.0, 'left_knee_flexion': 25.0, 'left_ankle_flexion': 5.0}
    """
    return {
        f"{side}_hip_flexion": thigh + pelvis_pitch,
        f"{side}_knee_flexion": thigh + shank,
        f"{side}_ankle_flexion": shank,
    }


def standing(angles: Mapping[str, Angle], frames: int, rate_hz: float) -> Motion:
    """The motion of these angles with both feet where they are, their ankles at standing height.

    >>> standing(flat_footed(2.0, 2.0, 0.0, "left"), frames=10, rate_hz=50.0).frames
    10
    """
    local = local_rotations(angles, frames)
    return Motion(local, planted(local, rate_hz), rate_hz)


def planted(local: JointTurns, rate_hz: float) -> Points:
    """Path of the pelvis that keeps both feet where they are, their ankles at standing height.

    >>> path = planted(local_rotations({}, frames=5), rate_hz=50.0)
    >>> path[0, 2].round(2)  # the pelvis of a body of 1.70 m
    np.float64(0.95)
    """
    ankles, _ = _ankles(local, rate_hz)
    root = np.asarray(-ankles.mean(axis=1))
    root[:, 2] += ANKLE_HEIGHT * REFERENCE_STATURE_M
    return root


def soles(local: JointTurns, rate_hz: float) -> Float[np.ndarray, "F 4 3"]:
    """Where the soles (left heel, left ball, right heel, right ball) are, as seen from the pelvis'
    place, in metres.

    >>> soles(local_rotations({}, frames=5), rate_hz=50.0)[0, :, 2].round(2).tolist()
    [-0.95, -0.95, -0.95, -0.95]
    """
    ankles, to_world = _ankles(local, rate_hz)
    under = REFERENCE_STATURE_M * np.array(
        [[-0.035, 0.0, -ANKLE_HEIGHT], [0.075, 0.0, -ANKLE_HEIGHT]]
    )
    points = ankles[:, :, None] + rotations.rotate(to_world[:, :, None], under[None, None])
    return np.asarray(points.reshape(len(local), 4, 3))


def _ankles(local: JointTurns, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    body = Motion(local, np.zeros((len(local), 3)), rate_hz)
    return body.forward(("left_ankle", "right_ankle"))
