"""IMU2CLIP: motion placed where its video and its words are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, Positive, Share, settings
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.modalities.alignment import Alignment
from otolith.learn.objectives._contrast import info_nce
from otolith.learn.objectives._modalities import (
    NEEDS,
    Companions,
    Spread,
    Temperature,
    collapse_notes,
    placement,
    vectors_of,
)
from otolith.learn.objectives._views import in_order, numbered
from otolith.learn.objectives.objective import Objective


@settings
class IMU2CLIPConfig:
    """Settings of IMU2CLIP."""

    text: str = "minilm"
    """The modality that makes vectors of words; empty to leave words out: otolith list modalities."""
    video: str = ""
    """The modality of video: `clip_video`, or `vectors` where they were made elsewhere."""
    pose: str = ""
    """The modality of poses, such as `pose_vector`; the published method has none."""
    modality_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of the modalities by `text`, `video`, `pose`."""
    modality_fraction: Share = 1.0
    """Share of the windows whose modalities are seen."""
    width: Count = 512
    """Numbers of the space that motion and modalities share."""
    project: Literal["where_needed", "always"] = "where_needed"
    """`where_needed`: what has `width` numbers already is taken as it is; `always`: everything gets
    a linear layer."""
    temperature: Positive = 0.1
    """Where the learnt temperature starts."""
    temperature_bounds: tuple[Positive, Positive] = (0.01, 1.0)
    """It stays within these."""


class IMU2CLIP(Objective):
    """Contrast of each window with its video and its text.

    Source: Moon et al., "IMU2CLIP: Multimodal Contrastive Learning for IMU Motion Sensors from
    Egocentric Videos and Text" (2022), https://arxiv.org/abs/2210.14395. With f the encoder and v,
    t frozen vectors of video and text,

        L = InfoNCE(f(x), v; τ) + InfoNCE(f(x), t; τ)

    symmetric, over the windows of a batch that have the modality. An encoder of another width than
    the space gets a linear layer behind it, and so does a modality.

    Raises ConfigError for settings out of range, or where no window has a modality.
    """

    Config: ClassVar[type[Any]] = IMU2CLIPConfig
    config: IMU2CLIPConfig

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        c = self.config
        named = {"text": c.text, "video": c.video, "pose": c.pose}
        self.companions = Companions(named, c.modality_settings, c.modality_fraction)
        self.temperature = Temperature(c.temperature, c.temperature_bounds)
        self.space: Alignment | None = None
        self.spread = Spread()

    @override
    def prepare(self, windows: Windows) -> None:
        """Ask for the modalities of everybody's windows at once."""
        self.companions.prepare(windows)

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """See which modalities there are, and build the layers into the shared space."""
        self.companions.fit(windows)
        if not self.companions.roles:
            raise ConfigError(
                f"IMU2CLIP contrasts windows with modalities, and none of these has one. {NEEDS}"
            )
        c = self.config
        self.space = placement(
            encoder.dimension, c.width, self.companions.roles, c.project, imu=False
        )

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the modalities' vectors, and the numbers of the windows."""
        return numbered(windows) | self.companions.targets(windows)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return one loss a modality."""
        batch, _ = in_order(batch, self.training)
        assert self.space is not None
        vectors, present = vectors_of(batch, self.space.roles)
        motion = self.space.motion(encoder(batch).pooled)
        if self.training:
            self.spread.add(motion)
        return multimodal(self.space, motion, vectors, present, self.temperature())

    @override
    def measured(self) -> dict[str, float]:
        """Return whether vectors of different windows still differ."""
        return self.spread.figures()

    @override
    def complaints(self, history: Sequence[Mapping[str, float]]) -> list[str]:
        """Return a sentence where they collapsed."""
        return collapse_notes(history)

    @override
    def report(self) -> dict[str, Any]:
        """Return how many windows have which modality."""
        return self.companions.report()

    @override
    def alignment(self) -> Alignment | None:
        """Return the space shared with the modalities."""
        return self.space


def multimodal(
    space: Alignment,
    motion: Tensor,
    vectors: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    temperature: Tensor,
) -> dict[str, Tensor]:
    """Return, for each modality, the contrast of windows (B, E) in the space with what goes with
    them."""
    return {
        f"mm_{name}": info_nce(
            motion, space.modality(name, vectors[name]), temperature, present[name]
        )
        for name in space.roles
    }
