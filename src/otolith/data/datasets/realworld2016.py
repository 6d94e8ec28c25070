"""RealWorld 2016: fifteen people doing eight activities outdoors, with phones and a watch on seven
places."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError, nearest
from otolith.core.foreign.packed import Archive, archive, archive_within
from otolith.data.channels import triad
from otolith.data.datasets.dataset import DataSet
from otolith.data.readers.clock import start_of
from otolith.data.readers.columns import read_columns
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Cut, natural_key
from otolith.data.units import factor

POSITIONS = {
    "chest": "chest",
    "forearm": "forearm",
    "head": "head",
    "shin": "shank",
    "thigh": "thigh",
    "upperarm": "upper_arm",
    "waist": "waist",
}
"""The authors' names of places, and ours; their files do not tell the side of arm and leg."""
ACTIVITIES = {
    "climbingdown": "descending stairs",
    "climbingup": "climbing stairs",
    "jumping": "jumping",
    "lying": "lying",
    "running": "running",
    "sitting": "sitting",
    "standing": "standing",
    "walking": "walking",
}
_QUANTITIES = {
    "acc": "acc",
    "gyr": "gyro",
    "gyroscope": "gyro",
    "mag": "mag",
    "magneticfield": "mag",
}
_ARCHIVE = re.compile(r"(acc|gyr|mag)_([a-z]+)(?:_(\d+))?_csv(?:\.zip)?", re.IGNORECASE)
_MEMBER = re.compile(r"([a-z]+)_([a-z]+?)(?:_(\d+))?_([a-z]+)(?:_(\d+))?\.csv", re.IGNORECASE)
_COLUMNS = ("attr_time", "attr_x", "attr_y", "attr_z")
_APART_MS = 3.6e6
_DEEPEST = 3


@dataclass(frozen=True)
class RealWorld2016(DataSet):
    """RealWorld (HAR) 2016: accelerometer, gyroscope and magnetometer on seven places of the body.

    One recording per person, activity and part (some were recorded in two or three), the whole of
    it labelled; each place and quantity a stream of its own, on the phones' Unix clocks. The
    archives are read as they come, also those within archives; unpacked ones too. GPS, light, sound
    and the SQLite copies are not read. Files that a phone failed to write (the authors lack a few)
    are simply not there. The default evaluation is the head alone, as PRIMUS has it.
    """

    positions: tuple[str, ...] = ()
    """Which of the authors' places are read, such as head; empty for all."""

    name: ClassVar[str] = "realworld2016"
    title: ClassVar[str] = "RealWorld (HAR) 2016"
    url: ClassVar[str] = (
        "https://www.uni-mannheim.de/dws/research/projects/activity-recognition/dataset/"
    )
    terms: ClassVar[str] = "research use; cite the paper"
    citation: ClassVar[str] = (
        "T. Sztyler, H. Stuckenschmidt: On-body Localization of Wearable Devices: An Investigation "
        "of Position-Aware "
        "Activity Recognition. IEEE PerCom 2016. https://doi.org/10.1109/PERCOM.2016.7456521"
    )
    subjects: ClassVar[int] = 15
    rate_hz: ClassVar[float] = 50.0
    placements: ClassVar[tuple[str, ...]] = tuple(POSITIONS.values())
    units: ClassVar[dict[str, str]] = {"acc": "m/s2", "gyro": "rad/s", "mag": "uT"}
    cut: ClassVar[Cut] = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=tuple(ACTIVITIES.values()),
        placements=("head",),
    )
    layout: ClassVar[str] = "proband*/data/acc_*"

    def __post_init__(self) -> None:
        for position in self.positions:
            if position not in POSITIONS:
                raise ConfigError(
                    f"RealWorld has no place '{position}'; it has "
                    f"{', '.join(POSITIONS)}.{nearest(position, POSITIONS)}"
                )

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per person, activity and part."""
        root = self.verify(folder)
        for person in sorted(root.glob("proband*"), key=lambda path: natural_key(path.name)):
            for activity in ACTIVITIES:
                parts: dict[str, list[tuple[str, str, Stream, float]]] = {}
                for where, part, content in _members(person / "data", activity):
                    if found := self._stream(where, activity, content):
                        parts.setdefault(found[0] or part, []).append(found[1])
                for part, streams in sorted(parts.items(), key=lambda item: natural_key(item[0])):
                    yield self._recording(person.name, activity, part, streams)

    def _stream(
        self, where: Path, activity: str, content: bytes | None
    ) -> tuple[str, tuple[str, str, Stream, float]] | None:
        named = _MEMBER.fullmatch(where.name)
        if not named or named[1].lower() not in _QUANTITIES or named[4].lower() not in POSITIONS:
            return None
        quantity, position = _QUANTITIES[named[1].lower()], named[4].lower()
        if self.positions and position not in self.positions:
            return None
        if named[2].lower() != activity:
            raise ReadError(
                f"{where} is about {named[2]}, but lies among the files of {activity}. Unpack it "
                f"again."
            )
        table = read_columns(where, dict.fromkeys(_COLUMNS, "number"), content=content)
        stamps = table.numbers["attr_time"]
        if not np.isfinite(stamps).any():
            raise ReadError(
                f"{where}: no stamp in the column 'attr_time' is a number. Unpack it again."
            )
        zero_ms = float(stamps[np.isfinite(stamps)].min())
        values = np.column_stack([table.numbers[name] for name in _COLUMNS[1:]])
        values *= factor(quantity, self.units[quantity])
        place = POSITIONS[position]
        stream = Stream.from_rows(
            f"{place}.{quantity}",
            triad(place, quantity),
            (stamps - zero_ms) / 1000,
            values,
            self.rate_hz,
            (*table.reports, *table.remarks.values()),
        )
        return named[3] or named[5] or "", (str(where), f"{place}.{quantity}", stream, zero_ms)

    def _recording(
        self, person: str, activity: str, part: str, found: list[tuple[str, str, Stream, float]]
    ) -> Recording:
        starts = np.array([start_ms for _, _, _, start_ms in found])
        usual = float(np.median(starts))
        for where, _, _, start_ms in found:
            if abs(start_ms - usual) > _APART_MS:
                raise ReadError(
                    f"{where} starts {abs(start_ms - usual) / 3.6e6:.1f} hours away from the other "
                    f"sensors of "
                    f"{person}'s {activity}: its clock was set wrongly. Leave its place out by the "
                    f"option positions."
                )
        names = [name for _, name, _, _ in found]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ReadError(
                f"{person}'s {activity} has two files of {repeated} in part {part}. Unpack it "
                f"again."
            )
        offsets = (starts - starts.min()) / 1000
        streams = [
            replace(f[2], time_s=f[2].time_s + offset)
            for f, offset in zip(found, offsets, strict=True)
        ]
        streams.sort(key=lambda stream: stream.name)
        end = max(float(stream.time_s[-1]) for stream in streams) + 1 / self.rate_hz
        segment = Segment(0.0, end, ACTIVITIES[activity], "file name")
        return Recording(
            f"{person}_{activity}_{part}",
            person,
            tuple(streams),
            (segment,),
            session=f"{activity}_{part}",
            start=start_of(float(starts.min()) / 1000, UTC),
        )


def _members(data: Path, activity: str) -> Iterator[tuple[Path, str, bytes | None]]:
    """Every CSV file of an activity, in archives or beside them, with the part that its archive
    names."""
    for path in sorted(data.iterdir(), key=lambda path: natural_key(path.name)):
        named = _ARCHIVE.fullmatch(path.name)
        if named and named[2].lower() == activity:
            part = named[3] or "1"
            if path.is_dir():
                yield from ((member, part, None) for member in sorted(path.glob("*.csv")))
            else:
                with archive(path) as opened:
                    yield from _unzipped(path, part, opened)
        elif (loose := _MEMBER.fullmatch(path.name)) and loose[2].lower() == activity:
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
    """Write tiny archives of two people in the authors' layout; one climbs in two parts, archives
    within an archive."""
    for person in (1, 4):
        data = folder / "realworld2016_dataset" / f"proband{person}" / "data"
        data.mkdir(parents=True)
        for activity in ("standing", "climbingup"):
            for short, long in (("acc", "acc"), ("gyr", "Gyroscope"), ("mag", "MagneticField")):
                nested = person == 4 and activity == "climbingup"
                parts = {}
                for part in ("1", "2") if nested else ("",):
                    mark = f"_{part}" if part else ""
                    files = {
                        f"{long}_{activity}{mark}_{position}.csv": _table(
                            short, activity, [seed, person, int(part or 0)]
                        )
                        for seed, position in enumerate(POSITIONS)
                    }
                    parts[f"{short}_{activity}{mark}_csv.zip"] = _zip(files)
                (data / f"{short}_{activity}_csv.zip").write_bytes(
                    _zip(parts) if nested else next(iter(parts.values()))
                )


def _table(short: str, activity: str, seed: list[int]) -> bytes:
    random = np.random.default_rng(seed)
    rest = {"acc": [0.3, 9.7, 1.4], "gyr": [0.0, 0.0, 0.0], "mag": [12.0, -30.0, 20.0]}[short]
    values = random.normal(0, 0.02, (400, 3)) + np.array(rest)
    if activity != "standing":
        values[100:] += np.sin(np.arange(300) / 4)[:, None]
    start = 1_435_000_000_000 + 7 * seed[0]
    lines = ["id,attr_time,attr_x,attr_y,attr_z"]
    lines += [
        f"{n + 1},{start + 20 * n},{x:.5f},{y:.5f},{z:.5f}" for n, (x, y, z) in enumerate(values)
    ]
    return ("\n".join(lines) + "\n").encode()


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
