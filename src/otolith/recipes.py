"""A recipe: one TOML that says a whole run, with the names of the command's options as its keys."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otolith.errors import ConfigError
from otolith.files import write_text


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe.

    Raises ConfigError where the file is absent or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is no readable recipe: {error}.") from error


def write_recipe(path: Path, content: Mapping[str, Any], remark: str) -> None:
    """Write a recipe beside a result, so that the same run can be typed again with --recipe."""
    plain = {key: value for key, value in content.items() if not isinstance(value, Mapping) and value is not None}
    tables = {key: value for key, value in content.items() if isinstance(value, Mapping) and value}
    lines = [f"# {remark}", *(f"{key} = {_toml(value)}" for key, value in plain.items())]
    for name, table in tables.items():
        lines += [
            "",
            f"[{name}]",
            *(f"{_key(key)} = {_toml(value)}" for key, value in table.items() if value is not None),
        ]
    write_text(path, "\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{ "
            + ", ".join(f"{_key(key)} = {_toml(inner)}" for key, inner in value.items() if inner is not None)
            + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    # Strings, numbers and booleans are written alike in JSON and TOML.
    return json.dumps(value if isinstance(value, str | int | float | bool) else str(value), ensure_ascii=False)


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else json.dumps(name)
