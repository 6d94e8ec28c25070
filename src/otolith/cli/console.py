"""What the command line needs around its commands: recipes, and errors in plain words."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from otolith import __version__
from otolith.core import faults
from otolith.core.errors import ConfigError, InterruptedRunError, OtolithError, nearest
from otolith.core.terminal import complain, note, prepare, tell
from otolith.core.text import printable

LISTS = (
    "methods",
    "shots",
    "placements",
    "quantities",
    "labels",
    "people",
    "leave_out",
    "augmentations",
    "pretrain_on",
)
"""Options that take several values with commas between; a recipe writes them as lists."""
TABLES = {
    "simulate": ("ranges", "mountings"),
    "benchmark": ("method", "windows"),
    "search-augmentations": ("objective", "encoder", "windows"),
    "pretrain": ("objective", "encoder", "pretrain", "windows"),
    "adapt": ("head", "adapt", "windows"),
    "recognise": ("prompts",),
}
"""What a recipe may hold beyond a command's options; `name` in [objective] stands for the option
`objective`."""
NOT_IN_RECIPES = ("recipe", "overwrite", "quiet", "quick", "as_json", "version", "trust")
"""Options that are no part of what is done, and whom one trusts, which nobody else can say."""


def take_recipe(context: typer.Context, _: typer.CallbackParam, value: Path | None) -> Path | None:
    """Let a recipe's entries stand in for options that were not typed; what is typed wins."""
    if value is None:
        return None
    from otolith.core.recipes import read_recipe

    recipe = read_recipe(value)
    command = context.info_name or ""
    made_with = recipe.pop("command", command)
    if not isinstance(made_with, str):
        raise ConfigError(
            f"{value}: 'command' is the name of one, such as \"{command}\"; found "
            f"{made_with!r:.80}."
        )
    if made_with != command:
        raise ConfigError(
            f"{value} is a recipe for 'otolith {made_with}', not for 'otolith {command}'."
        )
    parameters = {
        p.name: p for p in context.command.params if p.name and p.name not in NOT_IN_RECIPES
    }
    if any(parameter.name == "quick" for parameter in context.command.params):
        small = recipe.pop("quick", {})
        if context.params.get("quick"):
            recipe = quickened(recipe, small, value)
    tables = {key: recipe.pop(key) for key in list(recipe) if isinstance(recipe[key], dict)}
    entries: dict[str, Any] = {}
    for key, entry in recipe.items():
        name = key.replace("-", "_")
        if name not in parameters:
            raise ConfigError(
                f"{value}: '{command}' has no option '{key}'.{nearest(key, parameters)}"
            )
        entries[name] = _entry(entry, parameters[name].nargs == -1, name in LISTS)
    allowed = TABLES.get(command, ())
    for key in tables:
        if key not in allowed:
            known = ", ".join(f"[{name}]" for name in allowed) or "none"
            raise ConfigError(
                f"{value}: '{command}' has no table [{key}]; it takes "
                f"{known}.{nearest(key, allowed)}"
            )
        if key in parameters and "name" in tables[key]:
            entries[key] = tables[key].pop("name")
    context.default_map = {**(context.default_map or {}), **entries}
    context.obj = tables
    return value


def take_quick(context: typer.Context, _: typer.CallbackParam, value: bool) -> bool:
    """Take the recipe in its small form, whichever of the two options was typed first."""
    path = context.params.get("recipe")
    if value and path is not None:
        context.params["quick"] = True
        context.default_map = {}
        take_recipe(context, _, path)
    return value


def quickened(recipe: Mapping[str, Any], quick: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return a recipe as its table [quick] changes it.

    Options and tables of [quick] replace those of the same name, key by key; under [quick.method],
    "*" stands for every method of the recipe. Raises ConfigError where there is no such table.
    """
    if not quick:
        raise ConfigError(f"{path} has no table [quick] that says how it is tried in small.")
    if not isinstance(quick, Mapping) or not all(
        isinstance(held, Mapping) and all(isinstance(method, Mapping) for method in held.values())
        for held in (quick.get("method", {}), recipe.get("method", {}))
    ):
        raise ConfigError(
            f"{path}: [quick] and the methods of a recipe are tables, such as [quick.method.NAME]."
        )
    out = {key: dict(entry) if isinstance(entry, dict) else entry for key, entry in recipe.items()}
    for key, entry in quick.items():
        if key == "method":
            methods = out.setdefault("method", {})
            for name in {*methods, *entry, "*"}:
                for change in (entry.get("*", {}), entry.get(name, {})):
                    methods[name] = _merged(methods.get(name, {}), change)
        else:
            whole = isinstance(entry, dict) and isinstance(out.get(key, {}), dict)
            out[key] = out.get(key, {}) | entry if whole else entry
    return out


def _merged(table: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: table[key] | value for key, value in change.items() if isinstance(table.get(key), dict)
    }
    return {**table, **change, **both}


def _entry(value: Any, several: bool, joined: bool) -> Any:
    if isinstance(value, list) and joined:
        return ",".join(str(part) for part in value)
    return [value] if several and not isinstance(value, list) else value


def tables_of(context: typer.Context) -> dict[str, Any]:
    """Return the tables that a recipe held beyond the options."""
    return context.obj or {}


def some(count: int, one: str, more: str) -> str:
    """Return a number with its noun, such as "1 person" or "3 people"."""
    return f"{count} {one if count == 1 else more}"


def typed() -> str:
    """Return the command as it was typed."""
    return printable(shlex.join(["otolith", *sys.argv[1:]]))


def keep_recipe(context: typer.Context, out: Path) -> None:
    """Write beside a result the recipe that makes it again."""
    from otolith.core.ownership import claim
    from otolith.core.recipes import write_recipe

    # In the order of the help page, not in that of the typing.
    names = [p.name or "" for p in context.command.params if p.name not in NOT_IN_RECIPES]
    content: dict[str, Any] = {"command": context.info_name}
    content |= {name: _plain(context.params[name]) for name in names if name in context.params}
    # TOML cannot hold a text and a table of one name.
    tables = {
        name: {"name": content.get(name)} | table
        for name, table in tables_of(context).items()
        if table
    }
    write_recipe(
        claim(out, "recipe.toml"),
        content | tables,
        f"Made by otolith {__version__}. Again: otolith {context.info_name} --recipe recipe.toml "
        f"--out ELSEWHERE",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    note(message)


class Group(TyperGroup):
    """All commands; what went wrong is told in plain words.

    Exit codes: 2 where something typed or read cannot be used, 130 where the run was stopped, 70
    where nobody foresaw it (EX_SOFTWARE of sysexits.h).
    """

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Understand what was typed before the command's name."""
        with _told_plainly(ctx):
            return super().parse_args(ctx, args)

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        with _told_plainly(ctx):
            return super().invoke(ctx)


# The root of what click finds wrong in what was typed. Typer brings a click of its own, which is
# not `import click`.
_ILL_TYPED: Any = typer.BadParameter.__mro__[2]


@contextmanager
def _told_plainly(context: Any) -> Iterator[None]:
    try:
        yield
    except _ILL_TYPED as error:
        error.message = printable(error.message)
        raise
    except (typer.Exit, typer.Abort):
        raise
    except BaseException as error:
        code = _say(error, context)
        if code is None:
            raise
        raise typer.Exit(code) from error


def _say(error: BaseException, context: Any = None) -> int | None:
    """Say what went wrong, and return the exit code; None where it is for the caller to say."""
    if isinstance(error, InterruptedRunError):
        tell(error, err=True)
        return 130
    if isinstance(error, KeyboardInterrupt):
        tell("Stopped. What is finished stays; the same command goes on from there.", err=True)
        return 130
    if isinstance(error, OtolithError):
        complain(error)
        return 2
    if isinstance(error, BrokenPipeError) or not isinstance(error, Exception):
        return None  # who read our output has seen enough: click then ends without a word
    if isinstance(error, OSError) and error.errno in _OUTSIDE:
        named = (
            Path(os.fsdecode(error.filename))
            if isinstance(error.filename, str | bytes | os.PathLike)
            else None
        )
        # What is written lies beside its place under a name that nobody typed.
        where = (
            ""
            if named is None
            else f"{named.parent if named.name.endswith('.otolith.tmp') else named}: "
        )
        reason = os.strerror(error.errno) if error.errno else error
        complain(
            f"{where}{reason}. What is finished stays; make room, or choose another place, and "
            f"type it again."
        )
        return 2
    known, command = _known(context)
    report = faults.report_of(error, command, faults.used_options(sys.argv[1:], known))
    tell(faults.paragraph(error, faults.keep_report(report)), err=True)
    return FAULT


def _known(context: Any) -> tuple[list[str], str]:
    """The names of all options, and the command's name, where it is one of ours."""
    commands = getattr(getattr(context, "command", None), "commands", {})
    asked = getattr(context, "invoked_subcommand", None)
    name = (
        asked
        if asked in commands
        else next((word for word in sys.argv[1:2] if word in commands), "")
    )
    options = [typed for one in commands.values() for option in one.params for typed in option.opts]
    return [option for option in options if option.startswith("-")], str(name)


FAULT = 70
"""Exit code where something happened that nobody foresaw."""
_OUTSIDE_NAMES = (
    "ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "ENOTDIR", "EISDIR", "ENOENT", "EEXIST", "ENOTEMPTY",
    "ELOOP", "ENAMETOOLONG", "EIO", "EBUSY", "EMFILE", "ENFILE", "ENXIO", "ENODEV", "EINVAL", "EXDEV", "ETXTBSY",
    "ESTALE", "EILSEQ", "EAGAIN", "ENOLCK", "ETIMEDOUT", "EMLINK", "ENOMEM",
)  # fmt: skip
_OUTSIDE = frozenset(getattr(errno, name) for name in _OUTSIDE_NAMES if hasattr(errno, name))
"""What a full disk, a missing right, a file in the way or a failing drive raises: nothing that we
did wrong."""


def run(app: typer.Typer) -> None:
    """Run the command that was typed."""
    warnings.showwarning = _show_warning
    prepare()
    try:
        app()
    except Exception as error:  # before or behind the commands themselves
        code = _say(error)
        if code is None:
            raise
        raise SystemExit(code) from None
