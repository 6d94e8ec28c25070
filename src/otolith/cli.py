"""The command `otolith`: thin, one command for one public function.

Nothing heavy is imported before a command runs, so that `otolith --help` answers at once.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otolith import __version__
from otolith.console import bar, counter, keep_recipe, run, take_recipe, typed
from otolith.errors import ConfigError, nearest

if TYPE_CHECKING:
    from otolith.training.runtime import Runtime

app = typer.Typer(
    name="otolith",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Recognise human activities from worn motion sensors with a handful of labels, for people never seen "
    "before.\n\nA first walk: [bold]otolith demo[/]; then [bold]otolith import[/] your recordings, [bold]otolith benchmark[/] "
    "them, and [bold]otolith pretrain[/], [bold]adapt[/] and [bold]recognise[/].",
    epilog="Each command explains itself: otolith COMMAND --help. Documentation: docs/ in the repository.",
)


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Mode(StrEnum):
    """What the labels move."""

    finetune = "finetune"
    frozen = "frozen"


class Precision(StrEnum):
    """How exactly to compute."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


Recipe = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        help="TOML file whose keys are the options below.",
        callback=take_recipe,
        is_eager=True,
        metavar="FILE",
    ),
]
Seed = Annotated[int, typer.Option(help="Of every random choice; the same seed gives the same result.")]
DeviceOption = Annotated[Device, typer.Option(help="Where to compute.")]
Threads = Annotated[
    int | None, typer.Option(help="Threads of each process; as many as there are cores if not given.", min=1)
]
PrecisionOption = Annotated[Precision, typer.Option(help="bf16 is quicker where the processor has it.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is at --out.")]
Seconds = Annotated[float | None, typer.Option(help="Length of a window; the study's own if not given.")]
Rate = Annotated[float | None, typer.Option(help="Rate to resample to, in Hz; the study's own if not given.")]
Placements = Annotated[str | None, typer.Option(help="Places on the body to use, with commas between.")]
Quantities = Annotated[str | None, typer.Option(help="acc, gyro, mag, with commas between.")]
Missing = Annotated[str, typer.Option(help="Where a recording lacks a channel: error, mask or drop.")]


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Print the version, or go on to a command."""
    if version:
        typer.echo(f"otolith {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="Folder (or file) with the recordings.")],
    out: Annotated[Path | None, typer.Option(help="Study folder to write.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="A published data set's layout; see: otolith list datasets.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML that names columns, units and places; see docs/recordings.md.")
    ] = None,
    guess: Annotated[bool, typer.Option("--guess", help="Only write the mapping, as far as it can be known.")] = False,
    skip_damaged: Annotated[bool, typer.Option("--skip-damaged", help="Leave a damaged file out and say so.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Read recordings into a study: one form, SI units, everything that was not kept reported.

    Examples:
      otolith import UCI_HAPT --dataset hapt --out studies/hapt
      otolith import my_csvs --guess --mapping mapping.toml
      otolith import my_csvs --mapping mapping.toml --out studies/mine
    """
    if guess:
        if mapping is None:
            raise ConfigError("--guess writes a mapping: say where with --mapping FILE.toml.")
        _guess(source, mapping, overwrite)
        return
    if out is None or (dataset is None) == (mapping is None):
        raise ConfigError(
            "Say where to with --out STUDY, and what it is with either --dataset NAME or --mapping FILE.toml."
        )
    with counter(quiet, "recordings") as tick:
        if dataset is not None:
            from otolith.datasets import import_dataset

            study = import_dataset(source, dataset, out, overwrite=overwrite, progress=tick)
        else:
            from otolith.readers import import_tables

            assert mapping is not None
            study = import_tables(
                source, mapping, out, overwrite=overwrite, on_error="skip" if skip_damaged else "stop", progress=tick
            )
    if not quiet:
        rows = study.rows
        typer.echo(
            f"{out}: {len(study)} recordings of {len(study.subjects)} people, {study.hours:.2f} h; "
            f"{rows['read']} rows read = {rows['kept']} kept + {rows['reported']} reported. See: otolith info {out}"
        )


def _guess(source: Path, mapping: Path, overwrite: bool) -> None:
    from otolith.files import refuse_existing, write_text
    from otolith.readers import guess

    refuse_existing(mapping, "mapping", overwrite)
    text, unknown = guess(source)
    write_text(mapping, text)
    typer.echo(f"Wrote {mapping}. What could not be known, and is to be filled in there:")
    for line in unknown:
        typer.echo(f"  - {line}")
    typer.echo(f"Then: otolith import {source} --mapping {mapping} --out STUDY")


@app.command()
def info(
    study: Annotated[Path, typer.Argument(help="Study folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots.")] = None,
) -> None:
    """Show a study: who, how long, which sensors, which labels, and what every file lost on the way."""
    from otolith.study import Study

    opened = Study.load(study)
    if as_json:
        import json

        typer.echo(json.dumps(opened.info(), indent=1, ensure_ascii=False))
        return
    from otolith.evaluation.study_page import study_text, write_study_page

    if html is not None:
        write_study_page(opened, html)
        typer.echo(f"Wrote {html}")
        return
    from rich.console import Console

    Console().print(study_text(opened))


@app.command("list")
def list_(
    family: Annotated[
        str,
        typer.Argument(
            help="datasets, readers, objectives, encoders, heads, metrics, placements, activities or methods."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what can be named: each with a sentence."""
    rows = _listing(family)
    if as_json:
        import json

        typer.echo(json.dumps([{"name": name, "what": what} for name, what in rows], indent=1, ensure_ascii=False))
        return
    width = max(len(name) for name, _ in rows)
    for name, what in rows:
        typer.echo(f"{name:{width}}  {what}")


def _listing(name: str) -> list[tuple[str, str]]:
    from otolith import catalog

    if name == "placements":
        return [(p.name, p.words + (f" (pair: {p.partner})" if p.partner else "")) for p in catalog.PLACEMENTS.values()]
    if name == "activities":
        return [(activity, "") for activity in catalog.ACTIVITIES]
    if name == "methods":
        from otolith.evaluation.methods import METHODS

        return [(m.name, f"{m.objective}:{m.encoder}:{m.head}, encoder {m.mode}") for m in METHODS.values()]
    known = [*catalog.FAMILIES, "placements", "activities", "methods"]
    if name not in known:
        raise ConfigError(f"There is no list '{name}'; there are {', '.join(known)}.{nearest(name, known)}")
    table = catalog.family(name)
    return [(member, (table.resolve(member).__doc__ or "").strip().split("\n")[0]) for member in table]


@app.command()
def pretrain(
    context: typer.Context,
    studies: Annotated[list[Path], typer.Argument(help="Study folders; of several, all must have the same channels.")],
    out: Annotated[Path, typer.Option(help="Encoder folder to write.")],
    objective: Annotated[str, typer.Option(help="See: otolith list objectives.")] = "pim",
    encoder: Annotated[str, typer.Option(help="See: otolith list encoders.")] = "tpn",
    pairs: Annotated[
        str | None, typer.Option(help="PIM: sensors to compare, such as left_foot~right_foot,a~b.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Most passes over the windows.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Windows in a step.")] = 256,
    learning_rate: Annotated[float, typer.Option(help="Adam's step.")] = 1e-3,
    patience: Annotated[int, typer.Option(help="Epochs without a better validation loss before it stops.")] = 10,
    leave_out: Annotated[
        str | None, typer.Option(help="People who must not be learnt from, with commas between.")
    ] = None,
    seconds: Seconds = None,
    rate: Rate = None,
    placements: Placements = None,
    quantities: Quantities = None,
    missing: Missing = "error",
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Pretrain an encoder on recordings without labels; an interrupted run goes on when typed again.

    Example: otolith pretrain studies/mine --objective pim --out encoders/mine
    """
    from otolith.evaluation.figures import loss_figure
    from otolith.files import refuse_existing
    from otolith.training import pretrain as training
    from otolith.windows import Windows

    refuse_existing(out, "encoder", overwrite)
    tables: dict[str, Any] = context.obj or {}
    chosen = _cut_choices(seconds, rate, placements, quantities) | tables.get("windows", {})
    windows = Windows.concatenate([_plain_windows(folder, chosen, missing) for folder in studies])
    if leave_out:
        windows = windows.without(_some_people(leave_out, windows.subjects))
    settings = dict(tables.get("objective", {}))
    if pairs:
        settings["pairs"] = [tuple(pair.split("~", 1)) for pair in pairs.split(",")]
    runtime = _runtime(device, precision, threads)
    schedule = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "patience": patience}
    with bar(quiet, "epochs") as show:

        def progress(done: int, of: int, losses: dict[str, float]) -> None:
            show(done, of, f"loss {losses['train']:.3f}, validation {losses['validation']:.3f}")

        result = training.pretrain(
            windows, objective, encoder, out=out, runtime=runtime, objective_settings=settings,
            encoder_settings=tables.get("encoder"), progress=progress,
            **schedule | {"seed": seed} | tables.get("pretrain", {}),
        )  # fmt: skip
    loss_figure(result.history, out / "losses.svg")
    keep_recipe(context, out)
    if not quiet:
        typer.echo(
            f"{out}: encoder '{result.name}' from {len(windows)} windows of {len(windows.subjects)} people, best epoch "
            f"{result.record['best_epoch']} of {len(result.history)}. "
            f"Next: otolith adapt {out} STUDY --shots 8 --out RECOGNISER"
        )


def _plain_windows(folder: Path, chosen: dict[str, Any], missing: str) -> Any:
    import dataclasses

    from otolith.evaluation.few_shot import plain_windows
    from otolith.study import Evaluation, Study

    study = Study.load(folder)
    evaluation = Evaluation.from_json(dataclasses.asdict(study.evaluation) | chosen)
    return plain_windows(study, evaluation, missing)


@app.command()
def adapt(
    context: typer.Context,
    encoder: Annotated[str, typer.Argument(help="Encoder folder, or the name of one for random weights.")],
    study: Annotated[Path, typer.Argument(help="Study folder with labelled segments.")],
    out: Annotated[Path, typer.Option(help="Recogniser folder to write.")],
    shots: Annotated[str, typer.Option(help="Labelled windows per class to use, or all.")] = "all",
    head: Annotated[str, typer.Option(help="See: otolith list heads.")] = "mlp",
    mode: Annotated[Mode, typer.Option(help="finetune moves the encoder too; frozen leaves it.")] = Mode.finetune,
    people: Annotated[
        str | None, typer.Option(help="Use the labels of these people only, with commas between.")
    ] = None,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Teach a pretrained encoder your classes with a few labelled windows.

    Example: otolith adapt encoders/mine studies/mine --shots 8 --out recognisers/mine
    """
    from otolith.deployment.recogniser import Recogniser
    from otolith.files import refuse_existing
    from otolith.study import Study
    from otolith.training.pretrained import PretrainedEncoder

    refuse_existing(out, "recogniser", overwrite)
    tables: dict[str, Any] = context.obj or {}
    start = PretrainedEncoder.load(encoder) if Path(encoder).is_dir() else encoder
    cutting = start.cutting() if isinstance(start, PretrainedEncoder) else {}
    windows = Study.load(study).windows(**cutting | tables.get("windows", {})).labelled
    recogniser = Recogniser(
        start, head, mode="frozen" if mode is Mode.frozen else "finetune", seed=seed, device=device.value,
        precision=precision.value, threads=threads, head_settings=tables.get("head"), **tables.get("adapt", {}),
    )  # fmt: skip
    if people:
        windows = windows.of(_some_people(people, windows.subjects))
    short = windows.short_classes(_shots(shots))
    few = windows.few(_shots(shots), seed)
    with bar(quiet, "steps") as show:
        recogniser.fit(few, progress=lambda done, of, loss: show(done, of, f"loss {loss:.3f}"))
    recogniser.save(out, overwrite=overwrite)
    keep_recipe(context, out)
    for name, count in short.items():
        typer.echo(f"note: class '{name}' has {count} labelled windows, fewer than {shots}; all are used", err=True)
    if not quiet:
        typer.echo(f"{out}: {len(few)} windows of {len(few.classes)} classes. Next: otolith recognise {out} FILE")


@app.command()
def recognise(
    recogniser: Annotated[Path, typer.Argument(help="Recogniser folder.")],
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files, or STUDY/recordings/ID.STREAM.parquet.")],
    out: Annotated[Path | None, typer.Option(help="CSV to write; FILE.timeline.csv here if not given.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML that names the columns, as import takes it.")] = None,
    overlap: Annotated[float, typer.Option(help="Share of a window that the next one repeats.", min=0, max=0.95)] = 0.5,
    allow_placement: Annotated[
        bool, typer.Option("--allow-placement", help="Take a sensor worn elsewhere, with a warning.")
    ] = False,
    plot: Annotated[bool, typer.Option(help="Draw the timeline beside the CSV.")] = True,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Recognise what was done in a recording: a timeline with the probability of each class, and a plot.

    Example: otolith recognise recognisers/mine visit_07.csv --mapping mapping.toml
    """
    from otolith.deployment.reading import recognise_file
    from otolith.deployment.recogniser import Recogniser
    from otolith.files import refuse_existing

    if out is not None and len(files) > 1:
        raise ConfigError("--out names one timeline; for several files leave it out, and each is named after its file.")
    loaded = Recogniser.load(recogniser)
    for path in files:
        target = out or Path(f"{path.stem}.timeline.csv")
        refuse_existing(target, "timeline", overwrite)
        timeline = recognise_file(loaded, path, mapping, overlap=overlap, allow_placement=allow_placement)
        timeline.to_csv(target)
        if plot and timeline.unknown < len(timeline):
            timeline.plot(target.with_suffix(".svg"))
        if not quiet:
            shares = ", ".join(f"{name or 'unknown'} {seconds:.0f} s" for name, seconds in timeline.seconds.items())
            typer.echo(f"{target}: {len(timeline)} windows: {shares}")


@app.command()
def benchmark(
    context: typer.Context,
    studies: Annotated[list[Path], typer.Argument(help="Study folders.")],
    out: Annotated[Path, typer.Option(help="Folder for results.json, results.csv and report.html.")],
    methods: Annotated[
        str, typer.Option(help="With commas between; see: otolith list methods.")
    ] = "pim,scratch,forest,logistic",
    shots: Annotated[
        str, typer.Option(help="Labelled windows per class, with commas between; all takes every label.")
    ] = "1,2,4,8,16,32,all",
    folds: Annotated[int, typer.Option(help="Groups of people, each tested once.", min=2)] = 5,
    draws: Annotated[int, typer.Option(help="Random draws of the labelled windows.", min=1)] = 5,
    seconds: Seconds = None,
    rate: Rate = None,
    placements: Placements = None,
    quantities: Quantities = None,
    labels: Annotated[str | None, typer.Option(help="Classes that count, with commas between.")] = None,
    missing: Missing = "error",
    workers: Annotated[
        int | None, typer.Option(help="Processes; as many as there are cores if not given.", min=1)
    ] = None,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Measure honestly how well methods recognise people they have never seen.

    Whole people are held out; several draws of labels are averaged before anything else; every control stands beside
    the claim. A stopped run goes on where it was when the same command is typed again.

    Example: otolith benchmark studies/mine --shots 2,8,all --out results/mine
    """
    from otolith.study import Study

    tables: dict[str, Any] = context.obj or {}
    chosen = _cut_choices(seconds, rate, placements, quantities) | tables.get("windows", {})
    if labels:
        chosen["labels"] = labels.split(",")
    opened = [Study.load(folder) for folder in studies]
    report = _benchmark(
        opened, methods.split(","), shots.split(","), folds, draws, out, seed, device, threads, precision, workers,
        chosen, missing, tables.get("methods"), quiet,
    )  # fmt: skip
    keep_recipe(context, out)
    if not quiet:
        typer.echo(report.table())
        typer.echo(f"Report: {out / 'report.html'}")


@app.command()
def demo(
    study: Annotated[Path | None, typer.Option(help="Run it on your own study instead of simulated people.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything it writes.")] = Path("demo"),
    people: Annotated[int, typer.Option(help="How many virtual people.", min=4)] = 20,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    quiet: Quiet = False,
) -> None:
    """Run the main job from recordings to report, on virtual people or on your own study.

    Pretrains on everybody but the people held out, adapts with a few labels, tests on the held-out people, beside a
    network without pretraining, a random forest and logistic regression on hand-made features.
    """
    from otolith.study import Study

    opened = Study.load(study) if study else _virtual_study(out / "study", people, seed, quiet)
    report = _benchmark(
        [opened], ["pim", "scratch", "forest", "logistic"], ["1", "2", "4", "8", "all"], 4, 2, out / "results", seed,
        device, threads, precision, None, {}, "error", None, quiet,
    )  # fmt: skip
    typer.echo(report.table())
    typer.echo(f"Report: {(out / 'results' / 'report.html').resolve()}")


def _virtual_study(folder: Path, people: int, seed: int, quiet: bool) -> Any:
    from otolith.errors import StudyError
    from otolith.simulation.people import virtual_study
    from otolith.study import Evaluation, Study, write_study

    name = f"{people} virtual people, seed {seed}"
    try:
        opened = Study.load(folder)
        if opened.name == name:
            return opened
        raise ConfigError(f"{folder} holds another study ('{opened.name}'); choose another --out.")
    except StudyError:
        pass
    with counter(quiet, "virtual people") as tick:
        return write_study(
            folder,
            virtual_study(people, seed),
            name=name,
            source="simulated by otolith from motions of its own making",
            terms="CC0",
            evaluation=Evaluation(seconds=2.5, rate_hz=50.0, overlap=0.5),
            progress=tick,
        )


def _benchmark(
    studies: list[Any], methods: list[str], shots: list[str], folds: int, draws: int, out: Path, seed: int,
    device: Device, threads: int | None, precision: Precision, workers: int | None, chosen: dict[str, Any],
    missing: str, own: dict[str, Any] | None, quiet: bool,
) -> Any:  # fmt: skip
    from otolith.evaluation import benchmark as measure

    cores = os.cpu_count() or 1
    workers = workers or (cores if device in (Device.auto, Device.cpu) else 1)
    runtime = _runtime(device, precision, threads or max(1, cores // workers))
    if runtime.device != "cpu":
        workers = 1
    with bar(quiet, "cells") as show:
        return measure.benchmark(
            studies, methods, shots, folds=folds, draws=draws, out=out, seed=seed, runtime=runtime, workers=workers,
            windows=chosen, missing=missing, own_methods=own, command=typed(), progress=show,
        )  # fmt: skip


def _runtime(device: Device, precision: Precision, threads: int | None) -> Runtime:
    from otolith.training.runtime import Runtime

    return Runtime.choose(device.value, precision.value, threads)


def _cut_choices(
    seconds: float | None, rate: float | None, placements: str | None, quantities: str | None
) -> dict[str, Any]:
    given: dict[str, Any] = {"seconds": seconds, "rate_hz": rate}
    given |= {"placements": placements and placements.split(","), "quantities": quantities and quantities.split(",")}
    return {key: value for key, value in given.items() if value is not None}


def _some_people(text: str, there: list[str]) -> list[str]:
    people = text.split(",")
    for person in people:
        if person not in there:
            raise ConfigError(
                f"Nobody here is called '{person}'; there are {', '.join(there)}.{nearest(person, there)}"
            )
    return people


def _shots(text: str) -> int | str:
    if text == "all" or (text.isdigit() and int(text) > 0):
        return text if text == "all" else int(text)
    raise ConfigError(f"Shots are a whole number from 1 up, or all; not '{text}'.")


def main() -> None:
    """Run what was typed."""
    run(app)
