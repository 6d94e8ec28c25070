"""What goes wrong is said in plain words: Ctrl-C, a full disk, bad input, our own faults."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from otolith.core import faults
from otolith.core.errors import ConfigError, InterruptedRunError, OtolithError
from otolith.core.terminal import complain, note, prepare, tell
from otolith.core.text import printable

FAULT = 70
"""Exit code where something happened that nobody foresaw (EX_SOFTWARE of sysexits.h)."""
GONE = {
    "search-augmentations": "In the repository: python benchmarks/augmentation_search.py STUDY "
    "--out DIR",
    "match": "No figure showed its use; pretrain on the simulated study as it is.",
    "--quick": "In the repository: python benchmarks/quick.py RECIPE --out DIR",
}
"""Commands and options of version 0.1 -> what to type instead."""
_OUTSIDE_NAMES = (
    "ENOSPC EDQUOT EFBIG EROFS EACCES EPERM ENOTDIR EISDIR ENOENT EEXIST ENOTEMPTY ELOOP "
    "ENAMETOOLONG EIO EBUSY EMFILE ENFILE ENXIO ENODEV EINVAL EXDEV ETXTBSY ESTALE EILSEQ EAGAIN "
    "ENOLCK ETIMEDOUT EMLINK ENOMEM"
)
_OUTSIDE = frozenset(getattr(errno, n) for n in _OUTSIDE_NAMES.split() if hasattr(errno, n))
"""What a full disk, a missing right, a file in the way or a failing drive raises: no fault of
ours."""


def typed() -> str:
    """Return the command as it was typed."""
    return printable(shlex.join(["otolith", *sys.argv[1:]]))


class Group(TyperGroup):
    """All commands; what went wrong is said in plain words.

    Exit codes: 2 where something typed or read cannot be used, 130 where the run was stopped, 70
    where nobody foresaw it.
    """

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Understand what was typed before the command's name."""
        with _in_plain_words(ctx):
            for word in args[:1] if args[:1] != ["benchmark"] else args:
                if word in GONE:
                    raise ConfigError(f"There is no {word} any more. {GONE[word]}")
            return super().parse_args(ctx, args)

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        with _in_plain_words(ctx):
            return super().invoke(ctx)


# The root of what click finds wrong in what was typed. Typer brings a click of its own, which is
# not `import click`.
_ILL_TYPED: Any = typer.BadParameter.__mro__[2]


@contextmanager
def _in_plain_words(context: Any) -> Iterator[None]:
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
    if isinstance(error, OSError) and error.errno is not None and error.errno in _OUTSIDE:
        complain(
            f"{_place(error)}{os.strerror(error.errno)}. What is finished stays; make room, or "
            f"choose another place, and type it again."
        )
        return 2
    known, command = _known(context)
    report = faults.report_of(error, command, faults.used_options(sys.argv[1:], known))
    tell(faults.paragraph(error, faults.keep_report(report)), err=True)
    return FAULT


def _place(error: OSError) -> str:
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return ""
    path = Path(os.fsdecode(error.filename))
    # What is written lies beside its place under a name that nobody typed.
    return f"{path.parent if path.name.endswith('.otolith.tmp') else path}: "


def _known(context: Any) -> tuple[list[str], str]:
    """The names of all options, and the command's name, where it is one of ours."""
    group: Any = getattr(context, "command", None)
    commands = {name: group.get_command(context, name) for name in getattr(group, "commands", {})}
    asked = getattr(context, "invoked_subcommand", None)
    name = asked or next((word for word in sys.argv[1:2]), "")
    options = [typed for one in commands.values() for option in one.params for typed in option.opts]
    options = [option for option in options if option.startswith("-")]
    return options, name if name in commands else ""


def run(app: typer.Typer) -> None:
    """Run the command that was typed."""
    warnings.showwarning = lambda message, *_, **__: note(message)
    prepare()
    try:
        app()
    except Exception as error:  # before or behind the commands themselves
        code = _say(error)
        if code is None:
            raise
        raise SystemExit(code) from None
