"""What an encoder makes of windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Embeddings:
    """tokens: (B, L, D), a sequence for heads that attend. pooled: (B, D), one vector a window.

    sensors: (B, S, D), one vector a sensor, 0 where a window lacks it; only of encoders that keep
    sensors apart.
    """

    tokens: Tensor
    pooled: Tensor
    sensors: Tensor | None = None
