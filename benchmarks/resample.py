"""From a 100 Hz, 6-channel recording of an hour to 5 s windows at 50 Hz: this toolkit against SciPy
and NumPy.

Neither side starts threads; both run in one process, taking turns; medians. Prints a table in
Markdown, then one line of JSON. Run: python benchmarks/resample.py [--repeats 21] [--hours 1]
[--quick]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import resample_poly

from otolith.data.signals.resample import polyphase

SOURCE_HZ, CHANNELS, WINDOW, STEP = 100, 6, 250, 125


def ours(values: np.ndarray) -> np.ndarray:
    """Return windows (N, C, T) as a view."""
    return sliding_window_view(polyphase(values, 1, 2), WINDOW, axis=0)[::STEP]


def rival(values: np.ndarray) -> np.ndarray:
    """Return the same from SciPy's filter."""
    return sliding_window_view(resample_poly(values, 1, 2, axis=0, padtype="edge"), WINDOW, axis=0)[
        ::STEP
    ]


def medians(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each call; they take turns, so that a busy moment hits all of
    them."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()  # compiles, and warms the caches
    for _ in range(repeats):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - begin)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument(
        "--quick", action="store_true", help="a few minutes of signal, to see that it runs"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.repeats, arguments.hours = 2, 0.05
    samples = round(arguments.hours * 3600 * SOURCE_HZ)
    values = np.random.default_rng(0).normal(0.0, 10.0, size=(samples, CHANNELS)).astype(np.float32)
    difference = float(np.abs(ours(values) - rival(values)).max())
    seconds = medians(
        {
            "ours, copied": lambda: np.ascontiguousarray(ours(values)),
            "rival, copied": lambda: np.ascontiguousarray(rival(values)),
            "ours, view": lambda: ours(values),
            "rival, view": lambda: rival(values),
        },
        arguments.repeats,
    )
    rows = []
    for variant, words in (("copied", "contiguous (N, C, T)"), ("view", "view only")):
        mine, theirs = seconds[f"ours, {variant}"], seconds[f"rival, {variant}"]
        row = {
            "what": f"resample and cut, {words}",
            "ours_s": mine,
            "rival_s": theirs,
            "ratio": theirs / mine,
        }
        rows.append(row | {"at_least": 1.0})
    print("| what | polyphase | resample_poly + sliding_window_view | times as fast |")
    print("|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['what']} | {row['ours_s']:.4f} s | {row['rival_s']:.4f} s | "
            f"{row['ratio']:.1f} |"
        )
    print(
        f"\nLargest difference {difference:.1e} on noise of standard deviation 10; {samples} "
        f"samples, one thread.\n"
    )
    record = {
        "benchmark": "resample",
        "hours": arguments.hours,
        "threads": 1,
        "largest_difference": difference,
    }
    print(json.dumps(record | {"repeats": arguments.repeats, "rows": rows}))


if __name__ == "__main__":
    main()
