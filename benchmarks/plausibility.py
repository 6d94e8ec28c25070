"""How often the plausibility warnings are right, and how often wrong, on every clip of motion
capture there is.

    OTOLITH_DATA=… python benchmarks/plausibility.py [--quick]

Each clip is taken as it is (a warning is a false alarm) and spoiled in the ways that files are (a
warning is a hit): another unit, another frame rate, another axis up, a path of the root in another
unit. A single frame that is wrong is no matter for a warning: reading puts a gap there, and how
often it does is told beside.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from otolith.core.errors import OtolithError
from otolith.motion import rotations
from otolith.motion.formats import check, find, read
from otolith.motion.formats.jumps import jumps
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import PROCEDURAL, make

RIGHT_RATE = {"salsa": 60.0}
"""Folder -> frames per second, where the files say another number: the salsa clips say 120."""


def scaled(factor: float) -> Callable[[Motion], Motion]:
    return lambda motion: replace(
        motion, root=motion.root * factor, offsets=motion.offsets * factor
    )


def played(factor: float) -> Callable[[Motion], Motion]:
    return lambda motion: replace(motion, rate_hz=motion.rate_hz * factor)


def tipped(motion: Motion) -> Motion:
    turn = rotations.from_axis_angle(np.array([np.pi / 2, 0.0, 0.0]))
    local = motion.rotations.copy()
    local[:, 0] = rotations.multiply(turn, local[:, 0])
    return replace(motion, rotations=local, root=rotations.rotate(turn, motion.root))


def strayed(factor: float) -> Callable[[Motion], Motion]:
    return lambda motion: replace(motion, root=motion.root * factor)


def spiked(motion: Motion) -> tuple[Motion, int]:
    """One arm (a leg, of clips without arms) a right angle off in one frame, as when two markers
    are swapped."""
    seen = np.flatnonzero(~motion.lost)
    frame = int(seen[len(seen) // 2])
    local = motion.rotations.copy()
    turn = rotations.from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    joint = motion.joint("left_shoulder" if "left_shoulder" in motion.joints else "left_hip")
    local[frame, joint] = rotations.multiply(local[frame, joint], turn)
    return replace(motion, rotations=local), frame


SPIKE, MENDED = "one frame in which an arm is a right angle off", "gaps where nothing was spoiled"
SPOILED: dict[str, Callable[[Motion], Motion]] = {
    "as it is": lambda motion: motion,
    "inches taken for centimetres": scaled(1 / 2.54),
    "centimetres taken for inches": scaled(2.54),
    "centimetres taken for metres": scaled(100.0),
    "played 2 times as fast": played(2.0),
    "played 4 times as fast": played(4.0),
    "played at half speed": played(0.5),
    "another axis up": tipped,
    "path of the root 10 times as long": strayed(10.0),
}


def clips(data: Path | None, quick: bool) -> dict[str, list[Motion | Path]]:
    found: dict[str, list[Motion | Path]] = {
        "procedural": [make(name, seconds=4.0 if quick else 20.0) for name in PROCEDURAL]
    }
    if data is not None:
        for place in ("mocap/cmu_asfamc", "mocap/cmu_bvh", "mocap/bandai_namco", "data/utd_mhad"):
            found[Path(place).name] = list(find(data / place))[:: 200 if quick else 1]
    return found


def opened(clip: Motion | Path) -> Motion | None:
    if isinstance(clip, Motion):
        return clip
    try:
        return read(clip, frame_rate=RIGHT_RATE.get(clip.parent.name))
    except OtolithError:
        return None  # refused outright, which is no question of plausibility


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few clips")
    chosen = parser.parse_args()
    data = os.environ.get("OTOLITH_DATA")
    if not data:
        print("OTOLITH_DATA is unset: procedural motions only.", file=sys.stderr)
    rows = []
    for place, several in clips(Path(data) if data else None, chosen.quick).items():
        told: dict[str, Counter[str]] = {name: Counter() for name in (*SPOILED, SPIKE, MENDED)}
        count, spent = 0, 0.0
        for clip in several:
            motion = opened(clip)
            if motion is None:
                continue
            count += 1
            for name, spoil in SPOILED.items():
                spoiled = spoil(motion)
                started = time.perf_counter()
                kinds = {finding.kind for finding in check(spoiled)}
                spent += time.perf_counter() - started
                told[name].update(kinds | ({"any"} if kinds else set()))
            spoiled, frame = spiked(motion)
            told[SPIKE].update(
                ["any"] if jumps(spoiled)[max(frame - 1, 0) : frame + 1].any() else []
            )
            told[MENDED].update(["any"] if any("jumps" in note for note in motion.notes) else [])
        shares = {name: round(100.0 * found["any"] / count, 1) for name, found in told.items()}
        kinds = {name: dict(found) for name, found in told.items()}
        seconds = spent / (count * len(SPOILED))
        rows.append(
            {
                "what": f"a check of one clip, {place}",
                "seconds": seconds,
                "clips": count,
                "percent": shares,
                "by": kinds,
            }
        )
    print(json.dumps({"benchmark": "plausibility", "rows": rows}))


if __name__ == "__main__":
    main()
