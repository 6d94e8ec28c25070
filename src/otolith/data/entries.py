"""What study.json says, typed; a value that cannot be is refused by its key, never half-believed."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, cast

from annotated_types import Interval
from typing_extensions import TypedDict

from otolith.core.catalog import PLACEMENTS
from otolith.core.errors import OtolithError, StudyError
from otolith.core.files import SEAL
from otolith.core.text import printable
from otolith.data.channels import Channel
from otolith.data.recording import clock_time, names_a_file

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import CoreSchema, ErrorDetails

_MOST = 2**40
"""Of rows and bytes: more than any disk holds is a slip of the hand."""


class Must:
    """What a value must be beside its type: words for the message, and the test."""

    def __init__(self, words: str, holds: Callable[[Any], bool | str]) -> None:
        self.words, self.holds = words, holds
        """`holds` returns a truth value, or a text that says why not."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: Callable[[object], CoreSchema]
    ) -> CoreSchema:
        from pydantic_core import PydanticCustomError, core_schema

        def check(value: object) -> object:
            verdict = self.holds(value)
            if verdict is True:
                return value
            why = f": {verdict}" if isinstance(verdict, str) else ""
            raise PydanticCustomError("must", "{words}", {"words": self.words + why})

        return core_schema.no_info_after_validator_function(check, handler(source))


def _placed(names: list[str]) -> bool:
    return all(name in PLACEMENTS for name in names)


def _number(value: object) -> bool:
    # Nothing can be computed with a whole number beyond the largest float; nan fails as well.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _texts_and_numbers(facts: dict[str, object]) -> bool:
    return all(isinstance(fact, str) or _number(fact) for fact in facts.values())


@functools.lru_cache(maxsize=4096)  # thousands of streams have the same few channels
def _wrong_channels(names: tuple[str, ...]) -> str:
    try:
        parsed = {Channel.parse(name) for name in names}
    except OtolithError as error:
        return printable(error)
    return "one is there twice" if len(parsed) < len(names) else ""


def _channels(names: list[str]) -> bool | str:
    return bool(names) and (_wrong_channels(tuple(names)) or True)


def _moment(text: str) -> bool:
    try:
        clock_time(text, "it")
    except OtolithError:
        return False
    return True


Name = Annotated[str, Must("a text that is not empty", bool)]
FileName = Annotated[str, Must("a text that can name a file", names_a_file)]
Rows = Annotated[int, Interval(ge=0, le=_MOST)]
Number = Annotated[float, Must("a number or null", _number)]
Seconds = Annotated[float, Must("a number of seconds from 0 up", lambda s: 0 <= s < 4e9)]
Rate = Annotated[float, Must("a rate in Hz above 0, or null", lambda hz: 0 < hz <= 1e9)]
Sha256 = Annotated[
    str, Must("a sha256 in 64 hexadecimal digits", lambda s: bool(re.fullmatch("[0-9a-f]{64}", s)))
]
Moment = Annotated[str, Must("a moment in ISO 8601 with a zone, or absent", _moment)]
Placements = Annotated[list[str], Must("a list of placements (otolith list placements)", _placed)]
Channels = Annotated[
    list[str], Must("a list of channels, each once, such as left_wrist.acc.x", _channels)
]
Facts = Annotated[dict[str, Any], Must("an object of texts and numbers", _texts_and_numbers)]


class FileEntry(TypedDict):
    """A file that study.json vouches for."""

    sha256: Sha256
    bytes: Rows


class Checksum(TypedDict):
    """What is known of a file's content; the oldest studies have no number of bytes."""

    sha256: str
    bytes: NotRequired[int]


class ModalityEntry(TypedDict):
    """A modality of one recording; older versions wrote no checksums."""

    file: Name
    rate_hz: NotRequired[Rate]
    joints: NotRequired[Rows]
    sha256: NotRequired[Sha256]
    bytes: NotRequired[Rows]


class ReportEntry(TypedDict):
    """A `RowReport`."""

    kind: str
    rows: Rows
    detail: str


class StreamEntry(TypedDict):
    """One stream of a recording: rows_read = rows_kept + the rows of its reports."""

    name: str
    file: Name
    rate_hz: Rate | None
    nominal_rate_hz: Rate | None
    channels: Channels
    rows_read: Rows
    rows_kept: Rows
    reports: list[ReportEntry]
    sha256: NotRequired[Sha256]
    bytes: NotRequired[Rows]


class StudyEntry(TypedDict):
    """One recording of a study, without its numbers."""

    id: FileName
    subject: str
    session: str
    performer: str | None
    clip: str | None
    clip_group: NotRequired[str | None]
    body: str | None
    origin: Literal["measured", "simulated"]
    gravity: Literal["included", "removed"]
    start: NotRequired[Moment]
    placements: Placements
    duration_s: Seconds
    facts: NotRequired[Facts]
    streams: list[StreamEntry]
    partners: NotRequired[dict[str, ModalityEntry]]


class VerdictEntry(TypedDict):
    """What an accelerometer read at rest."""

    checked: bool
    median_norm: Number | None
    sentence: str


class StudyFile(TypedDict):
    """All that study.json says."""

    otolith_study: int
    name: Name
    source: NotRequired[str]
    terms: NotRequired[str]
    citation: NotRequired[str]
    evaluation: NotRequired[dict[str, Any]]
    gravity_checks: NotRequired[dict[str, VerdictEntry]]
    files: NotRequired[dict[str, FileEntry]]
    recordings: Annotated[list[StudyEntry], Must("a list that is not empty", bool)]


def checked(content: object, path: Path) -> StudyFile:
    """Return what a study.json says, once every value was looked at.

    Raises StudyError naming the first key whose value is absent, of a wrong type or absurd.
    """
    from pydantic import ValidationError

    try:
        _adapter().validate_python(content, strict=True)
    except ValidationError as error:
        raise _refused(path, error.errors(include_url=False)[0]) from error
    # What was read and not what was validated: keys of later versions stay.
    file = cast(StudyFile, content)
    seen: set[str] = set()
    for number, entry in enumerate(file["recordings"]):
        where = f"recordings[{number}]"
        if entry["id"] in seen:
            _fail(path, f"{where}.id", entry["id"], "an id of its own; another recording has it")
        seen.add(entry["id"])
        for index, stream in enumerate(entry["streams"]):
            _check_stream(path, f"{where}.streams[{index}]", stream, SEAL in file)
    return file


def _check_stream(path: Path, where: str, stream: StreamEntry, sealed: bool) -> None:
    if sealed and (absent := {"sha256", "bytes"} - stream.keys()):
        raise _error(path, f"{where}.{max(absent)} is absent")
    reported = sum(report["rows"] for report in stream["reports"])
    if stream["rows_read"] != stream["rows_kept"] + reported:
        expected = f"rows kept and reported, {stream['rows_kept']} + {reported}"
        _fail(path, f"{where}.rows_read", stream["rows_read"], expected)


def checksums_in(content: StudyFile) -> dict[str, Checksum]:
    """Return every file that a study.json vouches for, with the checksums that it gives."""
    files: dict[str, Checksum] = {
        file: {"sha256": facts["sha256"], "bytes": facts["bytes"]}
        for file, facts in content.get("files", {}).items()
    }
    return files | checksums_of_parts(parts_of(content["recordings"]))


def checksums_of_parts(parts: Iterable[StreamEntry | ModalityEntry]) -> dict[str, Checksum]:
    """Return the files of streams or modalities with their checksums, where they have some."""
    sums: dict[str, Checksum] = {}
    for part in parts:
        if "sha256" in part:
            sums[part["file"]] = {"sha256": part["sha256"]}
            if "bytes" in part:
                sums[part["file"]]["bytes"] = part["bytes"]
    return sums


def parts_of(entries: Iterable[StudyEntry]) -> Iterator[StreamEntry | ModalityEntry]:
    """Yield what recordings have files of: their streams and modalities."""
    for entry in entries:
        yield from entry["streams"]
        yield from entry.get("partners", {}).values()


# What pydantic finds, in the words of JSON.
_WORDS = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "finite_number": "a number",
    "float_type": "a number",
    "int_type": f"a whole number from 0 to {_MOST}",
    "greater_than_equal": f"a whole number from 0 to {_MOST}",
    "less_than_equal": f"a whole number from 0 to {_MOST}",
    "list_type": "a list",
    "string_type": "a text",
}


def _refused(path: Path, error: ErrorDetails) -> StudyError:
    """What pydantic found first, in our words."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"]]
    key = "".join(steps).lstrip(".")
    if error["type"] == "missing":
        return _error(path, f"{key} is absent")
    words = _WORDS.get(error["type"], error["msg"].removeprefix("Input should be "))
    return _error(path, f"{key} is {printable(repr(error['input']), 60)}; it must be {words}")


def _fail(path: Path, key: str, value: object, expected: str) -> None:
    raise _error(path, f"{key} is {printable(repr(value), 60)}; it must be {expected}")


def _error(path: Path, fault: str) -> StudyError:
    return StudyError(
        f"{path}: {printable(fault, 400)}. Undo the edit, or import the recordings again."
    )


@functools.cache
def _adapter() -> TypeAdapter[StudyFile]:
    from pydantic import TypeAdapter

    return TypeAdapter(StudyFile)
