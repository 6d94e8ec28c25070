"""`otolith list`: what can be named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from otolith.cli.options import AsJson
from otolith.core import catalog
from otolith.core.errors import ConfigError, nearest
from otolith.core.options import Option
from otolith.core.settings import settings
from otolith.core.terminal import tell, tell_json

if TYPE_CHECKING:
    from otolith.measure.methods import Method

Rows = list[tuple[str, str]]


@settings
class List:
    """List the names that a command or recipe can take, with one sentence for each.

    otolith list placements
    otolith list methods --json
    """

    command: ClassVar[str] = "list"

    family: Annotated[str, Option(argument=True)]
    """datasets, readers, modalities, augmentations, objectives, encoders, heads, metrics,
    placements, activities, methods or recipes."""
    as_json: AsJson = False

    def run(self) -> None:
        """Print the list."""
        rows = listing(self.family)
        if self.as_json:
            tell_json([{"name": name, "what": what} for name, what in rows])
            return
        width = max(len(name) for name, _ in rows)
        for name, what in rows:
            tell(f"{name:{width}}  {what}".rstrip())


def listing(name: str) -> Rows:
    """Return the members of a list, each with a sentence; ConfigError where there is none.

    >>> listing("metrics")[0][0]
    'accuracy'
    """
    if name in catalog.FAMILIES:
        table = catalog.family(name)
        return [(member, table.sentence(member)) for member in table]
    if name in _OTHERS:
        return _OTHERS[name]()
    known = [*catalog.FAMILIES, *_OTHERS]
    did_you = " Partners are called modalities now." if name == "partners" else nearest(name, known)
    raise ConfigError(f"There is no list '{name}'; there are {', '.join(known)}.{did_you}")


def _placements() -> Rows:
    return [
        (place.name, place.words + (f" (pair: {place.mirrored})" if place.mirrored else ""))
        for place in catalog.PLACEMENTS.values()
    ]


def _methods() -> Rows:
    from otolith.measure.methods import METHODS

    return [(method.name, _in_words(method)) for method in METHODS.values()]


def _in_words(method: Method) -> str:
    modes = {"frozen": ", encoder frozen", "staged": ", fine-tuned in stages"}
    how = modes.get(method.mode, ", fine-tuned")
    if method.objective == "none" and method.mode != "staged":
        how = ""
    given = {**method.objective_settings, **method.head_settings}
    settings = ", ".join(f"{key} = {value}" for key, value in given.items())
    words = f"{method.objective}:{method.encoder}:{method.head}{how}"
    return f"{words} ({settings})" if settings else words


def _recipes() -> Rows:
    from otolith.core.recipes import packaged

    return list(packaged().items())


_OTHERS = {
    "placements": _placements,
    "activities": lambda: [(activity, "") for activity in catalog.ACTIVITIES],
    "methods": _methods,
    "recipes": _recipes,
}
