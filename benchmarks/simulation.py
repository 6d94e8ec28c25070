"""Twenty-two ideal sensors on a long clip: the fused kernel against the same algorithm in chunked,
vectorised NumPy.

Both go from joints to readings in float64 with the same quintic spline: sensor's point with lever
arm, spline coefficients by two recursions (NumPy's side takes SciPy's compiled lfilter for them),
second derivative and slope, gravity, sensor's axes; float32 out. One process, no threads, taking
turns; medians of processor time, so that other work on the machine counts for neither. Prints a
table in Markdown, then one line of JSON.

Run: python benchmarks/simulation.py [--frames 100000] [--sensors 22] [--repeats 5] [--quick]
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from otolith.data.quantities import STANDARD_GRAVITY
from otolith.motion import rotations
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.fused import HALO, sense
from otolith.motion.simulation.placements import SITES
from otolith.motion.simulation.sensor import simulate

RATE_HZ = 100.0
_ROOTS = np.roots([1.0, 26.0, 66.0, 26.0, 1.0])
POLES = np.sort(_ROOTS[np.abs(_ROOTS) < 1.0].real)
DENOMINATOR = np.poly(POLES)


def clip(
    frames: int, sensors: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Joints that swing and wander: positions, joint_to_world, lever arms, mountings."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(frames)[:, None, None] / RATE_HZ
    hertz, phase = (
        rng.uniform(0.3, 2.0, size=(2, sensors, 3)),
        rng.uniform(0, 6, size=(2, sensors, 3)),
    )
    position = rng.uniform(0.1, 0.5, size=(sensors, 3)) * np.sin(
        2 * np.pi * hertz[0] * time_s + phase[0]
    )
    turns = rotations.from_axis_angle(
        rng.uniform(0.3, 1.0, size=(sensors, 3)) * np.sin(2 * np.pi * hertz[1] * time_s + phase[1])
    )
    return (
        position,
        turns,
        rng.normal(0, 0.1, size=(sensors, 3)),
        rotations.normalise(rng.normal(size=(sensors, 4))),
    )


def _extended(values: np.ndarray) -> np.ndarray:
    """Frames (F, ...) with forty more at both ends, extrapolated from the six outermost."""
    weights = np.zeros((HALO, 6))
    rows = [*np.eye(6)]
    for _ in range(HALO):
        a, b, c, d, e, f = rows[:6]
        rows.insert(0, 6 * a - 15 * b + 20 * c - 15 * d + 6 * e - f)
    weights[:] = rows[:HALO]
    before = np.tensordot(weights, values[:6], axes=1)
    after = np.tensordot(weights, values[-1:-7:-1], axes=1)[::-1]
    return np.concatenate([before, values, after])


def vectorised(
    position: np.ndarray,
    turns: np.ndarray,
    rate_hz: float,
    lever: np.ndarray,
    mounting: np.ndarray,
    chunk: int = 512,
) -> np.ndarray:
    """The same readings (S, F, 6) from NumPy, chunk by chunk."""
    frames, sensors = position.shape[:2]
    out = np.empty((sensors, frames, 6), dtype=np.float32)
    rest = DENOMINATOR.sum()
    for first in range(0, frames, chunk):
        low, high = max(0, first - HALO), min(frames, first + chunk + HALO)
        q = turns[low:high]
        q = q / np.sqrt(np.einsum("fsi,fsi->fs", q, q))[..., None]
        point = position[low:high] + rotations.rotate(q, lever)
        samples = np.concatenate([point, rotations.unroll(rotations.multiply(q, mounting))], axis=2)
        if low == 0 or high == frames:
            whole = _extended(samples)
            samples = whole[HALO if low > 0 else 0 : len(whole) - (HALO if high < frames else 0)]
        lines = np.ascontiguousarray(samples.transpose(1, 2, 0))
        start = (lines[..., :1] / rest) * -np.array(
            [DENOMINATOR[1] + DENOMINATOR[2], DENOMINATOR[2]]
        )
        forward, _ = lfilter([1.0], DENOMINATOR, lines, axis=-1, zi=start)
        backward = np.ascontiguousarray(forward[..., ::-1]) * rest**2
        start = (backward[..., :1] / rest) * -np.array(
            [DENOMINATOR[1] + DENOMINATOR[2], DENOMINATOR[2]]
        )
        found, _ = lfilter([1.0], DENOMINATOR, backward, axis=-1, zi=start)
        c = found[..., ::-1]
        count = min(chunk, frames - first)
        at = HALO if low == 0 else first - low
        taps = [c[..., at + k : at + k + count] for k in (-2, -1, 0, 1, 2)]
        bend = (
            taps[0][:, :3]
            + taps[4][:, :3]
            + 2 * (taps[1][:, :3] + taps[3][:, :3])
            - 6 * taps[2][:, :3]
        ) * (rate_hz**2 / 6)
        slope = (taps[4][:, 3:] - taps[0][:, 3:] + 10 * (taps[3][:, 3:] - taps[1][:, 3:])) * (
            rate_hz / 24
        )
        bend[:, 2] += STANDARD_GRAVITY
        own = rotations.conjugate(lines[:, 3:, at : at + count].transpose(0, 2, 1))
        out[:, first : first + count, :3] = rotations.rotate(own, bend.transpose(0, 2, 1))
        out[:, first : first + count, 3:] = (
            2 * rotations.multiply(own, slope.transpose(0, 2, 1))[..., :3]
        )
    return out


def medians(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of processor time of each call; they take turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            begin = time.process_time()
            call()
            taken[name].append(time.process_time() - begin)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def measure(frames: int, sensors: int, repeats: int) -> dict[str, float]:
    """Seconds of both, how many times as fast, and how far they are apart."""
    position, turns, lever, mounting = clip(frames, sensors)
    sense(position[:64], turns[:64], RATE_HZ, lever, mounting)  # compiles
    arguments = (position, turns, RATE_HZ, lever, mounting)
    calls: dict[str, Callable[[], object]] = {"fused": lambda: sense(*arguments)}
    for chunk in (256, 512, 2048):  # the best of these is the rival
        calls[f"numpy {chunk}"] = lambda chunk=chunk: vectorised(*arguments, chunk=chunk)
    calls["fused, at 50 Hz"] = lambda: sense(*arguments, np.arange(frames // 2) / (RATE_HZ / 2))
    seconds = medians(calls, repeats)
    rival = min(value for name, value in seconds.items() if name.startswith("numpy"))
    return {
        "fused_s": seconds["fused"],
        "numpy_s": rival,
        "ratio": rival / seconds["fused"],
        "fused_50_hz_s": seconds["fused, at 50 Hz"],
        "million_frames_per_s": frames / seconds["fused"] / 1e6,
        "largest_difference": float(np.abs(sense(*arguments) - vectorised(*arguments)).max()),
    }


def whole_chain(seconds: float, placements: tuple[str, ...]) -> float:
    """Million frames of processor time per second from a motion's joint angles to a recording at 50
    Hz."""
    motion = make("walking", seconds=seconds)
    simulate(motion, placements)
    begin = time.process_time()
    simulate(motion, placements)
    return motion.frames / (time.process_time() - begin) / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--sensors", type=int, default=22)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a short clip, once")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.frames, arguments.repeats = 5_000, 1
    seconds = 10.0 if arguments.quick else 600.0
    chain = {count: whole_chain(seconds, tuple(SITES)[:count]) for count in (2, 22)}
    row = measure(arguments.frames, arguments.sensors, arguments.repeats)
    scale = 1.0 if sys.platform == "darwin" else 1024.0
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**20
    print(
        "| frames | sensors | fused | NumPy | times as fast | million frames/s | fused, read at 50 "
        "Hz |"
    )
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {arguments.frames} | {arguments.sensors} | {row['fused_s']:.3f} s | "
        f"{row['numpy_s']:.3f} s | "
        f"{row['ratio']:.1f} | {row['million_frames_per_s']:.2f} | {row['fused_50_hz_s']:.3f} s |"
    )
    print(
        f"\nLargest difference {row['largest_difference']:.1e} (float32 out); peak {peak_mb:.0f} "
        f"MB.\n"
    )
    print(
        "| from joint angles to a recording | million frames/s | core-hours for 10,000 hours at "
        "100 frames/s |"
    )
    print("|---|---|---|")
    for count, rate in chain.items():
        print(f"| {count} sensors at 50 Hz | {rate:.2f} | {10_000 * 100 / rate / 1e6:.1f} |")
    print()
    facts = {
        "benchmark": "simulation",
        "frames": arguments.frames,
        "sensors": arguments.sensors,
        "threads": 1,
    }
    what = (
        f"{arguments.sensors} sensors on {arguments.frames:,} frames: vectorised NumPy over the "
        "fused kernel"
    )
    rows = [{"what": what, "at_least": 8.0} | row]
    chain_row = {"chain_million_frames_per_s": {str(count): rate for count, rate in chain.items()}}
    print(
        json.dumps(
            facts | {"repeats": arguments.repeats, "peak_mb": peak_mb, "rows": rows} | chain_row
        )
    )


if __name__ == "__main__":
    main()
