"""CSV that a spreadsheet opens without running a cell, and that reads back as it was.

A text of somebody else's (a label, a person, a file) may begin like a formula: `=HYPERLINK(...)`.
An apostrophe before it keeps it a text, which is what a person types in a spreadsheet for the same
purpose.
"""

from __future__ import annotations

import csv
import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from otolith.core.errors import ReadError
from otolith.core.files import write_text
from otolith.core.text import well_formed

# Spreadsheets skip space and what cannot be seen before a formula, and take a wide or a
# mathematical sign for its plain one. Where commas stand in numbers, cells end at a semicolon, so
# that a formula may also begin behind one.
_UNSEEN = "[\\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
_SIGNS = (
    "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
    "\u207a\u207b\u207c\u208a\u208b\u208c"
)
_BEGINS = "(?:\\A|(?<=[;\t\r\n]))"
_TO_MARK = re.compile(f"{_BEGINS}(?='|{_UNSEEN}*[{_SIGNS}])|\\A(?=[\t\r\n])")
_MARK = re.compile(f"{_BEGINS}'")


def as_text(text: object) -> str:
    """Return a text as it is written into a cell: marked wherever a formula could begin.

    >>> as_text("=1+1"), as_text("walking"), as_text("'quoted'")
    ("'=1+1", 'walking', "''quoted'")
    """
    return _TO_MARK.sub("'", well_formed(str(text)))


def from_text(cell: str) -> str:
    """Return the text that `as_text` was given.

    >>> from_text("'=1+1"), from_text("walking"), from_text("''quoted'")
    ('=1+1', 'walking', "'quoted'")
    """
    return _MARK.sub("", cell)


def decimals(value: float, places: int) -> Decimal | None:
    """Return a number with so many places; None, an empty cell, for one that is not finite.

    >>> decimals(2 / 3, 3), decimals(float("nan"), 3)
    (Decimal('0.667'), None)
    """
    return Decimal(f"{value:.{places}f}") if math.isfinite(value) else None


def sheet(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV: numbers as numbers, None as an empty cell, all else as text.

    >>> print(sheet(["label", "score"], [["=walk", 0.5], ["sit, still", None]]), end="")
    label,score
    '=walk,0.5
    "sit, still",
    """
    lines = [[as_text(name) for name in head], *(list(map(_cell, row)) for row in rows)]
    # A line without a sign would be none: csv.reader passes over it.
    return "".join(
        ",".join(map(_quoted, line)) + "\n" if line != [""] else '""\n' for line in lines
    )


def sheet_of(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows by name as CSV, with the names of all of them as columns.

    >>> sheet_of([{"a": 1}, {"b": 2}])
    'a,b\\n1,\\n,2\\n'
    """
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return sheet(names, ([row.get(name) for name in names] for row in rows))


def write_sheet(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV, whole or not at all.

    >>> write_sheet(Path("a.csv"), ["label"], [["=walk"]])
    >>> Path("a.csv").read_text()
    "label\\n'=walk\\n"
    """
    write_text(path, sheet(head, rows))


def read_sheet(path: str | Path) -> list[dict[str, str]]:
    """Read a CSV that `write_sheet` wrote: its rows by column, every text as it was.

    Raises ReadError where it is absent, no UTF-8, has a row of another length, or names a column
    twice.

    >>> write_sheet(Path("a.csv"), ["label", "hours"], [["=walk", 2]])
    >>> read_sheet("a.csv")
    [{'label': '=walk', 'hours': '2'}]
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", newline="") as opened:
            head, *rows = list(csv.reader(opened)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"{path} cannot be read as a table ({error}). Make it again.") from error
    names = [from_text(name) for name in head]
    if len(set(names)) < len(names):
        raise ReadError(f"{path} names a column twice: {', '.join(names)}. Make it again.")
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            fault = f"row {number} has {len(row)} cells, the head {len(names)}"
            raise ReadError(f"{path}: {fault}. It may be cut off.")
    return [dict(zip(names, map(from_text, row), strict=True)) for row in rows]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool):
        return str(value) if math.isfinite(value) else as_text(value)
    return as_text(value)


def _quoted(cell: str) -> str:
    # csv.writer of Python 3.11 leaves a lone carriage return bare, and cannot read it back.
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in ',"\r\n') else cell
