"""Named columns of one file, and where each of its rows went."""

from __future__ import annotations

import contextlib
import gzip
import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otolith.core.errors import ReadError
from otolith.core.limits import DEFAULT_BYTES
from otolith.data.readers.columns import NO_LINE_END, CsvFormat, header_of, read_columns

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
    content = "Gerät 7\n# made by hand\nt;Beschl (m/s²)\ns;m/s²\n0,5;9,81\n1,0;-9,81\n".encode(
        "cp1252"
    )
    table = read_columns(
        written(tmp_path, content), {"t": "number", "Beschl (m/s²)": "number"}, csv
    )
    np.testing.assert_array_equal(table.numbers["t"], [0.5, 1.0])
    np.testing.assert_array_equal(table.numbers["Beschl (m/s²)"], [9.81, -9.81])


def test__read_columns__no_header__columns_are_numbered(tmp_path: Path) -> None:
    table = read_columns(
        written(tmp_path, "7 8\n9 10\n"), {"2": "number"}, CsvFormat("space", header=False)
    )
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
def test__read_columns__bad_file__is_named_with_what_was_found(
    content: bytes, says: str, tmp_path: Path
) -> None:
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
    table = pa.table(
        {"t": stamps, "x": pa.array([1, None], pa.int16()), "s": ["1.5", "x"], "n": [3, 4]}
    )
    pq.write_table(table, path)
    found = read_columns(path, {"t": "text", "x": "number", "s": "number", "n": "text"})
    np.testing.assert_array_equal(found.numbers["x"], [1.0, np.nan])
    np.testing.assert_array_equal(found.numbers["s"], [1.5, np.nan])
    assert found.remarks["s"].detail.startswith("1 in all")
    assert pa.types.is_timestamp(found.texts["t"].type) and found.texts["n"].to_pylist() == [
        "3",
        "4",
    ]
    assert header_of(path) == ["t", "x", "s", "n"]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ReadError, match="no readable Parquet file"):
        read_columns(path, {"x": "number"})


def test__read_columns__parquet_column_of_lists__is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"l": [[1.0], [2.0]]}), tmp_path / "l.parquet")
    with pytest.raises(ReadError, match="not numbers"):
        read_columns(tmp_path / "l.parquet", {"l": "number"})


def bomb(folder: Path, kind: str) -> Path:
    path = folder / f"bomb.{kind}"
    if kind == "csv.gz":
        path.write_bytes(gzip.compress(b"t,x\n" + b"1,1\n" * (DEFAULT_BYTES // 4)))
    elif kind == "rows.parquet":
        zeros = pa.array(np.zeros(DEFAULT_BYTES // 8))
        pq.write_table(pa.table({"t": zeros, "x": zeros}), path)
    else:
        words = pa.array(["long " * 20_000] * 2000)
        pq.write_table(pa.table({"t": pa.array(np.zeros(2000)), "x": words}), path)
    assert path.stat().st_size < 2**20
    return path


@pytest.mark.parametrize("kind", ["csv.gz", "rows.parquet", "words.parquet"])
def test__read_columns__small_file_that_unpacks_to_much__names_the_option(
    kind: str, tmp_path: Path
) -> None:
    wanted = {"t": "number", "x": "text" if kind.startswith("words") else "number"}
    with pytest.raises(ReadError, match="--max-bytes"):
        read_columns(bomb(tmp_path, kind), wanted)


@pytest.mark.parametrize("cut", range(1, 400, 57))
def test__read_columns__gzip_or_parquet_cut_or_changed__never_changes_what_is_read(
    cut: int, tmp_path: Path
) -> None:
    rows = "t,x\n" + "".join(f"{n},{n * n % 89}\n" for n in range(300))
    path = written(tmp_path, gzip.compress(rows.encode(), mtime=0), "a.csv.gz")
    table = pa.table({"t": np.arange(300.0), "x": np.arange(300.0) ** 2 % 89})
    pq.write_table(table, tmp_path / "a.parquet", write_page_checksum=True)
    for one in (path, tmp_path / "a.parquet"):
        whole = one.read_bytes()
        changed = bytearray(whole)
        changed[-cut % len(whole)] ^= 0x10
        for content in (whole[:-cut], bytes(changed)):
            one.write_bytes(content)
            try:
                found = read_columns(one, WANTED)
            except ReadError as error:
                assert str(one) in str(error)
            else:
                np.testing.assert_array_equal(found.numbers["x"], np.arange(300.0) ** 2 % 89)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x" * 2_000_000, "no table"),
        (",".join(f"c{n}" for n in range(20_000)) + "\n", "20,000 columns"),
        ("t,x," + "(" * 2000 + "\n1,2,3\n", "2,000 letters"),
        ("t,x\n" + "1," + "2" * 3_000_000 + "\n", "no table"),
        ("t,x\n" + "1\n" * 1_000_002, "no table"),
    ],
)
def test__read_columns__absurd_widths__are_refused(content: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=says):
        read_columns(written(tmp_path, content), WANTED)


def test__read_columns__cells_that_only_python_takes_for_numbers__are_none(tmp_path: Path) -> None:
    table = read_columns(
        written(tmp_path, "t,x\n0,1_0\n1,１２\n2,\x00\n3, +5 \n4,.5\n5,1e39\n"), WANTED
    )
    np.testing.assert_array_equal(table.numbers["x"], [np.nan, np.nan, np.nan, 5, 0.5, 1e39])
    assert table.remarks["x"].detail.startswith("3 in all, first near line 2")
    comma = read_columns(written(tmp_path, "t;x\n0;1,5\n1;1.5\n2;x\n"), WANTED, CsvFormat(";", ","))
    np.testing.assert_array_equal(comma.numbers["x"], [1.5, np.nan, np.nan])
    assert "'1.5'" in comma.remarks["x"].detail


def test__read_columns__last_line_without_an_end__is_told_in_plain_text_alone(
    tmp_path: Path,
) -> None:
    (report,) = read_columns(written(tmp_path, "t,x\n0,1\n1,2"), WANTED).reports
    assert (report.kind, report.rows) == (NO_LINE_END, 0)
    assert not read_columns(written(tmp_path, "t,x\n0,1\n1,2\n"), WANTED).reports
    assert not read_columns(
        written(tmp_path, gzip.compress(b"t,x\n0,1\n1,2"), "a.csv.gz"), WANTED
    ).reports
    assert not read_columns(Path("in.zip/a.csv"), WANTED, content=b"t,x\n0,1\n1,2").reports


@pytest.mark.parametrize(
    "encoding", ["idna", "punycode", "unicode_escape", "rot13", "zlib", "undefined", "a\0b", "?"]
)
def test__read_columns__encoding_that_is_none__is_refused(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="encoding"):
        read_columns(written(tmp_path, "t,x\n0,1\n"), WANTED, CsvFormat(encoding=encoding))


def test__read_columns__parquet_with_letters_that_are_none__is_refused(tmp_path: Path) -> None:
    raw = pa.array([b"\xff\xfe", b"a"]).cast(pa.binary())
    broken = pa.StringArray.from_buffers(2, raw.buffers()[1], raw.buffers()[2])
    pq.write_table(pa.table({"t": [0.0, 1.0], "x": broken}), tmp_path / "a.parquet")
    for kind in ("text", "number"):
        with pytest.raises(ReadError, match=r"a\.parquet"):
            read_columns(tmp_path / "a.parquet", {"t": "number", "x": kind})


def test__read_columns__no_plain_file__is_told(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.gz", "a.parquet"):
        os.mkfifo(tmp_path / name)
        for read in (lambda path: read_columns(path, WANTED), header_of):
            with pytest.raises(ReadError, match="pipe"):
                read(tmp_path / name)


def test__read_columns__name_that_is_not_utf_8__is_read(tmp_path: Path) -> None:
    for name in (b"M\xfcller.csv", b"M\xfcller.parquet"):
        path = tmp_path / os.fsdecode(name)
        if path.suffix == ".csv":
            path.write_text("t,x\n0,1\n")
        else:
            with path.open("wb") as file:
                pq.write_table(pa.table({"t": [0.0], "x": [1.0]}), file)
        assert len(read_columns(path, WANTED)) == 1


def test__read_columns__parquet_whose_footer_contradicts_itself__does_not_end_the_process(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(0)
    pq.write_table(
        pa.table({"t": np.arange(500.0), "x": rng.normal(size=500), "who": ["P1"] * 500}), path
    )
    whole = path.read_bytes()
    for _ in range(500):
        content = bytearray(whole)
        for at in rng.integers(len(whole) - 1500, len(whole) - 8, size=2):
            content[at] = int(rng.integers(256))
        path.write_bytes(content)
        with contextlib.suppress(ReadError):
            read_columns(path, {"t": "number", "x": "number", "who": "text"})
