"""Exercises and gestures on the spot: squat, sit to stand, jumping, boxing, waving."""

from __future__ import annotations

import numpy as np

from otolith.data.skeleton import REFERENCE_STATURE_M
from otolith.motion.motion import Motion
from otolith.motion.procedural.curves import cadenced, drift, ease, pulses
from otolith.motion.procedural.gait import bounce
from otolith.motion.procedural.pose import SIDES, Angle, Angles, arm, flat_footed, standing
from otolith.motion.procedural.stillness import HANGING
from otolith.motion.procedural.style import Style
from otolith.motion.shapes import Curve

SEGMENT_M = 0.2455 * REFERENCE_STATURE_M  # thigh and shank, equal to within half a percent


def _crouch(drop_m: Curve, pelvis_pitch: Angle, style: Style) -> Angles:
    """Legs for hips that have sunk by so many metres straight over the ankles; a limping body leans
    a little."""
    fold = np.rad2deg(np.arccos(np.clip(1.0 - drop_m / (2.0 * SEGMENT_M), 0.0, 1.0)))
    angles: Angles = {
        "pelvis_pitch": pelvis_pitch,
        "pelvis_roll": 10.0 * style.asymmetry * drop_m / SEGMENT_M,
    }
    for side in SIDES:
        angles |= flat_footed(fold, fold, pelvis_pitch, side)
        angles[f"{side}_hip_abduction"] = 8.0
    return angles


def squat(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Squats, one every three seconds or so, the arms reaching forward for balance or folded at the
    chest."""
    frames = round(seconds * rate_hz) + 1
    phase = cadenced(rng, frames, rate_hz, 0.36 * style.tempo, 2.0 * style.jitter)
    beat = np.mod(phase, 1.0)
    # Down in 40 % of the cycle, up in 35 %, and a rest on top.
    down = ease(beat / 0.4) - ease((beat - 0.43) / 0.35)
    vary = 1.0 + style.jitter * drift(rng, frames, rate_hz, 3.0)
    depth = down * np.clip(style.amplitude * vary, 0.5, 1.25)
    angles = _crouch(0.36 * depth, 32.0 * depth + style.posture, style)
    angles["trunk_flexion"] = 6.0 * depth + style.posture
    restless = style.restlessness * drift(rng, frames, rate_hz, 0.6)
    reach = rng.uniform() < 0.6
    rotation, elbow, pronation = (5.0, 20.0, 55.0) if reach else (45.0, 118.0, 20.0)
    for side in SIDES:
        raised = 8.0 + 100.0 * depth * style.side(side) if reach else 42.0 + 20.0 * depth
        bend = np.maximum(elbow + style.elbow + 2.0 * restless, 4.0)
        held = (8.0 + style.carriage, rotation, bend, pronation + style.pronation)
        angles |= arm(side, raised + restless, *held)
    return standing(angles, frames, rate_hz)


def sit_to_stand(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Standing up from a chair and sitting down again, repeatedly, as in the chair-stand test."""
    frames = round(seconds * rate_hz) + 1
    phase = cadenced(rng, frames, rate_hz, 0.22 * style.tempo, 2.0 * style.jitter)
    beat = np.mod(phase, 1.0)
    # Sit down, sit, stand up, stand; rising takes about 1.5 s (Schenkman et al., "Whole-body
    # movements during rising to standing from sitting", 1990), the trunk leans some 40 degrees
    # before the seat is left.
    down, up = ease(beat / 0.34), ease((beat - 0.50) / 0.30)
    seated = down - up
    leaning = _hump(beat / 0.36) + _hump((beat - 0.44) / 0.34)
    lean = 38.0 * style.amplitude * leaning + style.posture
    angles: Angles = {"pelvis_pitch": 0.7 * lean, "trunk_flexion": 0.3 * lean}
    for side in SIDES:
        shank = 2.0 + 14.0 * leaning
        angles |= flat_footed(2.0 + 80.0 * seated, shank, angles["pelvis_pitch"], side)
        angles[f"{side}_hip_abduction"] = 6.0
    restless = style.restlessness * drift(rng, frames, rate_hz, 0.5)
    pushes = rng.uniform() < 0.5  # hands on the thighs while rising, else they swing forward
    size = 18.0 if pushes else 45.0
    for side in SIDES:
        swing = size * leaning * style.arm_swing**0.5 * style.side(side)
        flexion = -2.0 + 24.0 * seated + swing + restless
        bend = np.maximum(18.0 + 34.0 * seated + style.elbow + restless, 4.0)
        pronation = 15.0 + 55.0 * seated + 0.5 * style.pronation
        angles |= arm(side, flexion, 8.0 + style.carriage, 12.0, bend, pronation)
    return standing(angles, frames, rate_hz)


def _hump(x: Curve) -> Curve:
    return np.asarray(ease(2.0 * x) - ease(2.0 * x - 1.0))


def jumping(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Jumping on the spot, again and again: the body flies freely between pushes, knees give on
    landing."""
    frames = round(seconds * rate_hz) + 1
    hops_hz, stance = 1.7 * style.tempo**0.5, 0.62
    phase = cadenced(rng, frames, rate_hz, hops_hz, style.jitter)
    height = bounce(phase, stance, hops_hz)
    leaving = float(bounce(np.array([0.0]), stance, hops_hz)[0])
    beat = np.mod(phase, 1.0)
    # Below the height at which the feet leave, the knees take it up; the root softens the corner at
    # take-off.
    drop = 0.5 * (leaving - height + np.sqrt((leaving - height) ** 2 + 0.02**2))
    angles = _crouch(drop, 70.0 * drop, style)
    flying = _hump((beat - stance + 0.06) / (1.0 - stance + 0.12))
    swing = np.sin(2.0 * np.pi * (beat - 0.25))
    for side in SIDES:
        angles[f"{side}_ankle_flexion"] = angles[f"{side}_ankle_flexion"] - 32.0 * flying
        flexion = 12.0 + 42.0 * style.arm_swing * style.side(side) * swing
        bend = np.maximum(48.0 + style.elbow + 16.0 * swing, 4.0)
        angles |= arm(side, flexion, 12.0 + style.carriage, 10.0, bend, 10.0 + style.pronation)
    angles["trunk_flexion"] = 25.0 * drop + style.posture
    motion = standing(angles, frames, rate_hz)
    motion.root[:, 2] = height - leaving + 2.0 * SEGMENT_M + 0.069 * REFERENCE_STATURE_M
    return motion


def boxing(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Shadow boxing: straight punches by both hands in flurries, from a guard, on light feet."""
    frames = round(seconds * rate_hz) + 1
    time_s = np.arange(frames) / rate_hz
    lead, rear = ("right", "left") if style.left_handed else ("left", "right")
    starts: dict[str, list[float]] = {"left": [], "right": []}
    widths: dict[str, list[float]] = {"left": [], "right": []}
    now = 0.3 * rng.uniform()
    while now < seconds:
        for number in range(int(rng.integers(1, 5))):
            side = lead if number % 2 == 0 else rear
            width = 0.46 / style.tempo * rng.uniform(0.85, 1.2)
            starts[side].append(now)
            widths[side].append(width)
            now += width * rng.uniform(0.75, 1.05)
        now += rng.uniform(0.1, 1.2) / style.tempo
    phase = cadenced(rng, frames, rate_hz, 1.9 * style.tempo, 3.0 * style.jitter)
    dance = np.sin(2.0 * np.pi * phase)
    restless = style.restlessness * drift(rng, frames, rate_hz, 0.4)
    angles = _crouch(0.035 + 0.012 * style.amplitude * dance, 6.0, style)
    twist: Angle = -12.0 if lead == "left" else 12.0  # the lead shoulder is kept in front
    for side, turn in zip(SIDES, (-1.0, 1.0), strict=True):
        blow = pulses(time_s, starts[side], widths[side])
        blow = blow * min(style.amplitude, 1.15) * style.side(side)
        twist = twist + turn * 24.0 * blow
        flexion, abduction = 38.0 + 46.0 * blow + 3.0 * restless, 14.0 + style.carriage + 8.0 * blow
        bend = np.maximum(124.0 + 0.5 * style.elbow - 112.0 * blow + 2.0 * restless, 4.0)
        pronation = 0.5 * style.pronation + 75.0 * blow
        angles |= arm(side, flexion, abduction, 18.0 - 14.0 * blow, bend, pronation)
    angles |= {
        "trunk_twist": twist,
        "trunk_flexion": 8.0 + style.posture,
        "head_turn": -0.8 * twist,
        "head_nod": -6.0,
    }
    angles[f"{lead}_hip_flexion"] = angles[f"{lead}_hip_flexion"] + 8.0
    angles[f"{rear}_hip_flexion"] = angles[f"{rear}_hip_flexion"] - 8.0
    return standing(angles, frames, rate_hz)


def waving(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
    """Standing and waving with one hand, raised high or with the elbow at the side, in bouts."""
    frames = round(seconds * rate_hz) + 1
    hand, other = ("left", "right") if style.left_handed else ("right", "left")
    phase = cadenced(rng, frames, rate_hz, 1.45 * style.tempo, 2.0 * style.jitter)
    bout = 0.65 + 0.35 * np.tanh(2.0 * (drift(rng, frames, rate_hz, 2.5) + 0.6))
    wave = bout * np.sin(2.0 * np.pi * phase) * style.amplitude
    follow = bout * np.sin(2.0 * np.pi * (phase - 0.08)) * style.amplitude
    restless = style.restlessness * drift(rng, frames, rate_hz, 0.5)
    angles: Angles = dict(HANGING)
    for side in SIDES:
        elbow = HANGING["left_elbow_flexion"] + max(style.elbow, -12.0)
        angles[f"{side}_elbow_flexion"] = elbow + 2.0 * restless
        angles[f"{side}_shoulder_abduction"] = HANGING["left_shoulder_abduction"] + style.carriage
        angles[f"{side}_pronation"] = HANGING["left_pronation"] + style.pronation
    high = rng.uniform() < 0.6
    raised = rng.normal(0.0, 8.0)
    # Raised high the elbow waves; at the side the shoulder turns.
    flexion, abduction, rotation, turning, elbow, bending = (
        (20.0, 80.0, -72.0, 4.0, 78.0, 24.0) if high else (22.0, 18.0, -5.0, 26.0, 122.0, 5.0)
    )
    angles |= {
        f"{hand}_shoulder_flexion": flexion + 3.0 * restless,
        f"{hand}_shoulder_abduction": abduction + raised + 6.0 * follow,
        f"{hand}_shoulder_rotation": rotation + turning * wave,
        f"{hand}_elbow_flexion": elbow + style.elbow + bending * wave,
        f"{hand}_pronation": 30.0 + 0.5 * style.pronation + 10.0 * follow,
        "trunk_bend": (5.0 if hand == "left" else -5.0) + 1.5 * follow,
        "trunk_flexion": style.posture,
        f"{other}_shoulder_flexion": angles[f"{other}_shoulder_flexion"] + 1.5 * follow,
    }
    sway = 0.4 * drift(rng, frames, rate_hz, 1.2)
    for side in SIDES:
        angles |= flat_footed(2.0, 2.0 + sway, 0.0, side)
    return standing(angles, frames, rate_hz)
