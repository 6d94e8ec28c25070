"""A CSV or Parquet file -> named columns, with every row of the file accounted for.

Broken rows are counted, never guessed at: a row with too few or too many cells is left out and
reported, a cell that is no number becomes nan and is reported by its line. Nothing here knows of
sensors.
"""

from __future__ import annotations

import codecs
import io
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from annotated_types import Interval

from otolith.core.errors import ReadError, nearest
from otolith.core.foreign.packed import gunzip
from otolith.core.foreign.plain import opened, plain_size
from otolith.core.settings import settings
from otolith.data.readers.cells import cells_to_numbers, whole
from otolith.data.readers.parquet import parquet_names, read_parquet
from otolith.data.recording import RowReport

Kind = Literal["number", "text"]
_CHUNK = 1 << 24
_LONGEST_HEADER = 1 << 20  # bytes; the header of a thousand sensors has 50,000
_LONGEST_NAME = 1000
_MOST_COLUMNS = 16_384  # as many as a spreadsheet has
_MOST_BROKEN = 1_000_000
# Codecs that are no way of writing letters, and some of which take minutes.
_NO_LETTERS = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf_7", "undefined")
NO_LINE_END = "no line end"
"""Kind of the remark that the last line of a file does not end, so that it may have been cut."""


@settings
class CsvFormat:
    """How a CSV file is written."""

    delimiter: str = ","
    """What stands between two cells; write "tab" or "\\t" for a tabulator."""
    decimal: str = "."
    """What stands before the decimals: "." or ","."""
    encoding: str = "utf-8"
    """How the file's letters are written; old Windows programs write "cp1252"."""
    skip_rows: Annotated[int, Interval(ge=0, le=1_000_000)] = 0
    """Lines above the header."""
    skip_after_header: Annotated[int, Interval(ge=0, le=1_000_000)] = 0
    """Lines between the header and the first row, such as a line of units."""
    comment: str = ""
    """Lines above the header that begin with this are skipped as well."""
    header: bool = True
    """False where the first line is data already; the columns are then called "1", "2", "3" …"""


@dataclass(frozen=True)
class Columns:
    """Some columns of one file, each as long as the rows that could be told apart."""

    path: Path
    numbers: dict[str, np.ndarray]
    """name -> (T,) float64, nan where the cell is blank or no number."""
    texts: dict[str, pa.Array]
    """name -> (T,) strings, or stamps where a Parquet file has a time type."""
    reports: tuple[RowReport, ...]
    """Rows of the file that are not in the columns."""
    remarks: Mapping[str, RowReport]
    """name -> what was wrong with cells of that column; its rows are in the columns, as nan."""

    def __len__(self) -> int:
        for column in (*self.numbers.values(), *self.texts.values()):
            return len(column)
        return 0


def read_columns(
    path: Path,
    wanted: Mapping[str, Kind],
    csv: CsvFormat | None = None,
    content: bytes | None = None,
) -> Columns:
    """Read the wanted columns of one table; Parquet by its ending, everything else as CSV (`.gz`
    too).

    content: what a CSV file holds, where it lies inside of an archive; `path` then only names it.

    Raises ReadError naming the file where it is empty, not text, damaged, or lacks a column.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            _require(path, wanted, parquet_names(path))
            numbers, texts, remarks = read_parquet(path, wanted)
            return Columns(path, numbers, texts, (), remarks)
        return _read_csv(path, wanted, csv or CsvFormat(), content)
    except OSError as error:
        raise ReadError(
            f"{path} cannot be read: {error}. It may be cut off; copy it again."
        ) from error


def header_of(path: Path, csv: CsvFormat | None = None) -> list[str]:
    """Return the names of a table's columns.

    Raises ReadError where the file is empty or not text.
    """
    if path.suffix.lower() in (".parquet", ".pq"):
        return parquet_names(path)
    return _header(path, _csv_bytes(path, csv or CsvFormat()), csv or CsvFormat())[0]


def _read_csv(
    path: Path, wanted: Mapping[str, Kind], csv: CsvFormat, content: bytes | None = None
) -> Columns:
    source = _csv_bytes(path, csv, content)
    names, lines_above = _header(path, source, csv)
    _require(path, wanted, names, csv)
    types = {
        name: pa.float64() if kind == "number" else pa.string() for name, kind in wanted.items()
    }
    remarks: dict[str, RowReport] = {}
    try:
        table, broken = _parse(source, names, types, lines_above, csv)
        parsed = {name: whole(table[name]) for name in types}
        numbers = {
            n: parsed[n].to_numpy(zero_copy_only=False)
            for n, kind in wanted.items()
            if kind == "number"
        }
    except pa.ArrowException as error:
        if "UTF8" in str(error):
            raise ReadError(_not_text(path, csv.encoding)) from error
        if "Could not skip" in str(error) or "Empty CSV" in str(error):
            raise ReadError(
                f"{path} holds a header but no row. Leave it out, or record it again."
            ) from error
        # Some cell is no number. Read cell by cell instead: slow, but only damaged files come this
        # way.
        try:
            table, broken = _parse(
                source, names, dict.fromkeys(types, pa.string()), lines_above, csv
            )
        except pa.ArrowException as second:
            reason = (
                _not_text(path, csv.encoding)
                if "UTF8" in str(second)
                else f"{path} is no table: {second}."
            )
            raise ReadError(reason) from second
        parsed = {name: whole(table[name]) for name in types}
        numbers = {}
        for name in (n for n, kind in wanted.items() if kind == "number"):
            numbers[name], remark = cells_to_numbers(
                parsed[name], name, csv.decimal, lines_above + 1
            )
            remarks |= {name: remark} if remark else {}
    reports = _broken_rows(source, table.num_rows, broken, lines_above, len(names))
    if not table.num_rows and not reports:
        raise ReadError(f"{path} holds a header but no row. Leave it out, or record it again.")
    if not table.num_rows:
        raise ReadError(
            f"{path} has no whole row: the header names {len(names)} columns, {reports[0].detail}. "
            "Check delimiter and skip_rows under [csv]."
        )
    texts = {name: parsed[name] for name, kind in wanted.items() if kind == "text"}
    # What is packed has a checksum; of plain text nobody knows whether the last line is whole.
    if (
        content is None
        and path.suffix.lower() != ".gz"
        and bytes(source[-1:]) not in (b"\n", b"\0")
    ):
        reports = (
            *reports,
            RowReport(NO_LINE_END, 0, "the last line does not end; it may have been cut"),
        )
    return Columns(path, numbers, texts, reports, remarks)


def _parse(
    source: pa.Buffer,
    names: Sequence[str],
    types: Mapping[str, pa.DataType],
    lines_above: int,
    csv: CsvFormat,
) -> tuple[pa.Table, _Broken]:
    broken = _Broken()

    table = pa_csv.read_csv(
        pa.BufferReader(source),
        # One thread: only then does a broken row know its line.
        read_options=pa_csv.ReadOptions(
            use_threads=False, column_names=list(names), skip_rows=lines_above
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=_delimiter(csv), invalid_row_handler=broken.note
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(types), include_columns=list(types), decimal_point=csv.decimal
        ),
    )
    return table, broken


@dataclass
class _Broken:
    """How many rows had too few or too many cells, and the first of them."""

    count: int = 0
    line: int = 0
    cells: int = 0

    def note(self, row: Any) -> str:
        """Count one more; beyond a million the file is no table, and reading it would take minutes."""
        if not self.count:
            self.line, self.cells = row.number or 0, row.actual_columns
        self.count += 1
        return "skip" if self.count <= _MOST_BROKEN else "error"


def _broken_rows(
    source: pa.Buffer, kept: int, broken: _Broken, lines_above: int, width: int
) -> tuple[RowReport, ...]:
    reports = []
    if broken.count:
        detail = f"first in line {broken.line}: {broken.cells} cells where the header has {width}"
        reports.append(RowReport("broken row", broken.count, detail))
    if _line_ends(source) - lines_above > kept + broken.count:
        # Blank lines are no rows; what is missing beyond them stands inside an unpaired quote mark.
        with io.BytesIO(source) as every:
            lines = sum(
                1 for number, line in enumerate(every) if number >= lines_above and line.strip()
            )
        swallowed = lines - kept - broken.count
        if swallowed > 0:
            reports.append(
                RowReport(
                    "swallowed row", swallowed, "inside an unpaired quote mark, or a cell of lines"
                )
            )
    return tuple(reports)


def _line_ends(source: pa.Buffer) -> int:
    return _count(source, b"\n")


def _count(source: pa.Buffer, what: bytes) -> int:
    view, more = memoryview(source), len(what) - 1
    return sum(
        bytes(view[at : at + _CHUNK + more]).count(what) for at in range(0, len(view), _CHUNK)
    )


def _csv_bytes(path: Path, csv: CsvFormat, content: bytes | None = None) -> pa.Buffer:
    try:
        if content is not None:
            source = pa.py_buffer(content)
        elif path.suffix.lower() == ".gz":
            source = pa.py_buffer(gunzip(path))
        else:
            if plain_size(path) == 0:
                raise ReadError(
                    f"{path} is empty (0 bytes). Leave it out, or copy it from the device again."
                )
            with opened(path) as file:
                source = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if csv.encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig"):
            if (
                "\0" in csv.encoding
                or codecs.lookup(csv.encoding).name.replace("-", "_") in _NO_LETTERS
            ):
                raise LookupError(csv.encoding)
            source = pa.py_buffer(bytes(source).decode(csv.encoding).encode())
        else:
            _refuse_other_letters(source)
    except UnicodeError as error:
        raise ReadError(_not_text(path, csv.encoding)) from error
    except LookupError as error:
        raise ReadError(
            f"{path}: there is no encoding '{csv.encoding}'; common are utf-8, cp1252, utf-16."
        ) from error
    if not len(source):
        raise ReadError(
            f"{path} is empty (0 bytes). Leave it out, or copy it from the device again."
        )
    if _count(source, b"\r") != _count(source, b"\r\n"):
        # A carriage return alone ends a line too, for old Macs and for the parser: then let all
        # lines end alike.
        source = pa.py_buffer(bytes(source).replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    return source


def _refuse_other_letters(source: pa.Buffer) -> None:
    # The parser looks at the letters of some cells only; here all of a file is text or none of it.
    decoder, view = codecs.getincrementaldecoder("utf-8")(), memoryview(source)
    for at in range(0, len(view), _CHUNK):
        decoder.decode(bytes(view[at : at + _CHUNK]), final=at + _CHUNK >= len(view))


def _header(path: Path, source: pa.Buffer, csv: CsvFormat) -> tuple[list[str], int]:
    # The names, and how many lines stand above the first row.
    with io.BytesIO(memoryview(source)[:_CHUNK]) as beginning:
        above = 0
        while above < csv.skip_rows and beginning.readline():
            above += 1
        line = beginning.readline()
        while line and (
            (csv.comment and line.startswith(csv.comment.encode())) or not line.strip()
        ):
            line = beginning.readline()
            above += 1
    if len(line) > _LONGEST_HEADER:
        raise ReadError(
            f"{path}, line {above + 1}: a line of {len(line):,} or more letters; it is no table of "
            f"text."
        )
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ReadError(_not_text(path, csv.encoding)) from error
    if not text.strip() or "\x00" in text:
        raise ReadError(f"{path} has no header in line {above + 1}; it is not a table of text.")
    cells = [cell.strip().strip('"').strip() for cell in text.split(_delimiter(csv))]
    if len(cells) > _MOST_COLUMNS:
        raise ReadError(f"{path} has {len(cells):,} columns; at most {_MOST_COLUMNS:,} are read.")
    if csv.header and (longest := max(map(len, cells))) > _LONGEST_NAME:
        raise ReadError(
            f"{path} has a column whose name is {longest:,} letters long; it is no table of text."
        )
    if csv.header:
        return cells, above + 1 + csv.skip_after_header
    return [str(number + 1) for number in range(len(cells))], above


def _require(
    path: Path, wanted: Mapping[str, Kind], names: Sequence[str], csv: CsvFormat | None = None
) -> None:
    for name in wanted:
        if name in names:
            if names.count(name) > 1:
                raise ReadError(
                    f"{path} has {names.count(name)} columns called '{name}'; give each its own "
                    f"name."
                )
            continue
        hint = nearest(name, names)
        if csv and len(names) == 1:
            other = next((d for d in (";", "\t", ",", " ", "|") if d in names[0]), None)
            shown = {"\t": "tab", " ": "space"}.get(other or "", other)
            hint = (
                f' The cells look parted by {shown}: write delimiter = "{shown}" under [csv].'
                if other
                else hint
            )
        shown_names = ", ".join(repr(n[:40]) for n in list(names)[:30])
        raise ReadError(f"{path} has no column '{name}'; its columns are {shown_names}.{hint}")


def _delimiter(csv: CsvFormat) -> str:
    return {"tab": "\t", "\\t": "\t", "space": " "}.get(csv.delimiter, csv.delimiter)


def _not_text(path: Path, encoding: str) -> str:
    return (
        f"{path} is not {encoding} text. If it is a table, state how it was written, such as "
        'encoding = "cp1252" (Western Windows) or "utf-16" under [csv]; if not, narrow the pattern '
        "under [files]."
    )
