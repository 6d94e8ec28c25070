"""Writing so that nothing is lost: a file or folder has its final name only when it is whole."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otolith.core.errors import DataError, ReadError
from otolith.core.foreign.plain import opened
from otolith.core.foreign.texts import parse_json
from otolith.core.locks import RETIRED, put_back, sweep_once, temporary_beside
from otolith.core.text import printable

MAX_JSON_BYTES = 64 * 2**20
"""How large a JSON file of ours may be; a study of 20,000 recordings has about 40 MB."""
LONGEST_NAME_BYTES = 200
"""How long one part of a name may be: file systems take 255, and names of what is being written
need room for more."""
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)


def inside(folder: Path, relative: str) -> Path:
    """Return where a name that a file, a mapping or a person gave lies in a folder.

    `/` separates the parts of the name. Raises DataError where it would leave the folder (`..`, an
    absolute path, a drive, a link that leads out) or could not be the same name on every system:
    control characters, backslashes, colons, a name that Windows keeps for itself, a dot or space at
    an end, or a part too long to be a file's name.

    >>> inside(Path("study"), "recordings/p1.parquet").as_posix()
    'study/recordings/p1.parquet'
    """
    if fault := _fault_of(relative):
        shown = printable(relative, 80)
        raise DataError(
            f"'{shown}' cannot name a file in {folder}: {fault}. Rename it where it comes from."
        )
    path = folder / relative
    # Unlike Path.resolve, this leaves a link that leads to itself to whoever opens it.
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise DataError(
            f"{path} is reached through a link that leads out of {folder}. Put the files there "
            f"themselves, or name the other folder."
        )
    return path


def _fault_of(relative: object) -> str:
    """Say why a text cannot name a file in a folder; nothing where it can."""
    if not isinstance(relative, str) or not relative:
        return "it is empty, or no text"
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in relative):
        return "it holds control characters, or is no proper text"
    if "\\" in relative or ":" in relative:
        return "it holds a backslash or a colon, which separate folders and drives on some systems"
    for part in relative.split("/"):
        if fault := _fault_of_part(part):
            return f"its part '{printable(part, 40)}' {fault}"
    return ""


def _fault_of_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "is no name inside of a folder"
    if part != part.strip(" ") or part.endswith("."):
        return "begins or ends with a space, or ends with a dot, which Windows drops"
    if part.partition(".")[0].rstrip(" ").upper() in _RESERVED:
        return "is a device on Windows, not a file"
    if len(part.encode()) > LONGEST_NAME_BYTES:
        return f"is longer than {LONGEST_NAME_BYTES} bytes"
    return ""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, and move what was written there into place if all went well.

    An error, a full disk or Ctrl-C leaves the old file as it was and nothing half-written under the
    final name; what a killed process left is removed when the next one writes into the folder.
    Raises DataError where `path` is a folder, a pipe or a device, which a file would replace.

    >>> with atomic_path(Path("a.txt")) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> Path("a.txt").read_text()
    'whole'
    """
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no plain file"
        raise DataError(f"{path} is {kind}; name a file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep_once(path.parent)
    temporary, handle = temporary_beside(path, folder=False)
    try:
        yield temporary
        share(temporary)  # it was made for its owner alone
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)  # the new name survives a power cut only once the folder is on the disk
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


@contextmanager
def atomic_folder(path: Path, ours: Collection[str]) -> Iterator[Path]:
    """Yield an empty folder beside `path`, and move it into place if all went well.

    It replaces an older folder: of that, what `ours` names goes, and all else is kept, also what
    somebody puts there meanwhile. Killed at any moment, either the old or the new folder is whole
    (see `otolith.core.locks.recover` for systems that cannot exchange two folders in one step).
    Raises DataError where `path` is a file, or the current folder.

    >>> with atomic_folder(Path("result"), ours=["a.txt"]) as temporary:
    ...     _ = (temporary / "a.txt").write_text("whole")
    >>> [path.name for path in Path("result").iterdir()]
    ['a.txt']
    """
    path = path.resolve()
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file; name a folder.")
    if path.exists() and path in (here := Path.cwd().resolve(), *here.parents):
        raise DataError(
            f"{path} is the folder that you stand in, or above it; name a new folder inside of it."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep_once(path.parent)
    temporary, handle = temporary_beside(path, folder=True)
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            _keep_strangers(path, temporary, ours)
        for inner, _, names in os.walk(temporary, topdown=False):
            for name in names:
                sync(Path(inner, name))
            sync(Path(inner))
        if path.exists():
            _exchange(temporary, path)
            _keep_strangers(temporary, path, ours)  # what came while the new folder was made whole
        else:
            temporary.replace(path)
        sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # what failed, or the older folder
        os.close(handle)


def _keep_strangers(old: Path, new: Path, ours: Collection[str]) -> None:
    """Put what is not ours into the new folder too, so that it always has a place."""
    for stranger in old.iterdir():
        target = new / stranger.name
        if stranger.name in ours or os.path.lexists(target):
            continue
        if stranger.is_dir() and not stranger.is_symlink():
            shutil.copytree(stranger, target, symlinks=True, copy_function=_link_or_copy)
        else:
            _link_or_copy(str(stranger), str(target))


def _link_or_copy(source: str, target: str) -> None:
    try:  # a link costs nothing, but not every file system has them
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _exchange(new: Path, old: Path) -> None:
    """Exchange two folders: in one step where the system can, else by way of a third."""
    if _swap(new, old):
        return
    retired, handle = temporary_beside(old, folder=True, ending=RETIRED)
    try:
        old.replace(retired / old.name)
        new.replace(old)
        (retired / old.name).replace(new)
    finally:
        put_back(retired)
        shutil.rmtree(retired, ignore_errors=True)
        os.close(handle)


def _swap(one: Path, other: Path) -> bool:
    here, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux; RENAME_SWAP of macOS is 2 as well
    library: Any = ctypes.CDLL(None) if os.name == "posix" else None
    first, second = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):
        return bool(library.renameat2(here, first, here, second, swap) == 0)
    return hasattr(library, "renamex_np") and bool(library.renamex_np(first, second, swap) == 0)


def sync(path: Path) -> None:
    """Have the system write a file or a folder's list of names to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not path.is_dir() or error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise  # not every system syncs a folder's names; a full disk is an error
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Half characters, as file names may hold them, are written as \\udcNN.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, whole or not at all; a number that is not finite is refused.

    >>> write_json(Path("a.json"), {"rate_hz": 50})
    >>> read_json(Path("a.json"))
    {'rate_hz': 50}
    """
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Raises ReadError where it is absent, cut off, not JSON, nested too deeply, names a key twice or
    is larger than `max_bytes`.

    >>> _ = Path("a.json").write_text('{"a": 1, "a": 2}')
    >>> read_json(Path("a.json"))
    Traceback (most recent call last):
    otolith.core.errors.ReadError: a.json is not readable as JSON (a key stands twice ...
    """
    with opened(path) as file:
        text = file.read(max_bytes + 1)
    if len(text) > max_bytes:
        fault = f"has more bytes than are read; at most {max_bytes:,} are"
        raise ReadError(f"{path} {fault}. Make it again.")
    return parse_json(text, path, "Make it again", once_each=True)


SEAL = "content_sha256"
"""The key under which a JSON file of ours holds the hash of all that it says besides."""


def content_digest(content: Mapping[str, object]) -> str:
    """Return the sha256 of what a JSON object says, whatever its layout and its own seal.

    Raises ValueError for a number that is not finite.

    >>> content_digest({"a": 1}) == content_digest({"a": 1, SEAL: "any"})
    True
    """
    rest = {key: value for key, value in content.items() if key != SEAL}
    # As it is read back: keys are text, and tuples lists.
    plain = json.loads(json.dumps(rest, allow_nan=False))
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_sealed(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON object with the hash of its content, whole or not at all.

    >>> write_sealed(Path("a.json"), {"rate_hz": 50})
    >>> list(read_json(Path("a.json")))
    ['rate_hz', 'content_sha256']
    """
    write_json(path, {**content, SEAL: content_digest(content)})


def seal_holds(content: Mapping[str, object]) -> bool | None:
    """Return whether a JSON object is as it was written.

    None where it holds no hash, as in older formats.

    >>> sealed = {"rate_hz": 50, SEAL: content_digest({"rate_hz": 50})}
    >>> seal_holds(sealed), seal_holds(sealed | {"rate_hz": 60}), seal_holds({})
    (True, False, None)
    """
    if SEAL not in content:
        return None
    try:
        return bool(content[SEAL] == content_digest(content))
    except ValueError:
        return False


def digest(content: object) -> str:
    """Return a short hash of anything that JSON can write, the same on every machine.

    >>> digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the sha256 of a file; ReadError where it cannot be read, or is no plain file.

    >>> _ = Path("a.csv").write_text("abc")
    >>> file_digest(Path("a.csv"))[:8]
    'ba7816bf'
    """
    with opened(path) as file:
        total = hashlib.sha256()
        while part := file.read(2**20):
            total.update(part)
        return total.hexdigest()


def refuse_existing(path: Path, what: str, overwrite: bool) -> None:
    """Raise DataError where `path` already holds something that may not be replaced.

    What a dead process left half-written there is removed in any case.

    >>> Path("encoder").write_text("")
    0
    >>> refuse_existing(Path("encoder"), "encoder", overwrite=False)
    Traceback (most recent call last):
    otolith.core.errors.DataError: encoder already exists; choose another name for the encoder, ...
    """
    sweep_once(path.resolve().parent)
    sweep_once(path)
    if path.exists() and not overwrite and (path.is_file() or any(path.iterdir())):
        raise DataError(
            f"{path} already exists; choose another name for the {what}, or pass --overwrite."
        )


def share(path: Path) -> None:
    """Give a file that only its owner may read the mode that new files get."""
    path.chmod(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
