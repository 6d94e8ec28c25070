"""OpenPack: workers packing boxes, with sensors on wrists and upper arms, and two wristbands.

What lies in the authors' archive, and is read (of the published sample and the full set alike):

    U0101/atr/atr01/S0100.csv                           unixtime (ms), acc_x … (g), gyro_x … (deg/s)
    U0101/e4/e401/acc/S0100.csv                         time (ms), acc_x … of an Empatica E4
    U0101/annotation/openpack-operations/S0100.csv      start, end, operation, action
    U0101/annotation/openpack-actions/S0100.csv         the same, by the finer actions

The sensors' quaternions, the keypoints and the annotations of outliers are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu, write_table
from otolith.data.datasets.dataset import DataSet, Facts, channels_of
from otolith.data.paired import LABEL, Text, write_texts
from otolith.data.quantities import STANDARD_GRAVITY
from otolith.data.readers.clock import Clock, start_of
from otolith.data.readers.columns import Columns, read_columns, read_numbers
from otolith.data.recording import Recording, RowReport, Segment, Stream
from otolith.data.windows import Cut

SENSORS = {
    "atr01": "right_wrist",
    "atr02": "left_wrist",
    "atr03": "right_upper_arm",
    "atr04": "left_upper_arm",
}
"""The authors' names of the ATR sensors -> where they were worn."""
BANDS = {"e401": "right_wrist", "e402": "left_wrist"}
"""The Empatica E4, numbered as the ATR sensors are; the authors' files do not say the side."""
SAME_PERSON = {
    "U0202": "U0105",
    "U0203": "U0108",
    "U0204": "U0110",
    "U0205": "U0107",
    "U0210": "U0103",
}
"""Users who came twice, by the authors' USER.md: 21 users are 16 people."""
OPERATIONS = (
    *("Picking", "Relocate Item Label", "Assemble Box", "Insert Items", "Close Box"),
    *("Attach Box Label", "Scan Label", "Attach Shipping Label", "Put on Back Table"),
    "Fill out Order",
)
"""The ten packing operations, in their usual order."""
# The 2022 challenge, by the authors' DATA_SPLIT.md: whole users for the submission; of the others
# S0300 is held out.
_CHALLENGE = (
    *("U0101", "U0102", "U0103", "U0105", "U0106", "U0107", "U0109", "U0111", "U0202", "U0205"),
    "U0210",
)
_TESTED = ("U0102", "U0106", "U0202", "U0210")
_SUBMITTED = {
    "U0104": "13",
    "U0108": "1235",
    "U0110": "12345",
    "U0203": "12345",
    "U0204": "234",
    "U0207": "345",
}
_ACC = ("acc_x", "acc_y", "acc_z")
_GYRO = ("gyro_x", "gyro_y", "gyro_z")


@dataclass(frozen=True)
class _Device:
    """One make of sensor: where its files are, and their columns."""

    places: Mapping[str, str]
    path: str
    """Of a file below the user's folder; {} stand for the sensor and the session."""
    clock: str
    axes: tuple[str, ...]


_DEVICES = {
    "atr": _Device(SENSORS, "atr/{}/{}.csv", "unixtime", (*_ACC, *_GYRO)),
    "e4": _Device(BANDS, "e4/{}/acc/{}.csv", "time", _ACC),
}


@settings
class OpenPack(DataSet):
    """OpenPack: packaging work in logistics, the four ATR sensors and the two Empatica E4.

    One recording per session, each sensor a stream. Labels are the ten packing operations, or the
    finer actions within them with `annotation="actions"`: the two overlap, so it is one or the
    other, and the actions are texts of the study either way. ATR stamps are exactly 30 ms apart,
    which is 33.33 Hz. Five people came twice under another user's name (`SAME_PERSON`): a subject
    is a person here. The 2022 challenge's split is each recording's fact `split` (train, val, test,
    submission).
    """

    annotation: Literal["operations", "actions"] = "operations"
    """Which of the authors' annotations become segments."""
    sensors: Literal["atr", "e4", "all"] = "atr"
    """Which devices are read; an E4's channels are called right_wrist@e4.acc.x and so on."""

    name = "openpack"
    title = "OpenPack"
    url = "https://open-pack.github.io"
    terms = "CC BY-NC-SA 4.0"
    citation = (
        "N. Yoshimura, J. Morales, T. Maekawa, T. Hara: OpenPack: A Large-scale Dataset for "
        "Recognizing Packaging Works in IoT-enabled Logistic Environments. IEEE PerCom 2024. "
        "https://arxiv.org/abs/2212.11152"
    )
    subjects = 16
    rate_hz = 1000 / 30
    placements = tuple(SENSORS.values())
    units: ClassVar = {"acc": "g", "gyro": "deg/s"}
    cut = Cut(
        seconds=2.0,
        rate_hz=30.0,
        overlap=0.5,
        label_rule="majority",
        labels=OPERATIONS,
        placements=("right_wrist", "left_wrist"),
    )
    layout = "U*/atr/atr*/S*.csv"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per session of each worker."""
        root = self.verify(folder)
        sessions = {(path.parts[-4], path.stem) for path in root.glob(self.layout)}
        for user, session in sorted(sessions):
            tables = self._tables(root / user, session)
            if not tables:
                continue
            zero_ms = min(float(table.finite(device.clock)[0]) for device, _, table in tables)
            facts: Facts = {"user": user, "start_unix_ms": zero_ms}
            if split := split_of(user, session):
                facts["split"] = split
            yield Recording(
                f"{user}_{session}",
                SAME_PERSON.get(user, user),
                tuple(self._stream(device, place, t, zero_ms) for device, place, t in tables),
                self._segments(root / user, session, zero_ms),
                session=session,
                facts=facts,
                start=start_of(zero_ms / 1000, UTC),
            )

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each action with its operation as a text, marked as a label."""
        root = self.verify(folder)
        texts = []
        for recording in recordings:
            zero_ms = float(recording.facts["start_unix_ms"])
            path = _annotation(root / str(recording.facts["user"]), "actions", recording.session)
            for start, end, (operation, action) in _intervals(path, zero_ms, "operation", "action"):
                words = f"{operation.lower()}: {action.lower()}"
                texts.append(Text(recording.id, start, end, words, LABEL))
        if texts:
            write_texts(out, texts)

    def _tables(self, user: Path, session: str) -> list[tuple[_Device, str, Columns]]:
        """The sensors that a session has, with their places; in some sessions one failed."""
        tables = []
        for name, device in _DEVICES.items():
            for key, place in device.places.items() if self.sensors in (name, "all") else ():
                path = user / device.path.format(key, session)
                if path.exists():
                    table = read_numbers(path, (device.clock, *device.axes))
                    tables.append((device, place, table))
        return tables

    def _stream(self, device: _Device, place: str, table: Columns, zero_ms: float) -> Stream:
        time_s, values = (table.numbers[device.clock] - zero_ms) / 1000, table.matrix(device.axes)
        if device.places is SENSORS:
            channels = channels_of(place)
            return self.stream(place, channels, time_s, values, self.rate_hz, table.notes)
        unit_g, remark = _band_unit(values)
        reports = (*table.notes, *([RowReport("unit", 0, remark)] if remark else []))
        channels = channels_of(place, ["acc"], "e4")
        return self.stream(f"{place}@e4", channels, time_s, values * unit_g, 32.0, reports)

    def _segments(self, user: Path, session: str, zero_ms: float) -> tuple[Segment, ...]:
        path = _annotation(user, self.annotation, session)
        rows = _intervals(path, zero_ms, self.annotation.removesuffix("s"))
        segments = [Segment(start, end, label, path.parent.name) for start, end, (label,) in rows]
        return tuple(sorted(segments, key=lambda segment: segment.start_s))


def split_of(user: str, session: str) -> str:
    """Return what a session was for in the 2022 challenge.

    That is train, val, test or submission, or "" where it had no part.

    >>> split_of("U0102", "S0300"), split_of("U0102", "S0100")
    ('test', 'train')
    """
    number = session[2:3]
    if number in _SUBMITTED.get(user, ""):
        return "submission"
    if user not in _CHALLENGE:
        return ""
    if number != "3":
        return "train"
    return "test" if user in _TESTED else "val"


def _annotation(user: Path, kind: str, session: str) -> Path:
    return user / "annotation" / f"openpack-{kind}" / f"{session}.csv"


def _intervals(
    path: Path, zero_ms: float, *columns: str
) -> Iterator[tuple[float, float, list[str]]]:
    """Rows of an annotation: start and end in seconds of the recording, and some columns."""
    if not path.exists():
        return
    table = read_columns(path, dict.fromkeys(("start", "end", *columns), "text"))
    starts, ends = (Clock(edge, "iso").seconds(table).tolist() for edge in ("start", "end"))
    words = zip(*(table.words(name) for name in columns), strict=True)
    zero_s = zero_ms / 1000
    for row, (start, end, texts) in enumerate(zip(starts, ends, words, strict=True), 2):
        if not start < end:
            raise ReadError(
                f"{path}, line {row}: an interval needs a start before its end. Unpack it again."
            )
        yield start - zero_s, end - zero_s, list(texts)


def _band_unit(values: Float[np.ndarray, "T 3"]) -> tuple[float, str]:
    """How many g an E4's numbers count, and what to report of it.

    An E4 counts in 1/64 g. The authors' files are described as g, but the numbers in their
    published sample are whole steps of 1/64 g divided by 9.80665: which of the two a file has can
    be seen from its steps.
    """
    steps = values[np.isfinite(values).all(axis=1)][:1000] * 64
    for unit_g in (1.0, STANDARD_GRAVITY):
        if np.allclose(steps * unit_g, np.round(steps * unit_g), atol=1e-3):
            divided = "described as g, counted in steps of 1/64 g divided by 9.80665"
            return unit_g, "" if unit_g == 1.0 else divided
    return 1.0, "no steps of 1/64 g are seen; taken as g, as described"


def write_sample(folder: Path) -> None:
    """Write one tiny session of two workers, one sensor starting later than the others."""
    start_ms = 1_648_531_521_000
    first = np.datetime64(start_ms, "ms")
    for user in ("U0101", "U0102"):
        here = folder / "openpack" / "v1.0.0" / user
        for number, key in enumerate(SENSORS):
            rows = fake_imu((0.4, -0.9, 0.1, 0.0, 0.0, 0.0), 500, [number, int(user[-1])], 0.005)
            stamps = start_ms + 60 * number + 30 * np.arange(500)
            header = ",".join(("unixtime", *_ACC, *_GYRO))
            write_table(here / "atr" / key / "S0100.csv", header, stamps, rows)
        for key in BANDS:
            counts = np.round(fake_imu((-26, -58, 7), 480, int(user[-1]), 0.3))
            stamps = start_ms - 500 + (31.25 * np.arange(480)).astype(int)
            path = here / "e4" / key / "acc" / "S0100.csv"
            write_table(path, ",".join(("time", *_ACC)), stamps, counts / 64 / STANDARD_GRAVITY)
        edges = [str(first + np.timedelta64(ms, "ms")) for ms in (1000, 6000, 12_500)]
        names = ["Picking", "Assemble Box"], ["Walk to Work Bench", "Bend Flap"]
        for kind in ("operations", "actions"):
            path = _annotation(here, kind, "S0100")
            write_table(path, "operation,action,start,end", *names, edges[:2], edges[1:])
