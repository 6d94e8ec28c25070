"""What goes with a simulated recording: the pose of the body, and what each sensor truly did,
sample by sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from otolith.core.catalog import bilateral_pairs
from otolith.data.skeleton import FINGERS, POSE_JOINTS
from otolith.motion import rotations
from otolith.motion.bodies.body import Body
from otolith.motion.motion import Motion
from otolith.motion.simulation.kinematics import track
from otolith.motion.simulation.sensor import Mounting, worn
from otolith.motion.simulation.smoothing import Smoothing

_STEP_S = 1e-3
"""Half of what a speed is taken over: far below what a spline through frames can change in."""
_MIRROR = np.array([1.0, -1.0, 1.0])


def pose(motion: Motion, rate_hz: float) -> dict[str, Float[np.ndarray, " F"]]:
    """Where each joint is, in metres in the world (z up), at a steady rate: `time_s`, `pelvis.x`,
    `pelvis.y`, …

    22 joints of the body, NaN where the capture lacks one; then 15 of each hand where it has them.
    Moments inside of a gap of the capture are left out.
    """
    from scipy.interpolate import make_interp_spline

    fingers = [joint for joint in FINGERS if joint in motion.joints]
    there = [joint for joint in (*POSE_JOINTS, *fingers) if joint in motion.joints]
    places = motion.forward(there)[0].reshape(motion.frames, -1)
    time_s = np.arange(int(np.floor(motion.duration_s * rate_hz + 1e-6)) + 1) / rate_hz
    found = np.full((len(time_s), places.shape[1]), np.nan)
    known = np.flatnonzero(~motion.lost)
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        first_s, last_s = run[0] / motion.rate_hz, run[-1] / motion.rate_hz
        inside = (time_s >= first_s - 1e-9) & (time_s <= last_s + 1e-9)
        if inside.any():
            order = min(3, len(run) - 1)
            found[inside] = (
                make_interp_spline(run / motion.rate_hz, places[run], k=order)(time_s[inside])
                if order
                else places[run[0]]
            )
    whole = np.isfinite(found).all(axis=1)
    out = {"time_s": time_s[whole]}
    for joint in (*POSE_JOINTS, *fingers):
        for axis, letter in enumerate("xyz"):
            column = (
                found[whole, 3 * there.index(joint) + axis]
                if joint in there
                else np.full(whole.sum(), np.nan)
            )
            out[f"{joint}.{letter}"] = column.astype(np.float32)
    return out


def truth(
    motion: Motion,
    placements: Sequence[str],
    time_s: Float[np.ndarray, " T"],
    body: Body | None = None,
    mounting: Mapping[str, Mounting] | None = None,
    smoothing: Smoothing = "none",
) -> dict[str, Float[np.ndarray, " T"]]:
    """What each sensor truly did, sample by sample, whatever its noise; NaN inside of gaps.

    Of each placement: `left_wrist.position.x` (metres in the world, z up), `left_wrist.speed` (m/s,
    how fast its point moves through the world, travelling included) and `left_wrist.orientation.x`
    to `.w` (sensor_to_world, unit quaternion xyzw). Of each left/right pair:
    `left_wrist~right_wrist.symmetry`, metres between the left sensor and the mirror image of the
    right one in the pelvis' axes: 0 where both sides hold the same posture.
    """
    out: dict[str, np.ndarray] = {"time_s": time_s}
    places: dict[str, np.ndarray] = {}
    last_s, count = motion.duration_s, len(time_s)
    before, after = np.maximum(time_s - _STEP_S, 0.0), np.minimum(time_s + _STEP_S, last_s)
    for placement in placements:
        moments = np.concatenate([np.minimum(time_s, last_s), before, after])
        path = worn(motion, placement, body, (mounting or {}).get(placement), moments, smoothing)
        here, back, ahead = (
            path.position[:count],
            path.position[count : 2 * count],
            path.position[2 * count :],
        )
        # At the edge of a gap one side is all that there is.
        no_back, no_ahead = np.isnan(back[:, :1]), np.isnan(ahead[:, :1])
        seconds = np.where(no_ahead[:, 0], time_s, after) - np.where(no_back[:, 0], time_s, before)
        way = np.linalg.norm(
            np.where(no_ahead, here, ahead) - np.where(no_back, here, back), axis=1
        )
        places[placement] = here
        for axis, letter in enumerate("xyz"):
            out[f"{placement}.position.{letter}"] = here[:, axis]
        out[f"{placement}.speed"] = way / np.where(seconds > 0, seconds, np.nan)
        turned = path.sensor_to_world[:count]
        for axis, letter in enumerate("xyzw"):
            out[f"{placement}.orientation.{letter}"] = turned[:, axis]
    pairs = bilateral_pairs(list(placements))
    if pairs:
        pelvis = track(
            motion.root,
            motion.rotations[:, 0],
            motion.rate_hz,
            np.minimum(time_s, last_s),
            smoothing=smoothing,
        )
        back_turn = rotations.conjugate(pelvis.sensor_to_world)
        for left, right in pairs:
            own, other = (
                rotations.rotate(back_turn, places[name] - pelvis.position)
                for name in (left, right)
            )
            out[f"{left}~{right}.symmetry"] = np.linalg.norm(own - _MIRROR * other, axis=1)
    return out
