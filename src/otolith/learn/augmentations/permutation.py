"""A window cut into pieces that are put together in another order."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from otolith.core.settings import Count, settings
from otolith.learn.augmentations.augmentation import Augmentation


@settings
class PermutationConfig:
    """How often a window is cut."""

    cuts: Count = 4
    """Places at which a window is cut, drawn anew for each window; two that coincide leave one
    piece less."""


class Permutation(Augmentation):
    """Cut each window at random places and put its pieces together in a random order, all channels
    alike.

    Source: Saeed, Ozcelebi, Lukkien, "Multi-task Self-Supervised Learning for Human Activity
    Detection" (2019), https://arxiv.org/abs/1907.11879. Every sample keeps its sign and its
    gravity; at the seams the signal jumps.
    """

    Config: ClassVar[type[Any]] = PermutationConfig
    config: PermutationConfig

    @override
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Cut and shuffle."""
        rows, _, length = values.shape
        device, cuts = values.device, self.config.cuts
        at = torch.randint(1, max(length, 2), (rows, cuts, 1), generator=generator, device=device)
        # (B, T): which piece each sample lies in, and where that piece goes.
        piece = (torch.arange(length, device=device) >= at).sum(1)
        place = torch.rand(rows, cuts + 1, generator=generator, device=device).argsort(1)
        order = place.gather(1, piece).argsort(dim=1, stable=True)
        return values.gather(2, order[:, None].expand_as(values))
