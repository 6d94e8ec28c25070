"""Recipes in small: what benchmarks/quick/ changes, and that every packaged recipe can be run."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toy import write_toy_study

from otolith import Report
from otolith.core.errors import ConfigError
from otolith.core.recipes import PACKAGED, read_recipe
from otolith.measure.methods import METHODS, parse_method

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "quick.py"
RECIPES = sorted(PACKAGED.glob("*.toml"))
MEASURED = [path for path in RECIPES if read_recipe(path).get("command") == "benchmark"]
SMALL = [path for path in MEASURED if (SCRIPT.parent / "quick" / path.name).exists()]
spec = importlib.util.spec_from_file_location("benchmarks_quick", SCRIPT)
assert spec is not None and spec.loader is not None
quick = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick)


def test__quickened__options_and_tables__are_replaced_key_by_key() -> None:
    recipe = {
        "folds": 5,
        "windows": {"seconds": 2.0, "overlap": 0.5},
        "method": {"mine": {"objective": "pim", "pretrain": {"epochs": 300, "batch_size": 32}}},
    }
    small = {
        "folds": 2,
        "windows": {"seconds": 4.0},
        "method": {"*": {"pretrain": {"epochs": 1}}, "mine": {"mode": "frozen"}},
    }
    found = quick.quickened(recipe, small)
    assert found["folds"] == 2
    assert found["windows"] == {"seconds": 4.0, "overlap": 0.5}
    assert found["method"]["mine"] == {
        "objective": "pim", "mode": "frozen", "pretrain": {"epochs": 1, "batch_size": 32},
    }  # fmt: skip
    assert found["method"]["*"] == {"pretrain": {"epochs": 1}}
    assert recipe["folds"] == 5


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


def test__script__writes_the_small_recipe_and_runs_it(tmp_path: Path) -> None:
    study = write_toy_study(tmp_path / "toy", seconds_each=6.0).folder
    shutil.copytree(SCRIPT.parent / "quick", tmp_path / "benchmarks" / "quick")
    script = shutil.copy(SCRIPT, tmp_path / "benchmarks")
    (tmp_path / "r.toml").write_text(
        'methods = ["logistic", "forest"]\nshots = [2, "all"]\nfolds = 5\ndraws = 5\nworkers = 1\n'
    )
    (tmp_path / "benchmarks" / "quick" / "r.toml").write_text(
        f'studies = ["{study}"]\nmethods = ["logistic"]\nshots = [1]\nfolds = 2\ndraws = 1\n'
    )
    words = [script, "r.toml", "--out", "out", "--studies", "studies"]
    subprocess.run([sys.executable, *words], check=True, cwd=tmp_path)
    rows = Report.load(tmp_path / "out").rows
    assert {(row["method"], row["shots"], row["draw"]) for row in rows} == {("logistic", 1, 0)}
    assert {row["fold"] for row in rows} == {0, 1}


def test__at_hand__unset_or_not_there__names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTOLITH_DATA", raising=False)
    assert quick.at_hand("studies/mine", tmp_path) == "studies/mine"
    with pytest.raises(ConfigError, match="OTOLITH_DATA points"):
        quick.at_hand("import:utd_mhad", tmp_path)
    monkeypatch.setenv("OTOLITH_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match="mocap/cmu_bvh"):
        quick.at_hand("simulate:cmu_bvh", tmp_path)
    made = write_toy_study(tmp_path / "simulate-cmu_bvh")
    tables = {"method": {"a": {"pretrain_on": ["people", "simulate:cmu_bvh"]}}}
    assert quick.with_studies(tables, tmp_path) == {
        "method": {"a": {"pretrain_on": ["people", str(made.folder)]}}
    }


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
def test__recipe__every_method_of_it__is_one(path: Path) -> None:
    recipe = read_recipe(path)
    for name in recipe["methods"]:
        assert parse_method(name, recipe.get("method")).name == name


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test__small_recipe__every_method_of_it__is_one_and_short(path: Path) -> None:
    recipe = quick.quickened(read_recipe(path), read_recipe(quick.SMALL / path.name))
    assert recipe["studies"]
    for name in recipe["methods"]:
        method = parse_method(name, recipe.get("method"))
        assert method.objective == "none" or method.pretrain["epochs"] <= 2


def test__small_recipes__are_those_of_packaged_ones() -> None:
    assert {path.name for path in quick.SMALL.glob("*.toml")} == {path.name for path in SMALL}
    assert len(SMALL) >= 8
