"""The page on PRIMUS and its rivals names every augmentation and setting with its default."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from otolith.learn import augmentations
from otolith.learn.encoders.stacked_rnn import StackedRNNConfig
from otolith.learn.heads.text import TextHeadConfig
from otolith.learn.objectives.imu2clip import IMU2CLIPConfig
from otolith.learn.objectives.masked import MaskedConfig
from otolith.learn.objectives.primus import PRIMUSConfig
from otolith.learn.objectives.simclr import SimCLRConfig
from otolith.learn.objectives.transformations import TransformationsConfig

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "primus.md").read_text(encoding="utf-8")

KINDS = [
    *(StackedRNNConfig, TransformationsConfig, MaskedConfig, SimCLRConfig),
    *(PRIMUSConfig, IMU2CLIPConfig, TextHeadConfig),
]


def default_of(field: Any) -> Any:
    return field.default if field.default is not dataclasses.MISSING else field.default_factory()


@pytest.mark.parametrize("kind", KINDS)
def test__page__names_every_setting_with_its_default(kind: type) -> None:
    for field in dataclasses.fields(kind):
        default = default_of(field)
        shown = {
            str(default) or "none",
            ", ".join(map(str, default)) if isinstance(default, tuple) else "",
        }
        rows = re.findall(rf"^\| `{field.name}` \| ([^|]*) \|", PAGE, re.M)
        assert shown & set(rows), (
            f"docs/primus.md: the default of {kind.__name__}.{field.name} is {default}"
        )


@pytest.mark.parametrize("name", list(augmentations.FAMILY))
def test__page__names_every_augmentation_with_its_settings(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|([^|]*)\|", PAGE, re.M)
    fields = dataclasses.fields(augmentations.FAMILY.resolve(name).Config)
    assert re.findall(r"`(\w+)`", row) == [field.name for field in fields]
    for field in fields:
        assert f"`{field.name}` {field.default}" in row
