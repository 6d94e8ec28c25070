"""The IMU encoder of Multi3Net: shapes, sizes, sensors apart from one another, and attention held
to torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from otolith.core.errors import ConfigError
from otolith.data.batch import Batch
from otolith.data.channels import Channel, triad
from otolith.learn.encoders._attention import PreNorm, SelfAttention, sinusoids
from otolith.learn.encoders.channel_attention import ChannelAttention

LEFT = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
RIGHT = (*triad("right_wrist", "acc"), *triad("right_wrist", "gyro"))
BOTH = (*LEFT, *RIGHT)
LENGTH = 60


def batch(channels: tuple[Channel, ...], rows: int = 4, seed: int = 0) -> Batch:
    values = (
        np.random.default_rng(seed).normal(size=(rows, len(channels), LENGTH)).astype(np.float32)
    )
    there = (
        torch.ones(rows, len(channels), dtype=torch.bool),
        torch.ones(rows, LENGTH, dtype=torch.bool),
    )
    return Batch(torch.from_numpy(values), *there, channels, 30.0)


def built(channels: tuple[Channel, ...], seed: int = 0, **settings: int) -> ChannelAttention:
    torch.manual_seed(seed)
    encoder = ChannelAttention(channels, 30.0, LENGTH, **settings)
    return encoder.eval()


@torch.inference_mode()
@pytest.mark.parametrize(("channels", "tokens", "count"), [(LEFT, 6, 1), (BOTH, 12, 2)])
def test__channel_attention__one_wrist_or_two__has_the_published_shapes(
    channels: tuple[Channel, ...], tokens: int, count: int
) -> None:
    out = built(channels)(batch(channels))
    assert out.tokens.shape == (4, tokens, 256) and out.pooled.shape == (4, 256)
    assert out.sensors is not None and out.sensors.shape == (4, count, 256)


def test__channel_attention__weights_of_one_wrist__are_as_many_as_counted_by_hand() -> None:
    over_time, attention, norm = 60 * 256 + 256, 4 * (256 * 256 + 256), 2 * 256
    flat = 6 * 256
    behind = flat * flat + flat + flat * 768 + 768
    expected = over_time + attention + norm + behind
    assert sum(p.numel() for p in built(LEFT).parameters()) == expected == 3_820_544
    assert sum(p.numel() for p in built(BOTH).parameters()) == 2 * expected
    assert sum(p.numel() for p in built(LEFT, blocks=3).parameters()) == expected + 2 * (
        attention + norm
    )


@torch.inference_mode()
def test__channel_attention__a_sensor__is_untouched_by_the_others() -> None:
    encoder, whole = built(BOTH), batch(BOTH)
    changed = batch(BOTH)
    changed.values[:, 6:] += 3.0
    first, second = encoder(whole), encoder(changed)
    assert first.sensors is not None and second.sensors is not None
    assert torch.equal(first.sensors[:, 0], second.sensors[:, 0])
    assert torch.equal(first.tokens[:, :6], second.tokens[:, :6])
    assert not torch.allclose(first.sensors[:, 1], second.sensors[:, 1])


@torch.inference_mode()
def test__channel_attention__a_sensor_that_is_not_there__leaves_as_0_and_counts_in_no_mean() -> (
    None
):
    encoder, whole = built(BOTH), batch(BOTH)
    whole.present[0, 6:] = False
    whole.present[1] = False
    out = encoder(whole)
    assert out.sensors is not None and torch.isfinite(out.tokens).all()
    assert torch.equal(out.pooled[0], out.sensors[0, 0])
    assert not out.tokens[0, 6:].any() and not out.sensors[0, 1].any() and not out.pooled[1].any()


@torch.inference_mode()
def test__channel_attention__a_channel_that_is_not_there__is_looked_at_by_none() -> None:
    encoder, whole, other = built(LEFT), batch(LEFT), batch(LEFT)
    for each in (whole, other):
        each.present[:, 2] = False
    other.values[:, 2] = 50.0
    assert torch.equal(encoder(whole).pooled, encoder(other).pooled)


@torch.inference_mode()
def test__channel_attention__channels_out_of_order__keep_their_places() -> None:
    order = [6, 0, 7, 1, 8, 2, 9, 3, 10, 4, 11, 5]
    mixed = tuple(BOTH[i] for i in order)
    encoder, other, whole = built(BOTH), built(mixed), batch(BOTH)
    other.load_state_dict(encoder.state_dict())
    shuffled = Batch(whole.values[:, order], whole.present, whole.received, mixed, 30.0)
    straight, out = encoder(whole), other(shuffled)
    torch.testing.assert_close(out.tokens, straight.tokens[:, order])
    torch.testing.assert_close(out.pooled, straight.pooled)


def test__channel_attention__sizes_that_do_not_fit__are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot have 7 heads"):
        built(LEFT, heads=7)
    with pytest.raises(ConfigError, match="greater than or equal to 1"):
        built(LEFT, blocks=0)


@pytest.mark.parametrize("hidden", [False, True])
def test__attention__equals_torchs_own_in_float64(hidden: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = (
        SelfAttention(32, 4).double(),
        nn.MultiheadAttention(32, 4, batch_first=True).double(),
    )
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    tokens = torch.randn(3, 7, 32, dtype=torch.float64)
    seen = torch.ones(3, 7, dtype=torch.bool)
    if hidden:
        seen[0, 2:] = False
    expected = theirs(tokens, tokens, tokens, key_padding_mask=~seen)[0]
    torch.testing.assert_close(ours(tokens, seen), expected, atol=1e-12, rtol=0)
    ours.dropout.p = 1e-9  # goes the way of training, and drops nothing
    torch.testing.assert_close(ours.train()(tokens, seen), expected, atol=1e-8, rtol=0)


def test__attention__dropout__leaves_weights_out_while_training_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(32, 4, dropout=0.5)
    tokens = torch.randn(1, 7, 32)
    whole = layer.eval()(tokens)
    drawn = layer.train()(tokens.expand(4000, -1, -1))
    assert not torch.allclose(drawn[0], drawn[1])
    torch.testing.assert_close(drawn.mean(dim=0), whole[0], atol=0.03, rtol=0)


def test__sinusoids__are_those_of_the_paper() -> None:
    waves = sinusoids(5, 8).numpy()
    for place in range(5):
        for pair in range(4):
            angle = place / 10_000 ** (2 * pair / 8)
            assert waves[place, 2 * pair] == pytest.approx(np.sin(angle), abs=1e-6)
            assert waves[place, 2 * pair + 1] == pytest.approx(np.cos(angle), abs=1e-6)


def test__stochastic_depth__leaves_out_whole_windows_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = PreNorm(16, 4, 2.0, 0.5).train()
    change = torch.ones(4000, 2, 3)
    kept = block._some(change)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert (kept.flatten(1).amax(1) == kept.flatten(1).amin(1)).all()
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.1)
    assert block.eval()._some(change) is change
