"""Learning: pretrain an encoder without labels, then teach it classes with a few."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from otolith.cli.console import keep_recipe, some, tables_of
from otolith.cli.options import (
    CUT,
    RUN,
    Device,
    DeviceOption,
    Missing,
    MissingOption,
    Mode,
    Overwrite,
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
    Trust,
    cut_choices,
    runtime_of,
    schedule_of,
    settings_of,
    shots_of,
    some_people,
    words,
)
from otolith.cli.progress import bar
from otolith.core.errors import ConfigError, nearest
from otolith.core.terminal import note, tell

LENGTH = "How long it learns"


def pretrain(
    context: typer.Context,
    studies: Annotated[
        list[Path],
        typer.Argument(help="Study folders; of several, all must have the same channels."),
    ],
    out: Annotated[Path, typer.Option(help="Encoder folder to write.")],
    objective: Annotated[str, typer.Option(help="See: otolith list objectives.")] = "pim",
    encoder: Annotated[str, typer.Option(help="See: otolith list encoders.")] = "tpn",
    pairs: Annotated[
        str | None,
        typer.Option(help="PIM: sensors to compare, such as left_foot~right_foot,head~chest."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the objective, such as mm=0; may be repeated.",
        ),
    ] = None,
    leave_out: Annotated[
        str | None, typer.Option(help="People who must not be learnt from, with commas between.")
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="Most passes over the windows.", min=1, rich_help_panel=LENGTH)
    ] = 100,
    batch_size: Annotated[
        int, typer.Option(help="Windows in a step.", min=1, rich_help_panel=LENGTH)
    ] = 256,
    learning_rate: Annotated[
        float, typer.Option(help="Adam's step.", rich_help_panel=LENGTH)
    ] = 1e-3,
    patience: Annotated[
        int,
        typer.Option(
            help="Epochs without a better validation loss after which it stops; 0 for never.",
            min=0,
            rich_help_panel=LENGTH,
        ),
    ] = 10,
    plateau: Annotated[
        int,
        typer.Option(
            help="Epochs without a better validation loss after which the rate falls to a tenth; 0 "
            "for never.",
            min=0,
            rich_help_panel=LENGTH,
        ),
    ] = 0,
    in_turn: Annotated[
        bool, typer.Option("--in-turn", help="Several studies one after the other, not together.")
    ] = False,
    seconds: Seconds = None,
    rate: Rate = None,
    placements: Placements = None,
    quantities: Quantities = None,
    missing: MissingOption = Missing.error,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    precision: PrecisionOption = Precision.auto,
    processes: Annotated[
        int,
        typer.Option(
            help="Processes that share each batch, one a GPU.", min=1, rich_help_panel=RUN
        ),
    ] = 1,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Pretrain an encoder on recordings, labels unseen; an interrupted run goes on when typed
    again."""
    from otolith.core.files import refuse_existing
    from otolith.data.windows import Windows
    from otolith.learn.training import pretrain as training
    from otolith.learn.training.processes import is_first, is_launched, launch
    from otolith.show.figures import loss_figure

    if not training.to_be_tidied(out):
        refuse_existing(out, "encoder", overwrite)
    if processes > 1 and not is_launched():
        raise typer.Exit(launch(processes, sys.argv[1:]))
    tables = tables_of(context)
    table = schedule_of(tables, "pretrain", training.PretrainConfig)
    chosen = cut_choices(seconds, rate, placements, quantities) | tables.get("windows", {})
    windows = Windows.concatenate(
        [_plain_windows(folder, chosen, missing.value) for folder in studies]
    )
    if leave_out:
        windows = windows.without(some_people(leave_out, windows.subjects))
    wanted = tables.get("objective", {}) | settings_of(settings or [])
    if pairs:
        wanted["pairs"] = _pairs(pairs)
    schedule = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    schedule |= {"patience": patience, "plateau": plateau, "in_turn": in_turn}
    people = some(len(windows.subjects), "person", "people")

    def finish(encoder: Any, folder: Path) -> None:
        loss_figure(encoder.history, folder / "losses.svg")
        keep_recipe(context, folder)

    with bar(quiet or not is_first(), "epochs") as show:

        def progress(done: int, of: int, losses: dict[str, float]) -> None:
            show(done, of, f"loss {losses['train']:.3f}, validation {losses['validation']:.3f}")

        show(0, epochs * (len(studies) if in_turn else 1), f"{len(windows)} windows of {people}")
        result = training.pretrain(
            windows, objective, encoder, out=out, runtime=runtime_of(device, precision, threads),
            objective_settings=wanted, encoder_settings=tables.get("encoder"), progress=progress, finish=finish,
            **schedule | {"seed": seed} | table,
        )  # fmt: skip
    if not is_first():
        return
    if not quiet:
        tell(
            f"{out}: encoder '{result.name}' from {len(windows)} windows of {people}, best epoch "
            f"{result.record['best_epoch']} of {len(result.history)}. "
            f"Next: otolith adapt {out} {studies[0]} --shots 8 --out RECOGNISER"
        )


def _pairs(text: str) -> list[tuple[str, ...]]:
    pairs = [tuple(part.strip() for part in pair.split("~")) for pair in words(text)]
    for pair in pairs:
        if len(pair) != 2 or not all(pair):
            raise ConfigError(
                f"A pair is two sensors with ~ between, such as left_foot~right_foot; not '{text}'."
            )
    return pairs


def _plain_windows(folder: Path, chosen: dict[str, Any], missing: str) -> Any:
    from otolith.data.study import Study
    from otolith.measure.sides import plain_windows

    study = Study.load(folder)
    return plain_windows(study, study.cut.changed(chosen), missing)


def _narrowed(start: Any, placements: list[str]) -> Any:
    if isinstance(start, str):
        raise ConfigError(
            f"Encoder '{start}' starts from random weights: say placements in a recipe's [windows]."
        )
    there = list(dict.fromkeys(channel.placement for channel in start.channels))
    for placement in placements:
        if placement not in there:
            raise ConfigError(
                f"This encoder knows {', '.join(there)}, not "
                f"'{placement}'.{nearest(placement, there)}"
            )
    return start.narrowed(
        [channel for channel in start.channels if channel.placement in placements]
    )


def adapt(
    context: typer.Context,
    encoder: Annotated[
        str, typer.Argument(help="Encoder folder, or the name of one for random weights.")
    ],
    study: Annotated[Path, typer.Argument(help="Study folder with labelled segments.")],
    out: Annotated[Path, typer.Option(help="Recogniser folder to write.")],
    shots: Annotated[str, typer.Option(help="Labelled windows per class to use, or all.")] = "all",
    head: Annotated[str, typer.Option(help="See: otolith list heads.")] = "mlp",
    mode: Annotated[
        Mode,
        typer.Option(
            "--mode",
            help="finetune moves the encoder too; frozen leaves it; staged moves it once the head "
            "has learnt.",
        ),
    ] = Mode.finetune,
    people: Annotated[
        str | None, typer.Option(help="Use the labels of these people only, with commas between.")
    ] = None,
    placements: Annotated[
        str | None,
        typer.Option(
            help="Sensors to use of those that the encoder knows, where it keeps them apart.",
            rich_help_panel=CUT,
        ),
    ] = None,
    add: Annotated[
        str | None,
        typer.Option(
            help="Studies whose labels count too, such as simulated ones, with commas between."
        ),
    ] = None,
    missing: MissingOption = Missing.error,
    labels: Annotated[
        str | None,
        typer.Option(help="Classes that count, with commas between.", rich_help_panel=CUT),
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
    """Teach a pretrained encoder your classes with a few labelled windows; the result is a
    recogniser."""
    from otolith.core.files import refuse_existing
    from otolith.data.study import Study
    from otolith.learn import encoders
    from otolith.learn.heads.mixture_of_experts import MixtureOfExperts
    from otolith.learn.training.adapt import AdaptConfig
    from otolith.learn.training.checkpoint import refuse_strange_folder
    from otolith.learn.training.pretrained import PretrainedEncoder
    from otolith.measure.sides import added_windows
    from otolith.show.gates import gate_use, write_gates
    from otolith.use.recogniser import Recogniser

    refuse_existing(out, "recogniser", overwrite)
    refuse_strange_folder(out, "recogniser")
    wanted = shots_of(shots)
    tables = tables_of(context)
    schedule = schedule_of(tables, "adapt", AdaptConfig, ("mode", "seed"))
    named = encoder in encoders.FAMILY or ":" in encoder
    start = encoder if named else PretrainedEncoder.load(encoder, trust=trust or ())
    if placements:
        start = _narrowed(start, words(placements))
    cutting = start.cutting() if isinstance(start, PretrainedEncoder) else {}
    cutting |= {"labels": words(labels)} if labels else {}
    opened = Study.load(study)
    asked = opened.cut.changed(cutting | tables.get("windows", {}))
    windows = opened.windows(**asked.to_json(), missing=missing.value).labelled
    added = (
        [added_windows(Study.load(folder), asked, missing.value) for folder in words(add)]
        if add
        else []
    )
    recogniser = Recogniser(
        start, head, mode=cast(Any, mode.value), seed=seed, device=device.value,
        precision=precision.value, threads=threads, head_settings=tables.get("head"), **schedule,
    )  # fmt: skip
    if people:
        windows = windows.of(some_people(people, windows.subjects))
    few = windows.few(wanted, seed)
    with bar(quiet, "steps") as show:
        recogniser.fit(
            few, add=added, progress=lambda done, of, loss: show(done, of, f"loss {loss:.3f}")
        )

    def finish(folder: Path) -> None:
        if isinstance(recogniser.adapted_.head, MixtureOfExperts):
            use = gate_use(recogniser.adapted_, few, runtime_of(device, precision, threads))
            write_gates(use, recogniser.adapted_.classes, folder)
        keep_recipe(context, folder)

    recogniser.save(out, overwrite=overwrite, finish=finish)
    for name, count in windows.short_classes(wanted).items():
        note(f"class '{name}' has {count} labelled windows, fewer than {shots}; all are used")
    if not quiet:
        more = "".join(
            f" and {n} of {name}" for name, n in recogniser.record_["adaptation"]["added"].items()
        )
        tell(
            f"{out}: {len(few)} windows{more}, {len(few.classes)} classes. Next: otolith recognise "
            f"{out} FILE"
        )
