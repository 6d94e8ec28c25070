"""Attention over a sensor's channels, each sensor with weights of its own: the IMU encoder of
Multi3Net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, Share, settings
from otolith.data.batch import Batch
from otolith.data.channels import Channel, channel_names, sensors
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders._attention import Positions, PostNorm
from otolith.learn.encoders.encoder import Encoder


@settings
class ChannelAttentionConfig:
    """Sizes of the channel attention; the defaults are the published ones."""

    width: Count = 256
    """D, numbers of a token and of a vector."""
    heads: Count = 8
    """Heads of the attention."""
    blocks: Count = 1
    """Blocks of attention; how many the paper has, it does not say."""
    dropout: Share = 0.1
    """Share of the attention weights dropped while training."""
    position_dropout: Share = 0.3
    """Share of a token's numbers dropped while training, once its place is added."""
    views: Count = 3
    """Vectors that a sensor's tokens are brought to, whose mean is its own vector."""


class ChannelAttention(Encoder):
    """A token for each channel, attention among the channels of a sensor, one vector a sensor.

    Source: Fortes Rey et al., "Enhancing Inertial Hand based HAR through Joint Representation of
    Language, Pose and Synthetic IMUs" (2024), https://arxiv.org/abs/2406.01316; Ray et al.,
    "Improving IMU based human activity recognition using simulated multimodal representations and a
    MoE classifier" (2025), https://doi.org/10.3389/fcomp.2025.1569205. A channel's whole window
    goes through one linear layer, sinusoids tell its place, and the layer normalisation's output is
    H: tokens (B, C, D), 6 x 256 for one wrist and 12 x 256 for two. `Embeddings.sensors` (B, S, D)
    has one vector for each sensor; `pooled` is their mean over the sensors that a window has.
    Weights are named after the sensor. Channels that a window lacks are looked at by none and leave
    as 0.

    The published text tells neither residual connections nor the activation; here attention is
    added to what came in, and a leaky ReLU stands between the two linear layers behind H. Windows
    of one length only.
    """

    Config: ClassVar[type[Any]] = ChannelAttentionConfig
    config: ChannelAttentionConfig
    any_length: ClassVar[bool] = False
    tokens_in_time = False
    keeps_sensors_apart = True

    def __init__(
        self, channels: Sequence[Channel], rate_hz: float, length: int, **settings: object
    ) -> None:
        super().__init__(channels, rate_hz, length, **settings)
        c = self.config
        self.dimension = c.width
        places = {
            name: [i for i, channel in enumerate(self.channels) if channel.sensor == name]
            for name in sensors(self.channels)
        }
        self.places = list(places.values())
        self.sensors = nn.ModuleDict({n: _Sensor(len(p), length, c) for n, p in places.items()})
        # Tokens come out sensor by sensor; where channels are mixed they are put back.
        order = [place for some in self.places for place in some]
        self.back = None if order == sorted(order) else [order.index(i) for i in range(len(order))]

    @override
    def forward(self, batch: Batch) -> Embeddings:
        """Encode a batch."""
        parts, vectors, present = [], [], []
        for places, sensor in zip(self.places, self.sensors.values(), strict=True):
            known = batch.present[:, places]
            tokens, vector = sensor(batch.values[:, places], known)
            parts.append(tokens)
            vectors.append(vector)
            present.append(known.any(dim=1))
        # (B, C, D) in the order of the sensors, and (B, S, D).
        tokens, each = torch.cat(parts, dim=1), torch.stack(vectors, dim=1)
        count = torch.stack(present, dim=1).sum(dim=1, keepdim=True)
        pooled = each.sum(dim=1) / count.clamp(min=1)
        return Embeddings(tokens if self.back is None else tokens[:, self.back], pooled, each)

    @override
    def narrowed(self, channels: Sequence[Channel]) -> ChannelAttention:
        """Return the encoder of some of the sensors, with their weights.

        Raises ConfigError for a sensor that this encoder does not have with the same channels.
        """
        fewer = ChannelAttention(channels, self.rate_hz, self.length, **self.settings())
        for name, places in zip(fewer.sensors, fewer.places, strict=True):
            ours = [channel for channel in self.channels if channel.sensor == name]
            if ours != [fewer.channels[place] for place in places]:
                every = ", ".join(channel_names(self.channels))
                raise ConfigError(
                    f"This encoder has no sensor '{name}' with these channels; it has {every}."
                )
            fewer.sensors[name].load_state_dict(self.sensors[name].state_dict())
        return fewer


class _Sensor(nn.Module):
    def __init__(self, channels: int, length: int, config: ChannelAttentionConfig) -> None:
        super().__init__()
        width, flat = config.width, channels * config.width
        self.over_time = nn.Linear(length, width)
        self.positions = Positions(channels, width, config.position_dropout)
        self.blocks = nn.ModuleList(
            PostNorm(width, config.heads, config.dropout) for _ in range(config.blocks)
        )
        self.mix, self.views = nn.Linear(flat, flat), nn.Linear(flat, config.views * width)

    @override
    def forward(self, values: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens (B, C, D) and a vector (B, D) of (B, C, T), channels (B, C) present."""
        tokens = self.positions(self.over_time(values))  # (B, C, D)
        for block in self.blocks:
            tokens = block(tokens, present)
        tokens = tokens * present[..., None]  # H of the paper
        views = self.views(functional.leaky_relu(self.mix(tokens.flatten(1))))
        vector = views.view(len(views), -1, tokens.shape[-1]).mean(dim=1)
        return tokens, vector * present.any(dim=1, keepdim=True)
