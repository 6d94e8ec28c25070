"""Run the benchmarks one after the other and put their figures into one table and one file.

Each benchmark is a script of its own beside this one, prints its own table and then its figures as
JSON. A row says `what` was measured and `ratio` (times as fast, with `at_least`), `seconds` or
`gigabytes` (with `at_most`). All run with the same number of threads. What was measured, with date,
machine, versions and commit, goes into runs/bench/results.json, which git does not track;
`--record` writes benchmarks/results.json instead, and the tables of docs/ where a benchmark has
some. What was not run this time stays there as it was, with the date that it has. A benchmark on
real recordings needs OTOLITH_DATA, and is skipped, with a line that says so, where that is unset.
What takes over an hour runs only when it is named.

The exit status is 1 where something failed or a figure is not what was wanted, and the last lines
name it. `--quick` only shows that everything runs: nothing is kept, and its figures are not judged.

Run: python benchmarks/run.py [NAME ...] [--list] [--threads 2] [--quick] [--record]
"""

from __future__ import annotations

import argparse
import ast
import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "runs" / "bench" / "results.json"
RECORD = HERE / "results.json"
DOCS = HERE.parent / "docs"
ONLY_BY_NAME = {
    "recognition": "takes over an hour and keeps its own tables",
    "words": "takes some minutes, after primus",
    "transfer": "takes half an hour and keeps its own table",
    "primus": "takes an hour and keeps its own tables",
    "multi3net": "takes an hour and keeps its own tables",
    "pose_to_imu": "takes ten minutes and draws a figure",
    "house": "counts lines of the source and times nothing",
    "quick": "runs a recipe in small and times nothing",
    "augmentation_search": "takes hours and keeps its own tables",
}
MEASURES = (("ratio", "at_least", "×"), ("seconds", "at_most", "s"), ("gigabytes", "at_most", "GB"))


def scripts() -> dict[str, Path]:
    """Return the benchmarks by name."""
    return {
        path.stem: path for path in sorted(HERE.glob("*.py")) if path != Path(__file__).resolve()
    }


def first_line(path: Path) -> str:
    """Return what a script says of itself."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def last_json(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a script's output ends with, on one line or over several."""
    lines = text.rstrip().splitlines()
    for start in reversed(range(len(lines))):
        if lines[start].startswith("{"):
            try:
                content = json.loads("\n".join(lines[start:]))
            except json.JSONDecodeError:
                continue
            return content if isinstance(content, dict) else None
    return None


def call(path: Path, threads: int, quick: bool, record_it: bool = False) -> dict[str, Any]:
    """Run one benchmark; return its record, or a record that says why there is none."""
    # OpenMP's waiting threads spin by default; where anything else runs, that slows down
    # everything.
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {"OMP_WAIT_POLICY": "passive"} | os.environ | dict.fromkeys(names, str(threads))
    source = path.read_text(encoding="utf-8")
    command = [sys.executable, str(path)]
    command += ["--threads", str(threads)] if "--threads" in source else []
    command += ["--quick"] if quick and '"--quick"' in source else []
    command += ["--docs", str(DOCS)] if record_it and '"--docs"' in source else []
    begin = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    words = (done.stdout + done.stderr).splitlines()
    record = last_json(done.stdout)
    if record is None:
        reason = words[-1] if words else "it printed nothing"
        missing = "OTOLITH_DATA" in reason and "OTOLITH_DATA" not in os.environ
        return {"skipped" if missing else "failed": reason.removeprefix("SKIPPED: ")}
    print(done.stdout)
    if done.returncode:
        record["failed"] = words[-1]
    partly = [line for line in words if line.startswith("Skipped")]
    stamp = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "quick": quick,
    }
    return (
        record
        | stamp
        | {"took_s": round(time.monotonic() - begin, 1)}
        | ({"skipped": partly[0]} if partly else {})
    )


def judged(record: dict[str, Any]) -> Iterator[tuple[str, str, str, bool | None]]:
    """Yield what was measured, its figure, what was wanted, and whether that was reached; None
    where nothing was."""
    for row in record.get("rows", []):
        for measure, bound, unit in MEASURES:
            if measure not in row or "what" not in row:
                continue
            wanted, reached = "", None
            if bound in row:
                reached = bool(
                    row[measure] >= row[bound]
                    if bound == "at_least"
                    else row[measure] <= row[bound]
                )
                wanted = f"{bound.replace('_', ' ')} {row[bound]:.3g}"
            yield row["what"], f"{row[measure]:.3g} {unit}", wanted, reached
    finished = record.get("finished", {})
    for what, done in (
        finished if isinstance(finished, dict) else {"everything": finished}
    ).items():
        yield what, "finished" if done else "broken off", "finished", bool(done)


def summary(records: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of the table over all benchmarks."""
    lines = ["| benchmark | what | measured | wanted | reached |", "|---|---|---|---|---|"]
    for name, record in records.items():
        for what, figure, wanted, reached in judged(record):
            said = "" if reached is None else "yes" if reached else "no"
            lines.append(f"| {name} | {what} | {figure} | {wanted} | {said} |")
        lines += [
            f"| {name} | {kind.upper()}: {record[kind]} | | | |"
            for kind in ("skipped", "failed")
            if kind in record
        ]
    return lines


def shortfalls(records: dict[str, dict[str, Any]], quick: bool) -> list[str]:
    """Return a line for everything that failed or, unless it was tried in small, fell short of what
    was wanted."""
    lines = []
    for name, record in records.items():
        lines += [f"{name} failed: {record['failed']}"] if "failed" in record else []
        lines += [
            f"{name}, {what}: {figure} where {wanted} was wanted"
            for what, figure, wanted, reached in judged(record)
            if reached is False and not quick
        ]
    return lines


def keep(path: Path, records: dict[str, dict[str, Any]], threads: int) -> None:
    """Put what was measured beside what stands in a file from other runs."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    fresh = {
        name: record | machine(threads) for name, record in records.items() if "rows" in record
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    temporary.write_text(
        json.dumps(dict(sorted((kept | fresh).items())), indent=1) + "\n", encoding="utf-8"
    )
    temporary.replace(path)
    print(f"\nKept in {path}")


def machine(threads: int) -> dict[str, Any]:
    """Return what figures depend on beside the code."""
    from otolith.learn.training.runtime import Runtime, commit, versions

    return Runtime("cpu", "fp32", threads).record() | {"versions": versions(), "commit": commit()}


def main() -> None:
    """Run what is named, or everything; the exit code is 1 if something failed or fell short."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; none: all")
    parser.add_argument(
        "--list", action="store_true", help="name the benchmarks and what each measures"
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument(
        "--quick", action="store_true", help="the least that runs; nothing is kept or judged"
    )
    parser.add_argument(
        "--record", action="store_true", help="write the tracked results and the tables of docs/"
    )
    options = parser.parse_args()
    known = scripts()
    if options.list:
        for name, path in known.items():
            print(f"{name:<12} {first_line(path)}")
        return
    unknown = [name for name in options.names if name not in known]
    if unknown:
        sys.exit(f"There is no benchmark '{unknown[0]}'; there are {', '.join(known)}.")
    records: dict[str, dict[str, Any]] = {}
    for name in options.names or known:
        if name in ONLY_BY_NAME and not options.names:
            records[name] = {
                "skipped": f"it {ONLY_BY_NAME[name]}; type: python benchmarks/run.py {name}"
            }
            continue
        print(f"## {name}: {first_line(known[name])}\n", flush=True)
        records[name] = call(known[name], options.threads, options.quick, options.record)
        for kind in ("skipped", "failed"):
            if kind in records[name]:
                print(f"{kind.upper()} {name}: {records[name][kind]}\n", flush=True)
    print("## All\n")
    print("\n".join(summary(records)))
    if not options.quick:
        keep(RECORD if options.record else RESULTS, records, options.threads)
    if short := shortfalls(records, options.quick):
        sys.exit("\nNot reached:\n" + "\n".join(f"- {line}" for line in short))


if __name__ == "__main__":
    main()
