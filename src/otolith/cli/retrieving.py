"""Retrieving: how well motion finds what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from otolith.cli.options import (
    Device,
    DeviceOption,
    Missing,
    MissingOption,
    Precision,
    PrecisionOption,
    Quiet,
    Recipe,
    Seed,
    Threads,
    Trust,
    runtime_of,
    some_people,
)
from otolith.core.terminal import tell, tell_json


def retrieve(
    encoder: Annotated[
        Path, typer.Argument(help="Encoder folder, pretrained together with texts, video or poses.")
    ],
    study: Annotated[Path, typer.Argument(help="Study folder with such modalities.")],
    people: Annotated[
        str | None,
        typer.Option(
            help="These people only, with commas between; else all whom the encoder never saw."
        ),
    ] = None,
    missing: MissingOption = Missing.error,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    trust: Trust = None,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Measure how often motion finds its text, video or pose among all others of a study, and they
    find their motion.

    Shares of queries with a right answer among the first 1, 5 and 10, and the mean of 1/place.
    """
    from otolith.data.study import Study
    from otolith.learn.training.pretrained import PretrainedEncoder
    from otolith.learn.training.seen import unseen_people
    from otolith.measure import retrieval

    loaded = PretrainedEncoder.load(encoder, trust=trust or ())
    loaded.require_alignment()
    windows = Study.load(study).windows(**loaded.cutting(), missing=missing.value)
    if people:
        chosen = some_people(people, windows.subjects)  # whom it has seen, the library says
    else:
        chosen = unseen_people(loaded.record, windows, f"Encoder {encoder}")
    rows = retrieval.retrieve(loaded, windows.of(chosen), runtime_of(device, precision, threads))
    if as_json:
        tell_json({"people": chosen, "rows": rows})
        return
    if not quiet:
        tell(
            f"{len(chosen)} people whom the encoder never saw"
            if not people
            else f"{len(chosen)} people"
        )
    tell(
        "| | queries | answers | R@1 | R@5 | R@10 | MRR | chance R@1 "
        "|\n|---|---|---|---|---|---|---|---|"
    )
    for row in rows:
        figures = " | ".join(f"{row[name]:.3f}" for name in ("r1", "r5", "r10", "mrr", "chance_r1"))
        tell(f"| {row['direction']} | {row['queries']} | {row['answers']} | {figures} |")
