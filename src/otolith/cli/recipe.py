"""A recipe stands in for what was not typed, and every result keeps the recipe that repeats it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from otolith.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from otolith.cli.jobs import Leaf

RENAMED = {
    "partner_fraction": "modality_fraction",
    "partner_settings": "modality_settings",
    "partner_encoder": "modality_encoder",
}
"""Keys of version 0.1 -> as they are now."""


def take_recipe(context: typer.Context, _: typer.CallbackParam, value: Path | None) -> Path | None:
    """Keep a recipe's entries, by the fields of the command's job, in `context.obj`."""
    if value is None:
        return None
    from otolith.cli.jobs import NOT_IN_RECIPES, leaves
    from otolith.core.recipes import read_recipe

    recipe = read_recipe(value)
    command = context.info_name or ""
    made_with = recipe.pop("command", command)
    if made_with != command:
        raise ConfigError(
            f"{value} is a recipe for 'otolith {made_with!s:.80}', not for 'otolith {command}'."
        )
    _refuse_old(recipe, value)
    if "quick" in recipe:
        raise ConfigError(
            f"{value}: a recipe has no table [quick] any more. In the repository benchmarks/quick/ "
            f"has the small forms of the packaged recipes: python benchmarks/quick.py NAME"
        )
    fields = [leaf for leaf in leaves(job_of(context)) if leaf.name not in NOT_IN_RECIPES]
    entries: dict[str, Any] = {}
    for key, entry in recipe.items():
        if isinstance(entry, dict):
            entries |= _of_table(key, entry, fields, f"{value}: '{command}'")
        else:
            leaf = _find(key, [leaf for leaf in fields if not leaf.table])
            if leaf is None:
                known = [leaf.key for leaf in fields if not leaf.table]
                raise ConfigError(
                    f"{value}: '{command}' has no option '{key}'.{nearest(key, known)}"
                )
            entries[leaf.name] = entry
    # What cannot be left out is asked for by the command line itself, which takes text.
    context.default_map = {
        leaf.name: _as_typed(entries[leaf.name], several=leaf.option.argument)
        for leaf in fields
        if leaf.required and leaf.name in entries
    }
    context.obj = entries
    return value


def job_of(context: typer.Context) -> Any:
    """The job of the command that was typed."""
    return getattr(context.command, "job")  # noqa: B009  # typer's class knows nothing of it


def _as_typed(entry: Any, several: bool) -> Any:
    if isinstance(entry, list):
        return [str(part) for part in entry]
    return [str(entry)] if several else str(entry)


def _find(key: str, fields: list[Leaf]) -> Leaf | None:
    name = key.replace("-", "_")
    return next((leaf for leaf in fields if name in (leaf.name, leaf.key)), None)


def _of_table(name: str, table: Mapping[str, Any], fields: list[Leaf], who: str) -> dict[str, Any]:
    """The entries of one table, by field."""
    whole = next((leaf for leaf in fields if leaf.table == name), None)
    inside = [leaf for leaf in fields if name in leaf.path[:-1] and not leaf.table]
    if whole is not None:
        # [objective] name = "pim" says the option `objective`: TOML has no two things of one name.
        option = _find(name, [leaf for leaf in fields if not leaf.table])
        rest = dict(table)
        named = {option.name: rest.pop("name")} if option and "name" in rest else {}
        return named | {whole.name: rest}
    if not inside:
        tables = {leaf.table or part for leaf in fields for part in (*leaf.path[:-1], leaf.table)}
        known = sorted(table for table in tables if table)
        takes = ", ".join(f"[{table}]" for table in known) or "none"
        raise ConfigError(f"{who} has no table [{name}]; it takes {takes}.{nearest(name, known)}")
    out = {}
    for key, entry in table.items():
        leaf = _find(key, inside)
        if leaf is None:
            known = [leaf.name for leaf in inside]
            raise ConfigError(
                f"{who}: [{name}] has no setting '{key}'; it has {', '.join(known)}."
                f"{nearest(key, known)}"
            )
        out[leaf.name] = entry
    return out


def keep_recipe(job: Any, out: Path, *without: str, **built: Mapping[str, Any]) -> None:
    """Write beside a result the recipe that makes it again.

    built: tables as they were built, defaults included, in place of what was asked for. without:
    fields that such a table already says.
    """
    from otolith import __version__
    from otolith.cli.jobs import NOT_IN_RECIPES, leaves
    from otolith.core.ownership import claim
    from otolith.core.recipes import write_recipe

    content: dict[str, Any] = {"command": job.command}
    tables: dict[str, dict[str, Any]] = {name: dict(table) for name, table in built.items()}
    for leaf in leaves(type(job)):
        if leaf.name in (*NOT_IN_RECIPES, *without) or built.keys() & set(leaf.path[:-1]):
            continue
        value = functools.reduce(getattr, leaf.path, job)
        if leaf.table:
            tables.setdefault(leaf.table, dict(value or {}))
        elif value is not None and value != ():
            content[leaf.key] = _plain(value)
    for name in tables.keys() & content.keys():
        if tables[name]:  # TOML cannot hold a text and a table of one name
            tables[name] = {"name": content[name]} | tables[name]
    write_recipe(
        claim(out, "recipe.toml"),
        content | {name: _plain(table) for name, table in tables.items() if table},
        f"Made by otolith {__version__}. Again: otolith {job.command} --recipe recipe.toml "
        f"--out ELSEWHERE",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, bool | int | float) or value is None else str(value)


def _refuse_old(content: Mapping[str, Any], path: Path) -> None:
    for key, entry in content.items():
        if key in RENAMED:
            raise ConfigError(f"{path}: '{key}' is called '{RENAMED[key]}' now; write that.")
        if isinstance(entry, Mapping):
            _refuse_old(entry, path)
