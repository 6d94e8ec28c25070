"""OpenPack: workers packing boxes, with sensors on wrists and upper arms, and a wristband on either
side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError
from otolith.data.channels import triad
from otolith.data.datasets.dataset import DataSet
from otolith.data.paired import LABEL, Text, write_texts
from otolith.data.readers.clock import start_of, texts_to_seconds
from otolith.data.readers.columns import Columns, read_columns
from otolith.data.recording import Recording, RowReport, Segment, Stream
from otolith.data.study import Cut
from otolith.data.units import STANDARD_GRAVITY, factor

SENSORS = {
    "atr01": "right_wrist",
    "atr02": "left_wrist",
    "atr03": "right_upper_arm",
    "atr04": "left_upper_arm",
}
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
    "Picking",
    "Relocate Item Label",
    "Assemble Box",
    "Insert Items",
    "Close Box",
    "Attach Box Label",
    "Scan Label",
    "Attach Shipping Label",
    "Put on Back Table",
    "Fill out Order",
)
# The 2022 challenge, by the authors' DATA_SPLIT.md: whole users for the submission; of the others
# S0300 is held out.
_CHALLENGE = (
    "U0101",
    "U0102",
    "U0103",
    "U0105",
    "U0106",
    "U0107",
    "U0109",
    "U0111",
    "U0202",
    "U0205",
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
_AXES = tuple(f"{quantity}_{axis}" for quantity in ("acc", "gyro") for axis in "xyz")


@dataclass(frozen=True)
class OpenPack(DataSet):
    """OpenPack: packaging work in logistics, the four ATR sensors and the two Empatica E4.

    One recording per session, each sensor a stream, labelled with the ten packing operations, or
    with the finer actions within them by `annotation="actions"`: the two overlap, so it is one or
    the other, and the actions are texts of the study either way. ATR stamps stand exactly 30 ms
    apart, which is 33.33 Hz. Five people came twice under another user's name (`SAME_PERSON`): a
    subject is a person here. Reads the published sample and the full set alike. The 2022
    challenge's split is each recording's fact `split` (train, val, test, submission). The sensors'
    quaternions, the keypoints and the annotations of outliers are not read.
    """

    annotation: Literal["operations", "actions"] = "operations"
    """Which of the authors' annotations become segments."""
    sensors: Literal["atr", "e4", "all"] = "atr"
    """Which devices are read; an E4's channels are called right_wrist@e4.acc.x and so on."""

    name: ClassVar[str] = "openpack"
    title: ClassVar[str] = "OpenPack"
    url: ClassVar[str] = "https://open-pack.github.io"
    terms: ClassVar[str] = "CC BY-NC-SA 4.0"
    citation: ClassVar[str] = (
        "N. Yoshimura, J. Morales, T. Maekawa, T. Hara: OpenPack: A Large-scale Dataset for "
        "Recognizing Packaging "
        "Works in IoT-enabled Logistic Environments. IEEE PerCom 2024. "
        "https://arxiv.org/abs/2212.11152"
    )
    subjects: ClassVar[int] = 16
    rate_hz: ClassVar[float] = 1000 / 30
    placements: ClassVar[tuple[str, ...]] = tuple(SENSORS.values())
    units: ClassVar[dict[str, str]] = {"acc": "g", "gyro": "deg/s"}
    cut: ClassVar[Cut] = Cut(
        seconds=2.0,
        rate_hz=30.0,
        overlap=0.5,
        label_rule="majority",
        labels=OPERATIONS,
        placements=("right_wrist", "left_wrist"),
    )
    layout: ClassVar[str] = "U*/atr/atr*/S*.csv"

    def __post_init__(self) -> None:
        if self.annotation not in ("operations", "actions"):
            raise ConfigError(
                f"OpenPack has the annotations operations and actions; found '{self.annotation}'."
            )
        if self.sensors not in ("atr", "e4", "all"):
            raise ConfigError(f"OpenPack has the sensors atr, e4, or all; found '{self.sensors}'.")

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per session of each worker."""
        root = self.verify(folder)
        for user, session in sorted(
            {(path.parts[-4], path.stem) for path in root.glob(self.layout)}
        ):
            tables: dict[str, Columns] = {}
            if self.sensors != "e4":
                tables |= _tables(
                    root / user / "atr", SENSORS, f"{session}.csv", ("unixtime", *_AXES)
                )
            if self.sensors != "atr":
                tables |= _tables(
                    root / user / "e4", BANDS, f"acc/{session}.csv", ("time", *_AXES[:3])
                )
            if not tables:
                continue
            zero_ms = min(_first(table) for table in tables.values())
            streams = tuple(self._stream(key, table, zero_ms) for key, table in tables.items())
            annotated = (
                root / user / "annotation" / f"openpack-{self.annotation}" / f"{session}.csv"
            )
            segments = self._segments(annotated, zero_ms) if annotated.exists() else []
            split = split_of(user, session)
            facts: dict[str, str | int | float] = {"user": user, "start_unix_ms": zero_ms}
            facts |= {"split": split} if split else {}
            person = SAME_PERSON.get(user, user)
            start = start_of(zero_ms / 1000, UTC)
            yield Recording(
                f"{user}_{session}",
                person,
                streams,
                tuple(segments),
                session=session,
                facts=facts,
                start=start,
            )

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each action with its operation as a text, marked as a label: it says more than one."""
        root = self.verify(folder)
        texts = []
        for recording in recordings:
            path = (
                root
                / str(recording.facts["user"])
                / "annotation"
                / "openpack-actions"
                / f"{recording.session}.csv"
            )
            if path.exists():
                zero_s = float(recording.facts["start_unix_ms"]) / 1000
                for start, end, operation, action in _intervals(path, ("operation", "action")):
                    words = f"{operation.lower()}: {action.lower()}"
                    texts.append(Text(recording.id, start - zero_s, end - zero_s, words, LABEL))
        if texts:
            write_texts(out, texts)

    def _stream(self, key: str, table: Columns, zero_ms: float) -> Stream:
        place = (SENSORS | BANDS)[key]
        reports = (*table.reports, *table.remarks.values())
        time_s = (table.numbers["unixtime" if key in SENSORS else "time"] - zero_ms) / 1000
        if key in SENSORS:
            scale = np.repeat(
                [factor(quantity, self.units[quantity]) for quantity in ("acc", "gyro")], 3
            )
            values = np.column_stack([table.numbers[name] for name in _AXES]) * scale
            channels = (*triad(place, "acc"), *triad(place, "gyro"))
            return Stream.from_rows(place, channels, time_s, values, self.rate_hz, reports)
        values = np.column_stack([table.numbers[name] for name in _AXES[:3]])
        unit_g, said = _band_unit(values)
        if said:
            reports = (*reports, RowReport("unit", 0, said))
        values *= unit_g * STANDARD_GRAVITY
        return Stream.from_rows(
            f"{place}@e4", triad(place, "acc", "e4"), time_s, values, 32.0, reports
        )

    def _segments(self, path: Path, zero_ms: float) -> list[Segment]:
        source, zero_s = f"openpack-{self.annotation}", zero_ms / 1000
        rows = _intervals(path, (self.annotation.removesuffix("s"),))
        out = [Segment(start - zero_s, end - zero_s, label, source) for start, end, label in rows]
        return sorted(out, key=lambda segment: segment.start_s)


def split_of(user: str, session: str) -> str:
    """Return what a session was for in the 2022 challenge: train, val, test, submission, or
    nothing."""
    number = session[2:3]
    if number in _SUBMITTED.get(user, ""):
        return "submission"
    if user not in _CHALLENGE:
        return ""
    if number != "3":
        return "train"
    return "test" if user in _TESTED else "val"


def _tables(
    folder: Path, keys: dict[str, str], file: str, columns: Sequence[str]
) -> dict[str, Columns]:
    """The devices that a session has; in some a sensor failed."""
    paths = {key: folder / key / file for key in keys}
    return {
        key: read_columns(p, dict.fromkeys(columns, "number"))
        for key, p in paths.items()
        if p.exists()
    }


def _intervals(path: Path, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows of an annotation: start and end in seconds since 1970, and some of its columns."""
    table = read_columns(path, dict.fromkeys(("start", "end", *columns), "text"))
    starts, ends = (
        texts_to_seconds(table.texts[edge], "iso", "", str(path)) for edge in ("start", "end")
    )
    for row, (start, end) in enumerate(zip(starts, ends, strict=True), 2):
        if not start < end:
            raise ReadError(
                f"{path}, line {row}: an interval needs a start before its end. Unpack it again."
            )
    return list(
        zip(
            starts.tolist(),
            ends.tolist(),
            *([text or "" for text in table.texts[name].to_pylist()] for name in columns),
            strict=True,
        )
    )


def _band_unit(values: np.ndarray) -> tuple[float, str]:
    """How many g an E4's numbers count, and what to say of it.

    An E4 counts in 1/64 g. The authors' files are described as g, but the numbers in their
    published sample are whole steps of 1/64 g divided by 9.80665: which of the two a file has can
    be seen from its steps.
    """
    steps = values[np.isfinite(values).all(axis=1)][:1000] * 64
    for unit_g in (1.0, STANDARD_GRAVITY):
        if np.allclose(steps * unit_g, np.round(steps * unit_g), atol=1e-3):
            return (
                unit_g,
                ""
                if unit_g == 1.0
                else "described as g, counted in steps of 1/64 g divided by 9.80665",
            )
    return 1.0, "no steps of 1/64 g are seen; taken as g, as described"


def _first(table: Columns) -> float:
    name = next(iter(table.numbers))
    stamps = table.numbers[name]
    finite = stamps[np.isfinite(stamps)]
    if not len(finite):
        raise ReadError(
            f"{table.path}: no stamp in the column '{name}' is a number. Unpack it again."
        )
    return float(finite[0])


def write_sample(folder: Path) -> None:
    """Write one tiny session of two workers in the authors' layout, one sensor starting later than
    the others."""
    start_ms = 1_648_531_521_000
    for user in ("U0101", "U0102"):
        here = folder / "openpack" / "v1.0.0" / user
        for number, key in enumerate(SENSORS):
            random = np.random.default_rng([number, int(user[-1])])
            acc = random.normal(0, 0.005, (500, 3)) + np.array([0.4, -0.9, 0.1])
            gyro = random.normal(0, 0.5, (500, 3)) + 40 * np.sin(np.arange(500) / 10)[:, None]
            lines = ["unixtime,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z,quat_w,quat_x,quat_y,quat_z"]
            for row in range(500):
                cells = ",".join(
                    f"{value:.4f}" for value in (*acc[row], *gyro[row], 1.0, 0.0, 0.0, 0.0)
                )
                lines.append(f"{start_ms + 60 * number + 30 * row},{cells}")
            _write(here / "atr" / key / "S0100.csv", lines)
        for key in BANDS:
            random = np.random.default_rng([len(key), int(user[-1])])
            counts = (
                np.round(random.normal(0, 0.3, (480, 3)) + np.array([-26, -58, 7]))
                / 64
                / STANDARD_GRAVITY
            )
            lines = ["time,acc_x,acc_y,acc_z"]
            for row in range(480):
                lines.append(
                    f"{start_ms - 500 + int(31.25 * row)},{','.join(map(repr, counts[row].tolist()))}"
                )
            _write(here / "e4" / key / "acc" / "S0100.csv", lines)
        spans = [
            (1.0, 6.0, "Picking", "Walk to Work Bench"),
            (6.0, 12.5, "Assemble Box", "Bend Flap"),
        ]
        for annotation in ("operations", "actions"):
            lines = ["uuid,user,session,box,id,operation,action,start,end"]
            for first, last, operation, action in spans:
                edges = ",".join(_stamp(start_ms / 1000 + edge) for edge in (first, last))
                lines.append(f"x:1,{user},S0100,1,100,{operation},{action},{edges}")
            _write(here / "annotation" / f"openpack-{annotation}" / "S0100.csv", lines)


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds")


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
