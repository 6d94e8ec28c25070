"""The skeleton that motions and poses share, and the order of joints in other sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

# joint -> (parent, offset from the parent at rest in fractions of stature: forward, left, up).
# Segment lengths and joint heights: Drillis and Contini, "Body segment parameters" (1966), as
# tabled in Winter, "Biomechanics and Motor Control of Human Movement" (2009), fig. 4.1; the joints'
# names and tree are those of SMPL (Loper et al., 2015, https://doi.org/10.1145/2816795.2818013).
SKELETON: dict[str, tuple[str | None, tuple[float, float, float]]] = {
    "pelvis": (None, (0.0, 0.0, 0.0)),
    "left_hip": ("pelvis", (0.0, 0.05, -0.03)),
    "right_hip": ("pelvis", (0.0, -0.05, -0.03)),
    "spine1": ("pelvis", (0.0, 0.0, 0.06)),
    "left_knee": ("left_hip", (0.0, 0.0, -0.245)),
    "right_knee": ("right_hip", (0.0, 0.0, -0.245)),
    "spine2": ("spine1", (0.0, 0.0, 0.07)),
    "left_ankle": ("left_knee", (0.0, 0.0, -0.246)),
    "right_ankle": ("right_knee", (0.0, 0.0, -0.246)),
    "spine3": ("spine2", (0.0, 0.0, 0.04)),
    "left_foot": ("left_ankle", (0.075, 0.0, -0.03)),
    "right_foot": ("right_ankle", (0.075, 0.0, -0.03)),
    "neck": ("spine3", (0.0, 0.0, 0.12)),
    "left_collar": ("spine3", (0.0, 0.04, 0.075)),
    "right_collar": ("spine3", (0.0, -0.04, 0.075)),
    "head": ("neck", (0.01, 0.0, 0.05)),
    "left_shoulder": ("left_collar", (0.0, 0.075, 0.013)),
    "right_shoulder": ("right_collar", (0.0, -0.075, 0.013)),
    "left_elbow": ("left_shoulder", (0.0, 0.186, 0.0)),
    "right_elbow": ("right_shoulder", (0.0, -0.186, 0.0)),
    "left_wrist": ("left_elbow", (0.0, 0.146, 0.0)),
    "right_wrist": ("right_elbow", (0.0, -0.146, 0.0)),
    "left_hand": ("left_wrist", (0.0, 0.05, 0.0)),
    "right_hand": ("right_wrist", (0.0, -0.05, 0.0)),
}
JOINTS: tuple[str, ...] = tuple(SKELETON)
PARENTS: tuple[int, ...] = tuple(
    -1 if parent is None else JOINTS.index(parent) for parent, _ in SKELETON.values()
)
FINGERS = tuple(
    f"{side}_{finger}{number}"
    for side in ("left", "right")
    for finger in ("index", "middle", "pinky", "ring", "thumb")
    for number in (1, 2, 3)
)
"""Joints of the hands in the order of SMPL-H; they follow ours where a source has them under these
names."""
ANKLE_HEIGHT = 0.039
"""Height of the ankle joint above the floor in a standing body, as a fraction of stature."""
REFERENCE_STATURE_M = 1.70
"""Stature of the skeleton that motions are written for; other bodies are fitted by
`otolith.motion.bodies.body`."""
POSE_JOINTS = JOINTS[:22]
"""The joints of a pose: those of SMPL without the hands, whose fingers
(`otolith.data.skeleton.FINGERS`) may follow."""
_PAIRS = ("shoulder elbow wrist hand", "hip knee ankle foot")
KINECT = (
    *("head", "neck", "spine2", "pelvis"),
    *(f"{side}_{p}" for parts in _PAIRS for side in ("left", "right") for p in parts.split()),
)
"""The 20 joints of the first Kinect in UTD-MHAD's order; its shoulder centre is our neck."""
HUMAN36M = (
    *("pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("spine2", "neck", "", "head", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_shoulder", "right_elbow", "right_wrist"),
)
"""The 17 joints of Human3.6M as video-to-pose estimators order them; "" is the nose."""


def _exchanged(joint: str) -> str:
    side, _, part = joint.partition("_")
    return f"{_SIDES[side]}_{part}" if side in _SIDES else joint


_SIDES = {"left": "right", "right": "left"}
MM_FIT = tuple(_exchanged(joint) for joint in HUMAN36M)
"""MM-Fit's joints as its authors list them, left and right exchanged; `sided` holds that against
the knees."""


def reference_offsets(stature_m: float = REFERENCE_STATURE_M) -> Float[np.ndarray, "J 3"]:
    """Return the offsets of the joints from their parents at rest, in m, of average proportions."""
    return stature_m * np.array([offset for _, offset in SKELETON.values()])


def sided(joints: Sequence[str], positions: Float[np.ndarray, "F J 3"]) -> tuple[str, ...]:
    """Return the joints' names, left and right exchanged if knees would bend backwards otherwise.

    A body faces along (left hip − right hip) × (neck − pelvis); a bent knee points there. Legs that
    stay straight (the knee less than 3 % of the leg off the line from hip to ankle) say nothing,
    and the names stay. positions: any unit, right-handed axes, any of them up.
    """
    place = {name: positions[:, index] for index, name in enumerate(joints)}
    forward = np.cross(place["left_hip"] - place["right_hip"], place["neck"] - place["pelvis"])
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    bends = []
    for side in ("left", "right"):
        hip, knee, ankle = (place[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        leg = sum(np.linalg.norm(part, axis=1) for part in (hip - knee, knee - ankle))
        leg = np.maximum(leg, 1e-9)
        bends.append(np.einsum("fi,fi->f", knee - (hip + ankle) / 2, forward) / leg)
    bend = np.concatenate(bends)
    bend = bend[np.abs(bend) > 0.03]
    if not len(bend) or np.median(bend) >= 0.0:
        return tuple(joints)
    return tuple(_exchanged(joint) for joint in joints)
