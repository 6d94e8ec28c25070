"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Le

from otolith.core.errors import ConfigError, nearest
from otolith.core.options import RUN, Option
from otolith.core.settings import Count, settings
from otolith.core.terminal import note

if TYPE_CHECKING:
    from otolith.learn.training.runtime import Runtime

Missing = Annotated[
    Literal["error", "mask", "drop"],
    Option(
        help="Where a recording lacks a channel: stop, mask the channel, or leave the recording "
        "out.",
        panel="How recordings are cut into windows",
    ),
]
Overwrite = Annotated[bool, Option(help="Replace what is at --out.", panel=RUN)]
OverwriteFile = Annotated[bool, Option(help="Replace the file that is to be written.", panel=RUN)]
Quiet = Annotated[
    bool, Option(flags=("--quiet", "-q"), help="Print errors and warnings only.", panel=RUN)
]
AsJson = Annotated[bool, Option(flags=("--json",), help="Print JSON.", panel=RUN)]
MaxBytes = Annotated[
    str | None,
    Option(
        metavar="SIZE",
        help="What a packed file may unpack to, such as 4G; 64M or 100 times its size if "
        "not given.",
        panel=RUN,
    ),
]
Recipe = Annotated[
    Path | None,
    Option(
        metavar="FILE|NAME",
        help="TOML file whose keys are these options, or a name of 'otolith list recipes'; what is "
        "typed wins. A result's own recipe.toml repeats it.",
        panel=RUN,
    ),
]
Trust = Annotated[
    tuple[str, ...],
    Option(
        metavar="NAME",
        help="A package of your own, or a model, that the folder may name and have loaded; may be "
        "repeated.",
        panel=RUN,
        repeated=True,
    ),
]
Shots = Count | Literal["all"]


@settings
class Compute:
    """Where and how exactly a command computes."""

    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Option(panel=RUN)] = "auto"
    """Where to compute."""
    threads: Annotated[Annotated[Count, Le(1024)] | None, Option(panel=RUN)] = None
    """Threads of each process; chosen by the machine if not given."""
    precision: Annotated[Literal["auto", "fp32", "bf16"], Option(panel=RUN)] = "auto"
    """bf16 is faster where the processor has it."""

    def runtime(self, threads: int | None = None) -> Runtime:
        """Choose device, precision and threads by what the machine can do."""
        from otolith.learn.training.runtime import Runtime

        return Runtime.choose(self.device, self.precision, self.threads or threads)


def settings_of(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return settings typed as NAME=VALUE; a value is written as in TOML, text also without its
    quotes.

    >>> settings_of(("mm=0", "text=minilm", "augmentations=['jitter']"))
    {'mm': 0, 'text': 'minilm', 'augmentations': ['jitter']}
    """
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


def some_people(people: tuple[str, ...], available: list[str]) -> list[str]:
    """Return the people who were named; ConfigError for one who is not there.

    >>> some_people(("p2",), ["p1", "p2"])
    ['p2']
    """
    for person in people:
        if person not in available:
            raise ConfigError(
                f"Nobody here is called '{person}'; there are {', '.join(available)}."
                f"{nearest(person, available)}"
            )
    return list(people)


def some(count: int, one: str, more: str) -> str:
    """Return a number with its noun.

    >>> some(3, "person", "people")
    '3 people'
    """
    return f"{count} {one if count == 1 else more}"


def say_some(path: Path, sentence: Callable[[dict[str, Any]], str], most: int = 5) -> None:
    """Print the first entries of a list that a command wrote, where it wrote one, and name it."""
    from otolith.core.files import read_json

    entries = read_json(path) if path.exists() else []
    for entry in entries[:most]:
        note(sentence(entry))
    if len(entries) > most:
        note(f"and {len(entries) - most} more; see {path}")
