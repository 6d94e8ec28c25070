"""The stacked recurrent network: its published size and walk, and what it does with channels and
lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from otolith.core.errors import ConfigError
from otolith.data.batch import Batch
from otolith.data.channels import Channel, triad
from otolith.learn.encoders.stacked_rnn import QuantityNorm, StackedRNN

SIX = (*triad("head", "acc"), *triad("head", "gyro"))


def batch(channels: tuple[Channel, ...] = SIX, rows: int = 3, length: int = 250) -> Batch:
    values = np.random.default_rng(0).normal(size=(rows, len(channels), length)).astype(np.float32)
    values[:, 2] += 9.81
    there = torch.ones(rows, len(channels), dtype=torch.bool)
    return Batch(
        torch.from_numpy(values), there, torch.ones(rows, length, dtype=torch.bool), channels, 50.0
    )


def built(channels: tuple[Channel, ...] = SIX, length: int = 250, **settings: Any) -> StackedRNN:
    torch.manual_seed(0)
    return StackedRNN(channels, 50.0, length, **settings).eval()


def test__stacked_rnn__with_both_heads__has_the_published_number_of_parameters() -> None:
    whole = nn.ModuleList([built(), nn.Linear(512, 512), nn.Linear(512, 512)])
    assert sum(p.numel() for p in whole.parameters()) == 1_376_204


def test__stacked_rnn__equals_the_published_layers_one_after_the_other() -> None:
    encoder, given = built(), batch()
    norm, filter_norm, recurrent = (
        nn.GroupNorm(2, 6),
        nn.GroupNorm(4, 32),
        nn.GRU(32, 512, batch_first=True),
    )
    with torch.no_grad():
        for mine in (encoder.norm, encoder.filter_norm):
            mine.weight.uniform_(0.5, 1.5)
            mine.bias.uniform_(-0.5, 0.5)
        norm.load_state_dict(encoder.norm.state_dict())
        filter_norm.load_state_dict(encoder.filter_norm.state_dict())
        recurrent.load_state_dict(encoder.recurrent.state_dict())
        signal = norm(given.values)
        shapes = []
        for number, pool in enumerate((nn.MaxPool1d(3), nn.MaxPool1d(3), nn.AdaptiveAvgPool1d(32))):
            weight = encoder.convolutions[number].weight
            signal = pool(nn.functional.conv1d(signal, weight, dilation=2))
            shapes.append(tuple(signal.shape[1:]))
        last = recurrent(filter_norm(signal))[1][0]
        out = encoder(given)
    assert shapes == [(32, 77), (32, 23), (32, 32)]
    torch.testing.assert_close(out.pooled, last, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("time_major", "tokens"), [(False, 6), (True, 10)])
def test__stacked_rnn__walks_over_filters_or_time(time_major: bool, tokens: int) -> None:
    encoder = built(filters=(8, 8, 6), groups=2, bins=10, hidden=16, time_major=time_major)
    with torch.inference_mode():
        out = encoder(batch())
    assert out.tokens.shape == (3, tokens, 16)
    assert torch.equal(out.pooled, out.tokens[:, -1])
    assert encoder.tokens_in_time is time_major


def test__stacked_rnn__time_major__sees_the_past_alone() -> None:
    encoder, given = built(time_major=True), batch()
    later = batch()
    later.values[..., 200:] *= 1.5
    # Both look at the whole window.
    encoder.norm.forward = lambda values, present: values  # type: ignore[method-assign]
    encoder.filter_norm = nn.Identity()  # type: ignore[assignment]
    with torch.inference_mode():
        first, second = encoder(given).tokens, encoder(later).tokens
    torch.testing.assert_close(
        first[:, :19], second[:, :19]
    )  # the last that ends before sample 200
    assert not torch.allclose(first[:, -1], second[:, -1])


def test__stacked_rnn__any_channels_and_lengths() -> None:
    channels = (*SIX, *triad("left_wrist", "acc"))
    with torch.inference_mode():
        assert built(channels, 128)(batch(channels, length=128)).pooled.shape == (3, 512)
        assert built(length=9, padded=True)(batch(length=9)).pooled.shape == (3, 512)
    with pytest.raises(
        ConfigError, match=r"needs windows of 123 samples .* set its padded = true, or choose"
    ):
        built(length=100)
    with pytest.raises(ConfigError, match="needs windows of 9 samples"):
        built(length=8, padded=True)


@pytest.mark.parametrize(
    "settings", [{"filters": (32, 32)}, {"groups": 5}, {"bins": 0}, {"kernels": (10, 5, 0)}]
)
def test__stacked_rnn__impossible_sizes__are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"must be of one length|should be greater than"):
        built(**settings)


def test__stacked_rnn__strength_of_the_movement__is_not_seen() -> None:
    given, stronger = batch(), batch()
    stronger.values *= 3
    with torch.inference_mode():
        torch.testing.assert_close(
            built()(given).pooled, built()(stronger).pooled, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("by", ["quantity", "sensor"])
def test__quantity_norm__equals_float64_by_hand(by: Any) -> None:
    channels = (*SIX, *triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
    given = batch(channels)
    given.present[1, :3] = False
    given.values[1, :3] = 0
    out = QuantityNorm(channels, by)(given.values, given.present).detach().numpy()
    for row in range(3):
        groups: dict[tuple[str, str], list[int]] = {}
        for i, channel in enumerate(channels):
            if given.present[row, i]:
                groups.setdefault(
                    (channel.quantity, channel.sensor if by == "sensor" else ""), []
                ).append(i)
        for members in groups.values():
            x = given.values[row, members].numpy().astype(np.float64)
            np.testing.assert_allclose(
                out[row, members], (x - x.mean()) / np.sqrt(x.var() + 1e-5), atol=1e-5
            )
    assert (out[1, :3] == 0).all()


def test__stacked_rnn__used_in_inference_first__still_trains() -> None:
    encoder = built()
    with torch.inference_mode():
        encoder(batch())
    encoder(batch()).pooled.sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
