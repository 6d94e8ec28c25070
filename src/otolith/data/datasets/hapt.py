"""HAPT: six activities and the transitions between them, with a smartphone on the waist.

What lies in the authors' archive, and is read:

    RawData/acc_exp01_user01.txt    x y z in g, one row per sample, 50 a second, no stamps
    RawData/gyro_exp01_user01.txt   x y z in rad/s, row by row beside it
    RawData/labels.txt              experiment, user, activity, first and last sample

The windows and features that the authors made of these are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import read_bytes
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu, write_table
from otolith.data.datasets.dataset import DataSet, channels_of, need
from otolith.data.readers.columns import CsvFormat, read_numbers
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.windows import Cut

ACTIVITIES = (
    *("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying"),
    *("stand-to-sit", "sit-to-stand", "sit-to-lie", "lie-to-sit", "stand-to-lie", "lie-to-stand"),
)
"""The twelve labels, numbered from 1 in labels.txt; the last six are transitions."""
_FILE = re.compile(r"acc_exp(\d+)_user(\d+)\.txt")
_AXES = ("1", "2", "3")
_TABLE = CsvFormat(delimiter=" ", header=False)


@settings
class Hapt(DataSet):
    """Smartphone-Based Recognition of Human Activities and Postural Transitions, raw data.

    One recording per experiment, all twelve activities as segments. `labels.txt` counts samples
    from 1 and means both ends: neighbours differ by one, and no label reaches the end of its file.
    So the files agree with counting from 1, but cannot prove it.
    """

    name = "hapt"
    title = "HAPT (Human Activities and Postural Transitions, UCI)"
    url = "https://archive.ics.uci.edu/dataset/341"
    terms = "its README: no commercial use"
    citation = (
        "J.-L. Reyes-Ortiz, L. Oneto, A. Samà, X. Parra, D. Anguita: Transition-Aware Human "
        "Activity Recognition Using Smartphones. Neurocomputing 171, 2016. "
        "https://doi.org/10.1016/j.neucom.2015.07.085"
    )
    subjects = 30
    rate_hz = 50.0
    placements = ("waist",)
    units: ClassVar = {"acc": "g", "gyro": "rad/s"}
    cut = Cut(
        seconds=2.56,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=ACTIVITIES[:6],
        placements=placements,
    )
    layout = "acc_exp*_user*.txt"

    @override
    def verify(self, folder: Path) -> Path:
        """Find RawData; ReadError where a gyroscope's file or the labels are missing."""
        root = super().verify(folder)
        need([root / "labels.txt", *map(_gyro, _files(root))], self.title)
        return root

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per experiment: acceleration and angular rate, each its own stream."""
        root = self.verify(folder)
        segments = _labels(root / "labels.txt")
        for path in _files(root):
            experiment, user = re.findall(r"\d+", path.name)
            yield Recording(
                f"exp{experiment}_user{user}",
                f"user{user}",
                (self._stream(path, "acc"), self._stream(_gyro(path), "gyro")),
                tuple(segments.get(int(experiment), ())),
                session=f"exp{experiment}",
            )

    def _stream(self, path: Path, quantity: str) -> Stream:
        table = read_numbers(path, _AXES, _TABLE)
        time_s = np.arange(len(table)) / self.rate_hz
        channels = channels_of("waist", [quantity])
        values = table.matrix(_AXES)
        return self.stream(quantity, channels, time_s, values, self.rate_hz, table.notes)


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.glob(Hapt.layout) if _FILE.fullmatch(path.name))


def _gyro(path: Path) -> Path:
    return path.with_name(path.name.replace("acc", "gyro"))


def _labels(path: Path) -> dict[int, list[Segment]]:
    """The segments of each experiment, in order."""
    out: dict[int, list[Segment]] = {}
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            experiment, _user, activity, first, last = (int(cell) for cell in line.split())
            if activity < 1 or not 0 < first <= last < 1e9:
                raise ValueError("no such activity, or no such samples")
            label = ACTIVITIES[activity - 1]
        except (ValueError, IndexError) as error:
            raise ReadError(
                f"{path}, line {number}: expected experiment, user, activity (1 to 12), first and "
                f"last sample; found '{line[:60]}'. Unpack the archive again."
            ) from error
        span = ((first - 1) / Hapt.rate_hz, last / Hapt.rate_hz)
        out.setdefault(experiment, []).append(Segment(*span, label, path.name))
    return {number: sorted(some, key=lambda s: s.start_s) for number, some in out.items()}


def write_sample(folder: Path) -> None:
    """Write three tiny experiments of two people in the authors' layout: standing, then walking."""
    raw = folder / "RawData"
    labels = []
    for experiment, user in ((1, 1), (2, 1), (3, 2)):
        name = f"exp{experiment:02d}_user{user:02d}.txt"
        for quantity, rest in (("acc", (1.0, 0.0, 0.1)), ("gyro", (0.0, 0.0, 0.0))):
            values = fake_imu(rest, 600, experiment, 0.008)
            write_table(raw / f"{quantity}_{name}", "", values, delimiter=" ")
        labels += [(experiment, user, 5, 1, 250), (experiment, user, 1, 301, 590)]
    write_table(raw / "labels.txt", "", labels, delimiter=" ")
