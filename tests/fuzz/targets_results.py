"""Results of a benchmark with their page, and recipes; and whole commands, from the words typed to
the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fuzz.target import Target
from fuzz.targets_studies import CACHE, _modalities


def _report(folder: Path) -> None:
    from otolith.measure.report import Report

    rng = np.random.default_rng(0)
    people = {"s": [["a", "b"], ["c", "d"]]}
    rows = []
    for method in ("pim", "scratch"):
        for fold, tested in enumerate(people["s"]):
            for shots in (1, "all"):
                scores = {
                    who: {
                        n: float(rng.uniform(0.3, 0.9))
                        for n in ("macro_f1", "accuracy", "balanced_accuracy")
                    }
                    | {"windows": 9}
                    for who in tested
                }
                rows.append({
                    "method": method, "objective": "pim" if method == "pim" else None, "encoder": "tpn",
                    "head": "linear", "study": "s", "shots": shots, "fold": fold, "draw": 0, "seed": 0,
                    "macro_f1": 0.5, "accuracy": 0.5, "balanced_accuracy": 0.5, "seconds": 3.2,
                    "train_subjects": people["s"][1 - fold], "test_subjects": tested, "per_subject": scores,
                    "confusion": [[5, 1], [2, 4]], "notes": ["k is 1"],
                })  # fmt: skip
    study = {
        "name": "s", "origin": "measured", "recordings": 4, "hours": 0.5, "subjects": list("abcd"),
        "classes": ["walk", "sit"], "hash": "0", "channels": ["waist.acc.x"],
        "windows": {"seconds": 2.0, "rate_hz": 50.0, "overlap": 0.5, "label_rule": "inside", "count": 36,
                    "pretraining": 40, "dropped": {"unlabelled": 4}},
    }  # fmt: skip
    losses = [
        {
            "study": "s",
            "method": "pim",
            "fold": 0,
            "epoch": e,
            "train": 1.0 / e,
            "validation": 1.1 / e,
        }
        for e in range(1, 4)
    ]
    dots = {
        "study": "s",
        "method": "pim",
        "fold": 0,
        "x": [0.0, 1.0],
        "y": [1.0, 0.0],
        "label": ["walk", "sit"],
        "subject": ["a", "b"],
    }
    Report(
        command="otolith benchmark s", created="2026-03-02T10:15:00+00:00", version="0.1.0", studies=[study],
        machine={"platform": "Linux", "processor": "x", "cores": 2, "device": "cpu", "precision": "fp32"},
        folds=people, rows=rows, losses=losses, embedding=[dots], notes=["a note"], versions={"python": "3.11"},
        planned={"methods": ["pim", "scratch"], "shots": [1, "all"], "draws": [1], "seeds": [1]},
    ).save(folder / "results")  # fmt: skip


def _read_report(given: Path, out: Path, harmed: str) -> Any:
    from otolith.measure.report import Report

    report = Report.load(given / "results")
    return report.to_dict(), report.table()


def _page(given: Path, out: Path, harmed: str) -> Any:
    from otolith.measure.report import Report
    from otolith.show.report_page import report_page

    return report_page(Report.load(given / "results"))


def reseal(given: Path, harmed: str) -> None:
    """Make the hash that results.json carries fit what it says."""
    import json

    from otolith.core.files import SEAL, content_digest

    path = given / "results" / "results.json"
    content = json.loads(path.read_bytes())
    content[SEAL] = content_digest(content)
    path.write_text(json.dumps(content))


def _cell(folder: Path) -> None:
    from otolith.core.files import write_sealed

    row = {
        "study": "s",
        "method": "pim",
        "shots": 1,
        "fold": 0,
        "draw": 0,
        "macro_f1": 0.5,
        "notes": ["a"],
    }
    write_sealed(folder / "cells" / "0a.json", row | {"per_subject": {"a": {"macro_f1": 0.5}}})


def _read_cell(given: Path, out: Path, harmed: str) -> Any:
    """A damaged cell counts as not finished."""
    from otolith.core.errors import ReadError
    from otolith.measure.few_shot import read_kept

    row = read_kept(given / "cells" / "0a.json", ("study", "method", "macro_f1"))
    if row is None:
        raise ReadError("the cell is made again")
    return row


def _verified(given: Path, out: Path, harmed: str) -> Any:
    """What `otolith verify` finds: a fault counts as seen."""
    from otolith.core.errors import ReadError
    from otolith.data.study_check import verify_study

    found = verify_study(given / "study")
    if not found.whole:
        raise ReadError(found.faults[0])
    return found.kind


def _accepted(given: Path, out: Path, harmed: str) -> Any:
    """An edit that is accepted leaves a study that can be read."""
    from otolith import Study
    from otolith.core.errors import ReadError
    from otolith.data.study_check import verify_study

    found = verify_study(given / "study", accept_edits=True)
    if not found.whole:
        raise ReadError(found.faults[0])
    study = Study.load(given / "study")
    return list(study), study.modalities


def _recipe(folder: Path) -> None:
    from otolith.core.recipes import write_recipe

    content = {
        "studies": ["a", "b"],
        "methods": "pim,forest",
        "shots": "1,2,all",
        "folds": 5,
        "seed": 0,
        "pad": True,
    }
    tables = {
        "pim": {"objective": "pim", "encoder_settings": {"width": 8}, "pretrain": {"epochs": 3}},
        "forest": {},
    }
    write_recipe(folder / "recipe.toml", content | tables, "repeats it")


def _read_recipe(given: Path, out: Path, harmed: str) -> Any:
    from otolith.core.recipes import read_recipe

    return read_recipe(given / "recipe.toml")


def _benchmark_recipe(given: Path, out: Path, harmed: str) -> Any:
    """Everything that stands before the benchmark itself, which ends at a study that is not there."""
    return _typed(
        "benchmark",
        str(given / "no-study"),
        "--recipe",
        str(given / "recipe.toml"),
        "--out",
        str(out / "r"),
    )


def _typed(*words: str) -> int:
    """Type a command; return its exit code, 0 or that of an error which is understood."""
    from typer.testing import CliRunner

    from otolith.cli.app import app

    result = CliRunner().invoke(app, list(words))
    if result.exit_code in (0, 2):
        return int(result.exit_code)
    kept = sorted(Path.cwd().glob("otolith-fault-*.txt"))
    told = "\n".join(path.read_text() for path in kept)
    for path in kept:
        path.unlink()
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    raise AssertionError(f"exit code {result.exit_code}\n{result.output[-1500:]}\n{told[-4000:]}")


def _commands(folder: Path) -> None:
    from toy import toy_recording

    from fuzz.targets_checkpoints import _windows
    from otolith.use.recogniser import Recogniser

    _modalities(folder)
    quick: dict[str, Any] = {
        "steps": 3,
        "epochs": 1,
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
    }
    Recogniser("tpn", "logistic", **quick).fit(_windows().few(2)).save(folder / "recogniser")
    recording = toy_recording("p9", seconds_each=2.0)
    names = [f"{channel.name}" for channel in recording.channels]
    values = np.concatenate([stream.values for stream in recording.streams], axis=1)
    lines = [",".join(("time_s", *names))]
    lines += [
        ",".join([f"{t:.3f}", *(f"{v:.4f}" for v in row)])
        for t, row in zip(recording.streams[0].time_s, values, strict=True)
    ]
    (folder / "new.csv").write_text("\n".join(lines) + "\n")


def _command(given: Path, out: Path, harmed: str) -> Any:
    """The command that reads the damaged file."""
    first = harmed.partition("/")[0]
    if first == "study":
        return _typed("info", str(given / "study"))
    return _typed(
        "recognise",
        str(given / "recogniser"),
        str(given / "new.csv"),
        "--out",
        str(out / "timeline.csv"),
    )


TARGETS = (
    Target("results", _report, _read_report, (), "ours", ("results/results.json",), reseal=reseal),
    Target("report_page", _report, _page, (), "ours", ("results/results.json",), reseal=reseal),
    Target("cell", _cell, _read_cell, (), "ours"),
    Target("verify", _modalities, _verified, (), "ours", ("study/*",), writes=CACHE),
    Target("verify_accept", _modalities, _accepted, (), "rest", ("study/*",), factors=(), writes=("study",)),
    Target("recipe", _recipe, _read_recipe, (), "rest", ("recipe.toml",), factors=()),
    Target("recipe_options", _recipe, _benchmark_recipe, (), "rest", ("recipe.toml",), factors=()),
    Target(
        "commands", _commands, _command, (), "rest", ("study/*", "recogniser/*", "new.csv"),
        factors=(), writes=CACHE,
    ),
)  # fmt: skip
