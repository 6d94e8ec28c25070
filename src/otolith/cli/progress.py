"""How far a command is: a bar with the time left for people, plain lines for a log."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from otolith.core.terminal import tell
from otolith.core.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

Show = Callable[[int, int, str], None]
"""How many are done, of how many (0: nobody knows), and what is being done."""

LINE_EVERY_S = 30.0
"""How often a log gets a line."""

ENOUGH = 15
"""The time left is shown once a fifteenth of everything is done."""


class Pace:
    """How many are done, since when, and how long the rest will take at this pace.

    >>> pace = Pace("clips")
    >>> pace.tell(3, 10, "walk")
    >>> pace.line()
    'clips: 3 of 10 after 0 s, walk'
    """

    def __init__(self, what: str, text: str = "") -> None:
        self.what, self.text = what, text
        self.done = self.of = 0
        self.began = False
        """Whether anything was reported."""
        self._start = self._first = time.monotonic()
        self._made = 0

    def tell(self, done: int, of: int, text: str) -> None:
        """Take a report: how many are done, of how many, and what is being done."""
        if not self.began:
            self._first = time.monotonic()
        elif done == self.done + 1:
            # Several at once come from a run that was broken off: they say nothing about the pace.
            self._made += 1
        self.done, self.of, self.text, self.began = done, of, text, True

    @property
    def spent_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at this pace; None while too little is done to know.

        The first cells of a benchmark come after a whole pretraining that the next ones do without:
        an estimate from these alone would be hours too long.
        """
        if not self.of or self._made * ENOUGH < self.of:
            return None
        return (time.monotonic() - self._first) / self._made * (self.of - self.done)

    def count(self) -> str:
        """Return such as "12 of 310"."""
        return f"{self.done} of {self.of}" if self.of else str(self.done)

    def left(self) -> str:
        """Return such as "about 14 min left", or nothing while nobody knows."""
        seconds = self.left_s
        return "" if seconds is None or self.done >= self.of else f"about {spelled(seconds)} left"

    def line(self) -> str:
        """Return where it stands, as one line."""
        first = f"{self.what}: {self.count()} after {spelled(self.spent_s)}"
        return ", ".join(filter(None, [first, self.left(), one_line(self.text)]))

    def last_line(self) -> str:
        """Return where it ended."""
        return f"{self.what}: {self.count()} in {spelled(self.spent_s)}"


@contextmanager
def bar(quiet: bool, what: str, first: str = "") -> Iterator[Show]:
    """Show how many of a known number are done; `first` is said until the first of them is.

    >>> with bar(True, "clips") as show:
    ...     show(1, 2, "walk")
    """
    if quiet:
        yield lambda done, of, text: None
        return
    pace = Pace(what, first)
    with _drawn(pace) if to_people() else _written(pace):
        yield pace.tell


@contextmanager
def counter(quiet: bool, what: str) -> Iterator[Callable[[Any], None] | None]:
    """Show how many of an unknown number are done; each is named, such as a recording by its id."""
    if quiet:
        yield None
        return
    with bar(quiet, what) as show:
        numbers = itertools.count(1)
        yield lambda thing: show(next(numbers), 0, str(getattr(thing, "id", thing)))


def to_people() -> bool:
    """Whether progress goes to a terminal that can move its cursor; a file or a pipe keeps whatever
    is written."""
    return (
        sys.stderr is not None
        and sys.stderr.isatty()
        and os.environ.get("TERM", "") not in ("dumb", "unknown")
    )


def spelled(seconds: float) -> str:
    """Return such as "40 s", "14 min" or "2 h 05 min"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def one_line(text: str) -> str:
    """Return a text of others, such as a recording's name, fit for one line of a terminal."""
    return " ".join(printable(text, 300).split())


@contextmanager
def _drawn(pace: Pace) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live

    screen = Console(stderr=True, force_terminal=True)
    with Live(
        console=screen, transient=True, get_renderable=lambda: _picture(pace), refresh_per_second=5
    ):
        yield


def _picture(pace: Pace) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    known = pace.of > 0
    drawn: RenderableType = ProgressBar(pace.of, pace.done, width=24) if known else Spinner("dots")
    count = f"{pace.done}/{pace.of}" if known else str(pace.done or "")
    passed = ", ".join(filter(None, [f"{spelled(pace.spent_s)} so far", pace.left()]))
    grid.add_row(Text(one_line(pace.what)), drawn, count, passed)
    at = Text(f"  {one_line(pace.text)}", style="dim", no_wrap=True, overflow="ellipsis")
    return Group(grid, at)


@contextmanager
def _written(pace: Pace) -> Iterator[None]:
    over = threading.Event()

    def now_and_then() -> None:
        while not over.wait(LINE_EVERY_S):
            tell(pace.line(), err=True)

    writer = threading.Thread(target=now_and_then, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()
        if pace.began:
            tell(pace.last_line(), err=True)
