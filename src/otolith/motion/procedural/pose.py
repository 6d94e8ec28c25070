"""From a clinician's joint angles (degrees) to the rotations of a skeleton, and from feet on the
floor to its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, nearest
from otolith.data.skeleton import ANKLE_HEIGHT, JOINTS, REFERENCE_STATURE_M
from otolith.motion import rotations
from otolith.motion.motion import Motion

Angle = Float[np.ndarray, " F"] | float
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
ANGLES = {
    **TRUNK_ANGLES,
    **{f"{side}_{name}": words for side in SIDES for name, words in LIMB_ANGLES.items()},
}


def _about(axis: int, degrees: Angle) -> Float[np.ndarray, "F 4"] | None:
    if isinstance(degrees, float | int) and degrees == 0:
        return None
    half = np.deg2rad(np.atleast_1d(np.asarray(degrees, dtype=np.float64))) / 2.0
    q = np.zeros((len(half), 4))
    q[:, axis], q[:, 3] = np.sin(half), np.cos(half)
    return q


def _compose(turns: Sequence[Float[np.ndarray, "F 4"] | None]) -> Float[np.ndarray, "F 4"]:
    total: np.ndarray | None = None
    for turn in turns:
        if turn is not None:
            total = turn if total is None else rotations.multiply(total, turn)
    return rotations.IDENTITY[None] if total is None else total


def local_rotations(angles: Mapping[str, Angle], frames: int) -> Float[np.ndarray, "F J 4"]:
    """joint_to_parent quaternions of the 24 joints from angles in degrees; raises ConfigError for
    an unknown angle."""
    for name in angles:
        if name not in ANGLES:
            raise ConfigError(
                f"There is no angle '{name}'.{nearest(name, ANGLES)} All: {', '.join(ANGLES)}."
            )

    def at(name: str) -> Angle:
        return angles.get(name, 0.0)

    turns: dict[str, np.ndarray] = {
        "pelvis": _compose(
            [
                _about(Z, at("pelvis_yaw")),
                _about(Y, at("pelvis_pitch")),
                _about(X, at("pelvis_roll")),
            ]
        ),
        "neck": _compose([_about(Z, at("head_turn")), _about(Y, at("head_nod"))]),
    }
    # The back bends as a chain: a third in each of its joints.
    third = _compose(
        [
            _about(Z, at("trunk_twist") / 3),
            _about(Y, at("trunk_flexion") / 3),
            _about(X, -at("trunk_bend") / 3),
        ]
    )
    turns |= dict.fromkeys(("spine1", "spine2", "spine3"), third)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):

        def of(name: str, side: str = side) -> Angle:
            return at(f"{side}_{name}")

        turns[f"{side}_hip"] = _compose(
            [
                _about(Y, -of("hip_flexion")),
                _about(X, sign * of("hip_abduction")),
                _about(Z, -sign * of("hip_rotation")),
            ]
        )
        turns[f"{side}_knee"] = _compose([_about(Y, of("knee_flexion"))])
        turns[f"{side}_ankle"] = _compose([_about(Y, -of("ankle_flexion"))])
        turns[f"{side}_shoulder"] = _compose(
            [
                _about(Y, -of("shoulder_flexion")),
                _about(X, sign * of("shoulder_abduction")),
                _about(Z, -sign * of("shoulder_rotation")),
                _about(X, -90.0 * sign),  # from the T of the rest pose to a hanging arm
            ]
        )
        turns[f"{side}_elbow"] = _compose(
            [_about(Z, -sign * of("elbow_flexion")), _about(Y, of("pronation"))]
        )
    out = np.empty((frames, len(JOINTS), 4))
    out[:] = rotations.IDENTITY
    for joint, turn in turns.items():
        out[:, JOINTS.index(joint)] = turn
    return out


def flat_footed(thigh: Angle, shank: Angle, pelvis_pitch: Angle, side: str) -> Angles:
    """Hip, knee and ankle angles for a foot flat on the floor, given how far thigh and shank lean
    forward of vertical.

    thigh: knee ahead of the hip by this angle; shank: knee ahead of the ankle by this angle.
    """
    return {
        f"{side}_hip_flexion": thigh + pelvis_pitch,
        f"{side}_knee_flexion": thigh + shank,
        f"{side}_ankle_flexion": shank,
    }


def planted(local: Float[np.ndarray, "F J 4"], rate_hz: float) -> Float[np.ndarray, "F 3"]:
    """Path of the pelvis that keeps both feet where they are, their ankles at standing height."""
    ankles, _ = Motion(local, np.zeros((len(local), 3)), rate_hz).forward(
        ("left_ankle", "right_ankle")
    )
    root = np.asarray(-ankles.mean(axis=1))
    root[:, 2] += ANKLE_HEIGHT * REFERENCE_STATURE_M
    return root


def soles(local: Float[np.ndarray, "F J 4"], rate_hz: float) -> Float[np.ndarray, "F 4 3"]:
    """Where the soles (left heel, left ball, right heel, right ball) are, as seen from the pelvis'
    place, in metres."""
    ankles, to_world = Motion(local, np.zeros((len(local), 3)), rate_hz).forward(
        ("left_ankle", "right_ankle")
    )
    under = REFERENCE_STATURE_M * np.array(
        [[-0.035, 0.0, -ANKLE_HEIGHT], [0.075, 0.0, -ANKLE_HEIGHT]]
    )
    points = ankles[:, :, None] + rotations.rotate(to_world[:, :, None], under[None, None])
    return np.asarray(points.reshape(len(local), 4, 3))
