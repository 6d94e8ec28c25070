"""The lists of the house: families and their members, places on the body, and activities.

A family is a folder whose `__init__` holds one `Family`; a member is one file and one line in its
table. Wherever a caller gives a name, the object itself is taken too, or "my_lab.models:Mine". What
a file names is a member of the table and nothing else, unless the caller trusts the package that it
comes from.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from otolith.core.errors import ConfigError, UnknownNameError, nearest
from otolith.core.text import printable

OWN_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
"""How a member of one's own is named: package.module:Name."""


def trusted(trust: str | Iterable[str]) -> tuple[str, ...]:
    """Return the packages and models that a caller trusts, as what he may give: one name, or
    several.

    Raises ConfigError for Python's own modules, which hold no member of anything, and for what is
    no text.
    """
    names = (trust,) if isinstance(trust, str) else tuple(trust)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"trust names packages such as my_lab; found {name!r}.")
        if name.partition(".")[0] in {*sys.stdlib_module_names, "otolith"}:
            raise ConfigError(
                f"trust names packages of your own, such as my_lab; '{name}' comes with Python or "
                f"Otolith."
            )
    return names


class Family(Mapping[str, str]):
    """A table from public names to where each member lives, imported only when it is asked for.

    base: "module:Class" of what every member is a subclass of; empty where members are functions.
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
        """Return the member that a caller means: by its name, as "package.module:Name", or as the
        object itself.

        For what a file says there is `stored`. Raises UnknownNameError, naming the nearest member,
        or saying that what was found is no such thing; nothing is called to find out.
        """
        if not isinstance(name, str):
            return self._checked(name, printable(repr(name), 80)) if self._base else name
        if name in self._members:
            return self._imported(name, self._members[name])
        if ":" not in name:
            raise UnknownNameError(
                f"There is no {self.kind} '{printable(name, 80)}'; known are "
                f"{', '.join(self._members)}."
                f"{nearest(name, self._members)} A member of your own is named "
                f"'package.module:Name'."
            )
        if not OWN_PATH.fullmatch(name):
            raise UnknownNameError(
                f"A {self.kind} of your own is named 'package.module:Name'; found "
                f"'{printable(name, 80)}'."
            )
        return self._checked(self._imported(name, name), name)

    def stored(self, name: object, trust: str | Iterable[str] = (), where: str = "") -> Any:
        """Return the member that a file names: one of the table, or one of a package that the
        caller trusts.

        Raises UnknownNameError for anything else, before anything is imported.
        """
        return self.resolve(self.admit(name, trust, where))

    def admit(self, name: object, trust: str | Iterable[str] = (), where: str = "") -> str:
        """Return the name that a file gives if `stored` may look it up; nothing is imported.

        Raises UnknownNameError if it may not, and says how to trust its package.
        """
        if isinstance(name, str) and name in self._members:
            return name
        said = printable(name if isinstance(name, str) else repr(name), 80)
        place = f"{where} names" if where else "The file names"
        if not isinstance(name, str) or not OWN_PATH.fullmatch(name):
            raise UnknownNameError(
                f"{place} the {self.kind} '{said}', which is none of {', '.join(self._members)}."
                f"{nearest(said, self._members)}"
            )
        module = name.partition(":")[0]
        if any(module == package or module.startswith(f"{package}.") for package in trusted(trust)):
            return name
        package = module.partition(".")[0]
        if package in {*sys.stdlib_module_names, "otolith"}:
            raise UnknownNameError(
                f"{place} the {self.kind} '{said}', which is none of {', '.join(self._members)}. "
                f"Nothing was imported. "
                "A file of ours never says this: somebody edited it."
            )
        raise UnknownNameError(
            f"{place} the {self.kind} '{said}', which is code outside of Otolith. Nothing was "
            f"imported. If you know "
            f"and trust the package {package}, say so: --trust {package}, or trust=('{package}',)."
        )

    def _imported(self, name: str, path: str) -> Any:
        module, _, attribute = path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            extra = self._extras.get(name)
            hint = f"pip install 'otolith[{extra}]'" if extra else f"check the spelling of '{path}'"
            raise UnknownNameError(
                f"{self.kind} '{name}' needs {error.name}, which is not installed: {hint}."
            ) from error
        except AttributeError as error:
            raise UnknownNameError(
                f"{self.kind} '{name}': module {module} has no '{attribute}'."
            ) from error
        except ImportError as error:
            raise UnknownNameError(
                f"{self.kind} '{name}': module {module} cannot be imported ({error})."
            ) from error

    def _checked(self, found: Any, said: str) -> Any:
        """Return a member that is none of the table, held against what members are, without calling
        it."""
        if not self._base:
            if not callable(found):
                raise UnknownNameError(f"{said} is no {self.kind}: it cannot be called.")
            return found
        module, _, attribute = self._base.partition(":")
        base = getattr(importlib.import_module(module), attribute)
        if not (isinstance(found, type) and issubclass(found, base)):
            raise UnknownNameError(
                f"{said} is no {self.kind}: it is no subclass of {module}.{attribute}. Known are "
                f"{', '.join(self._members)}."
            )
        return found

    def name_of(self, member: object) -> str:
        """Return the public name of a member's class, or its "module:Name" where it stands in no
        table."""
        cls = member if isinstance(member, type) else type(member)
        path = f"{cls.__module__}:{cls.__qualname__}"
        return next((name for name, listed in self._members.items() if listed == path), path)

    def sentence(self, name: str) -> str:
        """Return the first line of what a member says of itself, read from its file: the member is
        not imported."""
        module, _, attribute = self._members[name].partition(":")
        found = importlib.util.find_spec(module)
        if found is None or found.origin is None:
            return ""
        tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
                return (ast.get_docstring(node) or "").partition("\n")[0]
        return ""


@dataclass(frozen=True)
class Placement:
    """A place on the body where a sensor is worn."""

    name: str
    modality: str | None
    """The same place on the other side of the body, where there is one."""
    words: str
    """How a person would say it."""


def _sided(*parts: tuple[str, str]) -> list[Placement]:
    out = []
    for part, words in parts:
        for side, other in (("left", "right"), ("right", "left")):
            out.append(Placement(f"{side}_{part}", f"{other}_{part}", f"{side} {words}"))
    return out


PLACEMENTS: dict[str, Placement] = {
    placement.name: placement
    for placement in (
        *_sided(
            ("wrist", "wrist"),
            ("forearm", "forearm"),
            ("upper_arm", "upper arm"),
            ("shoulder", "shoulder"),
            ("hand", "hand"),
            ("thigh", "thigh"),
            ("shank", "shank"),
            ("ankle", "ankle"),
            ("foot", "foot"),
            ("pocket", "trouser pocket"),
            ("ear", "ear"),
        ),
        Placement("head", None, "head"),
        Placement("chest", None, "chest"),
        Placement("waist", None, "waist"),
        Placement("lower_back", None, "lower back"),
        Placement("thigh", None, "thigh, side unknown"),
        Placement("shank", None, "shank, side unknown"),
        Placement("forearm", None, "forearm, side unknown"),
        Placement("upper_arm", None, "upper arm, side unknown"),
        Placement("imu", None, "one sensor whose place is not shown to the model"),
    )
}


def placement(name: str) -> Placement:
    """Return a place on the body by its name.

    Raises UnknownNameError, naming the nearest known place.
    """
    if name not in PLACEMENTS:
        raise UnknownNameError(
            f"There is no placement '{name}'.{nearest(name, PLACEMENTS)} All: otolith list "
            f"placements."
        )
    return PLACEMENTS[name]


def bilateral_pairs(placements: list[str] | tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the left/right pairs among some placements, left first, in the order of the
    placements."""
    here = set(placements)
    return [
        (name, modality)
        for name in placements
        if name.startswith("left_")
        and (modality := PLACEMENTS[name].modality) in here
        and modality is not None
    ]


# Names that data sets share, so that a label means the same thing in each of them.
ACTIVITIES: tuple[str, ...] = (
    "walking",
    "running",
    "jogging",
    "climbing stairs",
    "descending stairs",
    "sitting",
    "standing",
    "lying",
    "sit to stand",
    "stand to sit",
    "sit to lie",
    "lie to sit",
    "stand to lie",
    "lie to stand",
    "turning",
    "squat",
    "lunge",
    "boxing",
    "waving",
    "clapping",
    "throwing",
    "cycling",
    "jumping",
)

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
"""What `otolith list` can name -> the folder of its members."""


def family(name: str) -> Family:
    """Return a family's table by the name of its folder, such as "encoders".

    Raises UnknownNameError where there is no such family.
    """
    if name not in FAMILIES:
        raise UnknownNameError(
            f"There is no family '{name}'; known are "
            f"{', '.join(FAMILIES)}.{nearest(name, FAMILIES)}"
        )
    table = importlib.import_module(FAMILIES[name]).FAMILY
    assert isinstance(table, Family)
    return table
