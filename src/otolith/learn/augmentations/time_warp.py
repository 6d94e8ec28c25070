"""A movement that is now slower, now faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import Positive, settings
from otolith.data.channels import Channel
from otolith.learn.augmentations.augmentation import Augmentation

SLOWEST = 0.05
"""Of the usual speed; a spline that dips below would make time stand still or run backwards."""


@settings
class TimeWarpConfig:
    """How unevenly time runs."""

    knots: Annotated[int, Ge(2)] = 4
    """Inner knots of the spline that the speed follows; two more stand at the ends."""
    deviation: Positive = 0.2
    """Standard deviation of the speed at the knots, whose mean is 1."""


class TimeWarp(Augmentation):
    """Stretch parts of each window and squeeze others, all channels alike; the ends stay where they
    are.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879: the speed follows a cubic spline through
    random values at evenly spaced knots. Sign and gravity stay. A body that truly moved faster
    would also turn and accelerate more strongly; that is not imitated, as it is not in the
    published one.
    """

    Config: ClassVar[type[Any]] = TimeWarpConfig
    config: TimeWarpConfig

    def __init__(self, channels: Sequence[Channel], **settings: object) -> None:
        super().__init__(channels, **settings)
        self._splines: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Warp."""
        rows, _, length = values.shape
        spline = self._spline(values)
        speed = torch.empty(rows, len(spline), dtype=values.dtype, device=values.device)
        speed.normal_(1.0, self.config.deviation, generator=generator)
        with torch.autocast(values.device.type, enabled=False):
            steps = (speed @ spline).clamp(min=SLOWEST)[:, 1:].cumsum(1)
            # Where in the window each sample is now read, from 0 to T − 1.
            start = torch.zeros_like(steps[:, :1])
            at = torch.cat([start, steps / steps[:, -1:] * (length - 1)], dim=1)
        left = at.floor().long().clamp(max=max(length - 2, 0))
        share = (at - left)[:, None]
        left = left[:, None].expand_as(values)
        right = (left + 1).clamp(max=length - 1)
        return values.gather(2, left) * (1 - share) + values.gather(2, right) * share

    def _spline(self, values: Tensor) -> Tensor:
        """Return (knots + 2, T): the spline at each sample for a 1 at one knot, 0 at the others."""
        key = (values.shape[-1], values.device, values.dtype)
        if key not in self._splines:
            import numpy as np
            from scipy.interpolate import CubicSpline

            count = self.config.knots + 2
            spline = CubicSpline(np.linspace(0, 1, count), np.eye(count))
            table = torch.from_numpy(spline(np.linspace(0, 1, key[0])).T.copy())
            # Kept for later batches, of which some may need gradients.
            with torch.inference_mode(False):
                self._splines[key] = table.to(values.device, values.dtype)
        return self._splines[key]
