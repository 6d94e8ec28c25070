"""How long `import otolith` and `otolith --help` take in a fresh interpreter, and whether torch was
pulled in.

Medians over fresh interpreters. Importing is timed inside the interpreter, the command from
outside, with Python's own start included. What takes longest is named, so that a slow import is
found without a search.

Run: python benchmarks/start.py [--repeats 10] [--quick]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from typing import Any

IMPORT = """
import sys, time
begin = time.perf_counter()
import otolith
print(time.perf_counter() - begin, "torch" in sys.modules)
"""
COMMAND = ("-m", "otolith", "--help")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with some arguments."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)


def importing(repeats: int) -> tuple[float, bool]:
    """Return the median seconds of `import otolith`, and whether it pulled in torch."""
    printed = [python("-c", IMPORT).stdout.split() for _ in range(repeats)]
    return statistics.median(float(seconds) for seconds, _ in printed), printed[0][1] == "True"


def commanding(repeats: int, *arguments: str) -> float:
    """Return the median seconds from the call of Python to its end."""
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        python(*arguments)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def slowest(*arguments: str, count: int = 5) -> dict[str, float]:
    """Return the modules that took longest by themselves, in seconds."""
    lines = re.findall(
        r"^import time: +(\d+) \| +\d+ \| +(\S+)$",
        python("-X", "importtime", *arguments).stderr,
        re.M,
    )
    ordered = sorted(((int(micro) / 1e6, name) for micro, name in lines), reverse=True)
    return {name: seconds for seconds, name in ordered[:count]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument(
        "--quick", action="store_true", help="two interpreters each, to see that it runs"
    )
    options = parser.parse_args()
    repeats = 2 if options.quick else options.repeats
    python("-c", "import otolith")  # compiles what has changed
    python(*COMMAND)
    seconds, torch = importing(repeats)
    rows: list[dict[str, Any]] = [
        {"what": "import otolith", "seconds": seconds, "at_most": 0.5, "torch": torch},
        {"what": "otolith --help", "seconds": commanding(repeats, *COMMAND), "at_most": 1.0},
        {"what": "Python alone", "seconds": commanding(repeats, "-c", "pass")},
    ]
    print("| what | seconds | wanted |")
    print("|---|---|---|")
    for row in rows:
        print(f"| {row['what']} | {row['seconds']:.3f} | {row.get('at_most', '')} |")
    longest = slowest(*COMMAND)
    names = ", ".join(f"{name} {taken * 1e3:.0f} ms" for name, taken in longest.items())
    print(
        f"\n`import otolith` {'pulls in' if torch else 'leaves out'} torch. Longest in `--help`: "
        f"{names}.\n"
    )
    print(json.dumps({"benchmark": "start", "repeats": repeats, "rows": rows, "slowest": longest}))
    if torch:
        raise SystemExit("import otolith pulled in torch, which takes a second or more.")


if __name__ == "__main__":
    main()
