"""IMU2CLIP: each window's embedding is placed where its video and its text are."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Literal

from torch import Tensor
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, Positive, Share, settings
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives._modalities import (
    NEEDS,
    Aligned,
    Companions,
    Temperature,
    multimodal,
    placement,
    vectors_of,
)
from otolith.learn.objectives._views import in_order


@settings
class IMU2CLIPConfig:
    """Settings of IMU2CLIP."""

    text: str = "minilm"
    """The modality of words; empty to leave words out: otolith list modalities."""
    video: str = ""
    """The modality of video: `clip_video`, or `vectors` where they were made elsewhere."""
    pose: str = ""
    """The modality of poses, such as `pose_vector`; the published method has none."""
    modality_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of the modalities by `text`, `video`, `pose`."""
    modality_fraction: Share = 1.0
    """Share of the windows whose modalities are seen."""
    width: Count = 512
    """Numbers of the space that motion and modalities share."""
    project: Literal["where_needed", "always"] = "where_needed"
    """`where_needed`: a modality of `width` numbers is taken as it is; `always`: each gets a linear
    layer."""
    temperature: Positive = 0.1
    """Start of the learnt temperature."""
    temperature_bounds: tuple[Positive, Positive] = (0.01, 1.0)
    """It stays within these."""


class IMU2CLIP(Aligned):
    """Contrast of each window with its video and its text.

    Source: Moon et al., "IMU2CLIP: Multimodal Contrastive Learning for IMU Motion Sensors from
    Egocentric Videos and Text" (2022), https://arxiv.org/abs/2210.14395. With f the encoder and v,
    t frozen vectors of video and text,

        L = InfoNCE(f(x), v; τ) + InfoNCE(f(x), t; τ)

    symmetric, over the windows of a batch that have the modality. An encoder or a modality of
    another width than the space gets a linear layer.

    Raises ConfigError for settings out of range, or where no window has a modality.
    """

    Config: ClassVar[type[Any]] = IMU2CLIPConfig
    config: IMU2CLIPConfig

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        c = self.config
        named = {"text": c.text, "video": c.video, "pose": c.pose}
        self.companions = Companions(named, c.modality_settings, c.modality_fraction)
        self.space = None
        self.temperature = Temperature(c.temperature, c.temperature_bounds)

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """See which modalities there are, and build the layers into the shared space."""
        self.companions.fit(windows)
        roles, c = self.companions.roles, self.config
        if not roles:
            raise ConfigError(
                f"IMU2CLIP contrasts windows with modalities, and none of these has one. {NEEDS}"
            )
        # The space may be the encoder's own, as published, where the widths agree.
        self.space = placement(encoder.dimension, c.width, roles, c.project, imu=False)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return one loss a modality."""
        assert self.space is not None
        batch, _ = in_order(batch, self.training)
        motion = self.space.motion(encoder(batch).pooled)  # (B, E)
        if self.training:
            # Of training batches alone: figures of an epoch say whether the vectors collapse.
            self._spread.add(motion)
        vectors, present = vectors_of(batch, self.space.roles)
        return multimodal(self.space, motion, vectors, present, self.temperature())
