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

from otolith.core.errors import ConfigError, nearest
from otolith.core.files import write_text
from otolith.core.foreign.texts import parse_toml
from otolith.core.text import well_formed

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
        if (size := path.stat().st_size) > MAX_RECIPE_BYTES:
            raise ConfigError(
                f"{path} is no recipe: it has {size:,} bytes, and one has {MAX_RECIPE_BYTES:,} at "
                f"most."
            )
        content = parse_toml(path.read_text(encoding="utf-8"), path)
    except ConfigError:
        raise
    # ValueError: bytes that are no UTF-8, no TOML, a number of too many digits, a path with NUL.
    except (OSError, ValueError) as error:
        reason = str(error).removeprefix(f"{path} ").removesuffix(".")
        raise ConfigError(f"{path} is no readable recipe: {reason}.") from error
    _refuse_odd(content, path, "")
    return content


def _refuse_odd(value: object, path: Path, where: str, depth: int = 0) -> None:
    inner: list[tuple[str, Any]] = []
    match value:
        case dict():
            inner = [(f"{where}.{key}".lstrip("."), part) for key, part in value.items()]
        case list():
            inner = [(where, part) for part in value]
        case float() if not math.isfinite(value):
            raise ConfigError(f"{path}: {where} is {value}; a recipe's numbers are finite.")
        case int() if abs(value) >= 2**63:
            raise ConfigError(f"{path}: {where} is a number of more than 63 bits.")
        case str() | int() | float():
            pass
        case _:
            kind = type(value).__name__
            raise ConfigError(
                f"{path}: {where} is a {kind}; no option takes one. Put it in quotes."
            )
    if inner and depth == MAX_DEPTH:
        fault = f"{where} nests more than {MAX_DEPTH} tables and lists"
        raise ConfigError(f"{path} is no readable recipe: {fault}.")
    for name, part in inner:
        _refuse_odd(part, path, name, depth + 1)


def write_recipe(path: Path, content: Mapping[str, object], remark: str) -> None:
    """Write a recipe beside a result, so that --recipe repeats the run.

    >>> write_recipe(Path("r.toml"), {"shots": [1, 2], "head": {"width": 8}}, "otolith adapt")
    >>> print(Path("r.toml").read_text(), end="")
    # otolith adapt
    shots = [1, 2]
    <BLANKLINE>
    [head]
    width = 8
    """
    tables = {name: value for name, value in content.items() if isinstance(value, Mapping)}
    lines = [f"# {remark}", *_lines({k: v for k, v in content.items() if k not in tables})]
    for name, table in tables.items():
        if table:
            lines += ["", f"[{name}]", *_lines(table)]
    write_text(path, "\n".join(lines) + "\n")


def _lines(table: Mapping[str, object]) -> list[str]:
    return [f"{_key(key)} = {_toml(value)}" for key, value in table.items() if value is not None]


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_lines(value))} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # Text, numbers and true are written alike in JSON and TOML.
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    # Half characters, as file names may hold them, cannot stand in TOML; nor can a bare DEL.
    return json.dumps(well_formed(str(value)), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isascii() and plain.isalnum() else _toml(name)
