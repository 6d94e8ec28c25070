"""The published encoder as one of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from otolith.data.windows import Windows
from otolith.learn.encoders.published import NAMES
from otolith.learn.encoders.stacked_rnn import StackedRNN
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.published import load_published
from otolith.learn.training.runtime import Runtime


def test__published__embeds_and_is_kept_like_any_other(tmp_path: Path) -> None:
    torch.manual_seed(0)
    names = [f"head.{what}.{axis}" for what in ("acc", "gyro") for axis in "xyz"]
    values = np.random.default_rng(0).normal(size=(3, 6, 250)).astype(np.float32) + 4
    windows = Windows.from_array(values, rate_hz=50.0, channels=names)
    weights = StackedRNN(windows.channels, 50.0, 250).state_dict()
    save_file(
        {theirs: weights[ours] for theirs, ours in NAMES.items()}, tmp_path / "theirs.safetensors"
    )
    encoder, parts = load_published(tmp_path / "theirs.safetensors")
    assert parts.mmcl is None and encoder.record["objective"] == "imu2clip"
    assert encoder.cutting()["seconds"] == 5.0 and encoder.cutting()["placements"] == ["head"]
    encoder.save(tmp_path / "ours")
    runtime = Runtime("cpu", "fp32", 1)
    again = PretrainedEncoder.load(tmp_path / "ours").embed(windows, runtime)
    assert np.array_equal(again, encoder.embed(windows, runtime))
    assert (
        "weights of the encoder: trained; objective: imu2clip"
        in (tmp_path / "ours" / "README.md").read_text()
    )
    raw = torch.from_numpy(values)
    assert torch.equal(encoder.standardise(raw), raw), "the encoder alone normalises"
