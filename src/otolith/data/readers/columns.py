"""A CSV or Parquet file -> named columns, with every row of the file accounted for.

The ending chooses the reader: `.parquet` and `.pq` are Parquet, everything else is CSV (`.gz` too).
Nothing here knows of sensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from otolith.core.errors import ReadError
from otolith.data.readers.cells import Columns as Columns
from otolith.data.readers.cells import Kind as Kind
from otolith.data.readers.csv_table import NO_LINE_END as NO_LINE_END
from otolith.data.readers.csv_table import CsvFormat as CsvFormat
from otolith.data.readers.csv_table import csv_names, read_csv, require
from otolith.data.readers.parquet import parquet_names, read_parquet

_DEFAULT = CsvFormat()


def read_columns(
    path: Path,
    wanted: Mapping[str, Kind],
    csv: CsvFormat | None = None,
    content: bytes | None = None,
) -> Columns:
    """Read some columns of one table, as numbers or as texts.

    content: what a CSV file holds, where it lies inside an archive; `path` then only names it.

    Raises ReadError naming the file where it is empty, not text, damaged, or lacks a column.

    >>> from pathlib import Path
    >>> table = read_columns(Path("a.csv"), {"t": "number"}, content=b"t,x\\n0,1\\n0.02,2\\n")
    >>> table.numbers["t"].tolist(), table.reports
    ([0.0, 0.02], ())
    """
    try:
        if is_parquet(path):
            require(path, wanted, parquet_names(path))
            return read_parquet(path, wanted)
        return read_csv(path, wanted, csv or _DEFAULT, content)
    except OSError as error:
        raise ReadError(
            f"{path} cannot be read: {error}. It may be cut off; copy it again."
        ) from error


def read_numbers(
    path: Path,
    names: Iterable[str],
    csv: CsvFormat | None = None,
    content: bytes | None = None,
    texts: Iterable[str] = (),
) -> Columns:
    """Read columns of numbers, and perhaps some of texts; otherwise as `read_columns`."""
    kinds: dict[str, Kind] = dict.fromkeys(names, "number")
    kinds |= dict.fromkeys(texts, "text")
    return read_columns(path, kinds, csv, content)


def header_of(path: Path, csv: CsvFormat | None = None) -> list[str]:
    """Return the names of a table's columns.

    Raises ReadError where the file is empty or not text.
    """
    return parquet_names(path) if is_parquet(path) else csv_names(path, csv or _DEFAULT)


def is_parquet(path: Path) -> bool:
    """Return whether a file is read as Parquet, by its ending."""
    return path.suffix.lower() in (".parquet", ".pq")
