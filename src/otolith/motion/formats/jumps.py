"""Where a clip jumps: a calibration pose before the first step, markers swapped, two takes glued
together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from otolith.data.skeleton import JOINTS
from otolith.motion import rotations
from otolith.motion.motion import Motion

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


def jumps(motion: Motion) -> Bool[np.ndarray, " F"]:
    """Frames after which the body jumps, or that alone are wrong: faster than a body moves, and
    than around them.

    A fast movement takes several frames to begin and to end; a jump has neither. Where a joint goes
    far in one frame and is back in the next, half of the speed is too much already: at 20 frames
    per second a right angle is no more.
    """
    inner = [
        index
        for index, name in enumerate(motion.joints)
        if name in JOINTS[:22] and "foot" not in name
    ]
    q = motion.rotations[:, inner]
    cosine = np.abs(np.sum(q[1:] * q[:-1], axis=-1))
    each = 2.0 * np.arccos(np.clip(cosine, 0.0, 1.0))
    turn = each.max(axis=1, initial=0.0)
    step = np.linalg.norm(np.diff(motion.root, axis=0), axis=1)
    out = np.zeros(motion.frames, dtype=bool)
    out[:-1] = _alone(turn, JOINT_RATE / motion.rate_hz) | _alone(step, ROOT_SPEED / motion.rate_hz)
    out[1:-1] |= (
        _spikes(q, each, SPIKE_RATE / motion.rate_hz)
        & _alone(turn, SPIKE_RATE / motion.rate_hz, skip=1)[1:]
    )
    return out


def _spikes(
    q: Float[np.ndarray, "F J 4"], each: Float[np.ndarray, "G J"], limit: float
) -> Bool[np.ndarray, " H"]:
    """Of all frames but the first and the last: whether a joint goes there beyond the limit, and
    comes back."""
    apart = 2.0 * np.arccos(np.clip(np.abs(np.sum(q[2:] * q[:-2], axis=-1)), 0.0, 1.0))
    least = np.minimum(each[1:], each[:-1])
    return np.asarray(((least > limit) & (apart < _BACK * least)).any(axis=1))


def _alone(steps: Float[np.ndarray, " F"], limit: float, skip: int = 0) -> Bool[np.ndarray, " F"]:
    """Steps beyond a limit and five times as large as those around, of which `skip` before each do
    not count."""
    out = np.zeros(len(steps), dtype=bool)
    for k in np.flatnonzero(steps > limit):
        around = np.concatenate(
            [
                steps[max(k - skip - _AROUND, 0) : k - skip if k > skip else 0],
                steps[k + 1 : k + 1 + _AROUND],
            ]
        )
        around = around[np.isfinite(around)]
        out[k] = around.size > 0 and steps[k] > _ALONE * float(np.median(around))
    return out


def without_jumps(motion: Motion) -> Motion:
    """The same motion with a gap of one frame at each jump, so that nothing is differentiated
    across it."""
    found = jumps(motion)
    if not found.any():
        return motion
    q, root = motion.rotations.copy(), motion.root.copy()
    q[found], root[found] = np.nan, np.nan
    where = ", ".join(str(k) for k in np.flatnonzero(found)[:5]) + (
        ", …" if found.sum() > 5 else ""
    )
    note = f"the body jumps after frame {where}: a gap there ({int(found.sum())} frames)"
    return replace(motion, rotations=rotations.unroll(q), root=root, notes=(*motion.notes, note))
