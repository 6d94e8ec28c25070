"""One linear layer: the plainest head."""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import override

from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import Head


class LinearHead(Head):
    """Logits that are weighted sums of the embedding."""

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__(dimension, classes, **settings)
        self.layer = nn.Linear(dimension, classes)

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.layer(embeddings.pooled)
        return logits
