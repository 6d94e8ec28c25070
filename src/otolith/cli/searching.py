"""Searching: what to choose, measured on people held out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from otolith.cli.console import keep_recipe, tables_of, typed
from otolith.cli.options import (
    RUN,
    Device,
    DeviceOption,
    Missing,
    MissingOption,
    Placements,
    Precision,
    PrecisionOption,
    Quantities,
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
from otolith.cli.progress import bar
from otolith.core.terminal import tell


def search_augmentations(
    context: typer.Context,
    studies: Annotated[list[Path], typer.Argument(help="Study folders.")],
    out: Annotated[
        Path, typer.Option(help="Folder for pairs.md, results.json, results.csv and report.html.")
    ],
    augmentations: Annotated[
        str,
        typer.Option(
            help="Which to pair, with commas between; all if not given: otolith list augmentations."
        ),
    ] = "",
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Try each pair in both orders.")
    ] = False,
    objective: Annotated[
        str, typer.Option(help="One that has augmentations: simclr or primus.")
    ] = "simclr",
    encoder: Annotated[str, typer.Option(help="See: otolith list encoders.")] = "tpn",
    head: Annotated[
        str, typer.Option(help="On the frozen encoder; see: otolith list heads.")
    ] = "linear",
    shots: Annotated[
        str,
        typer.Option(
            help="Labelled windows per class, with commas between; all takes every label."
        ),
    ] = "8",
    epochs: Annotated[
        int, typer.Option(help="Most passes over the windows for each pair.", min=1)
    ] = 30,
    folds: Annotated[int, typer.Option(help="Groups of people, each tested once.", min=2)] = 5,
    inner_folds: Annotated[
        int,
        typer.Option(
            help="Groups of the people left in each fold, by which the pair is chosen.", min=2
        ),
    ] = 3,
    draws: Annotated[int, typer.Option(help="Random draws of the labelled windows.", min=1)] = 5,
    seconds: Seconds = None,
    rate: Rate = None,
    placements: Placements = None,
    quantities: Quantities = None,
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
) -> None:
    """Try every pair of augmentations: pretrain with it, freeze the encoder, and measure a head on
    people held out.

    In each fold the choice is made on inner folds of the other people, and scored on those who had
    no part in it.
    """
    from otolith.data.study import Study
    from otolith.measure.augmentation_search import search_augmentations as search
    from otolith.show.report_page import save_with_page

    tables = tables_of(context)
    cores = os.cpu_count() or 1
    workers = workers or (cores if device in (Device.auto, Device.cpu) else 1)
    runtime = runtime_of(device, precision, threads or max(1, cores // workers))
    with bar(quiet, "cells", "windows are cut, the first pairs are on their way") as show:
        search(
            [Study.load(folder) for folder in studies], words(augmentations), words(shots), out=out, ordered=ordered,
            objective=objective, encoder=encoder, head=head, epochs=epochs, folds=folds, draws=draws, seed=seed,
            inner_folds=inner_folds,
            objective_settings=tables.get("objective"), encoder_settings=tables.get("encoder"), runtime=runtime,
            workers=workers if runtime.device == "cpu" else 1, missing=missing.value, command=typed(), progress=show,
            save=save_with_page,
            windows=cut_choices(seconds, rate, placements, quantities) | tables.get("windows", {}),
        )  # fmt: skip
    keep_recipe(context, out)
    if not quiet:
        tell((out / "pairs.md").read_text(encoding="utf-8"))
        tell(f"Report: {(out / 'report.html').resolve()}")
