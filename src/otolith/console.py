"""What the command line needs around its commands: recipes, progress bars, and errors in plain words."""

from __future__ import annotations

import errno
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import click
import typer

from otolith import __version__
from otolith.errors import ConfigError, OtolithError, nearest

LISTS = ("methods", "shots", "placements", "quantities", "labels", "people", "leave_out")
"""Options that take several values with commas between; a recipe writes them as lists."""
TABLES = {
    "benchmark": ("methods", "windows"),
    "pretrain": ("objective", "encoder", "pretrain", "windows"),
    "adapt": ("head", "adapt", "windows"),
}
"""What a recipe may hold beyond a command's options."""


def take_recipe(context: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    """Let a recipe's entries stand in for options that were not typed; what is typed wins."""
    if value is None:
        return None
    from otolith.recipes import read_recipe

    recipe = read_recipe(value)
    tables = {key: recipe.pop(key) for key in list(recipe) if isinstance(recipe[key], dict)}
    known = [p.name for p in context.command.params if p.name]
    recipe = {key.replace("-", "_"): entry for key, entry in recipe.items() if key != "command"}
    for key in recipe:
        if key not in known:
            raise ConfigError(f"{value}: '{context.info_name}' has no option '{key}'.{nearest(key, known)}")
    allowed = TABLES.get(context.info_name or "", ())
    for key in tables:
        if key not in allowed:
            words = ", ".join(f"[{name}]" for name in allowed) or "none"
            raise ConfigError(
                f"{value}: '{context.info_name}' has no table [{key}]; it takes {words}.{nearest(key, allowed)}"
            )
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in recipe and isinstance(parameter, click.Argument):
            parameter.required = False
    joined = {k: ",".join(str(x) for x in v) if isinstance(v, list) and k in LISTS else v for k, v in recipe.items()}
    context.default_map = {**(context.default_map or {}), **joined}
    context.obj = tables
    return value


def typed() -> str:
    """Return the command as it was typed."""
    return shlex.join(["otolith", *sys.argv[1:]])


def keep_recipe(context: typer.Context, out: Path) -> None:
    """Write beside a result the recipe that makes it again."""
    from otolith.recipes import write_recipe

    params = {k: v.value if isinstance(v, Enum) else v for k, v in context.params.items()}
    plain = {
        k: [str(x) for x in v] if isinstance(v, list | tuple) else v
        for k, v in params.items()
        if k not in ("recipe", "overwrite", "quiet")
    }
    content = {k: str(v) if isinstance(v, Path) else v for k, v in plain.items()} | (context.obj or {})
    write_recipe(
        out / "recipe.toml",
        content,
        f"Again: otolith {context.info_name} --recipe recipe.toml ({__version__})",
    )


@contextmanager
def counter(quiet: bool, what: str) -> Iterator[Callable[[Any], None] | None]:
    """Show how many of an unknown number are done."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda _: progress.advance(task)


@contextmanager
def bar(quiet: bool, what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show how many of a known number are done."""
    if quiet:
        yield lambda done, of, text: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, of, text: progress.update(task, completed=done, total=of, description=text)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    typer.echo(f"note: {message}", err=True)


def run(app: typer.Typer) -> None:
    """Run the command; an error that we understand is told in plain words, with exit code 2."""
    warnings.showwarning = _show_warning
    try:
        app(standalone_mode=False)
    except (click.exceptions.Exit, click.exceptions.Abort) as stop:
        sys.exit(getattr(stop, "exit_code", 130))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OtolithError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("Stopped. What is finished stays; the same command goes on from there.", err=True)
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        typer.echo(
            f"error: {error}. What is finished stays; make room or choose another --out and type it again.", err=True
        )
        sys.exit(2)
