"""One hidden layer, as the transformation prediction network's classifier has."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from typing_extensions import override

from otolith.core.settings import Count, Share, settings
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import Head


@settings
class MLPConfig:
    """Sizes of the head."""

    width: Count = 1024
    """Hidden units."""
    dropout: Share = 0.0
    """Share of hidden units dropped while training."""


class MLP(Head):
    """Linear, ReLU, linear.

    Source: the classifier of Saeed et al., "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879.
    """

    Config: ClassVar[type[Any]] = MLPConfig
    config: MLPConfig

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__(dimension, classes, **settings)
        self.layers = nn.Sequential(
            nn.Linear(dimension, self.config.width),
            nn.ReLU(),
            nn.Dropout(self.config.dropout),
            nn.Linear(self.config.width, classes),
        )

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.layers(embeddings.pooled)
        return logits
