"""`make kills`: as many kills as asked for, spread over the commands; it goes on where it was
stopped."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path


def main() -> int:
    """Run the trials, tell each, and count; the exit status says whether anything was wrong."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    from kills.places import COMMANDS
    from kills.trials import summary, trials

    parser = argparse.ArgumentParser(prog="make kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many in all")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/kills"), help="where it works and keeps count"
    )
    parser.add_argument("--target", default="", help=f"one of {', '.join(COMMANDS)}")
    parser.add_argument("--json", type=Path, help="where to write the counts")
    given = parser.parse_args()
    targets = (given.target,) if given.target else tuple(COMMANDS)
    counted = summary(
        list(
            trials(
                given.folder.resolve(), given.kills, targets, lambda text: print(text, flush=True)
            )
        )
    )
    for target, one in counted.items():
        print(
            f"{target}: {one['kills']} kills in {one['trials']} trials, {len(one['wrong'])} wrong"
        )
    if given.json:
        given.json.write_text(json.dumps(counted, indent=1) + "\n", encoding="utf-8")
    return int(any(one["wrong"] for one in counted.values()))


if __name__ == "__main__":
    sys.exit(main())
