"""MEx: seven physiotherapy exercises, with an accelerometer on the thigh.

What lies in the authors' archive, and is read:

    act/01/04_act_2.csv     of person 01: exercise 04, second file; stamp, x, y, z in g

Pressure mat, depth camera and the accelerometer on the wrist (acw/) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu, write_table
from otolith.data.datasets.dataset import DataSet, channels_of
from otolith.data.readers.clock import Clock
from otolith.data.readers.columns import CsvFormat, read_numbers
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.windows import Cut

EXERCISES = (
    *("knee rolling", "bridging", "pelvic tilt", "the clam", "repeated extension in lying"),
    *("prone punch", "superman"),
)
"""The seven labels, numbered from 1 in the files' names."""
_FILE = re.compile(r"(\d+)_act_(\d+)\.csv")
_AXES = ("2", "3", "4")
_CLOCK = Clock("1", "iso")


@settings
class Mex(DataSet):
    """MEx, Multi-modal Exercises Dataset: the thigh's accelerometer.

    One recording per file, the whole of it labelled with its exercise. Exercise 4 was done on both
    sides and has two files. Stamps jitter by a few milliseconds and are used as they are; at rest
    the sensor reads about 4 % low.
    """

    name = "mex"
    title = "MEx (Multi-modal Exercises Dataset)"
    url = "https://archive.ics.uci.edu/dataset/500"
    terms = "CC BY 4.0"
    citation = (
        "A. Wijekoon, N. Wiratunga, K. Cooper: MEx: Multi-modal Exercises Dataset for Human "
        "Activity Recognition. 2019. https://arxiv.org/abs/1908.08992"
    )
    subjects = 30
    rate_hz = 100.0
    placements = ("thigh",)
    units: ClassVar = {"acc": "g"}
    cut = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=EXERCISES,
        quantities=("acc",),
        placements=placements,
    )
    layout = "act/*/*_act_*.csv"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per file."""
        for path in sorted(self.verify(folder).glob(self.layout)):
            named = _FILE.fullmatch(path.name)
            if not named or not 1 <= int(named[1]) <= len(EXERCISES):
                raise ReadError(
                    f"{path}: a file of {self.title} is called <exercise 01 to 07>_act_<n>.csv."
                )
            person, stream = path.parent.name, self._stream(path)
            # The last sample holds for one more period, so that a file is as long as its samples.
            rate_hz = stream.rate_hz if stream.rows_kept > 1 else self.rate_hz
            end_s = float(stream.time_s[-1]) + 1 / rate_hz
            segment = Segment(0.0, end_s, EXERCISES[int(named[1]) - 1], "file name")
            id = f"{person}_{path.stem}"
            yield Recording(id, person, (stream,), (segment,), session=named[2])

    def _stream(self, path: Path) -> Stream:
        table = read_numbers(path, _AXES, CsvFormat(header=False), texts=[_CLOCK.column])
        stamps = _CLOCK.seconds(table)
        time_s = stamps - stamps[np.isfinite(stamps)][0]
        channels = channels_of("thigh", ["acc"])
        values = table.matrix(_AXES)
        return self.stream("thigh", channels, time_s, values, self.rate_hz, table.notes)


def write_sample(folder: Path) -> None:
    """Write tiny files of two people and two exercises; the stamps jitter as the authors' do."""
    start = np.datetime64("2018-11-08T11:34:51.474000")
    for person in ("01", "02"):
        for seed, name in enumerate(("01_act_1", "04_act_1", "04_act_2"), int(person) * 100):
            jitter = np.random.default_rng(seed).integers(-2, 3, 800)
            stamps = start + (np.arange(800) * 10 + jitter).astype("timedelta64[ms]")
            rows = fake_imu((0.0, 0.96, 0.0), 800, seed, 0.004)
            texts = [str(stamp).replace("T", " ") for stamp in stamps]
            write_table(folder / "act" / person / f"{name}.csv", "", texts, rows)
