"""Tables of names: every line leads somewhere, a misspelt name is told its nearest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import otolith
from otolith.core.catalog import (
    ACTIVITIES,
    FAMILIES,
    PLACEMENTS,
    Family,
    bilateral_pairs,
    family,
    placement,
)
from otolith.core.errors import UnknownNameError

MEMBERS = [(kind, name) for kind in FAMILIES for name in family(kind)]


@pytest.mark.parametrize(("kind", "name"), MEMBERS)
def test__family__every_line__leads_to_its_own_file(kind: str, name: str) -> None:
    table = family(kind)
    folder = Path(otolith.__file__).parents[1].joinpath(*FAMILIES[kind].split("."))
    assert (folder / f"{name}.py").is_file()
    assert table[name].startswith(f"{FAMILIES[kind]}.{name}:")
    assert table.name_of(table.resolve(name)) == name or not isinstance(table.resolve(name), type)


def test__family__object_or_own_path__is_taken_as_it_is() -> None:
    table = Family("thing", {"path": "pathlib:Path"})
    assert table.resolve("path") is Path
    assert table.resolve("pathlib:Path") is Path
    thing = object()
    assert table.resolve(thing) is thing
    assert table.name_of(Path) == "path" or Path.__module__ != "pathlib"
    assert table.name_of(re.Pattern) == "re:Pattern"
    assert len(table) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pahts", "Did you mean 'path'"),
        (
            "no_such_module_of_mine:Thing",
            "no_such_module_of_mine, which is not installed: check the spelling",
        ),
        ("pathlib:NoSuchThing", "has no 'NoSuchThing'"),
        ("extra", r"pip install 'otolith\[video\]'"),
    ],
)
def test__family__unknown__says_what_to_type(name: str, said: str) -> None:
    table = Family(
        "thing", {"path": "pathlib:Path", "extra": "no_such_module_of_mine:X"}, {"extra": "video"}
    )
    with pytest.raises(UnknownNameError, match=said):
        table.resolve(name)


def test__family__unknown_kind__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'encoders'"):
        family("encoder")


def test__placements__mirrored_ones__are_mutual_and_on_the_other_side() -> None:
    for name, place in PLACEMENTS.items():
        assert place.name == name
        if place.mirrored is not None:
            assert PLACEMENTS[place.mirrored].mirrored == name
            assert {name.partition("_")[0], place.mirrored.partition("_")[0]} == {"left", "right"}
            assert name.partition("_")[2] == place.mirrored.partition("_")[2]


def test__bilateral_pairs__only_whole_pairs_left_first() -> None:
    here = ["right_foot", "chest", "left_wrist", "left_foot", "right_ankle"]
    assert bilateral_pairs(here) == [("left_foot", "right_foot")]
    assert bilateral_pairs(["chest"]) == []


def test__placement__unknown__says_how_to_list_them() -> None:
    with pytest.raises(UnknownNameError, match="otolith list placements"):
        placement("left_toe")


def test__activities__are_unique_lower_case() -> None:
    assert len(set(ACTIVITIES)) == len(ACTIVITIES)
    assert all(name == name.lower() for name in ACTIVITIES)
