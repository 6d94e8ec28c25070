"""Files of every known kind come out as the same timeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from toy import toy_recording, write_toy_study

from otolith import Study
from otolith.core.errors import ChannelError, DataError, ReadError, UnitError
from otolith.data.channels import channel_names
from otolith.use.reading import read_recording, recognise_file
from otolith.use.recogniser import Recogniser

MAPPING = """
[study]
name = "mine"
[files]
pattern = "*.csv"
subject = {subject}
[time]
column = "t"
format = "milliseconds"
[[sensor]]
placement = "left_wrist"
acc = {{columns = ["lax", "lay", "laz"], unit = "{unit}"}}
gyro = {{columns = ["lgx", "lgy", "lgz"], unit = "deg/s"}}
[[sensor]]
placement = "right_wrist"
acc = {{columns = ["rax", "ray", "raz"], unit = "{unit}"}}
gyro = {{columns = ["rgx", "rgy", "rgz"], unit = "deg/s"}}
[label]
column = "activity"
"""


def table(scale: float = 1.0, **more: Any) -> pa.Table:
    """The toy recording as a table with our own column names; `scale` multiplies acceleration."""
    recording = toy_recording("p5")
    columns: dict[str, Any] = {"time_s": recording.streams[0].time_s}
    for stream in recording.streams:
        for name, values in zip(channel_names(stream.channels), stream.values.T, strict=True):
            columns[name] = values * scale if ".acc." in name else values
    return pa.table(columns | more)


def foreign(scale: float = 1 / 9.80665) -> pa.Table:
    """The same as somebody else would write it: milliseconds, g, deg/s, names of their own."""
    ours = table()
    columns: dict[str, Any] = {"t": ours["time_s"].to_numpy() * 1000}
    for name in ours.column_names[1:]:
        place, quantity, axis = name.split(".")
        factor = scale if quantity == "acc" else 180 / np.pi
        columns[f"{place[0]}{quantity[0]}{axis}"] = ours[name].to_numpy().astype(float) * factor
    return pa.table(columns)


def test__recognise_file__recording_of_a_study__is_read_with_all_its_streams(
    recogniser: Recogniser, toy_study: Study
) -> None:
    expected = recogniser.recognise(toy_study.recording("p5-1"))
    for stream in ("left_wrist", "right_wrist"):
        found = recognise_file(
            recogniser, toy_study.folder / "recordings" / f"p5-1.{stream}.parquet"
        )
        np.testing.assert_array_equal(found.probability, expected.probability)
        assert found.recording == "p5-1"


def test__recognise_file__study_folder__must_hold_one_recording(
    recogniser: Recogniser, toy_study: Study, tmp_path: Path
) -> None:
    with pytest.raises(
        DataError, match=r"holds 6 recordings; give one of their files, such as .*p0-1\."
    ):
        recognise_file(recogniser, toy_study.folder)
    alone = write_toy_study(tmp_path / "alone", people=1)
    assert len(recognise_file(recogniser, alone.folder)) == 35


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test__recognise_file__our_own_column_names__need_no_mapping(
    recogniser: Recogniser, ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"my recording.{ending}"
    rows = table(note=["x"] * 1800, temperature=np.arange(1800.0))
    pa_csv.write_csv(rows, path) if ending == "csv" else pq.write_table(rows, path)
    expected = recogniser.recognise(toy_recording("p5"))
    found = recognise_file(recogniser, path, overlap=0.5)
    np.testing.assert_allclose(found.probability, expected.probability, atol=1e-4)
    assert found.recording == "my-recording"


def test__recognise_file__overlap__is_passed_on(recogniser: Recogniser, tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "r.parquet")
    assert len(recognise_file(recogniser, tmp_path / "r.parquet", overlap=0.0)) == 18


@pytest.mark.parametrize(
    "subject",
    ['{value = "me"}', """{from = "path", pattern = '(?P<subject>P\\d+)_(?P<session>\\d+)'}"""],
)
def test__recognise_file__mapping__needs_neither_labels_nor_a_name(
    recogniser: Recogniser, subject: str, tmp_path: Path
) -> None:
    pa_csv.write_csv(foreign(), tmp_path / "new.csv")
    (tmp_path / "mapping.toml").write_text(MAPPING.format(unit="g", subject=subject))
    expected = recogniser.recognise(toy_recording("p5"))
    found = recognise_file(recogniser, tmp_path / "new.csv", tmp_path / "mapping.toml")
    np.testing.assert_allclose(found.probability, expected.probability, atol=1e-3)


def test__recognise_file__wrong_unit__is_refused(recogniser: Recogniser, tmp_path: Path) -> None:
    pa_csv.write_csv(table(1 / 9.80665), tmp_path / "g.csv")
    with pytest.raises(UnitError, match=r"g\.csv.*look like g"):
        recognise_file(recogniser, tmp_path / "g.csv")
    pa_csv.write_csv(foreign(1.0), tmp_path / "metres.csv")
    (tmp_path / "mapping.toml").write_text(MAPPING.format(unit="g", subject='{value = "me"}'))
    with pytest.raises(UnitError, match=r"metres\.csv.*m/s² already"):
        recognise_file(recogniser, tmp_path / "metres.csv", tmp_path / "mapping.toml")


def test__recognise_file__unknown_columns__ask_for_a_mapping(
    recogniser: Recogniser, tmp_path: Path
) -> None:
    pa_csv.write_csv(foreign(), tmp_path / "new.csv")
    with pytest.raises(
        ReadError, match=r"has the columns t, lax, lay.*otolith import .* --guess --mapping"
    ):
        recognise_file(recogniser, tmp_path / "new.csv")


def test__recognise_file__lacking_a_sensor__names_it(
    recogniser: Recogniser, tmp_path: Path
) -> None:
    left = table().select([n for n in table().column_names if not n.startswith("right")])
    pq.write_table(left, tmp_path / "left.parquet")
    with pytest.raises(ChannelError, match=r"missing are right_wrist\.acc\.x"):
        recognise_file(recogniser, tmp_path / "left.parquet")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"time_s,left_wrist.acc.x,left_wrist.acc.y,left_wrist.acc.z\n", "no row"),
        ("binary.csv", bytes(range(128, 256)) * 9, "binary.csv"),
        ("cut.parquet", b"PAR1 and then nothing", "cut.parquet"),
        ("words.csv", b"time_s,left_wrist.acc.x\na,b\nc,d\n", "no usable row"),
    ],
)
def test__recognise_file__damaged_file__is_told(
    recogniser: Recogniser, name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadError, match=words):
        recognise_file(recogniser, tmp_path / name)


def test__recognise_file__absent_file__is_told(recogniser: Recogniser, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="does not exist"):
        recognise_file(recogniser, tmp_path / "nowhere.csv")


def test__read_recording__blank_cells_of_one_sensor__leave_the_other_whole(tmp_path: Path) -> None:
    rows = table()
    values = rows["right_wrist.gyro.x"].to_numpy().astype(float)
    values[::2] = np.nan
    rows = rows.set_column(
        rows.column_names.index("right_wrist.gyro.x"), "right_wrist.gyro.x", pa.array(values)
    )
    pq.write_table(rows, tmp_path / "r.parquet")
    left, right = read_recording(tmp_path / "r.parquet").streams
    assert (left.rows_kept, right.rows_kept) == (1800, 900)
    assert left.rows_read == right.rows_read == 1800
