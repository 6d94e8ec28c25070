"""A command that can be typed, made of its job: help, examples, and what happens when it runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from otolith.cli.jobs import JobCommand, build, leaves, signature
from otolith.core.errors import ConfigError
from otolith.core.limits import allow_bytes, bytes_of


def command_of(job: Any) -> Any:
    """Return click's command for a job.

    >>> from otolith.cli.listing import List
    >>> command_of(List).name
    'list'
    """
    single = typer.Typer(
        rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False
    )
    single.command(
        job.command,
        cls=type(f"{job.__name__}Command", (JobCommand,), {"job": job}),
        help=_help(job),
        epilog=_epilog(examples_of(job)),
    )(_callback(job))
    return typer.main.get_command(single)


def examples_of(job: Any) -> str:
    """Return the lines of a job's docstring that can be typed.

    >>> from otolith.cli.verifying import Verify
    >>> examples_of(Verify).splitlines()[0]
    'otolith verify studies/mine'
    """
    lines = [line.strip() for line in job.__doc__.splitlines()]
    return "\n".join(line for line in lines if line.startswith("otolith "))


def _help(job: Any) -> str:
    # One line a paragraph: the help page breaks lines by the width of the terminal.
    paragraphs = [" ".join(part.split()) for part in job.__doc__.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if not part.startswith("otolith "))


def _epilog(examples: str) -> str:
    title = "[bold]Examples[/]" if "\n" in examples else "[bold]Example[/]"
    return f"\b\n{title}\n{examples}"


def _callback(kind: Any) -> Callable[..., None]:
    def call(context: typer.Context, **given: Any) -> None:
        typed = {
            name: value
            for name, value in given.items()
            if context.get_parameter_source(name).name == "COMMANDLINE"  # type: ignore[union-attr]
        }
        job = build(kind, kind.command, typed, context.obj or {})
        _refuse_places(job)
        limit = getattr(job, "max_bytes", None)
        try:
            with allow_bytes(None if limit is None else bytes_of(limit)):
                job.run()
        except OSError as error:
            # What a full disk raises in the middle of a file does not say of which.
            if error.errno and error.filename is None and getattr(job, "out", None):
                error.filename = str(job.out)
            raise

    made: Any = call  # a function whose signature typer reads
    made.__signature__ = signature(kind)
    made.__annotations__ = {p.name: p.annotation for p in made.__signature__.parameters.values()}
    return call


def _refuse_places(job: Any) -> None:
    """Raise ConfigError for a path that is none, or an --out that is no place for a result."""
    for leaf in leaves(type(job)):
        value = getattr(job, leaf.name, None)
        for path in value if isinstance(value, tuple) else [value]:
            if isinstance(path, Path):
                _refuse_path(leaf.flags[0], path)
    if isinstance(getattr(job, "out", None), Path):
        _refuse_out(job.out)


def _refuse_path(option: str, path: Path) -> None:
    if "\0" in str(path):
        raise ConfigError(f"{option}: a path cannot hold the character NUL; found {str(path)!r}.")
    try:
        path.resolve()
    except (OSError, RuntimeError) as error:  # Python 3.13 raises the first, older ones the second
        raise ConfigError(
            f"{option}: {path} cannot be followed: it is a link that leads to itself."
        ) from error


def _refuse_out(out: Path) -> None:
    here, target = Path.cwd(), Path(os.path.abspath(out))
    if target == here or target in here.parents:
        raise ConfigError(
            f"--out {out} is the folder that you stand in, or one above it. Name a new one: --out "
            f"{out / 'NAME'}"
        )
    blocked = next((part for part in target.parents if part.exists() and not part.is_dir()), None)
    if blocked is not None:
        raise ConfigError(f"--out {out} lies in {blocked}, which is a file. Name a folder.")
