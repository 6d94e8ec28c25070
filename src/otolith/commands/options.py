"""Options that several commands share, and what turns their text into values."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otolith.console import take_quick, take_recipe
from otolith.errors import ConfigError, nearest

if TYPE_CHECKING:
    from otolith.training.runtime import Runtime

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
        help="TOML file whose keys are these options; what is typed wins. A result's own recipe.toml repeats it.",
        callback=take_recipe,
        is_eager=True,
        metavar="FILE",
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
    typer.Option(help="Of every random choice; the same seed gives the same result.", min=0, rich_help_panel=RUN),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute.", rich_help_panel=RUN)]
Threads = Annotated[
    int | None,
    typer.Option(help="Threads of each process; chosen by the machine if not given.", min=1, rich_help_panel=RUN),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", help="bf16 is quicker where the processor has it.", rich_help_panel=RUN),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="NAME",
        help="A package of your own, or a model, that the folder may name and have loaded; may be repeated.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.", rich_help_panel=RUN)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is at --out.", rich_help_panel=RUN)]
Seconds = Annotated[
    float | None, typer.Option(help="Length of a window; the study's own if not given.", rich_help_panel=CUT)
]
Rate = Annotated[
    float | None, typer.Option(help="Rate to resample to, in Hz; the study's own if not given.", rich_help_panel=CUT)
]
Placements = Annotated[
    str | None, typer.Option(help="Places on the body to use, with commas between.", rich_help_panel=CUT)
]
Quantities = Annotated[str | None, typer.Option(help="acc, gyro, mag, with commas between.", rich_help_panel=CUT)]
MissingOption = Annotated[
    Missing,
    typer.Option(
        "--missing",
        help="Where a recording lacks a channel: stop, mask the channel, or leave the recording out.",
        rich_help_panel=CUT,
    ),
]


def runtime_of(device: Device, precision: Precision, threads: int | None) -> Runtime:
    """Choose device, precision and threads by what the machine can do."""
    from otolith.training.runtime import Runtime

    return Runtime.choose(device.value, precision.value, threads)


def words(text: str | None) -> list[str]:
    """Return what stands between commas, spaces around it left out."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def settings_of(texts: list[str]) -> dict[str, Any]:
    """Return settings typed as NAME=VALUE; a value is written as in TOML, text also without its quotes."""
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
                f"Nobody here is called '{person}'; there are {', '.join(there)}.{nearest(person, there)}"
            )
    return people


def shots_of(text: str) -> int | str:
    """Return a number of labelled windows, or "all"; ConfigError for anything else."""
    if text == "all" or (text.isdigit() and int(text) > 0):
        return text if text == "all" else int(text)
    raise ConfigError(f"Shots are a whole number from 1 up, or all; not '{text}'.")
