"""Hand-made features as an encoder without weights, so that forests and logistic regression run
beside networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from otolith.data.batch import Batch
from otolith.data.channels import Channel, channel_names, triads
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders._features import feature_names, hand_made_features
from otolith.learn.encoders.encoder import Encoder


class Features(Encoder):
    """The usual time and frequency features of activity recognition, per channel and per sensor
    magnitude.

    They are computed from values in SI units, so no standardisation comes before them. No gradient
    passes.
    """

    shortest = 8
    learns: ClassVar[bool] = False

    def __init__(
        self, channels: Sequence[Channel], rate_hz: float, length: int, **settings: object
    ) -> None:
        super().__init__(channels, rate_hz, length, **settings)
        self.triads = list(triads(self.channels).values())
        self.dimension = len(self.feature_names())

    @override
    def feature_names(self) -> list[str]:
        """Return what each number is, such as "waist.acc.x std"."""
        return feature_names(channel_names(self.channels), self.triads)

    @override
    def forward(self, batch: Batch) -> Embeddings:
        """Compute the features of a batch."""
        values = hand_made_features(
            batch.values.detach().cpu().float().numpy(), self.rate_hz, self.triads
        )
        pooled: Tensor = torch.from_numpy(values).to(batch.values.device)
        return Embeddings(tokens=pooled[:, None], pooled=pooled)
