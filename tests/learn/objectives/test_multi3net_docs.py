"""The page on Multi3Net+ names every setting with its default, and its figures are those of the
code."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from otolith.data.channels import triad
from otolith.learn.encoders.channel_attention import ChannelAttention, ChannelAttentionConfig
from otolith.learn.encoders.deep_conv_lstm import DeepConvLSTMConfig
from otolith.learn.encoders.pose_former import PoseFormerConfig
from otolith.learn.encoders.text_resnet import TextResNetConfig
from otolith.learn.heads.mixture_of_experts import MixtureOfExpertsConfig
from otolith.learn.objectives.multi3net import Multi3NetConfig

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "multi3net.md").read_text(encoding="utf-8")
CONFIGS = (
    Multi3NetConfig,
    ChannelAttentionConfig,
    DeepConvLSTMConfig,
    PoseFormerConfig,
    TextResNetConfig,
    MixtureOfExpertsConfig,
)


def default_of(field: Any) -> Any:
    return field.default if field.default is not dataclasses.MISSING else field.default_factory()


@pytest.mark.parametrize("kind", CONFIGS)
def test__page__names_every_setting_with_its_default(kind: type) -> None:
    fields = [(field.name, str(default_of(field))) for field in dataclasses.fields(kind)]
    tables = re.findall(r"\| setting \| default \| meaning \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE)
    shown = [re.findall(r"^\| `(\w+)` \| ([^|]*) \|", table, re.M) for table in tables]
    assert fields in shown, f"docs/multi3net.md has no table of {kind.__name__}: {fields}"


def test__page__weights_of_a_wrist__are_those_of_the_code() -> None:
    channels = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
    with torch.device("meta"):
        count = sum(p.numel() for p in ChannelAttention(channels, 50.0, 100).parameters())
    assert f"{count:,} weights" in PAGE
