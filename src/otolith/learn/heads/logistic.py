"""Logistic regression, fitted at once: a strong control on hand-made features, and a linear probe
of any encoder."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import ClosedHead


@dataclass(frozen=True)
class LogisticConfig:
    """Settings of the fit."""

    strength: float = 1.0
    """Inverse of the L2 penalty (scikit-learn's C)."""
    iterations: int = 2000
    """Most steps of the solver."""


class Logistic(ClosedHead):
    """Multinomial logistic regression on standardised vectors, solved by scikit-learn and kept as
    plain weights."""

    Config: ClassVar[type[Any]] = LogisticConfig
    config: LogisticConfig
    weight: Tensor
    bias: Tensor

    def __init__(self, dimension: int, classes: int, **settings: Any) -> None:
        super().__init__(dimension, classes, **settings)
        self.register_buffer("weight", torch.zeros(classes, dimension))
        self.register_buffer("bias", torch.zeros(classes))

    @override
    def fit(self, vectors: np.ndarray, code: np.ndarray, seed: int) -> None:
        """Fit to vectors (N, D) and class indices (N,); a single class makes a head that always
        says it."""
        present = np.unique(code)
        weight = np.zeros((self.classes, self.dimension))
        bias = np.full(self.classes, -30.0)  # a class that was never seen is never said
        if len(present) < 2:
            bias[present] = 0.0
        else:
            from sklearn.linear_model import LogisticRegression

            mean, std = vectors.mean(axis=0), vectors.std(axis=0)
            std = np.where(std < 1e-8, 1.0, std)
            solver = LogisticRegression(C=self.config.strength, max_iter=self.config.iterations)
            with warnings.catch_warnings():
                # One or two windows a class is what few-shot means; scikit-learn takes the classes
                # for numbers then.
                warnings.filterwarnings(
                    "ignore", message="The number of unique classes is greater than 50%"
                )
                solver.fit((vectors - mean) / std, code)
            coefficient, intercept = solver.coef_, solver.intercept_
            if (
                len(present) == 2
            ):  # scikit-learn keeps one row for two classes; the two logits are its halves
                coefficient = np.concatenate([-coefficient, coefficient]) / 2
                intercept = np.concatenate([-intercept, intercept]) / 2
            weight[present] = coefficient / std
            bias[present] = intercept - weight[present] @ mean
        self.weight = torch.from_numpy(weight.astype(np.float32))
        self.bias = torch.from_numpy(bias.astype(np.float32))

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""
        # Autocast would round this product to bfloat16, and with it features of very different
        # size.
        with torch.autocast(embeddings.pooled.device.type, enabled=False):
            return embeddings.pooled.float() @ self.weight.T + self.bias

    @classmethod
    @override
    def empty(
        cls, dimension: int, classes: int, shapes: dict[str, list[int]], **settings: Any
    ) -> Logistic:
        """Build a head to load into."""
        return cls(dimension, classes, **settings)
