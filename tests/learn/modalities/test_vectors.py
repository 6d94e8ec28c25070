"""Vectors made elsewhere: the right row for each window, and the first wrong one by its number."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy import write_toy_study

from otolith import Study
from otolith.core.errors import ConfigError, StudyError
from otolith.data.windows import Windows
from otolith.learn.modalities.vectors import Vectors


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study", people=2, seconds_each=4.0)


def brought(study: Study, rows: list[tuple[Any, ...]], name: str = "video") -> None:
    recording, start, end, vector = zip(*rows, strict=True)
    (study.folder / "partners").mkdir(exist_ok=True)
    table = pa.table(
        {
            "recording": recording,
            "start_s": start,
            "end_s": end,
            "vector": pa.array(vector, pa.list_(pa.float32())),
        }
    )
    pq.write_table(table, study.folder / "partners" / f"{name}.parquet")


def cut(study: Study):  # type: ignore[no-untyped-def]
    return study.windows(seconds=2.0, overlap=0.0, label_rule="unlabelled", labels=())


def test__vectors__parquet__the_row_that_covers_most(study: Study) -> None:
    first = study.entries[0]["id"]
    brought(study, [(first, 0.0, 3.5, [1.0, 0.0]), (first, 3.5, 6.0, [0.0, 1.0])])
    windows = cut(study)
    found = Vectors().vectors(windows)
    own = windows.recording == first
    assert found.values[own][:3].tolist() == [[1, 0], [1, 0], [0, 1]]
    assert found.present[own].tolist() == [True, True, True, False, False, False]
    assert not found.present[~own].any()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("R", 0.0, 1.0, [1.0]), "row 1 holds 1 numbers, the rows before it 2"),
        (("R", 0.0, 1.0, None), "row 1 holds nothing"),
        (("R", 0.0, 1.0, [1.0, float("nan")]), "row 1 holds numbers that are not finite"),
        (("R", 0.0, 1.0, [1.0, 1e39]), "row 1 holds numbers that are not finite"),
        (("nobody", 0.0, 1.0, [1.0, 2.0]), "row 1 is of recording 'nobody'"),
        (("R", 2.0, 1.0, [1.0, 2.0]), "row 1 goes from 2.0 to 1.0 s"),
        (("R", 99.0, 100.0, [1.0, 2.0]), "row 1 goes from 99.0 to 100.0 s"),
    ],
)
def test__vectors__a_row_that_does_not_fit__is_named(
    study: Study, row: tuple[Any, ...], message: str
) -> None:
    first = study.entries[0]["id"]
    brought(study, [(first, 0.0, 1.0, [1.0, 2.0]), (first if row[0] == "R" else row[0], *row[1:])])
    with pytest.raises(StudyError, match=message):
        Vectors().vectors(cut(study))


def test__vectors__array__one_row_a_window_or_an_error(study: Study, tmp_path: Path) -> None:
    windows = cut(study)
    rows = np.random.default_rng(0).normal(size=(len(windows), 5))
    np.save(tmp_path / "v.npy", rows)
    found = Vectors(file=str(tmp_path / "v.npy")).vectors(windows)
    np.testing.assert_allclose(found.values, rows, rtol=1e-6)
    np.save(tmp_path / "v.npy", rows[:-2])
    with pytest.raises(StudyError, match=f"row {len(windows) - 2} has no vector"):
        Vectors(file=str(tmp_path / "v.npy")).vectors(windows)
    np.save(tmp_path / "v.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(StudyError, match=r"no plain .npy"):
        Vectors(file=str(tmp_path / "v.npy")).vectors(windows)


def test__vectors__array__windows_of_some_people_find_their_own_rows(
    study: Study, tmp_path: Path
) -> None:
    windows = cut(study)
    rows = np.random.default_rng(0).normal(size=(len(windows), 5)).astype(np.float32)
    np.save(tmp_path / "v.npy", rows)
    modality = Vectors(file=str(tmp_path / "v.npy"))
    some = np.flatnonzero(windows.recording == study.entries[1]["id"])[::-1]
    np.testing.assert_array_equal(modality.vectors(windows[some]).values, rows[some])
    shutil.copytree(study.folder, tmp_path / "b", ignore=shutil.ignore_patterns(".cache"))
    both = Windows.concatenate([windows, cut(replace(Study.load(tmp_path / "b"), name="b"))])
    with pytest.raises(StudyError, match=r"these are of several.*partners/NAME\.parquet"):
        modality.vectors(both)
    moved = replace(windows, start_s=windows.start_s + 0.001)
    with pytest.raises(StudyError, match="Window 0 is none of study 'toy' as it is now"):
        modality.vectors(moved)


def test__vectors__one_study_of_two_has_them__the_other_has_none(
    study: Study, tmp_path: Path
) -> None:
    shutil.copytree(study.folder, tmp_path / "b", ignore=shutil.ignore_patterns(".cache"))
    brought(study, [(study.entries[0]["id"], 0.0, 12.0, [1.0, 2.0])])
    both = Windows.concatenate([cut(study), cut(replace(Study.load(tmp_path / "b"), name="b"))])
    found = Vectors().vectors(both)
    assert found.present.sum() == (cut(study).recording == study.entries[0]["id"]).sum()
    assert not found.present[len(both) // 2 :].any()


def test__vectors__nothing_there_or_no_such_kind__says_so(study: Study) -> None:
    with pytest.raises(StudyError, match=r"no partners/sound.parquet"):
        Vectors(name="sound").vectors(cut(study))
    with pytest.raises(ConfigError, match="'text', 'video' or 'pose'; given 'smell'"):
        Vectors(kind="smell")


@pytest.mark.parametrize(
    ("column", "odd"),
    [
        ("vector", "words"),
        ("vector", [["a"]]),
        ("start_s", "noon"),
        ("recording", 3),
        ("end_s", None),
    ],
)
def test__vectors__columns_of_another_type__are_told(column: str, odd: Any, study: Study) -> None:
    brought(study, [(study.entries[0]["id"], 0.0, 3.5, [1.0, 0.0])])
    path = study.folder / "partners" / "video.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.set_column(table.column_names.index(column), column, pa.array([odd])), path
    )
    with pytest.raises(
        StudyError, match=rf"video\.parquet: (column {column} holds|row 0 goes from 0.0 to nan)"
    ):
        Vectors().vectors(cut(study))
