"""Masked reconstruction: fill in the samples that were hidden."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, settings
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives._views import in_order, numbered
from otolith.learn.objectives.objective import Objective


@settings
class MaskedConfig:
    """Settings of masked reconstruction."""

    share: Annotated[float, Interval(gt=0, lt=1)] = 0.1
    """Share of the time steps that are hidden, in all channels at once."""
    span: Count = 1
    """Time steps hidden in a row; single ones can almost be read off their neighbours."""


class Masked(Objective):
    """Masked reconstruction from the tokens of the encoder, before its pooling.

    Source: Haresamudram et al., "Masked reconstruction based self-supervision for human activity
    recognition" (2020), https://doi.org/10.1145/3410531.3414306, with any encoder instead of a
    transformer, as PIM's comparison has the same encoder for all. At random time steps all channels
    are set to 0, the mean over the training people; a linear layer predicts each time step from its
    token, and

        L = mean over hidden steps and present channels of (predicted − true)²

    in units of the channels' standard deviations. Steps that were never measured are not asked for.
    A window is padded by as much as the encoder's convolutions cut off; where tokens are coarser
    than samples, the prediction is interpolated between them.

    Raises ConfigError for settings out of range, or an encoder whose tokens do not follow one
    another in time.
    """

    Config: ClassVar[type[Any]] = MaskedConfig
    config: MaskedConfig
    between: Tensor | None
    """(L, T) weights that interpolate between coarse tokens; None where each sample has its own."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.decoder: nn.Module = nn.Identity()
        self.margin = (0, 0)
        """Samples put before and after a window so that each of its samples has a token."""
        self.register_buffer("between", None, persistent=False)

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """Build the decoder, and see how the encoder's tokens lie in time."""
        if not encoder.tokens_in_time:
            raise ConfigError(
                f"Masked predicts a signal from tokens that follow one another in time; those of "
                f"{type(encoder).__name__} do not. Set its time_major = true if it is stacked_rnn, "
                "or choose another encoder."
            )
        length = windows.length
        tokens = _tokens(encoder, length)
        lost = length - tokens
        self.margin, self.between = (0, 0), None
        # Convolutions without padding: as many samples more give every sample its token.
        if lost > 0 and encoder.any_length and _tokens(encoder, length + lost) == length:
            self.margin = (lost // 2, lost - lost // 2)
        elif lost:
            # Interpolation is linear: as a matrix it is repeatable on a GPU, where torch's is not.
            each = torch.eye(tokens)[None]
            self.between = functional.interpolate(each, size=length, mode="linear")[0]
        self.decoder = nn.Linear(encoder.dimension, len(windows.channels))

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the numbers of the windows; their own samples are what is predicted."""
        return numbered(windows)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the mean squared error of the hidden samples."""
        batch, generator = in_order(batch, self.training)
        hidden = hidden_steps(batch, self.config.share, self.config.span, generator)
        values = functional.pad(batch.values.masked_fill(hidden[:, None], 0.0), self.margin)
        received = functional.pad(batch.received, self.margin)
        # (B, L, D), one token a time step of the padded window.
        tokens = encoder(replace(batch, values=values, received=received)).tokens
        predicted = self.decoder(tokens).transpose(1, 2)
        with torch.autocast(predicted.device.type, enabled=False):
            predicted = predicted.float()
            if self.between is not None:
                predicted = predicted @ self.between
            # (B, C, T): hidden, measured, and of a channel that the window has.
            asked = (hidden & batch.received)[:, None] & batch.present[..., None]
            error = ((predicted - batch.values) ** 2 * asked).sum()
            return {"reconstruction": error / asked.sum().clamp(min=1)}


def hidden_steps(
    batch: Batch, share: float, span: int, generator: torch.Generator | None
) -> Tensor:
    """Return (B, T), True at the steps to hide: in each window as many, at random places."""
    rows, _, length = batch.values.shape
    spans = -(-length // span)
    draw = torch.rand(rows, spans, generator=generator, device=batch.values.device)
    # The same number in each window, so that no window weighs more in the loss.
    chosen = draw.topk(max(1, round(share * spans)), dim=1).indices
    hidden = torch.zeros_like(draw, dtype=torch.bool).scatter(1, chosen, True)
    return hidden.repeat_interleave(span, dim=1)[:, :length]


@torch.no_grad()
def _tokens(encoder: Encoder, length: int) -> int:
    """Return how many tokens an encoder makes of a window of some length."""
    count = len(encoder.channels)
    masks = torch.ones(1, count, dtype=torch.bool), torch.ones(1, length, dtype=torch.bool)
    # In eval mode: one window has no batch statistics, and must not change running ones.
    training, device = encoder.training, next(encoder.parameters()).device
    batch = Batch(torch.zeros(1, count, length), *masks, encoder.channels, encoder.rate_hz)
    tokens = encoder.eval()(batch.to(device)).tokens.shape[1]
    encoder.train(training)
    return int(tokens)
