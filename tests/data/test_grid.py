"""The store of a study's cache: what is damaged or foreign is never read, and made again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from toy import write_toy_study

from otolith.core.errors import OtolithWarning
from otolith.core.files import write_sealed
from otolith.data.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study", people=2, seconds_each=4.0)


def only_store(study: Study) -> Path:
    (folder,) = (study.folder / ".cache").glob("store-*")
    return folder


def one_bit(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def cut_off(folder: Path) -> None:
    (folder / "values.f32").write_bytes((folder / "values.f32").read_bytes()[:-4])


def gone(folder: Path) -> None:
    (folder / "lost.u16").unlink()


def resealed(**lies: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        facts = json.loads((folder / "store.json").read_text())
        write_sealed(folder / "store.json", facts | lies)

    return change


@pytest.mark.parametrize(
    "harm",
    [
        *(one_bit(name) for name in ("values.f32", "lost.u16", "store.json")),
        cut_off,
        gone,
        resealed(rows=10**12),
        resealed(rows="many"),
        resealed(pieces=[[0, 10**9]]),
        resealed(pieces=[]),
        resealed(pieces=[["a", "b"]]),
        resealed(places=[["p0-1", 0.0, 7]]),
        resealed(left_out=None),
        resealed(made_of="another study"),
    ],
)
def test__store__damaged_lying_or_foreign__is_made_again(
    harm: Callable[[Path], None], study: Study
) -> None:
    study.windows()
    folder = only_store(study)
    as_it_was = (folder / "values.f32").read_bytes()
    harm(folder)
    with pytest.warns(OtolithWarning, match=r"store-\w+ cannot be used .*; it is made again"):
        again = Study.load(study.folder).windows()
    assert (folder / "values.f32").read_bytes() == as_it_was
    assert len(again) == len(study.windows())


def test__store__as_it_was__is_not_made_again(study: Study) -> None:
    study.windows()
    inode = (only_store(study) / "store.json").stat().st_ino
    study.windows()
    assert (only_store(study) / "store.json").stat().st_ino == inode


def test__store__is_a_link_to_a_folder_of_the_users__nothing_there_is_touched(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    whole = len(study.windows())
    folder = only_store(study)
    shutil.rmtree(folder)
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "thesis.txt").write_text("years of work")
    folder.symlink_to(tmp_path / "users")
    assert len(Study.load(study.folder).windows()) == whole
    assert [path.name for path in (tmp_path / "users").iterdir()] == ["thesis.txt"]
