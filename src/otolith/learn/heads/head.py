"""What every head promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.settings import Configured
from otolith.learn.embeddings import Embeddings

if TYPE_CHECKING:
    from otolith.learn.modalities.alignment import Alignment


NEVER = -30.0
"""Logit of a class that a fitted head has seen no window of."""


class Head(nn.Module, Configured, ABC):
    """Embeddings -> logits (B, K): exponentials that sum to 1 after a softmax are the
    probabilities.

    A head either learns by gradients, together with its encoder (`closed = False`), or is fitted at
    once to embeddings that stand still (`closed = True`), and then keeps what it found in buffers,
    so that it is saved and loaded as safely as any other weights.
    """

    closed: ClassVar[bool] = False
    counts_tokens: ClassVar[bool] = False
    """Whether it is built for a number of tokens, its setting `tokens`."""

    def __init__(self, dimension: int, classes: int, **settings: Any) -> None:
        super().__init__()
        self.dimension, self.classes = dimension, classes
        self.configure(settings)

    @abstractmethod
    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""

    def begin(self, alignment: Alignment | None, classes: Sequence[str]) -> None:
        """Get ready for these classes, before anything is learnt; `alignment` is what the encoder
        shares with words."""


class ClosedHead(Head):
    """A head that is fitted at once."""

    closed: ClassVar[bool] = True

    @abstractmethod
    def fit(self, vectors: np.ndarray, code: np.ndarray, seed: int) -> None:
        """Fit to vectors (N, D) and class indices (N,)."""

    @classmethod
    @abstractmethod
    def empty(
        cls, dimension: int, classes: int, shapes: dict[str, list[int]], **settings: Any
    ) -> ClosedHead:
        """Build a head whose buffers have the shapes of a saved one, ready to be loaded."""

    def odd(self) -> str:
        """Say what in loaded buffers nothing fitted could have left there; nothing where all is
        well."""
        return ""

    def shapes(self) -> dict[str, list[int]]:
        """Return the shapes of the buffers, which depend on what was fitted."""
        return {name: list(buffer.shape) for name, buffer in self.named_buffers()}
