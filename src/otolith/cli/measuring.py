"""Measuring: how well methods do on people whom they have never seen, and the whole main job as a
demonstration."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from otolith.cli.console import keep_recipe, tables_of, typed
from otolith.cli.options import (
    CUT,
    RUN,
    Device,
    DeviceOption,
    Missing,
    MissingOption,
    Placements,
    Precision,
    PrecisionOption,
    Quantities,
    Quick,
    Quiet,
    Rate,
    Recipe,
    Seconds,
    Seed,
    Threads,
    cut_choices,
    runtime_of,
    words,
)
from otolith.cli.progress import bar, counter
from otolith.cli.quick import all_at_hand, methods_at_hand
from otolith.core.errors import ConfigError, InterruptedRunError
from otolith.core.terminal import tell


class Split(StrEnum):
    """What holds people apart."""

    people = "people"
    official = "official"
    takes = "takes"


NOTES = 6
"""Notes of a run that are printed; all of them stand in its report."""


def benchmark(
    context: typer.Context,
    studies: Annotated[list[Path], typer.Argument(help="Study folders.")],
    out: Annotated[
        Path, typer.Option(help="Folder for results.json, results.csv and report.html.")
    ],
    methods: Annotated[
        str,
        typer.Option(
            help="With commas between; see: otolith list methods. Or objective:encoder:head."
        ),
    ] = "pim,scratch,forest,logistic",
    shots: Annotated[
        str,
        typer.Option(
            help="Labelled windows per class, with commas between; all takes every label."
        ),
    ] = "1,2,4,8,16,32,all",
    pretrain_on: Annotated[
        str,
        typer.Option(
            help="Study folders, with commas between; `people` among them: also the training "
            "people."
        ),
    ] = "people",
    modality_fraction: Annotated[
        float | None,
        typer.Option(
            help="Share of the windows whose text, video or pose pretraining sees.", min=0, max=1
        ),
    ] = None,
    split: Annotated[
        Split,
        typer.Option(
            help="Folds of people; or the authors' lists; or whole takes of what these hold back."
        ),
    ] = Split.people,
    folds: Annotated[int, typer.Option(help="Groups of people, each tested once.", min=2)] = 5,
    draws: Annotated[int, typer.Option(help="Random draws of the labelled windows.", min=1)] = 5,
    seeds: Annotated[
        int,
        typer.Option(
            help="Repeat everything with as many seeds, from --seed up, on the same folds.", min=1
        ),
    ] = 1,
    seconds: Seconds = None,
    rate: Rate = None,
    placements: Placements = None,
    quantities: Quantities = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Classes that count, with commas between.", rich_help_panel=CUT),
    ] = None,
    missing: MissingOption = Missing.error,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes; as many as there are cores if not given.", min=1, rich_help_panel=RUN
        ),
    ] = None,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    quiet: Quiet = False,
    recipe: Recipe = None,
    quick: Quick = False,
) -> None:
    """Measure honestly how well methods recognise people they have never seen.

    Whole people are held out; several draws of labels are averaged before anything else; every
    control stands beside the claim. A stopped run goes on where it was when the same command is
    typed again.
    """
    from otolith.data.study import Study

    tables = tables_of(context)
    chosen = cut_choices(seconds, rate, placements, quantities) | tables.get("windows", {})
    if labels:
        chosen["labels"] = words(labels)
    if quick and recipe is None:
        raise ConfigError("--quick is the small form of a recipe; say which: --recipe NAME")
    from otolith.measure.benchmark import owned_results

    with owned_results(out):
        own = methods_at_hand(tables.get("method", {}), out / "studies", quiet)
        pretrained_on = all_at_hand(words(pretrain_on), out / "studies", quiet)
        opened = [
            Study.load(folder)
            for folder in all_at_hand([str(s) for s in studies], out / "studies", quiet)
        ]
        try:
            report = _benchmark(
                opened, words(methods), words(shots), folds, draws, out, seed, device, threads, precision, workers,
                chosen, missing.value, own, quiet, pretrained_on, split.value, modality_fraction, seeds,
            )  # fmt: skip
        except InterruptedRunError:
            keep_recipe(context, out)
            raise
        keep_recipe(context, out)
    if not quiet:
        _tell(report, out)


def demo(
    study: Annotated[
        Path | None, typer.Option(help="Run it on your own study instead of simulated people.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything it writes.")] = Path("demo-out"),
    people: Annotated[int, typer.Option(help="How many virtual people.", min=4)] = 20,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes; as many as there are cores if not given.", min=1, rich_help_panel=RUN
        ),
    ] = None,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Run the main job from recordings to report, on virtual people or on your own study.

    Pretrains on everybody but the people held out, adapts with a few labels, tests on the held-out
    people, beside a network without pretraining, a random forest and logistic regression on
    hand-made features.
    """
    from otolith.data.study import Study
    from otolith.measure.methods import METHODS

    opened = Study.load(study) if study else _virtual_study(out / "study", people, seed, quiet)
    # Short, so that the whole walk takes minutes on two cores; `otolith benchmark` pretrains until
    # it stops helping.
    quick = replace(METHODS["pim"], pretrain={"epochs": 12})
    results = out / (study.resolve().name if study else "results")
    report = _benchmark(
        [opened], [quick, "scratch", "forest", "logistic"], ["1", "2", "4", "8", "all"], 4, 2, results, seed,
        device, threads, precision, workers, {}, "error", None, quiet,
    )  # fmt: skip
    _tell(report, results)


def _tell(report: Any, folder: Path) -> None:
    from otolith.measure.verdict import verdict

    tell(report.table())
    for study in report.study_names():
        tell(
            "\n".join([f"{study}:", *(f"  {sentence}" for sentence in verdict(report, study)), ""])
        )
    notes = report.all_notes()
    for note in notes[:NOTES]:
        tell(f"note: {note}")
    if len(notes) > NOTES:
        tell(f"note: {len(notes) - NOTES} more stand in the report")
    tell(f"Report: {(folder / 'report.html').resolve()}")


def _virtual_study(folder: Path, people: int, seed: int, quiet: bool) -> Any:
    from otolith.core.errors import StudyError
    from otolith.data.study import Study, write_study
    from otolith.data.windows import Cut
    from otolith.motion.bodies.people import virtual_study

    name = f"{people} virtual people, seed {seed}"
    try:
        opened = Study.load(folder)
    except StudyError:
        pass  # nothing there yet, or a beginning that was broken off
    else:
        if opened.name == name:
            return opened
        raise ConfigError(f"{folder} holds another study ('{opened.name}'); choose another --out.")
    with counter(quiet, "virtual people") as tick:
        return write_study(
            folder,
            virtual_study(people, seed, minutes_per_activity=0.5),
            name=name,
            source="simulated by otolith from motions of its own making",
            terms="CC0",
            cut=Cut(seconds=2.5, rate_hz=50.0, overlap=0.5),
            progress=tick,
        )


def _benchmark(
    studies: list[Any], methods: list[Any], shots: list[str], folds: int, draws: int, out: Path, seed: int,
    device: Device, threads: int | None, precision: Precision, workers: int | None, chosen: dict[str, Any],
    missing: str, own: dict[str, Any] | None, quiet: bool, pretrain_on: list[str] | None = None,
    split: str = "people", modality_fraction: float | None = None, seeds: int = 1,
) -> Any:  # fmt: skip
    from otolith.measure import benchmark as measure
    from otolith.show.report_page import save_with_page

    cores = os.cpu_count() or 1
    workers = workers or (cores if device in (Device.auto, Device.cpu) else 1)
    runtime = runtime_of(device, precision, threads or max(1, cores // workers))
    if runtime.device != "cpu":
        workers = 1
    with bar(quiet, "cells", "windows are cut, the first folds are on their way") as show:
        return measure.benchmark(
            studies, methods, shots, folds=folds, draws=draws, out=out, seed=seed, seeds=seeds,
            runtime=runtime, workers=workers, windows=chosen, missing=missing, own_methods=own,
            pretrain_on=pretrain_on or (), split=split, modality_fraction=modality_fraction, command=typed(),
            progress=show, save=save_with_page,
        )  # fmt: skip
