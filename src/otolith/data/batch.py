"""The tensors of one step: signals, masks, labels, and what goes with each window."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from typing_extensions import override

from otolith.data.channels import Channel

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(repr=False)
class Batch:
    """B windows on their way through an encoder."""

    values: Tensor
    """(B, C, T) float32, in SI units or standardised."""
    present: Tensor
    """(B, C) bool, False where a window lacks a channel, whose values are then 0."""
    received: Tensor
    """(B, T) bool, False where samples were interpolated or padded."""
    channels: tuple[Channel, ...]
    rate_hz: float
    code: Tensor | None = None
    """(B,) int64 index of the class, or -1."""
    modalities: dict[str, Tensor] = field(default_factory=dict)
    """Name -> what goes with each window, first axis B."""

    def __len__(self) -> int:
        return len(self.values)

    @override
    def __repr__(self) -> str:
        size = " × ".join(map(str, self.values.shape))
        more = f", with {', '.join(self.modalities)!s:.100}" if self.modalities else ""
        return f"Batch({size} samples at {self.rate_hz:g} Hz on {self.values.device}{more})"

    def take(self, rows: Tensor) -> Batch:
        """Return some of the windows, by an index (rows,)."""
        return Batch(
            self.values[rows],
            self.present[rows],
            self.received[rows],
            self.channels,
            self.rate_hz,
            None if self.code is None else self.code[rows],
            {name: modality[rows] for name, modality in self.modalities.items()},
        )

    def to(self, device: torch.device | str) -> Batch:
        """Return the same batch on a device."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return replace(
            self,
            values=moved(self.values),
            present=moved(self.present),
            received=moved(self.received),
            code=None if self.code is None else moved(self.code),
            modalities={name: moved(tensor) for name, tensor in self.modalities.items()},
        )
