"""Pretraining in bf16 against fp32 on this processor: how many times as fast, by batch size and
number of channels.

Both runs take turns in one process, epoch by epoch; medians of paired ratios. Only processors with
instructions for bf16 gain; elsewhere `--precision auto` stays with fp32, and so does this by saying
so.

Run: python benchmarks/precision.py [--threads 2] [--repeats 9] [--quick]
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from training import (
    THREADS,
    compared,
    early,
    made_windows,
    product_flops,
    start,
    table,
    take_turns,
    within,
)

from otolith.learn.training.runtime import Runtime

AT_LEAST = 1.5


def compare(count: int, sensors: int, batch_size: int, repeats: int) -> dict[str, Any]:
    """Measure an epoch in each precision."""
    windows = made_windows(count, sensors)
    runs = {}
    for precision in ("fp32", "bf16"):
        runtime = Runtime("cpu", precision, THREADS)
        run = start(windows, batch_size, runtime)
        runs[precision] = within(runtime, run.one_epoch)
    trained = len(run.training[0].windows)
    seconds = take_turns(runs, repeats)
    what = f"bf16 against fp32, {6 * sensors} channels, batches of {batch_size}"
    return {"what": what, **compared(seconds, "bf16", "fp32", trained), "at_least": AT_LEAST}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        parents=[early], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--windows", type=int, default=2560)
    parser.add_argument("--quick", action="store_true", help="a few windows, to see that it runs")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.windows = 2, 200
    torch.set_num_threads(THREADS)
    if Runtime.choose("cpu").precision != "bf16":
        print(
            "This processor has no instructions for bf16: nothing is gained here, and `auto` means "
            "fp32.\n"
        )
    rows = [
        compare(options.windows, sensors, batch_size, options.repeats)
        for sensors in (1, 3)
        for batch_size in ((32,) if options.quick else (64, 256))
    ]
    print(table(rows, "bf16", "fp32"))
    ratio = product_flops(torch.bfloat16) / product_flops(torch.float32)
    print(
        f"\n{THREADS} threads. A matrix product of 1,024 squared is {ratio:.1f} times as fast in "
        f"bf16.\n"
    )
    record = {
        "benchmark": "precision",
        "threads": THREADS,
        "repeats": options.repeats,
        "product_ratio": ratio,
    }
    print(json.dumps(record | {"rows": rows}))


if __name__ == "__main__":
    main()
