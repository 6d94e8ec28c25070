"""The command `otolith`: what can be typed, in which order it is shown, and examples of each.

Nothing heavy is imported before a command runs, so that `otolith --help` answers at once.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from otolith import __version__
from otolith.cli.console import Group, run
from otolith.cli.learning import adapt, pretrain
from otolith.cli.measuring import benchmark, demo
from otolith.cli.options import RUN, refuse_odd
from otolith.cli.recognising import recognise
from otolith.cli.retrieving import retrieve
from otolith.cli.searching import search_augmentations
from otolith.cli.simulating import fidelity, simulate, view
from otolith.cli.studies import import_, info, list_
from otolith.cli.verifying import verify
from otolith.core.limits import allow_bytes, bytes_of

app = typer.Typer(
    name="otolith",
    cls=Group,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Recognise human activities from worn motion sensors with a handful of labels, for people "
    "never seen "
    "before.\n\nA first walk: [bold]otolith demo[/]. Then [bold]import[/] your recordings, "
    "[bold]benchmark[/] them, "
    "and [bold]pretrain[/], [bold]adapt[/] and [bold]recognise[/].",
    epilog="Each command explains itself: otolith COMMAND --help. Documentation: docs/ in the "
    "repository.",
)


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Print the version, or go on to a command."""
    _tell_version(version)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


COMMANDS: tuple[tuple[str, str, Callable[..., None], str], ...] = (
    (
        "First",
        "demo",
        demo,
        """
        otolith demo
        otolith demo --study studies/mine
        """,
    ),
    (
        "Recordings",
        "import",
        import_,
        """
        otolith import UCI_HAPT --dataset hapt --out studies/hapt
        otolith import my_csvs --guess --mapping mapping.toml
        otolith import my_csvs --mapping mapping.toml --out studies/mine
        """,
    ),
    (
        "Recordings",
        "info",
        info,
        """
        otolith info studies/mine
        otolith info studies/mine --html mine.html
        """,
    ),
    (
        "Recordings",
        "verify",
        verify,
        """
        otolith verify studies/mine
        otolith verify studies/mine --accept-edits
        otolith verify recognisers/mine --json
        """,
    ),
    (
        "Recordings",
        "list",
        list_,
        """
        otolith list placements
        otolith list methods --json
        """,
    ),
    (
        "Simulated recordings",
        "simulate",
        simulate,
        """
        otolith simulate procedural --bodies 10 --out studies/virtual
        otolith simulate cmu/ --placements left_wrist,right_wrist --bodies 10 --rate 50 --out studies/cmu
        otolith simulate salsa/ --frame-rate 60 --out studies/salsa
        """,
    ),
    (
        "Simulated recordings",
        "view",
        view,
        """
        otolith view studies/cmu
        otolith view studies/cmu 02_01-body03 --rrd walk.rrd
        otolith view studies/cmu 02_01-body03 --figure walk.svg
        """,
    ),
    (
        "Simulated recordings",
        "fidelity",
        fidelity,
        """
        otolith fidelity studies/simulated studies/real
        """,
    ),
    (
        "From recordings to labels",
        "pretrain",
        pretrain,
        """
        otolith pretrain studies/mine --out encoders/mine
        otolith pretrain studies/mine studies/more --leave-out P07,P08 --out encoders/both
        """,
    ),
    (
        "From recordings to labels",
        "adapt",
        adapt,
        """
        otolith adapt encoders/mine studies/mine --shots 8 --out recognisers/mine
        otolith adapt features studies/mine --head forest --out recognisers/forest
        """,
    ),
    (
        "From recordings to labels",
        "recognise",
        recognise,
        """
        otolith recognise recognisers/mine visit_07.csv --mapping mapping.toml
        otolith recognise recognisers/mine visits/ --mapping mapping.toml --out visits.csv
        otolith recognise recognisers/mine studies/new
        otolith recognise encoders/primus visit_07.csv --labels walking,drinking --unknown 0.1
        """,
    ),
    (
        "How good is it",
        "retrieve",
        retrieve,
        """
        otolith retrieve encoders/primus studies/new
        """,
    ),
    (
        "How good is it",
        "benchmark",
        benchmark,
        """
        otolith benchmark studies/mine --out results/mine
        otolith benchmark studies/mine --methods pim,none:tpn:linear --shots 2,8,all --out results/short
        otolith benchmark --recipe results/mine/recipe.toml --out results/again
        """,
    ),
    (
        "How good is it",
        "search-augmentations",
        search_augmentations,
        """
        otolith search-augmentations studies/mine --out results/pairs
        otolith search-augmentations studies/mine --augmentations scaling,time_reversal,rotation --out results/three
        """,
    ),
)


def _examples(lines: str) -> str:
    shown = [line.strip() for line in lines.strip().splitlines()]
    return "\b\n" + "\n".join(
        ["[bold]Examples[/]" if len(shown) > 1 else "[bold]Example[/]", *shown]
    )


def _help(docstring: str) -> str:
    # One line a paragraph: the help page breaks lines by the width of the terminal.
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"otolith {__version__}")
        raise typer.Exit


READS_FILES = ("import", "simulate", "view", "fidelity", "recognise")
"""Commands that read other people's files, and take --max-bytes."""


def _with_shared(name: str, command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that several share without a line in each."""
    version = typer.Option(
        "--version",
        help="Print the version and stop.",
        callback=_tell_version,
        is_eager=True,
        rich_help_panel=RUN,
    )
    max_bytes = typer.Option(
        "--max-bytes",
        metavar="SIZE",
        help="What a packed file may unpack to, such as 4G; 64M or 100 times its size if not given.",
        rich_help_panel=RUN,
    )

    @functools.wraps(command)
    def versioned(**given: Any) -> None:
        given.pop("version")
        allowed = given.pop("max_bytes", None)
        refuse_odd(given)
        try:
            with allow_bytes(None if allowed is None else bytes_of(allowed)):
                command(**given)
        except OSError as error:
            # What a full disk raises in the middle of a file does not say of which.
            if error.errno and error.filename is None and given.get("out"):
                error.filename = str(given["out"])
            raise

    signature = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [
        inspect.Parameter("version", keyword, default=False, annotation=Annotated[bool, version])
    ]
    if name in READS_FILES:
        asked = Annotated[str | None, max_bytes]
        own.insert(0, inspect.Parameter("max_bytes", keyword, default=None, annotation=asked))
    whole = signature.replace(parameters=[*signature.parameters.values(), *own])
    versioned.__signature__ = whole  # type: ignore[attr-defined]
    versioned.__annotations__ = {name: one.annotation for name, one in whole.parameters.items()}
    return versioned


for panel, name, command, examples in COMMANDS:
    register: Any = app.command(
        name, help=_help(command.__doc__ or ""), rich_help_panel=panel, epilog=_examples(examples)
    )
    register(_with_shared(name, command))


def main() -> None:
    """Run what was typed."""
    run(app)
