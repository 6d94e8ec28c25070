"""Residual convolutions over a frozen sentence vector, and the two linear layers that stood there
before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, Share, settings
from otolith.learn.encoders.modality_encoder import ModalityEncoder


@settings
class TextResNetConfig:
    """Sizes of the residual blocks; the defaults are the published ones."""

    filters: tuple[Count, ...] = (64, 128, 256)
    """Filters of each block's convolution."""
    kernel: Count = 3
    """Numbers of the vector that a convolution sees; odd."""
    stride: Count = 2
    """How far a convolution steps, so that each block halves the vector; unpublished."""


class TextResNet(ModalityEncoder):
    """A sentence vector (B, E) -> (B, D), where it can be moved towards what its windows and poses
    have in common.

    Source: Ray et al., "Improving IMU based human activity recognition using simulated multimodal
    representations and a MoE classifier" (2025), https://doi.org/10.3389/fcomp.2025.1569205: three
    residual blocks, each with a convolution and a batch normalisation. What comes after them is not
    published; here one linear layer over everything they leave, as a number's place in the vector
    has a meaning that a mean would lose.

    Raises ConfigError for sizes out of range.
    """

    Config: ClassVar[type[Any]] = TextResNetConfig
    config: TextResNetConfig

    def __init__(self, shape: Sequence[int], dimension: int, **settings: object) -> None:
        super().__init__(shape, dimension, **settings)
        c = self.config
        if not c.filters or min(*c.filters, c.kernel, c.stride) < 1 or not c.kernel % 2:
            raise ConfigError(
                "text_resnet needs filters, and a stride of 1 or more and an odd kernel."
            )
        (length,) = self.shape
        widths = [1, *c.filters]
        self.blocks = nn.Sequential(
            *(_Block(i, o, c.kernel, c.stride) for i, o in itertools.pairwise(widths))
        )
        for _ in c.filters:
            length = -(-length // c.stride)
        self.head = nn.Linear(c.filters[-1] * length, dimension)

    @override
    def forward(self, values: Tensor, known: Tensor | None = None) -> Tensor:
        """Encode a batch."""
        encoded: Tensor = self.head(self.blocks(values[:, None]).flatten(1))
        return encoded


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.around = nn.Conv1d(inputs, outputs, 1, stride, bias=False)

    @override
    def forward(self, values: Tensor) -> Tensor:
        return functional.relu(self.norm(self.convolution(values)) + self.around(values))


@settings
class TextMLPConfig:
    """Sizes; the defaults are the published ones."""

    hidden: Count = 512
    """Numbers between the two layers."""
    dropout: Share = 0.3
    """Share of them dropped while training."""


class TextMLP(ModalityEncoder):
    """A sentence vector (B, E) -> (B, D) by two linear layers: the text encoder of Multi3Net before
    the residual one.

    Source: Fortes Rey et al., "Enhancing Inertial Hand based HAR through Joint Representation of
    Language, Pose and Synthetic IMUs" (2024), https://arxiv.org/abs/2406.01316.
    """

    Config: ClassVar[type[Any]] = TextMLPConfig
    config: TextMLPConfig

    def __init__(self, shape: Sequence[int], dimension: int, **settings: object) -> None:
        super().__init__(shape, dimension, **settings)
        (length,) = self.shape
        hidden = self.config.hidden
        self.layers = nn.Sequential(
            nn.Linear(length, hidden),
            nn.LeakyReLU(),
            nn.Dropout(self.config.dropout),
            nn.Linear(hidden, dimension),
        )

    @override
    def forward(self, values: Tensor, known: Tensor | None = None) -> Tensor:
        """Encode a batch."""
        encoded: Tensor = self.layers(values)
        return encoded
