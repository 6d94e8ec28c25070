"""Pages: one HTML file each, made of a template in `templates/`, tables and figures.

Names of people, classes and files come from others. So every value that a template shows passes
through `_shown`, which hides control characters, and is then escaped by jinja2; only the SVG that
`drawing` wrote, and escaped itself, goes in as it is.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otolith import __version__
from otolith.core import templates
from otolith.core.text import printable
from otolith.show.drawing import DARK, LIGHT, css_variables, inline_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST = 10**9
"""A page shows a text whole, where a message would cut it."""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it.

    A cell may have a second, smaller line after a line break.
    """

    head: Sequence[object]
    rows: Sequence[Sequence[object]]
    caption: str
    words: bool = False
    """Whether cells are sentences, set to the left, rather than numbers."""
    bold: frozenset[tuple[int, int]] = frozenset()
    """(row, column) of cells to stress, counted without the head."""


@dataclass(frozen=True)
class Drawing:
    """A figure on a page: how to read it, and the same numbers as a table."""

    heading: str
    svg: str
    caption: str
    numbers: Table


def drawn(
    figure: Figure, key: str, heading: str, caption: str, numbers: Table, description: str = ""
) -> Drawing:
    """Put a figure on a page.

    key: unique on the page; its first word says what is drawn. description: read to those who do
    not see the figure; without one, its caption is.

    >>> from otolith.show.drawing import panel
    >>> numbers = Table(["person", "minutes"], [["ann", 3]], "Minutes per person")
    >>> drawn(panel(100)[0], "minutes-0", "Minutes", "How long.", numbers).heading
    'Minutes'
    """
    # Captions say how to read a figure; the title says which one it is.
    title = f"{heading}: {key.partition('-')[0]}"
    svg = inline_svg(figure, key, title, description or caption)
    return Drawing(heading, svg, caption, numbers)


def render(name: str, title: str, version: str = "", created: str = "", **values: object) -> str:
    """Fill one of our templates; version and date are those of now where they are not given."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    values |= {"title": title, "version": version or __version__, "created": created or now}
    values |= {"light": css_variables(LIGHT), "dark": css_variables(DARK)}
    return templates.render("otolith.show", name, _shown, values, html=True)


def _shown(value: object) -> object:
    """Hide control characters; a dash stands for nothing."""
    if hasattr(value, "__html__"):  # made by a template of ours, so it has been through here
        return value
    if value is None or value == "":
        return "–"
    # A number stays on one line with its error and its unit.
    text = printable(value, _LONGEST)
    return text.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}").replace(
        " %", "\N{NO-BREAK SPACE}%"
    )
