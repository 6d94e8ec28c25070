"""A recipe: one TOML file that describes a whole run. Its keys are the options of a command.

The recipes of published tables and figures lie beside this module. A recipe is named by its path,
or, for one of these, by its name alone (`primus_table1`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otolith.core.errors import ConfigError, ReadError, nearest
from otolith.core.files import write_text
from otolith.core.foreign.texts import parse_toml

PACKAGED = Path(__file__).parent
"""Where the packaged recipes lie."""
MAX_RECIPE_BYTES = 2**20
"""How large a recipe may be; ours have less than 10 kB."""
MAX_DEPTH = 8
"""How deeply tables and lists of a recipe may lie in one another; ours need four."""


def packaged() -> dict[str, str]:
    """Return the recipes that ship with Otolith: name -> one sentence.

    >>> packaged()["primus_table1"]
    'PRIMUS, table 1: the three downstream tasks, with people, windows and classes of each.'
    """
    sentences = {}
    for path in sorted(PACKAGED.glob("*.toml")):
        with path.open(encoding="utf-8") as lines:
            sentences[path.stem] = next(lines).removeprefix("#").strip()
    return sentences


def locate(recipe: str | Path) -> Path:
    """Return the file of a recipe, given its path or the name of a packaged one. A file wins.

    >>> locate("primus_table1").name
    'primus_table1.toml'

    Raises ConfigError where there is neither, and names the nearest packaged recipe.
    """
    path = Path(recipe)
    if path.is_file():
        return path
    names = packaged()
    if str(recipe) in names:
        return PACKAGED / f"{recipe}.toml"
    reason = "it is no file" if path.exists() else "there is no such file"
    raise ConfigError(
        f"{path} is no recipe: {reason}.{nearest(path.stem, names)} The recipes that ship with "
        "Otolith: otolith list recipes"
    )


def read_recipe(path: str | Path) -> dict[str, Any]:
    """Read a recipe from a file, or a packaged one by its name.

    >>> read_recipe("primus_table1")["command"]
    'benchmark'

    Raises ConfigError where the file is absent, too large, no TOML, or holds what no option can be:
    a number that is not finite, a date, or tables in tables without end.
    """
    path = Path(path)
    try:
        path = locate(path)
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise ConfigError(
                f"{path} is no recipe: it has {path.stat().st_size:,} bytes, and one has "
                f"{MAX_RECIPE_BYTES:,} at most."
            )
        content = parse_toml(path.read_text(encoding="utf-8"), path)
    except ReadError as error:
        raise ConfigError(
            f"{path} is no readable recipe: {str(error).removeprefix(f'{path} ')}"
        ) from error
    # ValueError: bytes that are no UTF-8, no TOML, a number of too many digits, a path with NUL.
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path} is no readable recipe: {error}.") from error
    _refuse_odd(content, path, "")
    return content


def _refuse_odd(value: Any, path: Path, where: str, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ConfigError(
            f"{path} is no readable recipe: {where} nests more than {MAX_DEPTH} tables and lists."
        )
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_odd(inner, path, f"{where}.{key}" if where else key, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _refuse_odd(inner, path, where, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path}: {where} is {value}; a recipe's numbers are finite.")
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise ConfigError(f"{path}: {where} is a number of more than 63 bits.")
    elif not isinstance(value, str | int | float | bool):
        raise ConfigError(
            f"{path}: {where} is a {type(value).__name__}; no option takes one. Put it in quotes."
        )


def write_recipe(path: Path, content: Mapping[str, Any], remark: str) -> None:
    """Write a recipe beside a result, so that the same run can be typed again with --recipe."""
    plain = {
        key: value
        for key, value in content.items()
        if not isinstance(value, Mapping) and value is not None
    }
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
            + ", ".join(
                f"{_key(key)} = {_toml(inner)}" for key, inner in value.items() if inner is not None
            )
            + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    # Strings, numbers and booleans are written alike in JSON and TOML.
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    # A file name's bytes that are no text cannot stand in TOML: they are shown by number. TOML also
    # forbids a bare DEL.
    text = "".join(f"\\u{ord(c):04x}" if 0xD800 <= ord(c) < 0xE000 else c for c in str(value))
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isascii() and plain.isalnum() else _toml(name)
