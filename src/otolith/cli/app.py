"""The command `otolith`: what can be typed, and in which order it is shown.

`otolith --help` reads this table alone: a command's module is imported when the command is typed.
"""

from __future__ import annotations

import functools
import importlib
from typing import Annotated, Any, NamedTuple

import typer
from typing_extensions import override

from otolith.cli.console import Group, run
from otolith.core.terminal import tell


class Row(NamedTuple):
    """A command: where the help page shows it, its job, and the first sentence of the job's
    docstring."""

    panel: str
    name: str
    place: str
    """Module of this folder and class."""
    summary: str

    @property
    def job(self) -> Any:
        """The settings class that the command is made of."""
        module, _, name = self.place.partition(":")
        return getattr(importlib.import_module(f"otolith.cli.{module}"), name)


_READ, _MOVE = "Recordings", "Simulated recordings"
_LEARN, _MEASURE = "From recordings to labels", "How good is it"
COMMANDS = (
    Row("First", "demo", "demo:Demo",
        "Run the main job from recordings to report, on virtual people or on your own study."),
    Row(_READ, "import", "importing:Import",
        "Read recordings into a study in SI units, and report every row that was left out."),
    Row(_READ, "info", "showing:Info",
        "Show a study: people, hours, sensors, labels, and the rows that each file lost."),
    Row(_READ, "verify", "verifying:Verify",
        "Read every file of a folder, and name what is damaged, missing or edited."),
    Row(_READ, "list", "listing:List",
        "List the names that a command or recipe can take, with one sentence for each."),
    Row(_MOVE, "simulate", "simulating:Simulate",
        "Simulate what sensors worn by many bodies would have measured of captured movements, and "
        "write a study."),
    Row(_MOVE, "view", "viewing:View",
        "Show a recording over time: its signals and, if it is simulated, skeleton and sensors."),
    Row(_MOVE, "fidelity", "comparing:Fidelity",
        "Measure how close simulated sensors come to real ones that recorded the same movement."),
    Row(_LEARN, "pretrain", "pretraining:Pretrain",
        "Pretrain an encoder on recordings without their labels; an interrupted run is resumed when "
        "typed again."),
    Row(_LEARN, "adapt", "adapting:Adapt",
        "Train a recogniser of your classes from an encoder and a few labelled windows."),
    Row(_LEARN, "recognise", "recognising:Recognise",
        "Recognise the activities in recordings: a timeline with the probability of every class, "
        "and a plot."),
    Row(_MEASURE, "retrieve", "retrieving:Retrieve",
        "Measure how often a window finds its text, video or pose among all others of a study, and "
        "the reverse."),
    Row(_MEASURE, "benchmark", "benchmarking:Benchmark",
        "Measure how well methods recognise activities of held-out people, with few labels."),
)  # fmt: skip


class Commands(Group):
    """The commands of the table, each made when it is asked for."""

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, whole."""
        return _whole(cmd_name) if cmd_name in self.commands else None

    @override
    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page from the table alone."""
        listing: Any = typer.core.TyperGroup(name=self.name, commands=dict(self.commands))
        for name in ("params", "help", "epilog", "rich_markup_mode", "callback"):
            setattr(listing, name, getattr(self, name))
        listing.format_help(ctx, formatter)


@functools.cache
def _whole(name: str) -> Any:
    from otolith.cli.command import command_of

    return command_of(next(row.job for row in COMMANDS if row.name == name))


app = typer.Typer(
    name="otolith",
    cls=Commands,
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
    if version:
        from otolith import __version__

        tell(f"otolith {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        tell(context.get_help())


def _listed() -> None:
    """What stands in the table for a command that nobody has typed yet."""


for _row in COMMANDS:
    app.command(_row.name, help=_row.summary, rich_help_panel=_row.panel)(_listed)


def main() -> None:
    """Run what was typed."""
    run(app)
