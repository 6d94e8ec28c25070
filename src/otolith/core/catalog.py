"""The lists: families and their members, places on the body, and activities.

A family is a folder whose `__init__` holds one `Family`; a member is one file and one line in its
table. Wherever a caller gives a name, the object itself is taken too, or "my_lab.models:Mine". A
file may name a member of the table and nothing else, unless the caller trusts another package.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from otolith.core.errors import ConfigError, UnknownNameError, nearest
from otolith.core.text import printable

OWN_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
"""How a member outside of Otolith is named: package.module:Name."""
_NEVER_TRUSTED = {*sys.stdlib_module_names, "otolith"}


def trusted(trust: str | Iterable[str]) -> tuple[str, ...]:
    """Return the packages and models that a caller trusts, given as one name or several.

    Raises ConfigError for Python's modules and Otolith's, which no file needs to name, and for what
    is no text.

    >>> trusted("my_lab")
    ('my_lab',)
    """
    names = (trust,) if isinstance(trust, str) else tuple(trust)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"trust names packages such as my_lab; given {name!r}.")
        if name.partition(".")[0] in _NEVER_TRUSTED:
            raise ConfigError(
                f"trust names packages of your own, such as my_lab; '{name}' comes with Python or "
                f"Otolith."
            )
    return names


class Family(Mapping[str, str]):
    """A table from public names to where each member lives. Members are imported when asked for.

    base: "module:Class", the class of all members; empty where members are functions.
    extras: name -> the optional dependency ("video") that the member needs.

    >>> table = Family("path", {"path": "pathlib:Path"})
    >>> table.resolve("path")
    <class 'pathlib.Path'>
    """

    def __init__(
        self,
        kind: str,
        members: Mapping[str, str],
        extras: Mapping[str, str] | None = None,
        base: str = "",
    ) -> None:
        self.kind = kind
        self._members = dict(members)
        self._extras = dict(extras or {})
        self._base = base

    @override
    def __getitem__(self, name: str) -> str:
        return self._members[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    @override
    def __len__(self) -> int:
        return len(self._members)

    def resolve(self, name: object) -> Any:
        """Return the member that a caller means: its name, "package.module:Name", or the object.

        For what a file says use `stored`. Raises UnknownNameError, which names the nearest member,
        and where the object is none of this family; nothing is called to find out.
        """
        if not isinstance(name, str):
            return self._checked(name, printable(repr(name), 80)) if self._base else name
        if name in self._members:
            return self._imported(name, self._members[name])
        if not OWN_PATH.fullmatch(name):
            raise UnknownNameError(
                f"There is no {self.kind} '{printable(name, 80)}'; known are {', '.join(self)}."
                f"{nearest(name, self)} A member of your own is named 'package.module:Name'."
            )
        return self._checked(self._imported(name, name), name)

    def stored(self, name: object, trust: str | Iterable[str] = (), where: str = "") -> Any:
        """Return the member that a file names: one of the table, or of a package in `trust`.

        Raises UnknownNameError for anything else, before anything is imported.
        """
        return self.resolve(self.admit(name, trust, where))

    def admit(self, name: object, trust: str | Iterable[str] = (), where: str = "") -> str:
        """Return the name that a file gives if `stored` may look it up; nothing is imported.

        Raises UnknownNameError if it may not, and says how to trust its package.
        """
        shown = printable(name if isinstance(name, str) else repr(name), 80)
        named = f"{where or 'The file'} names the {self.kind} '{shown}', which is"
        unknown = f"{named} none of {', '.join(self)}.{nearest(shown, self)} Nothing was imported."
        if not isinstance(name, str):
            raise UnknownNameError(unknown)
        if name in self._members:
            return name
        module = name.partition(":")[0]
        package = module.partition(".")[0]
        if not OWN_PATH.fullmatch(name) or package in _NEVER_TRUSTED:
            raise UnknownNameError(unknown)
        # With the dot, so that trust in `lab` is none in `lab_of_somebody`.
        if any(f"{module}.".startswith(f"{allowed}.") for allowed in trusted(trust)):
            return name
        raise UnknownNameError(
            f"{named} code outside of Otolith. Nothing was imported. If you know and trust the "
            f"package {package}, say so: --trust {package}, or trust=('{package}',)."
        )

    def _imported(self, name: str, path: str) -> Any:
        module, _, attribute = path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            extra = self._extras.get(name)
            hint = f"pip install 'otolith[{extra}]'" if extra else f"check the spelling of '{path}'"
            reason = f"needs {error.name}, which is not installed: {hint}"
            raise UnknownNameError(f"{self.kind} '{name}' {reason}.") from error
        except AttributeError as error:
            reason = f"module {module} has no '{attribute}'"
            raise UnknownNameError(f"{self.kind} '{name}': {reason}.") from error
        except ImportError as error:
            reason = f"module {module} cannot be imported ({error})"
            raise UnknownNameError(f"{self.kind} '{name}': {reason}.") from error

    def _checked(self, member: Any, shown: str) -> Any:
        """Return a member from outside if it is of the family's class; it is not called."""
        if not self._base:
            if not callable(member):
                raise UnknownNameError(f"{shown} is no {self.kind}: it cannot be called.")
            return member
        base = self._imported(self.kind, self._base)
        if not (isinstance(member, type) and issubclass(member, base)):
            raise UnknownNameError(
                f"{shown} is no {self.kind}: it is no subclass of {self._base.replace(':', '.')}. "
                f"Known are {', '.join(self)}."
            )
        return member

    def name_of(self, member: object) -> str:
        """Return the public name of a member's class, or its "module:Name" where no table has
        it."""
        cls = member if isinstance(member, type) else type(member)
        path = f"{cls.__module__}:{cls.__qualname__}"
        return next((name for name, listed in self._members.items() if listed == path), path)

    def sentence(self, name: str) -> str:
        """Return the first line of a member's docstring. It is read from the file, which is not
        imported."""
        module, _, attribute = self._members[name].partition(":")
        # Importing all members to list them would load torch, and the extras of some.
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            return ""
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
                return (ast.get_docstring(node) or "").partition("\n")[0]
        return ""


@dataclass(frozen=True)
class Placement:
    """A place on the body where a sensor is worn."""

    name: str
    mirrored: str | None
    """The same place on the other side of the body, where there is one."""
    words: str
    """How a person would say it."""


def _both_sides(part: str) -> list[Placement]:
    words = {"pocket": "trouser pocket"}.get(part, part.replace("_", " "))
    return [
        Placement(f"{side}_{part}", f"{other}_{part}", f"{side} {words}")
        for side, other in (("left", "right"), ("right", "left"))
    ]


_PAIRED = (
    "wrist", "forearm", "upper_arm", "shoulder", "hand", "thigh", "shank", "ankle", "foot",
    "pocket", "ear",
)  # fmt: skip
_SINGLE = {
    "head": "head",
    "chest": "chest",
    "waist": "waist",
    "lower_back": "lower back",
    "thigh": "thigh, side unknown",
    "shank": "shank, side unknown",
    "forearm": "forearm, side unknown",
    "upper_arm": "upper arm, side unknown",
    "imu": "one sensor whose place is not shown to the model",
}
PLACEMENTS: dict[str, Placement] = {
    place.name: place
    for place in (
        *(place for part in _PAIRED for place in _both_sides(part)),
        *(Placement(name, None, words) for name, words in _SINGLE.items()),
    )
}


def placement(name: str) -> Placement:
    """Return a place on the body by its name.

    >>> placement("left_wrist").words
    'left wrist'

    Raises UnknownNameError, which names the nearest place.
    """
    if name not in PLACEMENTS:
        near = nearest(name, PLACEMENTS)
        raise UnknownNameError(
            f"There is no placement '{name}'.{near} All: otolith list placements."
        )
    return PLACEMENTS[name]


def bilateral_pairs(placements: Sequence[str]) -> list[tuple[str, str]]:
    """Return the left/right pairs among some placements, left first.

    >>> bilateral_pairs(["right_foot", "chest", "left_foot", "left_wrist"])
    [('left_foot', 'right_foot')]
    """
    mirrored = {name: f"right_{name[5:]}" for name in placements if name.startswith("left_")}
    return [(left, right) for left, right in mirrored.items() if right in placements]


# Names that data sets share, so that a label means the same in each of them.
ACTIVITIES: tuple[str, ...] = (
    "walking", "running", "jogging", "climbing stairs", "descending stairs", "sitting", "standing",
    "lying", "sit to stand", "stand to sit", "sit to lie", "lie to sit", "stand to lie",
    "lie to stand", "turning", "squat", "lunge", "boxing", "waving", "clapping", "throwing",
    "cycling", "jumping",
)  # fmt: skip

FAMILIES: dict[str, str] = {
    "datasets": "otolith.data.datasets",
    "readers": "otolith.data.readers",
    "modalities": "otolith.learn.modalities",
    "augmentations": "otolith.learn.augmentations",
    "objectives": "otolith.learn.objectives",
    "encoders": "otolith.learn.encoders",
    "heads": "otolith.learn.heads",
    "metrics": "otolith.learn.metrics",
}
"""What `otolith list` can name -> the package of its members."""


def family(name: str) -> Family:
    """Return a family's table by the name of its folder.

    >>> family("heads")["linear"]
    'otolith.learn.heads.linear:LinearHead'

    Raises UnknownNameError where there is no such family.
    """
    if name not in FAMILIES:
        near = nearest(name, FAMILIES)
        raise UnknownNameError(
            f"There is no family '{name}'; known are {', '.join(FAMILIES)}.{near}"
        )
    table = importlib.import_module(FAMILIES[name]).FAMILY
    assert isinstance(table, Family)
    return table
