"""Recognising: what was done in a recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otolith.cli.console import some, tables_of
from otolith.cli.options import (
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
from otolith.cli.progress import bar
from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.core.terminal import complain, tell

if TYPE_CHECKING:
    from otolith.learn.training.runtime import Runtime
    from otolith.use.recogniser import Recogniser
    from otolith.use.timeline import Timeline


WORDS = "From words alone"


def recognise(
    context: typer.Context,
    recogniser: Annotated[
        Path, typer.Argument(help="Recogniser folder; with --labels an encoder folder.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="CSV or Parquet files, a folder of them with --mapping, a study folder, or files "
            "of its recordings/."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="CSV to write, one for all recordings together, or a folder that exists, for one "
            "each; "
            "NAME.timeline.csv in this folder if not given."
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML that names the columns, as import takes it.")
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="Share of a window that the next one repeats.", min=0, max=0.95)
    ] = 0.5,
    allow_placement: Annotated[
        bool,
        typer.Option("--allow-placement", help="Take a sensor worn elsewhere, with a warning."),
    ] = False,
    plot: Annotated[
        bool | None,
        typer.Option(
            "--plot/--no-plot",
            help="Draw each timeline as SVG beside its CSV; beside one CSV of several recordings "
            "only if asked for.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Classes to choose among, with commas between, such as walking,sitting.",
            rich_help_panel=WORDS,
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            help="A sentence with {} where the class goes; may be repeated. Several are given if "
            "none is.",
            rich_help_panel=WORDS,
        ),
    ] = None,
    unknown: Annotated[
        float | None,
        typer.Option(
            help="Cosine below which a window is unknown.", min=-1, max=1, rich_help_panel=WORDS
        ),
    ] = None,
    shots_from: Annotated[
        Path | None,
        typer.Option(help="Study with a few examples of these classes.", rich_help_panel=WORDS),
    ] = None,
    shots: Annotated[
        str, typer.Option(help="Examples per class to take of it, or all.", rich_help_panel=WORDS)
    ] = "5",
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Folder to save the recogniser of these words in.", rich_help_panel=WORDS
        ),
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
    """Recognise what was done in recordings: a timeline of each with the probability of every
    class, and a plot.

    A study is recognised recording by recording; files of a folder are joined into recordings as
    import joins them.

    With --labels by the descriptions of the classes alone, if the encoder was pretrained together
    with texts.
    """
    from otolith.learn.training.checkpoint import kind_of
    from otolith.use.reading import sources_of
    from otolith.use.recogniser import Recogniser

    _refuse_same_names([path.stem for path in files if not path.is_dir()])
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
            f"{recogniser} is an encoder, which knows no classes. Name them: --labels "
            f"walking,sitting; or teach it "
            f"some: otolith adapt {recogniser} STUDY --shots 8 --out RECOGNISER"
        )
    else:
        # As it was trained, unless something else is asked for.
        asked = {} if precision is Precision.auto else {"precision": precision.value}
        loaded = Recogniser.load(
            recogniser, trust=trust or (), device=device.value, threads=threads, **asked
        )
    gravity: Any = "removed" if loaded.chain_.gravity == "removed" else "included"
    sources = [source for path in files for source in sources_of(path, mapping, gravity)]
    names = [source.name for source in sources]
    _refuse_same_names(names)
    joined, read = (
        len(sources) > 1 or any(path.is_dir() for path in files),
        [*files, *filter(None, [mapping])],
    )
    writer = _Writer(out, joined, plot, overwrite, read)
    writer.refuse_taken(names)
    failed: list[str] = []
    with bar(quiet, "recordings") as show:
        for number, source in enumerate(sources):
            show(number, len(sources), source.where)
            try:
                recordings = source.read()
                for recording in recordings:
                    name = source.name if len(recordings) == 1 else recording.id
                    writer.take(name, loaded.recognise(recording, overlap, allow_placement))
            except (DataError, ChannelError) as error:
                if len(sources) == 1:
                    raise
                failed.append(
                    str(error) if source.where in str(error) else f"{source.where}: {error}"
                )
        show(len(sources), len(sources), "")
    writer.finish()
    if not quiet:
        tell("\n".join(writer.said))
    for message in failed:
        complain(message)
    if failed:
        tell(
            f"{len(failed)} of {some(len(sources), 'recording', 'recordings')} could not be "
            f"recognised.",
            err=True,
        )
        raise typer.Exit(1 if len(failed) < len(sources) else 2)


def _refuse_same_names(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"Two of these recordings are called '{twice[0]}' and would write the same timeline; "
            f"recognise them one at "
            "a time, each with an --out of its own."
        )


class _Writer:
    """Where timelines go: a file each, or all into one table."""

    def __init__(
        self, out: Path | None, several: bool, plot: bool | None, overwrite: bool, read: list[Path]
    ) -> None:
        self._each = out if out is not None and out.is_dir() else Path() if out is None else None
        self._out = out
        self._joined = several and self._each is None
        self._plot = not self._joined if plot is None else plot
        self._overwrite, self._read = overwrite, read
        self._kept: list[Timeline] = []
        self.said: list[str] = []

    def refuse_taken(self, names: list[str]) -> None:
        """Raise DataError where a timeline to be written is there already, before anything is
        recognised."""
        for name in names:
            self._refuse(self._target(name))
            self._refuse(self._picture(name))

    def take(self, name: str, timeline: Timeline) -> None:
        """Write one timeline, or keep it for the table of all."""
        from otolith.show.timeline_figure import plot_timeline

        target = self._target(name)
        if self._joined:
            self._kept.append(replace(timeline, recording=name))
        else:
            self._refuse(target)  # where a column names the people, names are known only now
        if self._plot and timeline.unknown < len(timeline):
            self._refuse(self._picture(name))
            plot_timeline(timeline, self._picture(name))
        if not self._joined:
            timeline.to_csv(target)
        shares = ", ".join(
            f"{label or 'unknown'} {seconds:.0f} s" for label, seconds in timeline.seconds.items()
        )
        where = f"{target}, {name}" if self._joined else target
        self.said.append(f"{where}: {len(timeline)} windows: {shares}")

    def finish(self) -> None:
        """Write the table of all, if that is what was asked for."""
        from otolith.use.timeline import write_timelines

        if self._kept:
            write_timelines(self._kept, self._target(""))

    def _target(self, name: str) -> Path:
        return (
            self._out
            if self._each is None and self._out
            else (self._each or Path()) / f"{name}.timeline.csv"
        )

    def _picture(self, name: str) -> Path:
        target = self._target(name)
        return (
            target.with_name(f"{target.stem}.{name}.svg")
            if self._joined
            else target.with_suffix(".svg")
        )

    def _refuse(self, target: Path) -> None:
        from otolith.core.files import refuse_existing

        if any(read.exists() and target.exists() and target.samefile(read) for read in self._read):
            raise ConfigError(
                f"{target} is what is to be recognised; name another file with --out."
            )
        if target.suffix != ".svg" or self._plot:
            refuse_existing(target, "timeline", self._overwrite)


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
    from otolith.data.study import Study
    from otolith.learn.heads.text import TEMPLATES
    from otolith.learn.training.pretrained import PretrainedEncoder
    from otolith.use.zero_shot import few_examples, from_words

    encoder = PretrainedEncoder.load(folder, trust=trust)
    encoder.require_alignment()
    wanted = shots_of(shots)
    examples = (
        few_examples(Study.load(shots_from), encoder, list(described), wanted, seed)
        if shots_from
        else None
    )
    return from_words(
        encoder,
        described,
        templates=template or TEMPLATES,
        unknown=unknown,
        examples=examples,
        runtime=runtime,
    )
