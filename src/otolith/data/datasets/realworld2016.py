"""RealWorld 2016: fifteen people, eight activities outdoors, phones and a watch on seven places.

What lies in the authors' archive, and is read:

    proband1/data/acc_walking_csv.zip           (also gyr_…, mag_…)
        acc_walking_head.csv                    id, attr_time (ms since 1970), attr_x … attr_z
    proband4/data/acc_climbingup_csv.zip        recorded in parts: archives within the archive
        acc_climbingup_1_csv.zip, acc_climbingup_2_csv.zip

Archives that somebody unpacked are read as well. GPS, light, sound and the SQLite copies are not.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.packed import Archive, archive, archive_within
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu, table_text
from otolith.data.datasets.dataset import DataSet, channels_of
from otolith.data.readers.clock import start_of
from otolith.data.readers.columns import read_numbers
from otolith.data.recording import Recording, Segment, Stream, natural_key
from otolith.data.windows import Cut

Position = Literal["chest", "forearm", "head", "shin", "thigh", "upperarm", "waist"]
POSITIONS = {
    "chest": "chest",
    "forearm": "forearm",
    "head": "head",
    "shin": "shank",
    "thigh": "thigh",
    "upperarm": "upper_arm",
    "waist": "waist",
}
"""The authors' names of places -> ours; their files do not say the side of arm and leg."""
ACTIVITIES = {
    "climbingdown": "descending stairs",
    "climbingup": "climbing stairs",
    **{name: name for name in ("jumping", "lying", "running", "sitting", "standing", "walking")},
}
"""The authors' names of activities -> ours."""
_QUANTITIES = {"acc": "acc", "gyr": "gyro", "mag": "mag"}
_ARCHIVE = re.compile(r"(acc|gyr|mag)_([a-z]+)(?:_(\d+))?_csv(?:\.zip)?", re.IGNORECASE)
_MEMBER = re.compile(
    r"(acc|gyr|mag|gyroscope|magneticfield)_(?P<activity>[a-z]+?)(?:_(?P<part>\d+))?"
    r"_(?P<position>[a-z]+)(?:_(?P<end>\d+))?\.csv",
    re.IGNORECASE,
)
_CLOCK, *_AXES = _COLUMNS = ("attr_time", "attr_x", "attr_y", "attr_z")
_APART_MS = 3.6e6  # an hour
_DEEPEST = 3  # the authors' go two deep


@dataclass(frozen=True)
class _Sensor:
    """One quantity of one place in one part of an activity, on a clock of its own."""

    where: Path
    stream: Stream
    zero_ms: float
    """The stream's second 0, in milliseconds since 1970."""


@settings
class RealWorld2016(DataSet):
    """RealWorld (HAR) 2016: accelerometer, gyroscope and magnetometer on seven places of the body.

    One recording per person, activity and part (some were recorded in two or three), the whole of
    it labelled; each place and quantity a stream of its own, on the phones' Unix clocks. Files that
    a phone failed to write (the authors lack a few) are simply not read. The default cut takes the
    head alone, as PRIMUS does.
    """

    positions: tuple[Position, ...] = ()
    """Which of the authors' places are read, such as head; empty for all."""

    name = "realworld2016"
    title = "RealWorld (HAR) 2016"
    url = "https://www.uni-mannheim.de/dws/research/projects/activity-recognition/dataset/"
    terms = "research use; cite the paper"
    citation = (
        "T. Sztyler, H. Stuckenschmidt: On-body Localization of Wearable Devices: An Investigation "
        "of Position-Aware Activity Recognition. IEEE PerCom 2016. "
        "https://doi.org/10.1109/PERCOM.2016.7456521"
    )
    subjects = 15
    rate_hz = 50.0
    placements = tuple(POSITIONS.values())
    units: ClassVar = {"acc": "m/s2", "gyro": "rad/s", "mag": "uT"}
    cut = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=tuple(ACTIVITIES.values()),
        placements=("head",),
    )
    layout = "proband*/data/acc_*"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per person, activity and part."""
        root = self.verify(folder)
        for person in sorted(root.glob("proband*"), key=lambda path: natural_key(path.name)):
            for activity in ACTIVITIES:
                parts: dict[str, list[_Sensor]] = {}
                for where, part, content in _members(person / "data", activity):
                    named = _MEMBER.fullmatch(where.name)
                    if named and named["position"].lower() in (self.positions or POSITIONS):
                        sensor = self._sensor(where, named, activity, content)
                        part = named["part"] or named["end"] or part
                        parts.setdefault(part, []).append(sensor)
                for part in sorted(parts, key=natural_key):
                    yield self._recording(person.name, activity, part, parts[part])

    def _sensor(
        self, where: Path, named: re.Match[str], activity: str, content: bytes | None
    ) -> _Sensor:
        if named["activity"].lower() != activity:
            raise ReadError(
                f"{where} is about {named['activity']}, but lies among the files of {activity}. "
                "Unpack it again."
            )
        quantity = _QUANTITIES[named[1].lower()[:3]]
        place = POSITIONS[named["position"].lower()]
        table = read_numbers(where, _COLUMNS, content=content)
        zero_ms = float(table.finite(_CLOCK).min())
        name, channels = f"{place}.{quantity}", channels_of(place, [quantity])
        time_s, values = (table.numbers[_CLOCK] - zero_ms) / 1000, table.matrix(_AXES)
        stream = self.stream(name, channels, time_s, values, self.rate_hz, table.notes)
        return _Sensor(where, stream, zero_ms)

    def _recording(
        self, person: str, activity: str, part: str, sensors: Sequence[_Sensor]
    ) -> Recording:
        usual_ms = float(np.median([sensor.zero_ms for sensor in sensors]))
        for sensor in sensors:
            if (apart_ms := abs(sensor.zero_ms - usual_ms)) > _APART_MS:
                raise ReadError(
                    f"{sensor.where} starts {apart_ms / _APART_MS:.1f} hours away from the other sensors "
                    f"of {person}'s {activity}: its clock was set wrongly. Leave its place out "
                    "with the option positions."
                )
        names = [sensor.stream.name for sensor in sensors]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ReadError(
                f"{person}'s {activity} has two files of {repeated[0]} in part {part}. "
                "Unpack it again."
            )
        zero_ms = min(sensor.zero_ms for sensor in sensors)
        streams = [
            replace(s.stream, time_s=s.stream.time_s + (s.zero_ms - zero_ms) / 1000)
            for s in sensors
        ]
        end_s = max(float(stream.time_s[-1]) for stream in streams) + 1 / self.rate_hz
        return Recording(
            f"{person}_{activity}_{part}",
            person,
            tuple(sorted(streams, key=lambda stream: stream.name)),
            (Segment(0.0, end_s, ACTIVITIES[activity], "file name"),),
            session=f"{activity}_{part}",
            start=start_of(zero_ms / 1000, UTC),
        )


def _members(data: Path, activity: str) -> Iterator[tuple[Path, str, bytes | None]]:
    """Every CSV file of an activity, in archives or beside them, with its archive's part."""
    for path in sorted(data.iterdir(), key=lambda path: natural_key(path.name)):
        named, loose = _ARCHIVE.fullmatch(path.name), _MEMBER.fullmatch(path.name)
        if named and named[2].lower() == activity:
            part = named[3] or "1"
            if path.is_dir():
                yield from ((member, part, None) for member in sorted(path.glob("*.csv")))
            else:
                with archive(path) as opened:
                    yield from _unzipped(path, part, opened)
        elif loose and loose["activity"].lower() == activity:
            yield path, "1", None


def _unzipped(
    path: Path, part: str, opened: Archive, depth: int = 1
) -> Iterator[tuple[Path, str, bytes]]:
    opened.refuse_bomb()
    for name in sorted(opened.names):
        inside = path / Path(name).name
        if name.lower().endswith(".csv"):
            yield inside, part, bytes(opened.read(name))
        elif (inner := _ARCHIVE.fullmatch(inside.name)) and depth < _DEEPEST:
            with archive_within(inside, opened.read(name)) as within:
                yield from _unzipped(inside, inner[3] or part, within, depth + 1)


def write_sample(folder: Path) -> None:
    """Write tiny archives of two people; one climbs in two parts, archives within an archive."""
    names = {"acc": "acc", "gyr": "Gyroscope", "mag": "MagneticField"}
    for person in (1, 4):
        data = folder / "realworld2016_dataset" / f"proband{person}" / "data"
        data.mkdir(parents=True)
        for activity in ("standing", "climbingup"):
            for short, long in names.items():
                parts = {}
                for part in ("_1", "_2") if person == 4 and activity == "climbingup" else ("",):
                    content = {
                        (name := f"{long}_{activity}{part}_{position}.csv"): _fake(
                            short, number, f"{person}{name}".encode()
                        )
                        for number, position in enumerate(POSITIONS)
                    }
                    parts[f"{short}_{activity}{part}_csv.zip"] = _zip(content)
                whole = _zip(parts) if len(parts) > 1 else next(iter(parts.values()))
                (data / f"{short}_{activity}_csv.zip").write_bytes(whole)


def _fake(quantity: str, position: int, seed: bytes) -> bytes:
    rest = {"acc": (0.3, 9.7, 1.4), "gyr": (0.0, 0.0, 0.0), "mag": (12.0, -30.0, 20.0)}[quantity]
    stamps = 1_435_000_000_000 + 7 * position + 20 * np.arange(400)
    rows = fake_imu(rest, 400, list(seed))
    return table_text(",".join(("id", *_COLUMNS)), np.arange(400), stamps, rows).encode()


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
