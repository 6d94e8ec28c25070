"""The nearest of 65,536 windows to each of 512: our queue against faiss, on the same cores.

    python benchmarks/neighbours.py [--threads 2] [--repeats 15] [--quick]

Vectors have 512 numbers. faiss is the flat index of inner products (IndexFlatIP), which is exact as
ours is; ours also leaves a window out where it meets itself, and slots that are empty. Where faiss
is not installed (`pip install faiss-cpu`) only our own time is told. Both take turns, and the table
has their medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

# Both sides read how to use threads when they are first imported.
_early = argparse.ArgumentParser(add_help=False)
_early.add_argument("--threads", type=int, default=2)
_threads = _early.parse_known_args()[0].threads
os.environ["OMP_NUM_THREADS"] = str(_threads)
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402  (the lines above must come first)

from otolith.learn.objectives._queue import IMU, Queue  # noqa: E402

WIDTH, ASKED = 512, 512


def in_turns(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median time of each call in seconds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def measure(slots: int, repeats: int) -> dict[str, Any]:
    """Fill a queue and an index with the same vectors, and ask both the same."""
    generator = torch.Generator().manual_seed(0)
    bank = torch.nn.functional.normalize(torch.randn(slots, WIDTH, generator=generator), dim=1)
    asked = torch.nn.functional.normalize(torch.randn(ASKED, WIDTH, generator=generator), dim=1)
    queue, number = Queue(slots, {IMU: WIDTH}), torch.arange(slots)
    queue.push(number, {IMU: bank}, {IMU: torch.ones(slots, dtype=torch.bool)})
    others, there = torch.arange(ASKED) + slots, {IMU: torch.ones(ASKED, dtype=torch.bool)}
    calls: dict[str, Callable[[], Any]] = {
        "ours": lambda: queue.nearest([IMU], others, {IMU: asked}, there)[0]
    }
    found = calls["ours"]()
    row: dict[str, Any] = {"what": f"{ASKED} windows against {slots:,}"}
    row["equal_to_a_matrix_product"] = float(
        (found == (asked @ bank.T).argmax(dim=1)).float().mean()
    )
    try:
        import faiss
    except ImportError:
        print("Skipped faiss, which is not installed: pip install faiss-cpu\n")
        return row | {"seconds": in_turns(calls, repeats)["ours"]}
    faiss.omp_set_num_threads(_threads)
    index = faiss.IndexFlatIP(WIDTH)
    index.add(bank.numpy())
    calls["faiss"] = lambda: index.search(asked.numpy(), 1)[1][:, 0]
    row["equal_to_faiss"] = float((found.numpy() == calls["faiss"]()).mean())
    taken = in_turns(calls, repeats)
    return row | {
        "ours_s": taken["ours"],
        "faiss_s": taken["faiss"],
        "ratio": taken["faiss"] / taken["ours"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        parents=[_early], description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="a small queue, to see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(_threads)
    sizes = (1024,) if options.quick else (8192, 65536)
    rows = [measure(slots, 2 if options.quick else options.repeats) for slots in sizes]
    if "ratio" in rows[-1] and not options.quick:
        rows[-1]["at_least"] = 1
    print("| what | otolith (ms) | faiss (ms) | times as fast | the same neighbours |")
    print("|---|---|---|---|---|")
    for row in rows:
        theirs = (
            f"{1e3 * row['faiss_s']:.1f} | {row['ratio']:.2f}"
            if "ratio" in row
            else "not installed |"
        )
        ours = row.get("ours_s", row.get("seconds", 0.0))
        print(
            f"| {row['what']} | {1e3 * ours:.1f} | {theirs} | "
            f"{row['equal_to_a_matrix_product']:.2%} |"
        )
    print(
        f"\n{json.dumps({'threads': _threads, 'repeats': options.repeats, 'rows': rows}, indent=1)}"
    )


if __name__ == "__main__":
    main()
