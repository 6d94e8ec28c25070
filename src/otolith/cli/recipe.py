"""A recipe stands in for what was not typed, and every result keeps the recipe that repeats it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
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

    recipe, command = read_recipe(value), context.info_name or ""
    made_with = recipe.pop("command", command)
    if made_with != command:
        raise ConfigError(
            f"{value} is a recipe for 'otolith {made_with!s:.80}', not for 'otolith {command}'."
        )
    _refuse_old(recipe, value)
    fields = [leaf for leaf in leaves(_job_of(context)) if leaf.name not in NOT_IN_RECIPES]
    reading = _Reading(f"{value}: '{command}'", fields)
    entries: dict[str, Any] = {}
    for key, entry in recipe.items():
        if isinstance(entry, dict):
            entries |= reading.table(key, entry)
        else:
            entries[reading.option(key).name] = entry
    # The command line itself insists on what cannot be left out, and takes text.
    context.default_map = {
        leaf.name: _as_text(entries[leaf.name], several=leaf.option.argument)
        for leaf in fields
        if leaf.required and leaf.name in entries
    }
    context.obj = entries
    return value


def _job_of(context: typer.Context) -> Any:
    return getattr(context.command, "job")  # noqa: B009  # typer's class knows nothing of it


def _as_text(entry: Any, several: bool) -> Any:
    if isinstance(entry, list):
        return [str(part) for part in entry]
    return [str(entry)] if several else str(entry)


class _Reading:
    """The keys and tables of a recipe, as fields of a job."""

    def __init__(self, who: str, fields: list[Leaf]) -> None:
        self.who = who
        self.tables = {leaf.table: leaf for leaf in fields if leaf.table}
        self.options = [leaf for leaf in fields if not leaf.table]
        self.groups: dict[str, list[Leaf]] = {}
        for leaf in self.options:
            for group in leaf.path[:-1]:
                self.groups.setdefault(group, []).append(leaf)

    def option(self, key: str) -> Leaf:
        """Return the option of a key at the top of the recipe."""
        if leaf := _find(key, self.options):
            return leaf
        known = [leaf.key for leaf in self.options]
        raise ConfigError(f"{self.who} has no option '{key}'.{nearest(key, known)}")

    def table(self, name: str, entries: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries of a table, by field."""
        if name in self.tables:
            return self._whole(name, dict(entries))
        if name in self.groups:
            return {self._setting(name, key).name: entry for key, entry in entries.items()}
        known = sorted({*self.tables, *self.groups})
        takes = ", ".join(f"[{table}]" for table in known) or "none"
        raise ConfigError(
            f"{self.who} has no table [{name}]; it takes {takes}.{nearest(name, known)}"
        )

    def _whole(self, name: str, entries: dict[str, Any]) -> dict[str, Any]:
        """[objective] name = "pim" is the option `objective`: TOML knows a name once."""
        option = _find(name, self.options)
        named = {option.name: entries.pop("name")} if option and "name" in entries else {}
        return named | {self.tables[name].name: entries}

    def _setting(self, group: str, key: str) -> Leaf:
        if leaf := _find(key, self.groups[group]):
            return leaf
        known = [leaf.name for leaf in self.groups[group]]
        raise ConfigError(
            f"{self.who}: [{group}] has no setting '{key}'; it has {', '.join(known)}."
            f"{nearest(key, known)}"
        )


def _find(key: str, fields: list[Leaf]) -> Leaf | None:
    name = key.replace("-", "_")
    return next((leaf for leaf in fields if name in (leaf.name, leaf.key)), None)


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


def _refuse_old(recipe: Mapping[str, Any], path: Path) -> None:
    if "quick" in recipe:
        raise ConfigError(
            f"{path}: a recipe has no table [quick] any more. In the repository benchmarks/quick/ "
            f"has the small forms of the packaged recipes: python benchmarks/quick.py NAME"
        )
    for key in _keys(recipe):
        if key in RENAMED:
            raise ConfigError(f"{path}: '{key}' is called '{RENAMED[key]}' now; write that.")


def _keys(table: Mapping[str, Any]) -> Iterator[str]:
    for key, entry in table.items():
        yield key
        if isinstance(entry, Mapping):
            yield from _keys(entry)
