"""Motions as BVH files, for the tests that read them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.motion import rotations
from otolith.motion.formats.frames import END
from otolith.motion.formats.world import up_axis
from otolith.motion.motion import Motion


def write_bvh(motion: Motion, path: Path | str, up: str = "y", scale: float = 0.01) -> None:
    """Write a motion as a BVH file with the given upward axis, `scale` metres to the unit
    (centimetres as a rule).

    Leaves whose names end in "_end" are written as End Sites. Lost frames are written as nan, which our own
    reader takes for gaps.
    """
    axes = rotations.conjugate(up_axis(up))
    in_file = replace(
        motion,
        rotations=np.concatenate(
            [rotations.rotate(axes, motion.rotations[..., :3]), motion.rotations[..., 3:]], axis=-1
        ),
        root=rotations.rotate(axes, motion.root),
        offsets=rotations.rotate(axes, motion.offsets),
    )
    q, lost = in_file.rotations.copy(), motion.lost
    lines, order = ["HIERARCHY"], list[int]()
    _describe(in_file, scale, 0, lines, order)
    q[lost] = rotations.IDENTITY
    with warnings.catch_warnings():
        # In gimbal lock one of two angles is free, and zero will do.
        warnings.simplefilter("ignore", UserWarning)
        angles = np.rad2deg(rotations.to_euler("ZXY", rotations.normalise(q[:, order])))
    numbers = np.concatenate([in_file.root / scale, angles.reshape(len(q), -1)], axis=1)
    numbers[lost] = np.nan
    lines += ["MOTION", f"Frames: {motion.frames}", f"Frame Time: {1.0 / motion.rate_hz:.12g}"]
    lines += [_row(row) for row in numbers]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _describe(
    motion: Motion, scale: float, index: int, lines: list[str], order: list[int], depth: int = 0
) -> None:
    """Write a joint and all below it into `lines`, and the joints with channels into `order`."""
    pad, name, parent = "  " * depth, motion.joints[index], motion.parents[index]
    children = [child for child, carrier in enumerate(motion.parents) if carrier == index]
    tip = depth > 0 and not children and name == motion.joints[parent] + END
    place = motion.offsets[index] / scale if depth else np.zeros(3)
    lines.append(pad + ("End Site" if tip else f"{'JOINT' if depth else 'ROOT'} {name}"))
    lines += [f"{pad}{{", f"{pad}  OFFSET {_row(place)}"]
    if not tip:
        order.append(index)
        kinds = "3" if depth else "6 Xposition Yposition Zposition"
        lines.append(f"{pad}  CHANNELS {kinds} Zrotation Xrotation Yrotation")
        for child in children:
            _describe(motion, scale, child, lines, order, depth + 1)
        if not children:
            lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 0 0 0", f"{pad}  }}"]
    lines.append(f"{pad}}}")


def _row(values: Float[np.ndarray, " K"]) -> str:
    return " ".join(f"{value:.10g}" for value in values.tolist())
