"""What is packed, gzip and zip: unpacked within the limit, checked to its end, and never onto the
disk."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from otolith.core.errors import OtolithError, ReadError
from otolith.core.foreign.plain import opened, plain_size
from otolith.core.limits import refuse_large

_CHUNK = 1 << 20
_MOST_MEMBERS = 100_000
_EMPTY_BYTES = 22
"""The whole of an archive without files."""
_OF_TEXT = 3
"""Rows of short numbers take more memory than their letters: what is packed text counts three
times."""


def gunzip(path: Path) -> bytearray:
    """Return what a .gz file holds.

    Raises ReadError where it is cut off, damaged, or unpacks to more than the limit.

    >>> _ = Path("a.csv.gz").write_bytes(gzip.compress(b"1,2"))
    >>> gunzip(Path("a.csv.gz"))
    bytearray(b'1,2')
    """
    packed = plain_size(path)
    try:
        # Once to count, once to keep: what is refused has then taken no memory.
        total = 0
        for part in _gunzipped(path):
            total += len(part)
            refuse_large(path, packed, _OF_TEXT * total)
        out = bytearray(total)
        at = 0
        for part in _gunzipped(path):
            out[at : at + len(part)] = part
            at += len(part)
    except (EOFError, zlib.error) as error:
        raise ReadError(
            f"{path} cannot be read: {error}. It may be cut off or damaged; copy it again."
        ) from error
    return out


def _gunzipped(path: Path) -> Iterator[bytes]:
    with opened(path) as file, gzip.GzipFile(fileobj=file) as unpacked:
        while True:
            try:
                part = unpacked.read(_CHUNK)
            # An OSError, which `opened` would take for the disk's.
            except gzip.BadGzipFile as error:
                raise EOFError(str(error)) from error
            if not part:
                return
            yield part


class Archive:
    """A zip archive that was looked through: no bomb, nothing encrypted, linked or overlapping.

    Nothing is ever unpacked onto the disk, so that a name such as ../../x or /etc/x leads nowhere.
    Raises ReadError where anything in it is damaged or of a kind that is not read.
    """

    def __init__(self, name: object, archive: zipfile.ZipFile, packed: int) -> None:
        self.name, self.packed, self._archive = name, packed, archive
        self.members: dict[str, zipfile.ZipInfo] = {}
        infos = archive.infolist()
        if len(infos) > _MOST_MEMBERS:
            raise ReadError(
                f"{name} lists {len(infos):,} files; at most {_MOST_MEMBERS:,} are read."
            )
        if not infos and packed > _EMPTY_BYTES:
            raise self._damaged(f"it has {packed:,} bytes and lists no file")
        end = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise self._damaged(f"'{info.filename}' lies within another file")
            end = info.header_offset + info.compress_size
        for info in infos:
            if not info.filename.endswith("/"):
                self._add(info)

    def _add(self, info: zipfile.ZipInfo) -> None:
        if not info.filename:
            raise self._damaged("a file in it has no name")
        file = f"'{info.filename}'"
        if info.filename in self.members:
            raise ReadError(f"{self.name} holds {file} twice. Get it again.")
        if info.flag_bits & 0x1:
            raise ReadError(
                f"{self.name} is encrypted. Unpack it with its password, and give the folder."
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ReadError(
                f"{self.name} holds a link, {file}, which is not followed. Unpack it by hand."
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ReadError(
                f"{self.name} packs {file} in a way that is not read. Pack it again as plain zip."
            )
        # The directory at the end and the head of each file both say its name: opening compares.
        with _as_read_error(self.name):
            self._archive.open(info).close()
        self.members[info.filename] = info

    def _damaged(self, why: str) -> ReadError:
        return ReadError(f"{self.name} is no whole archive: {why}. Get it again.")

    @property
    def names(self) -> list[str]:
        """The files that it holds, as it lists them."""
        return list(self.members)

    def read(self, name: str) -> bytearray:
        """Return what a file of it holds, to its end and as long as it says."""
        info = self.members[name]
        refuse_large(f"{self.name}, {name}", self.packed, info.file_size)
        out = bytearray()
        with _as_read_error(self.name), self._archive.open(info) as file:
            while part := file.read(_CHUNK):
                out += part
        if len(out) != info.file_size:
            raise self._damaged(f"'{name}' is cut off")
        return out

    def start(self, name: str, count: int) -> bytes:
        """Return the first bytes of a file of it."""
        with _as_read_error(self.name), self._archive.open(self.members[name]) as file:
            return file.read(count)

    def refuse_bomb(self) -> None:
        """Raise ReadError where all that it holds is more than the limit."""
        refuse_large(self.name, self.packed, sum(info.file_size for info in self.members.values()))


@contextmanager
def archive(path: Path) -> Iterator[Archive]:
    """Open a zip file; ReadError where it is none, damaged, or of a kind that is not read.

    >>> with zipfile.ZipFile("a.zip", "w") as file:
    ...     file.writestr("b.csv", "1,2")
    >>> with archive(Path("a.zip")) as unpacked:
    ...     unpacked.names, unpacked.read("b.csv")
    (['b.csv'], bytearray(b'1,2'))
    """
    with opened(path) as file, _zip(path, file, plain_size(path)) as opened_archive:
        yield opened_archive


@contextmanager
def archive_within(name: object, content: bytes | bytearray) -> Iterator[Archive]:
    """Open a zip file that lay within another."""
    with _zip(name, io.BytesIO(content), len(content)) as opened_archive:
        yield opened_archive


@contextmanager
def _zip(name: object, file: BinaryIO, packed: int) -> Iterator[Archive]:
    with _as_read_error(name):
        unpacked = zipfile.ZipFile(file)
    with unpacked:
        yield Archive(name, unpacked, packed)


@contextmanager
def _as_read_error(name: object) -> Iterator[None]:
    try:
        yield
    except (OtolithError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # zipfile and zlib raise whatever a damaged archive leads them into
        raise ReadError(f"{name} is no whole archive ({error}). Get it again.") from error
