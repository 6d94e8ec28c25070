"""The pose of the body during a window: where its joints were, in the body's own direction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from otolith.core.errors import StudyError
from otolith.data.paired import durations, is_there, modality_file, places, read_modality
from otolith.data.skeleton import FINGERS, POSE_JOINTS
from otolith.data.windows import Windows

_FARTHEST_M = 1e6
"""A joint that lies farther away is not known: no number of a pose overflows on its way."""


def poses_of(
    windows: Windows,
    frames: int = 30,
    joints: Sequence[str] = (*POSE_JOINTS, *FINGERS),
    centred: bool = True,
) -> tuple[Float[np.ndarray, "N F J 3"], Bool[np.ndarray, "N J"]]:
    """Return where joints were at `frames` moments spread evenly over each window, and which of
    them are known.

    Metres, z up, float32; 0 where a joint is not known at every moment. Where a window is padded
    past its recording, the pose at the recording's edge stays, as its signal does. `centred`: the
    pelvis of the middle moment is the origin and the body faces x there, so that neither place nor
    heading of a recording counts, while what the body does from there on does.

    Raises StudyError where a recording's poses reach past its signal on either side by more than
    half a pose, which means that the two clocks differ, and where a pose file is damaged.
    """
    out = np.zeros((len(windows), frames, len(joints), 3), dtype=np.float32)
    known = np.zeros((len(windows), len(joints)), dtype=bool)
    ends: dict[Path, dict[str, float]] = {}
    share = (np.arange(frames) + 0.5) / frames
    for folder, recording, rows in places(windows):
        if not is_there(folder, modality_file("pose", recording)):
            continue
        if folder not in ends:
            ends[folder] = durations(folder)
        table = read_modality(folder, "pose", recording)
        time_s = table.get("time_s", np.zeros(0))
        if len(time_s) < 2:
            continue
        last_s = ends[folder][recording]
        _refuse_out_of_step(folder, recording, time_s, last_s)
        # A window padded past its recording holds the signal's edge; the body waits there likewise.
        moments = windows.start_s[rows][:, None] + share * windows.seconds
        moments = np.clip(moments, 0.0, last_s)
        out[rows], known[rows] = _at(table, time_s, moments, joints)
    if centred:
        _centre(out, known, joints)
    out[~np.broadcast_to(known[:, None], out.shape[:3])] = 0.0
    return out, known


def _refuse_out_of_step(
    folder: Path, recording: str, time_s: np.ndarray, duration_s: float
) -> None:
    half = 0.5 * float(np.median(np.diff(time_s)))
    if not np.all(np.diff(time_s) > 0) or time_s[0] < -half or time_s[-1] > duration_s + half:
        raise StudyError(
            f"The poses of recording '{recording}' of {folder} go from {time_s[0]:.3f} to "
            f"{time_s[-1]:.3f} s, its signal from 0 to {duration_s:.3f} s: out of step by more "
            f"than half a pose ({half:.3f} s). Both run on one clock that starts with the "
            "recording; write the poses again."
        )


def _at(
    table: dict[str, np.ndarray], time_s: np.ndarray, moments: np.ndarray, joints: Sequence[str]
) -> tuple[Float[np.ndarray, "n F J 3"], Bool[np.ndarray, "n J"]]:
    step = float(np.median(np.diff(time_s)))
    after = np.clip(np.searchsorted(time_s, moments), 1, len(time_s) - 1)
    before = after - 1
    gap = time_s[after] - time_s[before]
    share = np.clip((moments - time_s[before]) / gap, 0.0, 1.0)[..., None]
    # Lost poses are absent rows: nothing is interpolated across them, nor beyond either end.
    outside = (moments < time_s[0] - 1.01 * step) | (moments > time_s[-1] + 1.01 * step)
    whole = ~(outside | (gap > 1.5 * step)).any(axis=1)
    values = np.zeros((*moments.shape, len(joints), 3), dtype=np.float32)
    known = np.zeros((len(moments), len(joints)), dtype=bool)
    for number, joint in enumerate(joints):
        axes = [f"{joint}.{axis}" for axis in "xyz"]
        absent = [axis for axis in axes if axis not in table]
        if len(absent) == 3:
            continue
        if absent:
            raise StudyError(
                f"Poses hold a part of {joint}, but not {', '.join(absent)}. Write the poses again."
            )
        path = np.stack([table[axis] for axis in axes], axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            place = path[before] * (1.0 - share) + path[after] * share
            real = np.abs(place) < _FARTHEST_M
        known[:, number] = real.all(axis=(1, 2)) & whole
        values[:, :, number] = np.where(real, place, 0.0)
    return values, known


def _centre(values: np.ndarray, known: np.ndarray, joints: Sequence[str]) -> None:
    """Put the middle moment's pelvis at the origin and its left hip to the left, in place."""
    names = list(joints)
    if not {"pelvis", "left_hip", "right_hip"} <= set(names):
        return
    pelvis, left, right = (names.index(name) for name in ("pelvis", "left_hip", "right_hip"))
    middle = values.shape[1] // 2  # of the moments
    values -= values[:, middle, pelvis][:, None, None, :].copy()
    across = values[:, middle, left] - values[:, middle, right]
    turn = np.arctan2(across[:, 0], across[:, 1])  # how far the left is from y, seen from above
    turn = np.where(known[:, left] & known[:, right], turn, 0.0)
    cos, sin = np.cos(turn)[:, None, None], np.sin(turn)[:, None, None]
    x, y = values[..., 0].copy(), values[..., 1].copy()
    values[..., 0], values[..., 1] = cos * x - sin * y, sin * x + cos * y
