"""Logistic regression: a control on hand-made features, and a linear probe of any encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import Count, Positive, settings
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads._solver import Problem, Solution, solve
from otolith.learn.heads.head import NEVER, ClosedHead


@settings
class LogisticConfig:
    """Settings of the fit."""

    strength: Positive = 1.0
    """Inverse of the L2 penalty (scikit-learn's C)."""
    iterations: Count = 300
    """Most steps of the solver."""
    tolerance: Positive = 0.025
    """The solver stops once the gradient's norm is below this times √loss.

    1e-8 is as exact as scikit-learn, and takes several times as long. The default differs in up to
    2 % of labels and 0.4 points of accuracy on toy data, and a single probability by up to 0.19."""


class Logistic(ClosedHead):
    """Multinomial logistic regression on standardised vectors.

    The benchmark fits all draws of a fold with `fit_each`; a recogniser fits one, to the same bits.
    """

    Config: ClassVar[type[Any]] = LogisticConfig
    config: LogisticConfig
    weight: Tensor
    """(K, D)"""
    bias: Tensor
    """(K,)"""

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__(dimension, classes, **settings)
        self.register_buffer("weight", torch.zeros(classes, dimension))
        self.register_buffer("bias", torch.full((classes,), NEVER))

    @override
    def fit(self, vectors: np.ndarray, code: np.ndarray, seed: int) -> None:
        """Fit to vectors (N, D) and class indices (N,); a class without any is never predicted."""
        self._keep(*solve([Problem(vectors, code)], **self.settings()))

    def _keep(self, solution: Solution) -> None:
        self.weight[solution.present] = torch.from_numpy(solution.weight)
        self.bias[solution.present] = torch.from_numpy(solution.bias)

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""
        # Autocast would round this product to bfloat16, and with it features of very different
        # size.
        with torch.autocast(embeddings.pooled.device.type, enabled=False):
            return embeddings.pooled.float() @ self.weight.T + self.bias


def fit_each(
    problems: Sequence[tuple[np.ndarray, np.ndarray]], classes: int, **settings: object
) -> list[Logistic]:
    """Fit one head to each of many (vectors, code), together: up to 15 times as fast.

    Every head has the bits that `fit` would give it alone.

    >>> import numpy as np
    >>> vectors, code = np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1])
    >>> one, two = fit_each([(vectors, code), (vectors, 1 - code)], classes=2)
    >>> bool(one.weight[1] > 0), bool(two.weight[1] > 0)
    (True, False)
    """
    fitted = [Logistic(vectors.shape[1], classes, **settings) for vectors, _ in problems]
    if fitted:
        solutions = solve([Problem(*problem) for problem in problems], **fitted[0].settings())
        for head, solution in zip(fitted, solutions, strict=True):
            head._keep(solution)
    return fitted
