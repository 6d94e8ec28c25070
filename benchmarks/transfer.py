"""What simulated sensors are worth: PIM pretrained on simulated wrists, adapted on real wrists of
people never seen.

    OTOLITH_DATA=… python benchmarks/transfer.py --work FOLDER [--docs docs]

Simulates a right wrist of every clip of motion capture there is, imports UTD-MHAD, and runs one
`otolith benchmark` on its wrist actions: pretraining on real people, on simulated ones, on both,
and none. A stopped run goes on. `--docs` writes docs/results/transfer.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from otolith.data.datasets.utd_mhad import WRIST_ACTIONS

MOUNTED = (180.0, 0.0, 0.0)
"""UTD-MHAD's sensor lies upside down beside ours: fitted to the skeletons of the first trials, 168
degrees about x."""
MOCAP = {"bandai": ("bandai_namco",), "cmu": ("cmu_asfamc", "cmu_bvh")}
CLASSES = list(WRIST_ACTIONS)
"""UTD-MHAD's actions 1 to 21, whose sensor was on the right wrist."""
PRETRAINED_ON = {
    "real": ["people"],
    "simulated": ["bandai-4", "cmu-4"],
    "simulated-one-body": ["bandai-1", "cmu-1"],
    "simulated-not-turned": ["bandai-4-plain", "cmu-4-plain"],
    "both": ["people", "bandai-4", "cmu-4"],
}
"""Method -> studies; the number counts bodies, and `plain` sits as our own placement says."""


def otolith(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "otolith", *words], check=True)


def simulate(data: Path, folder: Path) -> None:
    for source, places in MOCAP.items():
        for bodies, turned in ((4, True), (1, True), (4, False)):
            out = folder / f"{source}-{bodies}{'' if turned else '-plain'}"
            if (out / "study.json").exists():
                continue
            recipe = folder / f"{out.name}.toml"
            recipe.parent.mkdir(parents=True, exist_ok=True)
            mounting = (
                f"[mountings]\nright_wrist = {{ rotation_deg = {list(MOUNTED)} }}\n"
                if turned
                else ""
            )
            recipe.write_text(
                f'placements = "right_wrist"\nmounting = "by_hand"\nbodies = {bodies}\n{mounting}'
            )
            clips = [str(data / "mocap" / place) for place in places]
            otolith(
                "simulate",
                *clips,
                "--recipe",
                str(recipe),
                "--out",
                str(out),
                "--skip-damaged",
                "--quiet",
            )


def measure(data: Path, work: Path) -> Path:
    simulated, study, out = (
        work / "transfer",
        work / "studies" / "utd_mhad",
        work / "results" / "transfer",
    )
    simulate(data, simulated)
    if not (study / "study.json").exists():
        otolith(
            "import",
            str(data / "data" / "utd_mhad"),
            "--dataset",
            "utd_mhad",
            "--out",
            str(study),
            "--quiet",
        )
    methods = {
        f"pim-{name}": {
            "objective": "pim",
            "pretrain_on": [one if one == "people" else str(simulated / one) for one in on],
        }
        for name, on in PRETRAINED_ON.items()
    }
    recipe = out.with_suffix(".toml")
    recipe.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"methods = {json.dumps(['scratch', *methods, 'forest', 'logistic'])}",
        'shots = [2, 8, 32, "all"]',
        "draws = 5",
        'placements = ["right_wrist"]',
        f"labels = {json.dumps(CLASSES)}",
        'missing = "drop"',
        "[windows]",
        "seconds = 4.0",
        'slot = ""',
    ]
    for name, settings in methods.items():
        lines += [
            f"[method.{name}]",
            *(f"{key} = {json.dumps(value)}" for key, value in settings.items()),
        ]
    recipe.write_text("\n".join(lines) + "\n")
    otolith("benchmark", str(study), "--recipe", str(recipe), "--out", str(out), "--quiet")
    return out


def write(out: Path, docs: Path) -> None:
    from otolith import Report

    report = Report.load(out)
    machine = report.machine
    text = [
        f"Made {report.created[:10]} by otolith {report.version} (commit {report.commit}) on "
        f"{machine['processor']}, "
        f"{machine['cores']} cores, {machine['precision']}, seed {report.seed}, by "
        f"benchmarks/transfer.py:",
        "",
        "```text",
        report.table(),
        "```",
        "",
    ]
    (docs / "results").mkdir(parents=True, exist_ok=True)
    (docs / "results" / "transfer.md").write_text("\n".join(text), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, default=Path(".data"), help="where studies and results are kept"
    )
    parser.add_argument("--docs", type=Path, help="write the table into this folder")
    parser.add_argument(
        "--only-write",
        action="store_true",
        help="measure nothing, write from the results there are",
    )
    chosen = parser.parse_args()
    data = os.environ.get("OTOLITH_DATA")
    if not data:
        sys.exit("OTOLITH_DATA is unset: set it to the folder that holds data/utd_mhad and mocap.")
    out = chosen.work / "results" / "transfer"
    if not chosen.only_write:
        out = measure(Path(data), chosen.work)
    if chosen.docs:
        write(out, chosen.docs)
    print(json.dumps({"benchmark": "transfer", "finished": (out / "results.json").exists()}))


if __name__ == "__main__":
    main()
