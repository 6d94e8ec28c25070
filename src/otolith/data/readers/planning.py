"""Which files of a source make which recording, judged by their paths alone."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from otolith.core.errors import ConfigError, ReadError, nearest
from otolith.core.foreign.patterns import Pattern
from otolith.core.foreign.plain import name_of, plain_size
from otolith.data.readers.mapping import Mapping, Sensor

_LONGEST = 120
"""Bytes of a recording's name: beside what streams and temporary files add, a file name has room
for 255."""


@dataclass(frozen=True)
class Planned:
    """The files that are joined into one recording (or, where a column names the people, into
    several)."""

    id: str
    subject: str
    """Empty where a column names it."""
    session: str
    files: tuple[tuple[Path, tuple[Sensor, ...]], ...]
    """Each file with the sensors that are in it."""


def plan(source: Path, mapping: Mapping, ignore: Path | None = None) -> list[Planned]:
    """Return what recordings the files under `source` make, in a fixed order.

    Hidden files, the label files and whatever lies under `ignore` are no recordings. Raises
    ReadError where there is nothing to read or a path does not say what the mapping expects of it.
    """
    joined: dict[str, Planned] = {}
    root = source if source.is_dir() else source.parent
    for path in find_files(source, mapping, ignore):
        relative = name_of(path.relative_to(root).as_posix())
        groups = _groups(relative, mapping)
        sensors = _sensors(relative, groups, mapping)
        subject = groups.get("subject") or mapping.files.subject.value
        session = (
            groups.get("session")
            or (mapping.files.session.value if mapping.files.session else "")
            or "1"
        )
        if "sensor" in groups:
            # One file per sensor: what shares person, session and recording belongs together.
            id = safe_name(
                "_".join(part for part in (subject, session, groups.get("recording")) if part)
            )
        else:
            id = safe_name(_stem(relative))
        known = joined.get(id)
        if known and "sensor" not in groups:
            raise ReadError(
                f"{relative} and {known.files[0][0].relative_to(root).as_posix()} would both be "
                f"recording '{id}'; "
                "rename one, or narrow the pattern under [files]."
            )
        for other, sensors_there in known.files if known else ():
            both = [s.placement for s in sensors if s in sensors_there]
            if both:
                raise ReadError(
                    f"{relative} and {other.relative_to(root).as_posix()} are both sensor "
                    f"'{both[0]}' of recording "
                    f"'{id}'; add a group (?P<recording>…) to the subject's pattern that tells "
                    f"them apart."
                )
        joined[id] = Planned(
            id, subject, session, (*(known.files if known else ()), (path, sensors))
        )
    return list(joined.values())


def find_files(source: Path, mapping: Mapping, ignore: Path | None = None) -> list[Path]:
    """Return the tables under a source in a fixed order; a file as source is that one file.

    Raises ReadError where there is none, saying what is there instead.
    """
    if not source.is_dir():
        if not source.exists():
            raise ReadError(
                f"{source} does not exist; give the folder (or file) that holds the recordings."
            )
        plain_size(source)
        return [source]
    _refuse_closed(source)
    label = mapping.label.file if mapping.label else ""
    labels = re.compile("(?!)" if not label else re.sub(r"\\\{\w+\\\}", ".+", re.escape(label)))
    found = []
    for path in sorted(source.glob(mapping.files.pattern)):
        relative = path.relative_to(source)
        hidden = any(part.startswith(".") for part in relative.parts)
        ours = ignore is not None and path.is_relative_to(ignore)
        if (
            path.is_file()
            and not hidden
            and not ours
            and not labels.fullmatch(name_of(relative.as_posix()))
        ):
            found.append(path)
    if not found:
        there = sorted(
            {"*" + name_of("".join(p.suffixes)) for p in source.rglob("*") if p.is_file()}
        )
        raise ReadError(
            f"No file under {source} fits the pattern '{mapping.files.pattern}'; "
            + (f"there are {', '.join(there[:12])}. " if there else "the folder is empty. ")
            + "Change pattern under [files]; '**/*.csv' looks into folders too, archives are "
            "unpacked by you."
        )
    return found


def _refuse_closed(source: Path) -> None:
    """Raise ReadError for a folder that may not be looked into, which a glob passes over without a
    word."""

    def told(error: OSError) -> None:
        raise ReadError(
            f"The folder {error.filename} cannot be read ({error.strerror}). Allow it, or leave it "
            f"out."
        )

    for _ in os.walk(source, onerror=told):
        pass


def safe_name(text: str) -> str:
    """Return a text as it can stand in a file name."""
    name = re.sub(r"[^\w.@+-]+", "-", text).strip(".-") or "recording"
    if len(name.encode()) <= _LONGEST:
        return name
    # Cut, and told apart by what was cut off; a name's letters may take four bytes each.
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{name.encode()[: _LONGEST - 13].decode('utf-8', 'ignore').rstrip('.-')}-{mark}"


def _stem(relative: str) -> str:
    return re.sub(
        r"\.(csv|txt|tsv|parquet|pq|dat)(\.gz)?$", "", relative, flags=re.IGNORECASE
    ).replace("/", "_")


def _groups(relative: str, mapping: Mapping) -> dict[str, str]:
    out: dict[str, str] = {}
    for who in (mapping.files.subject, mapping.files.session):
        if who is None or not who.pattern:
            continue
        found = Pattern(who.pattern).search(relative)
        if found is None:
            raise ReadError(
                f"The path '{relative}' does not fit the pattern '{who.pattern}' that tells who "
                f"was recorded. "
                "Change it, or narrow the pattern under [files] so that this file is left out."
            )
        out |= {name: value for name, value in found.items() if value}
    if mapping.files.subject.pattern and not out.get("subject"):
        raise ReadError(
            f"The path '{relative}' fits the pattern, but its group 'subject' is empty."
        )
    return out


def _sensors(relative: str, groups: dict[str, str], mapping: Mapping) -> tuple[Sensor, ...]:
    if "sensor" not in groups:
        return mapping.sensors
    if len(mapping.sensors) == 1 and not mapping.sensors[0].match:
        return mapping.sensors
    if any(not sensor.match for sensor in mapping.sensors):
        raise ConfigError(
            'The pattern has a group (?P<sensor>…), so each [[sensor]] needs match = "…".'
        )
    found = tuple(
        s for s in mapping.sensors if Pattern(s.match, ignore_case=True).matches(groups["sensor"])
    )
    if not found:
        options = [sensor.match for sensor in mapping.sensors]
        raise ReadError(
            f"'{relative}' is of sensor '{groups['sensor']}', which no [[sensor]] block matches; "
            f"there are "
            f"{', '.join(options)}.{nearest(groups['sensor'], options)}"
        )
    return found
