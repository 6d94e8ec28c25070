"""Sitting, standing and lying: postures that people hold, change now and then, and never hold quite
still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from otolith.data.skeleton import REFERENCE_STATURE_M
from otolith.motion import rotations
from otolith.motion.motion import Motion
from otolith.motion.procedural import pose
from otolith.motion.procedural.curves import cadenced, drift, holds
from otolith.motion.procedural.pose import SIDES, Angle, Angles, flat_footed, local_rotations
from otolith.motion.procedural.style import Style

BREATHS_HZ = 0.25  # 12 to 20 breaths a minute at rest
Posture = Mapping[str, float]


def _both(**angles: float) -> dict[str, float]:
    return {f"{side}_{name}": value for side in SIDES for name, value in angles.items()}


def _arms(*angles: float) -> dict[str, float]:
    """Both arms: flexion, abduction and rotation of the shoulder, bend of the elbow, pronation."""
    return {f"{side}_{name}": v for side in SIDES for name, v in zip(_ARM, angles, strict=True)}


_ARM = ("shoulder_flexion", "shoulder_abduction", "shoulder_rotation", "elbow_flexion", "pronation")
_TURNING = ("pelvis_roll", "pelvis_yaw", "trunk_bend", "trunk_twist", "head_turn")
"""Angles of the trunk that a mirror reverses."""


def _swapped(posture: Posture) -> dict[str, float]:
    """The same posture in a mirror."""
    other = {"left": "right", "right": "left"}
    out = {}
    for name, value in posture.items():
        side, _, rest = name.partition("_")
        name = f"{other[side]}_{rest}" if side in other else name
        out[name] = -value if name in _TURNING else value
    return out


HANGING = _arms(-2, 8, 10, 18, 15)
FOLDED = _arms(28, 12, 62, 105, 50)
IN_POCKETS = _arms(-8, 18, 22, 48, 20)
ON_HIPS = _arms(-18, 42, 18, 95, 70)
ON_THIGHS = _arms(24, 8, 12, 52, 75)
IN_LAP = _arms(16, 8, 42, 68, 40)
ON_TABLE = _arms(38, 14, 30, 78, 80)
PHONE = HANGING | {
    "right_shoulder_flexion": 26.0,
    "right_shoulder_rotation": 28.0,
    "right_elbow_flexion": 108.0,
    "right_pronation": -25.0,
    "head_nod": 28.0,
}
SEATED_PHONE = PHONE | {key: value for key, value in ON_THIGHS.items() if key.startswith("left")}
# Turned about the body's long axis: what is the pelvis' yaw before it is laid down.
ON_BACK = {"pelvis_yaw": 0.0}
ON_RIGHT_SIDE = {
    "pelvis_yaw": -75.0,
    "left_hip_flexion": 48.0,
    "left_knee_flexion": 62.0,
    "right_hip_flexion": 15.0,
}
ON_BELLY_ARMS = _arms(14, 14, 62, 82, 60)
ALONG_BODY = _both(shoulder_abduction=14, shoulder_rotation=0, elbow_flexion=14, pronation=40)
UNDER_HEAD = _both(shoulder_abduction=110, shoulder_rotation=-75, elbow_flexion=125, pronation=0)

# A posture that stands twice is held twice as often.
STANDING = (HANGING, HANGING, FOLDED, IN_POCKETS, ON_HIPS, PHONE, _swapped(PHONE))
SITTING = (
    ON_THIGHS,
    IN_LAP,
    ON_TABLE | {"trunk_flexion": 8.0},
    FOLDED | {"trunk_flexion": -8.0},
    SEATED_PHONE | {"trunk_flexion": 5.0},
    _swapped(SEATED_PHONE),
    HANGING,
)
LYING_ARMS = (ALONG_BODY, ON_BELLY_ARMS, UNDER_HEAD, PHONE | {"head_nod": 15.0})


def standing(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Standing at ease, the arms held this way and that, the body swaying over its feet."""
    frames = round(seconds * rate_hz) + 1
    angles = _held(STANDING, style, frames, rate_hz, rng)
    # Sway of the whole body over the ankles: about 0.3 degrees, slower than 1 Hz (Winter 1995,
    # "Human balance and posture control during standing and walking").
    sway = 0.3 * drift(rng, frames, rate_hz, 1.2)
    shift = 0.7 * style.restlessness * drift(rng, frames, rate_hz, 6.0)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        angles |= flat_footed(2.0, 2.0 + sway, 0.0, side)
        angles[f"{side}_hip_abduction"] = sign * shift + 3.0
    _add(angles, "trunk_flexion", style.posture)
    return pose.standing(angles, frames, rate_hz)


def sitting(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Sitting on a chair, hands in the lap, on a table or at a phone."""
    frames = round(seconds * rate_hz) + 1
    angles = _held(SITTING, style, frames, rate_hz, rng)
    for side in SIDES:
        angles |= flat_footed(84.0, rng.normal(0.0, 8.0), 0.0, side)
        angles[f"{side}_hip_abduction"] = 6.0
    _add(angles, "trunk_flexion", style.posture)
    return pose.standing(angles, frames, rate_hz)


def lying(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Lying down, on the back or on a side, turning over now and then."""
    frames = round(seconds * rate_hz) + 1
    arms = _held(LYING_ARMS, style, frames, rate_hz, rng)
    sides = (ON_BACK, ON_BACK, ON_RIGHT_SIDE, _swapped(ON_RIGHT_SIDE))
    turned = holds(rng, sides, frames, rate_hz, hold_s=30.0, move_s=2.5)
    local = local_rotations(arms | turned, frames)
    laid = rotations.from_euler("y", np.array([-np.pi / 2]))
    local[:, 0] = rotations.multiply(laid, local[:, 0])
    # Half the depth of the trunk on the back, half its width on a side.
    across = np.abs(np.sin(np.deg2rad(turned["pelvis_yaw"])))
    root = np.zeros((frames, 3))
    root[:, 2] = (0.065 + 0.045 * across) * REFERENCE_STATURE_M
    return Motion(local, root, rate_hz)


def _held(
    postures: Sequence[Posture], style: Style, frames: int, rate_hz: float, rng: np.random.Generator
) -> Angles:
    """Postures one after another, with a person's habit of the arms, breath and fidgeting."""
    # Nobody uses every posture within a minute or two: three, by chance, the person's own.
    few = rng.choice(len(postures), size=min(3, len(postures)), replace=False)
    hold_s = 18.0 / max(style.restlessness, 0.3)
    angles: Angles = dict(holds(rng, [postures[i] for i in few], frames, rate_hz, hold_s=hold_s))
    for side in SIDES:
        for name, habit in (("elbow_flexion", style.elbow), ("shoulder_abduction", style.carriage)):
            key = f"{side}_{name}"
            angles[key] = np.maximum(angles.get(key, 0.0), 4.0 - habit) + habit
        for name, size in (("elbow_flexion", 1.5), ("shoulder_flexion", 0.8), ("pronation", 2.5)):
            # Fidgeting comes in bouts: the square of a slow drift is mostly small.
            bout = np.minimum(drift(rng, frames, rate_hz, 4.0) ** 2, 4.0)
            fidget = size * style.restlessness * bout * drift(rng, frames, rate_hz, 0.35)
            _add(angles, f"{side}_{name}", fidget)
    breath = np.sin(2.0 * np.pi * cadenced(rng, frames, rate_hz, BREATHS_HZ, 0.1))
    _add(angles, "trunk_flexion", 0.4 * breath)
    _add(angles, "head_turn", 8.0 * style.restlessness * drift(rng, frames, rate_hz, 3.0))
    return angles


def _add(angles: Angles, name: str, degrees: Angle) -> None:
    angles[name] = angles.get(name, 0.0) + degrees
