"""Recordings to recognise: files, folders of tables, studies; read one at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from otolith.core.errors import ChannelError, DataError, OtolithError, ReadError
from otolith.data.channels import Channel, sensors
from otolith.data.readers.columns import header_of, read_columns
from otolith.data.readers.mapping import Mapping, Who, load_mapping
from otolith.data.readers.planning import Planned, plan, safe_name
from otolith.data.readers.table import read_planned, read_table_study
from otolith.data.recording import Recording, Stream, refuse_wrong_unit
from otolith.data.study import Study
from otolith.use.timeline import Timeline

if TYPE_CHECKING:
    from otolith.use.recogniser import Recogniser

Gravity = Literal["included", "removed"]
TIME = "time_s"
_SURE_S = 1.0
"""Stillness after which a file in the wrong unit is refused: only this tells of its device."""


@dataclass(frozen=True)
class Source:
    """One recording that can be read; several where a column of its table names the people."""

    name: str
    """What its timeline is called."""
    where: str
    """The files, or the recording and its study, as a message names them."""
    read: Callable[[], list[Recording]]


def sources_of(
    path: str | Path, mapping: str | Path | None = None, gravity: Gravity = "included"
) -> list[Source]:
    """Return the recordings of a study, of a folder of tables with its mapping, or of one file.

    The order is fixed. Files of a folder are joined into recordings as `otolith import` joins them,
    by the mapping's pattern. `gravity` is taken for a table without a mapping, which cannot say it.
    Raises ReadError for a folder that is neither, and for paths that do not fit the mapping; what
    is inside the files is only looked at when they are read.

    >>> from tempfile import mkdtemp
    >>> import numpy
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> [source.name for source in sources_of(study.folder)]
    ['ann-1']
    """
    path = Path(path)
    if not path.is_dir():
        return [Source(path.stem, str(path), lambda: [read_recording(path, mapping, gravity)])]
    if mapping is not None:
        rules = load_mapping(mapping)
        return [_planned(planned, rules, path) for planned in plan(path, rules)]
    if not (path / "study.json").exists():
        raise ReadError(
            f"{path} is a folder, but no study: it has no study.json. Say how its files are read: "
            f"otolith import {path} --guess --mapping mapping.toml, then pass --mapping "
            "mapping.toml."
        )
    study = Study.load(path)

    def of_study(id: str) -> Source:
        return Source(id, f"recording '{id}' of {path}", lambda: [study.recording(id)])

    return [of_study(entry["id"]) for entry in study.entries]


def _planned(planned: Planned, rules: Mapping, root: Path) -> Source:
    where = ", ".join(str(file) for file, _ in planned.files)

    def read() -> list[Recording]:
        return [refuse_unit(made, where) for made in read_planned(planned, rules, root)]

    return Source(planned.id, where, read)


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
    gravity: Gravity = "removed" if recogniser.chain_.gravity == "removed" else "included"
    recording = read_recording(path, mapping, gravity)
    return recogniser.recognise(recording, overlap, allow_placement)


def read_recording(
    path: str | Path, mapping: str | Path | None = None, gravity: Gravity = "included"
) -> Recording:
    """Read one recording; `gravity` is taken for a plain table, which cannot say it.

    Raises ReadError where the file is none of the known kinds, DataError where it holds several
    recordings, UnitError where it contradicts gravity.

    >>> axes = ",".join(f"left_wrist.acc.{axis}" for axis in "xyz")
    >>> rows = [f"{n / 50},0.1,0.2,9.8" for n in range(100)]
    >>> from otolith.core.files import write_text
    >>> write_text(Path("walk.csv"), chr(10).join([f"time_s,{axes}", *rows]))
    >>> read_recording("walk.csv").streams[0].rows_kept
    100
    """
    path = Path(path)
    if not path.exists():
        raise ReadError(f"{path} does not exist.")
    if mapping is not None:
        return refuse_unit(_mapped(path, mapping), str(path))
    # A recording of a study was checked against gravity when it was imported.
    of_study = _of_study(path)
    return of_study or refuse_unit(_plain(path, gravity), str(path))


def refuse_unit(recording: Recording, where: str) -> Recording:
    """Return a recording that agrees with gravity while it is still; UnitError for another."""
    if recording.gravity == "included":
        for sensor, verdict in recording.gravity_verdicts().items():
            if verdict.still_s >= _SURE_S:
                refuse_wrong_unit(sensor, verdict, where)
    return recording


def _of_study(path: Path) -> Recording | None:
    """The recording of a study that a file (or a study of one recording) belongs to."""
    if path.is_dir():
        study = Study.load(path)
        if len(study) > 1:
            first = study.entries[0]["streams"][0]["file"]
            raise DataError(
                f"Study '{study.name}' holds {len(study)} recordings; give one of their files, "
                f"such as {path / first}."
            )
        return study.recording(study.entries[0]["id"])
    # Unlike Path.resolve, this leaves a link to itself to whoever opens it.
    place = Path(os.path.realpath(path)).parent
    if place.name != "recordings" or not (place.parent / "study.json").exists():
        return None
    study = Study.load(place.parent)
    for entry in study.entries:
        if any(stream["file"] == f"recordings/{path.name}" for stream in entry["streams"]):
            return study.recording(entry["id"])
    return None


def _mapped(path: Path, mapping: str | Path) -> Recording:
    # What is to be recognised has no labels, and whose it is need not stand in its path.
    rules = dataclasses.replace(load_mapping(mapping), label=None)
    pattern = rules.files.subject.pattern
    # A pattern that names the sensor is needed: it says which file is which.
    if pattern and "(?P<sensor>" not in pattern:
        files = dataclasses.replace(rules.files, subject=Who(value="unknown"))
        rules = dataclasses.replace(rules, files=files)
    recordings = list(read_table_study(path, rules))
    if len(recordings) != 1:
        names = ", ".join(recording.id for recording in recordings[:5])
        raise DataError(
            f"{path} holds {len(recordings)} recordings ({names}); import them as a study first: "
            f"otolith import {path} --mapping {mapping} --out STUDY"
        )
    return recordings[0]


def _plain(path: Path, gravity: Gravity) -> Recording:
    names = header_of(path)
    channels = _channels_of(names)
    if TIME not in names or not channels:
        raise ReadError(
            f"{path} has the columns {', '.join(names[:8])}{' …' if len(names) > 8 else ''}; "
            "without a mapping they are called time_s, left_wrist.acc.x … and stand in s, m/s² and "
            f"rad/s. Describe yours in a mapping file: otolith import {path} --guess --mapping "
            "mapping.toml, then pass --mapping mapping.toml."
        )
    if len(set(channels.values())) < len(channels):
        raise ChannelError(
            f"{path} holds a channel twice; give the second device a name (left_wrist@b.acc.x)."
        )
    columns = read_columns(path, dict.fromkeys([TIME, *channels], "number"))
    reports, streams = columns.reports, []
    for sensor in sensors(list(channels.values())):
        of_sensor = {n: channel for n, channel in channels.items() if channel.sensor == sensor}
        values = np.stack([columns.numbers[name] for name in of_sensor], axis=1)
        named, time_s = list(of_sensor.values()), columns.numbers[TIME]
        streams.append(Stream.from_rows(sensor, named, time_s, values, None, reports))
        reports = ()  # rows that could not be read are reported once
    return Recording(safe_name(path.stem), "unknown", tuple(streams), gravity=gravity)


def _channels_of(names: Iterable[str]) -> dict[str, Channel]:
    """The columns that are channels; a table may hold more."""
    channels = {}
    for name in names:
        # Other columns are left alone: temperature, notes, labels.
        with contextlib.suppress(OtolithError):
            channels[name] = Channel.parse(name)
    return channels
