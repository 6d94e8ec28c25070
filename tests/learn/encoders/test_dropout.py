"""Dropout: the promised share falls away, the rest keeps its sum, and a seed repeats it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from otolith.learn.encoders._dropout import Dropout


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test__dropout__share_and_scale__are_as_promised(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    out = Dropout(share)(torch.ones(400, 50, 51, dtype=dtype))
    count = out.numel()
    error = 5 * (share * (1 - share) / count) ** 0.5  # five standard errors of a binomial share
    assert float((out == 0).float().mean()) == pytest.approx(share, abs=error)
    assert out.dtype == dtype
    assert torch.unique(out).tolist() == pytest.approx(
        [0.0, 1 / (1 - share)], rel=1e-4 if dtype.itemsize == 4 else 4e-3
    )


def test__dropout__neighbours__fall_away_independently() -> None:
    torch.manual_seed(0)
    gone = (Dropout(0.3)(torch.ones(1_000_000)) == 0).float() - 0.3
    for lag in (1, 2, 3, 4, 8):
        # five standard errors of a mean of products of independent values
        assert abs(float((gone[lag:] * gone[:-lag]).mean())) < 5 * 0.21 / 1000


def test__dropout__seed__repeats_it_and_the_next_draw_differs() -> None:
    layer, values = Dropout(0.5), torch.randn(7, 9)
    torch.manual_seed(3)
    first, second = layer(values), layer(values)
    torch.manual_seed(3)
    assert torch.equal(layer(values), first)
    assert not torch.equal(first, second)


def test__dropout__gradient__flows_where_values_stayed() -> None:
    torch.manual_seed(0)
    values = torch.randn(11, 13, requires_grad=True)
    out = Dropout(0.25)(values)
    out.sum().backward()
    assert values.grad is not None
    assert torch.allclose(values.grad, (out != 0) / 0.75)


@pytest.mark.parametrize("layer", [Dropout(0.4).eval(), Dropout(0.0)])
def test__dropout__at_rest__changes_nothing(layer: nn.Module) -> None:
    values = torch.randn(5, 6)
    assert torch.equal(layer(values), values)


def test__dropout__everything__is_zero() -> None:
    assert not Dropout(1.0)(torch.ones(4, 4)).any()
