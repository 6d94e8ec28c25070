"""Every sign turned."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from otolith.learn.augmentations.augmentation import Augmentation


class Negation(Augmentation):
    """Turn the sign of every sample; nothing is random.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879. Gravity points the other way. No way of
    wearing a sensor does this: its axes would have to be left-handed. Turning angular rate alone
    would be the same turn the other way round.
    """

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Negate."""
        return -values
