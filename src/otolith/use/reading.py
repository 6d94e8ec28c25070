"""A file of any known kind -> what was recognised in it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from otolith.core.errors import ChannelError, DataError, OtolithError, ReadError
from otolith.data.channels import Channel, sensors
from otolith.data.readers.columns import header_of, read_columns
from otolith.data.readers.mapping import Who, load_mapping
from otolith.data.readers.planning import safe_name
from otolith.data.readers.table import read_table_study
from otolith.data.recording import Recording, Stream, refuse_wrong_unit
from otolith.data.study import Study
from otolith.use.timeline import Timeline

if TYPE_CHECKING:
    from otolith.use.recogniser import Recogniser

TIME = "time_s"
_SURE_S = 1.0
"""Stillness after which a file in the wrong unit is refused; it is all that is known of its device.
"""


def recognise_file(
    recogniser: Recogniser,
    path: str | Path,
    mapping: str | Path | None = None,
    *,
    overlap: float = 0.5,
    allow_placement: bool = False,
) -> Timeline:
    """Recognise one recording from a file.

    The file is a recording of a study (STUDY/recordings/ID.STREAM.parquet); a CSV or Parquet table
    described by a mapping file; or one whose columns are called as in a study: time_s,
    left_wrist.acc.x …, in SI units. Raises ReadError where it cannot be read, UnitError where it
    contradicts gravity, and what `Recogniser.recognise` raises.
    """
    gravity: Literal["included", "removed"] = (
        "removed" if recogniser.chain_.gravity == "removed" else "included"
    )
    recording = read_recording(path, mapping, gravity)
    return recogniser.recognise(recording, overlap, allow_placement)


def read_recording(
    path: str | Path,
    mapping: str | Path | None = None,
    gravity: Literal["included", "removed"] = "included",
) -> Recording:
    """Read one recording; `gravity` is taken for a plain table, which cannot say it.

    Raises ReadError where the file is none of the known kinds, DataError where it holds several
    recordings.
    """
    path = Path(path)
    if not path.exists():
        raise ReadError(f"{path} does not exist.")
    if mapping is None and (found := _of_study(path)) is not None:
        return found
    recording = _mapped(path, mapping) if mapping is not None else _plain(path, gravity)
    return refuse_unit(recording, str(path))


def refuse_unit(recording: Recording, where: str) -> Recording:
    """Return a recording that agrees with gravity, as far as it was still; raise UnitError for
    another."""
    if recording.gravity == "included":
        for sensor, verdict in recording.gravity_verdicts().items():
            if verdict.still_s >= _SURE_S:
                refuse_wrong_unit(sensor, verdict, where)
    return recording


def _of_study(path: Path) -> Recording | None:
    """Return the recording of a study that a file (or a study of one recording) belongs to."""
    if path.is_dir():
        study = Study.load(path)
        ids = [entry["id"] for entry in study.entries]
        if len(ids) > 1:
            first = study.entries[0]["streams"][0]["file"]
            raise DataError(
                f"Study '{study.name}' holds {len(ids)} recordings; give one of their files, such "
                f"as {path / first}."
            )
        return study.recording(ids[0])
    place = Path(
        os.path.realpath(path)
    ).parent  # unlike Path.resolve, a link to itself is left to whoever opens it
    folder = place.parent
    if place.name != "recordings" or not (folder / "study.json").exists():
        return None
    study = Study.load(folder)
    name = f"recordings/{path.name}"
    for entry in study.entries:
        if any(stream["file"] == name for stream in entry["streams"]):
            return study.recording(entry["id"])
    return None


def _mapped(path: Path, mapping: str | Path) -> Recording:
    rules = load_mapping(mapping)
    # What is to be recognised has no labels, and who it was need not stand in its path.
    rules = dataclasses.replace(rules, label=None)
    if rules.files.subject.pattern and "(?P<sensor>" not in rules.files.subject.pattern:
        rules = dataclasses.replace(
            rules, files=dataclasses.replace(rules.files, subject=Who(value="unknown"))
        )
    recordings = list(read_table_study(path, rules))
    if len(recordings) != 1:
        raise DataError(
            f"{path} holds {len(recordings)} recordings "
            f"({', '.join(r.id for r in recordings[:5])}); import them as a "
            f"study first: otolith import {path} --mapping {mapping} --out STUDY"
        )
    return recordings[0]


def _plain(path: Path, gravity: Literal["included", "removed"]) -> Recording:
    names = header_of(path)
    channels: dict[str, Channel] = {}
    for name in names:
        try:
            channels[name] = Channel.parse(name)
        except OtolithError:
            continue  # a table may hold more than sensors
    if TIME not in names or not channels:
        raise ReadError(
            f"{path} has the columns {', '.join(names[:8])}{' …' if len(names) > 8 else ''}; "
            f"without a mapping they "
            f"are called time_s, left_wrist.acc.x … and stand in s, m/s² and rad/s. Describe yours "
            f"in a mapping file: "
            f"otolith import {path} --guess --mapping mapping.toml, then pass --mapping "
            f"mapping.toml."
        )
    if len(set(channels.values())) < len(channels):
        raise ChannelError(
            f"{path} holds a channel twice; give the second device a name (left_wrist@b.acc.x)."
        )
    columns = read_columns(path, dict.fromkeys([TIME, *channels], "number"))
    streams = []
    for number, sensor in enumerate(sensors(list(channels.values()))):
        own = [name for name, channel in channels.items() if channel.sensor == sensor]
        values = np.stack([columns.numbers[name] for name in own], axis=1)
        reports = columns.reports if number == 0 else ()
        named = [channels[name] for name in own]
        streams.append(
            Stream.from_rows(sensor, named, columns.numbers[TIME], values, None, reports)
        )
    return Recording(safe_name(path.stem), "unknown", tuple(streams), gravity=gravity)
