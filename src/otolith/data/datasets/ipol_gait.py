"""IPOL gait: nineteen people walking to and fro with sensors on both feet and the lower back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.texts import read_json
from otolith.data.channels import triad
from otolith.data.datasets.dataset import DataSet, need
from otolith.data.readers.columns import CsvFormat, read_columns
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Cut
from otolith.data.units import factor

SENSORS = {"lf": "left_foot", "rf": "right_foot", "lb": "lower_back"}
_TABLE = CsvFormat(delimiter="tab", skip_rows=1)
_COLUMNS = {"acc": "Acc", "gyro": "Gyr", "mag": "Mag"}
_FACTS = {"Age": "age", "Gender": "gender", "Height": "height_cm", "Weight": "weight_kg"}
_WRAP = 65536


@dataclass(frozen=True)
class IpolGait(DataSet):
    """Gait of nineteen people with three Xsens sensors: stand, walk, turn, walk back, stand.

    One recording per walk. Packets were lost on the radio, and the authors' boundaries count
    packets, not rows: every row stands at its PacketCounter / 100 s, so that the three sensors
    share one clock and labels fall where they belong. The foot events of the files are not read:
    they mark steps, not activities. The magnetometer is normalised, not in µT.
    """

    name: ClassVar[str] = "ipol_gait"
    title: ClassVar[str] = "IPOL gait data (IPOL 2023, article 497)"
    url: ClassVar[str] = "https://www.ipol.im/pub/art/2023/497/"
    terms: ClassVar[str] = "its repository: AGPL-3"
    citation: ClassVar[str] = (
        "Image Processing On Line, 2023, article 497. https://www.ipol.im/pub/art/2023/497/"
    )
    subjects: ClassVar[int] = 19
    rate_hz: ClassVar[float] = 100.0
    placements: ClassVar[tuple[str, ...]] = ("left_foot", "right_foot", "lower_back")
    units: ClassVar[dict[str, str]] = {"acc": "m/s2", "gyro": "rad/s", "mag": "normalised"}
    cut: ClassVar[Cut] = Cut(
        seconds=2.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="inside",
        labels=("stand", "walk", "turn"),
        placements=placements,
        centre_short=True,
    )
    layout: ClassVar[str] = "*-*_lb.txt"

    @override
    def verify(self, folder: Path) -> Path:
        """Find GaitData, and see that each walk has its three sensors and its boundaries."""
        root = super().verify(folder)
        for walk in _walks(root):
            need(
                [root / f"{walk}.json", *(root / f"{walk}_{key}.txt" for key in SENSORS)],
                f"Walk {walk}",
            )
        return root

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per walk, by person and trial."""
        root = self.verify(folder)
        for walk in _walks(root):
            facts, bounds = _about(root / f"{walk}.json")
            streams = tuple(
                self._stream(root / f"{walk}_{key}.txt", place) for key, place in SENSORS.items()
            )
            start = min(float(stream.time_s[0]) for stream in streams)
            end = max(float(stream.time_s[-1]) for stream in streams) + 1 / self.rate_hz
            edges = [start, *(count / self.rate_hz for count in bounds), end]
            segments = tuple(
                Segment(first, last, label, "TrialBoundaries, UTurnBoundaries")
                for label, first, last in zip(
                    ("stand", "walk", "turn", "walk", "stand"), edges[:-1], edges[1:], strict=True
                )
                if first < last
            )
            person, _, trial = walk.partition("-")
            yield Recording(walk, person, streams, segments, session=trial, facts=facts)

    def _stream(self, path: Path, place: str) -> Stream:
        names = [f"{word}_{axis}" for word in _COLUMNS.values() for axis in "XYZ"]
        table = read_columns(
            path, {"PacketCounter": "number", **dict.fromkeys(names, "number")}, _TABLE
        )
        scale = np.repeat([factor(quantity, self.units[quantity]) for quantity in _COLUMNS], 3)
        values = np.column_stack([table.numbers[name] for name in names]) * scale
        channels = tuple(channel for quantity in _COLUMNS for channel in triad(place, quantity))
        reports = (*table.reports, *table.remarks.values())
        time_s = unwrap_counter(table.numbers["PacketCounter"]) / self.rate_hz
        return Stream.from_rows(place, channels, time_s, values, self.rate_hz, reports)


def unwrap_counter(counter: Float[np.ndarray, " T"]) -> Float[np.ndarray, " T"]:
    """Let a 16-bit packet counter run on where it starts again at 0; a small step back stays one."""
    steps = np.diff(counter, prepend=counter[:1])
    wraps = np.cumsum(np.nan_to_num(steps) < -_WRAP / 2)
    unwrapped: np.ndarray = counter + _WRAP * wraps
    return unwrapped


def _walks(root: Path) -> list[str]:
    found = [
        match
        for p in root.glob("*_lb.txt")
        if (match := re.fullmatch(r"(\d+)-(\d+)_lb\.txt", p.name))
    ]
    return [f"{m[1]}-{m[2]}" for m in sorted(found, key=lambda m: (int(m[1]), int(m[2])))]


def _about(path: Path) -> tuple[dict[str, str | int | float], list[float]]:
    content: Any = read_json(path)
    try:
        first, last = content["TrialBoundaries"]
        turn, back = content["UTurnBoundaries"]
        bounds = [float(count) for count in (first, turn, back, last)]
        if (
            bounds != sorted(bounds)
            or not np.isfinite(bounds).all()
            or not 0 <= bounds[0] <= bounds[-1] < 1e9
        ):
            raise ValueError("the turn does not lie within the walk")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReadError(
            f"{path} lacks TrialBoundaries and UTurnBoundaries of two counts each ({error}). "
            f"Unpack the archive again."
        ) from error
    facts = {ours: content[theirs] for theirs, ours in _FACTS.items() if theirs in content}
    # Not everybody was measured: what is unknown is written as NaN there, and left out here.
    known = {
        name: v[:200] if isinstance(v, str) else v
        for name, v in facts.items()
        if isinstance(v, str | int | float)
    }
    return {
        name: v for name, v in known.items() if not (isinstance(v, float) and not math.isfinite(v))
    }, bounds


def write_sample(folder: Path) -> None:
    """Write three tiny walks of two people in the authors' layout, with lost packets and unequal
    lengths."""
    here = folder / "GaitData"
    here.mkdir(parents=True)
    for person, trial in ((1, 1), (1, 2), (10, 1)):
        for seed, key in enumerate(SENSORS):
            random = np.random.default_rng(100 * person + 10 * trial + seed)
            counter = np.arange(seed, 1000.0 - seed)
            moving = (counter >= 300) & (counter < 800)
            values = random.normal(0, 0.02, (len(counter), 9)) + np.array(
                [8.2, 0.1, 5.4, 0, 0, 0, -0.3, 0.1, -0.7]
            )
            values[:, 0] += 3 * np.sin(2 * np.pi * counter / 100) * moving
            kept = np.setdiff1d(np.arange(len(counter)), np.arange(400, 404 + seed))
            rows = ["\t".join([str(counter[i]), *(f"{v:.6f}" for v in values[i])]) for i in kept]
            header = [
                "PacketCounter",
                *(f"{word}_{axis}" for word in _COLUMNS.values() for axis in "XYZ"),
            ]
            text = "\n".join(["Acquisition frequency: 100 Hz", "\t".join(header), *rows])
            (here / f"{person}-{trial}_{key}.txt").write_text(text + "\n", encoding="utf-8")
        about = {
            **{
                "Subject": person,
                "Trial": trial,
                "Filename": f"{person}-{trial}",
                "Age": 49,
                "Gender": "F",
            },
            **{"Height": 175.0, "Weight": math.nan if person == 10 else 75.0},
            **{"TrialBoundaries": [300, 800], "UTurnBoundaries": [500, 620]},
            **{"LeftFootEvents": [[310, 350]], "RightFootEvents": [[360, 400]]},
        }
        (here / f"{person}-{trial}.json").write_text(json.dumps(about), encoding="utf-8")
