"""MATLAB files: the arrays of plain numbers in them, read by a small parser of our own that checks
every length first.

scipy's reader can end the whole process on a damaged file. What recordings need of the format is
little: named arrays of numbers, perhaps compressed. Format: MathWorks, "MAT-File Format", version 5
(level 5), https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf. Objects, structures and
texts are passed over.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import opened
from otolith.core.limits import refuse_large, unpacked_limit

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
# Number types of the format, as they stand in the file.
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
# Classes of arrays that are numbers, as they are in MATLAB.
_CLASSES = {
    6: "f8",
    7: "f4",
    8: "i1",
    9: "u1",
    10: "i2",
    11: "u2",
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}
_COMPLEX = 0x0800
_START = 4096
"""Bytes at the beginning of an array, in which its name and shape stand."""
_NOTHING = (0, 0)


@dataclass(frozen=True)
class _Found:
    """An array of a file: what it is called, its shape, and where its numbers begin; no class where
    it has none."""

    name: str
    shape: tuple[int, ...]
    kind: str
    numbers_at: int


def read_mat(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return those of the named arrays that a MATLAB file holds, as numbers of MATLAB's own type.

    Raises ReadError where the file is damaged, is none of version 5 to 7, unpacks to more than the
    limit, or where a named array is no plain array of real numbers.
    """
    out: dict[str, np.ndarray] = {}
    with opened(path) as file:
        order = _order(path, file)
        packed = os.fstat(file.fileno()).st_size
        for element in _elements(path, file, order, packed):
            found = _described(path, element.start(_START), order)
            if found.name in names and found.name not in out:
                out[found.name] = _numbers(path, element.whole(), found, order)
                if len(out) == len(set(names)):
                    break
    return out


def mat_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each array of a MATLAB file; raises as `read_mat` does."""
    with opened(path) as file:
        order = _order(path, file)
        packed = os.fstat(file.fileno()).st_size
        listed = (
            _described(path, element.start(_START), order)
            for element in _elements(path, file, order, packed)
        )
        return {found.name: found.shape for found in listed}


@dataclass(frozen=True)
class _Element:
    """One array as it stands in the file."""

    path: Path
    content: bytes
    compressed: bool

    def start(self, count: int) -> bytes:
        """Its first bytes, unpacked."""
        if not self.compressed:
            return self.content[:count]
        try:
            return zlib.decompressobj().decompress(self.content, count)
        except zlib.error as error:
            raise _damaged(self.path, str(error)) from error

    def whole(self) -> bytes:
        """All of it, unpacked, its checksum held."""
        if not self.compressed:
            return self.content
        most = unpacked_limit(len(self.content))
        unpacking = zlib.decompressobj()
        try:
            out = unpacking.decompress(self.content, most)
            refuse_large(
                self.path, len(self.content), len(out) + len(unpacking.unconsumed_tail[:1]) * most
            )
        except zlib.error as error:
            raise _damaged(self.path, str(error)) from error
        if not unpacking.eof:
            raise _damaged(self.path, "a compressed array is cut off")
        return out


def _order(path: Path, file: BinaryIO) -> str:
    header = file.read(_HEADER)
    if header[:8] == b"\x89HDF\r\n\x1a\n" or header[:20] == b"MATLAB 7.3 MAT-file":
        raise _damaged(path, "version 7.3 is not read; save it with -v7")
    mark = header[126:128]
    if len(header) < _HEADER or mark not in (b"IM", b"MI"):
        raise _damaged(path, "it does not begin as one of version 5 to 7; save it with -v7")
    return "<" if mark == b"IM" else ">"


def _elements(path: Path, file: BinaryIO, order: str, size: int) -> Iterator[_Element]:
    while tag := file.read(8):
        if len(tag) < 8:
            raise _damaged(path, "it is cut off")
        kind, length = struct.unpack(f"{order}II", tag)
        if length > size - file.tell():
            raise _damaged(
                path,
                f"an array is cut off: {length:,} bytes promised, {size - file.tell():,} there",
            )
        if kind in (_MATRIX, _COMPRESSED):
            yield _Element(path, file.read(length), kind == _COMPRESSED)
        else:
            raise _damaged(
                path, f"no array, but an element of type {kind} stands at byte {file.tell() - 8:,}"
            )


def _described(path: Path, start: bytes, order: str) -> _Found:
    """What stands before an array's numbers; `start` begins at the tag of a compressed one, or
    behind it."""
    at = 0
    if len(start) >= 8 and struct.unpack_from(f"{order}I", start)[0] == _MATRIX:
        at = 8
    flags_kind, flags, at = _part(path, start, at, order)
    if flags_kind != 6 or len(flags) != 8:
        raise _damaged(path, "an array has no flags")
    (flag,) = struct.unpack(f"{order}I", flags[:4])
    if (
        flag & 0xFF not in _CLASSES
    ):  # a structure, an object, a text: of another make, and not looked into
        return _Found(_name_of_other(path, start, at, order), _NOTHING, "", at)
    dimensions_kind, dimensions, at = _part(path, start, at, order)
    if dimensions_kind != 5 or len(dimensions) % 4 or not 8 <= len(dimensions) <= 128:
        raise _damaged(path, "an array has no shape")
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)
    if min(shape) < 0:
        raise _damaged(path, f"an array of shape {shape}")
    _, name, at = _part(path, start, at, order)
    kind = "complex" if flag & _COMPLEX else _CLASSES[flag & 0xFF]
    return _Found(name.decode("latin-1"), shape, kind, at)


def _name_of_other(path: Path, start: bytes, at: int, order: str) -> str:
    try:
        _, _, at = _part(path, start, at, order)
        return _part(path, start, at, order)[1].decode("latin-1")
    except ReadError:
        return ""  # an object may have no shape where numbers have one


def _part(path: Path, content: bytes, at: int, order: str) -> tuple[int, bytes, int]:
    """Type and content of what stands at a place, and where the next begins; both tags, of four and
    of eight bytes."""
    if len(content) - at < 8:
        raise _damaged(path, "an array is cut off")
    first, length = struct.unpack_from(f"{order}II", content, at)
    if first >> 16:  # a small one: its length beside its type, its content in the same eight bytes
        length, first = first >> 16, first & 0xFFFF
        if length > 4:
            raise _damaged(path, "a small element holds more than four bytes")
        return first, content[at + 4 : at + 4 + length], at + 8
    at += 8
    if length > len(content) - at:
        raise _damaged(
            path, f"an array is cut off: {length:,} bytes promised, {len(content) - at:,} there"
        )
    return first, content[at : at + length], at + length + (-length) % 8


def _numbers(path: Path, content: bytes, found: _Found, order: str) -> np.ndarray:
    if not found.kind or found.kind == "complex":
        raise _damaged(path, f"'{found.name}' is no plain array of real numbers")
    kind, values, _ = _part(path, content, found.numbers_at, order)
    if kind not in _TYPES:
        raise _damaged(path, f"'{found.name}' holds elements of type {kind}, not numbers")
    stored = np.dtype(order + _TYPES[kind])
    if math.prod(found.shape) * stored.itemsize != len(values):
        raise _damaged(
            path, f"'{found.name}' of shape {found.shape} has {len(values):,} bytes of numbers"
        )
    refuse_large(
        path, os.stat(path).st_size, math.prod(found.shape) * np.dtype(found.kind).itemsize
    )
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # a number that its class cannot hold is not finite in it
        return (
            np.frombuffer(values, dtype=stored).astype(found.kind).reshape(found.shape, order="F")
        )


def _damaged(path: Path, why: str) -> ReadError:
    return ReadError(f"{path} cannot be read as MATLAB data ({why}). Get it again.")
