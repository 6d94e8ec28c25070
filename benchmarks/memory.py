"""Peak memory while every window of a study of 2,000 hours is read: 6 channels at 50 Hz, 8.6 GB of
signal.

Recordings last a day each. Two are made and listed many times under other names, so that the making
is quick; to the reader they are all different. A fresh process opens the study, cuts it (the store
is written then) and walks over all windows; the memory is that process's high-water mark, Python
and its libraries included. A second process does the same from the finished store. Everything lies
in a temporary folder that is deleted afterwards.

Run: python benchmarks/memory.py [--hours 2000] [--hours-each 24] [--limit-gb 1.5] [--folder DIR]
[--quick]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from otolith import Cut, Recording, Segment, Stream, write_study
from otolith.core.files import read_json, write_sealed
from otolith.data.channels import triad
from otolith.data.study_files import file_facts

RATE_HZ, CHANNELS, BYTES = 50, 6, 4
LABELS = ("resting", "walking", "cycling")
BOUT_S = 600.0

# What the measured process runs. Its high-water mark is its own: ru_maxrss alone would inherit its
# parent's on Linux.
READ_ALL = """
import json, resource, sys, time
from pathlib import Path
def peak_mb():
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
import numpy, otolith.data.cut
from otolith import Study
started, before = time.perf_counter(), peak_mb()
windows = Study.load(sys.argv[1]).windows()
cut, cut_s = peak_mb(), time.perf_counter() - started
count = total = 0
for index, values in windows.batches(256):
    count += len(index)
    total += values.shape[0] * values.shape[2]
row = {"windows": count, "samples": total, "before_mb": before, "cut_mb": cut}
row |= {"peak_mb": peak_mb(), "cut_s": cut_s, "walk_s": time.perf_counter() - started - cut_s}
print(json.dumps(row))
"""


def make(folder: Path, hours: float, hours_each: float) -> float:
    """Write a study of (about) so many hours into a folder and return how many it has."""
    count = max(2, round(hours / hours_each))
    cut = Cut(seconds=5.0, rate_hz=float(RATE_HZ))
    write_study(folder, [_recording(i, hours_each) for i in range(2)], name="memory", cut=cut)
    content = read_json(folder / "study.json")
    originals = content["recordings"]
    content["recordings"] = [
        originals[i % 2] | {"id": f"day-{i}", "subject": f"person-{i % 20}"} for i in range(count)
    ]
    bouts = pq.read_table(folder / "segments.parquet").to_pylist()
    own: dict[str, list[dict[str, Any]]] = {}
    for bout in bouts:
        own.setdefault(bout["recording"], []).append(bout)
    rows = [bout | {"recording": f"day-{i}"} for i in range(count) for bout in own[f"day-{i % 2}"]]
    schema = pq.read_schema(folder / "segments.parquet")
    pq.write_table(_table(rows, schema), folder / "segments.parquet")
    content["files"]["segments.parquet"] = file_facts(folder / "segments.parquet")
    write_sealed(folder / "study.json", content)
    return count * hours_each


def _table(rows: list[dict[str, Any]], schema: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=schema)


def _recording(number: int, hours: float) -> Recording:
    rng = np.random.default_rng(number)
    rows = round(hours * 3600 * RATE_HZ)
    values = rng.normal(0, 0.02, (rows, CHANNELS)).astype(np.float32)
    values[:, 2] += 9.81
    values = np.round(values, 2)  # as coarse as a sensor's own steps
    time_s = np.arange(rows) / RATE_HZ
    if number:  # one recording loses single packets all day long, and once a minute's worth
        kept = rng.random(rows) > 0.002
        kept[rows // 2 : rows // 2 + 60 * RATE_HZ] = False
        time_s, values = time_s[kept], values[kept]
    channels = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
    stream = Stream("left_wrist", channels, time_s, values, float(RATE_HZ))
    bouts = int(hours * 3600 / BOUT_S)
    segments = tuple(
        Segment(i * BOUT_S, (i + 1) * BOUT_S, LABELS[i % len(LABELS)]) for i in range(bouts)
    )
    return Recording(f"day-{number}", f"person-{number}", (stream,), segments)


def read_all(folder: Path) -> dict[str, float]:
    """Cut the study and walk over all of its windows in a process of its own; return what it
    measured."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Make, measure and print; fails where the limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=2000.0)
    parser.add_argument("--hours-each", type=float, default=24.0)
    parser.add_argument("--limit-gb", type=float, default=1.5)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the temporary folder is made (9 GB)"
    )
    parser.add_argument("--quick", action="store_true", help="a few hours, to see that it runs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.hours, arguments.hours_each = 2.0, 1.0
    with tempfile.TemporaryDirectory(prefix="otolith-memory-", dir=arguments.folder) as temporary:
        started = time.perf_counter()
        hours = make(Path(temporary) / "study", arguments.hours, arguments.hours_each)
        made_s = time.perf_counter() - started
        rows = [
            {"what": run} | read_all(Path(temporary) / "study")
            for run in ("first: resampled, cut and read", "again: from the store")
        ]
    for row in rows:
        row |= {"gigabytes": row["peak_mb"] / 1024, "at_most": arguments.limit_gb}
    data_gb = hours * 3600 * RATE_HZ * CHANNELS * BYTES / 1e9
    print("| run | windows | cutting | reading | peak memory |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['what']} | {row['windows']} | {row['cut_s']:.0f} s | {row['walk_s']:.0f} s "
            f"| {row['peak_mb'] / 1024:.2f} GB |"
        )
    peak_gb = max(row["peak_mb"] for row in rows) / 1024
    before_gb = rows[0]["before_mb"] / 1024
    print(
        f"\n{hours:.0f} hours in recordings of {arguments.hours_each:g} hours, {data_gb:.1f} GB "
        f"of signal; "
        f"imports alone take {before_gb:.2f} GB. Making the study took {made_s:.0f} s.\n"
    )
    print(
        json.dumps(
            {
                "benchmark": "memory",
                "hours": hours,
                "data_gb": data_gb,
                "limit_gb": arguments.limit_gb,
                "peak_gb": peak_gb,
                "rows": rows,
            }
        )
    )
    if peak_gb > arguments.limit_gb:
        raise SystemExit(f"{peak_gb:.2f} GB is over the limit of {arguments.limit_gb:g} GB.")


if __name__ == "__main__":
    main()
