"""A CSV file -> named columns, with every row of the file accounted for.

Broken rows are counted, never guessed at: a row with too few or too many cells is left out and
reported, a cell that is no number becomes nan and is reported by its line. The reading itself is
pyarrow's (https://arrow.apache.org/docs/python/csv.html); what it passes over is found here.
"""

from __future__ import annotations

import codecs
import io
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from annotated_types import Interval

from otolith.core.errors import ConfigError, ReadError, nearest
from otolith.core.foreign.packed import gunzip
from otolith.core.foreign.plain import opened, plain_size
from otolith.core.settings import settings
from otolith.data.readers.cells import Columns, Kind, cells_to_numbers, whole
from otolith.data.recording import RowReport

NO_LINE_END = "no line end"
"""Kind of the remark that the last line of a file does not end, so that it may have been cut."""
_CHUNK = 1 << 24  # bytes looked at in one go; a file may be larger than the memory
_LONGEST_HEADER = 1 << 20  # bytes; the header of a thousand sensors has 50,000
_LONGEST_NAME = 1000
_MOST_COLUMNS = 16_384  # as many as a spreadsheet has
_MOST_BROKEN = 1_000_000
# Codecs that do not encode letters; decoding with some of them takes minutes.
_NO_LETTERS = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf_7", "undefined")
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " "}


Lines = Annotated[int, Interval(ge=0, le=1_000_000)]


@settings
class CsvFormat:
    """How a CSV file is written."""

    delimiter: str = ","
    """What separates two cells; write "tab" or "\\t" for a tabulator."""
    decimal: Literal[".", ","] = "."
    """What separates the decimals: "." or ","."""
    encoding: str = "utf-8"
    """How the file's letters are written; old Windows programs write "cp1252"."""
    skip_rows: Lines = 0
    """Lines above the header."""
    skip_after_header: Lines = 0
    """Lines between the header and the first row, such as a line of units."""
    comment: str = ""
    """Lines above the header that begin with this are skipped as well."""
    header: bool = True
    """False where the first line is data already; the columns are then called "1", "2", "3" …"""

    def __post_init__(self) -> None:
        mark = self.separator
        # The unit separator of ASCII, \x1f, is what guessing a delimiter begins with.
        separates = len(mark) == 1 and (mark.isprintable() or mark in "\t\x1f")
        if not separates or not mark.isascii() or mark in ('"', self.decimal):
            raise ConfigError(
                f"[csv] delimiter = {self.delimiter!r} cannot separate cells; write one letter "
                "such as ',' or ';' that is not the decimal mark, or tab, or space."
            )

    @property
    def separator(self) -> str:
        """The character between two cells, where `delimiter` spells it out."""
        return _NAMED_DELIMITERS.get(self.delimiter, self.delimiter)


def read_csv(
    path: Path, wanted: Mapping[str, Kind], csv: CsvFormat, content: bytes | None = None
) -> Columns:
    """Read columns of a CSV file; arguments and errors as in `columns.read_columns`."""
    text = _Text.load(path, csv, content)
    require(path, wanted, text.names, csv)
    types = {
        name: pa.float64() if kind == "number" else pa.string() for name, kind in wanted.items()
    }
    try:
        table, broken = text.parse(types)
    except pa.ArrowException:
        # Some cell is no number. Read cell by cell: slow, but only damaged files come this way.
        try:
            table, broken = text.parse(dict.fromkeys(types, pa.string()))
        except pa.ArrowException as error:
            raise ReadError(f"{path} is no table: {error}.") from error
    reports = text.unread(table.num_rows, broken)
    if not table.num_rows:
        if not reports:
            raise _no_row(path)
        raise ReadError(
            f"{path} has no whole row: the header names {len(text.names)} columns, "
            f"{reports[0].detail}. Check delimiter and skip_rows under [csv]."
        )

    numbers: dict[str, np.ndarray] = {}
    texts: dict[str, pa.Array] = {}
    remarks: dict[str, RowReport] = {}
    for name, kind in wanted.items():
        column = whole(table[name])
        if kind == "text":
            texts[name] = column
        elif pa.types.is_string(column.type):
            numbers[name], remark = cells_to_numbers(
                column, name, csv.decimal, text.lines_above + 1
            )
            remarks |= {name: remark} if remark else {}
        else:
            numbers[name] = column.to_numpy(zero_copy_only=False)
    # A packed file has a checksum; of a plain one nobody knows whether its last line is whole.
    if content is None and path.suffix.lower() != ".gz" and not text.ends():
        cut = RowReport(NO_LINE_END, 0, "the last line does not end; it may have been cut")
        reports = (*reports, cut)
    return Columns(path, numbers, texts, reports, remarks)


def csv_names(path: Path, csv: CsvFormat) -> list[str]:
    """Return the names in a CSV file's header; ReadError where the file is empty or not text."""
    return _Text.load(path, csv).names


def require(
    path: Path, wanted: Iterable[str], names: Sequence[str], csv: CsvFormat | None = None
) -> None:
    """Raise ReadError where a column is missing, or where two have its name.

    The message lists the columns, and names a likely delimiter where the header is one long cell.
    """
    for name in wanted:
        if (count := names.count(name)) > 1:
            raise ReadError(f"{path} has {count} columns called '{name}'; give each its own name.")
        if not count:
            hint = (csv and _delimiter_hint(names)) or nearest(name, names)
            listed = ", ".join(repr(name[:40]) for name in names[:30])
            raise ReadError(f"{path} has no column '{name}'; its columns are {listed}.{hint}")


def _delimiter_hint(names: Sequence[str]) -> str:
    if len(names) != 1:
        return ""
    other = next((mark for mark in (";", "\t", ",", " ", "|") if mark in names[0]), "")
    shown = {"\t": "tab", " ": "space"}.get(other, other)
    if not shown:
        return ""
    return f' The cells look separated by {shown}: write delimiter = "{shown}" under [csv].'


@dataclass
class _Broken:
    """How many rows had too few or too many cells, and the first of them."""

    count: int = 0
    line: int = 0
    cells: int = 0

    def note(self, row: pa_csv.InvalidRow) -> str:
        """Count a row; beyond a million the file is no table, and reading it takes minutes."""
        if not self.count:
            self.line, self.cells = row.number or 0, row.actual_columns
        self.count += 1
        return "skip" if self.count <= _MOST_BROKEN else "error"


@dataclass(frozen=True)
class _Text:
    """The text of one CSV file in UTF-8, with its header already read."""

    path: Path
    csv: CsvFormat
    source: pa.Buffer = field(repr=False)
    names: list[str]
    lines_above: int
    """Lines above the first row of data."""

    @classmethod
    def load(cls, path: Path, csv: CsvFormat, content: bytes | None = None) -> _Text:
        """Open a file, hold all of it against its encoding, and read its header."""
        source = _decoded(path, csv, content)
        return cls(path, csv, source, *_header(path, source, csv))

    def parse(self, types: Mapping[str, pa.DataType]) -> tuple[pa.Table, _Broken]:
        """Read columns of given types, and count the rows of another width.

        Raises ReadError for text that is none and a file without rows, ArrowException otherwise:
        for cells of another type.
        """
        broken = _Broken()
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(self.source),
                # One thread: only then does a broken row know its line.
                read_options=pa_csv.ReadOptions(
                    use_threads=False, column_names=self.names, skip_rows=self.lines_above
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.csv.separator, invalid_row_handler=broken.note
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict(types),
                    include_columns=list(types),
                    decimal_point=self.csv.decimal,
                ),
            )
        except pa.ArrowException as error:
            if "UTF8" in str(error):
                raise ReadError(_not_text(self.path, self.csv.encoding)) from error
            if "Could not skip" in str(error) or "Empty CSV" in str(error):
                raise _no_row(self.path) from error
            raise
        return table, broken

    def unread(self, kept: int, broken: _Broken) -> tuple[RowReport, ...]:
        """Return a report for each kind of row that the parser did not return."""
        reports = []
        if broken.count:
            cells = f"{broken.cells} cells where the header has {len(self.names)}"
            detail = f"first in line {broken.line}: {cells}"
            reports.append(RowReport("broken row", broken.count, detail))
        read = kept + broken.count
        if _count(self.source, b"\n") - self.lines_above > read:
            # Blank lines are no rows; other missing ones stand inside an unpaired quote mark.
            above = self.lines_above
            with io.BytesIO(self.source) as lines:
                filled = sum(n >= above and bool(line.strip()) for n, line in enumerate(lines))
            if (swallowed := filled - read) > 0:
                detail = "inside an unpaired quote mark, or a cell of several lines"
                reports.append(RowReport("swallowed row", swallowed, detail))
        return tuple(reports)

    def ends(self) -> bool:
        """Return whether the last line ends, if only with the zeros of a logger's free space."""
        return bytes(self.source[-1:]) in (b"\n", b"\0")


def _decoded(path: Path, csv: CsvFormat, content: bytes | None) -> pa.Buffer:
    """Return a file's text in UTF-8; a file that is UTF-8 already is mapped, not copied."""
    source = _bytes(path, content)
    try:
        if csv.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
            # The parser looks at the letters of some cells only: here all is text, or nothing is.
            decoder = codecs.getincrementaldecoder("utf-8")()
            for part, last in _parts(source):
                decoder.decode(part, final=last)
        else:
            source = pa.py_buffer(bytes(source).decode(_codec(csv.encoding)).encode())
    except UnicodeError as error:
        raise ReadError(_not_text(path, csv.encoding)) from error
    except LookupError as error:
        raise ReadError(
            f"{path}: there is no encoding '{csv.encoding}'; common are utf-8, cp1252, utf-16."
        ) from error
    if not len(source):
        raise _empty(path)
    if _count(source, b"\r") != _count(source, b"\r\n"):
        # A carriage return alone ends a line too, on old Macs and for the parser.
        source = pa.py_buffer(bytes(source).replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    return source


def _bytes(path: Path, content: bytes | None) -> pa.Buffer:
    if content is not None:
        return pa.py_buffer(content)
    if path.suffix.lower() == ".gz":
        return pa.py_buffer(gunzip(path))
    if plain_size(path) == 0:  # an empty file cannot be mapped
        raise _empty(path)
    with opened(path) as file:
        return pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _codec(encoding: str) -> str:
    """Return an encoding that encodes letters; raise LookupError for any other name."""
    if "\0" in encoding or codecs.lookup(encoding).name.replace("-", "_") in _NO_LETTERS:
        raise LookupError(encoding)
    return encoding


def _parts(source: pa.Buffer, more: int = 0) -> Iterator[tuple[bytes, bool]]:
    """The bytes of a file in pieces that overlap by `more`, and whether each is the last."""
    view = memoryview(source)
    for at in range(0, len(view), _CHUNK):
        yield bytes(view[at : at + _CHUNK + more]), at + _CHUNK >= len(view)


def _count(source: pa.Buffer, what: bytes) -> int:
    return sum(part.count(what) for part, _ in _parts(source, len(what) - 1))


def _header(path: Path, source: pa.Buffer, csv: CsvFormat) -> tuple[list[str], int]:
    """Return the columns' names, and how many lines stand above the first row."""
    line, above = _header_line(source, csv)
    if len(line) > _LONGEST_HEADER:
        raise ReadError(
            f"{path}, line {above + 1}: a line of {len(line):,} or more letters; "
            "this is no table of text."
        )
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ReadError(_not_text(path, csv.encoding)) from error
    if not text.strip() or "\x00" in text:
        raise ReadError(f"{path} has no header in line {above + 1}; it is not a table of text.")
    cells = [cell.strip().strip('"').strip() for cell in text.split(csv.separator)]
    if len(cells) > _MOST_COLUMNS:
        raise ReadError(f"{path} has {len(cells):,} columns; at most {_MOST_COLUMNS:,} are read.")
    if not csv.header:
        return [str(number + 1) for number in range(len(cells))], above
    if (longest := max(map(len, cells))) > _LONGEST_NAME:
        raise ReadError(
            f"{path} has a column whose name is {longest:,} letters long; this is no table of text."
        )
    return cells, above + 1 + csv.skip_after_header


def _header_line(source: pa.Buffer, csv: CsvFormat) -> tuple[bytes, int]:
    """Return the first line below the skipped ones, and how many lines stand above it."""
    comment = csv.comment.encode()
    with io.BytesIO(memoryview(source)[:_CHUNK]) as beginning:
        above = 0
        while above < csv.skip_rows and beginning.readline():
            above += 1
        line = beginning.readline()
        while line and ((comment and line.startswith(comment)) or not line.strip()):
            line = beginning.readline()
            above += 1
    return line, above


def _empty(path: Path) -> ReadError:
    return ReadError(f"{path} is empty (0 bytes). Leave it out, or copy it from the device again.")


def _no_row(path: Path) -> ReadError:
    return ReadError(f"{path} holds a header but no row. Leave it out, or record it again.")


def _not_text(path: Path, encoding: str) -> str:
    return (
        f"{path} is not {encoding} text. If it is a table, state how it was written, such as "
        'encoding = "cp1252" (Western Windows) or "utf-16" under [csv]; if not, narrow the pattern '
        "under [files]."
    )
