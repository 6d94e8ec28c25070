"""Packaged recipes: they are listed, and found by name from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from otolith.cli.app import COMMANDS, app
from otolith.core.errors import ConfigError
from otolith.core.recipes import PACKAGED, locate, packaged, read_recipe

NAMES = sorted(path.stem for path in PACKAGED.glob("*.toml"))


def test__list__recipes__says_a_sentence_of_each() -> None:
    result = CliRunner().invoke(app, ["list", "recipes"])
    assert result.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert sorted(lines) == NAMES
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in lines.values())


@pytest.mark.parametrize("name", NAMES)
def test__recipe__by_its_name__is_read_from_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_recipe(name)["command"] in {row.name for row in COMMANDS}
    text = (PACKAGED / f"{name}.toml").read_text(encoding="utf-8")
    assert f"--recipe {name}" in text, "its first lines show the command that runs it"


def test__recipe__a_file_of_the_same_name__wins_and_a_folder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "primus_figure2").mkdir()
    assert locate("primus_figure2") == PACKAGED / "primus_figure2.toml"
    (tmp_path / "primus_table1").write_text('command = "info"\n', encoding="utf-8")
    assert read_recipe("primus_table1") == {"command": "info"}


def test__recipe__misspelt__names_the_nearest(tmp_path: Path) -> None:
    assert set(packaged()) == set(NAMES)
    with pytest.raises(ConfigError, match=r"no such file\. Did you mean 'primus_table1'"):
        read_recipe("primus_tabel1")
    with pytest.raises(ConfigError, match="otolith list recipes"):
        read_recipe(tmp_path / "nowhere.toml")
