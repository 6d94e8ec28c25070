"""Walking, running and stairs, from published joint-angle curves of healthy adults.

Angles are given as key points (percent of the stride from the foot's first contact, degrees), read
off the normative figures named beside each, and joined by a smooth closed curve. Hip angles are of
the thigh against the vertical, so that the pelvis may stand upright. The path of the pelvis is not
written down: it follows from the feet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from otolith.data.quantities import STANDARD_GRAVITY
from otolith.data.skeleton import REFERENCE_STATURE_M
from otolith.motion.motion import Motion
from otolith.motion.procedural.curves import (
    KeyPoints,
    cadenced,
    cycle,
    drift,
    ease,
    fourier,
    series,
)
from otolith.motion.procedural.pose import SIDES, Angles, local_rotations, soles
from otolith.motion.procedural.style import Style
from otolith.motion.shapes import Curve, Turns

Maker = Callable[[Style, float, float, np.random.Generator], Motion]
"""(style, seconds, rate_hz, rng) -> one person at one activity."""
SOFT_M = 0.02
"""How softly a foot takes over: soles and heel pads give by a centimetre or two."""
LEG_M = 0.49 * REFERENCE_STATURE_M
"""From hip to ankle in the reference body."""


@dataclass(frozen=True)
class Gait:
    """One way of getting along: joint angles over the stride, and its usual rhythm."""

    stride_hz: float
    """Strides (two steps) per second at the average cadence."""
    hip: KeyPoints
    knee: KeyPoints
    ankle: KeyPoints
    stance: float
    """Share of the stride that one foot is on the ground."""
    lean: float
    """Forward lean of the trunk, degrees."""
    shoulder: tuple[float, float]
    """Mean and half range of the arm's forward swing, degrees."""
    elbow: tuple[float, float]
    """Mean and half range of the elbow's bend, degrees."""
    rise_m: float = 0.0
    """Height gained with each step."""


# Perry and Burnfield, "Gait Analysis: Normal and Pathological Function" (2010); cadence 113
# steps/min. Arms: Murray, Sepic and Barnard, "Patterns of sagittal rotation of the upper limbs in
# walking" (1967).
WALKING = Gait(
    stride_hz=0.94,
    hip=((0, 26), (12, 20), (30, 2), (52, -18), (62, -9), (75, 18), (86, 29), (95, 27)),
    knee=((0, 4), (14, 18), (28, 11), (40, 5), (50, 10), (62, 40), (72, 62), (85, 30), (95, 3)),
    ankle=((0, 0), (7, -6), (20, 3), (45, 10), (52, 4), (62, -18), (75, -3), (85, 1)),
    stance=0.62,
    lean=2.0,
    shoulder=(-8.0, 16.0),
    elbow=(25.0, 12.0),
)
# Novacheck, "The biomechanics of running" (1998), https://doi.org/10.1016/S0966-6362(97)00038-6:
# about 3 m/s, 168 steps a minute.
RUNNING = Gait(
    stride_hz=1.40,
    hip=((0, 32), (12, 26), (25, 5), (40, -16), (55, 8), (72, 42), (82, 44), (93, 36)),
    knee=((0, 18), (16, 42), (30, 28), (38, 20), (52, 60), (68, 98), (84, 55), (95, 14)),
    ankle=((0, 5), (8, 5), (20, 22), (32, 2), (42, -24), (55, -10), (72, 3), (88, 6)),
    stance=0.36,
    lean=7.0,
    shoulder=(-12.0, 26.0),
    elbow=(92.0, 14.0),
)
# Riener, Rabuffetti and Frigo, "Stair ascent and descent at different inclinations" (2002),
# https://doi.org/10.1016/S0966-6362(01)00162-X: 30 degrees, steps of 0.17 m.
CLIMBING_STAIRS = Gait(
    stride_hz=0.71,
    hip=((0, 50), (15, 40), (32, 17), (52, -2), (62, 7), (76, 40), (88, 55), (96, 54)),
    knee=((0, 63), (15, 53), (32, 25), (50, 9), (62, 36), (76, 86), (88, 82), (96, 68)),
    ankle=((0, 8), (15, 12), (35, 6), (50, -4), (62, -18), (75, 8), (88, 14)),
    stance=0.62,
    lean=10.0,
    shoulder=(-2.0, 11.0),
    elbow=(32.0, 8.0),
    rise_m=0.17,
)
DESCENDING_STAIRS = Gait(
    stride_hz=0.84,
    hip=((0, 18), (15, 14), (35, 11), (50, 17), (65, 33), (78, 38), (90, 26)),
    knee=((0, 10), (12, 22), (30, 28), (45, 50), (57, 78), (67, 90), (82, 55), (94, 14)),
    ankle=((0, -22), (10, 0), (25, 14), (45, 27), (56, 24), (68, 0), (84, -16), (94, -24)),
    stance=0.62,
    lean=-1.0,
    shoulder=(-5.0, 10.0),
    elbow=(30.0, 8.0),
    rise_m=-0.17,
)


def _moving(gait: Gait, words: str) -> Maker:
    def make(style: Style, seconds: float, rate_hz: float, rng: np.random.Generator) -> Motion:
        return _motion(gait, style, seconds, rate_hz, rng)

    make.__doc__ = words
    return make


walking = _moving(WALKING, "Walking on level ground at a comfortable speed.")
running = _moving(RUNNING, "Running at an easy pace, both feet off the ground between steps.")
climbing_stairs = _moving(CLIMBING_STAIRS, "Climbing stairs, foot over foot.")
descending_stairs = _moving(DESCENDING_STAIRS, "Descending stairs, foot over foot.")


def _motion(
    gait: Gait, style: Style, seconds: float, rate_hz: float, rng: np.random.Generator
) -> Motion:
    # What lies within a stride is told from what lies beyond by looking a stride both ways: one
    # more at each end.
    margin = int(np.ceil(1.5 * rate_hz / (gait.stride_hz * style.cadence)))
    kept = round(seconds * rate_hz) + 1
    frames = kept + 2 * margin
    phase = cadenced(rng, frames, rate_hz, gait.stride_hz * style.cadence, style.jitter)
    vary = 1.0 + style.jitter * drift(rng, frames, rate_hz, 1.0 / gait.stride_hz)
    angles = _legs(gait, style, phase, vary) | _arms(gait, style, phase, vary)
    angles |= (trunk := _trunk(gait, style, phase, vary))
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        # The pelvis tilts over legs that stay upright.
        angles[f"{side}_hip_abduction"] = -sign * trunk["pelvis_roll"]
    way, lacking = _path(gait, phase, soles(local_rotations(angles, frames), rate_hz), rate_hz)
    forward, left = np.rad2deg(lacking.T / LEG_M)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        angles[f"{side}_hip_flexion"] = angles[f"{side}_hip_flexion"] + forward
        angles[f"{side}_ankle_flexion"] = angles[f"{side}_ankle_flexion"] - forward
        angles[f"{side}_hip_abduction"] = angles[f"{side}_hip_abduction"] + sign * left
    sole = soles(local_rotations(angles, frames), rate_hz)
    height = _height(gait, style, phase, sole, rate_hz)
    # Stairs begin on the floor, whatever was climbed before the first frame.
    floor = (height[:, None] + sole[..., 2])[margin : 2 * margin].min() if gait.rise_m else 0.0
    # The way bends slowly, as no corridor is walked dead straight.
    heading = 12.0 * style.jitter / 0.03 * drift(rng, frames, rate_hz, 8.0)
    heading -= heading[margin]
    angles["pelvis_yaw"] = angles["pelvis_yaw"] + heading
    turn = np.exp(1j * np.deg2rad(heading))
    bent = np.cumsum(np.gradient(way[:, 0] + 1j * way[:, 1]) * turn)
    ground = bent - bent[margin]
    root = np.stack([ground.real, ground.imag, height - floor], axis=1)
    return Motion(local_rotations(angles, frames), root, rate_hz).cut(margin, margin + kept)


def _legs(gait: Gait, style: Style, phase: Curve, vary: Curve) -> Angles:
    angles: Angles = {}
    for side, lag in zip(SIDES, (0.0, 0.5 + 0.1 * style.asymmetry), strict=True):
        lagged, reach = phase - lag, style.stride * style.side(side) * vary
        # Only the hip widens the stride: a knee bent more at contact would shorten the leg, not the
        # step.
        hip = cycle(lagged, gait.hip)
        mean = float(fourier(gait.hip)[0].real)
        angles |= {
            f"{side}_hip_flexion": mean + reach * (hip - mean),
            f"{side}_knee_flexion": cycle(lagged, gait.knee) * (0.5 + 0.5 * reach),
            f"{side}_ankle_flexion": cycle(lagged, gait.ankle) * (0.5 + 0.5 * reach),
            f"{side}_hip_rotation": -7.0,
        }
    return angles


def _trunk(gait: Gait, style: Style, phase: Curve, vary: Curve) -> Angles:
    # Pelvis: 4 degrees to each side in the transverse and frontal planes (Perry and Burnfield); the
    # chest turns against it. At left contact the left hip is ahead, so the pelvis is turned to the
    # right.
    stride, step = 2.0 * np.pi * phase, 4.0 * np.pi * phase
    turn = -4.0 * style.stride * vary * np.cos(stride)
    tilt = 4.0 * vary * np.sin(stride + 0.5)
    return {
        "pelvis_yaw": turn,
        "pelvis_roll": tilt,
        "trunk_twist": -2.0 * turn * (0.6 + 0.4 * style.arm_swing),
        "trunk_bend": tilt,
        "trunk_flexion": gait.lean + style.posture + 1.5 * np.cos(step - 0.6),
        "head_turn": turn,
        "head_nod": -0.5 * (gait.lean + style.posture),
    }


def _arms(gait: Gait, style: Style, phase: Curve, vary: Curve) -> Angles:
    angles: Angles = {}
    for side, lag in zip(SIDES, (0.5, 0.0), strict=True):
        # An arm swings with the other side's leg.
        swing = np.cos(2.0 * np.pi * (phase - lag))
        late = np.cos(2.0 * np.pi * (phase - lag - 0.06))
        reach = style.arm_swing * style.side(side) * vary
        elbow = gait.elbow[0] + style.elbow
        angles |= {
            f"{side}_shoulder_flexion": gait.shoulder[0] + gait.shoulder[1] * reach * swing,
            f"{side}_shoulder_abduction": 7.0 + style.carriage + 2.0 * reach * late,
            f"{side}_shoulder_rotation": 10.0 + 8.0 * reach * swing,
            f"{side}_elbow_flexion": np.maximum(elbow + gait.elbow[1] * reach * late, 3.0),
            f"{side}_pronation": 15.0 + style.pronation,
        }
    return angles


def _share(gait: Gait, phase: Curve) -> Turns:
    """Share of the weight that each heel and ball bears, from the phase: in walking it rolls from
    heel to ball."""
    lagged = np.stack([phase, phase, phase - 0.5, phase - 0.5], axis=1)
    bears = np.clip(np.cos(2.0 * np.pi * (lagged - gait.stance / 2.0)) + 0.25, 0.0, None) ** 2
    level = not gait.rise_m and gait.stance > 0.5
    rolled = ease((np.mod(lagged[:, ::2] + 0.2, 1.0) - 0.25) / 0.35) if level else 0.999
    bears[:, ::2] *= 1.0 - rolled
    bears[:, 1::2] *= rolled
    return np.asarray(bears / bears.sum(axis=1, keepdims=True))


def _path(
    gait: Gait, phase: Curve, sole: Float[np.ndarray, "F 4 3"], rate_hz: float
) -> tuple[Float[np.ndarray, "F 2"], Float[np.ndarray, "F 2"]]:
    """Way of the pelvis over the ground, and by how much the feet must be moved so that they do not
    slip on it.

    Angles read off a figure, taken at their word, would jerk the pelvis at each step. It is given
    the smooth way of a real one instead (speed within a step varies by about a tenth), and the legs
    make up for the difference.
    """
    moving = np.gradient(sole, 1.0 / rate_hz, axis=0)
    speed = -np.sum(_share(gait, phase)[..., None] * moving, axis=1)
    held = np.cumsum(speed[:, :2], axis=0) / rate_hz
    even = np.stack([_slow(held[:, axis], phase) for axis in (0, 1)], axis=1)
    if gait.stance < 0.5:
        # Braking and push of each step are 6 % of a runner's speed (Novacheck 1998); in flight
        # nothing is held.
        stride_m = np.gradient(even, axis=0) / np.gradient(phase)[:, None]
        surge = 0.06 * stride_m * np.sin(4.0 * np.pi * phase)[:, None] / (4.0 * np.pi)
        return even + surge, np.zeros_like(even)
    way = even + 0.25 * (held - even)
    return way, held - way


def _height(
    gait: Gait, style: Style, phase: Curve, sole: Float[np.ndarray, "F 4 3"], rate_hz: float
) -> Curve:
    """Height of the pelvis: in flight a runner falls freely; else the foot that stands is on the
    floor, or its step."""
    if gait.stance < 0.5:
        steps_hz = 2.0 * gait.stride_hz * style.cadence
        height = bounce(2.0 * phase, min(0.95, 2.0 * gait.stance), steps_hz)
        return np.asarray(height - np.quantile((height[:, None] + sole[..., 2]).min(axis=1), 0.1))
    if not gait.rise_m:  # the soft minimum of the soles' heights
        lowest = sole[..., 2].min(axis=1)
        above = np.exp(-(sole[..., 2] - lowest[:, None]) / SOFT_M)
        return np.asarray(-lowest + SOFT_M * np.log(above.sum(axis=1) / 2.0))
    speed = -np.sum(_share(gait, phase) * np.gradient(sole[..., 2], 1.0 / rate_hz, axis=0), axis=1)
    held = np.cumsum(speed) / rate_hz
    climbed = gait.rise_m * 2.0 * (phase - phase[0])
    return np.asarray(climbed + 0.6 * (held - _slow(held, phase)))


def _slow(values: Curve, phase: Curve) -> Curve:
    """A curve without what happens within a stride: its mean over each, smooth between them."""
    knots = np.arange(phase[0], phase[-1], 1.0)
    strides = [(phase >= knot - 0.5) & (phase < knot + 0.5) for knot in knots]
    means = np.array([values[stride].mean() for stride in strides])
    if len(knots) < 4:
        return np.asarray(np.interp(phase, knots, means))
    from scipy.interpolate import CubicSpline

    return np.asarray(CubicSpline(knots, means, bc_type="natural")(phase))


def bounce(phase: Curve, stance: float, cycles_hz: float) -> Curve:
    """Height (m, about its mean) of a body that is pushed up during the first `stance` of each
    cycle and then flies.

    The force is half a sine whose mean over the cycle is the body's weight; twice integrated term
    by term, so that what a sensor on it reads in flight is zero but for the dropped harmonics.

    >>> height = bounce(np.arange(100) / 100.0, stance=0.6, cycles_hz=2.0)
    >>> abs(height.mean()) < 1e-9, height.argmax() > 60  # highest in flight
    (np.True_, np.True_)
    """
    s = (np.arange(512) + 0.5) / 512
    force = np.where(s < stance, np.pi / (2.0 * stance) * np.sin(np.pi * s / stance), 0.0)
    acceleration = np.fft.rfft(STANDARD_GRAVITY * (force - 1.0))[:13] / 256
    order = np.arange(1, 13)
    acceleration[1:] *= np.exp(-1j * np.pi * order / 512)
    acceleration[0] = 0.0
    acceleration[1:] /= -((2.0 * np.pi * cycles_hz * order) ** 2)
    return series(phase, acceleration)
