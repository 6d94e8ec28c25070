"""Options that several commands share, and what turns their text into values."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otolith.cli.console import take_quick, take_recipe
from otolith.core.errors import ConfigError, nearest
from otolith.core.settings import configure

if TYPE_CHECKING:
    from otolith.learn.training.runtime import Runtime

CUT = "How recordings are cut into windows"
RUN = "How it is run"


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
    staged = "staged"


class Precision(StrEnum):
    """How exactly to compute."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class Missing(StrEnum):
    """What to do with a recording that lacks a channel."""

    error = "error"
    mask = "mask"
    drop = "drop"


Recipe = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        help="TOML file whose keys are these options, or a name of 'otolith list recipes'; what is "
        "typed wins. A result's own recipe.toml repeats it.",
        callback=take_recipe,
        is_eager=True,
        metavar="FILE|NAME",
        rich_help_panel=RUN,
    ),
]
Quick = Annotated[
    bool,
    typer.Option(
        "--quick",
        help="The recipe in small, on what OTOLITH_DATA holds: its table \\[quick] says how.",
        callback=take_quick,
        is_eager=True,
        rich_help_panel=RUN,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        help="Of every random choice; the same seed gives the same result.",
        min=0,
        rich_help_panel=RUN,
    ),
]
DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where to compute.", rich_help_panel=RUN)
]
Threads = Annotated[
    int | None,
    typer.Option(
        help="Threads of each process; chosen by the machine if not given.",
        min=1,
        rich_help_panel=RUN,
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision", help="bf16 is quicker where the processor has it.", rich_help_panel=RUN
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="NAME",
        help="A package of your own, or a model, that the folder may name and have loaded; may be "
        "repeated.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.", rich_help_panel=RUN)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what is at --out.", rich_help_panel=RUN)
]
OverwriteFile = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace the file that is to be written.", rich_help_panel=RUN
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option(help="Length of a window; the study's own if not given.", rich_help_panel=CUT),
]
Rate = Annotated[
    float | None,
    typer.Option(
        help="Rate to resample to, in Hz; the study's own if not given.", rich_help_panel=CUT
    ),
]
Placements = Annotated[
    str | None,
    typer.Option(help="Places on the body to use, with commas between.", rich_help_panel=CUT),
]
Quantities = Annotated[
    str | None,
    typer.Option(help="acc, gyro, mag or baro, with commas between.", rich_help_panel=CUT),
]
MissingOption = Annotated[
    Missing,
    typer.Option(
        "--missing",
        help="Where a recording lacks a channel: stop, mask the channel, or leave the recording "
        "out.",
        rich_help_panel=CUT,
    ),
]


MOST = {
    "seconds": 86_400.0, "rate": 10_000.0, "pose_rate": 10_000.0, "frame_rate": 100_000.0, "band": 10_000.0,
    "search": 3_600.0, "start": 1e9, "learning_rate": 1e6, "seed": 2**32 - 1, "threads": 1_024, "workers": 1_024,
    "processes": 1_024, "folds": 10_000, "inner_folds": 10_000, "draws": 10_000, "seeds": 10_000,
    "epochs": 10**6, "batch_size": 2**31 - 1, "patience": 10**6, "plateau": 10**6, "bodies": 100_000, "people": 10_000,
}  # fmt: skip
"""The most that a number may be, by its option; beyond it a machine would be busy for years, or
full at once."""
ABOVE_ZERO = ("seconds", "rate", "pose_rate", "frame_rate", "band", "learning_rate")
"""Numbers that must be larger than 0, however little."""


def refuse_odd(given: Mapping[str, Any]) -> None:
    """Raise ConfigError for a number that no run can be made with, or an --out that is no place for
    a result.

    A recipe's entries come here too.
    """
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        for path in value if isinstance(value, list | tuple) else [value]:
            if isinstance(path, Path):
                _refuse_path(option, path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        most = MOST.get(name, 2**63 - 1)
        if (
            not math.isfinite(value)
            or value > most
            or (name in ABOVE_ZERO and value <= 0)
            or value < -(2**63)
        ):
            least = "above 0" if name in ABOVE_ZERO else "from 0"
            raise ConfigError(f"{option} is a number {least} to {most:,}; found {value}.")
    if given.get("seed", 0) + given.get("seeds", 1) > MOST["seed"]:
        raise ConfigError(
            f"--seed and --seeds lead past {MOST['seed']:,}, the last seed; begin with a smaller "
            f"one."
        )
    if isinstance(given.get("out"), Path):
        _refuse_out(given["out"])


def _refuse_path(option: str, path: Path) -> None:
    if "\0" in str(path):
        raise ConfigError(f"{option}: a path cannot hold the character NUL; found {str(path)!r}.")
    try:
        path.resolve()
    except (OSError, RuntimeError) as error:  # Python 3.13 raises the first, older ones the second
        raise ConfigError(
            f"{option}: {path} cannot be followed: it is a link that leads to itself."
        ) from error


def _refuse_out(out: Path) -> None:
    here, there = Path.cwd(), Path(os.path.abspath(out))
    if there == here or there in here.parents:
        raise ConfigError(
            f"--out {out} is the folder that you stand in, or one above it. Name a new one: --out "
            f"{out / 'NAME'}"
        )
    blocked = next((part for part in there.parents if part.exists() and not part.is_dir()), None)
    if blocked is not None:
        raise ConfigError(f"--out {out} lies in {blocked}, which is a file. Name a folder.")


def runtime_of(device: Device, precision: Precision, threads: int | None) -> Runtime:
    """Choose device, precision and threads by what the machine can do."""
    from otolith.learn.training.runtime import Runtime

    return Runtime.choose(device.value, precision.value, threads)


def words(text: str | None) -> list[str]:
    """Return what stands between commas, spaces around it left out."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def settings_of(texts: list[str]) -> dict[str, Any]:
    """Return settings typed as NAME=VALUE; a value is written as in TOML, text also without its
    quotes."""
    import tomllib

    out: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"A setting is typed as NAME=VALUE, such as mm=0; not '{text}'.")
        try:
            out[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            out[name.strip()] = value.strip()
    return out


def schedule_of(
    tables: Mapping[str, Any], name: str, kind: type[Any], typed: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a recipe's table of a schedule; ConfigError where it is none of `kind`, or says what
    is an option."""
    table = tables.get(name, {})
    configure(kind, table, f"[{name}]")
    for key in typed:
        if key in table:
            raise ConfigError(
                f"'{key}' is an option of its own: write it above the tables of the recipe, not in "
                f"[{name}]."
            )
    return dict(table)


def cut_choices(
    seconds: float | None, rate: float | None, placements: str | None, quantities: str | None
) -> dict[str, Any]:
    """Return what was asked for of the cut into windows, and nothing that was not."""
    given: dict[str, Any] = {"seconds": seconds, "rate_hz": rate}
    given |= {"placements": words(placements) or None, "quantities": words(quantities) or None}
    return {key: value for key, value in given.items() if value is not None}


def some_people(text: str, there: list[str]) -> list[str]:
    """Return the people who were named; ConfigError for one who is not there."""
    people = words(text)
    for person in people:
        if person not in there:
            raise ConfigError(
                f"Nobody here is called '{person}'; there are "
                f"{', '.join(there)}.{nearest(person, there)}"
            )
    return people


def shots_of(text: str) -> int | str:
    """Return a number of labelled windows, or "all"; ConfigError for anything else."""
    if text == "all" or (text.isdigit() and int(text) > 0):
        return text if text == "all" else int(text)
    raise ConfigError(f"Shots are a whole number from 1 up, or all; not '{text}'.")
