"""Where a case is run: a folder of its own with everything around it watched, and its memory and
time measured."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

CANARY = b"nobody may touch this\n"


class Sandbox:
    """A folder that is home, place of temporary files and working folder at once, and holds the
    files of one case."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.temporary, self.work = root / "home", root / "temporary", root / "work"
        for folder in (self.home, self.temporary, self.work):
            folder.mkdir(parents=True)
            (folder / "canary.txt").write_bytes(CANARY)
        self.given, self.out = root / "place" / "given", root / "place" / "out"

    def enter(self) -> None:
        """Make this process live here."""
        os.environ.update(
            HOME=str(self.home),
            TMPDIR=str(self.temporary),
            XDG_CACHE_HOME=str(self.home / ".cache"),
        )
        tempfile.tempdir = None
        os.chdir(self.work)

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Put the files of a case into their folder, beside an empty one for results."""
        shutil.rmtree(self.root / "place", ignore_errors=True)
        self.given.mkdir(parents=True)
        self.out.mkdir()
        (self.root / "place" / "canary.txt").write_bytes(CANARY)
        made = set()
        for name, content in files.items():
            path = self.given / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            path.write_bytes(content)

    def look(self, except_for: tuple[str, ...] = ()) -> dict[str, str]:
        """Everything that is here and may not change: path -> what it is."""
        free = {str(self.out), *(str(self.given / name) for name in except_for)}
        return dict(self._walk(str(self.root), free))

    def _walk(self, folder: str, free: set[str]) -> Iterator[tuple[str, str]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.path in free:
                    continue
                if entry.is_symlink():
                    yield entry.path, "link"
                elif entry.is_dir():
                    yield entry.path, "folder"
                    yield from self._walk(entry.path, free)
                else:
                    with open(entry.path, "rb") as opened:
                        yield entry.path, hashlib.blake2b(opened.read(), digest_size=8).hexdigest()


def memory_bytes(what: str) -> int:
    """Return a line of this process's memory, in bytes: VmRSS now, VmHWM at most since it was
    reset.

    Where the system keeps no such lines, the most that the process ever held.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:")), 0)


def reset_peak() -> None:
    """Let the peak of memory begin anew; where the system does not allow it, the peak only ever
    grows."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
