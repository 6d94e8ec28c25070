"""A mixture of experts over the encoder's tokens: the classifier of Multi3Net+."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, Index, Share, settings
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders._attention import PostNorm
from otolith.learn.heads.head import Head


@settings
class MixtureOfExpertsConfig:
    """Sizes of the mixture of experts."""

    experts: Count = 16
    """Networks that each say a class; 1 is the classifier without a mixture."""
    tokens: Index = 0
    """Tokens that the encoder makes of a window; adaptation asks the encoder."""
    channels: Count = 64
    """Tokens that the convolution makes of them."""
    kernel: Count = 3
    """Numbers of a token that the convolution sees; odd."""
    heads: Count = 8
    """Heads of the attention; the encoder's D divides into them."""
    feed_forward: Count = 512
    """Width between the linear layers behind each attention."""
    hidden: Count = 128
    """Width of an expert."""
    dropout: Share = 0.1
    """Share of the attention weights dropped while training."""


class MixtureOfExperts(Head):
    """Convolution over the tokens, two stages of attention, and experts of which a gate weighs the
    answers.

    Source: Ray et al., "Improving IMU based human activity recognition using simulated multimodal
    representations and a MoE classifier" (2025), https://doi.org/10.3389/fcomp.2025.1569205. The L
    tokens are the channels of a convolution along their D numbers, with batch normalisation and
    ReLU, that makes 64 tokens of them; each stage is attention, added, a layer normalisation, and a
    feed-forward network, added. Of each token z the experts f_j and the gate w = softmax(W z) give
    y = Σ_j w_j f_j(z); all experts answer, and the logits are the mean over the tokens. Attention
    looks among the tokens of one window, never among windows. Expert sizes are not published.

    Raises ConfigError for fewer than one expert, or sizes that do not fit together.
    """

    Config: ClassVar[type[Any]] = MixtureOfExpertsConfig
    config: MixtureOfExpertsConfig
    counts_tokens: ClassVar[bool] = True

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__(dimension, classes, **settings)
        c = self.config
        if not c.tokens or not c.kernel % 2:
            raise ConfigError(
                f"mixture_of_experts needs tokens above 0 and an odd kernel; it has tokens = "
                f"{c.tokens}, kernel = {c.kernel}."
            )
        self.convolution = nn.Sequential(
            nn.Conv1d(c.tokens, c.channels, c.kernel, padding=c.kernel // 2),
            nn.BatchNorm1d(c.channels),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList(_Stage(dimension, c) for _ in range(2))
        self.gate = nn.Linear(dimension, c.experts, bias=False)
        self.first = nn.Linear(dimension, c.experts * c.hidden)
        second = [nn.Linear(c.hidden, classes) for _ in range(c.experts)]
        self.second = nn.Parameter(torch.stack([layer.weight.detach() for layer in second]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in second]))

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""
        tokens = self._attend(embeddings.tokens)  # (B, channels, D)
        gate = self.gate(tokens).softmax(dim=-1)  # (B, channels, experts)
        hidden = self.first(tokens).relu().unflatten(-1, (self.config.experts, self.config.hidden))
        # The second layers are linear: the mean over tokens comes before them, 64 times cheaper.
        mixed = torch.einsum("bln,blnh->bnh", gate, hidden) / tokens.shape[1]
        logits: Tensor = torch.einsum("bnh,nkh->bk", mixed, self.second)
        logits = logits + gate.mean(dim=1) @ self.bias
        return logits

    def _attend(self, tokens: Tensor) -> Tensor:
        """Return what gate and experts see, (B, channels, D), of the encoder's tokens (B, L, D)."""
        attended: Tensor = self.convolution(tokens)
        for stage in self.stages:
            attended = stage(attended)
        return attended


def gates_of(head: MixtureOfExperts, embeddings: Embeddings) -> Tensor:
    """Return how much each expert counts for each window, (B, experts), rows that sum to 1."""
    shares: Tensor = head.gate(head._attend(embeddings.tokens)).softmax(dim=-1).mean(dim=1)
    return shares


class _Stage(nn.Module):
    def __init__(self, width: int, config: MixtureOfExpertsConfig) -> None:
        super().__init__()
        self.attention = PostNorm(width, config.heads, config.dropout)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.feed_forward), nn.ReLU(), nn.Linear(config.feed_forward, width)
        )

    @override
    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.attention(tokens)
        out: Tensor = tokens + self.feed_forward(tokens)
        return out
