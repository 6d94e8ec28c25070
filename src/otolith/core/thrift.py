"""Thrift's compact protocol, as far as a Parquet file's footer needs it: structs as field number ->
value."""

from __future__ import annotations

from io import BytesIO
from typing import Any

_DEEPEST = 32
_TRUE, _FALSE = 1, 2


def read_struct(source: BytesIO, depth: int = 0) -> dict[int, Any]:
    """Read one struct; ValueError where its bytes are none, end early, or nest too deeply.

    >>> read_struct(BytesIO(bytes([0x15, 6, 0])))  # field 1, an integer, 3 in zigzag
    {1: 3}
    """
    out: dict[int, Any] = {}
    field = 0
    while head := _byte(source):
        # The high half is the step from the field before, or 0 where the number itself follows.
        field = field + (head >> 4) if head >> 4 else _signed(source)
        kind = head & 15
        out[field] = kind == _TRUE if kind in (_TRUE, _FALSE) else _value(source, kind, depth + 1)
    return out


def _value(source: BytesIO, kind: int, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("it nests too deeply")
    match kind:
        case 4 | 5 | 6:  # integers of 16, 32 and 64 bits
            return _signed(source)
        case 1 | 2 | 3:  # true, false and a byte
            return _byte(source)
        case 7:  # a double
            return _take(source, 8)
        case 8:  # bytes or text
            return _take(source, _unsigned(source))
        case 9 | 10:  # a list and a set
            head = _byte(source)
            count = head >> 4 if head >> 4 != 15 else _unsigned(source)
            return [_value(source, head & 15, depth + 1) for _ in range(_held(source, count))]
        case 11:
            return _map(source, depth)
        case 12:
            return read_struct(source, depth)
    raise ValueError(f"there is no type {kind}")


def _map(source: BytesIO, depth: int) -> list[tuple[Any, Any]]:
    count = _held(source, _unsigned(source))
    kinds = _byte(source) if count else 0
    return [
        (_value(source, kinds >> 4, depth + 1), _value(source, kinds & 15, depth + 1))
        for _ in range(count)
    ]


def _held(source: BytesIO, count: int) -> int:
    """A count of values, each of a byte or more."""
    if count > source.getbuffer().nbytes - source.tell():
        raise ValueError("it was cut off")
    return count


def _take(source: BytesIO, count: int) -> bytes:
    return source.read(_held(source, count))


def _byte(source: BytesIO) -> int:
    return _take(source, 1)[0]


def _unsigned(source: BytesIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = _byte(source)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise ValueError("a number is too long")


def _signed(source: BytesIO) -> int:
    value = _unsigned(source)
    return (value >> 1) ^ -(value & 1)
