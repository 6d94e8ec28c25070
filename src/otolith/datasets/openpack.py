"""OpenPack: workers packing boxes, with four sensors on wrists and upper arms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from otolith.channels import triad
from otolith.datasets.dataset import DataSet
from otolith.errors import ConfigError, ReadError
from otolith.readers.clock import texts_to_seconds
from otolith.readers.columns import Columns, read_columns
from otolith.recording import Recording, Segment, Stream
from otolith.study import Evaluation
from otolith.units import factor

SENSORS = {
    "atr01": "right_wrist",
    "atr02": "left_wrist",
    "atr03": "right_upper_arm",
    "atr04": "left_upper_arm",
}
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
_AXES = tuple(f"{quantity}_{axis}" for quantity in ("acc", "gyro") for axis in "xyz")


@dataclass(frozen=True)
class OpenPack(DataSet):
    """OpenPack: packaging work in logistics, the four ATR sensors.

    One recording per session, each sensor a stream, labelled with the ten packing operations, or with the finer
    actions within them by `annotation="actions"`: the two overlap, so it is one or the other. Stamps stand exactly 30
    ms apart, which is 33.33 Hz. Reads the published sample and the full set alike. The sensors' quaternions and the
    annotations of outliers are not read.
    """

    annotation: Literal["operations", "actions"] = "operations"
    """Which of the authors' annotations become segments."""

    name: ClassVar[str] = "openpack"
    title: ClassVar[str] = "OpenPack"
    url: ClassVar[str] = "https://open-pack.github.io"
    terms: ClassVar[str] = "CC BY-NC-SA 4.0"
    citation: ClassVar[str] = (
        "N. Yoshimura, J. Morales, T. Maekawa, T. Hara: OpenPack: A Large-scale Dataset for Recognizing Packaging "
        "Works in IoT-enabled Logistic Environments. IEEE PerCom 2024. https://arxiv.org/abs/2212.11152"
    )
    subjects: ClassVar[int] = 16
    rate_hz: ClassVar[float] = 1000 / 30
    placements: ClassVar[tuple[str, ...]] = tuple(SENSORS.values())
    units: ClassVar[dict[str, str]] = {"acc": "g", "gyro": "deg/s"}
    evaluation: ClassVar[Evaluation] = Evaluation(
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
            raise ConfigError(f"OpenPack has the annotations operations and actions; found '{self.annotation}'.")

    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per session of each worker."""
        root = self.verify(folder)
        for user, session in sorted({(path.parts[-4], path.stem) for path in root.glob(self.layout)}):
            tables = {}
            for key in SENSORS:
                path = root / user / "atr" / key / f"{session}.csv"
                if path.exists():  # in some sessions of the full set a sensor failed
                    tables[key] = read_columns(path, dict.fromkeys(("unixtime", *_AXES), "number"))
            zero_ms = min(_first(table) for table in tables.values())
            streams = tuple(self._stream(SENSORS[key], table, zero_ms) for key, table in tables.items())
            annotated = root / user / "annotation" / f"openpack-{self.annotation}" / f"{session}.csv"
            segments = self._segments(annotated, zero_ms) if annotated.exists() else []
            yield Recording(f"{user}_{session}", user, streams, tuple(segments), session=session)

    def _stream(self, place: str, table: Columns, zero_ms: float) -> Stream:
        scale = np.repeat([factor(quantity, self.units[quantity]) for quantity in ("acc", "gyro")], 3)
        values = np.column_stack([table.numbers[name] for name in _AXES]) * scale
        time_s = (table.numbers["unixtime"] - zero_ms) / 1000
        channels = (*triad(place, "acc"), *triad(place, "gyro"))
        reports = (*table.reports, *table.remarks.values())
        return Stream.from_rows(place, channels, time_s, values, self.rate_hz, reports)

    def _segments(self, path: Path, zero_ms: float) -> list[Segment]:
        name = self.annotation.removesuffix("s")
        table = read_columns(path, dict.fromkeys(("start", "end", name), "text"))
        starts, ends = (texts_to_seconds(table.texts[edge], "iso", "", str(path)) for edge in ("start", "end"))
        out = []
        labels = table.texts[name].to_pylist()
        for row, (start, end, label) in enumerate(zip(starts, ends, labels, strict=True), 2):
            if not start < end:
                raise ReadError(f"{path}, line {row}: an interval needs a start before its end. Unpack it again.")
            out.append(Segment(start - zero_ms / 1000, end - zero_ms / 1000, label, f"openpack-{self.annotation}"))
        return sorted(out, key=lambda segment: segment.start_s)


def _first(table: Columns) -> float:
    stamps = table.numbers["unixtime"]
    finite = stamps[np.isfinite(stamps)]
    if not len(finite):
        raise ReadError(f"{table.path}: no stamp in the column 'unixtime' is a number. Unpack it again.")
    return float(finite[0])


def write_sample(folder: Path) -> None:
    """Write one tiny session of two workers in the authors' layout, one sensor starting later than the others."""
    start_ms = 1_648_531_521_000
    for user in ("U0101", "U0102"):
        here = folder / "openpack" / "v1.0.0" / user
        for number, key in enumerate(SENSORS):
            random = np.random.default_rng(number)
            acc = random.normal(0, 0.005, (500, 3)) + np.array([0.4, -0.9, 0.1])
            gyro = random.normal(0, 0.5, (500, 3)) + 40 * np.sin(np.arange(500) / 10)[:, None]
            lines = ["unixtime,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z,quat_w,quat_x,quat_y,quat_z"]
            for row in range(500):
                cells = ",".join(f"{value:.4f}" for value in (*acc[row], *gyro[row], 1.0, 0.0, 0.0, 0.0))
                lines.append(f"{start_ms + 60 * number + 30 * row},{cells}")
            _write(here / "atr" / key / "S0100.csv", lines)
        spans = [(1.0, 6.0, "Picking", "Walk to Work Bench"), (6.0, 12.5, "Assemble Box", "Bend Flap")]
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
