"""Recipes in small: what [quick] changes, and that every recipe of the house can be typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy import write_toy_study
from typer.testing import CliRunner

from otolith import Report
from otolith.cli.app import app
from otolith.cli.console import quickened
from otolith.cli.quick import at_hand, methods_at_hand
from otolith.core.errors import ConfigError
from otolith.core.recipes import PACKAGED, read_recipe
from otolith.measure.methods import METHODS, parse_method

RECIPES = sorted(PACKAGED.glob("*.toml"))
MEASURED = [path for path in RECIPES if read_recipe(path).get("command") == "benchmark"]


def test__quickened__options_and_tables__are_replaced_key_by_key() -> None:
    recipe = {
        "folds": 5,
        "windows": {"seconds": 2.0, "overlap": 0.5},
        "method": {"mine": {"objective": "pim", "pretrain": {"epochs": 300, "batch_size": 32}}},
    }
    quick = {
        "folds": 2,
        "windows": {"seconds": 4.0},
        "method": {"*": {"pretrain": {"epochs": 1}}, "mine": {"mode": "frozen"}},
    }
    found = quickened(recipe, quick, Path("r.toml"))
    assert found["folds"] == 2
    assert found["windows"] == {"seconds": 4.0, "overlap": 0.5}
    assert found["method"]["mine"] == {
        "objective": "pim", "mode": "frozen", "pretrain": {"epochs": 1, "batch_size": 32},
    }  # fmt: skip
    assert found["method"]["*"] == {"pretrain": {"epochs": 1}}
    assert recipe["folds"] == 5
    with pytest.raises(ConfigError, match=r"no table \[quick\]"):
        quickened(recipe, {}, Path("r.toml"))


def test__parse_method__table_of_a_known_name__changes_that_method_alone() -> None:
    own = {
        "multi3net-plus": {"pretrain": {"epochs": 2}},
        "*": {"pretrain": {"epochs": 7}, "adapt": {"steps": 3}},
    }
    plus, other = parse_method("multi3net-plus", own), parse_method("multi3net", own)
    assert plus.pretrain == METHODS["multi3net-plus"].pretrain | {"epochs": 2}
    assert plus.head_settings == {"experts": 16}
    assert other.pretrain["epochs"] == 7
    assert plus.adapt == other.adapt == {"steps": 3}


@pytest.mark.parametrize("order", [("--quick", "--recipe"), ("--recipe", "--quick")])
def test__benchmark__quick__runs_the_small_form(order: tuple[str, str], tmp_path: Path) -> None:
    write_toy_study(tmp_path / "toy", seconds_each=6.0)
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'methods = ["logistic", "forest"]\nshots = [2, "all"]\nfolds = 5\ndraws = 5\n'
        f'[quick]\nstudies = ["{tmp_path / "toy"}"]\nmethods = ["logistic"]\nshots = [1]\nfolds = '
        f"2\ndraws = 1\n"
    )
    words = [
        word for flag in order for word in ([flag, str(recipe)] if flag == "--recipe" else [flag])
    ]
    result = CliRunner().invoke(
        app, ["benchmark", *words, "--out", str(tmp_path / "out"), "--workers", "1", "--quiet"]
    )
    assert result.exit_code == 0, result.output
    rows = Report.load(tmp_path / "out").rows
    assert {(row["method"], row["shots"], row["draw"]) for row in rows} == {("logistic", 1, 0)}
    assert {row["fold"] for row in rows} == {0, 1}


def test__benchmark__quick_without_a_recipe__says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["benchmark", "nothing", "--quick", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert "--recipe NAME" in result.output


def test__at_hand__unset_or_not_there__names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTOLITH_DATA", raising=False)
    assert at_hand("studies/mine", tmp_path, True) == "studies/mine"
    with pytest.raises(ConfigError, match="OTOLITH_DATA points"):
        at_hand("import:utd_mhad", tmp_path, True)
    monkeypatch.setenv("OTOLITH_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match="mocap/cmu_bvh"):
        at_hand("simulate:cmu_bvh", tmp_path, True)
    made = write_toy_study(tmp_path / "simulate-cmu_bvh")
    methods = methods_at_hand(
        {"a": {"pretrain_on": ["people", "simulate:cmu_bvh"]}}, tmp_path, True
    )
    assert methods == {"a": {"pretrain_on": ["people", str(made.folder)]}}


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test__recipe__every_method_of_it__is_one(path: Path, quick: bool) -> None:
    recipe = read_recipe(path)
    small = recipe.pop("quick", {})
    if quick:
        recipe = quickened(recipe, small, path)
        assert recipe["studies"]
    for name in recipe["methods"]:
        method = parse_method(name, recipe.get("method"))
        assert method.name == name
        assert not quick or method.objective == "none" or method.pretrain["epochs"] <= 2
