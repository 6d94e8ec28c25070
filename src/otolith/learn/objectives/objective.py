"""What every objective promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from torch import Tensor, nn
from typing_extensions import TypedDict, override  # pydantic needs this one before Python 3.12

from otolith.core.settings import Configured
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.modalities.alignment import Alignment


class Fitted(TypedDict, total=False):
    """What an objective says of the windows that it was fitted to."""

    notes: list[str]
    """What could not be measured or made use of, a sentence each."""
    windows_with: dict[str, int]
    """Modality -> number of windows that have it."""
    modality_hashes: dict[str, str]
    """Modality -> hash of its vectors."""
    joints: int
    """How many joints any pose has."""
    quantities: list[str]
    bins: list[dict[str, object]]
    """The bins of each quantity."""


class Objective(Configured, nn.Module, ABC):
    """(encoder, batch) -> named losses whose sum is minimised.

    The training loop knows nothing of it. It calls `prepare` and `fit` once, `targets` for the
    windows of each side, and the module itself for each batch, whose `modalities` are those
    targets. A member is one class, and one line in the table of this folder:

    >>> from torch.nn import functional
    >>> class Energy(Objective):
    ...     "Predict a window's mean square."
    ...     def fit(self, windows, encoder):
    ...         self.head = nn.Linear(encoder.dimension, 1)
    ...     def targets(self, windows):
    ...         return {"energy": (windows.values() ** 2).mean(axis=(1, 2))}
    ...     def forward(self, encoder, batch):
    ...         predicted = self.head(encoder(batch).pooled)[:, 0]
    ...         return {"energy": functional.mse_loss(predicted, batch.modalities["energy"])}
    >>> Energy()
    Energy()
    """

    mixes_studies: ClassVar[bool] = True
    """Whether a batch may hold windows of several studies."""

    def __init__(self, **settings: object) -> None:
        super().__init__()
        self.configure(settings)

    def prepare(self, windows: Windows) -> None:
        """See all windows before validation people are held back; nothing may be learnt here."""

    @abstractmethod
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """Take statistics of the training people alone, and build the heads; labels are hidden."""

    @abstractmethod
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return what is to be predicted of some windows, by name, first axis N."""

    @abstractmethod
    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch by name, already weighted."""

    def report(self) -> Fitted:
        """Return what the record says of `fit`, as JSON writes it; `notes` go to the user."""
        return {}

    def measured(self) -> dict[str, float]:
        """Return figures of the training epoch just past, beside the losses, and forget them."""
        return {}

    def complaints(self, history: Sequence[Mapping[str, float]]) -> list[str]:
        """Return what went wrong in the epochs so far, a sentence each, worded alike each epoch."""
        return []

    def alignment(self) -> Alignment | None:
        """Return the space that the encoder shares with modalities, if this objective makes one."""
        return None
