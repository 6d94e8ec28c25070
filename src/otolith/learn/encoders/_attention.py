"""Self-attention over tokens of one window, never over windows, and what stands around it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention as attend
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.learn.encoders._dropout import Dropout


class SelfAttention(nn.Module):
    """Multi-head self-attention.

    Source: Vaswani et al., "Attention Is All You Need" (2017), https://arxiv.org/abs/1706.03762.
    dropout: share of the attention weights dropped while training. Weights start as those of
    torch's own layer.

    Raises ConfigError where the width does not divide into the heads.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ConfigError(
                f"Attention over vectors of {width} numbers cannot have {heads} heads: no whole "
                f"share."
            )
        self.heads, self.dropout = heads, Dropout(dropout)
        # One product for queries, keys and values; torch initialises them as one matrix too.
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    @override
    def forward(self, tokens: Tensor, seen: Tensor | None = None) -> Tensor:
        """Let tokens (B, L, D) look at one another; those where `seen` (B, L) is False are looked
        at by none.

        A window of which nothing is seen looks at all of its tokens, so that the result stays
        finite.
        """
        rows, length, width = tokens.shape
        # Each (B, heads, L, D / heads).
        q, k, v = self.qkv(tokens).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mask = None if seen is None else (seen | ~seen.any(dim=1, keepdim=True))[:, None, None, :]
        looked = (
            self._with_dropout(q, k, v, mask)
            if self.training and self.dropout.p
            else attend(q, k, v, mask)
        )
        mixed: Tensor = self.out(looked.transpose(1, 2).reshape(rows, length, width))
        return mixed

    def _with_dropout(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        # torch's own falls back to a path without its fused kernel here, and draws a number for
        # every weight.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        mixed: Tensor = self.dropout(scores.softmax(dim=-1)).to(v.dtype) @ v
        return mixed


class PostNorm(nn.Module):
    """Attention, added to what came in, then a layer normalisation: the block of Multi3Net's
    encoders."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, dropout)
        self.norm = nn.LayerNorm(width)

    @override
    def forward(self, tokens: Tensor, seen: Tensor | None = None) -> Tensor:
        """Transform (B, L, D)."""
        normed: Tensor = self.norm(tokens + self.attention(tokens, seen))
        return normed


class PreNorm(nn.Module):
    """A transformer block that normalises first, with stochastic depth: the block of PoseFormer.

    depth_drop: share of the windows for which either half of the block is left out while training.
    """

    def __init__(self, width: int, heads: int, ratio: float, depth_drop: float) -> None:
        super().__init__()
        hidden = round(width * ratio)
        self.norm, self.attention = nn.LayerNorm(width), SelfAttention(width, heads)
        self.forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )
        self.depth_drop = depth_drop

    @override
    def forward(self, tokens: Tensor, seen: Tensor | None = None) -> Tensor:
        """Transform (B, L, D)."""
        tokens = tokens + self._some(self.attention(self.norm(tokens), seen))
        return tokens + self._some(self.feed_forward(self.forward_norm(tokens)))

    def _some(self, change: Tensor) -> Tensor:
        if not self.training or not self.depth_drop:
            return change
        # By window, not by number: a window goes through the block or around it.
        kept = torch.rand(len(change), 1, 1, device=change.device) >= self.depth_drop
        # Scaled, so that the mean is the same in training and in use.
        return change * kept / (1 - self.depth_drop)


class Positions(nn.Module):
    """Adds sinusoids that tell the place of each token, then drops a share of the numbers while
    training.

    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, section 3.5.
    """

    waves: Tensor

    def __init__(self, length: int, width: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("waves", sinusoids(length, width), persistent=False)
        self.drop = Dropout(dropout)

    @override
    def forward(self, tokens: Tensor) -> Tensor:
        """Transform (B, L, D)."""
        placed: Tensor = self.drop(tokens + self.waves)
        return placed


def sinusoids(length: int, width: int) -> Tensor:
    """Return (L, D): sines in the even columns and cosines in the odd ones, ever slower from left
    to right."""
    # In float64: late places times slow waves lose digits in float32.
    place = torch.arange(length, dtype=torch.float64)[:, None]
    angle = place * torch.exp(
        torch.arange(0, width, 2, dtype=torch.float64) * (-math.log(10_000.0) / width)
    )
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width].float()
