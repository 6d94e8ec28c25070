"""The command `otolith`: what can be typed, and in which order it is shown.

Nothing heavy is imported before a command runs, so that `otolith --help` answers at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from otolith.cli import (
    adapting,
    benchmarking,
    comparing,
    demo,
    importing,
    listing,
    pretraining,
    recognising,
    retrieving,
    showing,
    simulating,
    verifying,
    viewing,
)
from otolith.cli.console import Group, run
from otolith.cli.jobs import JobCommand, build, leaves, signature, tell_version
from otolith.core.errors import ConfigError
from otolith.core.limits import allow_bytes, bytes_of
from otolith.core.terminal import tell

app = typer.Typer(
    name="otolith",
    cls=Group,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Recognise human activities from worn motion sensors with a handful of labels, for people "
    "never seen before.\n\nA first walk: [bold]otolith demo[/]. Then [bold]import[/] your "
    "recordings, [bold]benchmark[/] them, and [bold]pretrain[/], [bold]adapt[/] and "
    "[bold]recognise[/].",
    epilog="Each command explains itself: otolith COMMAND --help. Documentation: docs/ in the "
    "repository.",
)


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Print the version, or go on to a command."""
    tell_version(version)
    if context.invoked_subcommand is None:
        tell(context.get_help())


class Command(NamedTuple):
    """A job under its name."""

    panel: str
    name: str
    job: type
    examples: str


def _command(panel: str, job: Any) -> Command:
    lines = [line.strip() for line in job.__doc__.splitlines()]
    examples = "\n".join(line for line in lines if line.startswith("otolith "))
    return Command(panel, job.command, job, examples)


COMMANDS = (
    _command("First", demo.Demo),
    _command("Recordings", importing.Import),
    _command("Recordings", showing.Info),
    _command("Recordings", verifying.Verify),
    _command("Recordings", listing.List),
    _command("Simulated recordings", simulating.Simulate),
    _command("Simulated recordings", viewing.View),
    _command("Simulated recordings", comparing.Fidelity),
    _command("From recordings to labels", pretraining.Pretrain),
    _command("From recordings to labels", adapting.Adapt),
    _command("From recordings to labels", recognising.Recognise),
    _command("How good is it", retrieving.Retrieve),
    _command("How good is it", benchmarking.Benchmark),
)


def _help(command: Command) -> str:
    # One line a paragraph: the help page breaks lines by the width of the terminal.
    paragraphs = [" ".join(part.split()) for part in (command.job.__doc__ or "").split("\n\n")]
    return "\n\n".join(part for part in paragraphs if not part.startswith("otolith "))


def _epilog(examples: str) -> str:
    title = "[bold]Examples[/]" if "\n" in examples else "[bold]Example[/]"
    return f"\b\n{title}\n{examples}"


def _callback(command: Command) -> Callable[..., None]:
    def call(context: typer.Context, **given: Any) -> None:
        typed = {
            name: value
            for name, value in given.items()
            if context.get_parameter_source(name).name == "COMMANDLINE"  # type: ignore[union-attr]
        }
        job = build(command.job, command.name, typed, context.obj or {})
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
    made.__signature__ = signature(command.job)
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


for _each in COMMANDS:
    app.command(
        _each.name,
        cls=type(f"{_each.job.__name__}Command", (JobCommand,), {"job": _each.job}),
        help=_help(_each),
        rich_help_panel=_each.panel,
        epilog=_epilog(_each.examples),
    )(_callback(_each))


def main() -> None:
    """Run what was typed."""
    run(app)
