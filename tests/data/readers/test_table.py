"""Tables through a mapping -> a study: joined files, clocks, labels, and all that can be wrong with
them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ConfigError, DataError, OtolithError, ReadError, UnitError
from otolith.data.readers import import_tables, read_table_study
from otolith.data.readers.mapping import parse_mapping
from otolith.data.readers.table import Skipped
from otolith.data.recording import Recording

HEAD = '[study]\nname = "ward"\n[files]\n'
SENSOR = '[[sensor]]\nplacement = "left_wrist"\nacc = {columns = ["x", "y", "z"], unit = "g"}\n'
PLAIN = HEAD + 'subject = {value = "P01"}\n[time]\ncolumn = "t"\n' + SENSOR


def table(
    time: Sequence[object],
    z: Sequence[object] | float = 1.0,
    more: Mapping[str, Sequence[object]] = {},
) -> str:
    heights = [z] * len(time) if isinstance(z, float) else z
    rows = [["t", "x", "y", "z", *more]]
    rows += [
        [str(t), "0.0", "0.0", str(h), *(str(c[i]) for c in more.values())]
        for i, (t, h) in enumerate(zip(time, heights, strict=True))
    ]
    return "\n".join(",".join(row) for row in rows) + "\n"


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(
    folder: Path, mapping: str, on_error: str = "stop", skipped: list[Skipped] | None = None
) -> list[Recording]:
    return list(read_table_study(folder, parse_mapping(mapping), on_error, skipped))  # type: ignore[arg-type]


def rows_told(recording: Recording) -> list[tuple[str, int]]:
    return [(report.kind, report.rows) for stream in recording.streams for report in stream.reports]


SECONDS = [round(0.02 * i, 2) for i in range(200)]


def test__import_tables__one_file__is_a_study_in_si(tmp_path: Path) -> None:
    source = write(tmp_path / "in", {"a.csv": table(SECONDS)})
    (tmp_path / "m.toml").write_text(PLAIN)
    study = import_tables(source, tmp_path / "m.toml", tmp_path / "out")
    assert (study.name, study.subjects, study.placements) == ("ward", ["P01"], ["left_wrist"])
    assert study.rows == {"read": 200, "kept": 200, "reported": 0}
    recording = study.recording("a")
    np.testing.assert_allclose(recording.streams[0].values[:, 2], 9.80665, rtol=1e-6)
    np.testing.assert_allclose(recording.streams[0].time_s, SECONDS, atol=1e-9)
    assert recording.facts == {"file": "a.csv"}
    assert not (tmp_path / "out" / "skipped.json").exists()
    with pytest.raises(DataError, match="already exists"):
        import_tables(source, tmp_path / "m.toml", tmp_path / "out")


def test__import_tables__overwrite__leaves_nothing_of_the_older_study(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(PLAIN)
    for name in ("a", "b"):
        source = write(tmp_path / name, {f"{name}.csv": table(SECONDS)})
        import_tables(source, tmp_path / "m.toml", tmp_path / "out", overwrite=True)
    assert [path.name for path in (tmp_path / "out" / "recordings").iterdir()] == [
        "b.left_wrist.parquet"
    ]


def test__read__lost_rows__leave_the_rate_as_it_is(tmp_path: Path) -> None:
    even = [t for i, t in enumerate(SECONDS) if i % 7 and i % 11]
    bunched = [0.02 * (i // 2) + 0.006 * (i % 2) for i in range(200)]
    write(tmp_path, {"a.csv": table(even), "b.csv": table(bunched)})
    a, b = read(tmp_path, PLAIN)
    assert a.streams[0].rate_hz == pytest.approx(50)
    assert b.streams[0].rate_hz == pytest.approx(100, rel=0.02)


def test__read__a_single_file__is_a_source_too(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": table(SECONDS), "b.csv": table(SECONDS)})
    assert [r.id for r in read(tmp_path / "b.csv", PLAIN)] == ["b"]


def test__read__unix_milliseconds__start_at_zero(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": table([1_648_531_521_000 + 20 * i for i in range(100)])})
    (recording,) = read(tmp_path, PLAIN.replace('"t"', '"t"\nformat = "milliseconds"'))
    np.testing.assert_allclose(recording.streams[0].time_s, np.arange(100) * 0.02, atol=1e-6)
    assert recording.start == "2022-03-29T05:25:21+00:00"
    (recording,) = read(
        tmp_path, PLAIN.replace('"t"', '"t"\nformat = "milliseconds"\ntimezone = "Asia/Tokyo"')
    )
    assert recording.start == "2022-03-29T14:25:21+09:00"
    write(tmp_path, {"a.csv": table([1.7e9 + t for t in SECONDS])})
    (recording,) = read(tmp_path, PLAIN)  # seconds since nobody knows when
    assert recording.start is None


def test__import_tables__stamps_with_a_zone__start_stands_in_the_study(tmp_path: Path) -> None:
    stamps = [f"2026-03-29T08:15:{0.02 * i:06.3f}+02:00" for i in range(200)]
    source = write(tmp_path / "in", {"a.csv": table(stamps)})
    (tmp_path / "m.toml").write_text(PLAIN.replace('"t"', '"t"\nformat = "iso"'))
    study = import_tables(source, tmp_path / "m.toml", tmp_path / "out")
    assert study.entries[0]["start"] == study.recording("a").start == "2026-03-29T08:15:00+02:00"


def test__read__no_stamps__counts_rows(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": table(SECONDS)})
    (recording,) = read(tmp_path, PLAIN.replace('column = "t"', 'format = "sample"\nrate_hz = 25'))
    np.testing.assert_allclose(recording.streams[0].time_s[:3], [0.0, 0.04, 0.08])


JOINED = (
    HEAD + "subject = {from = 'path', pattern = "
    "'(?P<subject>P\\d+)/(?P<session>\\d+)_(?P<sensor>\\w+)'}\n"
    + 'pattern = "**/*.csv"\n[time]\ncolumn = "t"\n'
    + SENSOR.replace('"left_wrist"', '"left_wrist"\nmatch = "lw"')
    + SENSOR.replace('"left_wrist"', '"right_ankle"\nmatch = "ra"\nrate_hz = 25')
)


def test__read__one_file_per_sensor__joins_them_at_their_own_rates(tmp_path: Path) -> None:
    fast, slow = [100 + 0.01 * i for i in range(400)], [101 + 0.04 * i for i in range(100)]
    files = {f"P{p}/1_{s}.csv": table(t) for p in (1, 2) for s, t in (("lw", fast), ("RA", slow))}
    recordings = read(write(tmp_path, files), JOINED)
    assert [(r.id, r.subject, r.session) for r in recordings] == [
        ("P1_1", "P1", "1"),
        ("P2_1", "P2", "1"),
    ]
    ankle, wrist = recordings[0].streams
    assert (ankle.name, wrist.name, ankle.nominal_rate_hz) == ("right_ankle", "left_wrist", 25)
    assert (round(ankle.rate_hz), round(wrist.rate_hz)) == (25, 100)
    # One clock: the later sensor starts a second into the recording.
    assert (wrist.time_s[0], ankle.time_s[0]) == (0.0, pytest.approx(1.0))
    assert recordings[0].facts == {"file": "P1/1_RA.csv, P1/1_lw.csv"}


def test__read__clocks_that_never_meet__need_zero_first(tmp_path: Path) -> None:
    write(
        tmp_path, {"P1/1_lw.csv": table(SECONDS), "P1/1_ra.csv": table([5000 + t for t in SECONDS])}
    )
    with pytest.raises(ReadError, match='zero = "first"'):
        read(tmp_path, JOINED)
    (recording,) = read(tmp_path, JOINED.replace('column = "t"', 'column = "t"\nzero = "first"'))
    assert [stream.time_s[0] for stream in recording.streams] == [0.0, 0.0]
    own = JOINED.replace('column = "t"', 'column = "t"\nformat = "unix"\nzero = "first"')
    write(
        tmp_path,
        {
            f"P1/1_{s}.csv": table([1.7e9 + late + t for t in SECONDS])
            for s, late in (("lw", 0), ("ra", 9))
        },
    )
    assert read(tmp_path, own)[0].start is None  # each file has a start of its own


def test__read__sensor_that_no_block_matches__is_told(tmp_path: Path) -> None:
    write(tmp_path, {"P1/1_chest.csv": table(SECONDS)})
    with pytest.raises(ReadError, match="'chest', which no"):
        read(tmp_path, JOINED)


def test__read__one_sensor_twice__asks_for_a_group(tmp_path: Path) -> None:
    write(tmp_path, {"a/P1/1_lw.csv": table(SECONDS), "b/P1/1_lw.csv": table(SECONDS)})
    with pytest.raises(ReadError, match=r"\(\?P<recording>"):
        read(tmp_path, JOINED)


def test__read__two_sensors_in_one_file__damage_to_one_spares_the_other(tmp_path: Path) -> None:
    more = {name: [0.5] * 200 for name in ("u", "v")} | {"w": ["bad", *[0.7] * 199]}
    write(tmp_path, {"a.csv": table(SECONDS, more=more)})
    second = SENSOR.replace("left_wrist", "chest").replace('"x", "y", "z"', '"u", "v", "w"')
    (recording,) = read(tmp_path, PLAIN + second)
    wrist, chest = recording.streams
    assert (wrist.rows_kept, wrist.reports) == (200, ())
    assert (chest.rows_read, chest.rows_kept) == (200, 199)
    assert rows_told(recording) == [("unreadable cell", 0), ("not a number", 1)]


def test__read__acc_and_gyro_in_rows_of_their_own__become_two_streams(tmp_path: Path) -> None:
    lines = ["t,x,y,z,gx,gy,gz"]
    for i in range(100):
        lines += [f"{i / 50},0,0,1,,,", f"{i / 50 + 0.005},,,,1,2,3"]
    write(tmp_path, {"a.csv": "\n".join(lines)})
    separate = PLAIN + 'gyro = {columns = ["gx", "gy", "gz"], unit = "rad/s"}\nseparate = true\n'
    (recording,) = read(tmp_path, separate)
    assert [(s.name, s.rows_read, s.rows_kept) for s in recording.streams] == [
        ("left_wrist.acc", 200, 100),
        ("left_wrist.gyro", 200, 100),
    ]
    assert recording.streams[1].time_s[0] == pytest.approx(0.005)
    with pytest.raises(ReadError, match="separate = true"):
        read(tmp_path, separate.replace("separate = true", ""))


@pytest.mark.parametrize(("unit", "pascals"), [("hPa", 100.0), ("mbar", 100.0), ("Pa", 1.0)])
def test__read__barometer__is_one_column_in_pascals(
    unit: str, pascals: float, tmp_path: Path
) -> None:
    write(tmp_path, {"a.csv": table(SECONDS, more={"p": [1013.25] * 200})})
    (recording,) = read(tmp_path, PLAIN + f'baro = {{columns = ["p"], unit = "{unit}"}}\n')
    (stream,) = recording.streams
    assert [channel.name for channel in stream.channels][3:] == ["left_wrist.baro"]
    np.testing.assert_allclose(stream.values[:, 3], 1013.25 * pascals, rtol=1e-6)


def test__read__people_in_a_column__become_recordings(tmp_path: Path) -> None:
    who = ["anna"] * 80 + [""] * 20 + ["bo"] * 100
    write(tmp_path, {"a.csv": table(SECONDS, more={"person": who})})
    anna, bo = read(tmp_path, PLAIN.replace('{value = "P01"}', '{column = "person"}'))
    assert [(r.id, r.subject, r.streams[0].rows_kept) for r in (anna, bo)] == [
        ("a_anna", "anna", 80),
        ("a_bo", "bo", 100),
    ]
    assert rows_told(anna) == [("no subject", 20)] and rows_told(bo) == []
    assert anna.streams[0].rows_read + bo.streams[0].rows_read == 200
    assert bo.streams[0].time_s[0] == 0.0


def test__read__repeated_and_backward_stamps__are_left_out_and_counted(tmp_path: Path) -> None:
    stamps = [0.0, 0.02, 0.02, 0.04, 0.01, 0.06, "x", 0.08]
    write(tmp_path, {"a.csv": table(stamps)})
    (recording,) = read(tmp_path, PLAIN)
    assert recording.streams[0].time_s.tolist() == [0.0, 0.02, 0.04, 0.06, 0.08]
    told = [("not a number", 1), ("repeated stamp", 1), ("backward stamp", 1)]
    assert rows_told(recording) == [("unreadable cell", 0), *told]


LABELLED = PLAIN + '[label]\ncolumn = "what"\nignore = ["", "none"]\nnames = {"1" = "walking"}\n'


def test__read__label_column__runs_become_segments(tmp_path: Path) -> None:
    what = ["1"] * 50 + ["none"] * 25 + ["sitting"] * 50 + [""] * 25 + ["1"] * 50
    write(tmp_path, {"a.csv": table(SECONDS, more={"what": what})})
    (recording,) = read(tmp_path, LABELLED)
    assert [
        (s.label, pytest.approx(s.start_s), pytest.approx(s.end_s)) for s in recording.segments
    ] == [
        ("walking", 0.0, 1.0),
        ("sitting", 1.5, 2.5),
        ("walking", 3.0, 4.0),
    ]
    assert recording.segments[0].source == "column what"


def test__read__label_run_before_a_gap__ends_with_its_last_row(tmp_path: Path) -> None:
    stamps = [0.02 * i for i in range(50)] + [10 + 0.02 * i for i in range(50)]
    write(tmp_path, {"a.csv": table(stamps, more={"what": ["1"] * 50 + ["sitting"] * 50})})
    (recording,) = read(tmp_path, LABELLED)
    assert recording.segments[0].end_s == pytest.approx(1.0)
    assert recording.segments[1].start_s == pytest.approx(10.0)


def test__read__label_file__is_on_the_recordings_clock(tmp_path: Path) -> None:
    stamps = [1000 + t for t in SECONDS]
    labels = "start,end,label,recording\n1000.5,1001.5,walking,a\n1002,1003,sitting,a\n"
    write(tmp_path, {"a.csv": table(stamps), "b.csv": table(stamps), "labels.csv": labels})
    a, b = read(tmp_path, PLAIN + '[label]\nfile = "labels.csv"\n')
    assert [(s.start_s, s.end_s, s.label) for s in a.segments] == [
        (0.5, 1.5, "walking"),
        (2.0, 3.0, "sitting"),
    ]
    assert b.segments == ()


def test__read__label_file_per_recording__from_its_start(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.csv": table(SECONDS),
            "b.csv": table(SECONDS),
            "labels/a.csv": "start,end,label\n1,2,walking\n",
        },
    )
    mapping = PLAIN + '[label]\nfile = "labels/{recording}.csv"\nfrom_start = true\n'
    a, b = read(tmp_path, mapping.replace("[files]", '[files]\npattern = "**/*.csv"'))
    assert [(s.start_s, s.end_s) for s in a.segments] == [(1.0, 2.0)] and not b.segments


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2,1,walking,a", "row 1: a label needs a start before its end"),
        ("x,1,walking,a", "row 1: a label needs a start"),
        ("1,2,walking,aa", "labels 'aa', but no recording has that id. Did you mean 'a'"),
        ("1000,1001,walking,a", "lies outside of it"),
        ("1,2", "broken row"),
    ],
)
def test__read__label_file_wrong__is_told(line: str, says: str, tmp_path: Path) -> None:
    good = "" if says != "broken row" else "1,2,walking,a\n"
    write(
        tmp_path,
        {"a.csv": table(SECONDS), "labels.csv": f"start,end,label,recording\n{good}{line}\n"},
    )
    with pytest.raises(ReadError) as caught:
        read(tmp_path, PLAIN + '[label]\nfile = "labels.csv"\n')
    assert says in str(caught.value)


def test__read__wrong_unit_in_one_file__names_that_file(tmp_path: Path) -> None:
    long = [0.02 * i for i in range(1000)]
    write(tmp_path, {"a.csv": table(long), "b.csv": table(long, [9.81] * 1000)})
    with pytest.raises(UnitError, match=r"b\.csv.*'m/s2'"):
        read(tmp_path, PLAIN)


def test__import_tables__wrong_unit_throughout__names_the_likely_one(tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.csv": table(SECONDS)})
    (tmp_path / "m.toml").write_text(PLAIN.replace('"g"', '"m/s2"'))
    with pytest.raises(UnitError, match="look like g"):
        import_tables(tmp_path / "in", tmp_path / "m.toml", tmp_path / "out")
    assert not (tmp_path / "out" / "study.json").exists()


def test__import_tables__gravity_removed__is_believed(tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.csv": table(SECONDS, 0.0)})
    (tmp_path / "m.toml").write_text(
        PLAIN.replace('name = "ward"', 'name = "ward"\ngravity = "removed"')
    )
    study = import_tables(tmp_path / "in", tmp_path / "m.toml", tmp_path / "out")
    assert study.recording("a").gravity == "removed"


BAD = {
    "empty.csv": (b"", "is empty"),
    "header_only.csv": (b"t,x,y,z\n", "no row"),
    "not_text.csv": (b"t,x,y,z\n0,\xff\xfe,0,1\n", "is not utf-8 text"),
    "all_nan.csv": (b"t,x,y,z\n0,nan,nan,nan\n1,nan,nan,nan\n", "no usable row"),
    "no_stamp.csv": (b"t,x,y,z\nx,0,0,1\ny,0,0,1\n", "none of its 2 rows has a stamp"),
    "column_missing.csv": (b"t,x,y\n0,0,1\n", "no column 'z'"),
    "other_delimiter.csv": (b"t;x;y;z\n0;0;0;1\n", 'delimiter = ";"'),
    "picture.csv": (bytes(range(256)) * 20, ".csv"),
}


@pytest.mark.parametrize("name", BAD)
def test__read__bad_file__stops_and_names_it(name: str, tmp_path: Path) -> None:
    content, says = BAD[name]
    write(tmp_path, {"a.csv": table(SECONDS), name: content})
    with pytest.raises(ReadError, match=name.replace(".", r"\.")) as caught:
        read(tmp_path, PLAIN)
    assert says in str(caught.value)


def test__import_tables__skip__keeps_the_good_and_lists_the_bad(tmp_path: Path) -> None:
    write(
        tmp_path / "in",
        {"a.csv": table(SECONDS), "z.csv": table(SECONDS, 0.99)}
        | {n: c for n, (c, _) in BAD.items()},
    )
    (tmp_path / "m.toml").write_text(PLAIN)
    study = import_tables(tmp_path / "in", tmp_path / "m.toml", tmp_path / "out", on_error="skip")
    assert [entry["id"] for entry in study.entries] == ["a", "z"]
    listed = json.loads((tmp_path / "out" / "skipped.json").read_text())
    assert {entry["file"] for entry in listed} == set(BAD)
    for entry in listed:
        assert BAD[entry["file"]][1] in entry["reason"]


def test__import_tables__skip_and_nothing_left__says_why(tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.csv": b"", "b.csv": b""})
    (tmp_path / "m.toml").write_text(PLAIN)
    with pytest.raises(ReadError, match=r"None of the 2 files.*is empty"):
        import_tables(tmp_path / "in", tmp_path / "m.toml", tmp_path / "out", on_error="skip")


def test__read__skip__keeps_the_other_sensor_of_a_recording(tmp_path: Path) -> None:
    write(tmp_path, {"P1/1_lw.csv": table(SECONDS), "P1/1_ra.csv": b""})
    skipped: list[Skipped] = []
    (recording,) = read(tmp_path, JOINED, "skip", skipped)
    assert recording.placements == ["left_wrist"] and [s.file for s in skipped] == ["P1/1_ra.csv"]


def test__read__nothing_fits__says_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, {"a.tsv": "x"})
    with pytest.raises(ReadError, match=r"there are \*\.tsv"):
        read(tmp_path, PLAIN)
    with pytest.raises(ReadError, match="does not exist"):
        read(tmp_path / "absent", PLAIN)


def test__read__path_without_a_person__is_told(tmp_path: Path) -> None:
    write(tmp_path, {"P1/1_lw.csv": table(SECONDS), "notes.csv": "a\n1\n"})
    with pytest.raises(ReadError, match=r"'notes\.csv' does not fit"):
        read(tmp_path, JOINED)


def test__read__column_with_two_meanings__is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": table(SECONDS)})
    with pytest.raises(ConfigError, match="named twice"):
        read(tmp_path, PLAIN + '[label]\ncolumn = "x"\n')


def test__import_tables__out_inside_the_source__is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": table(SECONDS)})
    (tmp_path / "m.toml").write_text(
        PLAIN.replace("[files]", '[files]\npattern = "**/*.*"').replace("**/*.*", "**/a*")
    )
    for _ in range(2):
        assert (
            len(import_tables(tmp_path, tmp_path / "m.toml", tmp_path / "out", overwrite=True)) == 1
        )


def test__read__stamps_beyond_all_sense__overflow_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": table([0, 1e-300, 2e-300, 1e-9, 2e-9, 3e-9, 3.9e9, 1e11])})
    (recording,) = read(tmp_path, PLAIN)
    assert rows_told(recording) == [("not a number", 1), ("repeated stamp", 2), ("lost samples", 0)]
    assert recording.streams[0].rate_hz == pytest.approx(1e9)


FUZZED = LABELLED.replace('{value = "P01"}', '{column = "who"}')
SEED = table(
    SECONDS[:30], more={"what": ["1"] * 10 + ["2"] * 20, "who": ["a"] * 15 + ["b"] * 15}
).encode()


def _attempt(folder: Path, content: bytes, mapping: str) -> None:
    path = folder / "fuzz.csv"
    path.write_bytes(content)
    try:
        recordings = list(read_table_study(path, parse_mapping(mapping)))
    except OtolithError as error:
        assert "fuzz.csv" in str(error)
        return
    lines = content.replace(b"\r", b"\n").split(b"\n")
    rows = sum(recording.streams[0].rows_read for recording in recordings)
    # One line is the header; a line of blanks may count as a broken row or as none.
    assert (
        sum(1 for line in lines if line.strip()) - 1 <= rows <= sum(1 for line in lines if line) - 1
    )
    for recording in recordings:
        for stream in recording.streams:
            assert np.isfinite(stream.values).all() and (np.diff(stream.time_s) > 0).all()
        assert all(0 <= segment.start_s < segment.end_s for segment in recording.segments)
        assert all(stream.time_s[0] >= 0 for stream in recording.streams)


@settings(max_examples=150)
@given(content=st.binary(max_size=300))
def test__read__any_bytes__a_recording_or_an_error_that_names_the_file(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _attempt(tmp_path_factory.getbasetemp(), content, PLAIN)


CELLS = st.sampled_from(
    [
        b"",
        b"nan",
        b"inf",
        b"-1e308",
        b"1e308",
        b"9" * 400,
        b'"',
        b"\n",
        b",",
        b"\x00",
        b"\xff",
        b"1,5",
        b"\r",
        b";",
        b"-0",
    ]
)


@settings(max_examples=300)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(SEED)), st.integers(0, 6), CELLS), min_size=1, max_size=6
    )
)
def test__read__any_damage_to_a_good_file__a_recording_or_an_error(
    edits: list[tuple[int, int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = SEED
    for at, length, insert in edits:
        content = content[:at] + insert + content[at + length :]
    _attempt(tmp_path_factory.getbasetemp(), content, FUZZED)
