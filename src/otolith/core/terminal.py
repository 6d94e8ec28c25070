"""Output to a terminal: text of others cannot steer it, and no terminal is too plain for it.

A name may hold an escape sequence that clears the screen or sets its title, or turn the direction
of writing. Whatever Otolith prints goes through here.
"""

from __future__ import annotations

import json
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

import typer

from otolith.core.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

MESSAGE, WHOLE = 4_000, 10**9
"""Characters of a message, and of a table that was asked for."""


def tell(text: object = "", err: bool = False) -> None:
    """Say a text that was asked for, whole.

    >>> tell("walking\\x07")
    walking\\x07
    """
    typer.echo(printable(text, WHOLE), err=err)


def note(text: object) -> None:
    """Say something beside the result, at standard error."""
    typer.echo(f"note: {printable(text, MESSAGE)}", err=True)


def complain(text: object) -> None:
    """Say what is wrong, at standard error."""
    typer.echo(f"error: {printable(text, MESSAGE)}", err=True)


def tell_json(content: object) -> None:
    """Print JSON that no terminal obeys; a number that is not finite becomes null.

    >>> tell_json({"macro_f1": float("nan")})
    {
     "macro_f1": null
    }
    """
    plain = _finite(content)
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    # Letters of all alphabets stay readable, unless something in the text would steer a terminal.
    if printable(text, WHOLE) != text:
        text = json.dumps(plain, indent=1, allow_nan=False)
    typer.echo(text)


def tell_rich(content: RenderableType) -> None:
    """Print tables and bold words; whatever in them would steer a terminal is shown by number."""
    from rich.console import Console
    from rich.segment import Segment, Segments

    console = Console()
    parts = [
        part if part.control else Segment(printable(part.text, WHOLE), part.style)
        for part in console.render(content)
    ]
    console.print(Segments(parts), end="")


def prepare() -> None:
    """Let every terminal take every text: what its alphabet lacks is shown by number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a test may put something else in its place
            stream.reconfigure(errors="backslashreplace")


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
