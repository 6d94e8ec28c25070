"""What study.json may say: every value is looked at, so that a hand-edited file is told and never
half-believed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from otolith.core.catalog import PLACEMENTS
from otolith.core.errors import OtolithError, StudyError
from otolith.core.files import SEAL
from otolith.core.text import printable
from otolith.data.channels import Channel
from otolith.data.recording import clock_time

Check = Callable[[Any], str]
"""Says what a value must be where it is not; nothing where it is."""

_MOST = 2**40
"""Of rows and bytes: more than any disk of today holds is a slip of the hand."""
_LONGEST_S = 4e9
_FASTEST_HZ = 1e9


def check_facts(content: Mapping[str, Any], path: Path) -> None:
    """Look at all that a study.json says, key by key.

    Raises StudyError naming the first key whose value is absent, of a wrong type or absurd, and
    what it should be.
    """

    def fail(key: str, value: Any, wanted: str) -> None:
        found = "is absent" if value is _ABSENT else f"is {printable(repr(value), 60)}"
        raise StudyError(
            f"{path}: {printable(key, 120)} {found}; it must be {wanted}. "
            "Undo the edit, or import the recordings again."
        )

    def hold(
        where: str, facts: Any, checks: Mapping[str, Check], optional: Mapping[str, Check]
    ) -> None:
        if not isinstance(facts, dict):
            fail(where, facts, "an object")
        for key, check in (*checks.items(), *optional.items()):
            value = facts.get(key, _ABSENT)
            if value is _ABSENT and key in optional:
                continue
            if wanted := check(value):
                fail(f"{where}.{key}".lstrip("."), value, wanted)

    hold("", content, _STUDY, _STUDY_OPTIONAL)
    sealed = SEAL in content
    seen: set[str] = set()
    for number, entry in enumerate(content["recordings"]):
        where = f"recordings[{number}]"
        hold(where, entry, _ENTRY, _ENTRY_OPTIONAL)
        if entry["id"] in seen:
            fail(f"{where}.id", entry["id"], "an id of its own; another recording has it")
        seen.add(entry["id"])
        for index, stream in enumerate(entry["streams"]):
            named = f"{where}.streams[{index}]"
            hold(named, stream, _STREAM, {} if sealed else _STREAM_OPTIONAL)
            if sealed:
                hold(named, stream, _CHECKSUM, {})
            reported = 0
            for place, report in enumerate(stream["reports"]):
                hold(f"{named}.reports[{place}]", report, _REPORT, {})
                reported += report["rows"]
            if stream["rows_read"] != stream["rows_kept"] + reported:
                fail(
                    f"{named}.rows_read",
                    stream["rows_read"],
                    f"rows kept and reported, {stream['rows_kept']} + {reported}",
                )
        for name, part in entry.get("partners", {}).items():
            hold(f"{where}.partners.{name}", part, {"file": _name}, _CHECKSUM)
    for file, facts in content.get("files", {}).items():
        hold(f"files.{file}", facts, _CHECKSUM, {})
    for sensor, verdict in content.get("gravity_checks", {}).items():
        hold(f"gravity_checks.{sensor}", verdict, _VERDICT, {})


def checksums_in(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every file that a study.json vouches for, with the checksums that it gives."""
    out: dict[str, dict[str, Any]] = dict(content.get("files", {}))
    for entry in content["recordings"]:
        for part in (*entry["streams"], *entry.get("partners", {}).values()):
            if "sha256" in part:
                out[part["file"]] = part
    return out


_ABSENT = object()


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "a text"


def _name(value: Any) -> str:
    return "" if isinstance(value, str) and value else "a text that is not empty"


def _id(value: Any) -> str:
    wrong = (
        not isinstance(value, str)
        or not value
        or value.startswith(".")
        or any(c in value for c in '/\\:*?"<>|')
    )
    return "a text that can name a file" if wrong else ""


def _text_or_null(value: Any) -> str:
    return "" if value is None else _text(value) and "a text or null"


def _one_of(*options: str) -> Check:
    return lambda value: (
        "" if isinstance(value, str) and value in options else " or ".join(map(repr, options))
    )


def _count(value: Any) -> str:
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
    return "" if right else f"a whole number from 0 to {_MOST}"


def _seconds(value: Any) -> str:
    return "" if _number(value) and 0 <= value < _LONGEST_S else "a number of seconds from 0 up"


def _rate_or_null(value: Any) -> str:
    right = value is None or (_number(value) and 0 < value <= _FASTEST_HZ)
    return "" if right else "a rate in Hz above 0, or null"


def _number(value: Any) -> bool:
    # A whole number beyond the largest float is none that anything can be computed with.
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) < 1e300
        and math.isfinite(value)
    )


def _number_or_null(value: Any) -> str:
    return "" if value is None or _number(value) else "a number or null"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _list(value: Any) -> str:
    return "" if isinstance(value, list) else "a list"


def _some(value: Any) -> str:
    return "" if isinstance(value, list) and value else "a list that is not empty"


def _object(value: Any) -> str:
    return "" if isinstance(value, dict) else "an object"


def _placements(value: Any) -> str:
    right = isinstance(value, list) and all(
        isinstance(name, str) and name in PLACEMENTS for name in value
    )
    return "" if right else "a list of placements (otolith list placements)"


def _facts(value: Any) -> str:
    right = isinstance(value, dict) and all(
        isinstance(v, str) or _number(v) for v in value.values()
    )
    return "" if right else "an object of texts and numbers"


def _channels(value: Any) -> str:
    wanted = "a list of channels, each once, such as left_wrist.acc.x"
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        return wanted
    return _wrong_channels(tuple(value)) and f"{wanted}: {_wrong_channels(tuple(value))}"


@lru_cache(maxsize=4096)
def _wrong_channels(names: tuple[str, ...]) -> str:
    # Thousands of streams have the same few channels.
    try:
        return (
            ""
            if len({Channel.parse(name) for name in names}) == len(names)
            else "one is there twice"
        )
    except OtolithError as error:
        return printable(error)


def _start(value: Any) -> str:
    try:
        clock_time(value, "it")
    except OtolithError:
        return "a moment in ISO 8601 with a zone, or absent"
    return ""


def _sha256(value: Any) -> str:
    return (
        ""
        if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)
        else "a sha256 in 64 hexadecimal digits"
    )


_STUDY: Mapping[str, Check] = {"name": _name, "recordings": _some}
_STUDY_OPTIONAL: Mapping[str, Check] = {
    "source": _text,
    "terms": _text,
    "citation": _text,
    "evaluation": _object,
    "gravity_checks": _object,
    "files": _object,
}
_ENTRY: Mapping[str, Check] = {
    "id": _id,
    "subject": _text,
    "session": _text,
    "performer": _text_or_null,
    "clip": _text_or_null,
    "body": _text_or_null,
    "origin": _one_of("measured", "simulated"),
    "gravity": _one_of("included", "removed"),
    "placements": _placements,
    "duration_s": _seconds,
    "streams": _list,
}
_ENTRY_OPTIONAL: Mapping[str, Check] = {
    "clip_group": _text_or_null,
    "start": _start,
    "facts": _facts,
    "partners": _object,
}
_STREAM: Mapping[str, Check] = {
    "name": _text,
    "file": _name,
    "rate_hz": _rate_or_null,
    "nominal_rate_hz": _rate_or_null,
    "channels": _channels,
    "rows_read": _count,
    "rows_kept": _count,
    "reports": _list,
}
_STREAM_OPTIONAL: Mapping[str, Check] = {"sha256": _sha256}
_CHECKSUM: Mapping[str, Check] = {"sha256": _sha256, "bytes": _count}
_REPORT: Mapping[str, Check] = {"kind": _text, "rows": _count, "detail": _text}
_VERDICT: Mapping[str, Check] = {
    "checked": _flag,
    "median_norm": _number_or_null,
    "sentence": _text,
}
