"""What every encoder in the table promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from otolith.core.errors import ConfigError, UnknownNameError
from otolith.data.batch import Batch
from otolith.data.channels import triad
from otolith.learn import encoders
from otolith.learn.encoders.encoder import Encoder, Standardise

NAMES = list(encoders.FAMILY)
CHANNELS = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
LENGTH, RATE_HZ = 128, 50.0


def batch(rows: int = 5, length: int = LENGTH, seed: int = 0) -> Batch:
    values = (
        np.random.default_rng(seed).normal(size=(rows, len(CHANNELS), length)).astype(np.float32)
    )
    values[:, 2] += 9.81
    return Batch(
        torch.from_numpy(values),
        torch.ones(rows, len(CHANNELS), dtype=torch.bool),
        torch.ones(rows, length, dtype=torch.bool),
        CHANNELS,
        RATE_HZ,
    )


def rows_of(whole: Batch, index: list[int]) -> Batch:
    return Batch(
        whole.values[index],
        whole.present[index],
        whole.received[index],
        whole.channels,
        whole.rate_hz,
    )


def built(name: str, length: int = LENGTH) -> Encoder:
    torch.manual_seed(0)
    encoder: Encoder = encoders.FAMILY.resolve(name)(CHANNELS, RATE_HZ, length)
    return encoder.eval()


@pytest.mark.parametrize("name", NAMES)
def test__encoder__shape__is_what_it_says(name: str) -> None:
    encoder = built(name)
    with torch.inference_mode():
        out = encoder(batch())
    assert out.pooled.shape == (5, encoder.dimension)
    assert out.tokens.shape[0] == 5
    assert out.tokens.shape[2] == encoder.dimension
    assert torch.isfinite(out.pooled).all() and torch.isfinite(out.tokens).all()
    assert float(out.pooled.std(dim=0).max()) > 0, "every window gives the same vector"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [150, 125])
def test__encoder__other_length__is_taken_where_it_says_so(name: str, length: int) -> None:
    encoder = built(name)
    if not encoder.any_length:
        pytest.skip(f"{name} takes windows of one length")
    with torch.inference_mode():
        assert encoder(batch(length=length)).pooled.shape == (5, encoder.dimension)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NAMES)
def test__encoder__row__is_untouched_by_its_neighbours(name: str, precision: str) -> None:
    encoder, whole = built(name), batch(8)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        together = encoder(whole).pooled.float()
        alone = torch.cat([encoder(rows_of(whole, [i])).pooled.float() for i in range(8)])
    tolerance = 1e-5 if precision == "fp32" else 2e-2
    torch.testing.assert_close(together, alone, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test__encoder__weights_round_trip__give_the_same_vectors(name: str) -> None:
    encoder = built(name)
    again = type(encoder)(CHANNELS, RATE_HZ, LENGTH, **encoder.settings()).eval()
    again.load_state_dict(encoder.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(again(batch()).pooled, encoder(batch()).pooled)


@pytest.mark.parametrize("name", NAMES)
def test__encoder__window_too_short__says_how_long(name: str) -> None:
    kind = encoders.FAMILY.resolve(name)
    built(name, kind.shortest)  # the shortest one is fine
    with pytest.raises(
        ConfigError, match=f"needs windows of {kind.shortest} samples or more; these hold"
    ):
        built(name, kind.shortest - 1)


@pytest.mark.parametrize("name", [n for n in NAMES if encoders.FAMILY.resolve(n).learns])
def test__encoder__every_weight__gets_a_gradient_and_a_group(name: str) -> None:
    encoder = built(name).train()
    encoder(batch()).pooled.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
    grouped = [id(p) for group in encoder.parameter_groups() for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in encoder.parameters())


@pytest.mark.parametrize("name", NAMES)
def test__encoder__unknown_setting__is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has no setting 'depht'"):
        encoders.FAMILY.resolve(name)(CHANNELS, RATE_HZ, LENGTH, depht=3)


def test__standardise__mean_and_deviation__become_0_and_1_and_missing_becomes_0() -> None:
    standardise = Standardise(2)
    standardise.mean.copy_(torch.tensor([1.0, -2.0]))
    standardise.std.copy_(torch.tensor([2.0, 4.0]))
    values = torch.tensor([[[1.0, 3.0, 5.0], [float("nan")] * 3]])
    assert torch.equal(standardise(values), torch.tensor([[[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]]]))


def test__tpn__weights_by_hand__count_and_decay() -> None:
    encoder = built("tpn")
    convolutions = ((6, 32, 24), (32, 64, 16), (64, 96, 8))
    expected = sum(inputs * outputs * kernel + outputs for inputs, outputs, kernel in convolutions)
    assert sum(p.numel() for p in encoder.parameters()) == expected
    kernels, biases = encoder.parameter_groups()
    assert kernels["weight_decay"] == pytest.approx(2e-4) and biases["weight_decay"] == 0
    assert {p.ndim for p in kernels["params"]} == {3} and {p.ndim for p in biases["params"]} == {1}
    with torch.inference_mode():
        out = encoder(batch())
    assert out.tokens.shape[1] == LENGTH - 24 - 16 - 8 + 3
    assert torch.equal(out.pooled, out.tokens.amax(dim=1))


def test__family__class_of_ones_own__is_taken_and_named_by_its_module() -> None:
    tpn = encoders.FAMILY.resolve("tpn")
    assert encoders.FAMILY.resolve(tpn) is tpn
    assert encoders.FAMILY.name_of(tpn) == "tpn"
    assert encoders.FAMILY.resolve("otolith.learn.encoders.tpn:TPN") is tpn
    with pytest.raises(UnknownNameError, match="Standardise is no encoder"):
        encoders.FAMILY.resolve("otolith.learn.encoders.encoder:Standardise")
