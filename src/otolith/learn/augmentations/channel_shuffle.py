"""Axes that changed places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor
from typing_extensions import override

from otolith.data.channels import Channel
from otolith.learn.augmentations.augmentation import Augmentation, Triads

_ORDERS = torch.tensor(list(permutations(range(3)))[1:])
"""All orders of three axes but their own."""


class ChannelShuffle(Augmentation):
    """Exchange the axes of each sensor, those of its acceleration and its angular rate in the same
    way.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879; the order is never the one that it was.
    Gravity goes to another axis and keeps its sign and length; two of the five orders are turns of
    the sensor, three are mirrored. Axes without their two companions stay.

    Raises ConfigError where no sensor has all three axes of a quantity.
    """

    def __init__(self, channels: Sequence[Channel], **settings: object) -> None:
        super().__init__(channels, **settings)
        self._triads = Triads(self.channels)
        self.require(self._triads.sensors > 0, "it needs the x, y and z of a sensor")

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Shuffle axes."""
        rows, device = len(values), values.device
        index, sensor = self._triads.to(device)
        size = (rows, self._triads.sensors)
        drawn = torch.randint(len(_ORDERS), size, generator=generator, device=device)
        order = _ORDERS.to(device)[drawn][:, sensor]  # (B, K, 3), K triads
        source = torch.arange(values.shape[1], device=device).repeat(rows, 1)
        source[:, index.flatten()] = index.expand(rows, -1, -1).gather(2, order).flatten(1)
        return values.gather(1, source[..., None].expand_as(values))
