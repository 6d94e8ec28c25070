"""The two contrastive losses that several objectives share: InfoNCE between two sets, NT-Xent
within one."""

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
    """Return how badly each row of `q` finds its own row of `k` among all rows of `k`, averaged
    over the rows.

    Source: van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding"
    (2018), https://arxiv.org/abs/1807.03748. With s the cosine,

        L = mean_i −log( exp(s(q_i, k_i) / τ) / Σ_j exp(s(q_i, k_j) / τ) )

    `q` and `k` are (B, E), of any length. Rows where `mask` (B,) is False are neither asked for nor
    stand among the answers; where no row is left, the loss is 0. `symmetric` adds the same loss
    with the parts of `q` and `k` exchanged. Computed in float32 or better whatever the precision
    around it.
    """
    with torch.autocast(q.device.type, enabled=False):
        logits = _unit(q) @ _unit(k).T / temperature
        own = torch.arange(len(logits), device=logits.device)
        if mask is None:
            rows = functional.cross_entropy(logits, own)
            return rows + functional.cross_entropy(logits.T, own) if symmetric else rows
        # The smallest number, not -inf: a row without any answer then gives a finite loss, which is
        # left out below.
        least = torch.finfo(logits.dtype).min

        def of_the_present(scores: Tensor) -> Tensor:
            losses = functional.cross_entropy(
                scores.masked_fill(~mask, least), own, reduction="none"
            )
            return torch.where(mask, losses, 0.0).sum() / mask.sum().clamp(min=1)

        rows = of_the_present(logits)
        return rows + of_the_present(logits.T) if symmetric else rows


def nt_xent(a: Tensor, b: Tensor, temperature: Tensor | float) -> Tensor:
    """Return how badly each of 2·B vectors finds the other view of its window among all the others,
    averaged.

    Source: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
    Representations" (2020), https://arxiv.org/abs/2002.05709. `a` and `b` are two views (B, E) of
    the same windows. With z the 2·B vectors, p(i) the other view of i and s the cosine,

        L = mean_i −log( exp(s(z_i, z_p(i)) / τ) / Σ_(j ≠ i) exp(s(z_i, z_j) / τ) )
    """
    with torch.autocast(a.device.type, enabled=False):
        z = _unit(torch.cat([a, b]))
        logits = z @ z.T / temperature
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        other = torch.arange(len(z), device=z.device).roll(len(a))
        return functional.cross_entropy(logits.masked_fill(itself, float("-inf")), other)


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(
        vectors if vectors.dtype == torch.float64 else vectors.float(), dim=-1
    )
