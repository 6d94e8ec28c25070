"""Names say what they hold: words that fit everything are not used as names in src."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import otolith

SOURCE = Path(otolith.__file__).parent
VAGUE = frozenset({"found", "own", "told", "there", "wanted"})
"""Words that as names hide what they hold: `rows_dropped`, `recorded`, `available`, `requested`
say it."""
NOT_YET = frozenset(
    f"data/{name}.py"
    for name in (
        "readers/columns",
        "readers/csv_table",
        "readers/labels",
        "readers/mapping",
        "readers/parquet",
        "readers/parts",
    )
)
"""Files that still have such names; the list only shrinks."""
FILES = [
    path
    for path in sorted(SOURCE.rglob("*.py"))
    if path.relative_to(SOURCE).as_posix() not in NOT_YET
]


def names_given(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module gives: to variables, parameters, attributes, functions, classes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute():
                yield node.lineno, node.attr
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test__names__say_what_they_hold(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    vague = [f"line {line}: {name}" for line, name in names_given(tree) if name.strip("_") in VAGUE]
    assert not vague, f"{path.relative_to(SOURCE)}: {', '.join(vague)}. Say what it holds."


@pytest.mark.parametrize(
    "code",
    ["found = 1", "def f(own): ...", "def _told(): ...", "x.there = 1", "for wanted in (): ..."],
)
def test__names__are_found_wherever_they_are_given(code: str) -> None:
    assert any(name.strip("_") in VAGUE for _, name in names_given(ast.parse(code)))
