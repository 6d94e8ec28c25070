"""MATLAB files: their arrays of plain numbers, by a small parser that checks every length first.

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
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
# Classes of arrays that are numbers, as they are in MATLAB.
_CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_COMPLEX = 0x0800
_START = 4096
"""Bytes at the beginning of an array, in which its name and shape stand."""


def read_mat(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return those of the named arrays that a MATLAB file holds, as numbers of MATLAB's own type.

    Raises ReadError where the file is damaged, is none of version 5 to 7, unpacks to more than the
    limit, or where a named array is no plain array of real numbers.

    >>> import scipy.io
    >>> scipy.io.savemat("a.mat", {"acc": np.ones((2, 3)), "who": "P1"})
    >>> read_mat(Path("a.mat"), ["acc"])["acc"].shape
    (2, 3)
    """
    out: dict[str, np.ndarray] = {}
    with opened(path) as file:
        mat = _MatFile(path, file)
        for content, compressed in mat.elements():
            array = mat.describe(mat.start(content, compressed))
            if array.name in names and array.name not in out:
                out[array.name] = mat.numbers(mat.whole(content, compressed), array)
                if len(out) == len(set(names)):
                    break
    return out


def mat_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each array of a MATLAB file; raises as `read_mat` does.

    >>> import scipy.io
    >>> scipy.io.savemat("a.mat", {"acc": np.ones((2, 3))})
    >>> mat_shapes(Path("a.mat"))
    {'acc': (2, 3)}
    """
    with opened(path) as file:
        mat = _MatFile(path, file)
        arrays = [mat.describe(mat.start(*element)) for element in mat.elements()]
    return {array.name: array.shape for array in arrays}


@dataclass(frozen=True)
class _Array:
    """What stands before an array's numbers."""

    name: str
    shape: tuple[int, ...]
    kind: str
    """Empty for what is no array of numbers."""
    numbers_at: int


class _MatFile:
    """A MATLAB file that is being read."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._size = os.fstat(file.fileno()).st_size
        header = file.read(_HEADER)
        if header[:8] == b"\x89HDF\r\n\x1a\n" or header[:20] == b"MATLAB 7.3 MAT-file":
            raise self._damaged("version 7.3 is not read; save it with -v7")
        mark = header[126:128]
        if len(header) < _HEADER or mark not in (b"IM", b"MI"):
            raise self._damaged("it does not begin as one of version 5 to 7; save it with -v7")
        self._order = "<" if mark == b"IM" else ">"

    def elements(self) -> Iterator[tuple[bytes, bool]]:
        """Yield each array as it stands in the file, and whether it is compressed."""
        while tag := self._file.read(8):
            if len(tag) < 8:
                raise self._damaged("it is cut off")
            kind, length = struct.unpack(f"{self._order}II", tag)
            self._require(length, self._size - self._file.tell())
            if kind not in (_MATRIX, _COMPRESSED):
                at = self._file.tell() - 8
                raise self._damaged(f"an element of type {kind} stands at byte {at:,}, no array")
            yield self._file.read(length), kind == _COMPRESSED

    def start(self, content: bytes, compressed: bool) -> bytes:
        """Return the first bytes of an array, unpacked."""
        if not compressed:
            return content[:_START]
        try:
            return zlib.decompressobj().decompress(content, _START)
        except zlib.error as error:
            raise self._damaged(str(error)) from error

    def whole(self, content: bytes, compressed: bool) -> bytes:
        """Return all of an array, unpacked, once its checksum holds."""
        if not compressed:
            return content
        # Never more memory than the limit; what is left over counts as much again.
        most = unpacked_limit(len(content))
        unpacking = zlib.decompressobj()
        try:
            out = unpacking.decompress(content, most)
        except zlib.error as error:
            raise self._damaged(str(error)) from error
        refuse_large(self._path, len(content), len(out) + bool(unpacking.unconsumed_tail) * most)
        if not unpacking.eof:
            raise self._damaged("a compressed array is cut off")
        return out

    def describe(self, start: bytes) -> _Array:
        """Read what stands before an array's numbers.

        `start` begins at the tag of a compressed array, and behind the tag of another one.
        """
        tagged = len(start) >= 8 and struct.unpack_from(f"{self._order}I", start)[0] == _MATRIX
        kind, flags, at = self._part(start, 8 if tagged else 0)
        if kind != 6 or len(flags) != 8:
            raise self._damaged("an array has no flags")
        (flag,) = struct.unpack(f"{self._order}I", flags[:4])
        if flag & 0xFF not in _CLASSES:  # a structure, an object, a text: not looked into
            return _Array(self._name_of_other(start, at), (0, 0), "", at)
        kind, dimensions, at = self._part(start, at)
        if kind != 5 or len(dimensions) % 4 or not 8 <= len(dimensions) <= 128:
            raise self._damaged("an array has no shape")
        shape = struct.unpack(f"{self._order}{len(dimensions) // 4}i", dimensions)
        if min(shape) < 0:
            raise self._damaged(f"an array of shape {shape}")
        _, name, at = self._part(start, at)
        numbers = "complex" if flag & _COMPLEX else _CLASSES[flag & 0xFF]
        return _Array(name.decode("latin-1"), shape, numbers, at)

    def numbers(self, content: bytes, array: _Array) -> np.ndarray:
        """Return the numbers of a described array."""
        if array.kind in ("", "complex"):
            raise self._damaged(f"'{array.name}' is no plain array of real numbers")
        kind, values, _ = self._part(content, array.numbers_at)
        if kind not in _TYPES:
            raise self._damaged(f"'{array.name}' holds elements of type {kind}, not numbers")
        stored = np.dtype(self._order + _TYPES[kind])
        count = math.prod(array.shape)
        if count * stored.itemsize != len(values):
            held = f"{len(values):,} bytes of numbers"
            raise self._damaged(f"'{array.name}' of shape {array.shape} has {held}")
        refuse_large(self._path, self._size, count * np.dtype(array.kind).itemsize)
        # MATLAB stores numbers in the smallest type that holds them; one that its class cannot hold
        # is not finite in it.
        with np.errstate(invalid="ignore", over="ignore"):
            flat = np.frombuffer(values, dtype=stored).astype(array.kind)
        return flat.reshape(array.shape, order="F")

    def _name_of_other(self, start: bytes, at: int) -> str:
        try:
            _, _, at = self._part(start, at)
            return self._part(start, at)[1].decode("latin-1")
        except ReadError:
            return ""  # an object may have no shape where numbers have one

    def _part(self, content: bytes, at: int) -> tuple[int, bytes, int]:
        """Return the type and content of the part at a place, and where the next begins."""
        if len(content) - at < 8:
            raise self._damaged("an array is cut off")
        kind, length = struct.unpack_from(f"{self._order}II", content, at)
        if kind >> 16:  # a small one: its length beside its type, its content in the same 8 bytes
            length, kind = kind >> 16, kind & 0xFFFF
            if length > 4:
                raise self._damaged("a small element holds more than four bytes")
            return kind, content[at + 4 : at + 4 + length], at + 8
        at += 8
        self._require(length, len(content) - at)
        return kind, content[at : at + length], at + length + (-length) % 8

    def _require(self, promised: int, held: int) -> None:
        if promised > held:
            cut_off = f"an array is cut off: {promised:,} bytes promised, {held:,} there"
            raise self._damaged(cut_off)

    def _damaged(self, why: str) -> ReadError:
        return ReadError(f"{self._path} cannot be read as MATLAB data ({why}). Get it again.")
