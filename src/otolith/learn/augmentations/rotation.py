"""A sensor worn another way round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Interval
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from otolith.core.settings import settings
from otolith.data.channels import Channel
from otolith.learn.augmentations.augmentation import Augmentation, Triads


@settings
class RotationConfig:
    """How far sensors are turned."""

    largest_deg: Annotated[float, Interval(gt=0, le=180)] = 180.0
    """Largest angle in degrees; angles are drawn evenly up to it."""


class Rotation(Augmentation):
    """Turn each sensor of each window by one random rotation, its acceleration, angular rate and
    field together.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879, who turn acceleration alone: the axis is
    drawn from a cube and the angle from −180° to 180°. Gravity turns with the sensor and keeps its
    length, and so does every norm. That is how a sensor looks that is worn otherwise, as long as
    the windows are in SI units; of standardised windows, whose mean is gone, it turns what the
    three axes have left. Channels in the frame of the world, and axes without their two companions,
    stay.

    Raises ConfigError where no sensor has all three axes of a quantity.
    """

    Config: ClassVar[type[Any]] = RotationConfig
    config: RotationConfig

    def __init__(self, channels: Sequence[Channel], **settings: object) -> None:
        super().__init__(channels, **settings)
        self._triads = Triads(self.channels, worlds_too=False)
        needs = "it needs the x, y and z of a sensor, in the sensor's own axes"
        self.require(self._triads.sensors > 0, needs)

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rotate each sensor."""
        index, sensor = self._triads.to(values.device)
        shape = (len(values), self._triads.sensors)
        largest = math.radians(self.config.largest_deg)
        with torch.autocast(values.device.type, enabled=False):
            turns = random_rotations(math.prod(shape), largest, values, generator)
            turns = turns.view(*shape, 3, 3)
            turned = turns[:, sensor] @ values[:, index]  # (B, K, 3, 3) @ (B, K, 3, T), K triads
        return values.index_copy(1, index.flatten(), turned.flatten(1, 2))


def random_rotations(
    count: int, largest_rad: float, like: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Return rotations (count, 3, 3) about axes drawn from a cube, on the device of `like`.

    By Rodrigues' formula: R = I + sin(a) K + (1 − cos(a)) K², K the cross product with the axis.
    """
    axis = torch.empty(count, 3, dtype=like.dtype, device=like.device)
    x, y, z = functional.normalize(axis.uniform_(-1, 1, generator=generator), dim=1).unbind(1)
    angle = torch.empty_like(x).uniform_(-largest_rad, largest_rad, generator=generator)
    nought = torch.zeros_like(x)
    cross = torch.stack([nought, -z, y, z, nought, -x, -y, x, nought], dim=1).view(-1, 3, 3)
    sine, cosine = angle.sin()[:, None, None], angle.cos()[:, None, None]
    unturned = torch.eye(3, dtype=like.dtype, device=like.device)
    return unturned + sine * cross + (1 - cosine) * cross @ cross
