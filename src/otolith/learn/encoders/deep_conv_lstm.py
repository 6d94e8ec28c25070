"""DeepConvLSTM: convolutions over each channel by itself, then two recurrent layers over time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import nn
from typing_extensions import override

from otolith.core.settings import Count, Share, settings
from otolith.data.batch import Batch
from otolith.data.channels import Channel
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders._dropout import Dropout
from otolith.learn.encoders.encoder import Encoder


@settings
class DeepConvLSTMConfig:
    """Sizes of DeepConvLSTM; the defaults are the published ones."""

    filters: Count = 64
    """Filters of each convolution."""
    convolutions: Count = 4
    """How many convolutions stand one behind the other."""
    kernel: Count = 5
    """Samples that a convolution sees; valid padding, so the shortest window has 17 samples."""
    hidden: Count = 128
    """D, units of each recurrent layer."""
    layers: Count = 2
    """Recurrent layers."""
    dropout: Share = 0.5
    """Share of features dropped before each recurrent layer while training."""


class DeepConvLSTM(Encoder):
    """The network that is the ordinary baseline of activity recognition from worn sensors.

    Source: Ordóñez, Roggen, "Deep Convolutional and LSTM Recurrent Neural Networks for Multimodal
    Wearable Activity Recognition" (2016), https://doi.org/10.3390/s16010115. All channels share the
    convolutions' weights. Tokens are the last layer's states (B, L, D), one a time step, and the
    vector is the last of them. Weights start orthogonal, as published. In windows of several
    seconds that alone forgets the beginning, so that forget gates start open (Gers, Schmidhuber,
    Cummins, "Learning to Forget", 2000, https://doi.org/10.1162/089976600300015015) and
    convolutions with ReLU's gain.

    Raises ConfigError for sizes below 1 or windows that are too short.
    """

    Config: ClassVar[type[Any]] = DeepConvLSTMConfig
    config: DeepConvLSTMConfig
    shortest = 17
    when_too_short = "set its kernel smaller"

    def __init__(
        self, channels: Sequence[Channel], rate_hz: float, length: int, **settings: object
    ) -> None:
        super().__init__(channels, rate_hz, length, **settings)
        c = self.config
        widths = [1, *[c.filters] * c.convolutions]
        steps: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            steps += [nn.Conv2d(inputs, outputs, (1, c.kernel)), nn.ReLU()]
        self.convolutions = nn.Sequential(*steps)
        sizes = [c.filters * len(self.channels), *[c.hidden] * (c.layers - 1)]
        self.recurrent = nn.ModuleList(nn.LSTM(size, c.hidden, batch_first=True) for size in sizes)
        self.drop = Dropout(c.dropout)
        self.dimension = c.hidden
        self._begin()

    def _begin(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.orthogonal_(module.weight, nn.init.calculate_gain("relu"))
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, nn.LSTM):
                for name, values in module.named_parameters(recurse=False):
                    gates = values.detach().chunk(4)  # in, forget, cell, out
                    start = nn.init.orthogonal_ if name.startswith("weight") else nn.init.zeros_
                    for gate in gates:
                        start(gate)
                    if name == "bias_ih_l0":  # forget gates start open
                        nn.init.ones_(gates[1])

    @override
    def configure(self, settings: Mapping[str, object]) -> None:
        """Take keywords as settings; they decide how short a window may be."""
        super().configure(settings)
        c = self.config
        self.shortest = c.convolutions * (c.kernel - 1) + 1

    @override
    def forward(self, batch: Batch) -> Embeddings:
        """Encode a batch."""
        features = self.convolutions(batch.values[:, None])  # (B, filters, C, L)
        states = features.permute(0, 3, 1, 2).flatten(2)  # (B, L, filters·C)
        for layer in self.recurrent:
            states, _ = layer(self.drop(states))
        return Embeddings(tokens=states, pooled=states[:, -1])
