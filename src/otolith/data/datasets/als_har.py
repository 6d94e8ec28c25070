"""ALS-HAR: fitness exercises and hand tasks with a phone on the left wrist, recorded beside an
ambient light sensor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError
from otolith.data.channels import triad
from otolith.data.datasets.dataset import DataSet
from otolith.data.paired import LABEL, Text, write_texts
from otolith.data.readers.clock import start_of
from otolith.data.readers.columns import header_of, read_columns
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Cut, natural_key
from otolith.data.units import factor

SCENARIOS = {1: "indoors, fixed light", 2: "indoors, darker, light that changes", 3: "outdoors"}
COLUMNS = ("time_ms", "acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z", "label")
_SCENARIO = re.compile(r"scenario_?(\d)", re.IGNORECASE)


@dataclass(frozen=True)
class AlsHar(DataSet):
    """ALS-HAR: the phone's accelerometer and gyroscope on the left wrist, in three kinds of light.

    Known from the paper: up to 16 people, a Samsung Galaxy S20 on the left wrist, about 30 Hz,
    three scenarios, of which Multi3Net+ uses the third (outdoors). How the files look is told
    nowhere that we found, so this is the form that they are expected in:
    scenario3/<person>/<anything>.csv with the columns time_ms, acc_x to acc_z (m/s² as Android
    gives them), gyro_x to gyro_z (rad/s) and label. Where yours look otherwise, the error says what
    was found, and a mapping reads them: `otolith import SOURCE --guess --mapping als_har.toml`.
    Light is not read.
    """

    scenarios: tuple[int, ...] = (3,)
    """Which of the three scenarios are read."""

    name: ClassVar[str] = "als_har"
    title: ClassVar[str] = "ALS-HAR"
    url: ClassVar[str] = "https://arxiv.org/abs/2408.09527"
    terms: ClassVar[str] = "ask its authors"
    citation: ClassVar[str] = (
        "L. S. S. Ray, D. Geißler, M. Liu, B. Zhou, S. Suh, P. Lukowicz: ALS-HAR: Harnessing "
        "Wearable Ambient Light "
        "Sensors to Enhance IMU-based Human Activity Recognition. ICPR 2024. "
        "https://arxiv.org/abs/2408.09527"
    )
    subjects: ClassVar[int] = 16
    rate_hz: ClassVar[float] = 30.0
    placements: ClassVar[tuple[str, ...]] = ("left_wrist",)
    units: ClassVar[dict[str, str]] = {"acc": "m/s2", "gyro": "rad/s"}
    cut: ClassVar[Cut] = Cut(
        seconds=2.0, rate_hz=30.0, overlap=0.5, label_rule="majority", placements=("left_wrist",)
    )
    layout: ClassVar[str] = "[Ss]cenario*/*/*.csv"

    def __post_init__(self) -> None:
        object.__setattr__(self, "scenarios", tuple(int(number) for number in self.scenarios))
        if not self.scenarios or set(self.scenarios) - set(SCENARIOS):
            raise ConfigError(f"ALS-HAR has the scenarios 1, 2 and 3; found {self.scenarios}.")

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per file of the scenarios that are asked for."""
        root = self.verify(folder)
        paths = sorted(
            root.glob(self.layout), key=lambda path: natural_key(str(path.relative_to(root)))
        )
        read = 0
        for path in paths:
            named = _SCENARIO.fullmatch(path.parts[-3])
            if named is None or int(named[1]) not in self.scenarios:
                continue
            person = path.parent.name
            _check(path)
            kinds = dict.fromkeys(COLUMNS[:-1], "number") | {"label": "text"}
            table = read_columns(path, kinds)  # type: ignore[arg-type]
            stamps = table.numbers["time_ms"]
            if not np.isfinite(stamps).any():
                raise ReadError(
                    f"{path}: no stamp in the column 'time_ms' is a number. Get it again."
                )
            time_s = (stamps - stamps[np.isfinite(stamps)][0]) / 1000
            scale = np.repeat(
                [factor(quantity, self.units[quantity]) for quantity in ("acc", "gyro")], 3
            )
            values = np.column_stack([table.numbers[name] for name in COLUMNS[1:-1]]) * scale
            channels = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
            reports = (*table.reports, *table.remarks.values())
            stream = Stream.from_rows("left_wrist", channels, time_s, values, self.rate_hz, reports)
            if not 0.5 < stream.rate_hz / self.rate_hz < 2.0:
                raise ReadError(
                    f"{path}: its stamps make {stream.rate_hz:.3g} samples a second; expected "
                    f"about {self.rate_hz:g}, "
                    "with time_ms in milliseconds."
                )
            segments = tuple(_runs(time_s, table.texts["label"].to_pylist(), self.rate_hz))
            facts: dict[str, str | int | float] = {
                "scenario": int(named[1]),
                "light": SCENARIOS[int(named[1])],
            }
            yield Recording(
                f"s{named[1]}_{person}_{path.stem}",
                person,
                (stream,),
                segments,
                session=f"scenario{named[1]}",
                facts=facts,
                start=start_of(float(stamps[np.isfinite(stamps)][0]) / 1000, UTC),
            )
            read += 1
        if not read:
            wanted = " or ".join(f"scenario{number}" for number in self.scenarios)
            raise ReadError(
                f"{root} has no {wanted}/<person>/*.csv; found "
                f"{', '.join(sorted({p.parts[-3] for p in paths}))}."
            )

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each activity in words, marked as a label."""
        write_texts(
            out,
            [
                Text(
                    recording.id,
                    s.start_s,
                    s.end_s,
                    f"a person does {s.label.replace('_', ' ')}",
                    LABEL,
                )
                for recording in recordings
                for s in recording.segments
            ],
        )


def _check(path: Path) -> None:
    found = header_of(path)
    if missing := [name for name in COLUMNS if name not in found]:
        raise ReadError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(found)[:200]}. The "
            f"authors document no "
            "layout; describe yours in a mapping: otolith import SOURCE --guess --mapping "
            "als_har.toml"
        )


def _runs(time_s: np.ndarray, labels: list[str | None], rate_hz: float) -> Iterator[Segment]:
    """Stretches of one label."""
    names = np.array([(label or "").strip() for label in labels])
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    for first, stop in pairwise(edges):
        inside = time_s[first:stop][np.isfinite(time_s[first:stop])]
        if names[first] and len(inside):
            yield Segment(
                float(inside[0]), float(inside[-1]) + 1 / rate_hz, str(names[first]), "label"
            )


def write_sample(folder: Path) -> None:
    """Write two tiny files of the third scenario and one of the first, in the form that is
    expected."""
    for scenario, person in ((3, "P1"), (3, "P2"), (1, "P1")):
        here = folder / "ALS-HAR" / f"scenario{scenario}" / person
        here.mkdir(parents=True)
        random = np.random.default_rng([scenario, int(person[-1])])
        values = random.normal(0, 0.02, (600, 6)) + np.array([0.5, 9.7, 1.0, 0.0, 0.0, 0.0])
        values[300:] += 2 * np.sin(np.arange(300) / 5)[:, None]
        lines = [",".join((*COLUMNS, "light"))]
        for n, row in enumerate(values):
            label = "stirring" if n < 300 else "" if n < 330 else "bicep_curl"
            lines.append(
                f"{1000 + n * 1000 / 30:.3f},{','.join(f'{v:.5f}' for v in row)},{label},{500 + n}"
            )
        (here / "take1.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
