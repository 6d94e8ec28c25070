"""Parquet files of ours, read within bounds: no memory is taken on a file's own word."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from otolith.core.errors import ReadError, StudyError
from otolith.core.foreign import plain
from otolith.core.limits import refuse_large
from otolith.core.thrift import read_struct

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_COLUMNS = 10_000
_DAMAGE = (OSError, ValueError, LookupError, TypeError, ArithmeticError, MemoryError)
"""What reading a damaged file can end in, beside Arrow's own errors."""


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file, or some of its columns in their order; texts come as dictionaries.

    Raises StudyError where it is missing or damaged, lacks a column, or would unpack to too much.
    """
    import pyarrow as pa

    try:
        with plain.opened(path) as opened:
            packed = path.stat().st_size
            with _file(opened) as file:
                schema, metadata = file.schema_arrow, file.metadata
                names = _checked_columns(path, schema.names, columns)
                refuse_large(path, packed, _unpacked_bytes(opened, metadata, schema))
            # A long text in a million rows is held once.
            words = [name for name in names if _is_text(schema.field(name).type)]
            with _file(opened, words) as file:
                table = file.read(columns=names, use_threads=False).select(names)
            table.validate(full=True)
            return table
    except StudyError:
        raise
    except ReadError as error:
        raise StudyError(str(error)) from error
    except (*_DAMAGE, pa.ArrowException) as error:
        raise StudyError(
            f"{path} is {'damaged' if path.exists() else 'missing'} ({error}). Write it again."
        ) from error


def write_parquet(path: Path, table: pa.Table, compression: str = "zstd") -> None:
    """Write a table, each page with a checksum: zstd alone does not notice a page of zeros."""
    import pyarrow.parquet as pq

    with path.open("wb") as out:  # Arrow itself opens no file whose name is not UTF-8
        pq.write_table(table, out, compression=compression, write_page_checksum=True)


def _file(opened: BinaryIO, words: Sequence[str] = ()) -> Any:
    import pyarrow.parquet as pq

    opened.seek(0)
    # Twice as fast as read_table, which prepares for many files and threads; studies have thousands
    # of small ones.
    return pq.ParquetFile(
        opened, read_dictionary=list(words) or None, page_checksum_verification=True
    )


def _checked_columns(path: Path, names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    if len(set(names)) < len(names) or len(names) > _MOST_COLUMNS:
        raise StudyError(
            f"{path} has {len(names)} columns, some of one name or too many. Write it again."
        )
    if missing := [name for name in columns or () if name not in names]:
        raise StudyError(
            f"{path} is damaged, or has no column {', '.join(missing)}; found "
            f"{', '.join(names[:20])}. Write it again."
        )
    return list(names if columns is None else columns)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _unpacked_bytes(opened: BinaryIO, metadata: Any, schema: Any) -> int:
    """What a file needs in memory by its own word: its pages, or 8 bytes a value if that is more.

    Arrow's own view of a column's metadata ends the process where a damaged one contradicts itself,
    so only counts of rows are asked for, and lists, whose rows hold any number of values, are
    counted in the file's last bytes.
    """
    import pyarrow as pa

    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    sizes, counts = [g.total_byte_size for g in groups], [g.num_rows for g in groups]
    pages, rows = sum(sizes), sum(counts)
    if min([*sizes, *counts], default=0) < 0 or rows != metadata.num_rows:
        raise ValueError("its counts of rows contradict one another")
    values = rows * len(schema.names)
    if any(pa.types.is_nested(field.type) for field in schema):
        values += _counted_values(opened)
    return int(max(pages, 8 * values))


def _counted_values(opened: BinaryIO) -> int:
    """How many values all columns of a file say that they hold."""
    opened.seek(-8, os.SEEK_END)
    length = int.from_bytes(opened.read(4), "little")
    opened.seek(-8 - length, os.SEEK_END)
    footer = read_struct(BytesIO(opened.read(length)))
    # FileMetaData.row_groups, RowGroup.columns, ColumnChunk.meta_data, ColumnMetaData.num_values of
    # parquet.thrift
    counts = [chunk[3][5] for group in footer[4] for chunk in group[1]]
    if min(counts, default=0) < 0:
        raise ValueError("it counts below zero")
    return int(sum(counts))


def number_column(path: Path, table: pa.Table, name: str) -> np.ndarray:
    """Return a column as numbers, nan for null; StudyError where it holds anything else."""
    import pyarrow as pa

    column = table[name]
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        raise StudyError(f"{path}: column {name} holds {kind}, not numbers. Write it again.")
    numbers: np.ndarray = column.to_numpy()
    return numbers


def text_column(path: Path, table: pa.Table, name: str) -> list[str | None]:
    """Return a column as texts; StudyError where it holds anything else."""
    import pyarrow as pa

    kind = table[name].type
    if pa.types.is_null(kind):
        return [None] * len(table)
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not _is_text(kind):
        raise StudyError(f"{path}: column {name} holds {kind}, not texts. Write it again.")
    out: list[str | None] = []
    for chunk in table[name].chunks:
        if isinstance(chunk, pa.DictionaryArray):
            words = chunk.dictionary.to_pylist()
            out += [None if at is None else words[at] for at in chunk.indices.to_pylist()]
        else:
            out += chunk.to_pylist()
    return out


def list_column(path: Path, table: pa.Table, name: str) -> list[list[float] | None]:
    """Return a column of lists of numbers; StudyError where it holds anything else."""
    import pyarrow as pa

    kind, types = table[name].type, pa.types
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not lists or not (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        raise StudyError(
            f"{path}: column {name} holds {kind}, not lists of numbers. Write it again."
        )
    cells: list[list[float] | None] = table[name].to_pylist()
    return cells
