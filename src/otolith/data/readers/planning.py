"""Which files of a source make which recording, judged by their paths alone."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from otolith.core.errors import ConfigError, ReadError, nearest
from otolith.core.foreign.patterns import Pattern
from otolith.core.foreign.plain import name_of, plain_size
from otolith.data.readers.mapping import Mapping, Sensor

_LONGEST = 120
"""Bytes of a recording's name: a file name has room for 255, and streams and temporary files add
to it."""
_ENDING = re.compile(r"\.(csv|txt|tsv|parquet|pq|dat)(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Planned:
    """The files that are joined into one recording.

    Where a column names the people, these files become one recording for each person.
    """

    id: str
    subject: str
    """Empty where a column names it."""
    session: str
    files: tuple[tuple[Path, tuple[Sensor, ...]], ...]
    """Each file with the sensors that are in it."""
    by_sensor: bool = False
    """Whether each file holds one sensor, so that several make a recording."""


def plan(source: Path, mapping: Mapping, ignore: Path | None = None) -> list[Planned]:
    """Return what recordings the files under `source` make, in a fixed order.

    Hidden files, the label files and whatever lies under `ignore` are no recordings. Raises
    ReadError where there is nothing to read or a path does not say what the mapping expects of it.
    """
    root = source if source.is_dir() else source.parent
    joined: dict[str, Planned] = {}
    for path in find_files(source, mapping, ignore):
        planned = _planned(path, name_of(path.relative_to(root).as_posix()), mapping)
        earlier = joined.get(planned.id)
        joined[planned.id] = _joined(earlier, planned, root) if earlier else planned
    return list(joined.values())


def _planned(path: Path, relative: str, mapping: Mapping) -> Planned:
    """What one file is a part of."""
    groups = _groups(relative, mapping)
    files = mapping.files
    subject = groups.get("subject") or files.subject.value
    session = groups.get("session") or (files.session.value if files.session else "") or "1"
    if "sensor" in groups:
        # One file per sensor: what shares person, session and recording belongs together.
        parts = (subject, session, groups.get("recording", ""))
        id = safe_name("_".join(filter(None, parts)))
    else:
        id = safe_name(_ENDING.sub("", relative).replace("/", "_"))
    sensors = _sensors(relative, groups, mapping)
    return Planned(id, subject, session, ((path, sensors),), "sensor" in groups)


def _joined(earlier: Planned, planned: Planned, root: Path) -> Planned:
    """Add a file to the recording that it belongs to; ReadError where it has its sensor already."""
    ((path, sensors),) = planned.files
    relative = name_of(path.relative_to(root).as_posix())
    if not planned.by_sensor:
        first = earlier.files[0][0].relative_to(root).as_posix()
        raise ReadError(
            f"{relative} and {first} would both be recording '{planned.id}'; "
            "rename one, or narrow the pattern under [files]."
        )
    for other, known in earlier.files:
        if both := [sensor.placement for sensor in sensors if sensor in known]:
            raise ReadError(
                f"{relative} and {other.relative_to(root).as_posix()} are both sensor "
                f"'{both[0]}' of recording '{planned.id}'; add a group (?P<recording>…) to the "
                "subject's pattern that tells them apart."
            )
    return replace(planned, files=(*earlier.files, *planned.files))


def find_files(source: Path, mapping: Mapping, ignore: Path | None = None) -> list[Path]:
    """Return the tables under a source in a fixed order; a file as source is that one file.

    Raises ReadError where no file fits, saying which files there are.
    """
    if not source.is_dir():
        if not source.exists():
            raise ReadError(
                f"{source} does not exist; give the folder (or file) that holds the recordings."
            )
        plain_size(source)
        return [source]
    _refuse_closed(source)
    label = re.escape(mapping.label.file if mapping.label else "")
    labels = re.compile(re.sub(r"\\\{\w+\\\}", ".+", label))
    tables = []
    for path in sorted(source.glob(mapping.files.pattern)):
        relative = path.relative_to(source)
        hidden = any(part.startswith(".") for part in relative.parts)
        ignored = ignore is not None and path.is_relative_to(ignore)
        is_label = labels.fullmatch(name_of(relative.as_posix()))
        if path.is_file() and not (hidden or ignored or is_label):
            tables.append(path)
    if not tables:
        kinds = {"*" + name_of("".join(p.suffixes)) for p in source.rglob("*") if p.is_file()}
        content = f"there are {', '.join(sorted(kinds)[:12])}" if kinds else "the folder is empty"
        raise ReadError(
            f"No file under {source} fits the pattern '{mapping.files.pattern}'; {content}. "
            "Change pattern under [files]; '**/*.csv' also looks into folders, and archives have "
            "to be unpacked first."
        )
    return tables


def _refuse_closed(source: Path) -> None:
    """Raise ReadError for a folder that may not be read, which a glob passes over in silence."""

    def refuse(error: OSError) -> None:
        raise ReadError(
            f"The folder {error.filename} cannot be read ({error.strerror}). "
            "Allow it, or leave it out."
        )

    for _ in os.walk(source, onerror=refuse):
        pass


def safe_name(text: str) -> str:
    """Return a text as it can stand in a file name, at most 120 bytes long.

    >>> safe_name("day 1/left wrist")
    'day-1-left-wrist'
    """
    name = re.sub(r"[^\w.@+-]+", "-", text).strip(".-") or "recording"
    if len(name.encode()) <= _LONGEST:
        return name
    # Cut, and distinguished by a hash of the whole; a letter may take four bytes.
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{name.encode()[: _LONGEST - 13].decode('utf-8', 'ignore').rstrip('.-')}-{mark}"


def _groups(relative: str, mapping: Mapping) -> dict[str, str]:
    """What the patterns of subject and session find in a path, empty groups left out."""
    out: dict[str, str] = {}
    for who in (mapping.files.subject, mapping.files.session):
        if who is None or not who.pattern:
            continue
        groups = Pattern(who.pattern).search(relative)
        if groups is None:
            raise ReadError(
                f"The path '{relative}' does not fit the pattern '{who.pattern}' that tells who "
                "was recorded. Change it, or narrow the pattern under [files] so that this file "
                "is left out."
            )
        out |= {name: value for name, value in groups.items() if value}
    if mapping.files.subject.pattern and not out.get("subject"):
        raise ReadError(
            f"The path '{relative}' fits the pattern, but its group 'subject' is empty."
        )
    return out


def _sensors(relative: str, groups: dict[str, str], mapping: Mapping) -> tuple[Sensor, ...]:
    """The sensors that a file holds: all, unless its path names one."""
    sensors = mapping.sensors
    if "sensor" not in groups or (len(sensors) == 1 and not sensors[0].match):
        return sensors
    options = [sensor.match for sensor in sensors]
    if not all(options):
        raise ConfigError(
            'The pattern has a group (?P<sensor>…), so each [[sensor]] needs match = "…".'
        )
    name = groups["sensor"]
    matching = tuple(s for s in sensors if Pattern(s.match, ignore_case=True).matches(name))
    if not matching:
        raise ReadError(
            f"'{relative}' is of sensor '{name}', which no [[sensor]] block matches; there are "
            f"{', '.join(options)}.{nearest(name, options)}"
        )
    return matching
