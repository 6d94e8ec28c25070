"""Names from files of others stay in the folder that they are names in."""

from __future__ import annotations

from pathlib import Path

import pytest

from otolith.core.errors import DataError
from otolith.core.files import inside

LEAVING = [
    "..",
    "../x",
    "a/../../x",
    "/etc/passwd",
    "C:x",
    "C:\\x",
    "a\\..\\..\\x",
    "\\\\host\\share",
    "~/../x",
    "a//b",
    "",
]
ODD = [
    "a\nb",
    "a\x00b",
    "a\x1b[2J",
    "a\x7f",
    "a\u2028b",
    "a\udce9",
    "CON",
    "con.parquet",
    "nul .txt",
    "lpt1.csv",
    "a.",
    "a ",
    " a",
    "dir./x",
    "a:stream",
    "x" * 201,
    "é" * 101,
    ".",
    "./x",
]


@pytest.mark.parametrize("name", [*LEAVING, *ODD])
def test__inside__name_that_leaves_or_is_odd__is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot name a file"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", [1, None, ["a"], b"a"])
def test__inside__no_text__is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(DataError, match="no text"):
        inside(tmp_path, name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["recordings/S1.left_wrist@e4.parquet", "Müller 2", "..a", "日本/x", "console", "a+b~2"]
)
def test__inside__plain_name__is_a_path_in_the_folder(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name


def test__inside__link_that_leads_out__is_refused(tmp_path: Path) -> None:
    study, other = tmp_path / "study", tmp_path / "other"
    study.mkdir(), other.mkdir()
    (other / "x.parquet").write_text("mine")
    (study / "recordings").symlink_to(other)
    (study / "file").symlink_to(other / "x.parquet")
    (study / "dangling").symlink_to(other / "nothing")
    for name in ("recordings/x.parquet", "recordings/new", "file", "dangling"):
        with pytest.raises(DataError, match="link that leads out"):
            inside(study, name)


def test__inside__folder_is_a_link__its_files_are_reached(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "a/b") == tmp_path / "link" / "a" / "b"
