"""ALS-HAR: fitness exercises and hand tasks, with a phone on the left wrist and a light sensor.

The authors document no layout that we know of, so this is the one that is expected:

    scenario3/P1/take1.csv      time_ms, acc_x … acc_z (m/s²), gyro_x … gyro_z (rad/s), label

Where yours looks otherwise, the error says what the file has, and a mapping reads it: `otolith
import SOURCE --guess --mapping als_har.toml`. Light is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu, write_table
from otolith.data.datasets.dataset import DataSet, channels_of, label_texts
from otolith.data.paired import write_texts
from otolith.data.readers.clock import start_of
from otolith.data.readers.columns import header_of, read_numbers
from otolith.data.readers.labels import label_runs
from otolith.data.readers.mapping import Label
from otolith.data.recording import Recording, natural_key
from otolith.data.windows import Cut

SCENARIOS = {1: "indoors, fixed light", 2: "indoors, darker, light that changes", 3: "outdoors"}
"""Number of each scenario -> the light in it."""
COLUMNS = ("time_ms", "acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z", "label")
_CLOCK, *_AXES, _LABEL = COLUMNS
_SCENARIO = re.compile(r"scenario_?(\d)", re.IGNORECASE)


@settings
class AlsHar(DataSet):
    """ALS-HAR: the phone's accelerometer and gyroscope on the left wrist, in three kinds of light.

    Known from the paper: up to 16 people, a Samsung Galaxy S20 on the left wrist, about 30 Hz,
    three scenarios. Multi3Net+ uses the third (outdoors), which is the default here. One recording
    per file; runs of equal labels are segments.
    """

    scenarios: tuple[Literal[1, 2, 3], ...] = (3,)
    """Which of the three scenarios are read."""

    name = "als_har"
    title = "ALS-HAR"
    url = "https://arxiv.org/abs/2408.09527"
    terms = "ask its authors"
    citation = (
        "L. S. S. Ray, D. Geißler, M. Liu, B. Zhou, S. Suh, P. Lukowicz: ALS-HAR: Harnessing "
        "Wearable Ambient Light Sensors to Enhance IMU-based Human Activity Recognition. ICPR "
        "2024. https://arxiv.org/abs/2408.09527"
    )
    subjects = 16
    rate_hz = 30.0
    placements = ("left_wrist",)
    units: ClassVar = {"acc": "m/s2", "gyro": "rad/s"}
    cut = Cut(seconds=2.0, rate_hz=30.0, overlap=0.5, label_rule="majority", placements=placements)
    layout = "[Ss]cenario*/*/*.csv"

    def __post_init__(self) -> None:
        if not self.scenarios:
            raise ConfigError("ALS-HAR: name at least one of the scenarios 1, 2 and 3.")

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per file of the chosen scenarios."""
        root = self.verify(folder)
        paths = root.glob(self.layout)
        chosen = {path: number for path in paths if (number := _scenario(path)) in self.scenarios}
        if not chosen:
            names = " or ".join(f"scenario{number}" for number in self.scenarios)
            folders = sorted(path.name for path in root.iterdir())
            raise ReadError(f"{root} has no {names}/<person>/*.csv; found {', '.join(folders)}.")
        for path in sorted(chosen, key=lambda path: natural_key(str(path.relative_to(root)))):
            yield self._recording(path, chosen[path])

    def _recording(self, path: Path, scenario: int) -> Recording:
        _refuse_other_columns(path)
        table = read_numbers(path, COLUMNS[:-1], texts=[_LABEL])
        zero_ms = float(table.finite(_CLOCK)[0])
        time_s = (table.numbers[_CLOCK] - zero_ms) / 1000
        channels, values = channels_of("left_wrist"), table.matrix(_AXES)
        stream = self.stream("left_wrist", channels, time_s, values, self.rate_hz, table.notes)
        if not 0.5 < stream.rate_hz / self.rate_hz < 2.0:
            raise ReadError(
                f"{path}: its stamps make {stream.rate_hz:.3g} samples a second; expected about "
                f"{self.rate_hz:g}, with time_ms in milliseconds."
            )
        person = path.parent.name
        return Recording(
            f"s{scenario}_{person}_{path.stem}",
            person,
            (stream,),
            tuple(label_runs(time_s, table.words(_LABEL), Label(column=_LABEL))),
            session=f"scenario{scenario}",
            facts={"scenario": scenario, "light": SCENARIOS[scenario]},
            start=start_of(zero_ms / 1000, UTC),
        )

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each activity in words, marked as a label."""
        write_texts(
            out,
            label_texts(recordings, lambda label: f"a person does {label.replace('_', ' ')}"),
        )


def _scenario(path: Path) -> int:
    named = _SCENARIO.fullmatch(path.parts[-3])
    return int(named[1]) if named else 0


def _refuse_other_columns(path: Path) -> None:
    columns = header_of(path)
    if missing := [name for name in COLUMNS if name not in columns]:
        raise ReadError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(columns)[:200]}. "
            "The authors document no layout; describe yours in a mapping: "
            "otolith import SOURCE --guess --mapping als_har.toml"
        )


def write_sample(folder: Path) -> None:
    """Write tiny files of the third scenario and of the first, in the expected form."""
    labels = ["stirring"] * 300 + [""] * 30 + ["bicep_curl"] * 270
    for scenario, person in ((3, "P1"), (3, "P2"), (1, "P1")):
        path = folder / "ALS-HAR" / f"scenario{scenario}" / person / "take1.csv"
        stamps = 1000 + np.round(np.arange(600) * 1000 / 30, 3)
        rows = fake_imu((0.5, 9.7, 1.0, 0.0, 0.0, 0.0), 600, [scenario, int(person[-1])])
        write_table(path, ",".join((*COLUMNS, "light")), stamps, rows, labels, [500] * 600)
