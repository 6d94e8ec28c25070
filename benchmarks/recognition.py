"""Recognition of people never seen: every method on the real data sets, beside the controls.

    OTOLITH_DATA=… python benchmarks/recognition.py --work FOLDER [--docs docs]

Imports the four sets that hold several people, runs `otolith benchmark` on each (over an hour on
two cores; a stopped run goes on), and writes docs/results/*.md and docs/figures/few_shot.svg. What
is imported and kept stays in FOLDER.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ABLATION = "pim-speed,pim-angle,pim-symmetry"
SETS = {"ipol_gait": ABLATION, "hapt": "", "mex": "", "utd_mhad": ""}
"""Data set -> further methods; the ablation runs on the one set with a sensor on both sides."""
CONTROLS = {
    "utd_mhad": "62 / 72 / 78, 65 / 76 / 81, 66 / 79 / 85",
    "hapt": "69 / 76 / 85, 72 / 78 / 85, 70 / 80 / 88",
    "mex": "51 / 63 / 74, 43 / 52 / 64, 48 / 62 / 72",
    "ipol_gait": "83 / 89 / 93, 83 / 89 / 96, 87 / 90 / 94",
}
"""Macro-F1 at 2 / 4 / 8 of plain scripts: random forest, logistic regression, MiniRocket with ridge
regression."""


def otolith(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "otolith", *words], check=True)


def measure(data: Path, work: Path) -> None:
    for name, further in SETS.items():
        study, methods = (
            work / "studies" / name,
            "pim,scratch,forest,logistic" + (f",{further}" if further else ""),
        )
        if not (study / "study.json").exists():
            otolith(
                "import",
                str(data / "data" / name),
                "--dataset",
                name,
                "--out",
                str(study),
                "--quiet",
            )
        size = ["--folds", "5", "--draws", "5"]
        otolith(
            "benchmark",
            str(study),
            "--methods",
            methods,
            *size,
            "--out",
            str(work / "results" / name),
            "--quiet",
        )


def write(work: Path, docs: Path) -> None:
    from otolith import Report
    from otolith.show.drawing import method_style, save_figure
    from otolith.show.figures import few_shot_grid

    reports = {name: Report.load(work / "results" / name) for name in SETS}
    (docs / "results").mkdir(parents=True, exist_ok=True)
    for name, report in reports.items():
        command = f"otolith benchmark studies/{name} {' '.join(report.command.split()[3:])}"
        machine = report.machine
        text = [
            f"Made {report.created[:10]} by otolith {report.version} (commit {report.commit}) on "
            f"{machine['processor']}, {machine['cores']} cores, {machine['precision']}, seed "
            f"{report.seed}:",
            "",
            f"    {command}",
            "",
            "```text",
            report.table(),
            "```",
            "",
            f"Plain scripts at 2 / 4 / 8 (random forest, logistic regression, MiniRocket + ridge): "
            f"{CONTROLS[name]}.",
            "",
        ]
        (docs / "results" / f"{name}.md").write_text("\n".join(text), encoding="utf-8")
    main = ("pim", "scratch", "forest", "logistic")
    shown = {
        name: [line for line in report.summary if line["method"] in main]
        for name, report in reports.items()
    }
    named = {f"{name}: {lines[0]['people']} people": lines for name, lines in shown.items()}
    figure = few_shot_grid(named, method_style(main, "scratch"))
    about = "Macro-F1 over labels per class for four methods on four data sets, held-out people."
    save_figure(
        figure,
        docs / "figures" / "few_shot.svg",
        "Few-shot recognition of people never seen",
        about,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, default=Path(".data"), help="where studies and results are kept"
    )
    parser.add_argument("--docs", type=Path, help="write tables and the figure into this folder")
    parser.add_argument(
        "--only-write",
        action="store_true",
        help="measure nothing, write from the results there are",
    )
    chosen = parser.parse_args()
    data = os.environ.get("OTOLITH_DATA")
    if not data:
        sys.exit(
            "OTOLITH_DATA is unset: set it to the folder that holds data/hapt and its neighbours."
        )
    if not chosen.only_write:
        measure(Path(data), chosen.work)
    if chosen.docs:
        write(chosen.work, chosen.docs)
    tables = {name: (chosen.work / "results" / name / "results.json").exists() for name in SETS}
    print(json.dumps({"benchmark": "recognition", "finished": tables}))


if __name__ == "__main__":
    main()
