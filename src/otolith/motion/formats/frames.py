"""What BVH and AMC share: one row of numbers per frame, where a lost frame is NaN as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import plain_size
from otolith.core.limits import refuse_large

LARGEST = 1e9
"""Degrees and lengths alike: a number beyond it is damage."""
END = "_end"
"""The tip of a last bone is called as its joint, with this behind."""
_BYTES_OF_A_JOINT = 56  # in each frame: a quaternion and a place


def table(path: Path, rows: Sequence[str], columns: int) -> Float[np.ndarray, "F K"]:
    """Read a row of numbers per frame; a row with one that is not finite or absurd becomes NaN.

    Raises ReadError where a row is cut short or is no numbers, where rows have another length than
    `columns`, or where no frame is finite.
    """
    try:
        numbers = np.loadtxt(rows, dtype=np.float64, ndmin=2, comments=None)
    except ValueError as error:
        raise ReadError(f"{path}: a frame is cut short or holds no number ({error}).") from error
    if numbers.shape[1] != columns:
        raise ReadError(
            f"{path}: a frame holds {numbers.shape[1]} numbers, its skeleton needs {columns}."
        )
    with np.errstate(invalid="ignore"):
        numbers[~(np.abs(numbers) < LARGEST).all(axis=1)] = np.nan
    lost_note(path, np.isnan(numbers[:, 0]))
    return numbers


def lost_note(path: Path, lost: np.ndarray) -> list[str]:
    """What to note about lost frames, if there are any; raises ReadError where all are lost."""
    if lost.all():
        raise ReadError(f"{path}: none of its {lost.size} frames is finite.")
    count = int(lost.sum())
    return [f"{count} frames with numbers that are not finite are gaps"] if count else []


def refuse_many_joints(path: Path, frames: int, joints: int) -> None:
    """Refuse a file that would take far more memory than its size lets expect.

    A joint without channels costs the file nothing, and memory in every frame.
    """
    refuse_large(path, plain_size(path), frames * joints * _BYTES_OF_A_JOINT)
