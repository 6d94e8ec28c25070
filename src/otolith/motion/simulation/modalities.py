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
from otolith.motion.motion import Motion, runs
from otolith.motion.shapes import Curve
from otolith.motion.simulation.kinematics import track
from otolith.motion.simulation.sensor import Mounting, worn
from otolith.motion.simulation.smoothing import Smoothing

_STEP_S = 1e-3
"""Half of what a speed is taken over: far below what a spline through frames can change in."""
_MIRROR = np.array([1.0, -1.0, 1.0])


def pose(motion: Motion, rate_hz: float) -> dict[str, Curve]:
    """Where each joint is, in metres in the world (z up), at a steady rate: `time_s`, `pelvis.x`,
    `pelvis.y`, …

    22 joints of the body, NaN where the capture lacks one; then 15 of each hand where it has them.
    Moments inside of a gap of the capture are left out.

    >>> from otolith.motion.procedural.procedural import make
    >>> places = pose(make("standing", seconds=3.0), rate_hz=10.0)
    >>> len(places["time_s"]), places["head.z"].dtype
    (31, dtype('float32'))
    """
    from scipy.interpolate import make_interp_spline

    fingers = [joint for joint in FINGERS if joint in motion.joints]
    seen = [joint for joint in (*POSE_JOINTS, *fingers) if joint in motion.joints]
    places = motion.forward(seen)[0].reshape(motion.frames, -1)
    frame_s = motion.time_s
    time_s = np.arange(int(np.floor(motion.duration_s * rate_hz + 1e-6)) + 1) / rate_hz
    at = np.full((len(time_s), places.shape[1]), np.nan)
    for run in runs(~motion.lost):
        own_s = frame_s[run]
        inside = (time_s >= own_s[0] - 1e-9) & (time_s <= own_s[-1] + 1e-9)
        order = min(3, len(own_s) - 1)
        if inside.any() and order:
            at[inside] = make_interp_spline(own_s, places[run], k=order)(time_s[inside])
        elif inside.any():
            at[inside] = places[run.start]
    whole = np.isfinite(at).all(axis=1)
    out = {"time_s": time_s[whole]}
    for joint in (*POSE_JOINTS, *fingers):
        path = np.full((int(whole.sum()), 3), np.nan)
        if joint in seen:
            path = at[whole, 3 * seen.index(joint) :][:, :3]
        out |= {f"{joint}.{axis}": path[:, k].astype(np.float32) for k, axis in enumerate("xyz")}
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

    >>> from otolith.motion.procedural.procedural import make
    >>> facts = truth(make("walking", seconds=4.0), ["left_wrist"], np.arange(100) / 50.0)
    >>> [name.partition(".")[2] for name in facts][1:5]
    ['position.x', 'position.y', 'position.z', 'speed']
    """
    out: dict[str, np.ndarray] = {"time_s": time_s}
    places: dict[str, np.ndarray] = {}
    last_s = motion.duration_s
    # Speed is a difference of positions, not a third spline: it holds at the edges of gaps.
    before, after = np.maximum(time_s - _STEP_S, 0.0), np.minimum(time_s + _STEP_S, last_s)
    moments = np.concatenate([np.minimum(time_s, last_s), before, after])
    for placement in placements:
        path = worn(motion, placement, body, (mounting or {}).get(placement), moments, smoothing)
        here, back, ahead = np.split(path.position, 3)
        # At the edge of a gap one side is all that there is.
        no_back, no_ahead = np.isnan(back[:, 0]), np.isnan(ahead[:, 0])
        seconds = np.where(no_ahead, time_s, after) - np.where(no_back, time_s, before)
        first = np.where(no_back[:, None], here, back)
        way = np.linalg.norm(np.where(no_ahead[:, None], here, ahead) - first, axis=1)
        turned = path.sensor_to_world[: len(time_s)]
        out |= {f"{placement}.position.{axis}": here[:, k] for k, axis in enumerate("xyz")}
        out[f"{placement}.speed"] = way / np.where(seconds > 0, seconds, np.nan)
        out |= {f"{placement}.orientation.{axis}": turned[:, k] for k, axis in enumerate("xyzw")}
        places[placement] = here
    if pairs := bilateral_pairs(list(placements)):
        at_s = np.minimum(time_s, last_s)
        turns = motion.rotations[:, 0]
        pelvis = track(motion.root, turns, motion.rate_hz, at_s, smoothing=smoothing)
        to_pelvis = rotations.conjugate(pelvis.sensor_to_world)
        # In the pelvis' axes, so that a body that turns as a whole stays symmetric.
        for pair in pairs:
            left, right = (
                rotations.rotate(to_pelvis, places[name] - pelvis.position) for name in pair
            )
            out["~".join(pair) + ".symmetry"] = np.linalg.norm(left - _MIRROR * right, axis=1)
    return out
