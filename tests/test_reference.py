"""`make docs`: the API reference is made from the docstrings, and the examples in them run."""

from __future__ import annotations

import doctest
import importlib
import runpy
from pathlib import Path
from typing import Any

import pytest

import otolith
from otolith.core import catalog

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "otolith"
EXAMPLES = sorted(path for path in SOURCE.rglob("*.py") if ">>> " in path.read_text("utf-8"))


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "reference.py"))


def test__reference__has_every_public_noun_and_every_member(reference: dict[str, Any]) -> None:
    names = reference["modules"]()
    pages = reference["load"](["otolith"])
    documented = pages["otolith"].members
    assert set(otolith.__all__) <= documented.keys()
    assert not [name for name in otolith.__all__ if not documented[name].docstring]
    members = [t for family in catalog.FAMILIES for t in catalog.family(family).values()]
    assert members
    hidden = ("._", "otolith.cli.")
    absent = {target.partition(":")[0] for target in members} - set(names)
    assert not {name for name in absent if not any(part in name for part in hidden)}


def test__reference__a_page__shows_fields_and_examples(
    reference: dict[str, Any], tmp_path: Path
) -> None:
    chosen = ["otolith.learn.objectives.pim", "otolith.core.recipes"]
    reference["write"](reference["load"](chosen), tmp_path)
    page = (tmp_path / "otolith/learn/objectives/pim.html").read_text(encoding="utf-8")
    assert 'id="PIMConfig.clip_percentile"' in page
    recipes = (tmp_path / "otolith/core/recipes.html").read_text(encoding="utf-8")
    assert "packaged" in recipes and "&gt;&gt;&gt;" in recipes
    assert "otolith.core.recipes" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", EXAMPLES, ids=module_of)
def test__docstrings__examples__print_what_they_say(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # an example may write files
    result = doctest.testmod(
        importlib.import_module(module_of(path)),
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert result.attempted and not result.failed
