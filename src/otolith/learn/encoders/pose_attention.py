"""Attention among the moments of a pose: the pose encoder of Multi3Net before PoseFormer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.settings import Count, Share, settings
from otolith.learn.encoders._attention import Positions, PostNorm
from otolith.learn.encoders.modality_encoder import ModalityEncoder


@settings
class PoseAttentionConfig:
    """Sizes; the defaults are the published ones."""

    width: Count = 256
    """Numbers of a moment's token."""
    heads: Count = 8
    """Heads of the attention."""
    blocks: Count = 1
    """Blocks of attention."""
    dropout: Share = 0.1
    """Share of the attention weights dropped while training."""
    position_dropout: Share = 0.3
    """Share of a token's numbers dropped while training, once its place is added."""
    hidden: Count = 2560
    """Numbers between the two linear layers behind the tokens."""
    views: Count = 5
    """Vectors whose mean is the result."""


class PoseAttention(ModalityEncoder):
    """Poses (B, F, J, 3) in metres -> (B, D): a token for each moment, from all joints that are
    known then.

    Source: Fortes Rey et al., "Enhancing Inertial Hand based HAR through Joint Representation of
    Language, Pose and Synthetic IMUs" (2024), https://arxiv.org/abs/2406.01316. Joints that are not
    known are 0.

    Raises ConfigError for sizes below 1.
    """

    Config: ClassVar[type[Any]] = PoseAttentionConfig
    config: PoseAttentionConfig

    def __init__(self, shape: Sequence[int], dimension: int, **settings: object) -> None:
        super().__init__(shape, dimension, **settings)
        c = self.config
        frames, joints, axes = self.shape
        self.moment = nn.Linear(joints * axes, c.width)
        self.positions = Positions(frames, c.width, c.position_dropout)
        self.blocks = nn.ModuleList(PostNorm(c.width, c.heads, c.dropout) for _ in range(c.blocks))
        self.mix = nn.Linear(frames * c.width, c.hidden)
        self.views = nn.Linear(c.hidden, c.views * dimension)

    @override
    def forward(self, values: Tensor, known: Tensor | None = None) -> Tensor:
        """Encode a batch; `known` (B, J) says which joints are there."""
        if known is not None:
            values = values * known[:, None, :, None]
        tokens = self.positions(self.moment(values.flatten(2)))  # (B, F, width)
        for block in self.blocks:
            tokens = block(tokens)
        views = self.views(functional.leaky_relu(self.mix(tokens.flatten(1))))  # (B, views·D)
        encoded: Tensor = views.view(len(views), -1, self.dimension).mean(dim=1)
        return encoded
