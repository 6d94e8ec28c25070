"""Damage that knows Parquet and BVH: other columns, types and counts, written anew as if they were
meant."""

from __future__ import annotations

import io
import random
import re
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from fuzz.kinds import ABSURD_TEXTS, Kind, Made, kind


def footer_length(content: bytes, rng: random.Random) -> bytes:
    """A footer that says another length."""
    lie = rng.choice((0, 1, 2**31 - 1, 2**32 - 1, len(content), rng.randrange(2**32)))
    return content[:-8] + lie.to_bytes(4, "little") + content[-4:]


def footer_flips(content: bytes, rng: random.Random) -> bytes:
    """Bits of the footer."""
    length = int.from_bytes(content[-8:-4], "little")
    out = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        out[len(out) - 9 - rng.randrange(max(1, min(length, len(out) - 9)))] ^= 1 << rng.randrange(
            8
        )
    return bytes(out)


def footer_noise(content: bytes, rng: random.Random) -> bytes:
    """A stretch of the footer."""
    length = int.from_bytes(content[-8:-4], "little")
    at = len(content) - 8 - rng.randrange(1, max(2, min(length, len(content) - 8)))
    return content[:at] + rng.randbytes(4) + content[at + 4 :]


def rewritten(content: bytes, rng: random.Random) -> Made:
    """A whole file of other columns, types, rows or values."""
    table = _rewritten(pq.read_table(pa.BufferReader(content)), rng)
    out = io.BytesIO()
    pq.write_table(table, out, compression=rng.choice(("none", "zstd", "snappy")))
    return Made(out.getvalue(), checked=False)


def _rewritten(table: pa.Table, rng: random.Random) -> pa.Table:
    at = rng.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    rows, what = table.num_rows, rng.randrange(12)
    if what == 0:
        return table.remove_column(at)
    if what == 1:
        return table.rename_columns(
            [rng.choice(ABSURD_TEXTS) if i == at else n for i, n in enumerate(table.column_names)]
        )
    if what == 2:
        return table.append_column(name, column)
    if what == 3:
        return table.take(
            pa.array(
                [rng.randrange(rows) for _ in range(rng.choice((0, 1, rows)))] if rows else [],
                pa.int64(),
            )
        )
    if what == 4:
        return table.slice(0, rng.randrange(rows + 1))
    if what == 5:
        return pa.concat_tables([table, table])
    if what == 6:
        order = list(range(rows))
        rng.shuffle(order)
        return table.take(pa.array(order, pa.int64()))
    if what == 7:
        return table.append_column("more", pa.array(["x" * 300] * rows))
    return table.set_column(at, name, _absurd(column, rows, rng))


def _absurd(column: pa.ChunkedArray, rows: int, rng: random.Random) -> pa.Array:
    number = rng.choice((float("nan"), float("inf"), -1.0, 0.0, 1e300, 1e38))
    choices = (
        lambda: pa.nulls(rows),
        lambda: pa.nulls(rows, column.type),
        lambda: pa.array([rng.choice(ABSURD_TEXTS) for _ in range(rows)]),
        lambda: pa.array([number] * rows, pa.float64()),
        lambda: pa.array([rng.choice((value, None)) for value in column.to_pylist()], column.type),
        lambda: pa.array([rng.choice((True, False)) for _ in range(rows)]),
        lambda: pa.array([[1.0, 2.0]] * rows),
        lambda: pa.array([[float(i % 3)] * (i % 3) for i in range(rows)]),
        lambda: pa.array([b"\xff\x00"] * rows),
        lambda: pa.array([{"a": 1}] * rows),
        lambda: pa.array([2**62] * rows, pa.int64()),
        lambda: pa.array([2**62 - i for i in range(rows)], pa.timestamp("ns")),
        lambda: pa.array(["a"] * rows).dictionary_encode(),
    )
    return rng.choice(choices)()


def bomb(content: bytes, rng: random.Random) -> Made:
    """A small file of the same columns that unpacks to gigabytes."""
    return Made(
        _bomb(pq.read_schema(pa.BufferReader(content)).serialize().to_pybytes()), checked=False
    )


@cache
def _bomb(schema: bytes) -> bytes:
    read = pa.ipc.read_schema(pa.py_buffer(schema))
    rows, out = 2**20, io.BytesIO()
    one = [
        pa.array([_nothing(field.type)], field.type)
        if not pa.types.is_dictionary(field.type)
        else pa.nulls(1, field.type)
        for field in read
    ]
    part = pa.table([array.take(pa.array([0] * rows, pa.int32())) for array in one], schema=read)
    with pq.ParquetWriter(out, read, compression="zstd") as writer:
        for _ in range(max(2, 5 * 2**28 // max(1, part.nbytes))):
            writer.write_table(part)
    return out.getvalue()


def _nothing(kind_: pa.DataType) -> object:
    if pa.types.is_string(kind_) or pa.types.is_large_string(kind_):
        return "x"
    if pa.types.is_list(kind_) or pa.types.is_fixed_size_list(kind_):
        return [0.0] * getattr(kind_, "list_size", 2)
    return None if pa.types.is_nested(kind_) else 0


PARQUET: tuple[Kind, ...] = (
    *(kind(one) for one in (footer_length, footer_flips, footer_flips, footer_noise)),
    *[kind(rewritten)] * 8,
    kind(bomb),
)


def frames_lie(content: bytes, rng: random.Random) -> bytes:
    """Another number of frames than there are."""
    lie = rng.choice(
        (b"0", b"1", b"-5", b"1000000000000", b"nan", b"1e400", b"", b"2.5", b"9" * 5000)
    )
    return re.sub(rb"(?m)^(Frames:)[^\n]*", rb"\1 " + lie, content)


def frame_time_lies(content: bytes, rng: random.Random) -> bytes:
    """A time between frames that no camera has."""
    lie = rng.choice((b"0", b"-0.01", b"nan", b"inf", b"1e-320", b"1e300", b"", b"x", b"0.01 0.02"))
    return re.sub(rb"(?m)^(Frame Time:)[^\n]*", rb"\1 " + lie, content)


def channels_lie(content: bytes, rng: random.Random) -> bytes:
    """More or fewer channels than a joint names."""
    found = list(re.finditer(rb"CHANNELS +\d+", content))
    if not found:
        return content
    span = rng.choice(found)
    return (
        content[: span.start()]
        + b"CHANNELS "
        + rng.choice((b"0", b"7", b"-1", b"999999999", b"x"))
        + content[span.end() :]
    )


def deep_skeleton(content: bytes, rng: random.Random) -> bytes:
    """Joints within joints, too deep for any stack."""
    depth = rng.choice((500, 3000, 20_000))
    return content.replace(
        b"End Site", b"JOINT a\n{\nOFFSET 0 1 0\nCHANNELS 0\n" * depth + b"End Site", 1
    )


def braces(content: bytes, rng: random.Random) -> bytes:
    """A brace too few or too many."""
    found = [i for i, letter in enumerate(content) if letter in b"{}"]
    if not found:
        return content
    at = rng.choice(found)
    return content[:at] + rng.choice((b"", b"{", b"}", b"{}")) + content[at + 1 :]


BVH: tuple[Kind, ...] = tuple(
    kind(one) for one in (frames_lie, frame_time_lies, channels_lie, deep_skeleton, braces)
)
