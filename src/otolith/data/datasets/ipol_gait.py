"""IPOL gait: nineteen people walking to and fro, with sensors on both feet and the lower back.

What lies in the authors' archive, and is read:

    GaitData/1-2_lf.txt     person 1, walk 2, left foot (also rf, lb): a line on the rate, then
                            PacketCounter, Acc_X … in m/s², Gyr_X … in rad/s, Mag_X … normalised
    GaitData/1-2.json       age, height …, and where the walk and its turn begin and end

The foot events of the JSON are not read: they mark steps, not activities.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.texts import read_json
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu, write_json, write_table
from otolith.data.datasets.dataset import DataSet, Facts, channels_of, need
from otolith.data.readers.columns import CsvFormat, read_numbers
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.windows import Cut

SENSORS = {"lf": "left_foot", "rf": "right_foot", "lb": "lower_back"}
"""The authors' names of sensors -> ours."""
PHASES = ("stand", "walk", "turn", "walk", "stand")
"""The activities of every walk, in their order."""
_COLUMNS = [f"{quantity}_{axis}" for quantity in ("Acc", "Gyr", "Mag") for axis in "XYZ"]
_COUNTER = "PacketCounter"
_TABLE = CsvFormat(delimiter="tab", skip_rows=1)
_FACTS = {"Age": "age", "Gender": "gender", "Height": "height_cm", "Weight": "weight_kg"}
_WRAP = 65536
_LONGEST_TEXT = 200


@settings
class IpolGait(DataSet):
    """Gait of nineteen people with three Xsens sensors: stand, walk, turn, walk back, stand.

    One recording per walk. Packets were lost on the radio, and the authors' boundaries count
    packets, not rows. So every row lies at its PacketCounter / 100 s: the three sensors share one
    clock, and labels fall where they belong. The magnetometer is normalised, not in µT.
    """

    name = "ipol_gait"
    title = "IPOL gait data (IPOL 2023, article 497)"
    url = "https://www.ipol.im/pub/art/2023/497/"
    terms = "its repository: AGPL-3"
    citation = "Image Processing On Line, 2023, article 497. https://www.ipol.im/pub/art/2023/497/"
    subjects = 19
    rate_hz = 100.0
    placements = ("left_foot", "right_foot", "lower_back")
    units: ClassVar = {"acc": "m/s2", "gyro": "rad/s", "mag": "normalised"}
    cut = Cut(
        seconds=2.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=PHASES[:3],
        placements=placements,
        centre_short=True,
    )
    layout = "*-*_lb.txt"

    @override
    def verify(self, folder: Path) -> Path:
        """Find GaitData; ReadError where a walk lacks a sensor or its boundaries."""
        root = super().verify(folder)
        for walk in _walks(root):
            files = [f"{walk}.json", *(f"{walk}_{key}.txt" for key in SENSORS)]
            need([root / file for file in files], f"Walk {walk}")
        return root

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per walk, by person and trial."""
        root = self.verify(folder)
        for walk in _walks(root):
            facts, bounds = _about(root / f"{walk}.json")
            streams = [self._stream(root / f"{walk}_{k}.txt", SENSORS[k]) for k in SENSORS]
            start = min(float(stream.time_s[0]) for stream in streams)
            end = max(float(stream.time_s[-1]) for stream in streams) + 1 / self.rate_hz
            edges = [start, *(count / self.rate_hz for count in bounds), end]
            segments = tuple(
                Segment(first, last, label, "TrialBoundaries, UTurnBoundaries")
                for label, (first, last) in zip(PHASES, pairwise(edges), strict=True)
                if first < last
            )
            person, _, trial = walk.partition("-")
            yield Recording(walk, person, tuple(streams), segments, session=trial, facts=facts)

    def _stream(self, path: Path, place: str) -> Stream:
        table = read_numbers(path, [_COUNTER, *_COLUMNS], _TABLE)
        time_s = unwrap_counter(table.numbers[_COUNTER]) / self.rate_hz
        channels, values = channels_of(place, self.units), table.matrix(_COLUMNS)
        return self.stream(place, channels, time_s, values, self.rate_hz, table.notes)


def unwrap_counter(counter: Float[np.ndarray, " T"]) -> Float[np.ndarray, " T"]:
    """Let a 16-bit packet counter run on where it starts again at 0; a small step back stays one.

    >>> import numpy as np
    >>> unwrap_counter(np.array([65534.0, 65535.0, 0.0, 1.0])).tolist()
    [65534.0, 65535.0, 65536.0, 65537.0]
    """
    steps = np.diff(counter, prepend=counter[:1])
    wraps = np.cumsum(np.nan_to_num(steps) < -_WRAP / 2)
    unwrapped: np.ndarray = counter + _WRAP * wraps
    return unwrapped


def _walks(root: Path) -> list[str]:
    """The walks of a folder, such as "1-2", by person and trial as numbers."""
    names = [path.name for path in root.glob("*_lb.txt")]
    walks = [match for name in names if (match := re.fullmatch(r"(\d+)-(\d+)_lb\.txt", name))]
    return [f"{m[1]}-{m[2]}" for m in sorted(walks, key=lambda m: (int(m[1]), int(m[2])))]


def _about(path: Path) -> tuple[Facts, list[float]]:
    """What is known of the person, and the four packet counts between the five phases."""
    content = read_json(path)
    try:
        first, last = content["TrialBoundaries"]
        turn, back = content["UTurnBoundaries"]
        bounds = [float(count) for count in (first, turn, back, last)]
        if bounds != sorted(bounds) or not all(0 <= count < 1e9 for count in bounds):
            raise ValueError("the turn does not lie within the walk")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReadError(
            f"{path} lacks TrialBoundaries and UTurnBoundaries of two counts each ({error}). "
            f"Unpack the archive again."
        ) from error
    facts: Facts = {}
    for theirs, ours in _FACTS.items():
        value = content.get(theirs)
        if isinstance(value, str):
            facts[ours] = value[:_LONGEST_TEXT]
        # Not everybody was weighed and measured: what is unknown is NaN in the file.
        elif isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            facts[ours] = value
    return facts, bounds


def write_sample(folder: Path) -> None:
    """Write three tiny walks of two people, with lost packets and files of unequal length."""
    header = "Acquisition frequency: 100 Hz\n" + "\t".join([_COUNTER, *_COLUMNS])
    rest = (8.2, 0.1, 5.4, 0.0, 0.0, 0.0, -0.3, 0.1, -0.7)
    for person, trial in ((1, 1), (1, 2), (10, 1)):
        walk = folder / "GaitData" / f"{person}-{trial}"
        for late, key in enumerate(SENSORS):
            counter = np.arange(late, 1000.0 - late)
            rows = fake_imu(rest, len(counter), [person, trial, late])
            kept = np.setdiff1d(np.arange(len(counter)), np.arange(400, 404 + late))
            path = walk.with_name(f"{walk.name}_{key}.txt")
            write_table(path, header, counter[kept], rows[kept], delimiter="\t")
        weight = math.nan if person == 10 else 75.0
        about = {"Subject": person, "Age": 49, "Gender": "F", "Height": 175.0, "Weight": weight}
        bounds = {"TrialBoundaries": [300, 800], "UTurnBoundaries": [500, 620]}
        write_json(walk.with_suffix(".json"), {**about, **bounds, "LeftFootEvents": [[310, 350]]})
