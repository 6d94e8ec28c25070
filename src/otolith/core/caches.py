"""Derived files: where they lie, and what they carry so that a damaged or foreign one is seen and
made again."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import stat
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from otolith.core.errors import OtolithWarning, ReadError
from otolith.core.files import SEAL, atomic_path, content_digest, seal_holds
from otolith.core.foreign.plain import opened

FOLDER = ".cache"
HASHES = "sha256.jsonl"
"""Which files in a cache's folder, and of its study, were hashed before: see
`otolith.core.checksums`."""
_FORMAT = 1
_DTYPES = ("float32", "float64", "int64")
_LONGEST_HEADER = 64 * 2**20
_fleeting: dict[Path, Path] = {}


def cache_folder(folder: Path, room: str = "") -> Path:
    """Return where what is derived from a folder's files lies: `.cache`, or a folder in it.

    Where that cannot be written, or is a link, it is a folder in the user's cache that nobody else
    may open; where that cannot be written either, a new one that is removed when the process ends.
    It is never a name in a shared folder, which somebody else could have made first.

    >>> cache_folder(Path(), "windows").as_posix()
    '.cache/windows'
    """
    inner = folder / FOLDER
    with suppress(OSError):
        if not inner.is_symlink() and not (inner / room).is_symlink():
            inner.mkdir(exist_ok=True)
            return _writable(inner) / room
    resolved = folder.resolve()
    try:
        private = _private(_users_cache())
        place = _private(private / hashlib.sha256(os.fsencode(resolved)).hexdigest()[:32])
        return _writable(place) / room
    except (OSError, RuntimeError):
        if resolved not in _fleeting:  # once a process, so that what it derives is found again
            _fleeting[resolved] = Path(tempfile.mkdtemp(prefix="otolith-"))
            atexit.register(shutil.rmtree, _fleeting[resolved], ignore_errors=True)
        return _fleeting[resolved] / room


def _users_cache() -> Path:
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "otolith"


def _private(folder: Path) -> Path:
    """Make a folder; OSError where it is a link, or somebody else owns or may open it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    foreign = hasattr(os, "getuid") and (facts.st_uid != os.getuid() or facts.st_mode & 0o077)
    if not stat.S_ISDIR(facts.st_mode) or foreign:
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def _writable(folder: Path) -> Path:
    with tempfile.TemporaryFile(dir=folder):  # a mode says too little: disks are mounted read-only
        return folder


def warn_made_again(path: Path, reason: str) -> None:
    """Tell in one line that a derived file could not be used."""
    warnings.warn(f"{path} {reason}; it is made again.", OtolithWarning, stacklevel=3)


def write_arrays(path: Path, made_of: str, facts: object, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays with the hash of what they were made of and of themselves: a line of JSON, then
    their bytes.

    >>> write_arrays(Path("grid"), "hash of its sources", {"rate_hz": 50}, {"x": np.arange(2.0)})
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    total = hashlib.sha256()
    for array in plain.values():  # memoryview cannot cast what is empty
        total.update(array.data.cast("B") if array.size else b"")
    header = {
        "otolith_cache": _FORMAT,
        "made_of": made_of,
        "facts": facts,
        "arrays": [[name, array.dtype.name, list(array.shape)] for name, array in plain.items()],
        "sha256": total.hexdigest(),
    }
    line = json.dumps(header | {SEAL: content_digest(header)}, ensure_ascii=True, allow_nan=False)
    with atomic_path(path) as temporary, temporary.open("wb") as out:
        out.write(line.encode() + b"\n")
        for array in plain.values():
            out.write(array.data.cast("B") if array.size else b"")


def read_arrays(path: Path, made_of: str) -> tuple[Any, dict[str, np.ndarray]] | None:
    """Read back what `write_arrays` wrote; None where there is nothing.

    A file that is damaged or was made of something else gives a warning and None, so that it is
    made again.

    >>> write_arrays(Path("grid"), "hash of its sources", {"rate_hz": 50}, {"x": np.arange(2.0)})
    >>> read_arrays(Path("grid"), "hash of its sources")
    ({'rate_hz': 50}, {'x': array([0., 1.])})
    """
    if not os.path.lexists(path):
        return None
    try:
        header, body = _parts(path)
        if header["made_of"] != made_of:
            raise ValueError("it was made of something else")
        return header["facts"], _cut(body, header["arrays"])
    except _FAULTS as error:
        warn_made_again(path, f"cannot be used ({error})")
        return None


def fault_of_arrays(path: Path) -> str:
    """Say what is wrong with a file that `write_arrays` wrote; nothing where it is whole.

    >>> _ = Path("grid").write_text('{"otolith_cache": 1}')
    >>> fault_of_arrays(Path("grid"))
    'its header is damaged'
    """
    try:
        header, body = _parts(path)
        _cut(body, header["arrays"])
    except _FAULTS as error:
        return str(error) or type(error).__name__
    return ""


_FAULTS = (ReadError, OSError, ValueError, KeyError, TypeError, RecursionError)


def _parts(path: Path) -> tuple[dict[str, Any], bytes]:
    with opened(path) as file:
        header = json.loads(file.readline(_LONGEST_HEADER))
        body = file.read()
    if not isinstance(header, dict) or not seal_holds(header) or header["otolith_cache"] != _FORMAT:
        raise ValueError("its header is damaged")
    if hashlib.sha256(body).hexdigest() != header["sha256"]:
        raise ValueError("its content is damaged")
    return header, body


def _cut(body: bytes, arrays: list[Any]) -> dict[str, np.ndarray]:
    out, start = {}, 0
    for name, dtype, shape in arrays:
        if dtype not in _DTYPES or any(not isinstance(side, int) or side < 0 for side in shape):
            raise ValueError("its header is damaged")
        count = int(np.prod(shape, dtype=object))  # exact, however large the numbers claim to be
        end = start + count * np.dtype(dtype).itemsize
        if end > len(body):
            raise ValueError("it was cut off")
        flat = np.frombuffer(body, dtype, count, start) if count else np.empty(0, dtype)
        out[name] = flat.reshape(shape)
        start = end
    if start != len(body):  # the hash covers it all, but a header may have been written for less
        raise ValueError("it is longer than it says")
    return out
