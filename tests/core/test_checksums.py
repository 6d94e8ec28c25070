"""Hashes that are asked for once: as long as nothing about the file has changed, and not longer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from otolith.core import checksums
from otolith.core.checksums import fingerprint, sha256_of
from otolith.core.files import file_digest


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    # A test cannot wait until a file has settled, nor write large ones.
    monkeypatch.setattr(checksums, "_SETTLED_NS", -(10**15))
    monkeypatch.setattr(checksums, "_WORTH_KEEPING_BYTES", 1)
    monkeypatch.setattr(checksums, "_known", {})
    monkeypatch.setattr(checksums, "_read", set())


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read."""
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return file_digest(path)

    monkeypatch.setattr(checksums, "file_digest", counted)
    return read


def test__sha256_of__asked_again__reads_the_file_once(tmp_path: Path, hashed: list[Path]) -> None:
    (tmp_path / "a").write_bytes(b"one")
    assert sha256_of(tmp_path / "a") == sha256_of(tmp_path / "a") == file_digest(tmp_path / "a")
    assert hashed == [tmp_path / "a"]


def test__sha256_of__same_size_and_time_but_other_content__is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before, times = sha256_of(path), path.stat()
    path.write_bytes(b"two")
    os.utime(
        path, ns=(times.st_atime_ns, times.st_mtime_ns)
    )  # as a copy that keeps its times would
    assert path.stat().st_mtime_ns == times.st_mtime_ns
    assert sha256_of(path) == file_digest(path) != before


def test__sha256_of__a_file_that_changed_a_moment_ago__is_not_remembered(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "_SETTLED_NS", 10**15)
    (tmp_path / "a").write_bytes(b"one")
    sha256_of(tmp_path / "a")
    sha256_of(tmp_path / "a")
    assert len(hashed) == 2


def test__sha256_of__another_process__finds_it_in_the_memory(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"one")
    memory = tmp_path / "sha256.jsonl"
    first = sha256_of(tmp_path / "a", memory)
    monkeypatch.setattr(checksums, "_known", {})
    monkeypatch.setattr(checksums, "_read", set())
    assert sha256_of(tmp_path / "a", memory) == first
    assert len(hashed) == 1
    monkeypatch.setattr(checksums, "_known", {})
    monkeypatch.setattr(checksums, "_read", set())
    (tmp_path / "a").write_bytes(b"two")
    assert sha256_of(tmp_path / "a", memory) == file_digest(tmp_path / "a")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[" * 9999,
        "null",
        '{"file": 1}',
        '{"file": "a", "stat": [1, 2], "sha256": "x"}',
        "\udcff\x00",
    ],
)
def test__sha256_of__a_damaged_memory__is_passed_over(line: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "memory").write_bytes(line.encode(errors="surrogatepass") + b"\n")
    assert sha256_of(tmp_path / "a", tmp_path / "memory") == file_digest(tmp_path / "a")
    assert json.loads((tmp_path / "memory").read_bytes().splitlines()[-1])["sha256"] == file_digest(
        tmp_path / "a"
    )


def test__sha256_of__a_memory_that_leads_elsewhere__writes_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "memory").symlink_to(tmp_path / "theirs")
    sha256_of(tmp_path / "a", tmp_path / "memory")
    assert (tmp_path / "theirs").read_text() == "theirs"


def test__fingerprint__another_file_of_one_name__is_another(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    before = fingerprint(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "b").replace(tmp_path / "a")
    assert fingerprint(tmp_path / "a") != before
