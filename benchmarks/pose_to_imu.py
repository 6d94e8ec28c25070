"""What a sensor read, what simulation says of the pose, and what Multi3Net draws from the pose: one
trial of UTD-MHAD.

    OTOLITH_DATA=… python benchmarks/pose_to_imu.py --work FOLDER
        [--figure docs/figures/pose_to_imu.svg]

Learns to draw the wrist's signal from the Kinect's poses on six people, and looks at another:
correlation and error of both, over that person's trials, and a picture of one trial along one axis.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from transfer import CLASSES, MOUNTED, otolith

HELD_BACK = ("s7", "s8")
SHOWN = "a9_s8_t1"
"""Draws a circle clockwise."""
CUT_HZ = 5.0
"""The Kinect's positions jitter: nothing faster is kept of them."""


def simulated(data: Path, trial: str) -> np.ndarray:
    """What a sensor on the skeleton's wrist would have read, at 50 Hz."""
    from otolith.data.datasets.utd_mhad import skeleton
    from otolith.motion.formats.joint_positions import LAYOUTS, from_positions
    from otolith.motion.simulation.sensor import Mounting, simulate

    time_s, places = skeleton(data / "data" / "utd_mhad", trial)
    rate_hz = (len(time_s) - 1) / (time_s[-1] - time_s[0])
    motion = from_positions(places, LAYOUTS[20].joints, rate_hz, "y")
    worn = {"right_wrist": Mounting(MOUNTED)}
    return (
        simulate(motion, ("right_wrist",), 50.0, mounting=worn, smoothing=CUT_HZ).streams[0].values
    )


def compared(real: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Mean correlation over axes and root mean square error of the acceleration, m/s²."""
    own = [np.corrcoef(real[:, axis], other[:, axis])[0, 1] for axis in range(3)]
    return {
        "correlation": float(np.mean(own)),
        "rmse": float(np.sqrt(((real - other)[:, :3] ** 2).mean())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(".data"), help="where studies are kept")
    parser.add_argument("--figure", type=Path, help="draw the trial into this SVG")
    parser.add_argument("--epochs", type=int, default=40)
    chosen = parser.parse_args()
    if not os.environ.get("OTOLITH_DATA"):
        sys.exit("OTOLITH_DATA is unset: set it to the folder that holds data/utd_mhad.")
    data = Path(os.environ["OTOLITH_DATA"])
    from otolith import Study
    from otolith.learn.objectives.multi3net import Multi3Net, signals_from_poses
    from otolith.learn.training.pretrain import pretrain
    from otolith.learn.training.runtime import Runtime

    folder = chosen.work / "studies" / "utd_mhad"
    if not (folder / "study.json").exists():
        otolith(
            "import",
            str(data / "data" / "utd_mhad"),
            "--dataset",
            "utd_mhad",
            "--out",
            str(folder),
            "--quiet",
        )
    cut = {
        "placements": ("right_wrist",),
        "labels": CLASSES,
        "slot": "",
        "missing": "drop",
        "seconds": 2.0,
    }
    windows = Study.load(folder).windows(**cut)
    goal = Multi3Net(
        contrast=0.0,
        imu_to_imu=0.0,
        text="",
        pose_encoder="pose_attention",
        hands=False,
        target="window",
    )
    run = {"epochs": chosen.epochs, "batch_size": 32, "patience": 0}
    known = windows.without(HELD_BACK)
    encoder = pretrain(known, goal, "channel_attention", runtime=Runtime.choose(threads=1), **run)
    tested = windows.of(HELD_BACK)
    drawn, there = signals_from_poses(goal, tested)
    spread, mean = (
        encoder.standardise.std.numpy()[:, None],
        encoder.standardise.mean.numpy()[:, None],
    )
    drawn = drawn * spread + mean
    found: dict[str, list[dict[str, float]]] = {"regressed": [], "simulated": []}
    shown: dict[str, np.ndarray] = {}
    for index in np.flatnonzero(there):
        trial, start = str(tested.recording[index]), round(float(tested.start_s[index]) * 50.0)
        real, of_skeleton = (
            tested.values([index])[0].T,
            simulated(data, trial)[max(0, start) :][: tested.length],
        )
        if start < 0 or len(of_skeleton) < tested.length or not np.isfinite(of_skeleton).all():
            continue
        each = {"regressed": drawn[index].T, "simulated": of_skeleton}
        for name, values in each.items():
            found[name].append(compared(real, values))
        if trial == SHOWN:
            shown = {"measured": real, **each}
    rows = [
        {
            "what": name,
            "trials": len(several),
            **{key: round(float(np.mean([one[key] for one in several])), 3) for key in several[0]},
        }
        for name, several in found.items()
    ]
    if chosen.figure and shown:
        draw(shown, chosen.figure)
    print(json.dumps({"benchmark": "pose_to_imu", "people": list(HELD_BACK), "rows": rows}))


def draw(shown: dict[str, np.ndarray], path: Path) -> None:
    """Acceleration along the forearm, measured, simulated and regressed."""
    from matplotlib.figure import Figure

    from otolith.show.drawing import save_figure

    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    axes = figure.subplots()
    for name, colour in (
        ("measured", "#1b1f24"),
        ("simulated", "#0b61b4"),
        ("regressed", "#bf4a12"),
    ):
        values = shown[name][:, 0]
        axes.plot(np.arange(len(values)) / 50.0, values, color=colour, label=name, linewidth=1.6)
    axes.set_xlabel("seconds")
    axes.set_ylabel("acceleration along x, m/s²")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0.0, 1.15))
    about = (
        "Acceleration of one trial along one axis: measured, simulated from the skeleton, drawn by "
        "a network."
    )
    save_figure(figure, path, "Pose to IMU", about)


if __name__ == "__main__":
    main()
