"""MultitaskSSL: tell what was done to a window."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, settings
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.augmentations.augmentation import Chain
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives._views import in_order, numbered, stacked
from otolith.learn.objectives.objective import Objective
from otolith.learn.objectives.pim import Heads


@settings
class TransformationsConfig:
    """Settings of transformation recognition; the defaults are the published ones."""

    tasks: tuple[str, ...] = (
        *("jitter", "scaling", "rotation", "negation"),
        *("time_reversal", "permutation", "time_warp", "channel_shuffle"),
    )
    """What is to be recognised, one task each: otolith list augmentations."""
    augmentation_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of augmentations by name, such as {"jitter": {"deviation": 0.1}}."""
    head_width: Count = 256
    """Hidden units of each task's head."""


class Transformations(Objective):
    """Multi-task transformation recognition.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879. Each window is shown as it is and once per
    transformation; a head per transformation says whether it was this one. With eight of them a
    batch of B windows becomes 9·B, and of each task one window in nine is positive:

        L = Σ_tasks mean BCE(task)

    Windows are changed as the encoder gets them, standardised; a channel that a window lacks stays
    absent.

    Raises ConfigError for no tasks, or tasks that the channels do not allow.
    """

    Config: ClassVar[type[Any]] = TransformationsConfig
    config: TransformationsConfig

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        tasks = self.config.tasks
        if not tasks or len(set(tasks)) < len(tasks):
            raise ConfigError("Transformation recognition needs tasks, each named once.")
        self.heads: nn.Module = nn.ModuleList()

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """Build the transformations for these channels, and a head for each."""
        c = self.config
        self.transformations = Chain(c.tasks, windows.channels, c.augmentation_settings).links
        self.heads = Heads(len(c.tasks), encoder.dimension, c.head_width, 1)

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the numbers of the windows; what is predicted is made with the batch."""
        return numbered(windows)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of each task."""
        batch, generator = in_order(batch, self.training)
        views = [change(batch.values, batch.present, generator) for change in self.transformations]
        pooled = encoder(stacked(batch, [batch.values, *views])).pooled
        logits = self.heads(pooled).squeeze(-1).float()  # (tasks, (1 + tasks)·B)
        # Rows 0 … B − 1 are untouched, then B rows of each transformation.
        which = torch.eye(len(views) + 1, device=logits.device)[1:]
        truth = which.repeat_interleave(len(batch), dim=1)
        each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return dict(zip(self.config.tasks, each.mean(1), strict=True))
