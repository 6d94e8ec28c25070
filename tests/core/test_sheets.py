"""A cell that we write is never a formula, and every text comes back as it was."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otolith.core.errors import ReadError
from otolith.core.sheets import (
    as_text,
    decimals,
    from_text,
    read_sheet,
    sheet,
    sheet_of,
    write_sheet,
)
from otolith.measure.report import Report
from otolith.show.gates import write_gates
from otolith.use.timeline import Timeline

BAD = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "\x00=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "\u22121",
    "a;=1",
    "a\n=1",
    "a\t@b",
    "\twalk",
    "\rwalk",
    "'",
    "''=1",
)
TEXTS = st.one_of(st.text(), st.text("=+-@'; \t\r\n\"a\uff1d\u200b,"), st.sampled_from(BAD))


def looks_like_a_formula(cell: str) -> bool:
    parts = [cell, *cell.replace("\n", ";").replace("\r", ";").replace("\t", ";").split(";")]
    seen = ["".join(c for c in part if c.isprintable()).strip() for part in parts]
    return cell[:1] in tuple("\t\r\n") or any(
        part[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20\u2212") for part in seen
    )


@given(TEXTS)
def test__text__any__is_no_formula_and_reads_back(text: str) -> None:
    cell = as_text(text)
    assert not (cell and looks_like_a_formula(cell))
    assert from_text(cell) == text


@given(
    st.lists(TEXTS, min_size=1, max_size=4, unique=True).flatmap(
        lambda head: st.tuples(
            st.just(head),
            st.lists(st.lists(TEXTS, min_size=len(head), max_size=len(head)), max_size=4),
        )
    )
)
def test__sheet__any_texts__read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[list[str]]]
) -> None:
    head, rows = table
    path = tmp_path_factory.getbasetemp() / "any.csv"
    write_sheet(path, head, rows)
    wanted = [dict(zip(head, row, strict=True)) for row in rows]

    assert read_sheet(path) == wanted


def test__sheet__numbers__stay_numbers() -> None:
    row = [
        -1.5,
        3,
        np.float32(-0.5),
        np.int64(-2),
        Decimal("-0.250"),
        None,
        "-1.5",
        float("-inf"),
        True,
    ]
    assert sheet(["a"] * 9, [row]).splitlines()[1] == "-1.5,3,-0.5,-2,-0.250,,'-1.5,'-inf,True"
    assert sheet_of([{"a": 1}, {"b": "x"}]) == "a,b\n1,\n,x\n"
    assert decimals(float("nan"), 3) is None and str(decimals(-0.5, 3)) == "-0.500"


def test__text__bytes_that_are_no_text__can_be_written(tmp_path: Path) -> None:
    write_sheet(tmp_path / "t.csv", ["name"], [["caf\udce9"]])
    assert read_sheet(tmp_path / "t.csv") == [{"name": "caf\\udce9"}]


@pytest.mark.parametrize("label", BAD)
def test__every_table_that_we_write__labels_like_formulas__are_text_and_read_back(
    tmp_path: Path, label: str
) -> None:
    one = np.array([0.5])
    timeline = Timeline(
        "r", (label, "b"), one, one + 1, np.array([label]), np.array([[0.75, 0.25]])
    )
    timeline.to_csv(tmp_path / "timeline.csv")
    write_gates(np.array([[0.5, 0.5], [1.0, 0.0]]), [label, "b"], tmp_path)
    row = {"study": label, "method": label, "shots": 1, "fold": 0, "draw": 0, "macro_f1": 0.5}
    row |= {
        "per_subject": {label: {"macro_f1": 0.5}},
        "test_subjects": ["a", label],
        "notes": [label],
    }
    Report(rows=[row]).save(tmp_path)
    assert read_sheet(tmp_path / "timeline.csv")[0]["label"] == label
    assert read_sheet(tmp_path / "timeline.csv")[0][label] == "0.7500"
    assert read_sheet(tmp_path / "gates.csv")[0]["class"] == label
    assert read_sheet(tmp_path / "results.csv")[0]["study"] == label
    assert read_sheet(tmp_path / "people.csv")[0]["subject"] == label
    for path in tmp_path.glob("*.csv"):
        with path.open(newline="") as opened:
            for cells in csv.reader(opened):
                assert not any(looks_like_a_formula(cell) for cell in cells if cell), (
                    path.name,
                    cells,
                )


def test__read_sheet__what_is_no_table__is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(ReadError, match="cannot be read"):
        read_sheet(path)
    for content, said in (
        (b"a,b\n1\n", "row 2 has 1"),
        (b"a,a\n", "twice"),
        (b"\xff\xfe", "cannot be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(ReadError, match=said):
            read_sheet(path)
