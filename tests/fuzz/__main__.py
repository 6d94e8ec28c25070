"""`make fuzz`: all targets to so many cases each, going on where it was stopped; faults are kept
and told."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from fuzz.harness import Harness
from fuzz.targets import TARGETS, Target
from otolith.core.files import write_json

RUNS = Path(__file__).resolve().parents[2] / "runs" / "fuzz"
PART = 100
"""How many cases a worker takes at a time."""


class Run:
    """How far it is: per target the counts, the slowest and the largest case, and the cases that
    failed."""

    def __init__(self, folder: Path, cases: int, targets: list[Target], again: bool) -> None:
        self.folder, self.targets = folder, targets
        self.cases = {target.name: cases for target in targets}
        self.lock = threading.Lock()
        self.path = folder / "state.json"
        self.state: dict[str, dict[str, Any]] = {}
        if self.path.exists() and not again:
            self.state = json.loads(self.path.read_text(encoding="utf-8"))
        self.begun, self.ran = time.monotonic(), 0
        self.failed, self.broken = "", list[str]()
        self.parts = deque(self._parts())

    def facts(self, target: str) -> dict[str, Any]:
        """What is known of one target."""
        empty = {
            "done": 0,
            "refused": 0,
            "read": 0,
            "unchanged": 0,
            "faults": {},
            "slowest_s": 0.0,
            "slowest": -1,
        }
        return self.state.setdefault(
            target, {**empty, "largest_bytes": 0, "largest": -1, "seconds": 0.0, "wall_s": 0.0}
        )

    def _parts(self) -> list[tuple[str, list[int]]]:
        parts = []
        for target in self.targets:
            facts = self.facts(target.name)
            # What failed is tried again: it may be mended since.
            todo = [*map(int, facts["faults"]), *range(facts["done"], self.cases[target.name])]
            parts += [(target.name, todo[i : i + PART]) for i in range(0, len(todo), PART)]
        return parts

    def work(self) -> None:
        """Run parts until there are none left; one worker."""
        with Harness() as harness:
            while not self.failed:
                with self.lock:
                    if not self.parts:
                        return
                    name, numbers = self.parts.popleft()
                try:
                    begun = time.monotonic()
                    for number in numbers:
                        if self.failed:
                            return
                        answer = harness.run(name, number)
                        if answer["outcome"] == "fault":
                            self._keep(harness, name, number, answer)
                        self._note(name, number, answer)
                    with self.lock:
                        self.facts(name)["wall_s"] += time.monotonic() - begun
                    self._tell(name)
                except RuntimeError as error:
                    self.broken.append(f"{name}: {error}")

    def _note(self, name: str, number: int, answer: dict[str, Any]) -> None:
        with self.lock:
            facts = self.facts(name)
            self.ran += 1
            facts["faults"].pop(str(number), None)
            if answer["outcome"] == "fault":
                facts["faults"][str(number)] = answer["faults"][0].strip().splitlines()[-1][:300]
            else:
                facts[answer["outcome"]] += 1
            facts["done"] = max(facts["done"], number + 1)
            facts["seconds"] += answer["seconds"]
            for most, which, value in (
                ("slowest_s", "slowest", answer["seconds"]), ("largest_bytes", "largest", answer["bytes"]),
            ):  # fmt: skip
                if value > facts[most]:
                    facts[most], facts[which] = value, number

    def _keep(self, harness: Harness, name: str, number: int, answer: dict[str, Any]) -> None:
        folder = self.folder / "faults" / f"{name}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        harness.keep(name, number, folder)
        write_json(folder / "case.json", {"target": name, "case": number, **answer})
        (folder / "fault.txt").write_text(
            "\n\n".join(answer["faults"]), encoding="utf-8", errors="replace"
        )

    def _tell(self, name: str) -> None:
        with self.lock:
            write_json(self.path, self.state)
            done = sum(
                min(self.facts(target.name)["done"], self.cases[target.name])
                for target in self.targets
            )
            total, faults = (
                sum(self.cases.values()),
                sum(len(self.facts(t.name)["faults"]) for t in self.targets),
            )
            rate = self.ran / max(1e-9, time.monotonic() - self.begun)
            facts, left = self.facts(name), (total - done) / max(rate, 1e-9) / 60
            line = (
                f"{name} {facts['done']}/{self.cases[name]}; all {done}/{total}, {faults} faults, "
                f"{rate:.0f} cases/s, {left:.0f} min left"
            )
            ahead, behind = ("\r\x1b[K", "") if sys.stdout.isatty() else ("", "\n")
            print(ahead + line, end=behind, flush=True)


def main() -> int:
    """Run, and return 0 where nothing failed."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--target", default="", help="names with commas between; else all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="forget what was run before")
    parser.add_argument(
        "--folder", type=Path, default=RUNS, help="where what was run, and what failed, is kept"
    )
    asked = parser.parse_args()
    names = asked.target.split(",") if asked.target else list(TARGETS)
    if strange := [name for name in names if name not in TARGETS]:
        parser.error(f"there is no target {', '.join(strange)}; there are {', '.join(TARGETS)}")
    run = Run(asked.folder, asked.cases, [TARGETS[name] for name in names], asked.again)
    workers = [threading.Thread(target=run.work) for _ in range(asked.workers)]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        run.failed = "stopped; the same command goes on from here"
        for worker in workers:
            worker.join()
    write_json(run.path, run.state)
    print()
    if run.failed:
        print(run.failed, file=sys.stderr)
        return 130
    summary = {"cases": asked.cases, "minutes": (time.monotonic() - run.begun) / 60}
    write_json(
        asked.folder / "summary.json",
        {**summary, "targets": {name: run.facts(name) for name in names}},
    )
    for name in names:
        facts = run.facts(name)
        print(
            f"{name:24} {facts['done']:6} cases  {facts['refused']:6} refused  {facts['read']:6} "
            f"read  "
            f"{facts['unchanged']:6} unchanged  {len(facts['faults']):4} faults  slowest "
            f"{facts['slowest_s']:.2f} s  "
            f"{1000 * facts['wall_s'] / max(1, facts['done']):.0f} ms each  "
            f"largest {facts['largest_bytes'] / 2**20:.0f} MiB"
        )
    faults = [
        (name, case, why) for name in names for case, why in run.facts(name)["faults"].items()
    ]
    for name, case, why in faults[:50]:
        print(f"FAULT {name} {case}: {why}", file=sys.stderr)
    for words in run.broken:
        print(words, file=sys.stderr)
    if faults:
        print(
            f"{len(faults)} faults; the files are under {asked.folder / 'faults'}", file=sys.stderr
        )
    return 1 if faults or run.broken else 0


if __name__ == "__main__":
    sys.exit(main())
