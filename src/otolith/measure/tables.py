"""The tables of a report: method by number of labels, as grids of text for terminal and page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otolith.measure.statistics import FEW_PEOPLE, Row, Shots, shots_order

Grid = list[list[str]]
"""Rows of cells; the first row and column name the others."""


@dataclass(frozen=True)
class ScoreTable:
    """Methods (rows) by labelled windows per class (columns)."""

    title: str
    grid: Grid


def score_tables(lines: Sequence[Row]) -> Iterator[ScoreTable]:
    """Yield the tables of one study's lines of the summary.

    Scores per person; scores of a fold's people pooled; differences to the control.

    >>> cell = {"study": "s", "shots": 8, "fold": 0, "draw": 0, "seed": 0}
    >>> scores = {"pim": (0.8, 0.9, 0.7), "scratch": (0.5, 0.6, 0.5)}
    >>> rows = [
    ...     cell | {"method": m, "per_subject": {n: {"macro_f1": x} for n, x in enumerate(of)}}
    ...     for m, of in scores.items()
    ... ]
    >>> from otolith.measure.statistics import summarise
    >>> [table.title.partition(",")[0] for table in score_tables(summarise(rows))]
    ['Macro-F1 in %', 'Macro-F1 in %', 'Points above scratch']
    """
    most = max(line["people"] for line in lines)
    folds = max(line["folds"] for line in lines)

    def per_person(line: Row) -> str:
        # Scores over other people are not comparable, so the number stands beside them.
        few = f" ({line['people']} people)" if line["people"] < most else ""
        return percent(line["macro_f1_mean"], line["macro_f1_se"]) + few

    def pooled(line: Row) -> str:
        return percent(line["macro_f1_pooled_mean"], line["macro_f1_pooled_se"])

    title = f"Macro-F1 in %, per person: mean ± standard error over {most} people"
    yield ScoreTable(title, _grid(lines, per_person))
    title = f"Macro-F1 in %, people of a fold pooled: mean ± standard error over {folds} folds"
    yield ScoreTable(title, _grid(lines, pooled))
    control = control_of(lines)
    if control is not None:
        title = f"Points above {control}, paired by person [95 % interval]"
        yield ScoreTable(title, _grid(lines, lambda line: interval(line["versus"]), control))


def text_table(lines: Sequence[Row], name: str) -> Iterator[str]:
    """Yield the lines of text that show one study's tables under its name.

    >>> list(text_table([], "toy"))
    ['toy', '  nothing finished yet', '']
    """
    yield name
    if not lines:
        yield from ("  nothing finished yet", "")
        return
    for table in score_tables(lines):
        yield f"  {table.title}"
        widths = [max(map(len, column)) for column in zip(*table.grid, strict=True)]
        for first, *cells in table.grid:
            aligned = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
            yield "    " + "  ".join([first.ljust(widths[0]), *aligned])
    most = max(line["people"] for line in lines)
    # An unfinished run: its means are over whoever was done first.
    if any(line["people"] < most for line in lines):
        yield f"  (n people): only n of the {most} people so far; not comparable with the rest"
    if most < FEW_PEOPLE:
        yield f"  few people ({most}): a standard error over so few says little"
    yield ""


def methods_of(lines: Sequence[Row]) -> list[str]:
    """Name the methods in the order of the summary.

    >>> lines = [{"method": m, "shots": k} for m in ("pim", "scratch") for k in ("all", 8, 1)]
    >>> methods_of(lines)
    ['pim', 'scratch']
    """
    return list(dict.fromkeys(line["method"] for line in lines))


def shots_of(lines: Sequence[Row]) -> list[Shots]:
    """Return the numbers of labels, "all" last.

    >>> lines = [{"method": m, "shots": k} for m in ("pim", "scratch") for k in ("all", 8, 1)]
    >>> shots_of(lines)
    [1, 8, 'all']
    """
    return sorted({line["shots"] for line in lines}, key=shots_order)


def control_of(lines: Sequence[Row]) -> str | None:
    """Name the method that the others are measured against.

    >>> control_of([{"versus": None}, {"versus": {"method": "scratch"}}])
    'scratch'
    """
    return next((line["versus"]["method"] for line in lines if line["versus"]), None)


def percent(mean: float | None, se: float | None) -> str:
    """Write a score as percent with its standard error; "–" where there is none.

    >>> percent(0.821, 0.0132), percent(0.5, None)
    ('82.1 ± 1.3', '50.0 ± –')
    """
    if mean is None:
        return "–"
    return f"{100 * mean:.1f} ± " + ("–" if se is None else f"{100 * se:.1f}")


def interval(versus: Mapping[str, Any] | None) -> str:
    """Write a paired difference in points with its 95 % interval.

    >>> interval({"difference": 0.042, "low": 0.01, "high": 0.074})
    '+4.2 [1.0, 7.4]'
    """
    if versus is None:
        return "–"
    low, high = versus.get("low"), versus.get("high")
    span = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * versus['difference']:+.1f}{span}"


def _grid(lines: Sequence[Row], write: Callable[[Row], str], without: str | None = None) -> Grid:
    cells = {(line["method"], line["shots"]): write(line) for line in lines}
    shots = shots_of(lines)
    methods = [method for method in methods_of(lines) if method != without]
    rows = [[method, *(cells.get((method, k), "–") for k in shots)] for method in methods]
    return [["labels per class", *map(str, shots)], *rows]
