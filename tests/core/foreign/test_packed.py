"""Archives: damaged, encrypted, overlapping and exploding ones are told, and no name leads
anywhere."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import pytest

from otolith.core.errors import ReadError
from otolith.core.foreign.packed import archive, archive_within, gunzip
from otolith.core.limits import DEFAULT_BYTES, allow_bytes

ROWS = b"t,x\n" + b"".join(b"%d,%d\n" % (n, n * n % 97) for n in range(5000))


@pytest.mark.parametrize("cut", [0, 1, 9, 30, -9, -8, -1])
def test__gunzip__cut_anywhere__is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(ROWS)[:cut])
    if cut == 0:
        assert gunzip(path) == b""
        return
    with pytest.raises(ReadError, match=r"a\.csv\.gz"):
        gunzip(path)


@pytest.mark.parametrize("at", range(0, 40, 7))
def test__gunzip__a_byte_flipped__never_changes_what_is_read(at: int, tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(ROWS, mtime=0))
    whole[at if at < 20 else -at] ^= 0xFF
    path = tmp_path / "a.csv.gz"
    path.write_bytes(whole)
    try:
        assert gunzip(path) == ROWS  # the header's time and system may be anything
    except ReadError as error:
        assert str(path) in str(error)


def test__gunzip__bomb__is_refused_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(bytes(DEFAULT_BYTES + 1)))
    with pytest.raises(ReadError, match="--max-bytes"):
        gunzip(path)
    with allow_bytes(4 * DEFAULT_BYTES):
        assert len(gunzip(path)) == DEFAULT_BYTES + 1


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def test__archive__names_that_climb__are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    path.write_bytes(zipped({"../../up.csv": ROWS, "/etc/abs.csv": b"x"}))
    with archive(path) as found:
        assert bytes(found.read("../../up.csv")) == ROWS
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.zip", "in"]


def test__archive__bomb__is_refused_by_its_list(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({f"{n}.csv": bytes(DEFAULT_BYTES // 4) for n in range(5)}))
    with archive(path) as found, pytest.raises(ReadError, match="--max-bytes"):
        found.refuse_bomb()


@pytest.mark.parametrize("cut", [1, 10, 40, -30, -1])
def test__archive__cut_anywhere__is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"a.csv": ROWS})[:cut])
    with pytest.raises(ReadError, match=r"a\.zip"), archive(path) as found:
        found.read("a.csv")


def test__archive__content_changed__is_seen_by_its_checksum() -> None:
    content = bytearray(zipped({"a.csv": ROWS}, zipfile.ZIP_STORED))
    content[100] ^= 1
    with (
        archive_within("a.zip", content) as found,
        pytest.raises(ReadError, match="no whole archive"),
    ):
        found.read("a.csv")


def test__archive__encrypted_linked_twice_or_overlapping__is_refused() -> None:
    def refused(content: bytes, says: str) -> None:
        with pytest.raises(ReadError, match=says), archive_within("a.zip", content):
            pass

    encrypted = bytearray(zipped({"a": b"x"}))
    entry = encrypted.index(b"PK\x01\x02")
    encrypted[entry + 8] |= 1
    refused(bytes(encrypted), "encrypted")
    link = zipfile.ZipInfo("a")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(link, "/etc/passwd")
    refused(out.getvalue(), "link")
    refused(zipped({"a": b"x"}, zipfile.ZIP_LZMA), "way that is not read")
    two = bytearray(zipped({"a": b"x" * 50, "b": b"y" * 50}, zipfile.ZIP_STORED))
    second = two.index(b"PK\x01\x02", two.index(b"PK\x01\x02") + 1)
    two[second + 42 : second + 46] = struct.pack(
        "<I", 10
    )  # the second file begins within the first
    refused(bytes(two), "within another")


def two_files(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("one.csv", ROWS)
        out.writestr("two.csv", ROWS)
    return path


def test__archive__directory_that_says_it_is_empty__is_refused(tmp_path: Path) -> None:
    path = two_files(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-14] + bytes(2) + bytes(2) + bytes(4) + content[-6:])
    with pytest.raises(ReadError, match="no whole archive"), archive(path):
        pass


@pytest.mark.parametrize("name", [b"one.cs?", b"\x00ne.csv"])
def test__archive__name_that_directory_and_file_tell_differently__is_refused(
    name: bytes, tmp_path: Path
) -> None:
    path = two_files(tmp_path)
    content = path.read_bytes()
    at = content.rindex(b"one.csv")
    path.write_bytes(content[:at] + name + content[at + len(name) :])
    with pytest.raises(ReadError, match="no whole archive"), archive(path):
        pass


def test__archive__file_without_a_name__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    named = zipfile.ZipInfo("x")
    named.filename = ""
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(named, b"1")
    with pytest.raises(ReadError, match="has no name"), archive(path):
        pass
