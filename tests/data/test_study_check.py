"""A study says what each of its files is: what changed is seen, named, and may be accepted by
whoever changed it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy import add_modalities, write_toy_study

from otolith import Study
from otolith.core import caches
from otolith.core.errors import DataError, StudyError
from otolith.core.files import SEAL, file_digest, read_json, write_json, write_sealed
from otolith.core.limits import allow_bytes
from otolith.data.paired import (
    Text,
    read_modality,
    read_table,
    read_texts,
    write_modality,
    write_texts,
)
from otolith.data.recording import Segment
from otolith.data.study_check import verify_study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study", people=2, seconds_each=4.0)


@pytest.fixture
def paired(study: Study) -> Study:
    """The same study with texts and poses that study.json covers, and a video that it does not."""
    add_modalities(study.folder, without=())
    write_modality(
        study.folder, "pose", "p0-1", {"time_s": np.arange(3.0), "pelvis.x": np.zeros(3)}
    )
    aside = study.folder.parent / "video.parquet"
    shutil.move(study.folder / "partners" / "video.parquet", aside)
    assert verify_study(study.folder, accept_edits=True).accepted
    shutil.move(aside, study.folder / "partners" / "video.parquet")
    return Study.load(study.folder)


STREAM = "recordings/p0-1.left_wrist.parquet"


def one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rows(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def without_last(table: pa.Table) -> pa.Table:
    return table.slice(0, len(table) - 10)


def with_column(name: str, values: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        at = table.column_names.index(name)
        made = pa.array([values(value) for value in table[name].to_pylist()])
        return table.set_column(at, name, made)

    return change


def test__write__study_json__vouches_for_every_file(paired: Study) -> None:
    there = {p.relative_to(paired.folder).as_posix() for p in paired.folder.rglob("*.parquet")}
    assert set(paired.checksums) == there - {"partners/video.parquet"}
    for file, told in paired.checksums.items():
        path = paired.folder / file
        assert (told["sha256"], told["bytes"]) == (file_digest(path), path.stat().st_size)
    assert paired.hash == paired.seal[:16] == read_json(paired.folder / "study.json")[SEAL][:16]


def test__load__a_letter_changed__breaks_the_seal(study: Study) -> None:
    path = study.folder / "study.json"
    path.write_text(path.read_text().replace('"subject": "p1"', '"subject": "p0"'))
    with pytest.raises(
        StudyError, match=r"its seal does not hold\. Import .* otolith verify .* --accept-edits"
    ):
        Study.load(study.folder)
    assert verify_study(study.folder, accept_edits=True).accepted
    assert Study.load(study.folder).subjects == ["p0"]


def test__load__laid_out_otherwise__is_the_same_study(study: Study) -> None:
    path = study.folder / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert Study.load(study.folder).hash == study.hash


def test__load__seal_taken_off__is_not_taken_for_an_older_study(study: Study) -> None:
    content = json.loads((study.folder / "study.json").read_text())
    del content[SEAL]
    write_json(study.folder / "study.json", content)
    with pytest.raises(StudyError, match="its seal does not hold"):
        Study.load(study.folder)


@pytest.mark.parametrize("version", [1, 0, 3, True, None])
def test__load__another_format_is_said__the_seal_still_has_to_hold(
    version: Any, study: Study
) -> None:
    path = study.folder / "study.json"
    write_json(path, json.loads(path.read_text()) | {"otolith_study": version})
    with pytest.raises(StudyError, match="its seal does not hold"):
        Study.load(study.folder)
    assert not verify_study(study.folder).whole


def older(study: Study) -> Study:
    """The study as the version before wrote it."""
    content = json.loads((study.folder / "study.json").read_text())
    for entry in content["recordings"]:
        for stream in entry["streams"]:
            del stream["bytes"]
    del content[SEAL], content["files"]
    write_json(study.folder / "study.json", content | {"otolith_study": 1})
    return Study.load(study.folder)


def test__load__format_1__is_read_and_what_it_lacks_is_not_checked(study: Study) -> None:
    before = study.windows(seconds=1.0).values()
    first = older(study)
    np.testing.assert_array_equal(first.windows(seconds=1.0).values(), before)
    rows(study.folder / "segments.parquet", with_column("label", lambda label: f"{label}!"))
    again = Study.load(study.folder)
    assert "walking!" in again.label_seconds
    assert again.hash != first.hash
    found = verify_study(study.folder)
    assert found.whole
    assert "format 1, which has few checksums" in found.notes[0]
    one_bit(study.folder / STREAM)  # of streams it has some
    with pytest.raises(StudyError, match=r"p0-1\.left_wrist\.parquet was changed or damaged"):
        again.recording("p0-1")


def test__accept_edits__format_1__is_of_the_present_format_afterwards(study: Study) -> None:
    older(study)
    assert verify_study(study.folder, accept_edits=True).accepted
    assert Study.load(study.folder).hash == study.hash
    assert verify_study(study.folder).notes == []


@pytest.mark.parametrize(
    ("file", "read"),
    [
        (STREAM, lambda study: study.recording("p0-1")),
        ("segments.parquet", lambda study: study.recording("p0-1")),
        ("segments.parquet", lambda study: study.hash),
        ("partners/text.parquet", lambda study: read_texts(study.folder)),
        ("partners/text.parquet", lambda study: study.info()),
        ("partners/pose/p0-1.parquet", lambda study: read_modality(study.folder, "pose", "p0-1")),
    ],
)
@pytest.mark.parametrize("harm", [one_bit, lambda path: rows(path, without_last), Path.unlink])
def test__read__a_file_that_changed__says_which_and_what_to_type(
    file: str, read: Callable[[Study], Any], harm: Callable[[Path], None], paired: Study
) -> None:
    read(paired)
    harm(paired.folder / file)
    said = "is missing" if harm is Path.unlink else "was changed or damaged"
    if harm is Path.unlink and file.startswith("partners"):
        return  # a study without texts is a study
    with pytest.raises(StudyError, match=rf"{file} {said}.*otolith verify .* --accept-edits"):
        read(Study.load(paired.folder))
    assert not verify_study(paired.folder).whole


def test__read__a_file_brought_by_hand__is_used_and_told_by_verify(paired: Study) -> None:
    assert paired.modalities["video"] == 2
    found = verify_study(paired.folder)
    assert found.whole
    (note,) = found.notes
    assert "video.parquet is not covered yet" in note
    before = paired.hash
    assert verify_study(paired.folder, accept_edits=True).accepted
    assert verify_study(paired.folder).notes == []
    assert Study.load(paired.folder).hash != before
    one_bit(paired.folder / "partners" / "video.parquet")
    with pytest.raises(StudyError, match=r"video\.parquet was changed or damaged"):
        Study.load(paired.folder).info()


def test__verify__many_faults__names_each(paired: Study) -> None:
    for file in (STREAM, "segments.parquet", "partners/text.parquet"):
        one_bit(paired.folder / file)
    (paired.folder / "recordings" / "p1-1.right_wrist.parquet").unlink()
    (paired.folder / "partners" / "pose" / "p0-1.parquet").unlink()
    shutil.copy(
        paired.folder / "recordings" / "p1-1.left_wrist.parquet",
        paired.folder / "recordings" / "x.parquet",
    )
    path = paired.folder / "study.json"
    path.write_text(path.read_text().replace("walking", "wandering").replace('"toy"', '"boy"'))
    found = verify_study(paired.folder)
    told = "\n".join(found.faults)
    for word in (
        "seal",
        "p0-1.left_wrist",
        "segments.parquet",
        "text.parquet",
        "p1-1.right_wrist",
        "pose/p0-1",
    ):
        assert word in told, told
    assert any("x.parquet is named by no recording" in note for note in found.notes)
    # Damage is none that could be accepted, whoever asks: a page that cannot be read, a recording
    # that is gone.
    before = path.read_bytes()
    again = verify_study(paired.folder, accept_edits=True)
    assert not again.whole and not again.accepted
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("file", "change", "fault"),
    [
        (STREAM, with_column("time_s", lambda t: 0.0), "time_s does not rise behind row 0"),
        (STREAM, with_column("time_s", lambda t: None), "time_s is not finite in row 0"),
        (
            STREAM,
            with_column("left_wrist.acc.x", lambda v: float("nan")),
            "a value is not finite in row 0",
        ),
        (STREAM, with_column("left_wrist.acc.x", str), "holds string, not numbers"),
        (
            STREAM,
            lambda table: table.drop_columns(["left_wrist.acc.x"]),
            "has no column left_wrist.acc.x",
        ),
        (
            "segments.parquet",
            with_column("recording", lambda id: "p9-1"),
            "which the study has not",
        ),
        ("segments.parquet", with_column("recording", lambda id: None), "recording 'None'"),
        (
            "segments.parquet",
            with_column("start_s", lambda s: s + 1e3),
            r"row 0 goes from 1000.0 to 4.0 s",
        ),
        (
            "segments.parquet",
            with_column("end_s", lambda s: float("nan")),
            "row 0 goes from 0.0 to nan s",
        ),
        ("segments.parquet", with_column("end_s", lambda s: None), "row 0 goes from 0.0 to nan s"),
        ("segments.parquet", with_column("end_s", str), "holds string, not numbers"),
        ("segments.parquet", with_column("label", lambda label: 3), "holds int64, not texts"),
        ("segments.parquet", with_column("label", lambda label: None), "row 0 has no label"),
        ("segments.parquet", lambda table: table.drop_columns(["label"]), "has no column label"),
        (
            "segments.parquet",
            lambda table: table.append_column("label", table["label"]),
            "some of one name",
        ),
        (
            "partners/text.parquet",
            with_column("recording", lambda id: "p9-1"),
            "recordings that the study has not: p9-1",
        ),
    ],
)
def test__accept_edits__what_cannot_be_used__stays_a_fault(
    file: str, change: Callable[[pa.Table], pa.Table], fault: str, paired: Study
) -> None:
    rows(paired.folder / file, change)
    found = verify_study(paired.folder, accept_edits=True)
    assert not found.accepted
    assert [fault in one for one in found.faults] == [True], found.faults


def test__accept_edits__rows_taken_out_and_put_in__are_accounted_for(study: Study) -> None:
    rows(study.folder / STREAM, without_last)
    assert verify_study(study.folder, accept_edits=True).accepted
    after = Study.load(study.folder)
    stream = after.recording("p0-1").streams[0]
    assert stream.reports[-1].kind == "edited by hand" and stream.reports[-1].rows == 10
    assert (stream.rows_read, stream.rows_kept) == (600, 590)
    rows(
        study.folder / STREAM,
        lambda table: pa.concat_tables(
            [table, table.set_column(0, "time_s", [np.arange(590.0) + 99])]
        ),
    )
    assert verify_study(study.folder, accept_edits=True).accepted
    stream = Study.load(study.folder).recording("p0-1").streams[0]
    assert (stream.rows_read, stream.rows_kept, stream.reports[-1].detail) == (
        1190,
        1180,
        "590 rows put in",
    )
    assert Study.load(study.folder).entries[0]["duration_s"] == 688.0


def test__accept_edits__a_modality_file_taken_out__is_forgotten(paired: Study) -> None:
    (paired.folder / "partners" / "text.parquet").unlink()
    assert not verify_study(paired.folder).whole
    assert verify_study(paired.folder, accept_edits=True).accepted
    assert "partners/text.parquet" not in Study.load(paired.folder).checksums


def test__verify__segments_beside_their_recording_or_of_no_time__are_noted(tmp_path: Path) -> None:
    from dataclasses import replace

    from toy import toy_recording

    from otolith import write_study

    made = toy_recording(seconds_each=2.0)
    odd = (Segment(0.0, 2.0, "fits"), Segment(3.0, 3.0, "no time"), Segment(90.0, 95.0, "late"))
    write_study(tmp_path, [replace(made, segments=odd)], name="a")
    found = verify_study(tmp_path)
    assert found.whole
    assert ["'late' of p0-1" in found.notes[0], "'no time' of p0-1" in found.notes[1]] == [
        True,
        True,
    ]


def test__verify__a_damaged_cache__is_noted_and_no_fault(study: Study) -> None:
    study.windows(seconds=1.0)
    (store,) = (study.folder / ".cache").glob("store-*")
    one_bit(store / "values.f32")
    caches.write_arrays(
        study.folder / ".cache" / "partners" / "a.cache", "m", None, {"a": np.zeros(3)}
    )
    assert [store.name in note for note in verify_study(study.folder).notes] == [True]
    one_bit(study.folder / ".cache" / "partners" / "a.cache")
    found = verify_study(study.folder)
    assert found.whole and len(found.notes) == 2


def test__verify__no_study__is_the_one_fault(tmp_path: Path) -> None:
    assert "is no study" in verify_study(tmp_path).faults[0]
    (tmp_path / "study.json").write_text("[" * 100_000)
    assert "nests lists" in verify_study(tmp_path).faults[0]


@pytest.mark.parametrize(
    "file", ["../outside.parquet", "/etc/passwd", "recordings/../../outside.parquet", "a\x00b"]
)
def test__read__a_name_that_leaves_the_folder__is_refused(file: str, study: Study) -> None:
    (study.folder.parent / "outside.parquet").write_bytes((study.folder / STREAM).read_bytes())
    content = json.loads((study.folder / "study.json").read_text())
    content["recordings"][0]["streams"][0]["file"] = file
    write_sealed(study.folder / "study.json", content)
    with pytest.raises(StudyError, match="cannot name a file in"):
        Study.load(study.folder).recording("p0-1")
    assert any("cannot name a file" in fault for fault in verify_study(study.folder).faults)


def test__read__a_file_that_unpacks_to_more_than_it_may__takes_no_memory(study: Study) -> None:
    path = study.folder / STREAM
    many = 40_000_000  # a few bytes repeat one number
    names = pq.read_schema(path).names
    with pq.ParquetWriter(path, pa.schema([(name, pa.float64()) for name in names])) as writer:
        block = pa.table({name: np.zeros(many // 40) for name in names})
        for _ in range(40):
            writer.write_table(block)
    content = json.loads((study.folder / "study.json").read_text())
    stream = content["recordings"][0]["streams"][0]
    stream |= {
        "rows_kept": many,
        "rows_read": many,
        "sha256": file_digest(path),
        "bytes": path.stat().st_size,
    }
    write_sealed(study.folder / "study.json", content)
    with pytest.raises(StudyError, match=r"unpacks to 2,\d+,\d+,\d+ or more.*--max-bytes"):
        Study.load(study.folder).recording("p0-1")


def test__read_texts__one_long_text_in_many_rows__is_held_once(study: Study) -> None:
    write_texts(study.folder, [Text("p0-1", 0.0, 1.0, "x" * 2**20)] * 1000)
    with allow_bytes(2**26):
        texts = read_texts(study.folder)["p0-1"]
    assert len(texts) == 1000
    assert len({id(text.text) for text in texts}) == 1


def test__write_texts__over_covered_ones__is_an_edit_to_accept(paired: Study) -> None:
    write_texts(paired.folder, [Text("p0-1", 0.0, 1.0, "other words")])
    with pytest.raises(DataError, match="--accept-edits"):
        read_texts(paired.folder)
    assert verify_study(paired.folder, accept_edits=True).accepted
    assert [text.text for text in read_texts(paired.folder)["p0-1"]] == ["other words"]


def test__read__vectors_that_unpack_to_more_than_they_may__take_no_memory(study: Study) -> None:
    path = study.folder / "partners" / "video.parquet"
    path.parent.mkdir(exist_ok=True)
    vector = pa.ListArray.from_arrays([0, 60_000_000], pa.array(np.zeros(60_000_000, np.float32)))
    table = pa.table({"recording": ["p0-1"], "start_s": [0.0], "end_s": [1.0], "vector": vector})
    pq.write_table(table, path)
    del table, vector
    assert path.stat().st_size < 2**20
    assert not verify_study(study.folder).whole
    with pytest.raises(
        StudyError, match=r"video\.parquet has [\d,]+ bytes and unpacks to 4\d\d,\d+,\d+ or more"
    ):
        Study.load(study.folder).info()


def test__read__a_footer_that_contradicts_itself__does_not_end_the_process(study: Study) -> None:
    add_modalities(study.folder, without=())
    path = study.folder / "partners" / "video.parquet"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        for at in rng.integers(len(whole) - 1500, len(whole) - 8, size=2):
            content[at] = int(rng.integers(256))
        path.write_bytes(content)
        with contextlib.suppress(StudyError):
            read_table(path)
