"""Writing so that nothing is lost: a file or folder stands under its final name only when it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otolith.errors import DataError, ReadError
from otolith.text import printable

MAX_JSON_BYTES = 64 * 2**20
"""How large a JSON file of ours may be; a study of 20,000 recordings has about 40 MB."""


LONGEST_NAME_BYTES = 200
"""How long one part of a name may be: file systems take 255, and names that are being written need room for more."""
_RESERVED = frozenset(["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))])


def inside(folder: Path, relative: str) -> Path:
    """Return where a name that a file, a mapping or a person gave lies in a folder; `/` separates its parts.

    Raises DataError where it would leave the folder (`..`, an absolute path, a drive, a link that leads out) or could
    not be the same name on every system: control characters, backslashes, colons, a name that Windows keeps for
    itself, a dot or space at an end, or a part too long to be a file's name.
    """
    if fault := _fault_of(relative):
        raise DataError(
            f"'{printable(relative, 80)}' cannot name a file in {folder}: {fault}. Rename it where it comes from."
        )
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"{path} is reached through a link that leads out of {folder}. Put the files themselves there, or name "
            "the other folder."
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
        if part in ("", ".", ".."):
            return f"a part of it is '{part}', which is no name inside of a folder"
        if part != part.strip(" ") or part.endswith("."):
            return f"'{printable(part, 80)}' begins or ends with a space, or ends with a dot, which Windows drops"
        if part.partition(".")[0].rstrip(" ").upper() in _RESERVED:
            return f"'{part}' is a device on Windows, not a file"
        if len(part.encode()) > LONGEST_NAME_BYTES:
            return f"'{part[:40]}…' is longer than {LONGEST_NAME_BYTES} bytes"
    return ""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, and move what was written there into place if all went well.

    An error, a full disk or Ctrl-C leaves the old file as it was and nothing half-written under the final name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes files that only their owner may read; what we write is as open as any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, and move it into place if all went well; an older one is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            retired = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
            path.replace(retired / path.name)
            temporary.replace(path)
            shutil.rmtree(retired)
        else:
            temporary.replace(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all; a number that is not finite is refused."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Raises ReadError where it is absent, cut off, not JSON, nested too deeply, names a key twice or is larger than
    `max_bytes`.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise ReadError(f"{path} has {size:,} bytes; at most {max_bytes:,} are read. Make it again.")
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once_each)
    except FileNotFoundError as error:
        raise ReadError(f"{path} does not exist.") from error
    except RecursionError as error:
        raise ReadError(f"{path} nests lists or objects too deeply to be one of our files. Make it again.") from error
    except ValueError as error:
        raise ReadError(f"{path} is not readable as JSON ({error}); it may be cut off. Make it again.") from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read ({error.strerror or error}).") from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return out


SEAL = "content_sha256"
"""The key under which a JSON file of ours holds the hash of all that it says besides."""


def content_digest(content: Mapping[str, Any]) -> str:
    """Return the sha256 of what a JSON object says, whatever its layout and its own seal.

    Raises ValueError for a number that is not finite.
    """
    rest = {key: value for key, value in content.items() if key != SEAL}
    plain = json.loads(json.dumps(rest, allow_nan=False))  # keys become text, tuples lists: as they are read back
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with the hash of its content, whole or not at all."""
    write_json(path, {**content, SEAL: content_digest(content)})


def seal_holds(content: Mapping[str, Any]) -> bool | None:
    """Return whether a JSON object is as it was written; None where it carries no hash (an older format)."""
    if SEAL not in content:
        return None
    try:
        return bool(content[SEAL] == content_digest(content))
    except ValueError:
        return False


def digest(content: Any) -> str:
    """Return a short hash of anything that JSON can write; equal content, equal hash, on every machine."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def refuse_existing(path: Path, what: str, overwrite: bool) -> None:
    """Raise DataError where `path` already holds something that may not be replaced."""
    if path.exists() and not overwrite and (path.is_file() or any(path.iterdir())):
        raise DataError(f"{path} already exists; choose another name for the {what}, or pass --overwrite.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
