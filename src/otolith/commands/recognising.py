"""Recognising: what was done in a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otolith.commands.options import (
    Device,
    DeviceOption,
    Overwrite,
    Precision,
    PrecisionOption,
    Quiet,
    Recipe,
    Seed,
    Threads,
    Trust,
    runtime_of,
    shots_of,
    words,
)
from otolith.commands.progress import bar
from otolith.console import tables_of
from otolith.errors import ConfigError
from otolith.terminal import tell

if TYPE_CHECKING:
    from otolith.deployment.recogniser import Recogniser
    from otolith.training.runtime import Runtime


WORDS = "From words alone"


def recognise(
    context: typer.Context,
    recogniser: Annotated[Path, typer.Argument(help="Recogniser folder; with --labels an encoder folder.")],
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
    labels: Annotated[
        str | None,
        typer.Option(
            help="Classes to choose among, with commas between, such as walking,sitting.", rich_help_panel=WORDS
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            help="A sentence with {} where the class goes; may be repeated. Several are given if none is.",
            rich_help_panel=WORDS,
        ),
    ] = None,
    unknown: Annotated[
        float | None,
        typer.Option(help="Cosine below which a window is unknown.", min=-1, max=1, rich_help_panel=WORDS),
    ] = None,
    shots_from: Annotated[
        Path | None, typer.Option(help="Study with a few examples of these classes.", rich_help_panel=WORDS)
    ] = None,
    shots: Annotated[str, typer.Option(help="Examples per class to take of it, or all.", rich_help_panel=WORDS)] = "5",
    keep: Annotated[
        Path | None, typer.Option(help="Folder to save the recogniser of these words in.", rich_help_panel=WORDS)
    ] = None,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    trust: Trust = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Recognise what was done in a recording: a timeline with the probability of each class, and a plot.

    With --labels by the descriptions of the classes alone, if the encoder was pretrained together with texts.
    """
    from otolith.deployment.reading import recognise_file
    from otolith.deployment.recogniser import Recogniser
    from otolith.files import refuse_existing
    from otolith.training.checkpoint import kind_of

    targets = [out or Path(f"{path.stem}.timeline.csv") for path in files]
    if len(set(targets)) < len(targets):
        raise ConfigError(
            "Two of these files would write the same timeline. --out names one timeline; without it each is named "
            "after its file, so files of the same name are recognised one at a time."
        )
    described = tables_of(context).get("prompts") or words(labels)
    if described:
        loaded = _of_words(
            recogniser, described, template, unknown, shots_from, shots, seed, runtime_of(device, precision, threads),
            trust or [],
        )  # fmt: skip
        if keep:
            loaded.save(keep, overwrite=overwrite)
    elif kind_of(recogniser) == "encoder":
        raise ConfigError(
            f"{recogniser} is an encoder, which knows no classes. Name them: --labels walking,sitting; or teach it "
            f"some: otolith adapt {recogniser} STUDY --shots 8 --out RECOGNISER"
        )
    else:
        # As it was trained, unless something else is asked for.
        asked = {} if precision is Precision.auto else {"precision": precision.value}
        loaded = Recogniser.load(recogniser, trust=trust or (), device=device.value, threads=threads, **asked)
    said = []
    with bar(quiet, "recordings") as show:
        for number, (path, target) in enumerate(zip(files, targets, strict=True)):
            show(number, len(files), str(path))
            refuse_existing(target, "timeline", overwrite)
            timeline = recognise_file(loaded, path, mapping, overlap=overlap, allow_placement=allow_placement)
            timeline.to_csv(target)
            if plot and timeline.unknown < len(timeline):
                timeline.plot(target.with_suffix(".svg"))
            shares = ", ".join(f"{name or 'unknown'} {seconds:.0f} s" for name, seconds in timeline.seconds.items())
            said.append(f"{target}: {len(timeline)} windows: {shares}")
        show(len(files), len(files), "")
    if not quiet:
        tell("\n".join(said))


def _of_words(
    folder: Path,
    described: Any,
    template: list[str] | None,
    unknown: float | None,
    shots_from: Path | None,
    shots: str,
    seed: int,
    runtime: Runtime,
    trust: list[str],
) -> Recogniser:
    from otolith.deployment.words import few_examples, from_words
    from otolith.heads.text import TEMPLATES
    from otolith.study import Study
    from otolith.training.pretrained import PretrainedEncoder

    encoder = PretrainedEncoder.load(folder, trust=trust)
    encoder.require_alignment()
    wanted = shots_of(shots)
    examples = few_examples(Study.load(shots_from), encoder, list(described), wanted, seed) if shots_from else None
    return from_words(
        encoder, described, templates=template or TEMPLATES, unknown=unknown, examples=examples, runtime=runtime
    )
