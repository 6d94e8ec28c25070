"""A random forest whose trees are arrays: saved without pickle, applied without scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import Count, settings
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import ClosedHead


@settings
class ForestConfig:
    """Settings of the forest."""

    trees: Count = 300
    """How many trees vote."""
    smallest_leaf: Count = 1
    """Fewest training windows in a leaf."""


class Forest(ClosedHead):
    """A random forest, grown by scikit-learn and kept as arrays.

    Source: Breiman, "Random Forests" (2001), https://doi.org/10.1023/A:1010933404324. Buffers
    (trees, nodes): which feature a node asks for, its threshold, its children (a leaf is its own
    child) and its class shares.
    """

    Config: ClassVar[type[Any]] = ForestConfig
    config: ForestConfig
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    share: Tensor
    depth: Tensor

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__(dimension, classes, **settings)
        self._allocate(1, 1)

    def _allocate(self, trees: int, nodes: int) -> None:
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.zeros(trees, nodes, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(trees, nodes))
        self.register_buffer("share", torch.full((trees, nodes, self.classes), 1.0 / self.classes))
        self.register_buffer("depth", torch.zeros(1, dtype=torch.int64))

    @override
    def fit(self, vectors: np.ndarray, code: np.ndarray, seed: int) -> None:
        """Grow the forest on vectors (N, D) and class indices (N,)."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self.config.trees,
            min_samples_leaf=self.config.smallest_leaf,
            class_weight="balanced",
            random_state=seed,
        )
        with warnings.catch_warnings():
            # One or two windows a class are few-shot; scikit-learn takes the classes for numbers.
            message = "The number of unique classes is greater than 50%"
            warnings.filterwarnings("ignore", message=message)
            forest.fit(vectors.astype(np.float32), code)
        trees = [estimator.tree_ for estimator in forest.estimators_]
        self._allocate(len(trees), max(tree.node_count for tree in trees))
        present = torch.from_numpy(np.asarray(forest.classes_, dtype=np.int64))
        self.share.zero_()  # classes without a window keep a share of 0
        for i, tree in enumerate(trees):  # padded to the largest tree
            # A leaf leads to itself: all trees then take the same number of steps.
            nodes, leaf = np.arange(tree.node_count), tree.children_left < 0
            columns = {
                "feature": np.where(leaf, 0, tree.feature),
                "left": np.where(leaf, nodes, tree.children_left),
                "right": np.where(leaf, nodes, tree.children_right),
                # scikit-learn compares float32 features with float64 thresholds; the largest
                # float32 below decides alike.
                "threshold": _round_down(tree.threshold),
            }
            for name, values in columns.items():
                getattr(self, name)[i, nodes] = torch.from_numpy(values)
            counts = tree.value[:, 0, :]
            share = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
            self.share[i, : len(nodes), present] = torch.from_numpy(share)
        self.depth.fill_(max(tree.max_depth for tree in trees))

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K): logarithms of the mean class shares over trees."""
        vectors = embeddings.pooled.float()
        trees = torch.arange(len(self.feature), device=vectors.device)
        node = torch.zeros(len(vectors), len(trees), dtype=torch.int64, device=vectors.device)
        # No tree is deeper than it has nodes, whatever was saved.
        for _ in range(min(int(self.depth), self.feature.shape[1])):
            goes_left = vectors.gather(1, self.feature[trees, node]) <= self.threshold[trees, node]
            node = torch.where(goes_left, self.left[trees, node], self.right[trees, node])
        # Clamped, as a class that no tree votes for would have a logit of minus infinity.
        return self.share[trees, node].mean(dim=1).clamp_min(1e-9).log()

    @override
    def odd(self) -> str:
        """Return where trees ask for features, or lead to nodes, that do not exist."""
        nodes = self.left.shape[1]
        for name, most in (("feature", self.dimension), ("left", nodes), ("right", nodes)):
            index = getattr(self, name)
            if ((index < 0) | (index >= most)).any():
                return f"its trees' '{name}' goes beyond the {most} that there are"
        return ""

    @classmethod
    @override
    def empty(
        cls, dimension: int, classes: int, shapes: dict[str, list[int]], **settings: object
    ) -> Self:
        """Build a head to load into."""
        head = cls(dimension, classes, **settings)
        head._allocate(*shapes["feature"])
        return head


def _round_down(threshold: np.ndarray) -> np.ndarray:
    near = threshold.astype(np.float32)
    lower: np.ndarray = np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
    return lower
