"""What every head promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.settings import Configured
from otolith.learn.embeddings import Embeddings

if TYPE_CHECKING:
    from otolith.learn.modalities.alignment import Alignment

NEVER = -30.0
"""Logit of a class that a fitted head has seen no window of."""


class Head(Configured, nn.Module, ABC):
    """Embeddings -> logits (B, K), whose softmax is the probabilities.

    A head learns by gradients, together with its encoder; a `ClosedHead` is fitted at once to
    embeddings that stay as they are. A member is one class, and one line in the table of this
    folder:

    >>> import torch
    >>> class Centred(Head):
    ...     "A linear layer on centred vectors."
    ...     def __init__(self, dimension, classes, **settings):
    ...         super().__init__(dimension, classes, **settings)
    ...         self.layer = nn.Linear(dimension, classes)
    ...     def forward(self, embeddings):
    ...         return self.layer(embeddings.pooled - embeddings.pooled.mean(dim=-1, keepdim=True))
    >>> Centred(8, 3)(Embeddings(torch.ones(2, 1, 8), torch.ones(2, 8))).shape
    torch.Size([2, 3])
    """

    closed: ClassVar[bool] = False
    counts_tokens: ClassVar[bool] = False
    """Whether it is built for a number of tokens, its setting `tokens`."""

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__()
        self.dimension, self.classes = dimension, classes
        self.configure(settings)

    @abstractmethod
    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""

    def begin(self, alignment: Alignment | None, classes: Sequence[str]) -> None:
        """See the classes' names, and the space shared with words, before anything is learnt."""


class ClosedHead(Head):
    """A head that is fitted at once, to buffers that are saved as plain weights."""

    closed: ClassVar[bool] = True

    @abstractmethod
    def fit(self, vectors: np.ndarray, code: np.ndarray, seed: int) -> None:
        """Fit to vectors (N, D) and class indices (N,)."""

    @classmethod
    def empty(
        cls, dimension: int, classes: int, shapes: dict[str, list[int]], **settings: object
    ) -> Self:
        """Build a head whose buffers have the shapes of a saved one, ready to be loaded."""
        return cls(dimension, classes, **settings)

    def odd(self) -> str:
        """Return what in loaded buffers no fit could have left there; empty where all is well."""
        return ""

    def shapes(self) -> dict[str, list[int]]:
        """Return the shapes of the buffers, which may depend on what was fitted."""
        return {name: list(buffer.shape) for name, buffer in self.named_buffers()}
