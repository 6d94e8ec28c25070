"""One linear layer: the plainest question that can be put to an encoder."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from typing_extensions import override

from otolith.core.settings import settings
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import Head


@settings
class LinearConfig:
    """A linear head has no settings."""


class LinearHead(Head):
    """Logits that are weighted sums of the embedding."""

    Config: ClassVar[type[Any]] = LinearConfig

    def __init__(self, dimension: int, classes: int, **settings: Any) -> None:
        super().__init__(dimension, classes, **settings)
        self.layer = nn.Linear(dimension, classes)

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.layer(embeddings.pooled)
        return logits
