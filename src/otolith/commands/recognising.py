"""Recognising: what was done in a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from otolith.commands.options import (
    Device,
    DeviceOption,
    Overwrite,
    Precision,
    PrecisionOption,
    Quiet,
    Recipe,
    Threads,
)
from otolith.console import counter
from otolith.errors import ConfigError


def recognise(
    recogniser: Annotated[Path, typer.Argument(help="Recogniser folder.")],
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files, or STUDY/recordings/ID.STREAM.parquet.")],
    out: Annotated[
        Path | None, typer.Option(help="CSV to write; FILE.timeline.csv in this folder if not given.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML that names the columns, as import takes it.")] = None,
    overlap: Annotated[float, typer.Option(help="Share of a window that the next one repeats.", min=0, max=0.95)] = 0.5,
    allow_placement: Annotated[
        bool, typer.Option("--allow-placement", help="Take a sensor worn elsewhere, with a warning.")
    ] = False,
    plot: Annotated[bool, typer.Option(help="Draw the timeline beside the CSV, as SVG.")] = True,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Recognise what was done in a recording: a timeline with the probability of each class, and a plot."""
    from otolith.deployment.reading import recognise_file
    from otolith.deployment.recogniser import Recogniser
    from otolith.files import refuse_existing

    targets = [out or Path(f"{path.stem}.timeline.csv") for path in files]
    if len(set(targets)) < len(targets):
        raise ConfigError(
            "Two of these files would write the same timeline. --out names one timeline; without it each is named "
            "after its file, so files of the same name are recognised one at a time."
        )
    # As it was trained, unless something else is asked for.
    asked = {} if precision is Precision.auto else {"precision": precision.value}
    loaded = Recogniser.load(recogniser, device=device.value, threads=threads, **asked)
    said = []
    with counter(quiet or len(files) == 1, "files") as tick:
        for path, target in zip(files, targets, strict=True):
            refuse_existing(target, "timeline", overwrite)
            timeline = recognise_file(loaded, path, mapping, overlap=overlap, allow_placement=allow_placement)
            timeline.to_csv(target)
            if plot and timeline.unknown < len(timeline):
                timeline.plot(target.with_suffix(".svg"))
            shares = ", ".join(f"{name or 'unknown'} {seconds:.0f} s" for name, seconds in timeline.seconds.items())
            said.append(f"{target}: {len(timeline)} windows: {shares}")
            if tick:
                tick(path)
    if not quiet:
        typer.echo("\n".join(said))
