"""Recipes that somebody wrote badly, or meant ill, end in one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otolith.cli import app
from otolith.errors import ConfigError
from otolith.recipes import MAX_RECIPE_BYTES, read_recipe, write_recipe
from otolith.settings import configure
from otolith.training.adapt import AdaptConfig


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "no readable recipe"),
        (b"a = " + b"[" * 50_000 + b"]" * 50_000, "nest"),
        (b"a = " + b"[" * 20 + b"]" * 20, "nests more than"),
        (b".".join([b"a"] * 30) + b" = 1", "nests more than"),
        (b"seed = " + b"9" * 6_000, "no readable recipe"),
        (b"seed = " + b"9" * 30, "63 bits"),
        (b"seconds = nan", "finite"),
        (b"quick = {seconds = [-inf]}", "finite"),
        (b"seed = 1979-05-27", "a date"),
        (b"a = 1\na = 2", "no readable recipe"),
        (b"#" * (MAX_RECIPE_BYTES + 1), "at most"),
    ],
)
def test__recipe__that_is_none__is_one_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_recipe(path)
    done = CliRunner().invoke(
        app, ["adapt", "features", "absent", "--out", str(tmp_path / "new"), "--recipe", str(path)]
    )
    assert done.exit_code == 2 and done.output.startswith("error: ") and list(tmp_path.iterdir()) == [path]


def test__recipe__of_a_folder_or_a_device__is_not_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="is no recipe"):
            read_recipe(path)


def test__recipe__whatever_text_it_keeps__is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    content = {"out": 'a"b\\c\n\x7f\x00é', "method": {"x y.é": {"t": "="}}}
    write_recipe(path, content, "remark")
    assert read_recipe(path) == content
    write_recipe(path, {"out": os.fsdecode(b"caf\xe9")}, "remark")
    assert read_recipe(path) == {"out": "caf\\udce9"}


@pytest.mark.parametrize("given", [5, "x", [1], None])
def test__settings__that_are_no_table__are_said(given: object) -> None:
    with pytest.raises(ConfigError, match="by name"):
        configure(AdaptConfig, given, "adaptation")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no number"):
        configure(AdaptConfig, {"learning_rate": float("nan")}, "adaptation")


@pytest.mark.parametrize("table", ["quick = 5", "quick = {method = 5}", "quick = {method = {a = 5}}",
                                   "method = {a = 5}", "method = 5", "windows = 5", "command = 5"])  # fmt: skip
def test__recipe__tables_of_another_form__are_said(table: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(table)
    for more in ([], ["--quick"]):
        done = CliRunner().invoke(
            app, ["benchmark", "absent", "--out", str(tmp_path / "n"), "--recipe", str(path), *more]
        )
        assert done.exit_code == 2, done.output
    assert [found.name for found in tmp_path.iterdir()] == ["r.toml"]
