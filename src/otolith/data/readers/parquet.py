"""Somebody's Parquet file -> columns, its size held against the limit before anything is unpacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from otolith.core.errors import OtolithError, ReadError
from otolith.core.foreign.plain import opened, plain_size
from otolith.core.limits import refuse_large
from otolith.data.readers.cells import cells_to_numbers, whole
from otolith.data.recording import RowReport

_ROWS = 1 << 16


def parquet_names(path: Path) -> list[str]:
    """Return the names of a Parquet file's columns; ReadError where it is none."""
    with _file(path) as file:
        return list(file.schema_arrow.names)


def read_parquet(
    path: Path, wanted: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], dict[str, pa.Array], dict[str, RowReport]]:
    """Return numbers and texts of the wanted columns, and what was wrong with cells.

    Raises ReadError where the file is damaged, has no row, or unpacks to more than the limit.
    """
    packed = plain_size(path)
    with _file(path) as file:
        types = {name: file.schema_arrow.field(name).type for name in wanted}
        # Words stay in a dictionary, where a million rows of one long text take it once.
        words = [name for name, type in types.items() if _is_text(type)]
        _refuse_bomb(path, packed, file.metadata, list(wanted))
    with _file(path, words) as file:
        table = _rows(path, packed, file, list(dict.fromkeys(wanted)))
        if not table.num_rows:
            raise ReadError(f"{path} holds columns but no row. Leave it out, or record it again.")
        numbers: dict[str, np.ndarray] = {}
        texts: dict[str, pa.Array] = {}
        remarks: dict[str, RowReport] = {}
        for name, kind in wanted.items():
            column = _spelt_out(path, packed, table[name])
            if kind == "text":
                texts[name] = (
                    column if pa.types.is_timestamp(column.type) else column.cast(pa.string())
                )
                texts[name].validate(
                    full=True
                )  # letters that are none, which nothing could write again
            elif _is_text(column.type):
                numbers[name], remark = cells_to_numbers(column.cast(pa.string()), name, ".", 1)
                remarks |= {name: remark} if remark else {}
            else:
                numbers[name] = _numbers(path, name, column)
    return numbers, texts, remarks


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


def _refuse_bomb(path: Path, packed: int, about: Any, names: Sequence[str]) -> None:
    """Hold what the file says of itself against the limit: rows of numbers, and pages before they
    are decoded."""
    # Not column by column: Arrow ends the process where a damaged column's metadata contradicts
    # itself.
    pages = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    refuse_large(path, packed, max(about.num_rows * 8 * len(set(names)), pages))


def _rows(path: Path, packed: int, file: Any, names: list[str]) -> pa.Table:
    batches, taken = [], 0
    for batch in file.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
        taken += batch.nbytes
        refuse_large(path, packed, taken)
        batches.append(batch)
    return (
        pa.Table.from_batches(batches)
        if batches
        else pa.table({name: pa.array([]) for name in names})
    )


def _spelt_out(path: Path, packed: int, column: pa.ChunkedArray) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return whole(column)
    for chunk in column.chunks:
        lengths = (
            pc.binary_length(chunk.dictionary) if _is_text(chunk.dictionary.type) else pa.array([8])
        )
        longest = pc.max(lengths).as_py() or 0
        if longest * len(chunk):
            refuse_large(path, packed, pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0)
    return whole(column.cast(column.type.value_type))


@contextmanager
def _file(path: Path, words: Sequence[str] = ()) -> Iterator[Any]:
    # Opened here: a name that is not UTF-8 is none that Arrow could open.
    with opened(path) as opened_file:
        try:
            with pq.ParquetFile(
                opened_file, read_dictionary=list(words) or None, page_checksum_verification=True
            ) as file:
                yield file
        except (OtolithError, MemoryError):
            raise
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            ArithmeticError,
            pa.ArrowException,
        ) as error:
            raise ReadError(
                f"{path} is no readable Parquet file ({error}). Write or copy it again."
            ) from error
