"""Named columns of one file, and where each of its rows went."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otolith.errors import ReadError
from otolith.readers.columns import CsvFormat, header_of, read_columns

WANTED = {"t": "number", "x": "number"}


def written(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test__read_columns__plain__numbers_and_texts(tmp_path: Path) -> None:
    path = written(tmp_path, "t, x ,name\n0,1.5,anna\n1,-2e3, bo \n")
    table = read_columns(path, {"t": "number", "x": "number", "name": "text"})
    np.testing.assert_array_equal(table.numbers["x"], [1.5, -2000.0])
    assert table.texts["name"].to_pylist() == ["anna", " bo "]
    assert len(table) == 2 and not table.reports and not table.remarks


@pytest.mark.parametrize("blank", ["", "NA", "nan", "null"])
def test__read_columns__blank_cell__is_nan_without_a_remark(blank: str, tmp_path: Path) -> None:
    table = read_columns(written(tmp_path, f"t,x\n0,1\n1,{blank}\n"), WANTED)
    np.testing.assert_array_equal(table.numbers["x"], [1.0, np.nan])
    assert not table.remarks


def test__read_columns__cell_is_a_word__is_nan_and_told_with_its_line(tmp_path: Path) -> None:
    table = read_columns(written(tmp_path, "t,x\n0,1\n1,ERR\n2,3\n3,--\n"), WANTED)
    np.testing.assert_array_equal(table.numbers["x"], [1.0, np.nan, 3.0, np.nan])
    assert table.remarks["x"].kind == "unreadable cell" and table.remarks["x"].rows == 0
    assert table.remarks["x"].detail == "2 in all, first near line 3, column 'x': 'ERR'"


def test__read_columns__row_cut_off__is_reported_with_its_line(tmp_path: Path) -> None:
    table = read_columns(written(tmp_path, "t,x,y\n0,1,1\n1,2,2\n2,3"), WANTED)
    assert len(table) == 2
    report, cut = table.reports
    assert (report.kind, report.rows) == ("broken row", 1)
    assert (cut.kind, cut.rows) == ("no line end", 0)
    assert report.detail == "first in line 4: 2 cells where the header has 3"


def test__read_columns__unpaired_quote__swallowed_rows_are_counted(tmp_path: Path) -> None:
    table = read_columns(written(tmp_path, 't,x,note\n0,1,a\n1,2,"b\n2,3,c\n3,4,d\n'), WANTED)
    kept, reported = len(table), sum(report.rows for report in table.reports)
    assert kept + reported == 4 and reported > 0


def test__read_columns__blank_lines__are_no_rows(tmp_path: Path) -> None:
    table = read_columns(written(tmp_path, "t,x\r\n0,1\r\n\r\n1,2\r\n\r\n"), WANTED)
    assert len(table) == 2 and not table.reports


def test__read_columns__european_export__is_described_not_guessed(tmp_path: Path) -> None:
    csv = CsvFormat(";", ",", "cp1252", skip_rows=1, skip_after_header=1, comment="#")
    content = "Gerät 7\n# made by hand\nt;Beschl (m/s²)\ns;m/s²\n0,5;9,81\n1,0;-9,81\n".encode("cp1252")
    table = read_columns(written(tmp_path, content), {"t": "number", "Beschl (m/s²)": "number"}, csv)
    np.testing.assert_array_equal(table.numbers["t"], [0.5, 1.0])
    np.testing.assert_array_equal(table.numbers["Beschl (m/s²)"], [9.81, -9.81])


def test__read_columns__no_header__columns_are_numbered(tmp_path: Path) -> None:
    table = read_columns(written(tmp_path, "7 8\n9 10\n"), {"2": "number"}, CsvFormat("space", header=False))
    np.testing.assert_array_equal(table.numbers["2"], [8.0, 10.0])


def test__read_columns__byte_order_mark_and_gzip__are_read(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbft,x\n0,1\n"
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(content))
    for found in (path, written(tmp_path, content)):
        np.testing.assert_array_equal(read_columns(found, WANTED).numbers["x"], [1.0])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"t,x\n", "no row"),
        (b"t,x", "no row"),
        (b"\n\n", "no header"),
        (b"t,x\n0,\xff\xfe\n", "is not utf-8 text"),
        (b"t,\xff\n0,1\n", "is not utf-8 text"),
        (b"\xff\xfet\x00,\x00x\x00", "is not utf-8 text"),
        (b"t,y\n0,1\n", "no column 'x'; its columns are 't', 'y'"),
        (b"t;x\n0;1\n", 'delimiter = ";"'),
        (b"t,x,x\n0,1,2\n", "2 columns called 'x'"),
        (b"t,x\n0,1,2\n1,2,3\n", "no whole row"),
    ],
)
def test__read_columns__bad_file__is_named_with_what_was_found(content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"a\.csv") as caught:
        read_columns(written(tmp_path, content), WANTED)
    assert says in str(caught.value)


def test__read_columns__gzip_cut_off__says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"t,x\n" + b"0,1\n" * 1000)[:-12])
    with pytest.raises(ReadError, match="cut off"):
        read_columns(path, WANTED)


def test__read_columns__absent__says_so(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="does not exist"):
        read_columns(tmp_path / "a.csv", WANTED)


def test__read_columns__parquet__any_number_type_text_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    stamps = [datetime(2020, 1, 1), datetime(2020, 1, 2)]
    table = pa.table({"t": stamps, "x": pa.array([1, None], pa.int16()), "s": ["1.5", "x"], "n": [3, 4]})
    pq.write_table(table, path)
    found = read_columns(path, {"t": "text", "x": "number", "s": "number", "n": "text"})
    np.testing.assert_array_equal(found.numbers["x"], [1.0, np.nan])
    np.testing.assert_array_equal(found.numbers["s"], [1.5, np.nan])
    assert found.remarks["s"].detail.startswith("1 in all")
    assert pa.types.is_timestamp(found.texts["t"].type) and found.texts["n"].to_pylist() == ["3", "4"]
    assert header_of(path) == ["t", "x", "s", "n"]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ReadError, match="no readable Parquet file"):
        read_columns(path, {"x": "number"})


def test__read_columns__parquet_column_of_lists__is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"l": [[1.0], [2.0]]}), tmp_path / "l.parquet")
    with pytest.raises(ReadError, match="not numbers"):
        read_columns(tmp_path / "l.parquet", {"l": "number"})
