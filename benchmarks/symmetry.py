"""Time warping and bilateral symmetry against dtaidistance, both on the same cores.

    python benchmarks/symmetry.py [--threads 2] [--repeats 15] [--json FILE] [--quick]

(a) needs nothing but `pip install dtaidistance`; (b) also needs the ipol_gait recordings where
OTOLITH_DATA points. Prints a table in Markdown, then the same as JSON. Times are medians within one
run, after one call to warm up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Both sides read how to use threads when they are first imported.
_early = argparse.ArgumentParser(add_help=False)
_early.add_argument("--threads", type=int, default=2)
_threads = _early.parse_known_args()[0].threads
os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = str(_threads)
# OpenMP's waiting threads spin by default; where anything else runs, that costs a millisecond of
# work another twenty.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np  # noqa: E402  (the lines above must come first)

from otolith.data.physics import dtw, symmetry  # noqa: E402


def seconds(call: Callable[[], Any], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare_matrices(repeats: int) -> dict[str, Any]:
    """(a) All 2,016 pairs of 64 windows of 250 samples: squared cost, square root, full window."""
    from dtaidistance import dtw as rival

    series = np.random.default_rng(0).standard_normal((64, 250))
    pairs = np.triu_indices(64, 1)
    ours, theirs = dtw.distance_matrix(series), rival.distance_matrix_fast(series)
    return {
        "what": "distance matrix, 64 × 250",
        "pairs": len(pairs[0]),
        "ours_s": seconds(lambda: dtw.distance_matrix(series), repeats),
        "rival_s": seconds(lambda: rival.distance_matrix_fast(series), repeats),
        "largest_relative_difference": float(np.abs(ours[pairs] / theirs[pairs] - 1).max()),
    }


def chain_with_rival(left: np.ndarray, right: np.ndarray, rate_hz: float) -> np.ndarray:
    """The chain of `symmetry.symmetry` with its defaults, pair by pair: lags in NumPy, warping in
    dtaidistance."""
    from dtaidistance import dtw as rival

    count, samples = left.shape
    longest = min(int(0.8 * rate_hz), int(0.4 * samples))
    lags = np.arange(-longest, longest + 1)
    x_begin, y_begin, overlap = np.maximum(-lags, 0), np.maximum(lags, 0), samples - np.abs(lags)
    window = max(1, int(0.1 * samples)) + 1  # dtaidistance counts the diagonal as 1
    result = np.empty(count)
    for n in range(count):
        x, y = left[n] - left[n].mean(), right[n] - right[n].mean()
        products = np.correlate(y, x, "full")[samples - 1 - longest : samples + longest]
        x_sums, y_sums = np.concatenate([[0], np.cumsum(x)]), np.concatenate([[0], np.cumsum(y)])
        x_squares, y_squares = (
            np.concatenate([[0], np.cumsum(x * x)]),
            np.concatenate([[0], np.cumsum(y * y)]),
        )
        x_sum = x_sums[x_begin + overlap] - x_sums[x_begin]
        y_sum = y_sums[y_begin + overlap] - y_sums[y_begin]
        x_spread = x_squares[x_begin + overlap] - x_squares[x_begin] - x_sum**2 / overlap
        y_spread = y_squares[y_begin + overlap] - y_squares[y_begin] - y_sum**2 / overlap
        best = int(np.argmax((products - x_sum * y_sum / overlap) / np.sqrt(x_spread * y_spread)))
        first = left[n, x_begin[best] : x_begin[best] + overlap[best]]
        second = right[n, y_begin[best] : y_begin[best] + overlap[best]]
        distance = rival.distance_fast(first, second, window=window, inner_dist="euclidean")
        result[n] = distance / (2 * overlap[best])
    return result


def compare_chains(folder: Path, repeats: int) -> dict[str, Any]:
    """(b) Left against right foot of all walks in ipol_gait: windows of 2 s at 50 Hz, half
    overlapping."""
    left, right = gait_windows(folder)
    ours, theirs = symmetry.symmetry(left, right, 50.0), chain_with_rival(left, right, 50.0)
    return {
        "what": "symmetry, ipol_gait feet, 2 s at 50 Hz",
        "pairs": len(left),
        "ours_s": seconds(lambda: symmetry.symmetry(left, right, 50.0), repeats),
        "rival_s": seconds(lambda: chain_with_rival(left, right, 50.0), max(3, repeats // 3)),
        "largest_relative_difference": float(np.abs(ours / theirs - 1).max()),
    }


def gait_windows(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Norms of both feet, (N, 100) each; lost packets are bridged by straight lines, good enough to
    measure time."""
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for path in sorted(folder.glob("*_lf.txt")):
        names = path, path.with_name(path.name.replace("_lf", "_rf"))
        feet = [np.loadtxt(name, skiprows=2, usecols=(0, 1, 2, 3)) for name in names]
        begin, end = max(foot[0, 0] for foot in feet), min(foot[-1, 0] for foot in feet)
        grid = np.arange(begin, end + 1, 2.0)
        for foot, windows in zip(feet, sides, strict=True):
            axes = [np.interp(grid, foot[:, 0], foot[:, axis]) for axis in (1, 2, 3)]
            windows.append(
                np.lib.stride_tricks.sliding_window_view(np.linalg.norm(axes, axis=0), 100)[::50]
            )
    return np.concatenate(sides[0]), np.concatenate(sides[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        parents=[_early], description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--quick", action="store_true", help="one repeat and (a) alone, to see that it runs"
    )
    options = parser.parse_args()
    if options.quick:
        options.repeats = 1
    try:
        import dtaidistance  # noqa: F401
    except ImportError:
        sys.exit(
            "This measures against dtaidistance, which is not installed: pip install dtaidistance"
        )
    rows = [compare_matrices(options.repeats) | {"at_least": 20}]
    data = os.environ.get("OTOLITH_DATA")
    folder = Path(data, "data/ipol_gait/GaitData") if data else None
    if folder and folder.is_dir() and not options.quick:
        rows.append(compare_chains(folder, options.repeats) | {"at_least": 8})
    elif not options.quick:
        print("Skipped (b): set OTOLITH_DATA to the folder that holds data/ipol_gait.\n")
    print(
        "| what | pairs | otolith (ms) | dtaidistance (ms) | times as fast | largest relative "
        "difference |"
    )
    print("|---|---|---|---|---|---|")
    for row in rows:
        row["ratio"] = row["rival_s"] / row["ours_s"]
        print(
            f"| {row['what']} | {row['pairs']} | {row['ours_s'] * 1e3:.2f} | "
            f"{row['rival_s'] * 1e3:.1f} "
            f"| {row['ratio']:.0f} | {row['largest_relative_difference']:.1e} |"
        )
    text = json.dumps({"threads": _threads, "repeats": options.repeats, "rows": rows}, indent=1)
    print(f"\n{text}")
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
