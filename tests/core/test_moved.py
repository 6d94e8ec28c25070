"""Modules of version 0.1: an old import says what to type."""

from __future__ import annotations

import importlib
import re

import pytest

from otolith.core.moved import GONE, MOVED, explain


@pytest.mark.parametrize(("old", "new"), sorted(MOVED.items()))
def test__moved__every_old_module__is_told_with_one_that_is_there(old: str, new: str) -> None:
    assert importlib.import_module(new)
    with pytest.raises(ModuleNotFoundError, match=re.escape(new)):
        importlib.import_module(old)


@pytest.mark.parametrize(("old", "became"), sorted(GONE.items()))
def test__moved__a_module_that_left_the_package__is_told(old: str, became: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=re.escape(became)):
        importlib.import_module(old)


def test__moved__a_module_of_an_old_package__is_told_by_its_package() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"it is otolith\.use now"):
        importlib.import_module("otolith.deployment.recogniser")


def test__moved__a_name_that_never_was__is_left_to_python() -> None:
    assert explain("otolith.nothing") is None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'otolith\.nothing'"):
        importlib.import_module("otolith.nothing")
