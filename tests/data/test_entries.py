"""A study.json that was edited by hand: every value that cannot be is told by its key."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from toy import toy_recording

from otolith import Study, write_study
from otolith.core.errors import OtolithError, StudyError
from otolith.core.files import write_sealed

ABSENT = object()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("study")
    write_study(made, [toy_recording(p, seconds_each=2.0) for p in ("p0", "p1")], name="a")
    return made


@pytest.fixture(scope="module")
def content(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "study.json").read_text())
    return loaded


def put(content: dict[str, Any], keys: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(content))
    inner: Any = changed
    for key in keys[:-1]:
        inner = inner[key]
    if value is ABSENT:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return changed


ENTRY, STREAM = ("recordings", 1), ("recordings", 1, "streams", 0)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("name",), 3, "name is 3; it must be a text"),
        (
            ("recordings",),
            {"a": 1},
            r"recordings is \{'a': 1\}; it must be a list",
        ),
        (("recordings",), "p0-1", "recordings is 'p0-1'; it must be a list"),
        (ENTRY, None, r"recordings\[1\] is None; it must be an object"),
        ((*ENTRY, "id"), ABSENT, r"recordings\[1\]\.id is absent"),
        (
            (*ENTRY, "id"),
            "../p1",
            r"recordings\[1\]\.id is '\.\./p1'; it must be a text that can name a file",
        ),
        ((*ENTRY, "id"), "p0-1", r"recordings\[1\]\.id is 'p0-1'; it must be an id of its own"),
        ((*ENTRY, "subject"), ["p1"], r"subject is \['p1'\]; it must be a text"),
        ((*ENTRY, "performer"), 4, "performer is 4; it must be a text"),
        ((*ENTRY, "origin"), "dreamt", "origin is 'dreamt'; it must be 'measured' or 'simulated'"),
        ((*ENTRY, "gravity"), True, "gravity is True"),
        ((*ENTRY, "placements"), ["left_tail"], "a list of placements"),
        ((*ENTRY, "placements"), [["head"]], r"placements\[0\] is .*; it must be a text"),
        ((*ENTRY, "duration_s"), -1, "duration_s is -1; it must be a number of seconds"),
        ((*ENTRY, "duration_s"), 10**400, "duration_s is 1000"),
        ((*ENTRY, "duration_s"), True, "duration_s is True"),
        (
            (*ENTRY, "facts"),
            {"age": [31]},
            "facts is .*; it must be an object of texts and numbers",
        ),
        (
            (*ENTRY, "start"),
            "2026-03-29T08:15:00",
            "start is .*; it must be a moment in ISO 8601 with a zone",
        ),
        ((*ENTRY, "streams"), 7, "streams is 7; it must be a list"),
        (
            (*ENTRY, "partners"),
            {"pose": "there"},
            r"partners\.pose is 'there'; it must be an object",
        ),
        (STREAM, [], r"recordings\[1\]\.streams\[0\] is \[\]; it must be an object"),
        ((*STREAM, "file"), None, "file is None"),
        ((*STREAM, "rows_kept"), -5, "rows_kept is -5; it must be a whole number from 0"),
        ((*STREAM, "rows_kept"), 10**18, "rows_kept is 1000"),
        (
            (*STREAM, "rows_kept"),
            299,
            r"rows_read is 300; it must be rows kept and reported, 299 \+ 0",
        ),
        ((*STREAM, "rate_hz"), 0, "rate_hz is 0; it must be a rate in Hz above 0, or null"),
        ((*STREAM, "nominal_rate_hz"), "50", "nominal_rate_hz is '50'"),
        ((*STREAM, "channels"), [], "channels is .*; it must be a list of channels"),
        ((*STREAM, "channels"), ["left_wrist.acc.x"] * 2, "one is there twice"),
        ((*STREAM, "channels"), ["left_wrist.acc.w"], "the quantity is one of"),
        ((*STREAM, "channels"), ["acceleration"], "is no channel name"),
        ((*STREAM, "reports"), [{"kind": "lost", "rows": 0}], r"reports\[0\]\.detail is absent"),
        ((*STREAM, "sha256"), ABSENT, "sha256 is absent"),
        ((*STREAM, "sha256"), "0" * 63, "sha256 is '000"),
        ((*STREAM, "bytes"), 0.5, "bytes is 0.5"),
        (("files",), [], "files is"),
        (("files", "segments.parquet"), 1, r"files\.segments\.parquet is 1"),
        (("gravity_checks",), {"left_wrist": None}, r"gravity_checks\.left_wrist is None"),
        (("evaluation",), "usual", "evaluation is 'usual'; it must be an object"),
        (("evaluation",), {"seconds": "five"}, "'seconds' should be a number; given 'five'"),
        (("evaluation",), {"seconds": True}, "'seconds' should be a number"),
        (("evaluation",), {"pad": 1}, "'pad' should be true or false"),
        (("evaluation",), {"labels": [1]}, "'labels.0.' should be text"),
        (("evaluation",), {"slot": None}, "'slot' should be text"),
    ],
)
def test__load__a_value_that_cannot_be__is_told_by_its_key(
    keys: tuple[Any, ...], value: Any, said: str, content: dict[str, Any], tmp_path: Path
) -> None:
    write_sealed(tmp_path / "study.json", put(content, keys, value))
    with pytest.raises(StudyError, match=said):
        Study.load(tmp_path)


def every_place(content: Any, keys: tuple[Any, ...] = ()) -> Any:
    if keys:
        yield keys
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inner:
        yield from every_place(value, (*keys, key))


@pytest.mark.parametrize("odd", [None, True, -1, 1e308, "", "\x1b[2J", [], {}, [[]], {"a": {}}])
def test__load__any_value_anywhere__is_a_study_or_a_study_error(
    odd: Any, content: dict[str, Any], folder: Path
) -> None:
    for keys in every_place(content):
        if "recordings" in keys[:1] and keys[1:2] == (0,):
            continue  # the second recording is as good as the first
        for value in (odd, ABSENT):
            try:
                study = Study.of_json(folder, put(content, keys, value))
                _ = study.info(), study.recording("p1-1"), study.simulated
            except OtolithError as error:
                assert isinstance(error, StudyError), keys
                assert "\x1b" not in str(error)


def test__write__facts_that_json_cannot_hold__are_refused_before_study_json_is(
    tmp_path: Path,
) -> None:
    made = toy_recording(seconds_each=2.0)
    made.facts["height_m"] = math.nan
    with pytest.raises(StudyError, match=r"recordings\[0\]\.facts"):
        write_study(tmp_path, [made], name="a")
    assert not (tmp_path / "study.json").exists()
