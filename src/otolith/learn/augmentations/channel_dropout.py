"""Channels that fell silent."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Interval
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import settings
from otolith.learn.augmentations.augmentation import Augmentation


@settings
class ChannelDropoutConfig:
    """How many channels fall silent."""

    share: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    """How likely each channel is dropped; at least one of a window always stays."""


class ChannelDropout(Augmentation):
    """Set some channels of each window to 0, each by its own chance; the others stay exactly as
    they are.

    In standardised windows 0 is the mean over the training people, as if the channel were absent.
    In SI units it removes the part of gravity that the channel holds.
    """

    Config: ClassVar[type[Any]] = ChannelDropoutConfig
    config: ChannelDropoutConfig

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Drop channels."""
        draw = torch.rand(values.shape[:2], generator=generator, device=values.device)
        # The channel with the largest draw stays in any case.
        stays = (draw >= self.config.share) | (draw == draw.amax(1, keepdim=True))
        return torch.where(stays[..., None], values, 0.0)
