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
    """Masked reconstruction with the tokens of the encoder, before its pooling.

    Source: Haresamudram et al., "Masked reconstruction based self-supervision for human activity
    recognition" (2020), https://doi.org/10.1145/3410531.3414306, with any encoder of the house
    instead of a transformer, as PIM's comparison has the same encoder for all. At random time steps
    all channels are set to 0, the mean over the training people; a linear layer draws each time
    step from its token, and

        L = mean over hidden steps and present channels of (drawn − true)²

    in units of the channels' standard deviations. Steps that were bridged or padded, and so never
    measured, are not asked for. Where the encoder's convolutions eat up the edges, the window is
    padded by as much; where tokens are coarser than samples, the drawn signal is interpolated
    between them.

    Raises ConfigError for settings out of range, or an encoder whose tokens do not follow one
    another in time.
    """

    Config: ClassVar[type[Any]] = MaskedConfig
    config: MaskedConfig

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.decoder: nn.Module = nn.Identity()
        self.margin = (0, 0)
        """Samples put before and after a window so that each of its samples has a token."""
        self.register_buffer("between", None, persistent=False)

    between: Tensor | None
    """(L, T) weights that interpolate between coarse tokens; None where each sample has its own."""

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """Build the decoder, and see how the encoder's tokens lie in time."""
        if not encoder.tokens_in_time:
            raise ConfigError(
                f"Masked draws a signal from tokens that follow one another in time; those of "
                f"{type(encoder).__name__} "
                "do not. Set its time_major = true if it is stacked_rnn, or choose another encoder."
            )
        length = windows.length
        tokens = _tokens(encoder, length)
        lost = length - tokens
        self.margin, self.between = (0, 0), None
        if lost > 0 and encoder.any_length and _tokens(encoder, length + lost) == length:
            self.margin = (lost // 2, lost - lost // 2)
        elif lost:
            self.between = functional.interpolate(
                torch.eye(tokens)[None], size=length, mode="linear"
            )[0]
        self.decoder = nn.Linear(encoder.dimension, len(windows.channels))

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the numbers of the windows, (N,) int64; what is predicted are their own samples."""
        return numbered(windows)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the mean squared error of the hidden samples."""
        batch, generator = in_order(batch, self.training)
        hidden = self.hide(batch, generator)
        values = functional.pad(batch.values.masked_fill(hidden[:, None], 0.0), self.margin)
        received = functional.pad(batch.received, self.margin)
        drawn = self.decoder(
            encoder(replace(batch, values=values, received=received)).tokens
        ).transpose(1, 2)
        with torch.autocast(drawn.device.type, enabled=False):
            drawn = drawn.float() if self.between is None else drawn.float() @ self.between
            asked = (hidden & batch.received)[:, None] & batch.present[..., None]
            return {
                "reconstruction": ((drawn - batch.values) ** 2 * asked).sum()
                / asked.sum().clamp(min=1)
            }

    def hide(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        """Return (B, T), True at the steps to be hidden: of each window the same number, at random
        places."""
        rows, _, length = batch.values.shape
        spans = -(-length // self.config.span)
        count = max(1, round(self.config.share * spans))
        draw = torch.rand(rows, spans, generator=generator, device=batch.values.device)
        chosen = torch.zeros_like(draw, dtype=torch.bool).scatter(
            1, draw.topk(count, dim=1).indices, True
        )
        return chosen.repeat_interleave(self.config.span, dim=1)[:, :length]


@torch.no_grad()
def _tokens(encoder: Encoder, length: int) -> int:
    """How many tokens an encoder makes of a window of some length."""
    count = len(encoder.channels)
    there = torch.ones(1, count, dtype=torch.bool), torch.ones(1, length, dtype=torch.bool)
    training, device = encoder.training, next(encoder.parameters()).device
    batch = Batch(torch.zeros(1, count, length), *there, encoder.channels, encoder.rate_hz)
    tokens = encoder.eval()(batch.to(device)).tokens.shape[1]
    encoder.train(training)
    return int(tokens)
