"""A batch of 256 windows out of five million, beside numpy reading the same rows.

The store (1.5 GB, sparse) lies memory-mapped in a temporary folder, as that of a large study does.
Values and the mask of received samples are gathered as a training step gathers them. The bare
gather reads the same rows of the same arrays by `sliding_window_view`, and knows nothing of
stretches.

Run: python benchmarks/gather.py [--repeats 200] [--quick]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from otolith.data.channels import triad
from otolith.data.store import LOST, VALUES, Store
from otolith.data.windows import Windows

COUNT, LENGTH, HOP, CHANNELS, BATCH = 5_000_000, 250, 12, 6, 256
STRETCH = 10_000
"""Windows in one stretch."""


def sparse(folder: Path) -> Windows:
    """Return five million windows over files that are holes: reading costs no disk."""
    rows = COUNT * HOP + LENGTH * (COUNT // STRETCH)
    for name, size in ((VALUES, rows * CHANNELS * 4), (LOST, rows * 2)):
        with (folder / name).open("wb") as file:
            file.truncate(size)
    ends = np.arange(1, COUNT // STRETCH + 1) * (STRETCH * HOP + LENGTH)
    pieces = np.stack([np.concatenate(([0], ends[:-1])), ends], axis=1)
    piece = np.repeat(np.arange(len(pieces)), STRETCH)
    first = pieces[piece, 0] + np.tile(np.arange(STRETCH) * HOP, len(pieces))
    person = np.full(COUNT, "1", dtype=object)
    return Windows(
        store=Store.open(folder, rows, CHANNELS, pieces, "sparse"),
        channels=(*triad("left_wrist", "acc"), *triad("left_wrist", "gyro")),
        rate_hz=50.0,
        length=LENGTH,
        first_row=first,
        piece=piece,
        subject=person,
        recording=person,
        start_s=np.zeros(COUNT),
        code=np.full(COUNT, -1),
        classes=(),
    )


def timed(gather: Callable[[np.ndarray], object], batches: list[np.ndarray]) -> float:
    """Return the median seconds of a batch."""
    taken = []
    for batch in batches:
        begin = time.perf_counter()
        gather(batch)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="a few batches, to see that it runs")
    options = parser.parse_args()
    repeats = 5 if options.quick else options.repeats
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        windows = sparse(Path(folder))
        # Few places, so that after the first pass both read memory and not the disk.
        near = generator.permutation(STRETCH * 4)
        batches = [near[i * 97 : i * 97 + BATCH] for i in range(repeats)]
        values = sliding_window_view(np.asarray(windows.store.values), (LENGTH, CHANNELS))
        lost = sliding_window_view(np.asarray(windows.store.lost), LENGTH)

        def bare(batch: np.ndarray) -> object:
            first = windows.first_row[batch]
            return values[first].reshape(-1, LENGTH, CHANNELS), lost[first] == 0

        def ours(batch: np.ndarray) -> object:
            return windows.values(batch), windows.received(batch)

        timed(ours, batches)
        bare_s, ours_s = timed(bare, batches), timed(ours, batches)
    what = f"{BATCH} windows of {COUNT:,}, values and mask"
    print("| what | bare numpy | Windows | ratio |\n|---|---|---|---|")
    print(f"| {what} | {bare_s * 1e3:.2f} ms | {ours_s * 1e3:.2f} ms | {bare_s / ours_s:.2f}× |\n")
    rows = [
        {"what": what, "ratio": bare_s / ours_s, "at_least": 0.3},
        {"what": f"{what}: one batch", "seconds": ours_s, "at_most": 0.002},
    ]
    print(json.dumps({"benchmark": "gather", "repeats": repeats, "rows": rows}))


if __name__ == "__main__":
    main()
