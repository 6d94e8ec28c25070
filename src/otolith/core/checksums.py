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
    cannot be set back.

    >>> _ = Path("a.csv").write_text("1,2")
    >>> fingerprint(Path("a.csv"))[0]
    3
    """
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def sha256_of(path: Path, memory: Path | None = None) -> str:
    """Return the sha256 of a file, without reading it where this process, or `memory`, has seen it
    as it is now.

    memory: a file of lines beside derived files, in which hashes of large files outlive the
    process. Each line holds the hash itself, so that a wrong line can only cause a comparison to
    fail. Its folder is not made for it.

    >>> _ = Path("a.csv").write_text("abc")
    >>> sha256_of(Path("a.csv"))[:8]
    'ba7816bf'
    """
    now = fingerprint(path)
    if memory is not None and memory not in _read:
        _recall(memory)
    key = str(path.resolve())
    known = _known.get(key)
    if known is not None and known[0] == now:
        return known[1]
    sha256 = file_digest(path)
    if fingerprint(path) == now and now[2] < time.time_ns() - _SETTLED_NS:
        _known[key] = (now, sha256)
        if memory is not None and now[0] >= _WORTH_KEEPING_BYTES:
            _keep(memory, key, now, sha256)
    return sha256


def _recall(memory: Path) -> None:
    _read.add(memory)
    try:
        is_file = memory.is_file() and not memory.is_symlink()
        if not is_file or memory.stat().st_size > _LARGEST_MEMORY_BYTES:
            return
        lines = memory.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        # The file of a line that was cut off is hashed again.
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            match json.loads(line):
                case {"file": str(file), "stat": [*stat], "sha256": str(sha256)}:
                    size, changed, touched, inode = map(int, stat)
                    _known.setdefault(file, ((size, changed, touched, inode), sha256))


def _keep(memory: Path, key: str, seen: Fingerprint, sha256: str) -> None:
    line = json.dumps({"file": key, "stat": seen, "sha256": sha256}) + "\n"
    folder = memory.parent
    if folder.is_symlink() or not folder.is_dir() or (memory.exists() and not memory.is_file()):
        return
    no_link = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    # Where nothing can be written, the file is hashed again next time.
    with (
        contextlib.suppress(OSError),
        os.fdopen(os.open(memory, no_link, 0o666), "a", encoding="utf-8") as lines,
    ):
        lines.write(line)
