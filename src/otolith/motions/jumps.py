"""Where a clip jumps: a calibration pose before the first step, markers swapped, two takes glued together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from otolith import rotations
from otolith.motion import JOINTS, Motion

JOINT_RATE = 40.0
"""rad/s between two frames, 2,300 degrees per second; only a pitcher's shoulder turns faster, at 7,000."""
ROOT_SPEED = 15.0
"""m/s between two frames; a sprinter runs at 12."""
_ALONE = 5.0
_AROUND = 5


def jumps(motion: Motion) -> Bool[np.ndarray, " F"]:
    """Frames after which the body jumps: faster than a body moves, and five times as fast as in the frames around.

    A fast movement takes several frames to begin and to end; a jump has neither.
    """
    inner = [index for index, name in enumerate(motion.joints) if name in JOINTS[:22] and "foot" not in name]
    q = motion.rotations[:, inner]
    cosine = np.abs(np.sum(q[1:] * q[:-1], axis=-1))
    turn = 2.0 * np.arccos(np.clip(cosine, 0.0, 1.0)).max(axis=1, initial=0.0)
    step = np.linalg.norm(np.diff(motion.root, axis=0), axis=1)
    out = np.zeros(motion.frames, dtype=bool)
    out[:-1] = _alone(turn, JOINT_RATE / motion.rate_hz) | _alone(step, ROOT_SPEED / motion.rate_hz)
    return out


def _alone(steps: Float[np.ndarray, " F"], limit: float) -> Bool[np.ndarray, " F"]:
    out = np.zeros(len(steps), dtype=bool)
    for k in np.flatnonzero(steps > limit):
        around = np.concatenate([steps[max(k - _AROUND, 0) : k], steps[k + 1 : k + 1 + _AROUND]])
        around = around[np.isfinite(around)]
        out[k] = around.size > 0 and steps[k] > _ALONE * float(np.median(around))
    return out


def without_jumps(motion: Motion) -> Motion:
    """The same motion with a gap of one frame at each jump, so that nothing is differentiated across it."""
    found = jumps(motion)
    if not found.any():
        return motion
    q, root = motion.rotations.copy(), motion.root.copy()
    q[found], root[found] = np.nan, np.nan
    where = ", ".join(str(k) for k in np.flatnonzero(found)[:5]) + (", …" if found.sum() > 5 else "")
    note = f"the body jumps after frame {where}: a gap there ({int(found.sum())} frames)"
    return replace(motion, rotations=rotations.unroll(q), root=root, notes=(*motion.notes, note))
