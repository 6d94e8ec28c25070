"""The sha256 of files, asked for once: it is remembered while a file's size, times and inode stay
as they were."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from otolith.core.files import file_digest

Fingerprint = tuple[int, int, int, int]

# Hashing less than this takes milliseconds, which is no reason to write a file.
_WORTH_KEEPING_BYTES = 4 * 2**20
_LARGEST_MEMORY_BYTES = 64 * 2**20
# Two changes within one tick of a file system's clock look alike, so the hash of a file that
# changed a moment ago is not remembered.
_SETTLED_NS = 2 * 10**9

_known: dict[str, tuple[Fingerprint, str]] = {}
_read: set[Path] = set()


def fingerprint(path: Path) -> Fingerprint:
    """Return what changes whenever a file does: size, both times and the inode. The second time
    cannot be set back."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def sha256_of(path: Path, memory: Path | None = None) -> str:
    """Return the sha256 of a file, without reading it where this process, or `memory`, has seen it
    as it is now.

    memory: a file of lines beside derived files, in which hashes of large files outlive the
    process. Each line holds the hash itself, so that a wrong line can only cause a comparison to
    fail. Its folder is not made for it.
    """
    now = fingerprint(path)
    if memory is not None and memory not in _read:
        _recall(memory)
    key = str(path.resolve())
    known = _known.get(key)
    if known is not None and known[0] == now:
        return known[1]
    found = file_digest(path)
    if fingerprint(path) == now and now[2] < time.time_ns() - _SETTLED_NS:
        _known[key] = (now, found)
        if memory is not None and now[0] >= _WORTH_KEEPING_BYTES:
            _keep(memory, key, now, found)
    return found


def _recall(memory: Path) -> None:
    _read.add(memory)
    try:
        if (
            memory.is_symlink()
            or not memory.is_file()
            or memory.stat().st_size > _LARGEST_MEMORY_BYTES
        ):
            return
        lines = memory.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(
            ValueError, RecursionError
        ):  # a line that was cut off is asked for again
            match json.loads(line):
                case {
                    "file": str(file),
                    "stat": [int(a), int(b), int(c), int(d)],
                    "sha256": str(sha256),
                }:
                    _known.setdefault(file, ((a, b, c, d), sha256))


def _keep(memory: Path, key: str, seen: Fingerprint, sha256: str) -> None:
    line = json.dumps({"file": key, "stat": seen, "sha256": sha256}) + "\n"
    if (
        memory.parent.is_symlink()
        or not memory.parent.is_dir()
        or (memory.exists() and not memory.is_file())
    ):
        return
    with contextlib.suppress(OSError):  # where nothing can be written, it is hashed again next time
        handle = os.open(
            memory, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666
        )
        with os.fdopen(handle, "a", encoding="utf-8") as opened:
            opened.write(line)
