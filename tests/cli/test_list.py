"""`otolith list`: every member with its sentence, and nothing heavy imported for it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from otolith.cli.listing import listing
from otolith.core import catalog

LISTS = (*catalog.FAMILIES, "placements", "activities", "methods", "recipes")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test__list__every_list__imports_nothing_heavy(form: list[str]) -> None:
    code = """
import sys
from typer.testing import CliRunner
from otolith.cli.app import app
*lists, form = sys.argv[1:]
for name in lists:
    found = CliRunner().invoke(app, ["list", name, *form.split()])
    assert found.exit_code == 0 and found.stdout.strip(), (name, found.output)
heavy = ("torch", "pyarrow", "sklearn", "scipy", "numba")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *LISTS, *(form or [""])], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", catalog.FAMILIES)
def test__list__family__says_of_each_member_what_its_docstring_says(name: str) -> None:
    table = catalog.family(name)
    said = [
        (member, (table.resolve(member).__doc__ or "").strip().split("\n")[0]) for member in table
    ]
    assert listing(name) == said
    assert all(sentence for _, sentence in said)


def test__list__json__holds_name_and_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "otolith", "list", "metrics", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [row["name"] for row in json.loads(done.stdout)] == [
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
    ]
