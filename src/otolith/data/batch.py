"""The tensors of one step: signals, masks, labels, and what goes with each window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otolith.data.channels import Channel

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass
class Batch:
    """B windows on their way through an encoder.

    values: (B, C, T) float32. present: (B, C) bool, False where a window lacks a channel (its
    values are then 0 after normalisation). received: (B, T) bool, False where samples were
    interpolated or padded. code: (B,) int64 class index or -1. modalities: name -> what goes with
    each window, first axis B.
    """

    values: Tensor
    present: Tensor
    received: Tensor
    channels: tuple[Channel, ...]
    rate_hz: float
    code: Tensor | None = None
    modalities: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def to(self, device: torch.device | str) -> Batch:
        """Return the same batch on a device."""
        return Batch(
            self.values.to(device, non_blocking=True),
            self.present.to(device, non_blocking=True),
            self.received.to(device, non_blocking=True),
            self.channels,
            self.rate_hz,
            None if self.code is None else self.code.to(device, non_blocking=True),
            {
                name: modality.to(device, non_blocking=True)
                for name, modality in self.modalities.items()
            },
        )
