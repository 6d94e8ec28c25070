"""The lists of the house: families and their members, places on the body, and activities.

A family is a folder whose `__init__` holds one `Family`; a member is one file and one line in its table. Wherever a
name is taken, the object itself is taken too, or "my_lab.models:Mine".
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otolith.errors import UnknownNameError, nearest


class Family(Mapping[str, str]):
    """A table from public names to where each member lives, imported only when it is asked for."""

    def __init__(self, kind: str, members: Mapping[str, str], extras: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self._members = dict(members)
        self._extras = dict(extras or {})

    def __getitem__(self, name: str) -> str:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def resolve(self, name: object) -> Any:
        """Return the member called `name`; an object that is no text comes back as it is.

        Raises UnknownNameError, naming the nearest member.
        """
        if not isinstance(name, str):
            return name
        path = self._members.get(name)
        if path is None:
            if ":" not in name:
                raise UnknownNameError(
                    f"There is no {self.kind} '{name}'; known are {', '.join(self._members)}."
                    f"{nearest(name, self._members)} A member of your own is named 'package.module:Name'."
                )
            path = name
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
            raise UnknownNameError(f"{self.kind} '{name}': module {module} has no '{attribute}'.") from error

    def name_of(self, member: object) -> str:
        """Return the public name of a member's class, or its "module:Name" where it stands in no table."""
        cls = member if isinstance(member, type) else type(member)
        path = f"{cls.__module__}:{cls.__qualname__}"
        return next((name for name, listed in self._members.items() if listed == path), path)

    def sentence(self, name: str) -> str:
        """Return the first line of what a member says of itself, read from its file: the member is not imported."""
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
    partner: str | None
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
            f"There is no placement '{name}'.{nearest(name, PLACEMENTS)} All: otolith list placements."
        )
    return PLACEMENTS[name]


def bilateral_pairs(placements: list[str] | tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the left/right pairs among some placements, left first, in the order of the placements."""
    here = set(placements)
    return [
        (name, partner)
        for name in placements
        if name.startswith("left_") and (partner := PLACEMENTS[name].partner) in here and partner is not None
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

FAMILIES: tuple[str, ...] = (
    "datasets",
    "readers",
    "partners",
    "augmentations",
    "objectives",
    "encoders",
    "heads",
    "metrics",
)


def family(name: str) -> Family:
    """Return a family's table by the name of its folder, such as "encoders".

    Raises UnknownNameError where there is no such family.
    """
    if name not in FAMILIES:
        raise UnknownNameError(
            f"There is no family '{name}'; known are {', '.join(FAMILIES)}.{nearest(name, FAMILIES)}"
        )
    table = importlib.import_module(f"otolith.{name}").FAMILY
    assert isinstance(table, Family)
    return table
