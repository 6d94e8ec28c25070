"""Noise: what a cheaper sensor adds."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import Positive, settings
from otolith.learn.augmentations.augmentation import Augmentation


@settings
class JitterConfig:
    """How strong the noise is."""

    deviation: Positive = 0.05
    """Standard deviation of the noise, in the unit of the windows."""


class Jitter(Augmentation):
    """Add white noise to every sample.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879. Sign and gravity stay, on average.
    """

    Config: ClassVar[type[Any]] = JitterConfig
    config: JitterConfig

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Add noise."""
        noise = torch.empty_like(values).normal_(generator=generator)
        return values + self.config.deviation * noise
