"""What objectives share that change windows at random: whose draw it is, and several versions of a
batch in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from otolith.data.batch import Batch
from otolith.data.windows import Windows

NUMBER = "window"
"""The target that says which window a row is."""
_SEED = 0x0701


def numbered(windows: Windows) -> dict[str, np.ndarray]:
    """Return the target that `in_order` sorts by."""
    return {NUMBER: np.arange(len(windows))}


def in_order(batch: Batch, training: bool) -> tuple[Batch, torch.Generator | None]:
    """Return the batch and the generator to draw from.

    While training that is the batch itself and torch's own generator. In validation the rows are
    sorted by their numbers and the generator always starts at the same place, so that every epoch
    meets the same draws whatever the order, and its losses can be compared.
    """
    if training:
        return batch, None
    order = batch.modalities[NUMBER].argsort()
    generator = torch.Generator(batch.values.device).manual_seed(_SEED)
    return (
        replace(
            batch,
            values=batch.values[order],
            present=batch.present[order],
            received=batch.received[order],
            code=None if batch.code is None else batch.code[order],
            modalities={name: modality[order] for name, modality in batch.modalities.items()},
        ),
        generator,
    )


def stacked(batch: Batch, versions: Sequence[Tensor]) -> Batch:
    """Return one batch of several versions (B, C, T) of the same windows, version after version."""
    count = len(versions)
    return Batch(
        torch.cat(list(versions)),
        batch.present.repeat(count, 1),
        batch.received.repeat(count, 1),
        batch.channels,
        batch.rate_hz,
    )
