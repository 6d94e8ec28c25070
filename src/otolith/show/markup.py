"""Small pieces of HTML, every text escaped on the way in: names of people and classes may hold any
sign."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from otolith.core.text import printable


def text(value: Any) -> str:
    """Escape a text; nothing at all becomes a dash."""
    if value is None or value == "":
        return "–"
    # A number stays on one line with its error and its unit.
    return (
        html.escape(printable(value, 10**9))
        .replace(" ± ", "&nbsp;±&nbsp;")
        .replace(" %", "&nbsp;%")
    )


def paragraph(value: str, kind: str = "") -> str:
    """Make a paragraph of a sentence."""
    return f"<p{_class(kind)}>{text(value)}</p>"


def bullets(values: Iterable[str]) -> str:
    """Make a list of sentences; an empty list is nothing."""
    held = list(values)
    return "<ul>" + "".join(f"<li>{text(value)}</li>" for value in held) + "</ul>" if held else ""


def table(
    head: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    caption: str,
    kind: str = "",
    best: Iterable[tuple[int, int]] = (),
) -> str:
    """Make a table that scrolls by itself where it is too wide; the first cell of a row names it.

    A cell may have a second, smaller line after a line break. `best` lists the (row, column) of
    cells to stress, counted without the head.
    """
    stressed = set(best)
    top = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = []
    for r, (name, *cells) in enumerate(rows):
        tail = "".join(
            f"<td{_class('best' if (r, c) in stressed else '')}>{_lines(x)}</td>"
            for c, x in enumerate(cells, 1)
        )
        body.append(f'<tr><th scope="row">{text(name)}</th>{tail}</tr>')
    return (
        f'<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{text(caption)}"><table{_class(kind)}>'
        f"<caption><span>{text(caption)}</span></caption><thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def definitions(pairs: Iterable[tuple[str, Any]]) -> str:
    """Make a list of names and what they stand for, leaving out what is not known."""
    held = [(name, value) for name, value in pairs if value not in (None, "", [], {})]
    return (
        "<dl>"
        + "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in held)
        + "</dl>"
    )


def details(summary: str, content: str) -> str:
    """Make a part that opens when asked for."""
    return f"<details><summary>{text(summary)}</summary>{content}</details>"


def figure(heading: str, svg: str, caption: str, numbers: str) -> str:
    """Make a figure with its heading, a sentence on how to read it, and the same numbers as a table
    to open."""
    return (
        f"<figure><h3>{text(heading)}</h3>{svg}<figcaption>{text(caption)}</figcaption>"
        f"{details('The numbers', numbers)}</figure>"
    )


def section(heading: str, *content: str) -> str:
    """Make a part of the page under a heading."""
    return f"<section><h2>{text(heading)}</h2>{''.join(content)}</section>"


def panels(figures: Iterable[str]) -> str:
    """Put figures side by side where there is room."""
    return f'<div class="panels">{"".join(figures)}</div>'


def _lines(value: Any) -> str:
    first, *rest = text(value).split("\n")
    return first + "".join(f"<br><small>{line}</small>" for line in rest)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
