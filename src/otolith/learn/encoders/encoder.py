"""What every encoder promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Configured
from otolith.data.batch import Batch
from otolith.data.channels import Channel, sensors
from otolith.learn.embeddings import Embeddings


class Encoder(Configured, nn.Module, ABC):
    """Batch of windows -> tokens (B, L, D) and one vector (B, D) a window.

    An encoder is built for named channels at one rate. It keeps rows apart: what it says of a
    window does not change with the other windows of the batch once it is in eval mode. A member is
    one class, and one line in the table of this folder:

    >>> class Moments(Encoder):
    ...     "Mean and deviation of each channel, through a linear layer."
    ...     def __init__(self, channels, rate_hz, length, **settings):
    ...         super().__init__(channels, rate_hz, length, **settings)
    ...         self.dimension = 16
    ...         self.layer = nn.Linear(2 * len(self.channels), self.dimension)
    ...     def forward(self, batch):
    ...         moments = torch.cat([batch.values.mean(-1), batch.values.std(-1)], dim=1)
    ...         pooled = self.layer(moments)
    ...         return Embeddings(tokens=pooled[:, None], pooled=pooled)
    >>> Moments(["waist.acc.x"], rate_hz=50.0, length=100).dimension
    16
    """

    dimension: int
    """D, the length of the vectors."""
    shortest: int = 1
    """Fewest samples that a window may have; settings may change it."""
    any_length: ClassVar[bool] = True
    """Whether windows may be longer or shorter than those it was built for."""
    when_too_short: ClassVar[str] = ""
    """Which setting makes it take shorter windows, where one does."""
    tokens_in_time: bool = True
    """Whether tokens follow one another in time, so that a signal can be drawn from them."""
    keeps_sensors_apart: bool = False
    """Whether it gives one vector for each sensor too (`Embeddings.sensors`), which the other
    sensors do not change."""
    learns: ClassVar[bool] = True
    """False for a fixed recipe without weights, which pretraining and fine-tuning leave as it is.
    """

    def __init__(
        self, channels: Sequence[Channel], rate_hz: float, length: int, **settings: object
    ) -> None:
        super().__init__()
        self.channels, self.rate_hz, self.length = tuple(channels), rate_hz, length
        self.configure(settings)
        if length < self.shortest:
            instead = f"{self.when_too_short}, " if self.when_too_short else ""
            raise ConfigError(
                f"{type(self).__name__} needs windows of {self.shortest} samples or more; these "
                f"hold {length} ({length / rate_hz:g} s at {rate_hz:g} Hz). Cut windows of "
                f"{self.shortest / rate_hz:.3g} s or more, {instead}or choose another encoder: "
                "otolith list encoders."
            )

    @abstractmethod
    @override
    def forward(self, batch: Batch) -> Embeddings:
        """Encode a batch."""

    def narrowed(self, channels: Sequence[Channel]) -> Encoder:
        """Return an encoder with the same weights for some of the sensors.

        Raises ConfigError where sensors are not kept apart, so that none can be left out, or one is
        not known.
        """
        raise ConfigError(
            f"{type(self).__name__} mixes its sensors, and none of them can be left out; "
            f"channel_attention keeps them apart. It was made for "
            f"{', '.join(sensors(self.channels))}."
        )

    def feature_names(self) -> list[str]:
        """Return a name for each of the D numbers of a vector."""
        return [f"{type(self).__name__.lower()}{i}" for i in range(self.dimension)]

    def parameter_groups(self) -> Iterable[dict[str, Any]]:
        """Return the parameters as an optimiser takes them, with the weight decay that belongs to
        each group."""
        return [{"params": list(self.parameters())}]


class Standardise(nn.Module):
    """Bring every channel to mean 0 and standard deviation 1 over the training people; absent
    channels become 0.

    Before that, values beyond the range that the training people's plausibly lie in are clipped to
    it.
    """

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("low", torch.full((channels,), -torch.inf))
        self.register_buffer("high", torch.full((channels,), torch.inf))

    @override
    def forward(self, values: Tensor) -> Tensor:
        """Clip and standardise (B, C, T)."""
        # One glitch of a sensor would otherwise be hundreds of deviations, and reach every layer.
        clipped = values.clamp(self.low[:, None], self.high[:, None])
        # Absent channels are NaN until here; 0 is the mean, which says nothing.
        return torch.nan_to_num((clipped - self.mean[:, None]) / self.std[:, None])

    def part(self, place: Sequence[int]) -> Standardise:
        """Return what standardises some of the channels."""
        chosen = Standardise(len(place))
        chosen.load_state_dict(
            {name: tensor[list(place)] for name, tensor in self.state_dict().items()}
        )
        return chosen
