"""Only plain files are opened, and names that are not UTF-8 can be shown and written."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import name_of, opened, plain_size, read_bytes, read_text


def odd(folder: Path, kind: str) -> Path:
    path = folder / "a.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link loop":
        path.symlink_to(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        # A socket's name may have some 100 letters only.
        os.chdir(folder)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("a.csv")
    return path


@pytest.mark.parametrize("kind", ["absent", "pipe", "folder", "link loop", "device", "socket"])
def test__opened__no_plain_file__is_told_and_never_waited_for(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = odd(tmp_path, kind)
    for read in (plain_size, read_bytes, read_text):
        with pytest.raises(ReadError, match=r"a\.csv"):
            read(path)


def test__opened__name_with_a_zero__is_told(tmp_path: Path) -> None:
    with pytest.raises(ReadError), opened(tmp_path / "a\0b"):
        pass


def test__read_text__latin_1__is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("ü".encode("latin-1"))
    with pytest.raises(ReadError, match="not text"):
        read_text(tmp_path / "a")


def test__read_bytes__larger_than_its_kind__is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with pytest.raises(ReadError, match="at most 4"):
        read_bytes(tmp_path / "a", 4)


def test__name_of__not_utf_8__can_be_written_as_json() -> None:
    name = name_of(os.fsdecode("Müller.csv".encode("latin-1")))
    assert name == "Müller.csv"
    assert json.dumps(name, ensure_ascii=False).encode()
    assert name_of("Łukasz.csv") == "Łukasz.csv"
