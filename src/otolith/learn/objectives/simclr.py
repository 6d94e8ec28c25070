"""SimCLR: two changed versions of a window belong together, and to no other window."""

from __future__ import annotations

import itertools
from dataclasses import field
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, Positive, settings
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.augmentations.augmentation import Chain
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives._contrast import nt_xent
from otolith.learn.objectives._views import in_order, numbered, stacked
from otolith.learn.objectives.objective import Objective


@settings
class SimCLRConfig:
    """Settings of SimCLR."""

    augmentations: tuple[str, ...] = ("rotation",)
    """What makes the two views, one after the other, each with a draw of its own: otolith list
    augmentations."""
    augmentation_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of augmentations by name, such as {"scaling": {"deviation": 0.25}}."""
    both: bool = True
    """Whether both views are changed; otherwise one shows the window as it is."""
    temperature: Positive = 0.1
    """τ of the loss; the smaller, the more the nearest wrong windows count."""
    projector: tuple[Count, ...] = (256, 128, 50)
    """Widths of the layers between the encoder's vector and the loss, ReLU between them; dropped
    afterwards."""


class SimCLR(Objective):
    """Contrastive pretraining on changed windows.

    Source: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
    Representations" (2020), https://arxiv.org/abs/2002.05709, as Tang, Perez-Pozuelo, Spathis,
    Mascolo, "Exploring Contrastive Learning in Human Activity Recognition for Healthcare" (2020),
    https://arxiv.org/abs/2011.11542, have it for motion sensors:

        L = NT-Xent(g(f(h(x))), g(f(h'(x))); τ)

    with h and h' two draws of the augmentations (h' leaves the window alone where `both` is false),
    f the encoder, g the projector. Windows are changed as the encoder gets them, standardised. A
    channel that a window lacks stays absent in both views.

    Raises ConfigError for settings out of range, or augmentations that the channels do not allow.
    """

    Config: ClassVar[type[Any]] = SimCLRConfig
    config: SimCLRConfig

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        c = self.config
        if not c.augmentations or not c.projector:
            raise ConfigError(
                "SimCLR learns nothing from two equal views: name an augmentation or more. Its "
                "projector has one layer or more."
            )
        self.projector: nn.Module = nn.Identity()

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """Build the augmentations for these channels, and the projector."""
        c = self.config
        self.chain = Chain(c.augmentations, windows.channels, c.augmentation_settings)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise((encoder.dimension, *c.projector)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.projector = nn.Sequential(*layers[:-1])

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the numbers of the windows; nothing else is predicted."""
        return numbered(windows)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the contrastive loss."""
        batch, generator = in_order(batch, self.training)
        # Each (B, C, T), with draws of their own.
        first, second = self.chain(batch.values, batch.present, generator), batch.values
        if self.config.both:
            second = self.chain(batch.values, batch.present, generator)
        pooled = encoder(stacked(batch, [first, second])).pooled
        a, b = self.projector(pooled).chunk(2)  # (B, E) each
        return {"contrast": nt_xent(a, b, self.config.temperature)}
