"""Columns of one file, and how cells of text become numbers.

A cell that is no number becomes nan and is counted; the first one is quoted with its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from otolith.core.errors import ReadError
from otolith.data.recording import RowReport

Kind = Literal["number", "text"]
"""How a column is read: as float64, or as strings."""
_BLANK = {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil"}
_NUMBER = r"^[ \t]*-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?[ \t]*$"


@dataclass(frozen=True)
class Columns:
    """Columns of one file, each as long as the number of rows that could be told apart."""

    path: Path
    numbers: dict[str, np.ndarray]
    """name -> (T,) float64; nan where the cell is blank or no number."""
    texts: dict[str, pa.Array]
    """name -> (T,) strings, or stamps where a Parquet file has a time type."""
    reports: tuple[RowReport, ...]
    """Rows of the file that are not in the columns."""
    remarks: Mapping[str, RowReport]
    """name -> unreadable cells of that column; their rows are in the columns, as nan."""

    def __len__(self) -> int:
        for column in (*self.numbers.values(), *self.texts.values()):
            return len(column)
        return 0

    @property
    def notes(self) -> tuple[RowReport, ...]:
        """Everything that a stream made of all these columns has to report."""
        return (*self.reports, *self.remarks.values())

    def matrix(self, names: Iterable[str]) -> Float[np.ndarray, "T C"]:
        """Return numbers side by side, one column per name, in the given order."""
        return np.column_stack([self.numbers[name] for name in names])

    def finite(self, name: str) -> Float[np.ndarray, " M"]:
        """Return the finite numbers of a column of stamps.

        Raises ReadError where there is none: without a single stamp the file has no time.
        """
        stamps = self.numbers[name]
        usable: np.ndarray = stamps[np.isfinite(stamps)]
        if not len(usable):
            raise ReadError(
                f"{self.path}: no stamp in column '{name}' is a number. "
                "Download or unpack the file again."
            )
        return usable

    def words(self, name: str) -> list[str]:
        """Return the texts of a column without surrounding space; "" where a cell is empty."""
        return [(text or "").strip() for text in self.texts[name].cast(pa.string()).to_pylist()]


def cells_to_numbers(
    column: pa.Array, name: str, decimal: str, first_line: int
) -> tuple[np.ndarray, RowReport | None]:
    """Return a number for each cell, and a remark where some cells are neither number nor blank.

    column: (T,) strings. first_line: line of the file that holds the first cell. Blank cells (also
    "NA", "nan", "null" …) and unreadable ones become nan; only the unreadable ones are remarked.
    """
    if decimal != ".":
        # A point is no decimal mark then: 1.500 may be 1500 or 1.5, so it counts as unreadable.
        column = pc.replace_substring(pc.replace_substring(column, ".", "?"), decimal, ".")
    plain = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)
    trimmed = pc.utf8_trim_whitespace(pc.if_else(plain, column, "nan"))
    out = np.array(pc.cast(trimmed, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)

    # Only the cells that the pattern refused are looked at one by one in Python.
    rows = np.flatnonzero(~plain.to_numpy(zero_copy_only=False)).tolist()
    unreadable: list[tuple[int, str]] = []
    for row, cell in zip(
        rows, pc.take(column, pa.array(rows, pa.int64())).to_pylist(), strict=True
    ):
        text = (cell or "").strip()
        if text.lower() not in _BLANK:
            number = _float(text)
            if number is None:
                unreadable.append((row, text))
            else:
                out[row] = number
    if not unreadable:
        return out, None
    row, text = unreadable[0]
    written = text[:30]
    if decimal != ".":
        written = written.replace(".", decimal).replace("?", ".")
    detail = f"first near line {first_line + row}, column '{name}': {written!r}"
    return out, RowReport("unreadable cell", 0, f"{len(unreadable)} in all, {detail}")


def _float(text: str) -> float | None:
    # Python's float takes 1_0 and digits of other scripts as well; no sensor writes these.
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return the chunks of a column as one array."""
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
