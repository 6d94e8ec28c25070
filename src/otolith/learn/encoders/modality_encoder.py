"""What every encoder of a modality promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn
from typing_extensions import override

from otolith.core.settings import Configured


class ModalityEncoder(Configured, nn.Module, ABC):
    """Poses or sentence vectors (B, *shape) -> (B, D), where the windows' encoder is, too.

    shape: of one modality, (E,) for a vector, (F, J, 3) for a pose. It learns beside the encoder,
    is dropped after pretraining, and keeps rows apart in eval mode.
    """

    def __init__(self, shape: Sequence[int], dimension: int, **settings: object) -> None:
        super().__init__()
        self.shape, self.dimension = tuple(shape), dimension
        self.configure(settings)

    @abstractmethod
    @override
    def forward(self, values: Tensor, known: Tensor | None = None) -> Tensor:
        """Encode a batch; of poses `known` (B, J) says which joints are known."""
