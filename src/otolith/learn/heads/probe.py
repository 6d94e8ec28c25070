"""The published linear probe of PRIMUS: one layer on a frozen encoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, Index, NonNegative, Positive, settings
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import NEVER, ClosedHead
from otolith.learn.heads.text import TEMPLATES, prompts_of, words_of
from otolith.learn.modalities.alignment import Alignment


@settings
class ProbeConfig:
    """Where the layer begins, and how it learns."""

    initial: Literal["random", "text"] = "random"
    """text: each class begins where its words lie in the shared space, and vectors have length 1;
    random: anywhere."""
    templates: tuple[str, ...] = TEMPLATES
    """What is said of a class; {} stands for its name."""
    learning_rate: Positive = 1e-4
    """AdamW's step, after a warm-up and before it falls to 0 along a cosine."""
    weight_decay: NonNegative = 1e-4
    """AdamW's decay."""
    epochs: Count = 50
    """Passes over the windows."""
    batch_size: Count = 256
    """Windows in a step."""
    warmup: Index = 10
    """Steps at least over which the rate rises; a hundredth of all where that is more."""


class LinearProbe(ClosedHead):
    """One linear layer, learnt as PRIMUS learns it.

    Source: Das, Tang, Kawsar, Malekzadeh, "PRIMUS" (2024), https://arxiv.org/abs/2411.15127, and
    its public code: AdamW, a linear warm-up, a cosine; the layer of a pretrained encoder begins as
    the mean vectors of each class's words, on vectors of length 1. As few steps as few windows give
    hardly move it from there. The authors keep the epoch that is best on validation people; here
    the last one counts, as no label is held back.

    Raises ConfigError for settings out of range, or words without an encoder that shares a space
    with text.
    """

    Config: ClassVar[type[Any]] = ProbeConfig
    config: ProbeConfig
    weight: Tensor
    """(K, D)"""
    bias: Tensor
    """(K,)"""

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__(dimension, classes, **settings)
        first = nn.Linear(dimension, classes)
        self.register_buffer("weight", first.weight.detach().clone())
        self.register_buffer("bias", first.bias.detach().clone())
        self.placed = False  # set by `begin`, with the words of the classes

    @override
    def begin(self, alignment: Alignment | None, classes: Sequence[str]) -> None:
        """Put each class where its words lie, with `initial` "text"."""
        if self.config.initial != "text":
            return
        if alignment is None or self.dimension != alignment.width:
            raise ConfigError(
                "A probe that begins from words needs an encoder that shares a space with text, "
                'and sees its vectors there: space = "shared". Pretrain one: otolith pretrain '
                "STUDY --objective primus --out ENCODER"
            )
        prompts = prompts_of(classes, self.config.templates)
        self.weight = torch.from_numpy(words_of(alignment, prompts))
        self.bias = torch.zeros(self.classes)
        self.placed = True

    @override
    def fit(self, vectors: np.ndarray, code: np.ndarray, seed: int) -> None:
        """Descend from the start, on vectors (N, D) and class indices (N,)."""
        c = self.config
        if c.initial == "text" and not self.placed:
            raise ConfigError("A probe that begins from words needs the classes: call begin first.")
        inputs = self._length(torch.from_numpy(np.asarray(vectors, dtype=np.float32)))
        target = torch.from_numpy(code)
        weight, bias = (tensor.clone().requires_grad_() for tensor in (self.weight, self.bias))
        adam = torch.optim.AdamW([weight, bias], lr=c.learning_rate, weight_decay=c.weight_decay)
        steps = c.epochs * -(-len(target) // c.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(adam, warm_cosine(steps, c.warmup))
        for epoch in range(c.epochs):
            # By seed and epoch, as in the loader: no state is carried from fit to fit.
            order = np.random.default_rng([seed, epoch]).permutation(len(target))
            for rows in torch.split(torch.from_numpy(order), c.batch_size):
                loss = functional.cross_entropy(inputs[rows] @ weight.T + bias, target[rows])
                adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                adam.step()
                schedule.step()
        self.weight, self.bias = weight.detach(), bias.detach()
        if c.initial == "random":  # words know a class without any window, random weights do not
            unseen = np.setdiff1d(np.arange(self.classes), code)
            self.weight[unseen], self.bias[unseen] = 0.0, NEVER

    def _length(self, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors, dim=-1) if self.config.initial == "text" else vectors

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K)."""
        # In float32, as the layer was fitted: bfloat16 would change near ties.
        with torch.autocast(embeddings.pooled.device.type, enabled=False):
            return self._length(embeddings.pooled.float()) @ self.weight.T + self.bias


def warm_cosine(steps: int, warmup: int) -> Callable[[int], float]:
    """Return the share of the learning rate at each of `steps`: up along a line, then down along a
    cosine to 0.

    >>> share = warm_cosine(steps=10, warmup=2)
    >>> [round(share(step), 2) for step in range(0, 11, 2)]
    [0.5, 1.0, 0.85, 0.5, 0.15, 0.0]
    """
    rising = max(warmup, steps // 100) if warmup else 0

    def share(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        past = (step - rising) / max(1, steps - rising)
        return (1 + math.cos(math.pi * min(1.0, past))) / 2

    return share
