"""MEx: thirty people doing seven physiotherapy exercises, accelerometer on the thigh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.data.channels import triad
from otolith.data.datasets.dataset import DataSet
from otolith.data.readers.clock import texts_to_seconds
from otolith.data.readers.columns import CsvFormat, read_columns
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Cut
from otolith.data.units import factor

EXERCISES = (
    "knee rolling",
    "bridging",
    "pelvic tilt",
    "the clam",
    "repeated extension in lying",
    "prone punch",
    "superman",
)
_FILE = re.compile(r"(\d+)_act_(\d+)\.csv")
_TABLE = CsvFormat(header=False)


@dataclass(frozen=True)
class Mex(DataSet):
    """MEx, Multi-modal Exercises Dataset: the thigh's accelerometer.

    One recording per file, the whole of it labelled with its exercise. Exercise 4 was done on both
    sides and has two files. Stamps jitter by a few milliseconds and are used as they are; at rest
    the sensor reads about 4 % low.
    """

    name: ClassVar[str] = "mex"
    title: ClassVar[str] = "MEx (Multi-modal Exercises Dataset)"
    url: ClassVar[str] = "https://archive.ics.uci.edu/dataset/500"
    terms: ClassVar[str] = "CC BY 4.0"
    citation: ClassVar[str] = (
        "A. Wijekoon, N. Wiratunga, K. Cooper: MEx: Multi-modal Exercises Dataset for Human "
        "Activity Recognition. "
        "2019. https://arxiv.org/abs/1908.08992"
    )
    subjects: ClassVar[int] = 30
    rate_hz: ClassVar[float] = 100.0
    placements: ClassVar[tuple[str, ...]] = ("thigh",)
    units: ClassVar[dict[str, str]] = {"acc": "g"}
    cut: ClassVar[Cut] = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=EXERCISES,
        quantities=("acc",),
        placements=("thigh",),
    )
    layout: ClassVar[str] = "act/*/*_act_*.csv"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per file."""
        root = self.verify(folder)
        for path in sorted(root.glob(self.layout)):
            found = _FILE.fullmatch(path.name)
            if not found or not 1 <= int(found[1]) <= len(EXERCISES):
                raise ReadError(
                    f"{path}: a file of {self.title} is called <exercise 01 to 07>_act_<n>.csv."
                )
            person = path.parent.name
            stream = self._stream(path)
            # The last sample holds for one more period, so that a whole file is as long as its
            # samples.
            end = (
                float(stream.time_s[-1]) + 1 / stream.rate_hz
                if stream.rows_kept > 1
                else 1 / self.rate_hz
            )
            segment = Segment(0.0, end, EXERCISES[int(found[1]) - 1], "file name")
            yield Recording(
                f"{person}_{path.stem}", person, (stream,), (segment,), session=found[2]
            )

    def _stream(self, path: Path) -> Stream:
        table = read_columns(
            path, {"1": "text", "2": "number", "3": "number", "4": "number"}, _TABLE
        )
        time_s = texts_to_seconds(table.texts["1"], "iso", "", str(path))
        values = np.column_stack(list(table.numbers.values())) * factor("acc", self.units["acc"])
        reports = (*table.reports, *table.remarks.values())
        time_s = time_s - time_s[np.isfinite(time_s)][0]
        return Stream.from_rows(
            "thigh", triad("thigh", "acc"), time_s, values, self.rate_hz, reports
        )


def write_sample(folder: Path) -> None:
    """Write tiny files of two people and three exercises in the authors' layout, with jittering
    stamps."""
    start = datetime(2018, 11, 8, 11, 34, 51, 474000)
    for person in ("01", "02"):
        here = folder / "act" / person
        here.mkdir(parents=True)
        for name, pace in (("01_act_1", 0.5), ("04_act_1", 1.0), ("04_act_2", 1.0)):
            random = np.random.default_rng(int(person) * 100 + int(name[1]) * 10 + int(name[-1]))
            angle = 0.6 * np.sin(2 * np.pi * pace * np.arange(800) / 100) * (np.arange(800) >= 200)
            acc = 0.96 * np.column_stack([np.sin(angle), np.cos(angle), np.zeros(800)])
            acc += random.normal(0, 0.004, acc.shape)
            stamps = np.arange(800) * 10 + random.integers(-2, 3, 800)
            rows = [
                f"{start + timedelta(milliseconds=int(ms))},{x:.6f},{y:.6f},{z:.6f}"
                for ms, (x, y, z) in zip(stamps, acc, strict=True)
            ]
            (here / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
