"""The contrastive losses that objectives share: InfoNCE between two sets, NT-Xent within one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def info_nce(
    q: Tensor,
    k: Tensor,
    temperature: Tensor | float,
    mask: Tensor | None = None,
    symmetric: bool = True,
) -> Tensor:
    """Return how badly each row of `q` picks out its row of `k` among all rows of `k`.

    Source: van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding"
    (2018), https://arxiv.org/abs/1807.03748. With s the cosine,

        L = mean_i −log( exp(s(q_i, k_i) / τ) / Σ_j exp(s(q_i, k_j) / τ) )

    `q` and `k` are (B, E), of any length. Rows where `mask` (B,) is False neither ask nor answer;
    without any row left the loss is 0. `symmetric` adds the loss with `q` and `k` exchanged.
    Computed in float32 or better, whatever autocast says.

    >>> same = torch.eye(4)
    >>> round(float(info_nce(same, same, 0.1)), 5), round(float(info_nce(same, same, 1e3)), 2)
    (0.00027, 2.77)
    """
    with torch.autocast(q.device.type, enabled=False):
        logits = _unit(q) @ _unit(k).T / temperature
        loss = _over_rows(logits, mask)
        return loss + _over_rows(logits.T, mask) if symmetric else loss


def _over_rows(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean cross-entropy of each row of (B, B) with its diagonal."""
    diagonal = torch.arange(len(logits), device=logits.device)
    if mask is None:
        return functional.cross_entropy(logits, diagonal)
    # The smallest number, not −inf: a row without any answer must give a finite loss.
    answers = logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
    losses = functional.cross_entropy(answers, diagonal, reduction="none")
    return torch.where(mask, losses, 0.0).sum() / mask.sum().clamp(min=1)


def nt_xent(a: Tensor, b: Tensor, temperature: Tensor | float) -> Tensor:
    """Return how badly each of 2·B vectors picks out the other view of its window.

    Source: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
    Representations" (2020), https://arxiv.org/abs/2002.05709, equation 1. `a` and `b` are two views
    (B, E) of the same windows. With z the 2·B vectors, p(i) the other view of i and s the cosine,

        L = mean_i −log( exp(s(z_i, z_p(i)) / τ) / Σ_(j ≠ i) exp(s(z_i, z_j) / τ) )

    >>> round(float(nt_xent(torch.eye(4), torch.eye(4), 0.1)), 5)
    0.00027
    """
    with torch.autocast(a.device.type, enabled=False):
        z = _unit(torch.cat([a, b]))
        logits = z @ z.T / temperature
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        other = torch.arange(len(z), device=z.device).roll(len(a))
        return functional.cross_entropy(logits.masked_fill(itself, float("-inf")), other)


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(at_least_float32(vectors), dim=-1)


def at_least_float32(values: Tensor) -> Tensor:
    """Return values as float32, or as float64 where they are."""
    return values if values.dtype == torch.float64 else values.float()
