"""A Parquet file from outside -> columns, its size held against the limit before it is unpacked.

Such a file can be small and unpack to terabytes, and its metadata may lie. So the rows and pages
that it declares are counted first, and what arrives is counted again batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from otolith.core.errors import OtolithError, ReadError
from otolith.core.foreign.plain import opened, plain_size
from otolith.core.limits import refuse_large
from otolith.data.readers.cells import Columns, Kind, cells_to_numbers, whole
from otolith.data.recording import RowReport

_ROWS = 1 << 16
# What Arrow raises for damaged files, beside its own exceptions.
_DAMAGE = (OSError, ValueError, LookupError, TypeError, ArithmeticError, pa.ArrowException)


def parquet_names(path: Path) -> list[str]:
    """Return the names of a Parquet file's columns; ReadError where it is none."""
    with _file(path) as file:
        return list(file.schema_arrow.names)


def read_parquet(path: Path, wanted: Mapping[str, Kind]) -> Columns:
    """Read columns of a Parquet file; a column of text is read as numbers where these are wanted.

    Raises ReadError where the file is damaged, has no row, or unpacks to more than the limit.
    """
    packed = plain_size(path)
    with _file(path) as file:
        types = {name: file.schema_arrow.field(name).type for name in wanted}
        _refuse_bomb(path, packed, file.metadata, len(types))
    # Texts stay in a dictionary, where a million rows of one long text take it once.
    with _file(path, [name for name, type in types.items() if _is_text(type)]) as file:
        table = _rows(path, packed, file, list(types))
        if not table.num_rows:
            raise ReadError(f"{path} holds columns but no row. Leave it out, or record it again.")
        numbers: dict[str, np.ndarray] = {}
        texts: dict[str, pa.Array] = {}
        remarks: dict[str, RowReport] = {}
        for name, kind in wanted.items():
            column = _spelt_out(path, packed, table[name])
            if kind == "text":
                texts[name] = _text(column)
            elif _is_text(column.type):
                numbers[name], remark = cells_to_numbers(column.cast(pa.string()), name, ".", 1)
                remarks |= {name: remark} if remark else {}
            else:
                numbers[name] = _numbers(path, name, column)
    return Columns(path, numbers, texts, (), remarks)


def _text(column: pa.Array) -> pa.Array:
    text = column if pa.types.is_timestamp(column.type) else column.cast(pa.string())
    text.validate(full=True)  # bytes that are no UTF-8, which no file could hold again
    return text


def _numbers(path: Path, name: str, column: pa.Array) -> np.ndarray:
    try:
        plain = column.cast(pa.float64(), safe=False)
    except pa.ArrowException as error:
        raise ReadError(f"{path}: column '{name}' holds {column.type}, not numbers.") from error
    values = np.array(plain.to_numpy(zero_copy_only=False), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _is_text(type: pa.DataType) -> bool:
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type))


def _refuse_bomb(path: Path, packed: int, about: pq.FileMetaData, columns: int) -> None:
    """Hold what the file declares against the limit: rows of numbers, and pages when decoded."""
    # Not column by column: where a damaged column's metadata contradicts itself, Arrow ends the
    # whole process.
    pages = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    refuse_large(path, packed, max(about.num_rows * 8 * columns, pages))


def _rows(path: Path, packed: int, file: pq.ParquetFile, names: list[str]) -> pa.Table:
    batches, taken = [], 0
    for batch in file.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
        taken += batch.nbytes
        refuse_large(path, packed, taken)
        batches.append(batch)
    if not batches:
        return pa.table({name: pa.array([]) for name in names})
    return pa.Table.from_batches(batches)


def _spelt_out(path: Path, packed: int, column: pa.ChunkedArray) -> pa.Array:
    """Return a dictionary column as plain values, if these stay below the limit."""
    if not pa.types.is_dictionary(column.type):
        return whole(column)
    for chunk in column.chunks:
        words = chunk.dictionary
        lengths = pc.binary_length(words) if _is_text(words.type) else pa.array([8])
        # The exact sum needs memory itself, so it is made only where any text is in use.
        if (pc.max(lengths).as_py() or 0) * len(chunk):
            refuse_large(path, packed, pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0)
    return whole(column.cast(column.type.value_type))


@contextmanager
def _file(path: Path, words: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; all that Arrow raises inside the block becomes a ReadError."""
    # Opened here: Arrow cannot open a path that is not UTF-8.
    with opened(path) as plain:
        try:
            with pq.ParquetFile(
                plain, read_dictionary=list(words) or None, page_checksum_verification=True
            ) as file:
                yield file
        except (OtolithError, MemoryError):
            raise
        except _DAMAGE as error:
            raise ReadError(
                f"{path} is no readable Parquet file ({error}). Write or copy it again."
            ) from error
