"""Several motions of one person, one after the other, with a passage between each two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from otolith.core.errors import DataError
from otolith.motion import rotations
from otolith.motion.motion import Motion
from otolith.motion.procedural.curves import ease

SETTLE_S = 0.8  # longer than a step or a hop: within it one foot has stood on the floor


@dataclass(frozen=True)
class Span:
    """Which frames of a joined motion belong to one of its parts alone, and what that part was."""

    start: int
    stop: int
    label: str | None


def join(motions: Sequence[Motion], passage_s: float = 2.0) -> tuple[Motion, tuple[Span, ...]]:
    """One motion out of several: each goes on where the last ended, facing the same way, on the
    same floor.

    The last `passage_s` of each and the first of the next are blended (joint by joint along the
    shortest turn, speed over the ground by weight), and belong to no span. Raises DataError where
    skeletons or frame rates differ, or a clip is shorter than two passages.

    >>> from otolith.motion.procedural.procedural import make
    >>> joined, spans = join([make("walking", seconds=6.0), make("sitting", seconds=6.0)])
    >>> joined.frames, [(span.label, span.start, span.stop) for span in spans]
    (1002, [('walking', 0, 401), ('sitting', 601, 1002)])
    """
    if not motions:
        raise DataError("There is no motion to join; give at least one.")
    first = motions[0]
    overlap = round(passage_s * first.rate_hz)
    for motion in motions:
        if motion.joints != first.joints or motion.rate_hz != first.rate_hz:
            raise DataError("Motions to be joined need the same joints and frame rate.")
        if motion.frames <= 2 * overlap or overlap < 2:
            raise DataError(
                f"Clip '{motion.clip}' lasts {motion.duration_s:.1f} s; it must be longer than two "
                f"passages of {passage_s} s, and a passage at least two frames."
            )
    total = sum(m.frames for m in motions) - overlap * (len(motions) - 1)
    turns = np.empty((total, len(first.joints), 4))
    root = np.empty((total, 3))
    turns[: first.frames], root[: first.frames] = first.rotations, first.root
    spans, end, last_floor = [Span(0, first.frames, first.label)], first.frames, _floor(first, -1)
    weight = ease((np.arange(overlap) + 0.5) / overlap)
    for motion in motions[1:]:
        start, stop = end - overlap, end - overlap + motion.frames
        # Clips begin facing x: each is turned to where the last one looks.
        turn = _heading(turns[start, 0]) - _heading(motion.rotations[0, 0])
        heading = rotations.from_axis_angle(np.array([[0.0, 0.0, turn]]))
        q = motion.rotations.copy()
        q[:, 0] = rotations.multiply(heading, q[:, 0])
        path = rotations.rotate(heading, motion.root)
        path[:, 2] += last_floor - _floor(motion, 0)
        # Over the ground speeds are blended, in height places: the seat is where it is.
        before, after = np.diff(root[start - 1 : end], axis=0), np.diff(path[: overlap + 1], axis=0)
        way = np.cumsum((1.0 - weight)[:, None] * before + weight[:, None] * after, axis=0)
        blended = root[start - 1] + way
        blended[:, 2] = (1.0 - weight) * root[start:end, 2] + weight * path[:overlap, 2]
        path[:, :2] += blended[-1, :2] + after[-1, :2] - path[overlap, :2]
        turns[start:end] = rotations.slerp(turns[start:end], q[:overlap], weight[:, None])
        root[start:end] = blended
        turns[end:stop], root[end:stop] = q[overlap:], path[overlap:]
        spans[-1] = replace(spans[-1], stop=start)
        spans.append(Span(end, stop, motion.label))
        last_floor, end = _floor(motion, -1) - _floor(motion, 0) + last_floor, stop
    joined = replace(first, rotations=turns, root=root, label=None, text="", clip=None)
    return joined, tuple(spans)


def _heading(joint_to_world: np.ndarray) -> float:
    """Turn about the vertical, by swing and twist: defined for a lying body too."""
    return 2.0 * float(np.arctan2(joint_to_world[2], joint_to_world[3]))


def _floor(motion: Motion, end: int) -> float:
    """Height of the ground at a clip's first (0) or last (-1) step: the lowest that a foot gets."""
    frames = min(motion.frames, round(SETTLE_S * motion.rate_hz))
    part = motion.cut(0, frames) if end == 0 else motion.cut(motion.frames - frames, motion.frames)
    return float(part.forward(("left_foot", "right_foot"))[0][..., 2].min())
