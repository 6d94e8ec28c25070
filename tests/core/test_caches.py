"""Derived files: what is damaged or foreign is made again, and none lies where a stranger could
have put it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otolith.core.caches import cache_folder, read_arrays, write_arrays
from otolith.core.errors import OtolithWarning

ARRAYS = {"vector": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.empty((0, 4))}


def write(path: Path) -> bytes:
    write_arrays(path, "model 1", ["a", "ä"], ARRAYS)
    return path.read_bytes()


def test__arrays__round_trip__with_what_they_were_made_of(tmp_path: Path) -> None:
    write(tmp_path / "a.cache")
    found = read_arrays(tmp_path / "a.cache", "model 1")
    assert found is not None
    assert found[0] == ["a", "ä"]
    assert list(found[1]) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[1][name], array)
        assert found[1][name].dtype == array.dtype
    assert read_arrays(tmp_path / "absent", "model 1") is None


def test__arrays__of_something_else__are_made_again(tmp_path: Path) -> None:
    write(tmp_path / "a.cache")
    with pytest.warns(
        OtolithWarning,
        match=r"a\.cache cannot be used \(it was made of something else\); it is made",
    ):
        assert read_arrays(tmp_path / "a.cache", "model 2") is None


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test__arrays__any_byte_changed_or_cut__are_never_believed(
    where: float, bit: int, cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("a") / "a.cache"
    whole = bytearray(write(path))
    at = int(where * len(whole))
    if cut:
        del whole[at:]
    else:
        whole[at] ^= 1 << bit
    path.write_bytes(whole)
    with pytest.warns(OtolithWarning, match="it is made again"):
        assert read_arrays(path, "model 1") is None


@pytest.mark.parametrize(
    "header",
    [{}, {"arrays": [["a", "O", [1]]]}, {"arrays": [["a", "float64", [2**60]]]}, {"arrays": 3}],
)
def test__arrays__a_header_that_lies_under_a_true_seal__takes_no_memory(
    header: dict[str, Any], tmp_path: Path
) -> None:
    import hashlib
    import json

    from otolith.core.files import SEAL, content_digest

    facts = {
        "otolith_cache": 1,
        "made_of": "m",
        "facts": None,
        "sha256": hashlib.sha256(b"12345678").hexdigest(),
    }
    facts |= header
    (tmp_path / "a").write_bytes(
        json.dumps(facts | {SEAL: content_digest(facts)}).encode() + b"\n12345678"
    )
    with pytest.warns(OtolithWarning, match="it is made again"):
        assert read_arrays(tmp_path / "a", "m") is None


def test__cache_folder__ordinary__is_in_the_folder(tmp_path: Path) -> None:
    assert cache_folder(tmp_path) == tmp_path / ".cache"


def taken_by_a_file(folder: Path) -> None:
    (folder / ".cache").write_text("no folder")


def taken_by_a_link(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (folder / ".cache").symlink_to(elsewhere)


def test__cache_folder__a_room_that_leads_elsewhere__is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "study" / ".cache").mkdir(parents=True)
    (tmp_path / "study" / ".cache" / "partners").symlink_to(tmp_path / "elsewhere")
    found = cache_folder(tmp_path / "study", "partners")
    assert found.name == "partners"
    assert found.parent.parent == tmp_path / "home" / "otolith"
    assert cache_folder(tmp_path / "study", "other") == tmp_path / "study" / ".cache" / "other"


def test__read_arrays__a_pipe_or_a_device__is_told_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device"):
        with pytest.warns(OtolithWarning, match=f"is a {name}, not a file"):
            assert read_arrays(tmp_path / name, "model 1") is None


@pytest.mark.parametrize("take", [taken_by_a_file, taken_by_a_link])
def test__cache_folder__not_to_be_written__is_this_users_alone(
    take: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    study = tmp_path / "study"
    study.mkdir()
    take(study)
    found = cache_folder(study)
    assert found.parent == tmp_path / "home" / "otolith"
    assert cache_folder(study) == found != cache_folder_of_another(tmp_path, take)
    for folder in (found, found.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def cache_folder_of_another(tmp_path: Path, take: Any) -> Path:
    other = tmp_path / "more" / "study"
    other.mkdir(parents=True)
    take(other)
    return cache_folder(other)


def open_to_all(own: Path) -> None:
    own.mkdir(parents=True)
    own.chmod(0o777)


def made_first_as_a_link(own: Path) -> None:
    (own.parent.parent / "theirs").mkdir(parents=True)
    own.parent.mkdir()
    own.symlink_to(own.parent.parent / "theirs")


@pytest.mark.parametrize("take", [open_to_all, made_first_as_a_link])
def test__cache_folder__somebody_was_there_first__is_a_new_one(
    take: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    take(tmp_path / "home" / "otolith")
    study = tmp_path / "study"
    study.mkdir()
    taken_by_a_file(study)
    found = cache_folder(study)
    assert not found.is_relative_to(tmp_path)
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert cache_folder(study) == found
    assert not list((tmp_path / "home" / "otolith").iterdir())
