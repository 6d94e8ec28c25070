"""Convolutions, then a recurrent network over their output: the encoder of PRIMUS and IMU2CLIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, settings
from otolith.data.batch import Batch
from otolith.data.channels import Channel
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder


@settings
class StackedRNNConfig:
    """Sizes of the stacked recurrent network; the defaults are the published ones."""

    filters: tuple[Count, ...] = (32, 32, 32)
    """Filters of each convolution."""
    kernels: tuple[Count, ...] = (10, 5, 5)
    """Samples that each convolution touches, `dilation` apart."""
    dilation: Count = 2
    """Distance of the samples that a convolution touches."""
    pool: Count = 3
    """Steps of which the largest is kept after each convolution but the last."""
    bins: Count = 32
    """Time steps that the last convolution's output is averaged or stretched to, whatever the
    window's length."""
    groups: Count = 4
    """Groups in which the filters are normalised before the recurrent network."""
    hidden: Count = 512
    """D, width of the recurrent network."""
    time_major: bool = False
    """Whether the recurrent network walks over time; published, it walks over the filters, each a
    row of time bins."""
    padded: bool = False
    """Whether convolutions pad the window and keep its length: then 9 samples are enough instead of
    123."""
    per_sensor: bool = False
    """Whether each sensor is normalised by itself, not all accelerometers together and all
    gyroscopes together."""


class StackedRNN(Encoder):
    """Three convolutions without activations between them, and a GRU whose last state is the
    vector.

    Source: Das, Tang, Kawsar, Malekzadeh, "PRIMUS: Pretraining IMU Encoders with Multimodal and
    Self-Supervised Learning" (2024), https://arxiv.org/abs/2411.15127, after Moon et al.,
    "IMU2CLIP" (2022), https://arxiv.org/abs/2210.14395. Within each window the accelerometer and
    the gyroscope are brought to mean 0 and deviation 1, each over its channels together, so that
    only the shape of the movement is left, not its strength.

    As published the GRU walks over the 32 filters and sees 32 time bins of each; `time_major=True`
    walks over the time bins. Tokens (B, L, D) are the GRU's states: one a filter, or one a time
    bin. Windows of 123 samples or more, or of 9 with `padded=True`. With two linear heads of 512 it
    has 1,376,204 parameters for six channels.

    Raises ConfigError for sizes that do not fit together or windows that are too short.
    """

    Config: ClassVar[type[Any]] = StackedRNNConfig
    config: StackedRNNConfig
    shortest = 123
    when_too_short = "set its padded = true"

    def __init__(
        self, channels: Sequence[Channel], rate_hz: float, length: int, **settings: object
    ) -> None:
        super().__init__(channels, rate_hz, length, **settings)
        c = self.config
        self.dimension = c.hidden
        self.tokens_in_time = c.time_major
        # From here on only the shape of the movement is left, not its strength.
        self.norm = QuantityNorm(self.channels, "sensor" if c.per_sensor else "quantity")
        widths = (len(self.channels), *c.filters)
        padding = "same" if c.padded else 0
        self.convolutions = nn.ModuleList(
            nn.Conv1d(*size, kernel, dilation=c.dilation, bias=False, padding=padding)
            for size, kernel in zip(pairwise(widths), c.kernels, strict=True)
        )
        self.filter_norm = nn.GroupNorm(c.groups, c.filters[-1])
        inputs = c.filters[-1] if c.time_major else c.bins
        self.recurrent = nn.GRU(inputs, c.hidden, batch_first=True)
        self._averages: dict[tuple[int, torch.device], Tensor] = {}

    @override
    def configure(self, settings: Mapping[str, object]) -> None:
        """Take keywords as settings; they decide how short a window may be."""
        super().configure(settings)
        c = self.config
        if not c.filters or len(c.filters) != len(c.kernels) or c.filters[-1] % c.groups:
            raise ConfigError(
                f"stacked_rnn: filters {c.filters} and kernels {c.kernels} must be of one length, "
                f"and the last filters a multiple of groups ({c.groups})."
            )
        needed = 1
        # Backwards from one step after the last convolution to the samples that it takes.
        for number, kernel in enumerate(reversed(c.kernels)):
            needed = needed * c.pool if number else needed
            needed += 0 if c.padded else (kernel - 1) * c.dilation
        self.shortest = needed

    @override
    def forward(self, batch: Batch) -> Embeddings:
        """Encode a batch."""
        features = self.norm(batch.values, batch.present)  # (B, C, T)
        for number, convolution in enumerate(self.convolutions):
            if number:
                features = nn.functional.max_pool1d(features, self.config.pool)
            features = convolution(features)  # (B, filters, shorter)
        features = self.filter_norm(features @ self._average(features))  # (B, filters, bins)
        states, _ = self.recurrent(features.transpose(1, 2) if self.config.time_major else features)
        return Embeddings(tokens=states, pooled=states[:, -1])

    def _average(self, features: Tensor) -> Tensor:
        """Return (L, bins): each column the mean of the steps in its bin, as in adaptive pooling.

        A product, since the gradient of torch's pooling differs from run to run on a GPU.
        """
        length, bins = features.shape[-1], self.config.bins
        key = (length, features.device)
        if key not in self._averages:
            with torch.inference_mode(False):  # kept for training too
                weights = torch.zeros(length, bins)
                for column in range(bins):
                    start, stop = column * length // bins, -(-(column + 1) * length // bins)
                    weights[start:stop, column] = 1 / (stop - start)
                self._averages[key] = weights.to(features.device)
        return self._averages[key].to(features.dtype)


class QuantityNorm(nn.Module):
    """Bring each quantity of a window, all its channels together, to mean 0 and deviation 1; then
    scale and shift.

    For one sensor with acceleration and angular rate this is a group normalisation of two groups,
    with its weights. Channels that a window lacks count in no mean and leave as 0.
    """

    group: Tensor

    def __init__(
        self, channels: Sequence[Channel], by: Literal["quantity", "sensor"] = "quantity"
    ) -> None:
        super().__init__()
        keys = [(c.quantity, c.sensor if by == "sensor" else "") for c in channels]
        order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        number = torch.tensor([order[key] for key in keys])
        membership = nn.functional.one_hot(number, len(order)).float()
        self.register_buffer("group", membership, persistent=False)
        self.weight = nn.Parameter(torch.ones(len(keys)))
        self.bias = nn.Parameter(torch.zeros(len(keys)))

    @override
    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """Normalise (B, C, T), of which channels (B, C) are present."""
        # In float32: bfloat16 keeps two or three digits, too few for a variance.
        with torch.autocast(values.device.type, enabled=False):
            # Mean and variance of a whole group from those of its channels: no copy per group.
            spread, middle = torch.var_mean(values, dim=-1, correction=0)
            weight = present.to(values.dtype)
            # At least 1, so that a group of which a window has no channel stays finite.
            count = (weight @ self.group).clamp(min=1)
            # Of each channel its group's mean, and its group's variance about that mean.
            mean = ((weight * middle) @ self.group / count) @ self.group.T
            square = weight * (spread + (middle - mean) ** 2)
            variance = (square @ self.group / count) @ self.group.T
            scale = self.weight * torch.rsqrt(variance + 1e-5) * weight
            return (values - mean[..., None]) * scale[..., None] + (self.bias * weight)[..., None]
