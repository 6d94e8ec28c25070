"""What every objective promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.settings import Configured
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.modalities.alignment import Alignment


class Objective(nn.Module, Configured, ABC):
    """(encoder, batch) -> named losses whose sum is minimised.

    The training loop knows nothing of it: it calls `fit` once on the training people's windows,
    `targets` for the windows of each side, and the module itself for each batch, whose `partners`
    then hold those targets.
    """

    mixes_studies: ClassVar[bool] = True
    """Whether a batch may hold windows of several studies."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.configure(settings)

    def prepare(self, windows: Windows) -> None:
        """Meet all windows before people are held back, for what is frozen alone: nothing may be
        learnt from them."""

    @abstractmethod
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """Learn whatever must come from the training people alone, and build the heads. No labels
        are seen."""

    @abstractmethod
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return what is to be predicted of some windows, by name, first axis N."""

    @abstractmethod
    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch by name, already weighted."""

    def report(self) -> dict[str, Any]:
        """Return what a reader of the run should know of what was fitted."""
        return {}

    def measured(self) -> dict[str, float]:
        """Return figures of the training epoch just past, beside the losses, and forget them."""
        return {}

    def complaints(self, history: Sequence[Mapping[str, float]]) -> list[str]:
        """Return what went wrong in the epochs so far, a sentence each; the same sentence while it
        is the same."""
        return []

    def alignment(self) -> Alignment | None:
        """Return the space that the encoder shares with modalities, where this objective makes one."""
        return None
