"""What is ours in a folder that we write into: only what was named before it was written is
replaced or removed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from otolith import __version__
from otolith.core.errors import DataError
from otolith.core.files import atomic_path, inside
from otolith.core.locks import LOCK, RETIRED, TEMPORARY, only_writer, sweep

MARKER = ".otolith"
"""The file that makes a folder ours: what it is, then the names of what is written into it, each
before it is."""
FORMAT = 1
CACHE = ".cache"
"""What lies here may be deleted at any time, and makes no folder anybody's."""
_MOST_BYTES = 256 * 2**20
_open: dict[Path, Owned] = {}


class Owned:
    """A folder that is being written: the names in it that are ours, and those that were written
    now."""

    def __init__(
        self, folder: Path, kind: str, named: set[str], unsure: Collection[str] = ()
    ) -> None:
        self.folder, self.kind, self.named, self.unsure = folder, kind, named, frozenset(unsure)
        self.fresh: set[str] = set()
        """What was claimed since the folder was opened."""

    def claim(self, names: Iterable[str]) -> None:
        """Note names before their files are written, on the disk.

        Raises DataError where one would leave the folder, or a file of that name is not ours.
        """
        names = list(dict.fromkeys(names))
        for name in names:
            if name not in self.named | self.unsure and os.path.lexists(inside(self.folder, name)):
                _refuse(self.folder / name)
        self.fresh.update(names)
        if new := [name for name in names if name not in self.named]:
            _append(self.folder / MARKER, new)
            self.named.update(new)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that are ours, and the folders that they leave empty; what is not ours
        stays."""
        parents: set[Path] = set()
        for name in set(names) & self.named:
            # A name that leads out of the folder, or through a link, is nothing of ours.
            with suppress(DataError):
                path = inside(self.folder, name)
                parents.update(path.parents)
                if path.is_file():
                    path.unlink()
        for parent in sorted(parents, key=lambda path: -len(path.parts)):
            if self.folder in parent.parents:
                with suppress(OSError):
                    parent.rmdir()

    def settle(self, kept: Collection[str]) -> None:
        """Remove what is ours and neither kept nor written now; name what stays."""
        stays = self.fresh | set(kept)
        self.remove(self.named - stays)
        self.named &= stays
        _write(self.folder / MARKER, self.kind, self.named)


@contextmanager
def owned(
    folder: str | Path,
    kind: str,
    fixed: Collection[str] = (),
    older: Callable[[Path], Collection[str] | None] = lambda folder: None,
    unsure: Callable[[Path], Collection[str]] = lambda folder: (),
) -> Iterator[Owned]:
    """Make a folder ours, or take it up again, and let nobody else write it meanwhile.

    A folder is ours where it is new or empty, says so itself (`MARKER`), or where `older` knows the
    names of what an earlier version wrote. `unsure` gives what lies in a folder of an earlier
    version and may be the user's as well: it is replaced where something of that name is written,
    and never removed. `fixed` names what is written in any case, `kind` says what is made
    ("study"). What dead processes left half-written goes. Whoever holds the folder already may open
    it again.

    Raises DataError where the folder holds other files or something of another kind, whoever asks
    to overwrite it; where a file of a fixed name is not ours; and where another process is writing.

    >>> with owned("study", "study") as folder:
    ...     folder.claim(["a.csv"])
    ...     _ = Path("study/a.csv").write_text("1,2")
    >>> sorted(path.name for path in Path("study").iterdir())
    ['.otolith', 'a.csv']
    """
    folder = Path(folder)
    if os.path.lexists(folder) and not folder.is_dir():
        raise DataError(f"{folder} is a file, or a link to nothing; name a folder for the {kind}.")
    key = folder.resolve()
    if (held := _open.get(key)) is not None:
        yield held
        return
    new = not folder.exists()
    if not new:  # a folder that is not ours is refused before anything, even a lock, is written
        _named(folder, kind, fixed, older)
    try:
        with only_writer(folder / LOCK, str(folder)):
            _sweep_below(folder)
            known = _named(folder, kind, fixed, older)
            mine = Owned(folder, kind, known, () if _read(folder / MARKER) else unsure(folder))
            if _read(folder / MARKER) != (kind, mine.named):
                _write(folder / MARKER, kind, mine.named)
            _open[key] = mine
            try:
                yield mine
            finally:
                del _open[key]
                if not any(os.path.lexists(folder / name) for name in mine.named):
                    mine.remove(mine.named)  # the folders that were made for them
                    if not _others(folder):
                        (folder / MARKER).unlink(missing_ok=True)
    finally:
        if new:
            with suppress(OSError):
                folder.rmdir()


def claim(folder: Path, name: str) -> Path:
    """Return where a file of a folder is written, once it is noted that the file will be ours.

    Raises DataError where the name would leave the folder, or where the folder is being written by
    `owned` and the file is not ours. Elsewhere whoever calls says what is replaced.

    >>> claim(Path("study"), "../a.csv")
    Traceback (most recent call last):
    otolith.core.errors.DataError: '../a.csv' cannot name a file in study: ...
    """
    path = inside(folder, name)
    held = _open.get(folder.resolve())
    if held is not None:
        held.claim([name])
    elif (marker := _read(folder / MARKER)) is not None and name not in marker[1]:
        _append(folder / MARKER, [name])
    return path


def _named(
    folder: Path, kind: str, fixed: Collection[str], older: Callable[[Path], Collection[str] | None]
) -> set[str]:
    """Return the names in a folder that are ours; DataError where it is not ours to write."""
    marker = _read(folder / MARKER)
    if marker is not None and marker[0] != kind:
        raise DataError(f"{folder} holds a {marker[0]}; choose another folder for the {kind}.")
    named = set(marker[1] if marker else older(folder) or ())
    if not marker and not named:
        _refuse_strangers(folder, kind)
        return named
    for name in fixed:
        if name not in named and os.path.lexists(folder / name):
            _refuse(folder / name)
    return named


def _refuse_strangers(folder: Path, kind: str) -> None:
    if strangers := _others(folder):
        more = f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""
        some = f"{', '.join(strangers[:3])}{more}"
        raise DataError(
            f"{folder} already exists and holds files that otolith did not write ({some}). Choose "
            f"another name for the {kind}; --overwrite replaces only what otolith wrote."
        )


def _others(folder: Path) -> list[str]:
    """Name what lies in a folder besides what this module and its locks put there."""
    names = {path.name for path in folder.iterdir()} - {CACHE, MARKER}
    return sorted(name for name in names if not name.endswith((TEMPORARY, RETIRED, LOCK)))


def _refuse(path: Path) -> NoReturn:
    fault = "was not written by otolith, and would be replaced"
    raise DataError(f"{path} {fault}. Move it away, or choose another folder.")


def _read(marker: Path) -> tuple[str, set[str]] | None:
    """Return the kind and the names of a marker; None where there is none, or it cannot be read."""
    try:
        if marker.is_symlink() or not marker.is_file() or marker.stat().st_size > _MOST_BYTES:
            return None
        first, *lines = marker.read_bytes().split(b"\n")
        head = json.loads(first)
        kind = head["kind"]
        if head["otolith_folder"] != FORMAT or not isinstance(kind, str):
            return None
        names: set[str] = set()
        # What stands behind the last line end was cut off, and its files never begun.
        for line in lines[:-1]:
            names.update(name for name in json.loads(line) if isinstance(name, str))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return kind, names


def _write(marker: Path, kind: str, names: Collection[str]) -> None:
    head = {"otolith_folder": FORMAT, "kind": kind, "version": __version__}
    with atomic_path(marker) as temporary:
        lines = [json.dumps(head), *(json.dumps([name]) for name in sorted(names))]
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _append(marker: Path, names: list[str]) -> None:
    with marker.open("r+b") as opened:
        end = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, end - 1))
        if opened.read() != b"\n":  # a line that was cut off: what it named was never begun
            opened.seek(0)
            opened.truncate(opened.read().rfind(b"\n") + 1)
            opened.seek(0, os.SEEK_END)
        opened.write(json.dumps(names).encode() + b"\n")
        opened.flush()
        os.fsync(opened.fileno())


def _sweep_below(folder: Path) -> None:
    for inner, folders, _ in os.walk(folder):
        sweep(Path(inner))
        # os.walk goes on with what is left in the list: no other hidden folder is ours to sweep.
        folders[:] = [name for name in folders if not name.startswith(".") or name == CACHE]
