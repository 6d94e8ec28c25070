"""InfoNCE and NT-Xent against plain float64 loops written from their formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from otolith.learn.objectives._contrast import info_nce, nt_xent

TAU = 0.1


def drawn(rows: int = 7, width: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, width)), random.normal(size=(rows, width))


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y / math.sqrt(x @ x) / math.sqrt(y @ y))


def found(q: np.ndarray, k: np.ndarray, tau: float, rows: list[int]) -> float:
    """The one-sided loss over some rows, by loops."""
    total = 0.0
    for i in rows:
        total -= math.log(
            math.exp(cosine(q[i], k[i]) / tau)
            / sum(math.exp(cosine(q[i], k[j]) / tau) for j in rows)
        )
    return total / len(rows)


def tensors(
    *arrays: np.ndarray, dtype: torch.dtype = torch.float32, **more: Any
) -> list[torch.Tensor]:
    return [torch.tensor(array, dtype=dtype, **more) for array in arrays]


@pytest.mark.parametrize("tau", [0.07, 0.1, 1.0])
def test__info_nce__equals_the_formula(tau: float) -> None:
    q, k = drawn()
    rows = list(range(len(q)))
    one_sided, both = found(q, k, tau, rows), found(q, k, tau, rows) + found(k, q, tau, rows)
    assert float(info_nce(*tensors(q, k), tau)) == pytest.approx(both, rel=1e-6)
    assert float(info_nce(*tensors(q, k), tau, symmetric=False)) == pytest.approx(
        one_sided, rel=1e-6
    )
    assert float(info_nce(*tensors(q, k, dtype=torch.float64), torch.tensor(tau))) == pytest.approx(
        both, rel=1e-6
    )


def test__info_nce__rows_left_out__are_no_answers_either() -> None:
    q, k = drawn()
    mask = np.array([True, False, True, True, False, False, True])
    rows = np.flatnonzero(mask).tolist()
    loss = info_nce(*tensors(q, k), TAU, torch.from_numpy(mask))
    assert float(loss) == pytest.approx(found(q, k, TAU, rows) + found(k, q, TAU, rows), rel=1e-6)
    everything = info_nce(*tensors(q, k), TAU, torch.ones(7, dtype=torch.bool))
    assert float(everything) == pytest.approx(float(info_nce(*tensors(q, k), TAU)), rel=1e-6)


def test__info_nce__rows_left_out__get_no_gradient() -> None:
    q, k = tensors(*drawn(), requires_grad=True)
    mask = torch.tensor([True, False, True, True, False, False, True])
    info_nce(q, k, TAU, mask).backward()
    for side in (q, k):
        assert torch.equal(side.grad.abs().sum(1) > 0, mask)


@pytest.mark.parametrize("left", [0, 1])
def test__info_nce__nothing_to_tell_apart__is_0_with_a_gradient_of_0(left: int) -> None:
    q, k = tensors(*drawn(), requires_grad=True)
    mask = torch.zeros(7, dtype=torch.bool)
    mask[:left] = True
    loss = info_nce(q, torch.where(mask[:, None], k, 0.0), TAU, mask)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(q.grad, torch.zeros_like(q)) and torch.equal(k.grad, torch.zeros_like(k))


def test__info_nce__temperature__learns() -> None:
    tau = torch.tensor(TAU, dtype=torch.float64, requires_grad=True)
    q, k = drawn()
    info_nce(*tensors(q, k, dtype=torch.float64), tau).backward()
    rows, step = list(range(7)), 1e-5
    ahead, behind = (found(q, k, t, rows) + found(k, q, t, rows) for t in (TAU + step, TAU - step))
    assert float(tau.grad) == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


def test__info_nce__within_bf16__is_computed_in_float32() -> None:
    q, k = tensors(*drawn())
    with torch.autocast("cpu", torch.bfloat16):
        inside = info_nce(q, k, TAU)
    assert inside.dtype == torch.float32
    assert float(inside) == float(info_nce(q, k, TAU))


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test__nt_xent__equals_the_formula(tau: float) -> None:
    a, b = drawn()
    z = np.concatenate([a, b])
    total = 0.0
    for i in range(14):
        others = sum(math.exp(cosine(z[i], z[j]) / tau) for j in range(14) if j != i)
        total -= math.log(math.exp(cosine(z[i], z[(i + 7) % 14]) / tau) / others)
    assert float(nt_xent(*tensors(a, b), tau)) == pytest.approx(total / 14, rel=1e-6)
    assert float(nt_xent(*tensors(b, a), tau)) == pytest.approx(total / 14, rel=1e-6)


def test__nt_xent__equal_views_far_from_all_others__is_near_0() -> None:
    corners = torch.eye(4)
    assert float(nt_xent(corners, corners, 0.05)) < 1e-6
