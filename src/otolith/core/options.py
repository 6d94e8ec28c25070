"""How a command shows a field of its config, where the field's name and type do not say it."""

from __future__ import annotations

from dataclasses import dataclass

CUT = "How recordings are cut into windows"
LENGTH = "How long it learns"
RUN = "How it is run"


@dataclass(frozen=True)
class Option:
    """Metadata of a field: `seed: Annotated[Seed, Option(panel=RUN)] = 0`.

    A field's name is its option (`learning_rate`: --learning-rate; a unit at its end is left out,
    `rate_hz`: --rate), its docstring is the help, its type says which values there are.
    """

    flags: tuple[str, ...] = ()
    """What is typed instead of the field's name."""
    panel: str = ""
    """Where the help page shows it."""
    metavar: str = ""
    """What stands for the value on the help page."""
    help: str = ""
    """What is said of it, where several commands share the option; else the field's docstring."""
    repeated: bool = False
    """It may be typed several times, instead of once with commas between."""
    argument: bool = False
    """It is typed without a name."""
