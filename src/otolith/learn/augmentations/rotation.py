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
from otolith.data.channels import Channel, triads
from otolith.learn.augmentations.augmentation import Augmentation


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

    def __init__(self, channels: Sequence[Channel], **settings: Any) -> None:
        super().__init__(channels, **settings)
        found = {
            key: index
            for key, index in triads(self.channels).items()
            if self.channels[index[0]].frame != "world"
        }
        self.require(bool(found), "it needs the x, y and z of a sensor, in the sensor's own axes")
        sensors = list(dict.fromkeys(sensor for sensor, _ in found))
        self._index = torch.tensor(list(found.values()))
        self._sensor = torch.tensor([sensors.index(sensor) for sensor, _ in found])
        self._sensors = len(sensors)

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rotate each sensor."""
        index, sensor = self._index.to(values.device), self._sensor.to(values.device)
        with torch.autocast(values.device.type, enabled=False):
            turns = self.draw(len(values) * self._sensors, values, generator).view(
                len(values), self._sensors, 3, 3
            )
            turned = turns[:, sensor] @ values[:, index]  # (B, K, 3, 3) @ (B, K, 3, T), K triads
        return values.index_copy(1, index.flatten(), turned.flatten(1, 2))

    def draw(self, count: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw rotations (count, 3, 3) about axes from a cube, on the device and in the precision
        of `like`."""
        axis = torch.empty(count, 3, dtype=like.dtype, device=like.device).uniform_(
            -1, 1, generator=generator
        )
        x, y, z = functional.normalize(axis, dim=1).unbind(1)
        largest = math.radians(self.config.largest_deg)
        angle = torch.empty_like(x).uniform_(-largest, largest, generator=generator)
        nought = torch.zeros_like(x)
        cross = torch.stack([nought, -z, y, z, nought, -x, -y, x, nought], dim=1).view(-1, 3, 3)
        sine, cosine = angle.sin()[:, None, None], angle.cos()[:, None, None]
        return (
            torch.eye(3, dtype=like.dtype, device=like.device)
            + sine * cross
            + (1 - cosine) * cross @ cross
        )
