"""PoseFormer: attention among the joints of each moment, then among the moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.settings import Count, Index, Positive, Share, settings
from otolith.learn.encoders._attention import PreNorm
from otolith.learn.encoders.modality_encoder import ModalityEncoder


@settings
class PoseFormerConfig:
    """Sizes of PoseFormer; the defaults are the published ones."""

    joint_width: Count = 32
    """Numbers of a joint's token."""
    spatial_depth: Count = 4
    """Blocks among the joints of a moment."""
    temporal_depth: Count = 4
    """Blocks among the moments."""
    heads: Count = 8
    """Heads of the attention."""
    ratio: Positive = 2.0
    """Width of the feed-forward layers, in widths of their tokens."""
    depth_drop: Share = 0.2
    """Share of windows for which the last block is left out while training; the first is never."""
    temporal_width: Index = 0
    """Numbers of a moment's token; 0, published: all joints' numbers side by side, 704 of 22
    joints, 1664 of 52."""


class PoseFormer(ModalityEncoder):
    """Poses (B, F, J, 3) in metres -> (B, D).

    Source: Zheng et al., "3D Human Pose Estimation with Spatial and Temporal Transformers" (2021),
    https://arxiv.org/abs/2103.10455, here from joints in space instead of in the picture, and with
    one vector instead of a pose at its end. Joints that are not known are looked at by none and are
    0 afterwards.

    Raises ConfigError for sizes below 1.
    """

    Config: ClassVar[type[Any]] = PoseFormerConfig
    config: PoseFormerConfig

    def __init__(self, shape: Sequence[int], dimension: int, **settings: object) -> None:
        super().__init__(shape, dimension, **settings)
        c = self.config
        frames, joints, axes = self.shape
        side_by_side = joints * c.joint_width
        width = c.temporal_width or side_by_side
        self.joint = nn.Linear(axes, c.joint_width)
        self.joint_place = nn.Parameter(0.02 * torch.randn(joints, c.joint_width))
        self.spatial = _blocks(c.spatial_depth, c.joint_width, c)
        self.spatial_norm = nn.LayerNorm(c.joint_width)
        narrow = nn.Linear(side_by_side, width) if c.temporal_width else nn.Identity()
        self.narrow: nn.Module = narrow
        self.moment_place = nn.Parameter(0.02 * torch.randn(frames, width))
        self.temporal = _blocks(c.temporal_depth, width, c)
        self.temporal_norm = nn.LayerNorm(width)
        self.mean = nn.Linear(frames, 1)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, dimension))

    @override
    def forward(self, values: Tensor, known: Tensor | None = None) -> Tensor:
        """Encode a batch; `known` (B, J) says which joints are there."""
        rows, frames = values.shape[:2]
        seen = None if known is None else known.repeat_interleave(frames, dim=0)  # (B·F, J)
        tokens = self.joint(values.flatten(0, 1)) + self.joint_place  # (B·F, J, joint_width)
        for block in self.spatial:
            tokens = block(tokens, seen)
        tokens = self.spatial_norm(tokens)
        if seen is not None:
            tokens = tokens * seen[..., None]
        # (B, F, width): the joints of a moment side by side.
        moments = self.narrow(tokens.view(rows, frames, -1)) + self.moment_place
        for block in self.temporal:
            moments = block(moments)
        # A learnt weighted mean over the moments, as published.
        mean = self.mean(self.temporal_norm(moments).transpose(1, 2)).squeeze(2)
        encoded: Tensor = self.head(mean)
        return encoded


def _blocks(depth: int, width: int, config: PoseFormerConfig) -> nn.ModuleList:
    drops = [config.depth_drop * number / max(depth - 1, 1) for number in range(depth)]
    return nn.ModuleList(PreNorm(width, config.heads, config.ratio, drop) for drop in drops)
