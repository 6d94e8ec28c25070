"""From a file's own axes and unit into the world: z up, metres; each stated, and checked against
the body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from otolith.core.errors import DataError, UnitError, UnknownNameError
from otolith.motion import rotations
from otolith.motion.motion import Motion
from otolith.motion.shapes import Turn

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "cmu": 0.0254 / 0.45}
"""Metres in one unit of a file; "cmu" is the unit that CMU's ASF files state as length 0.45."""
STATURE_M = (0.5, 3.0)
"""A standing body is between these tall."""
UP_TOLERANCE_DEG = 45.0

# Columns: where the file's x, y and z axis point in the world. y-up files face z as a rule; facing
# x is the world's.
_AXES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "y": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    "-y": ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
    "x": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "-z": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "-x": ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
}


def up_axis(up: str) -> Turn:
    """Rotation file_to_world (quaternion xyzw) for a file whose upward axis is x, y, z, -x, -y or
    -z.

    >>> rotations.rotate(up_axis("y"), np.array([0.0, 1.0, 0.0])).round(9).tolist()
    [0.0, 0.0, 1.0]
    """
    if up not in _AXES:
        raise UnknownNameError(
            f"There is no axis '{up}'; a file's upward axis is one of {', '.join(_AXES)}."
        )
    return rotations.from_matrix(np.array(_AXES[up], dtype=np.float64).T)


def to_world(motion: Motion, up: str) -> Motion:
    """The same motion in the world (z up), from a file whose upward axis is `up`.

    The axes of all joints are renamed with it, so that the pose without rotations stands upright
    here, too.
    """
    axes = up_axis(up)
    # A rotation seen in other axes has the same angle about the renamed axis.
    vector = rotations.rotate(axes, motion.rotations[..., :3])
    return replace(
        motion,
        rotations=np.concatenate([vector, motion.rotations[..., 3:]], axis=-1),
        root=rotations.rotate(axes, motion.root),
        offsets=rotations.rotate(axes, motion.offsets),
    )


def metres(unit: str) -> float:
    """Metres in one unit of length; raises UnitError for one that is not known.

    >>> metres("cm"), round(metres("cmu"), 6)
    (0.01, 0.056444)
    """
    if unit not in UNITS:
        raise UnitError(f"There is no unit of length '{unit}'; known are {', '.join(UNITS)}.")
    return UNITS[unit]


def check_stature(name: str, stature_m: float, unit: str) -> None:
    """Raise UnitError where a skeleton is taller or smaller than any human, naming the unit that
    would fit."""
    if STATURE_M[0] <= stature_m <= STATURE_M[1]:
        return
    sizes = {other: stature_m / metres(unit) * size for other, size in UNITS.items()}
    fitting = [f"'{other}' ({tall:.2f} m)" for other, tall in sizes.items() if 1.2 <= tall <= 2.2]
    hint = f" It fits {' or '.join(fitting)}." if fitting else ""
    raise UnitError(
        f"{name}: taken as '{unit}', this skeleton stands {stature_m:.3g} m tall, where bodies are "
        f"{STATURE_M[0]} to {STATURE_M[1]} m.{hint} Say unit=... with the file's unit."
    )


def tilt_deg(motion: Motion, head: str, feet: tuple[str, ...]) -> float:
    """Median angle in degrees between the line from feet to head and up."""
    places, _ = motion.forward((head, *feet))
    line = places[:, 0] - places[:, 1:].mean(axis=1)
    line = line[np.isfinite(line).all(axis=1)]
    cosine = line[:, 2] / np.maximum(np.linalg.norm(line, axis=1), 1e-12)
    return float(np.median(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0)))))


def check_up(name: str, tilt: float, up: str) -> None:
    """Raise DataError where a body lies or hangs for most of a clip, as one does whose up axis was
    taken wrongly."""
    if tilt > UP_TOLERANCE_DEG:
        raise DataError(
            f"{name}: with up='{up}' the head is {tilt:.0f} degrees away from above the feet for "
            f"half of the clip. Say up=... ({', '.join(_AXES)}) if the axis is another; if the "
            "person does lie, hang or fall, say check_up=False."
        )
