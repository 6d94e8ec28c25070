"""Simulated sensors against real ones: BROAD's board and gaitmap's feet, from optics alone.

Prints three tables in Markdown, then one line of JSON. BROAD: no fitting at all, samples marked as
movement, beside three Savitzky-Golay windows and, for scale, the same with the mounting fitted on
the first half and scored on the second. gaitmap: both signals below 20 Hz, mounting fitted on the
first half, scored on the second, with and without the lever arm. The folder is the one that holds
mocap/.

Run: OTOLITH_DATA=FOLDER python benchmarks/fidelity.py [--figure docs/figures/fidelity.svg]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from readers.paired import Paired, read_broad, read_gaitmap

from otolith.motion.fidelity.alignment import align
from otolith.motion.fidelity.fidelity import BANDS_HZ, Fidelity, banded, fidelity
from otolith.motion.simulation.sensor import Reading
from otolith.motion.simulation.smoothing import SavitzkyGolay

WINDOWS = (9, 21, 41)
BAND_HZ = 20.0


def first_half(count: int) -> np.ndarray:
    """Marks of the samples that a mounting is estimated from."""
    return np.arange(count) < count // 2


def axes(values: tuple[float, ...], digits: int = 3) -> str:
    """Numbers beside one another."""
    return " ".join(f"{value:.{digits}f}" for value in values)


def board(pair: Paired) -> dict[str, object]:
    """One trial of BROAD."""
    path = pair.follow("auto")
    simulated = pair.simulate("auto")
    known = (
        path.known
        & np.isfinite(pair.position).all(axis=1)
        & np.isfinite(pair.body_to_world).all(axis=1)
    )
    moving = pair.moving & known
    found = fidelity(simulated, pair.real, pair.rate_hz, moving)
    rivals = {
        window: fidelity(
            pair.simulate(SavitzkyGolay(window, 3)), pair.real, pair.rate_hz, moving
        ).acceleration.rmse
        for window in WINDOWS
    }
    first = first_half(len(known))
    fitted = align(simulated, pair.real, pair.rate_hz, first & moving)
    second = fidelity(
        fitted.apply(simulated, pair.rate_hz), pair.real, pair.rate_hz, ~first & moving
    )
    return {
        "trial": pair.name,
        "cutoff_hz": path.cutoff_hz,
        "fidelity": found,
        "savitzky_golay": rivals,
        "fitted": second,
        "lever_m": fitted.lever_m.tolist(),
        "delay_s": fitted.delay_s,
    }


def foot(pair: Paired) -> list[dict[str, object]]:
    """One foot of gaitmap, with the lever arm and without."""
    path, simulated = pair.follow("auto"), pair.simulate("auto")
    slow, real = (
        Reading(*(banded(part, pair.rate_hz, BAND_HZ, path.known) for part in reading))
        for reading in (simulated, pair.real)
    )
    first = first_half(len(path.known))
    rows: list[dict[str, object]] = []
    for lever in (False, True):
        fitted = align(slow, real, pair.rate_hz, first, lever=lever)
        found = fidelity(fitted.apply(slow, pair.rate_hz), real, pair.rate_hz, ~first)
        sagittal = int(np.nanargmax(np.nanstd(real.angular_rate, axis=0)))
        rows.append(
            {
                "foot": pair.name,
                "lever": lever,
                "cutoff_hz": path.cutoff_hz,
                "fidelity": found,
                "lever_m": fitted.lever_m.tolist(),
                "delay_s": fitted.delay_s,
                "sagittal": found.angular_rate.correlation[sagittal],
            }
        )
    return rows


def figure(mocap: Path, path: Path) -> None:
    """Three seconds of the board, three of a foot, and the spectrum that gives the cut-off."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "otolith"
    from matplotlib import pyplot as plt

    (trial,) = (mocap / "paired_broad").glob("18_*.mat")
    pair = read_broad(trial)
    walk = read_gaitmap(mocap / "paired_gaitmap/example_data", "left")
    track, foot_track = pair.follow(), walk.follow()
    slow, real = (
        Reading(*(banded(part, walk.rate_hz, BAND_HZ, foot_track.known) for part in reading))
        for reading in (walk.simulate(), walk.real)
    )
    fitted = align(slow, real, walk.rate_hz, first_half(len(foot_track.known))).apply(
        slow, walk.rate_hz
    )
    drawing, rows = plt.subplots(3, 1, figsize=(9, 8), layout="constrained")
    panels = (
        (
            rows[0],
            pair,
            pair.simulate(),
            pair.real,
            35.0,
            2,
            "board moved fast by hand (BROAD 18), z, nothing fitted",
        ),
        (
            rows[1],
            walk,
            fitted,
            real,
            26.0,
            0,
            "left shoe, walking (gaitmap), x, 0 to 20 Hz, second half",
        ),
    )
    for axes_, source, simulated, measured, start_s, axis, title in panels:
        part = (source.time_s >= start_s) & (source.time_s < start_s + 3.0)
        axes_.plot(
            source.time_s[part],
            measured.acceleration[part, axis],
            color="0.6",
            lw=2.5,
            label="measured",
        )
        axes_.plot(
            source.time_s[part],
            simulated.acceleration[part, axis],
            color="C0",
            lw=1,
            label="simulated",
        )
        axes_.set(title=title, xlabel="s", ylabel="acceleration, m/s²")
        axes_.legend(loc="upper right")
    index = np.flatnonzero(track.known)
    run = max(np.split(index, np.flatnonzero(np.diff(index) > 1) + 1), key=len)
    from scipy.signal import welch

    for values, colour, name in (
        (pair.simulate("none").acceleration[run], "C3", "simulated from the optics as they are"),
        (pair.real.acceleration[run], "0.6", "measured"),
        (pair.simulate().acceleration[run], "C0", "simulated, cut off"),
    ):
        hertz, power = welch(values - values.mean(axis=0), pair.optical_hz, nperseg=1024, axis=0)
        rows[2].loglog(
            hertz[1:],
            power.sum(axis=1)[1:],
            color=colour,
            label=name,
            lw=2.5 if colour == "0.6" else 1,
        )
    assert track.cutoff_hz[0] is not None
    rows[2].axvline(
        track.cutoff_hz[0], color="k", ls=":", label=f"cut-off, {track.cutoff_hz[0]:.0f} Hz"
    )
    rows[2].set(
        title="where the cut-off comes from (BROAD 18)",
        xlabel="Hz",
        ylabel="(m/s²)²/Hz",
        ylim=(1e-5, None),
    )
    rows[2].legend(loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, metadata={"Date": None})
    plt.close(drawing)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--figure", type=Path, help="draw into this file, and measure nothing")
    arguments = parser.parse_args()
    folder = os.environ.get("OTOLITH_DATA")
    if not folder or not (Path(folder) / "mocap").is_dir():
        sys.exit(
            "OTOLITH_DATA is unset or holds no mocap/: set it to the folder of the paired sets."
        )
    mocap = Path(folder) / "mocap"
    if arguments.figure:
        figure(mocap, arguments.figure)
        return
    trials = [board(read_broad(path)) for path in sorted((mocap / "paired_broad").glob("*.mat"))]
    feet = [
        row
        for side in ("left", "right")
        for row in foot(read_gaitmap(mocap / "paired_gaitmap/example_data", side))
    ]

    print(
        "BROAD, no fitting: acceleration in m/s², angular rate in rad/s; cut-offs from the optical "
        "path alone\n"
    )
    print(
        f"| trial | cut-off Hz | RMSE acc | SG {WINDOWS} | r acc x y z | RMSE gyro | r gyro x y z "
        f"| MSE acc, gyro |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in trials:
        found, rivals = row["fidelity"], row["savitzky_golay"]
        assert isinstance(found, Fidelity) and isinstance(rivals, dict)
        a, g = found.acceleration, found.angular_rate
        cut = " / ".join("-" if value is None else f"{value:.0f}" for value in row["cutoff_hz"])
        print(
            f"| {row['trial']} | {cut} | {a.rmse:.3f} | {axes(tuple(rivals.values()))} | "
            f"{axes(a.correlation)} | "
            f"{g.rmse:.3f} | {axes(g.correlation)} | {axes((a.magnitude_mse, g.magnitude_mse))} |"
        )
    bands = ", ".join(f"{low:g}-{high:g}" for low, high in BANDS_HZ)
    print(
        f"\nBROAD, coherence in bands ({bands} Hz), and what fitting the mounting on the first "
        f"half brings\n"
    )
    print(
        "| trial | coherence acc | coherence gyro | RMSE acc, fitted | RMSE gyro, fitted | lever "
        "arm mm | delay ms |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in trials:
        found, fitted = row["fidelity"], row["fitted"]
        assert isinstance(found, Fidelity) and isinstance(fitted, Fidelity)
        arm = axes(tuple(1000.0 * value for value in row["lever_m"]), 1)
        print(
            f"| {row['trial']} | {axes(found.acceleration.coherence, 2)} | "
            f"{axes(found.angular_rate.coherence, 2)} | "
            f"{fitted.acceleration.rmse:.3f} | {fitted.angular_rate.rmse:.3f} | {arm} | "
            f"{1000.0 * row['delay_s']:.1f} |"
        )
    print(
        f"\ngaitmap, 0 to {BAND_HZ:g} Hz, mounting fitted on the first half, scored on the second\n"
    )
    print(
        "| foot | lever arm | RMSE acc | r acc x y z | RMSE gyro | r gyro, sagittal | MSE acc, "
        "gyro | mm | delay ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in feet:
        found = row["fidelity"]
        assert isinstance(found, Fidelity)
        a, g = found.acceleration, found.angular_rate
        arm = axes(tuple(1000.0 * value for value in row["lever_m"]), 0)
        print(
            f"| {row['foot']} | {'yes' if row['lever'] else 'no'} | {a.rmse:.2f} | "
            f"{axes(a.correlation)} | "
            f"{g.rmse:.3f} | {row['sagittal']:.4f} | {axes((a.magnitude_mse, g.magnitude_mse))} "
            f"| {arm} | "
            f"{1000.0 * row['delay_s']:.1f} |"
        )
    # As ratios, above one where what was wanted is reached.
    rows: list[dict[str, object]] = []
    for row in trials:
        found, rivals = row["fidelity"], row["savitzky_golay"]
        assert isinstance(found, Fidelity) and isinstance(rivals, dict)
        best = min(rivals.values())
        what = f"{row['trial']}: best Savitzky-Golay error over ours"
        wanted = {"at_least": 1.0} if "undisturbed" in str(row["trial"]) else {}
        rows.append({"what": what, "ratio": best / found.acceleration.rmse} | wanted)
    for row in feet:
        found = row["fidelity"]
        assert isinstance(found, Fidelity)
        if row["lever"]:
            ratio = 2.5 / found.acceleration.rmse
            rows.append(
                {"what": f"{row['foot']}: 2.5 m/s² over the error", "ratio": ratio, "at_least": 1.0}
            )
    plain = [
        {
            key: value.as_dict() if isinstance(value, Fidelity) else value
            for key, value in row.items()
        }
        for row in (*trials, *feet)
    ]
    print("\n" + json.dumps({"benchmark": "fidelity", "rows": rows, "details": plain}))


if __name__ == "__main__":
    main()
