"""DeepConvLSTM: sizes by hand, and channels that share their convolutions."""

from __future__ import annotations

import torch

from otolith.data.batch import Batch
from otolith.data.channels import triad
from otolith.learn.encoders.deep_conv_lstm import DeepConvLSTM

CHANNELS = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
LENGTH, RATE_HZ = 128, 50.0


def batch() -> Batch:
    torch.manual_seed(1)
    there = torch.ones(5, 6, dtype=torch.bool), torch.ones(5, LENGTH, dtype=torch.bool)
    return Batch(torch.randn(5, 6, LENGTH), *there, CHANNELS, RATE_HZ)


def built() -> DeepConvLSTM:
    torch.manual_seed(0)
    return DeepConvLSTM(CHANNELS, RATE_HZ, LENGTH).eval()


def test__deep_conv_lstm__weights__are_as_many_as_counted_by_hand() -> None:
    convolutions = 64 * 5 + 64 + 3 * (64 * 64 * 5 + 64)
    recurrent = 4 * 128 * (6 * 64 + 128 + 2) + 4 * 128 * (128 + 128 + 2)
    encoder = built()
    assert sum(p.numel() for p in encoder.parameters()) == convolutions + recurrent == 457_280
    with torch.inference_mode():
        out = encoder(batch())
    assert out.tokens.shape == (5, LENGTH - 4 * 4, 128)
    assert torch.equal(out.pooled, out.tokens[:, -1])


def test__deep_conv_lstm__convolutions__see_each_channel_alone_with_the_same_weights() -> None:
    encoder = built()
    whole = batch()
    whole.values[:, 1] = whole.values[:, 0]
    with torch.inference_mode():
        features = encoder.convolutions(whole.values[:, None])
        alone = encoder.convolutions(whole.values[:, None, 2:3])
    torch.testing.assert_close(features[:, :, 0], features[:, :, 1])
    torch.testing.assert_close(features[:, :, 2:3], alone, rtol=1e-5, atol=1e-6)


def test__deep_conv_lstm__smaller_kernels__take_shorter_windows() -> None:
    assert DeepConvLSTM(CHANNELS, RATE_HZ, 9, kernel=3).shortest == 9


def test__deep_conv_lstm__begins__orthogonal_and_with_open_forget_gates() -> None:
    encoder = built()
    first, second = encoder.recurrent
    for gate in first.weight_hh_l0.detach().chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(len(gate)), atol=1e-5, rtol=0)
    for layer in (first, second):
        biases = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().chunk(4)
        assert [float(bias.unique()) for bias in biases] == [0.0, 1.0, 0.0, 0.0]
    kernels = encoder.convolutions[2].weight.detach().flatten(1)
    torch.testing.assert_close(kernels @ kernels.T, 2 * torch.eye(len(kernels)), atol=1e-4, rtol=0)
