"""Where a clip jumps: a calibration pose before the first step, markers swapped, two takes glued
together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from otolith.data.skeleton import JOINTS
from otolith.motion import rotations
from otolith.motion.motion import Motion
from otolith.motion.shapes import Curve, JointTurns, Marks

JOINT_RATE = 40.0
"""rad/s between two frames, 2,300 degrees per second; only a pitcher's shoulder turns faster, at
7,000."""
ROOT_SPEED = 15.0
"""m/s between two frames; a sprinter runs at 12."""
SPIKE_RATE = 20.0
"""rad/s to one frame and back from it: no joint turns round within a frame at half of that speed.
"""
_ALONE = 5.0
_AROUND = 5
_BACK = 0.25
"""How much of the way out may be left after the way back."""


def jumps(motion: Motion) -> Marks:
    """Frames after which the body jumps, or that alone are wrong: faster than a body moves, and
    than around them.

    A fast movement takes several frames to begin and to end; a jump has neither. Where a joint goes
    far in one frame and is back in the next, half of the speed is too much already: at 20 frames
    per second a right angle is no more.
    """
    body = [name for name in motion.joints if name in JOINTS[:22] and "foot" not in name]
    q = motion.rotations[:, [motion.joints.index(name) for name in body]]
    each = _angle(q[1:], q[:-1])
    turn = each.max(axis=1, initial=0.0)
    step = np.linalg.norm(np.diff(motion.root, axis=0), axis=1)
    # Half of the jump's rate, as a spike has two steps to tell it by.
    spike = SPIKE_RATE / motion.rate_hz
    out = np.zeros(motion.frames, dtype=bool)
    out[:-1] = _alone(turn, JOINT_RATE / motion.rate_hz) | _alone(step, ROOT_SPEED / motion.rate_hz)
    # Of all frames but the first and the last: a joint goes there beyond the limit and comes back.
    least = np.minimum(each[1:], each[:-1])
    spikes = ((least > spike) & (_angle(q[2:], q[:-2]) < _BACK * least)).any(axis=1)
    out[1:-1] |= spikes & _alone(turn, spike, skip=1)[1:]
    return out


def _angle(a: JointTurns, b: JointTurns) -> np.ndarray:
    """Angle between rotations, in radians."""
    return np.asarray(2.0 * np.arccos(np.clip(np.abs(np.sum(a * b, axis=-1)), 0.0, 1.0)))


def _alone(steps: Curve, limit: float, skip: int = 0) -> Marks:
    """Steps beyond a limit and five times as large as those around, of which `skip` before each do
    not count."""
    out = np.zeros(len(steps), dtype=bool)
    for k in np.flatnonzero(steps > limit):
        before = steps[max(k - skip - _AROUND, 0) : max(k - skip, 0)]
        around = np.concatenate([before, steps[k + 1 : k + 1 + _AROUND]])
        around = around[np.isfinite(around)]
        out[k] = around.size > 0 and steps[k] > _ALONE * float(np.median(around))
    return out


def without_jumps(motion: Motion) -> Motion:
    """The same motion with a gap of one frame at each jump, so that nothing is differentiated
    across it."""
    gaps = np.flatnonzero(jumps(motion))
    if not gaps.size:
        return motion
    q, root = motion.rotations.copy(), motion.root.copy()
    q[gaps], root[gaps] = np.nan, np.nan
    where = ", ".join([*map(str, gaps[:5]), *["…"] * (gaps.size > 5)])
    note = f"the body jumps after frame {where}: a gap there ({gaps.size} frames)"
    return replace(motion, rotations=rotations.unroll(q), root=root, notes=(*motion.notes, note))
