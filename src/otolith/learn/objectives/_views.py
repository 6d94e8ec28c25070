"""What objectives with random views share: the draws, and several views in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from otolith.data.batch import Batch
from otolith.data.windows import Windows

NUMBER = "window"
"""The target that numbers the windows."""
_SEED = 0x0701


def numbered(windows: Windows) -> dict[str, np.ndarray]:
    """Return the target that `in_order` sorts by."""
    return {NUMBER: np.arange(len(windows))}


def in_order(batch: Batch, training: bool) -> tuple[Batch, torch.Generator | None]:
    """Return the batch and the generator to draw from.

    In training, the batch itself and torch's generator (None). In validation, rows sorted by number
    and a generator with a fixed seed: every epoch then has the same draws, whatever the order of
    the rows, and its losses can be compared.
    """
    if training:
        return batch, None
    generator = torch.Generator(batch.values.device).manual_seed(_SEED)
    return batch.take(batch.modalities[NUMBER].argsort()), generator


def stacked(batch: Batch, views: Sequence[Tensor]) -> Batch:
    """Return one batch of several views (B, C, T) of the same windows, view after view."""
    count = len(views)
    return Batch(
        torch.cat(list(views)),
        batch.present.repeat(count, 1),
        batch.received.repeat(count, 1),
        batch.channels,
        batch.rate_hz,
    )
