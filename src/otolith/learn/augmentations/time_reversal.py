"""The window played backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import settings
from otolith.data.channels import Channel
from otolith.learn.augmentations.augmentation import Augmentation


@settings
class TimeReversalConfig:
    """What reversal does to turning."""

    negate_rates: bool = False
    """Whether angular rate also changes its sign, as it would for a body that moves backwards in
    time."""


class TimeReversal(Augmentation):
    """Reverse the samples of every window; nothing is random.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879; half of the pair that PRIMUS (2024,
    https://arxiv.org/abs/2411.15127) uses. Gravity and the signs of acceleration stay, as they
    should: acceleration is a second derivative, which a reversal of time leaves alone. Angular rate
    is a first derivative and would change its sign; the published reversal does not do that and so
    shows a movement that no body makes. `negate_rates=True` shows the movement itself, backwards.
    """

    Config: ClassVar[type[Any]] = TimeReversalConfig
    config: TimeReversalConfig

    def __init__(self, channels: Sequence[Channel], **settings: object) -> None:
        super().__init__(channels, **settings)
        rates = [
            channel.quantity == "gyro" and self.config.negate_rates for channel in self.channels
        ]
        self._sign = torch.tensor([-1.0 if negated else 1.0 for negated in rates])

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Reverse."""
        reversed_ = values.flip(-1)
        return reversed_ * self._sign.to(values)[:, None] if self.config.negate_rates else reversed_
