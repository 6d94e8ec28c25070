"""Multi3Net+ on real people, and on clips held out: every term, the experts, bodies, frozen or not,
beside controls.

    OTOLITH_DATA=… python benchmarks/multi3net.py --work FOLDER [--docs docs] [--only PART …]

Simulates wrists of the motion capture, pretrains on them (motion, pose and words), and runs one
`otolith benchmark` for each part: `people`, UTD-MHAD's wrist actions with people held out; `seeds`,
the same for some rows with five seeds; `share`, pretraining on a part of the clips; and `clips`,
both simulated wrists with whole groups of content and style held out. Hours on one core; a stopped
run goes on. The tables go into docs/results/multi3net.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from pose_to_imu import CUT_HZ
from transfer import CLASSES, MOCAP, MOUNTED, otolith, simulate

EPOCHS = 12
"""Passes over what one body's sensors read; with four bodies a quarter as many, so that all train
alike long."""
SMALL = {"spatial_depth": 1, "temporal_depth": 1}
"""PoseFormer with one block each instead of the published four: those take an hour an encoder on
one core."""
TERMS: dict[str, dict[str, Any]] = {
    "reconstruction": {"contrast": 0.0, "pose_to_imu": 0.0},
    "contrast": {"pose_to_imu": 0.0, "imu_to_imu": 0.0},
    "all-terms": {},
}
CONTENTS = [
    "walk",
    "run",
    "walk-back",
    "walk-left",
    "walk-right",
    "walk-turn-left",
    "walk-turn-right",
    "bye",
    "byebye",
]
CONTENTS += [
    "bow",
    "guide",
    "dash",
    *(f"{do}-{side}" for do in ("wave", "raise-up") for side in ("left-hand", "both-hands")),
]
"""What Bandai-Namco's clips show in seven styles and more."""
PARTS = ("people", "seeds", "share", "clips")
SHARES = (0.1, 0.25, 0.5)
VIRTUAL = "utd-virtual"
"""Study of the sensors that UTD-MHAD's own skeletons would have worn, with its people and labels.
"""


def learnt(term: str, epochs: int, head: str = "mlp", **more: Any) -> dict[str, Any]:
    """One objective on simulated motion, then a head: first alone, then the encoder with it."""
    return {
        "objective": "multi3net",
        "encoder": "channel_attention",
        "head": head,
        "mode": "staged",
        "objective_settings": TERMS[term] | {"pose_encoder_settings": SMALL, "hands": False},
        "pretrain": {"epochs": epochs, "batch_size": 64, "patience": 0},
    } | more


def experts(count: int) -> dict[str, Any]:
    """The head of Multi3Net+."""
    return {"head": "mixture_of_experts", "head_settings": {"experts": count}}


CONTROLS: dict[str, dict[str, Any]] = {
    "scratch": {"encoder": "channel_attention"},
    "scratch+16": {"encoder": "channel_attention", **experts(16)},
    "deep-conv-lstm": {
        "encoder": "deep_conv_lstm",
        "head": "linear",
        "adapt": {"learning_rate": 1e-3},
    },
    "forest": {"encoder": "features", "head": "forest"},
    "logistic": {"encoder": "features", "head": "logistic"},
}
SEVERAL = (
    "scratch",
    *TERMS,
    "multi3net+16",
    "all-terms-frozen",
    "scratch-and-virtual",
    "forest",
    "logistic",
)
"""Rows of `people` that are repeated with five seeds."""


def people_methods(work: Path) -> dict[str, dict[str, Any]]:
    """Pretrained on simulated right wrists, adapted on real ones; the virtual sensors of the
    training people added."""
    one, four = (
        [str(work / "transfer" / f"{name}-{bodies}") for name in MOCAP] for bodies in (1, 4)
    )
    virtual = [str(work / "transfer" / VIRTUAL)]
    methods = {name: learnt(name, EPOCHS, pretrain_on=one) for name in TERMS}
    methods |= {
        f"multi3net+{n}": learnt("all-terms", EPOCHS, pretrain_on=one, **experts(n))
        for n in (1, 4, 16)
    }
    methods["all-terms-at-once"] = learnt("all-terms", EPOCHS, pretrain_on=one) | {
        "mode": "finetune"
    }
    methods["all-terms-frozen"] = learnt("all-terms", EPOCHS, pretrain_on=one) | {"mode": "frozen"}
    methods["multi3net+16-frozen"] = learnt("all-terms", EPOCHS, pretrain_on=one, **experts(16)) | {
        "mode": "frozen"
    }
    for name in TERMS:
        methods[f"{name}-4-bodies"] = learnt(name, EPOCHS // 4, pretrain_on=four)
    methods["multi3net+16-4-bodies"] = learnt(
        "all-terms", EPOCHS // 4, pretrain_on=four, **experts(16)
    )
    methods |= {
        f"{name}-and-virtual": CONTROLS[name] | {"add": virtual} for name in ("scratch", "logistic")
    }
    methods["all-terms-and-virtual"] = methods["all-terms"] | {"add": virtual}
    # The published encoder sees a channel's whole window at once; to TPN it is no matter when
    # something happens.
    methods["scratch-tpn"] = {"encoder": "tpn"}
    methods["all-terms-tpn"] = learnt("all-terms", EPOCHS, pretrain_on=one) | {"encoder": "tpn"}
    return CONTROLS | methods


def parts(work: Path) -> dict[str, dict[str, Any]]:
    """What is measured: study and recipe by part. About 330 steps for every head, and as many for
    the encoder."""
    clips = {name: learnt(name, EPOCHS // 2) for name in TERMS}
    clips |= {f"multi3net+{n}": learnt("all-terms", EPOCHS // 2, **experts(n)) for n in (1, 4, 16)}
    clips["all-terms-frozen"] = learnt("all-terms", EPOCHS // 2) | {"mode": "frozen"}
    people = {name: longer(method, 30) for name, method in people_methods(work).items()}
    plus = people["multi3net+16"]
    less = {f"multi3net+16 at {share:.0%}": plus | {"pretrain_share": share} for share in SHARES}
    on_people = {
        "study": "utd_mhad",
        "out": "people",
        "shots": ["all"],
        "folds": 5,
        "placements": ["right_wrist"],
        "labels": CLASSES,
        "missing": "drop",
        "windows": {"seconds": 4.0, "slot": ""},
    }
    return {
        "seeds": on_people | {"seeds": 5, "method": {name: people[name] for name in SEVERAL}},
        "share": on_people | {"method": less},
        "people": on_people | {"method": people},
        "clips": {
            "study": "sim_bandai_b1",
            "out": "clips",
            "shots": ["all"],
            "folds": 5,
            "labels": CONTENTS,
            "windows": {"seconds": 2.0},
            "method": CONTROLS | clips,
        },
    }


def longer(method: dict[str, Any], epochs: int) -> dict[str, Any]:
    """A method whose labels are looked at as many times, where they are learnt by gradients."""
    if method.get("head") in ("forest", "logistic"):
        return method
    return method | {"adapt": {"epochs": epochs} | method.get("adapt", {})}


def recipe(part: dict[str, Any], path: Path) -> str:
    """Write a part as a recipe."""
    from otolith.core.recipes import write_recipe

    content = {
        key: value
        for key, value in part.items()
        if key not in ("study", "out", "method", "windows")
    }
    tables = {"windows": part["windows"], "method": part["method"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_recipe(
        path,
        content | {"methods": list(part["method"])} | tables,
        "One part of benchmarks/multi3net.py.",
    )
    return str(path)


def measure(data: Path, work: Path, name: str) -> None:
    """Make what a part needs, and run it."""
    part = parts(work)[name]
    study, out = work / "studies" / part["study"], work / "results" / f"multi3net_{part['out']}"
    if name != "clips":
        simulate(data, work / "transfer")
        simulate_people(data, work / "transfer" / VIRTUAL)
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
    elif not (study / "study.json").exists():
        clips = str(data / "mocap" / "bandai_namco")
        otolith("simulate", clips, "--rate", "50", "--out", str(study), "--skip-damaged", "--quiet")
    otolith(
        "benchmark",
        str(study),
        "--recipe",
        recipe(part, out.with_suffix(".toml")),
        "--out",
        str(out),
        "--quiet",
    )
    # Both parts on people keep their cells in one folder, and the encoders that they share.
    shutil.copy(out / "results.json", result_of(work, name))


def result_of(work: Path, name: str) -> Path:
    """Where the results of a part lie."""
    return work / "results" / f"multi3net-{name}.json"


def simulate_people(data: Path, out: Path) -> None:
    """What a sensor on the wrist of UTD-MHAD's own skeletons would have read: synthetic recordings
    with its labels."""
    if (out / "study.json").exists():
        return
    turned = f"right_wrist = {{ rotation_deg = {list(MOUNTED)} }}"
    told = out.with_suffix(".toml")
    told.write_text(f'placements = "right_wrist"\nsmoothing = {CUT_HZ}\n[mountings]\n{turned}\n')
    otolith(
        "simulate",
        str(data / "data" / "utd_mhad" / "Skeleton"),
        "--recipe",
        str(told),
        "--out",
        str(out),
        "--skip-damaged",
        "--quiet",
    )


def write(work: Path, docs: Path, names: list[str]) -> None:
    """Write the tables of what was measured."""
    from otolith import Report

    text = []
    for name in names:
        report = Report.load(result_of(work, name))
        machine = report.machine
        text += [
            f"**{name}**: made {report.created[:10]} by otolith {report.version} (commit "
            f"{report.commit}) on "
            f"{machine['processor']}, {machine['precision']}, seed {report.seed}, by "
            f"benchmarks/multi3net.py:",
            "",
            "```text",
            report.table(),
            "```",
            "",
        ]
    (docs / "results").mkdir(parents=True, exist_ok=True)
    (docs / "results" / "multi3net.md").write_text("\n".join(text), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, default=Path(".data"), help="where studies and results are kept"
    )
    parser.add_argument("--docs", type=Path, help="write the tables into this folder")
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS, help="parts")
    parser.add_argument(
        "--only-write",
        action="store_true",
        help="measure nothing, write from the results there are",
    )
    chosen = parser.parse_args()
    data = os.environ.get("OTOLITH_DATA")
    if not data:
        sys.exit("OTOLITH_DATA is unset: set it to the folder that holds data/utd_mhad and mocap.")
    for name in chosen.only:
        if not chosen.only_write:
            measure(Path(data), chosen.work, name)
    if chosen.docs:
        write(chosen.work, chosen.docs, chosen.only)
    done = {name: result_of(chosen.work, name).exists() for name in chosen.only}
    print(json.dumps({"benchmark": "multi3net", "finished": done}))


if __name__ == "__main__":
    main()
