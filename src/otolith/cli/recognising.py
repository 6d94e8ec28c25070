"""`otolith recognise`: what was done in a recording."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from annotated_types import Interval

from otolith.cli.options import (
    Compute,
    MaxBytes,
    Overwrite,
    Quiet,
    Recipe,
    Shots,
    Trust,
    some,
)
from otolith.cli.progress import bar
from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.core.options import RUN, Option
from otolith.core.settings import Seed, settings
from otolith.core.terminal import complain, tell

if TYPE_CHECKING:
    from otolith.use.reading import Source
    from otolith.use.recogniser import Recogniser
    from otolith.use.timeline import Timeline

WORDS = "From words alone"


@settings
class Recognise:
    """Recognise the activities in recordings: a timeline with the probability of every class, and a
    plot.

    A study is recognised recording by recording; files of a folder are joined into recordings as
    import joins them.

    With --labels by the descriptions of the classes alone, if the encoder was pretrained together
    with texts.

    otolith recognise recognisers/mine visit_07.csv --mapping mapping.toml
    otolith recognise recognisers/mine visits/ --mapping mapping.toml --out visits.csv
    otolith recognise recognisers/mine studies/new
    otolith recognise encoders/primus visit_07.csv --labels walking,drinking --unknown 0.1
    """

    command: ClassVar[str] = "recognise"

    recogniser: Annotated[Path, Option(argument=True)]
    """Recogniser folder; with --labels an encoder folder."""
    files: Annotated[tuple[Path, ...], Option(argument=True)]
    """CSV or Parquet files, a folder of them with --mapping, a study folder, or files of its
    recordings/."""
    out: Path | None = None
    """CSV to write, one for all recordings together, or a folder that exists, for one each;
    NAME.timeline.csv in this folder if not given."""
    mapping: Path | None = None
    """TOML that names the columns, as import takes it."""
    overlap: Annotated[float, Interval(ge=0, le=0.95)] = 0.5
    """Share of a window that the next one repeats."""
    allow_placement: bool = False
    """Take a sensor worn elsewhere, with a warning."""
    plot: bool | None = None
    """Draw each timeline as SVG beside its CSV; beside one CSV of several recordings only if asked
    for."""
    labels: Annotated[tuple[str, ...], Option(panel=WORDS)] = ()
    """Classes to choose among, with commas between, such as walking,sitting."""
    prompts: dict[str, Any] | None = None
    """Class -> its descriptions."""
    template: Annotated[tuple[str, ...], Option(panel=WORDS, repeated=True)] = ()
    """A sentence with {} where the class goes; may be repeated. Several are given if none is."""
    unknown: Annotated[Annotated[float, Interval(ge=-1, le=1)] | None, Option(panel=WORDS)] = None
    """Cosine below which a window is unknown."""
    shots_from: Annotated[Path | None, Option(panel=WORDS)] = None
    """Study with a few examples of these classes."""
    shots: Annotated[Shots, Option(panel=WORDS)] = 5
    """Examples per class to take of it, or all."""
    keep: Annotated[Path | None, Option(panel=WORDS)] = None
    """Folder to save the recogniser of these words in."""
    seed: Annotated[Seed, Option(panel=RUN)] = 0
    """Of every random choice; the same seed gives the same result."""
    compute: Compute = Compute()
    trust: Trust = ()
    max_bytes: MaxBytes = None
    overwrite: Overwrite = False
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Recognise every recording; exit with 1 where some could not be, with 2 where none."""
        from otolith.use.reading import sources_of

        _refuse_same_names([path.stem for path in self.files if not path.is_dir()])
        recogniser = self._recogniser()
        gravity: Any = "removed" if recogniser.chain_.gravity == "removed" else "included"
        sources = [each for path in self.files for each in sources_of(path, self.mapping, gravity)]
        names = [source.name for source in sources]
        _refuse_same_names(names)
        writer = _Writer(self, len(sources) > 1 or any(path.is_dir() for path in self.files))
        writer.refuse_taken(names)
        failed = self._recognise(sources, recogniser, writer)
        writer.finish()
        if not self.quiet:
            tell("\n".join(writer.lines))
        if failed:
            for message in failed:
                complain(message)
            count = some(len(sources), "recording", "recordings")
            tell(f"{len(failed)} of {count} could not be recognised.", err=True)
            raise typer.Exit(1 if len(failed) < len(sources) else 2)

    def _recognise(
        self, sources: list[Source], recogniser: Recogniser, writer: _Writer
    ) -> list[str]:
        """Hand each timeline to the writer, and return why some recordings have none."""
        failed: list[str] = []
        with bar(self.quiet, "recordings") as show:
            for number, source in enumerate(sources):
                show(number, len(sources), source.where)
                try:
                    recordings = source.read()
                    for recording in recordings:
                        line = recogniser.recognise(recording, self.overlap, self.allow_placement)
                        writer.take(source.name if len(recordings) == 1 else recording.id, line)
                except (DataError, ChannelError) as error:
                    # One recording alone fails the command; of several the others go on.
                    if len(sources) == 1:
                        raise
                    message = str(error)
                    named = source.where in message
                    failed.append(message if named else f"{source.where}: {message}")
            show(len(sources), len(sources), "")
        return failed

    def _recogniser(self) -> Recogniser:
        from otolith.learn.training.checkpoint import kind_of
        from otolith.use.recogniser import Recogniser

        if described := self.prompts or self.labels:
            recogniser = self._of_words(described)
            if self.keep:
                recogniser.save(self.keep, overwrite=self.overwrite)
            return recogniser
        if kind_of(self.recogniser) == "encoder":
            raise ConfigError(
                f"{self.recogniser} is an encoder, which knows no classes. Name them: --labels "
                f"walking,sitting; or teach it some: otolith adapt {self.recogniser} STUDY --shots "
                f"8 --out RECOGNISER"
            )
        asked: dict[str, Any] = {"device": self.compute.device, "threads": self.compute.threads}
        if self.compute.precision != "auto":  # as it was trained, unless something else is asked
            asked["precision"] = self.compute.precision
        return Recogniser.load(self.recogniser, trust=self.trust, **asked)

    def _of_words(self, described: Any) -> Recogniser:
        from otolith.data.study import Study
        from otolith.learn.heads.text import TEMPLATES
        from otolith.learn.training.pretrained import PretrainedEncoder
        from otolith.use.zero_shot import few_examples, from_words

        encoder = PretrainedEncoder.load(self.recogniser, trust=self.trust)
        encoder.require_alignment()
        examples = None
        if self.shots_from:
            study = Study.load(self.shots_from)
            examples = few_examples(study, encoder, list(described), self.shots, self.seed)
        return from_words(
            encoder,
            described,
            templates=self.template or TEMPLATES,
            unknown=self.unknown,
            examples=examples,
            runtime=self.compute.runtime(),
        )


def _refuse_same_names(names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigError(
                f"Two of these recordings are called '{name}' and would write the same timeline; "
                f"recognise them one at a time, each with an --out of its own."
            )


def _summary(timeline: Timeline) -> str:
    seconds = timeline.seconds.items()
    shares = ", ".join(f"{label or 'unknown'} {length:.0f} s" for label, length in seconds)
    return f"{len(timeline)} windows: {shares}"


class _Writer:
    """Where timelines go: a file each, or all into one table."""

    def __init__(self, job: Recognise, several: bool) -> None:
        self._job = job
        self._folder = job.out if job.out and job.out.is_dir() else None if job.out else Path()
        self._joined = several and self._folder is None
        self._plot = not self._joined if job.plot is None else job.plot
        self._kept: list[Timeline] = []
        self.lines: list[str] = []
        """What is said of each timeline."""

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
        where = f"{target}, {name}" if self._joined else str(target)
        self.lines.append(f"{where}: {_summary(timeline)}")

    def finish(self) -> None:
        """Write the table of all, if that is what was asked for."""
        from otolith.use.timeline import write_timelines

        if self._kept:
            write_timelines(self._kept, self._target(""))

    def _target(self, name: str) -> Path:
        if self._folder is not None:
            return self._folder / f"{name}.timeline.csv"
        assert self._job.out is not None
        return self._job.out

    def _picture(self, name: str) -> Path:
        target = self._target(name)
        if self._joined:
            return target.with_name(f"{target.stem}.{name}.svg")
        return target.with_suffix(".svg")

    def _refuse(self, target: Path) -> None:
        from otolith.core.files import refuse_existing

        for read in (*self._job.files, self._job.mapping):
            if read and read.exists() and target.exists() and target.samefile(read):
                raise ConfigError(
                    f"{target} is what is to be recognised; name another file with --out."
                )
        if target.suffix != ".svg" or self._plot:
            refuse_existing(target, "timeline", self._job.overwrite)
