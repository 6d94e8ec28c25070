"""Three convolutions and a global maximum: the encoder that PIM and its rivals share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.settings import Count, NonNegative, Share, settings
from otolith.data.batch import Batch
from otolith.data.channels import Channel
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders._dropout import Dropout
from otolith.learn.encoders.encoder import Encoder


@settings
class TPNConfig:
    """Sizes of the transformation prediction network."""

    filters: tuple[Count, ...] = (32, 64, 96)
    """Filters of each convolution."""
    kernels: tuple[Count, ...] = (24, 16, 8)
    """Samples that each convolution sees; valid padding, so the shortest window has 46 samples."""
    dropout: Share = 0.1
    """Share of features dropped after each convolution while training."""
    l2: NonNegative = 1e-4
    """L2 penalty on the kernels (not on biases)."""


class Convolution(nn.Conv1d):
    """A convolution over time with the weights of a `Conv1d`: (B, C, T) or (B, C, 1, T) to (B, C,
    1, T).

    An image of one row may lie in memory with its channels side by side, which the convolutions
    after the first and the maximum read faster. A signal of few channels stays as it is: with two
    threads, the kernel for 3 or 6 channels side by side in bf16 waited seconds for a thread that
    another process had pushed aside.
    """

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Convolve, with no padding."""
        if input.dim() == 4:
            return functional.conv2d(input, self.weight.unsqueeze(2), self.bias)
        image = super().forward(input).unsqueeze(2)
        return (
            image.contiguous(memory_format=torch.channels_last)
            if image.device.type == "cpu"
            else image
        )


class TPN(Encoder):
    """A small convolutional network over all sensors' channels at once.

    Source: Saeed et al., "Multi-task Self-Supervised Learning for Human Activity Detection" (2019),
    https://arxiv.org/abs/1907.11879; PIM (2025, https://arxiv.org/abs/2503.17978) describes the
    same shape without sizes. Any window of 46 samples or more; tokens are the time steps after the
    last convolution.
    """

    Config: ClassVar[type[Any]] = TPNConfig
    config: TPNConfig
    shortest = 46

    def __init__(
        self, channels: Sequence[Channel], rate_hz: float, length: int, **settings: object
    ) -> None:
        super().__init__(channels, rate_hz, length, **settings)
        layers: list[nn.Module] = []
        width = len(self.channels)
        for filters, kernel in zip(self.config.filters, self.config.kernels, strict=True):
            layers += [Convolution(width, filters, kernel), nn.ReLU(), Dropout(self.config.dropout)]
            width = filters
        self.layers = nn.Sequential(*layers)
        self.dimension = width
        for layer in self.layers:
            if isinstance(layer, Convolution):
                # Keras's Glorot uniform and zero biases, which the published sizes were found with.
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    @override
    def forward(self, batch: Batch) -> Embeddings:
        """Encode a batch."""
        features = self.layers(batch.values).squeeze(2)  # (B, D, L)
        return Embeddings(tokens=features.transpose(1, 2), pooled=torch.amax(features, dim=-1))

    @override
    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """Return kernels with the L2 penalty and biases without; a penalty of l2·w² is a decay of
        2·l2."""
        kernels = [p for name, p in self.named_parameters() if name.endswith("weight")]
        biases = [p for name, p in self.named_parameters() if name.endswith("bias")]
        return [
            {"params": kernels, "weight_decay": 2 * self.config.l2},
            {"params": biases, "weight_decay": 0.0},
        ]
