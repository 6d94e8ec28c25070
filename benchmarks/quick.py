"""Run a packaged recipe in small, on what OTOLITH_DATA holds, to see that all of it works.

    OTOLITH_DATA=… python benchmarks/quick.py multi3net_plus_table2 --out DIR

The recipe's own studies are hundreds of gigabytes. benchmarks/quick/NAME.toml replaces its entries,
key by key: under [method], "*" stands for every method of the recipe. `import:utd_mhad` is
$OTOLITH_DATA/data/utd_mhad, imported; `simulate:cmu_bvh` is $OTOLITH_DATA/mocap/cmu_bvh, simulated
on both wrists. Its scores mean nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otolith.core.errors import ConfigError
from otolith.core.recipes import locate, read_recipe, write_recipe
from otolith.data.datasets import import_dataset
from otolith.motion.simulation.simulate_study import simulate_study

SMALL = Path(__file__).resolve().parent / "quick"
FOLDERS = ("pretrain_on", "add", "studies")
"""Settings that name studies."""


def quickened(recipe: Mapping[str, Any], small: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe as its small form changes it."""
    out = {key: dict(entry) if isinstance(entry, dict) else entry for key, entry in recipe.items()}
    for key, entry in small.items():
        if key == "method":
            methods = out.setdefault("method", {})
            for name in {*methods, *entry, "*"}:
                for change in (entry.get("*", {}), entry.get(name, {})):
                    methods[name] = merged(methods.get(name, {}), change)
        else:
            out[key] = {**out.get(key, {}), **entry} if isinstance(entry, dict) else entry
    return out


def merged(table: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's table with some settings different, setting by setting."""
    both = {
        key: {**table[key], **value}
        for key, value in change.items()
        if isinstance(table.get(key), dict)
    }
    return {**table, **change, **both}


def at_hand(name: str, folder: Path) -> str:
    """Return a study's folder; what is to be imported or simulated is, once, into `folder`."""
    kind, _, source = name.partition(":")
    if kind not in ("import", "simulate"):
        return name
    out = folder / name.replace(":", "-").replace("/", "-")
    if (out / "study.json").exists():
        return str(out)
    room = "data" if kind == "import" else "mocap"
    data = os.environ.get("OTOLITH_DATA")
    if not data:
        raise ConfigError(
            f"'{name}' lies where OTOLITH_DATA points: set it to the folder of {room}/."
        )
    path = Path(data).expanduser() / room / source
    if not path.is_dir():
        raise ConfigError(f"'{name}' is not there: OTOLITH_DATA has no {room}/{source} ({path}).")
    print(f"{name}: {path}")
    if kind == "import":
        import_dataset(path, source, out)
    else:
        simulate_study([path], out, on_error="skip")
    return str(out)


def with_studies(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a recipe, or a method's table, whose studies are folders that exist."""
    out = dict(content)
    for key in FOLDERS:
        if key in content:
            out[key] = [at_hand(name, folder) for name in content[key]]
    if "method" in content:
        tables = content["method"].items()
        out["method"] = {name: with_studies(table, folder) for name, table in tables}
    return out


def main() -> None:
    """Write the small recipe, and type it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="the name of a packaged recipe: otolith list recipes")
    parser.add_argument("--out", type=Path, required=True, help="where results go")
    parser.add_argument("--studies", type=Path, default=Path("runs/quick"), help="studies go here")
    chosen = parser.parse_args()
    path = locate(chosen.recipe)
    small = read_recipe(SMALL / path.name)
    recipe = with_studies(quickened(read_recipe(path), small), chosen.studies)
    chosen.studies.mkdir(parents=True, exist_ok=True)
    written = chosen.studies / path.name
    write_recipe(written, recipe, f"{path.stem} in small")
    words = ["benchmark", "--recipe", str(written), "--out", str(chosen.out)]
    os.execv(sys.executable, [sys.executable, "-m", "otolith", *words])


if __name__ == "__main__":
    main()
