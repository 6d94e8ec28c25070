"""Locks that end with the process that holds them, and the half-written files of dead processes."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from otolith.core.errors import DataError

try:
    import fcntl
# Windows has other locks: there nothing is locked, and nothing of another process is removed.
except ImportError:
    fcntl = None  # type: ignore[assignment]

TEMPORARY, RETIRED, LOCK = ".otolith.tmp", ".otolith.old", ".otolith.lock"
"""How the names end of what is being written, of what is being replaced, and of locks; all of them
begin with a dot."""
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.EBADF, errno.ENOSYS)
_held: dict[Path, tuple[int, int]] = {}
_swept: set[Path] = set()


@contextmanager
def only_writer(lock: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold a lock file, which is gone afterwards; whoever else wants it is refused, or waits.

    The lock ends with its process, however that ends, and may be taken again by the thread that
    holds it. Raises DataError where another process writes `what`.

    >>> with only_writer(Path("study.lock"), "study"):
    ...     Path("study.lock").exists()
    True
    >>> Path("study.lock").exists()
    False
    """
    lock = lock.parent.resolve() / lock.name
    thread, count = _held.get(lock, (threading.get_ident(), 0))
    if count and thread == threading.get_ident():
        _held[lock] = thread, count + 1
        try:
            yield
        finally:
            _held[lock] = thread, count
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = _open_locked(lock, wait)
    if handle is None:
        remedy = "Wait until it has ended, or name another folder"
        raise DataError(f"Another command is writing {what}. {remedy}.")
    _held[lock] = threading.get_ident(), 1
    try:
        yield
    finally:
        _held.pop(lock, None)
        # While it is still held: whoever waits sees that its file is gone, and makes one.
        lock.unlink(missing_ok=True)
        os.close(handle)


def _open_locked(lock: Path, wait: bool) -> int | None:
    # A lock on a file that its holder removed meanwhile is worth nothing: then try the new file.
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        taken = _take(handle, wait)
        if taken is not False and _is_at(handle, lock):
            return handle
        os.close(handle)
        if taken is False:
            return None


def _take(handle: int, wait: bool = False) -> bool | None:
    """Lock an open file or folder: whether that worked; None where this system knows no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in _NO_LOCKS_HERE:
            return None
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except OSError:
        return False


def temporary_beside(path: Path, folder: bool, ending: str = TEMPORARY) -> tuple[Path, int]:
    """Make an empty file or folder beside a path, locked as long as the returned handle is open."""
    make = tempfile.mkdtemp if folder else _empty_file
    while True:
        made = Path(make(prefix=f".{path.name[:60]}.", suffix=ending, dir=path.parent))
        handle = os.open(made, os.O_RDONLY)
        if _take(handle) is not False and _is_at(handle, made):
            return made, handle
        os.close(handle)  # somebody who sweeps was faster


def _empty_file(prefix: str, suffix: str, dir: Path) -> str:
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=dir)
    os.close(handle)
    return name


def sweep_once(folder: Path) -> None:
    """Sweep a folder, unless this process has done so."""
    folder = folder.resolve()
    if folder not in _swept:  # looking through a folder of 20,000 recordings at each file is slow
        _swept.add(folder)
        sweep(folder)


def sweep(folder: Path) -> None:
    """Remove what dead processes left half-written, and put back what they would have replaced."""
    with suppress(OSError):
        names = [entry.name for entry in os.scandir(folder) if entry.name.startswith(".")]
        # What was replaced comes first: of two states of a dead process, the whole one counts.
        for name in sorted(names, key=lambda name: not name.endswith(RETIRED)):
            if name.endswith((TEMPORARY, RETIRED, LOCK)):
                _remove_dead(folder / name)


def _remove_dead(path: Path) -> None:
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            if not (_take(handle) and _is_at(handle, path)):
                return
            if path.name.endswith(RETIRED):
                put_back(path)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        finally:
            os.close(handle)


def put_back(retired: Path) -> None:
    """Move what a folder of replaced things holds to where it was, unless something new is."""
    for old in retired.iterdir():
        if not os.path.lexists(retired.parent / old.name):
            old.rename(retired.parent / old.name)


def recover(path: Path) -> None:
    """Put a folder back that a dead process was about to replace; nothing happens where it is."""
    if not os.path.lexists(path) and path.parent.is_dir():
        sweep(path.parent)
