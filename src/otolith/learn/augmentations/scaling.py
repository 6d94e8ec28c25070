"""Another strength: a sensor that is off by a factor, or a person who moves more."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import Positive, settings
from otolith.learn.augmentations.augmentation import Augmentation


@settings
class ScalingConfig:
    """How far the factors lie from 1."""

    deviation: Positive = 0.1
    """Standard deviation of the factors, whose mean is 1; 0.1 in MultitaskSSL, 0.25 in PRIMUS."""


class Scaling(Augmentation):
    """Multiply each channel of a window by a factor of its own.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879; half of the pair that PRIMUS (2024,
    https://arxiv.org/abs/2411.15127) uses. Gravity changes its length and, as each axis has its own
    factor, a little of its direction; a sign changes only where a factor falls below 0, once in
    30,000 at a deviation of 0.25.
    """

    Config: ClassVar[type[Any]] = ScalingConfig
    config: ScalingConfig

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Scale each channel."""
        factor = torch.empty_like(values[..., :1])
        return values * factor.normal_(1.0, self.config.deviation, generator=generator)
