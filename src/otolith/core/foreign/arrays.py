"""NumPy's files, .npy and .npz: plain numbers alone, and no larger than the bytes that are there.

numpy's own reader takes memory by what the header claims, before it looks whether the file is as
long. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
import os
import tokenize
import warnings
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as np_format

from otolith.core.errors import ReadError
from otolith.core.foreign.packed import Archive, archive
from otolith.core.foreign.plain import opened
from otolith.core.limits import refuse_large

_LONGEST = 10_000  # letters of a header: numpy's own limit
_PLAIN = "fiub"
_WIDEST_NUMBER = 8
_LARGEST = 1e15  # its square is one of float32


@dataclass(frozen=True)
class Header:
    """What the beginning of a .npy file says."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    fortran: bool
    at: int
    """Where its numbers begin."""

    @property
    def size(self) -> int:
        """How many bytes its numbers need."""
        return math.prod(self.shape) * self.dtype.itemsize


def sane(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as float64, nan where one is no number or larger than any sensor's value or
    stamp.

    >>> sane(np.array([9.81, 1e20]))
    array([9.81,  nan])
    """
    with np.errstate(invalid="ignore"):
        wide = numbers.astype(np.float64)
        return np.where(np.abs(wide) < _LARGEST, wide, np.nan)


def npy_header(name: object, start: bytes) -> Header:
    """Read the beginning of a .npy file.

    Raises ReadError where it is none, holds objects, or claims what cannot be.

    >>> np.save("a.npy", np.zeros((2, 3)))
    >>> npy_header("a.npy", Path("a.npy").read_bytes()).shape
    (2, 3)
    """
    file = io.BytesIO(start)
    try:
        # From version 2 on all headers of plain numbers are alike.
        first = np_format.read_magic(file) == (1, 0)
        read = np_format.read_array_header_1_0 if first else np_format.read_array_header_2_0
        with warnings.catch_warnings(action="ignore"):  # of a header that Python 2 wrote
            shape, fortran, dtype = read(file, max_header_size=_LONGEST)
        if dtype.kind != "O":
            _require_plain(shape, dtype)
            return Header(dtype, shape, fortran, file.tell())
    # What numpy meets in a damaged literal; no memory for a number of 10,000 digits.
    except (
        ValueError, TypeError, LookupError, AttributeError, ArithmeticError, SyntaxError,
        tokenize.TokenError, MemoryError, RecursionError,
    ) as error:  # fmt: skip
        raise ReadError(f"{name} is no plain .npy array, or damaged: {error}.") from error
    raise ReadError(
        f"{name} is a pickled object and no plain .npy array; it could run anything, and is never "
        f"opened. Save the arrays themselves, as numbers: np.save(..., np.asarray(..., "
        f"dtype=float))."
    )


def _require_plain(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    counts = [count for count in shape if type(count) is int and count >= 0]
    if len(counts) < len(shape) or len(shape) > 32 or (0 in counts and max(counts) > _LONGEST):
        raise ValueError(f"no such shape as {str(shape)[:60]}")
    if dtype.kind not in _PLAIN or dtype.itemsize > _WIDEST_NUMBER:
        raise ValueError(f"it holds {dtype}, where numbers were expected")


def read_npy(path: Path) -> np.ndarray:
    """Read an array of plain numbers from a .npy file; ReadError where it is damaged, cut off or
    something else.

    >>> np.save("a.npy", np.arange(3))
    >>> read_npy(Path("a.npy"))
    array([0, 1, 2])
    """
    with opened(path) as file:
        header = npy_header(path, file.read(_LONGEST + 12))
        _require_length(path, header, os.fstat(file.fileno()).st_size)
        file.seek(header.at)
        return _array(header, file.read(header.size))


def npy_shape(path: Path) -> tuple[int, ...]:
    """Return the shape that a .npy file claims to have; raises as `read_npy` does.

    >>> np.save("a.npy", np.zeros((2, 3)))
    >>> npy_shape(Path("a.npy"))
    (2, 3)
    """
    with opened(path) as file:
        return npy_header(path, file.read(_LONGEST + 12)).shape


class Arrays:
    """The arrays of a .npz file, each read when it is asked for."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.names = [name.removesuffix(".npy") for name in archive.names if name.endswith(".npy")]

    def refuse_bomb(self, names: Collection[str]) -> None:
        """Raise ReadError where these arrays together, as float64, are more than the limit."""
        size = sum(8 * math.prod(self._header(name).shape) for name in names)
        refuse_large(self._archive.name, self._archive.packed, size)

    def read(self, name: str) -> np.ndarray:
        """Return one array of plain numbers; ReadError where it is damaged or something else."""
        header = self._header(name)
        content = self._archive.read(f"{name}.npy")
        return _array(header, memoryview(content)[header.at :])

    def _header(self, name: str) -> Header:
        where = f"{self._archive.name}: '{name}'"
        header = npy_header(where, self._archive.start(f"{name}.npy", _LONGEST + 12))
        _require_length(where, header, self._archive.members[f"{name}.npy"].file_size)
        return header


@contextmanager
def npz(path: Path) -> Iterator[Arrays]:
    """Open a .npz file; ReadError where it is no archive, damaged, or unpacks to more than the
    limit.

    >>> np.savez("a.npz", acc=np.ones(2))
    >>> with npz(Path("a.npz")) as arrays:
    ...     arrays.names, arrays.read("acc")
    (['acc'], array([1., 1.]))
    """
    with ExitStack() as stack:
        try:
            opened_archive = stack.enter_context(archive(path))
        except ReadError as error:
            raise ReadError(f"{path} is no .npz file: {error}") from error
        yield Arrays(opened_archive)


def _require_length(name: object, header: Header, size: int) -> None:
    if header.size != (held := size - header.at):
        raise ReadError(
            f"{name} is damaged: its header promises {header.size:,} bytes of numbers (shape "
            f"{header.shape}), {held:,} are there. Get it again."
        )


def _array(header: Header, content: bytes | memoryview) -> np.ndarray:
    flat = np.frombuffer(content, dtype=header.dtype)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")
