"""Cells of text -> numbers: what is no number is counted, with the first one told by its line."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otolith.data.recording import RowReport

_BLANK = {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil"}
_NUMBER = r"^[ \t]*-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?[ \t]*$"


def cells_to_numbers(
    column: pa.Array, name: str, decimal: str, first_line: int
) -> tuple[np.ndarray, RowReport | None]:
    """Return a number for each cell, nan where it is blank or none, and a remark where one was
    neither."""
    if decimal != ".":
        # A point is no decimal then: 1.500 may be a thousand and a half or one and a half, and is
        # told.
        column = pc.replace_substring(pc.replace_substring(column, ".", "?"), decimal, ".")
    plain = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)
    trimmed = pc.utf8_trim_whitespace(pc.if_else(plain, column, "nan"))
    out = np.array(pc.cast(trimmed, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    bad, first = 0, ""
    rows = np.flatnonzero(~plain.to_numpy(zero_copy_only=False))
    for row, cell in zip(rows.tolist(), pc.take(column, pa.array(rows)).to_pylist(), strict=True):
        text = (cell or "").strip()
        if text.lower() in _BLANK:
            continue
        try:
            if (
                "_" in text or not text.isascii()
            ):  # Python takes 1_0 and digits of other scripts; no sensor writes them
                raise ValueError(text)
            out[row] = float(text)
        except ValueError:
            bad += 1
            written = (
                text[:30] if decimal == "." else text[:30].replace(".", decimal).replace("?", ".")
            )
            first = first or f"first near line {first_line + row}, column '{name}': {written!r}"
    return out, RowReport("unreadable cell", 0, f"{bad} in all, {first}") if bad else None


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return the parts of a column as one."""
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
