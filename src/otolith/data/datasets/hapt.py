"""HAPT: thirty people with a smartphone on the waist, six activities and the transitions between
them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import read_bytes
from otolith.data.channels import triad
from otolith.data.datasets.dataset import DataSet, need
from otolith.data.readers.columns import CsvFormat, read_columns
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Cut
from otolith.data.units import factor

ACTIVITIES = (
    "walking",
    "walking upstairs",
    "walking downstairs",
    "sitting",
    "standing",
    "laying",
    "stand-to-sit",
    "sit-to-stand",
    "sit-to-lie",
    "lie-to-sit",
    "stand-to-lie",
    "lie-to-stand",
)
_FILE = re.compile(r"acc_exp(\d+)_user(\d+)\.txt")
_TABLE = CsvFormat(delimiter=" ", header=False)


@dataclass(frozen=True)
class Hapt(DataSet):
    """Smartphone-Based Recognition of Human Activities and Postural Transitions, raw data.

    One recording per experiment, all twelve activities as segments. `labels.txt` counts samples
    from 1 and means both ends: neighbours differ by one, and no label reaches the end of its file,
    so that the files agree with the authors' counting from 1 without being able to prove it.
    """

    name: ClassVar[str] = "hapt"
    title: ClassVar[str] = "HAPT (Human Activities and Postural Transitions, UCI)"
    url: ClassVar[str] = "https://archive.ics.uci.edu/dataset/341"
    terms: ClassVar[str] = "its README: no commercial use"
    citation: ClassVar[str] = (
        "J.-L. Reyes-Ortiz, L. Oneto, A. Samà, X. Parra, D. Anguita: Transition-Aware Human "
        "Activity Recognition "
        "Using Smartphones. Neurocomputing 171, 2016. https://doi.org/10.1016/j.neucom.2015.07.085"
    )
    subjects: ClassVar[int] = 30
    rate_hz: ClassVar[float] = 50.0
    placements: ClassVar[tuple[str, ...]] = ("waist",)
    units: ClassVar[dict[str, str]] = {"acc": "g", "gyro": "rad/s"}
    cut: ClassVar[Cut] = Cut(
        seconds=2.56,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=ACTIVITIES[:6],
        placements=("waist",),
    )
    layout: ClassVar[str] = "acc_exp*_user*.txt"

    @override
    def verify(self, folder: Path) -> Path:
        """Find RawData, and see that each accelerometer file has its gyroscope and the labels are
        there."""
        root = super().verify(folder)
        need(
            [
                root / "labels.txt",
                *(p.with_name(p.name.replace("acc", "gyro")) for p in _files(root)),
            ],
            self.title,
        )
        return root

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per experiment: acceleration and angular rate, each its own stream."""
        root = self.verify(folder)
        segments = _labels(root / "labels.txt")
        for path in _files(root):
            found = _FILE.fullmatch(path.name)
            assert found is not None
            experiment, user = found.groups()
            streams = tuple(
                self._stream(path.with_name(path.name.replace("acc", quantity)), quantity)
                for quantity in ("acc", "gyro")
            )
            yield Recording(
                f"exp{experiment}_user{user}",
                f"user{user}",
                streams,
                tuple(segments.get(int(experiment), ())),
                session=f"exp{experiment}",
            )

    def _stream(self, path: Path, quantity: str) -> Stream:
        table = read_columns(path, {"1": "number", "2": "number", "3": "number"}, _TABLE)
        values = np.column_stack(list(table.numbers.values())) * factor(
            quantity, self.units[quantity]
        )
        reports = (*table.reports, *table.remarks.values())
        time_s = np.arange(len(table)) / self.rate_hz
        return Stream.from_rows(
            quantity, triad("waist", quantity), time_s, values, self.rate_hz, reports
        )


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("acc_exp*_user*.txt") if _FILE.fullmatch(path.name))


def _labels(path: Path) -> dict[int, list[Segment]]:
    out: dict[int, list[Segment]] = {}
    for number, line in enumerate(read_bytes(path).decode("utf-8", "replace").splitlines(), 1):
        try:
            experiment, _user, activity, first, last = (int(cell) for cell in line.split())
            if activity < 1 or not 0 < first <= last < 1e9:
                raise ValueError("no such activity, or no such samples")
            label = ACTIVITIES[activity - 1]
        except (ValueError, IndexError) as error:
            raise ReadError(
                f"{path}, line {number}: expected experiment, user, activity (1 to 12), first and "
                f"last sample; "
                f"found '{line[:60]}'. Unpack the archive again."
            ) from error
        rate = Hapt.rate_hz
        out.setdefault(experiment, []).append(
            Segment((first - 1) / rate, last / rate, label, "labels.txt")
        )
    return {experiment: sorted(found, key=lambda s: s.start_s) for experiment, found in out.items()}


def write_sample(folder: Path) -> None:
    """Write three tiny experiments of two people in the authors' layout: standing, then walking."""
    raw = folder / "RawData"
    raw.mkdir(parents=True)
    lines = []
    for experiment, user in ((1, 1), (2, 1), (3, 2)):
        random = np.random.default_rng(experiment)
        acc = random.normal(0, 0.005, (600, 3)) + np.array([1.0, 0.0, 0.1])
        acc[300:, 0] += 0.5 * np.sin(2 * np.pi * 2 * np.arange(300) / 50)
        gyro = random.normal(0, 0.01, (600, 3))
        for quantity, values in (("acc", acc), ("gyro", gyro)):
            np.savetxt(
                raw / f"{quantity}_exp{experiment:02d}_user{user:02d}.txt", values, fmt="%.16g"
            )
        lines += [f"{experiment} {user} 5 1 250", f"{experiment} {user} 1 301 590"]
    (raw / "labels.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
