"""Whether a clip moves as a human body can: hints that a unit, a frame rate or an axis was taken
wrongly.

Findings are warnings, not proofs: a dance captured at 60 frames per second and played at 120 may
look possible. How often each is right and wrong stands in docs/simulation.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from otolith.core.errors import UnknownNameError
from otolith.data.quantities import STANDARD_GRAVITY
from otolith.data.skeleton import JOINTS
from otolith.motion import rotations
from otolith.motion.formats.skeleton import stature_m
from otolith.motion.formats.world import STATURE_M, UP_TOLERANCE_DEG, tilt_deg
from otolith.motion.motion import Motion
from otolith.motion.shapes import Curve, Points

ROOT_SPEED = 9.0
"""m/s; 100 m in 11 s. What nineteen in twenty frames stay below."""
HAND_SPEED = 12.0
"""m/s; a fast pitch leaves the hand at 40 and a hard punch lands at 10, but for an instant: what 99
in 100 frames stay below."""
JOINT_RATE = 22.0
"""rad/s, 1,260 degrees per second. What the fastest joint stays below in 19 of 20 frames: solved
skeletons jump for single frames, at toes above all, which are left out; the wildest clip measured
here reaches 21."""
FALL = 1.25
"""Nothing falls faster than gravity pulls: so much of it is taken for measurement error."""
SLIDING = 0.5
"""m/s over the floor for a foot that stands."""
_FALL_S = 0.1
_TURNING = tuple(name for name in JOINTS if not name.endswith(("foot", "hand")))


@dataclass(frozen=True)
class Finding:
    """One doubt about a clip."""

    kind: str
    """What it concerns: stature, up, root_speed, hand_speed, joint_rate, falling or sliding."""
    value: float
    """What was found."""
    limit: float
    """What is expected at most (or at least)."""
    message: str
    """What it means and what to say instead."""


def check(motion: Motion) -> list[Finding]:
    """Everything about a clip that a human body does not do; nothing for a plausible one.

    Takes our skeleton (`to_body`). Raises UnknownNameError where pelvis or ankles are missing.

    >>> from dataclasses import replace
    >>> from otolith.motion.procedural.procedural import make
    >>> jumps = make("jumping", seconds=6.0)
    >>> [doubt.kind for doubt in check(replace(jumps, rate_hz=250.0))]  # 2.5 times too fast
    ['joint_rate', 'falling', 'sliding']
    """
    for joint in ("pelvis", "left_ankle", "right_ankle", "head"):
        if joint not in motion.joints:
            raise UnknownNameError(
                f"Plausibility needs a joint '{joint}'; bring the clip to our skeleton: to_body()."
            )
    pieces = [piece for piece in motion.pieces() if piece.frames >= 3]
    return [doubt for test in _TESTS if (doubt := test(motion, pieces)) is not None]


def _stature(motion: Motion, pieces: list[Motion]) -> Finding | None:
    tall = stature_m(motion)
    if STATURE_M[0] <= tall <= STATURE_M[1]:
        return None
    message = f"the skeleton stands {tall:.3g} m tall: is its unit another? Say unit=..."
    return Finding("stature", tall, STATURE_M[0] if tall < 1.0 else STATURE_M[1], message)


def _up(motion: Motion, pieces: list[Motion]) -> Finding | None:
    tilt = tilt_deg(motion, "head", _ANKLES)
    return _above(
        "up", tilt, UP_TOLERANCE_DEG, f"the head is {tilt:.0f} degrees from above the feet half of "
        "the time: is another axis up? Say up=...",
    )  # fmt: skip


def _root_speed(motion: Motion, pieces: list[Motion]) -> Finding | None:
    speed = _quantile([_speed(piece.root, piece.rate_hz) for piece in pieces], 0.95)
    message = f"the body travels at {speed:.1f} m/s: {_TOO_FAST}"
    return _above("root_speed", speed, ROOT_SPEED, message)


def _hand_speed(motion: Motion, pieces: list[Motion]) -> Finding | None:
    speeds = []
    for hand in {"left_wrist", "right_wrist"} & set(motion.joints):
        speeds += [_speed(p.forward((hand,))[0][:, 0], p.rate_hz) for p in pieces]
    speed = _quantile(speeds, 0.99)
    message = f"a hand moves at {speed:.1f} m/s: {_TOO_FAST}"
    return _above("hand_speed", speed, HAND_SPEED, message)


def _joint_rate(motion: Motion, pieces: list[Motion]) -> Finding | None:
    inner = [motion.joints.index(name) for name in _TURNING if name in motion.joints]
    rates = [rotations.angular_rate(piece.rotations[:, inner], piece.rate_hz) for piece in pieces]
    fastest = _quantile([np.linalg.norm(rate, axis=-1).max(axis=1) for rate in rates], 0.95)
    message = f"a joint turns at {fastest:.0f} rad/s: {_TOO_FAST}"
    return _above("joint_rate", fastest, JOINT_RATE, message)


def _falling(motion: Motion, pieces: list[Motion]) -> Finding | None:
    """Played twice too fast, a jump falls with four times gravity: the one check that knows the
    right speed."""
    steepest = 0.0
    for piece in pieces:
        span = max(round(_FALL_S * piece.rate_hz), 1)
        height = _height_of_mass(piece)
        if len(height) > 4 * span:
            # Means over a tenth of a second, then differences over as much: captured heights are
            # noisy, and a fall lasts three tenths.
            mean = np.convolve(height, np.ones(span) / span, mode="valid")
            bend = mean[2 * span :] - 2 * mean[span:-span] + mean[: -2 * span]
            falls = -(bend * (piece.rate_hz / span) ** 2).min()
            steepest = max(steepest, float(falls) / STANDARD_GRAVITY)
    factor = f"by a factor of {np.sqrt(steepest):.1f} or more? Say frame_rate=..."
    message = f"the body falls with {steepest:.1f} times gravity: is the frame rate lower {factor}"
    return _above("falling", steepest, FALL, message)


def _sliding(motion: Motion, pieces: list[Motion]) -> Finding | None:
    speeds = []
    floor = np.nanquantile(motion.forward(_ANKLES)[0][..., 2], 0.05)
    for piece in pieces:
        places, _ = piece.forward(_ANKLES)
        moving = np.linalg.norm(np.gradient(places[..., :2], 1.0 / piece.rate_hz, axis=0), axis=-1)
        # The slower foot, where the lower one touches the floor: one of both stands.
        slower, lower = moving.min(axis=1), places[..., 2].min(axis=1) < floor + 0.03
        speeds.append(slower[lower])
    slide = _quantile(speeds, 0.5)
    message = (
        f"whichever foot stands slides at {slide:.1f} m/s: is the root's path in another unit?"
    )
    return _above("sliding", slide, SLIDING, message)


def _above(kind: str, value: float, limit: float, message: str) -> Finding | None:
    return Finding(kind, value, limit, message) if value > limit else None


_ANKLES = ("left_ankle", "right_ankle")
_TOO_FAST = "is the frame rate lower, or the unit smaller?"
_TESTS: tuple[Callable[[Motion, list[Motion]], Finding | None], ...] = (
    _stature, _up, _root_speed, _hand_speed, _joint_rate, _falling, _sliding,
)  # fmt: skip
# Share of the body's mass between each two joints: Winter, "Biomechanics and Motor Control of Human
# Movement" (2009), table 4.1; taken to be at the middle.
_MASS = {
    ("pelvis", "neck"): 0.497,
    ("neck", "head"): 0.081,
    **{(f"{side}_hip", f"{side}_knee"): 0.100 for side in ("left", "right")},
    **{(f"{side}_knee", f"{side}_ankle"): 0.061 for side in ("left", "right")},
    **{(f"{side}_shoulder", f"{side}_elbow"): 0.028 for side in ("left", "right")},
    **{(f"{side}_elbow", f"{side}_wrist"): 0.022 for side in ("left", "right")},
}


def _height_of_mass(motion: Motion) -> Curve:
    known = {ends: mass for ends, mass in _MASS.items() if set(ends) <= set(motion.joints)}
    names = sorted({name for ends in known for name in ends})
    height = dict(zip(names, np.moveaxis(motion.forward(names)[0][..., 2], 1, 0), strict=True))
    weighted = sum(mass * (height[a] + height[b]) / 2.0 for (a, b), mass in known.items())
    return np.asarray(weighted / sum(known.values()))


def _speed(path: Points, rate_hz: float) -> Curve:
    return np.asarray(np.linalg.norm(np.gradient(path, 1.0 / rate_hz, axis=0), axis=1))


def _quantile(parts: list[Curve], share: float) -> float:
    together = np.concatenate([np.zeros(0), *parts])
    return float(np.quantile(together, share)) if together.size else 0.0
