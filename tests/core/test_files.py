"""Nothing half-written stands under a final name, whatever goes wrong."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otolith.core import files
from otolith.core.errors import DataError, ReadError
from otolith.core.files import (
    SEAL,
    atomic_folder,
    atomic_path,
    digest,
    file_digest,
    read_json,
    refuse_existing,
    seal_holds,
    write_json,
    write_sealed,
)
from otolith.core.locks import recover, sweep

finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "error", [RuntimeError, KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")]
)
def test__atomic_path__fails_half_way__old_file_stays_and_nothing_else(
    error: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises((RuntimeError, KeyboardInterrupt, OSError)), atomic_path(path) as temporary:
        temporary.write_text("ne")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test__atomic_path__disk_is_full_at_the_last_moment__nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json(tmp_path / "new.json", {"a": 1})
    assert names(tmp_path) == []


def test__atomic_path__all_well__is_as_open_as_other_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "deep" / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "deep" / "a.txt").read_text() == "new"
    assert (tmp_path / "deep" / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert names(tmp_path / "deep") == ["a.txt"]


def test__atomic_folder__fails_half_way__old_folder_stays(tmp_path: Path) -> None:
    old = tmp_path / "encoder"
    old.mkdir()
    (old / "weights").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(old, ["weights"]) as temporary:
        (temporary / "weights").write_text("new")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["encoder"]
    assert (old / "weights").read_text() == "old"


def test__atomic_folder__all_well__replaces_what_is_ours_and_keeps_all_else(tmp_path: Path) -> None:
    old = tmp_path / "encoder"
    old.mkdir()
    (old / "left over").touch()
    (old / "notes").touch()
    with atomic_folder(old, ["left over", "weights"]) as temporary:
        (temporary / "weights").write_text("new")
        assert names(old) == ["left over", "notes"]
        (old / "notes of just now").touch()
    assert names(tmp_path) == ["encoder"]
    assert names(old) == ["notes", "notes of just now", "weights"]


def test__atomic_folder__somebody_writes_at_the_last_moment__that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "encoder"
    old.mkdir()

    def late(new: Path, before: Path) -> None:
        (before / "notes").write_text("of just now")
        exchange(new, before)

    exchange = files._exchange
    monkeypatch.setattr(files, "_exchange", late)
    with atomic_folder(old, ["weights"]) as temporary:
        (temporary / "weights").write_text("new")
    assert (old / "notes").read_text() == "of just now"


@pytest.mark.parametrize("read", [read_json, file_digest])
def test__a_file_of_ours__is_a_pipe_or_a_device__is_told_and_never_waited_for(
    read: Any, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device"):
        with pytest.raises(ReadError, match=f"is a {name}, not a file"):
            read(tmp_path / name)


def test__write_json__not_a_number__is_refused_and_nothing_stays(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert names(tmp_path) == []


@given(json_values)
def test__json__round_trip__is_the_same(
    tmp_path_factory: pytest.TempPathFactory, content: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.json"
    write_json(path, content)
    assert read_json(path) == content
    assert digest(read_json(path)) == digest(content)


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe\x00", b"hello"])
def test__read_json__damaged__says_which_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"damaged\.json.*cut off"):
        read_json(path)


def test__read_json__absent__says_so(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="does not exist"):
        read_json(tmp_path / "none.json")


def test__digest__order_of_keys__does_not_matter_but_content_does() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test__file_digest__is_that_of_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # the first example of FIPS 180-2
    assert (
        file_digest(tmp_path / "abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test__refuse_existing__only_what_holds_something(tmp_path: Path) -> None:
    refuse_existing(tmp_path / "new", "study", overwrite=False)
    refuse_existing(tmp_path, "study", overwrite=False)
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match="choose another name for the study, or pass --overwrite"):
        refuse_existing(tmp_path, "study", overwrite=False)
    with pytest.raises(DataError, match="already exists"):
        refuse_existing(tmp_path / "a", "encoder", overwrite=False)
    refuse_existing(tmp_path, "study", overwrite=True)


def test__sealed_json__any_value_changed__is_seen(tmp_path: Path) -> None:
    path = tmp_path / "sealed.json"
    write_sealed(path, {"name": "toy", "rates": (50.0, 1e-3), "nested": {"1": [None, True, "ö"]}})
    content = read_json(path)
    assert seal_holds(content) is True
    assert seal_holds({**content, "name": "other"}) is False
    assert seal_holds({**content, "extra": 1}) is False
    assert seal_holds({**content, "rates": [50.0, float("nan")]}) is False
    assert seal_holds({key: value for key, value in content.items() if key != SEAL}) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [("[" * 200_000, "too deeply"), ('{"a": 1, "a": 2}', "stands twice"), ('{"a": ', "cut off")],
)
def test__read_json__odd_file__says_what_is_odd(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(ReadError, match=words):
        read_json(path)


def test__read_json__larger_than_allowed__is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_text("[" + "1," * 500 + "1]")
    with pytest.raises(ReadError, match="at most 100"):
        read_json(path, max_bytes=100)


def old_and_new(tmp_path: Path) -> Path:
    folder = tmp_path / "encoder"
    (folder / "deep").mkdir(parents=True)
    for name in ("weights", "mine.txt", "deep/mine.txt"):
        (folder / name).write_text("old")
    return folder


@pytest.mark.parametrize("swaps", [True, False])
def test__atomic_folder__what_is_not_ours__is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool
) -> None:
    folder = old_and_new(tmp_path)
    if not swaps:  # as on a system that cannot exchange two folders in one step
        monkeypatch.setattr(files, "_swap", lambda one, other: False)
    with atomic_folder(folder, ours={"weights", "gone"}) as temporary:
        (temporary / "weights").write_text("new")
    assert names(tmp_path) == ["encoder"] and names(folder) == ["deep", "mine.txt", "weights"]
    assert (folder / "weights").read_text() == "new" and (
        folder / "deep" / "mine.txt"
    ).read_text() == "old"


_KILLED = """
import os, signal, sys
from pathlib import Path
from otolith.core import files

def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[2]
if where == "before":
    files._exchange = die
elif where == "after":
    files.shutil.rmtree = die
else:  # between the two steps of a system that cannot do it in one
    files._swap = lambda one, other: False
    replace = files.Path.replace
    def once(self, target):
        replace(self, target)
        die()
    files.Path.replace = once
with files.atomic_folder(Path(sys.argv[1]), ours={"weights"}) as temporary:
    (temporary / "weights").write_text("new")
"""


@pytest.mark.parametrize(
    ("where", "is_there"), [("before", "old"), ("after", "new"), ("between", "old")]
)
def test__atomic_folder__killed__either_the_old_or_the_new_one_is_there(
    tmp_path: Path, where: str, is_there: str
) -> None:
    folder = old_and_new(tmp_path)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(folder), where])
    assert done.returncode == -signal.SIGKILL and len(names(tmp_path)) > 1
    recover(folder)
    assert (folder / "weights").read_text() == is_there and (
        folder / "mine.txt"
    ).read_text() == "old"
    sweep(tmp_path)
    assert names(tmp_path) == ["encoder"]


def test__atomic_folder__where_it_cannot_be__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="is a file"), atomic_folder(tmp_path / "file", ()):
        pass
    monkeypatch.chdir(tmp_path)
    for here in (Path("."), tmp_path, tmp_path.parent):
        with pytest.raises(DataError, match="that you stand in"), atomic_folder(here, ()):
            pass
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "mine"


def test__atomic_path__is_a_link__the_link_is_replaced_and_not_what_it_leads_to(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "mine").read_text() == "mine" and (tmp_path / "link").read_text() == "new"


def test__atomic_path__in_place_of_a_folder_pipe_or_device__is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "pipe", tmp_path / "folder", Path("/dev/null")):
        with pytest.raises(DataError, match="name a file"), atomic_path(path):
            pass
    assert not Path("/dev/null").is_file() and len(list(tmp_path.iterdir())) == 2
