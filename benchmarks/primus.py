"""PRIMUS on real people: its terms and its rivals in three settings, and the comparison that PIM's
paper makes.

    OTOLITH_DATA=… python benchmarks/primus.py --work FOLDER [--docs docs] [--only PART …]

Runs one `otolith benchmark` for each part (in all about an hour on one core; a stopped run goes
on). Every encoder has the same shape and every objective the same number of passes over the same
windows; linear probes on the frozen encoder unless a method says otherwise. `--docs` writes
docs/results/primus.md and docs/figures/primus_ablation.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from transfer import CLASSES, MOCAP, otolith, simulate

PROBE = {"head": "logistic", "mode": "frozen"}
RIVALS = {name: {"objective": name} for name in ("pim", "transformations", "masked", "simclr")}
SS, MM, NN = ({"mm": 0.0, "nn": 0.0}, {"ss": 0.0, "nn": 0.0}, {"ss": 0.0, "mm": 0.0})
TERMS: dict[str, dict[str, Any]] = {
    "ss": SS,
    "mm": MM,
    "nn": NN,
    "ss+mm": {"nn": 0.0},
    "ss+nn": {"mm": 0.0},
    "mm+nn": {"ss": 0.0},
    "all": {},
}
CONTROLS: dict[str, dict[str, Any]] = {
    "scratch-frozen": dict(PROBE),
    "scratch": {},
    "forest": {"encoder": "features", "head": "forest"},
    "logistic": {"encoder": "features", "head": "logistic"},
}
ONE_SENSOR = {"seconds": 4.0, "slot": ""}


def pretrained(name: str, epochs: int, batch: int, **more: Any) -> dict[str, Any]:
    """One objective, frozen, with a linear probe."""
    schedule = {"pretrain": {"epochs": epochs, "batch_size": batch, "patience": 0}}
    return PROBE | {"objective": name} | schedule | more


def terms(
    modalities: dict[str, Any], epochs: int, without: tuple[str, ...] = ()
) -> dict[str, dict[str, Any]]:
    """Every row of the ablation, and IMU2CLIP with the same modalities."""
    named = {"text": "minilm", "pose": "pose_vector"} | modalities
    rows = {"imu2clip": pretrained("imu2clip", epochs, 64, objective_settings=dict(named))}
    for name, weights in TERMS.items():
        if name not in without:
            rows[name] = pretrained("primus", epochs, 64, objective_settings=named | weights)
    return rows


def parts(work: Path, epochs: int) -> dict[str, dict[str, Any]]:
    """What is measured: study and recipe by part."""
    rivals = {name: pretrained(name, epochs, 64) for name in RIVALS}
    alone = {"text": "", "pose": "", "mm": 0.0}
    lonely = {"ss+nn-alone": pretrained("primus", epochs, 64, objective_settings=alone)}
    supervised = {"supervised": PROBE | {"objective": "labels"}}
    few = {"shots": [2, 8, "all"], "folds": 4, "draws": 3}
    others = [str(work / "transfer" / f"{name}-1") for name in MOCAP]
    # A "person" of simulated motion may be one clip's style: two of them hold two texts, and choose
    # no epoch.
    longer = {"epochs": epochs, "batch_size": 64, "patience": 0, "validation_people": 24}
    simulated = {"pretrain_on": others, "pretrain": longer}
    strangers = {name: method | simulated for name, method in (rivals | terms({}, epochs)).items()}
    paper = {name: {"objective": name} for name in ("pim", "masked", "transformations")}
    schedule = {"pretrain": {"epochs": max(1, epochs // 2), "batch_size": 256, "patience": 0}}
    pim_paper = {
        "shots": [2, 4, 8, 16, 32, "all"],
        "folds": 3,
        "draws": 2,
        "method": {"scratch": {}} | {name: method | schedule for name, method in paper.items()},
    }
    with_poses = terms({"text": ""}, epochs)
    published = {"scratch-frozen": dict(PROBE)} | {
        name: with_poses[name] for name in ("ss", "mm", "nn", "all")
    }
    return {
        "poses": {
            "study": "utd_mhad",
            **few,
            "method": CONTROLS | rivals | with_poses | lonely,
        },
        "published": {
            "study": "utd_mhad",
            **few,
            "method": {
                name + walk: method | {"encoder": "stacked_rnn"} | settings
                for walk, settings in (
                    ("", {}),
                    ("-over-time", {"encoder_settings": {"time_major": True}}),
                )
                for name, method in published.items()
                if not walk or name in ("scratch-frozen", "mm", "all")
            },
        },
        "labels": {"study": "utd_mhad", **few, "method": supervised | terms({}, epochs, ("ss",))},
        "motion": {
            "study": "utd_mhad",
            **few,
            "placements": ["right_wrist"],
            "labels": CLASSES,
            "missing": "drop",
            "windows": ONE_SENSOR,
            "method": CONTROLS | strangers,
        },
        "hapt": {"study": "hapt", **pim_paper},
        "ipol_gait": {"study": "ipol_gait", **pim_paper},
    }


def recipe(part: dict[str, Any]) -> str:
    """Write a part as a recipe."""
    from otolith.core.recipes import write_recipe

    path = Path(part["at"])
    content = {
        key: value
        for key, value in part.items()
        if key not in ("study", "method", "at", "labels", "windows")
    }
    if "labels" in part:
        content["labels"] = part["labels"]
    content["methods"] = list(part["method"])
    tables = {"windows": part["windows"]} if "windows" in part else {}
    write_recipe(
        path, content | tables | {"method": part["method"]}, "One part of benchmarks/primus.py."
    )
    return str(path)


def measure(data: Path, work: Path, name: str, part: dict[str, Any]) -> None:
    """Run one part."""
    study, out = work / "studies" / part["study"], work / "results" / "primus" / name
    if not (study / "study.json").exists():
        otolith(
            "import",
            str(data / "data" / part["study"]),
            "--dataset",
            part["study"],
            "--out",
            str(study),
            "--quiet",
        )
    if name == "motion":
        simulate(data, work / "transfer")
    out.parent.mkdir(parents=True, exist_ok=True)
    written = recipe(part | {"at": str(out.with_suffix(".toml"))})
    one_core = ["--workers", "1", "--threads", "1"]
    otolith("benchmark", str(study), "--recipe", written, "--out", str(out), *one_core)


SETTINGS = {
    "poses": "utd_mhad, poses of the training people",
    "published": "utd_mhad, poses of the training people, PRIMUS' own encoder (stacked_rnn)",
    "labels": "utd_mhad, and their actions' names",
    "motion": "utd_mhad's 21 wrist actions, simulated motion",
    "hapt": "hapt, PIM beside its rivals",
    "ipol_gait": "ipol_gait, PIM beside its rivals",
}
THREE = ("poses", "labels", "motion")
SHOWN = (
    "scratch",
    "supervised",
    "ss",
    "ss+nn",
    "ss+mm",
    "all",
    "nn",
    "mm+nn",
    "mm",
    "masked",
    "pim",
    "simclr",
    "transformations",
    "forest",
    "logistic",
)


def write(results: Path, docs: Path) -> None:
    """Write the tables of every part that is finished, and the ablation as one figure."""
    from otolith import Report

    reports = {
        name: Report.load(results / name)
        for name in SETTINGS
        if (results / name / "results.json").exists()
    }
    text = ["Made by benchmarks/primus.py and benchmarks/words.py.", ""]
    text += overview({name: report for name, report in reports.items() if name in THREE})
    for name, report in reports.items():
        made = f"{report.created[:10]} by otolith {report.version} (commit {report.commit})"
        machine = report.machine
        ran = f"{machine['processor']}, one core, {machine['precision']}, seed {report.seed}"
        text += [
            f"## {SETTINGS[name]}",
            "",
            f"Made {made} on {ran}.",
            "",
            "```text",
            report.table(),
            "```",
            "",
        ]
    if (results / "words.json").exists():
        text += words_table(json.loads((results / "words.json").read_text(encoding="utf-8")))
    (docs / "results").mkdir(parents=True, exist_ok=True)
    (docs / "results" / "primus.md").write_text("\n".join(text), encoding="utf-8")
    draw({name: report for name, report in reports.items() if name in THREE}, docs)


def overview(reports: dict[str, Any]) -> list[str]:
    """Return the lines of one table over the settings on the same study: macro-F1 at 2, 8 and all
    labels."""
    lines = [
        "| method | " + " | ".join(f"{SETTINGS[name]}: 2 | 8 | all" for name in reports) + " |"
    ]
    lines.append("|---" * (1 + 3 * len(reports)) + "|")
    found = {
        (
            name,
            line["method"],
            line["shots"],
        ): f"{100 * line['macro_f1_mean']:.1f} ± {100 * line['macro_f1_se']:.1f}"
        for name, report in reports.items()
        for line in report.summary
    }
    for method in dict.fromkeys(method for _, method, _ in found):
        cells = [
            found.get((name, method, shots), "") for name in reports for shots in (2, 8, "all")
        ]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def words_table(found: dict[str, Any]) -> list[str]:
    """Return the lines of the table of actions that are known by words alone."""
    names = {"unseen": "actions and people held out", "motion": "simulated motion and its texts"}
    methods = list(found["unseen"]["rows"])
    heads = [f"{names[key]}, {part['classes']} classes" for key, part in found.items()]
    lines = ["## By words alone", "", "Top-1 in %, mean ± standard error over people:", ""]
    lines += ["| method | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    lines.append(
        "| chance | " + " | ".join(f"{100 * part['chance']:.1f}" for part in found.values()) + " |"
    )
    for method in methods:
        cells = [part["rows"].get(method) for part in found.values()]
        shown = [
            f"{100 * cell['top1']:.1f} ± {100 * cell['se']:.1f}" if cell else "" for cell in cells
        ]
        lines.append(f"| {method} | " + " | ".join(shown) + " |")
    return [*lines, ""]


def draw(reports: dict[str, Any], docs: Path) -> None:
    """Draw macro-F1 at 8 labels a class in the three settings."""
    from otolith.show.ablation import ablation_figure
    from otolith.show.drawing import save_figure

    def at_eight(name: str) -> dict[str, tuple[float, float]]:
        lines = [line for line in reports[name].summary if line["shots"] == 8]
        return {line["method"]: (line["macro_f1_mean"], line["macro_f1_se"]) for line in lines}

    titles = {
        "poses": "poses",
        "labels": "poses and actions' names",
        "motion": "simulated motion (21 actions)",
    }
    panels = {title: at_eight(name) for name, title in titles.items() if name in reports}
    same = at_eight("poses")
    for title in list(panels)[1:2]:  # neither words nor poses change these
        panels[title] = {
            name: same[name] for name in (*CONTROLS, *RIVALS, "ss") if name in same
        } | panels[title]
    figure = ablation_figure(panels, SHOWN, controls=("scratch", "forest", "logistic"))
    about = (
        "Macro-F1 at 8 labelled windows a class for the terms of PRIMUS and its rivals, in three "
        "settings."
    )
    save_figure(
        figure, docs / "figures" / "primus_ablation.svg", "What each term of PRIMUS is worth", about
    )


def main() -> None:
    """Measure what is named, or everything, and write the tables."""
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
    parser.add_argument(
        "--only", nargs="*", help="parts: poses, published, labels, motion, hapt, ipol_gait"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=15,
        help="passes over the windows, the same for every objective",
    )
    chosen = parser.parse_args()
    data = os.environ.get("OTOLITH_DATA")
    if not data:
        sys.exit("OTOLITH_DATA is unset: set it to the folder that holds data/utd_mhad and mocap.")
    all_parts = parts(chosen.work, chosen.epochs)
    wanted = chosen.only or list(all_parts)
    if unknown := [name for name in wanted if name not in all_parts]:
        sys.exit(f"There is no part '{unknown[0]}'; there are {', '.join(all_parts)}.")
    for name in () if chosen.only_write else wanted:
        measure(Path(data), chosen.work, name, all_parts[name])
    if chosen.docs:
        write(chosen.work / "results" / "primus", chosen.docs)
    done = {
        name: (chosen.work / "results" / "primus" / name / "results.json").exists()
        for name in all_parts
    }
    print(json.dumps({"benchmark": "primus", "finished": done}))


if __name__ == "__main__":
    main()
