"""Opening a stranger's file: only a plain file, so that a pipe or a device is an error and not
waited for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from otolith.core.errors import ReadError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def plain_size(path: Path) -> int:
    """Return how many bytes a file has; ReadError where it is not there, or is no plain file.

    >>> _ = Path("a.csv").write_text("1,2")
    >>> plain_size(Path("a.csv"))
    3
    """
    try:
        facts = os.stat(path)
    except (OSError, ValueError) as error:
        raise ReadError(_why(path, error)) from error
    _refuse_odd(path, facts.st_mode)
    return facts.st_size


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a plain file for reading; every error of the system, then or later, is a ReadError.

    >>> with opened(Path("/dev/null")) as file:
    ...     pass
    Traceback (most recent call last):
    otolith.core.errors.ReadError: /dev/null is a device, not a file that holds data. ...
    """
    # Without O_NONBLOCK, opening a pipe waits until somebody writes into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise ReadError(_why(path, error)) from error
    try:
        _refuse_odd(path, os.fstat(descriptor).st_mode)
    except ReadError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        try:
            yield file
        except OSError as error:
            raise ReadError(_why(path, error)) from error


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """Read a plain file; ReadError where it cannot be read, or holds more than `most` bytes.

    >>> _ = Path("a.csv").write_text("1,2")
    >>> read_bytes(Path("a.csv"), most=10)
    b'1,2'
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise ReadError(f"{path} has {size:,} bytes; files of its kind have at most {most:,}.")
        return file.read()


def read_text(path: Path, most: int | None = None) -> str:
    """Read a file of UTF-8 text; ReadError where it cannot be read, is no text, or is too long.

    >>> _ = Path("a.csv").write_text("Ärmel", encoding="utf-8")
    >>> read_text(Path("a.csv"))
    'Ärmel'
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path} is not text: {error}.") from error


def name_of(path: str) -> str:
    r"""Return a path as text that every file and screen takes: a name that is not UTF-8 is read as
    Latin-1.

    >>> name_of("M\udcfcller.csv")
    'Müller.csv'
    """
    try:
        path.encode()
        return path
    except UnicodeEncodeError:
        return os.fsencode(path).decode("latin-1")


def _refuse_odd(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise ReadError(f"{path} is {kind}, not a file that holds data. Give the file itself.")


def _why(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist."
    return f"{path} cannot be read ({getattr(error, 'strerror', None) or error})."
