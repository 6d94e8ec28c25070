"""The page on recordings says what the code does."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from otolith.data.datasets import FAMILY
from otolith.data.quantities import QUANTITIES
from otolith.data.readers import mapping
from otolith.data.readers.columns import CsvFormat
from otolith.data.readers.mapping import parse_mapping

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "recordings.md").read_text(encoding="utf-8")


def test__page__its_mapping__is_accepted() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    found = parse_mapping(example)
    assert [sensor.placement for sensor in found.sensors] == ["left_wrist", "right_ankle"]


def test__page__names_every_setting_and_every_data_set() -> None:
    parts = (
        mapping.StudyFacts,
        mapping.Files,
        mapping.Time,
        mapping.Sensor,
        mapping.Label,
        CsvFormat,
    )
    settings = [field.name for part in parts for field in dataclasses.fields(part)]
    settings[settings.index("signals") : settings.index("signals") + 1] = QUANTITIES
    assert not [name for name in (*settings, *FAMILY) if f"`{name}`" not in PAGE]
