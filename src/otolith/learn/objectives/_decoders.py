"""From one vector back to the sensors' signal: the decoder of Multi3Net's two reconstructions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.learn.objectives._contrast import at_least_float32

_DOUBLINGS = 3


class Decoder(nn.Module):
    """Vectors (B, E) -> signals (B, C, L): three blocks that each double the time steps.

    Source: Fortes Rey et al., "Enhancing Inertial Hand based HAR through Joint Representation of
    Language, Pose and Synthetic IMUs" (2024), https://arxiv.org/abs/2406.01316: unpooling and
    transposed convolutions, E to 128 to 64 to C, with batch normalisation and dropout. A linear
    layer makes the first steps; for a single moment (L = 1) the 8 steps at the end are averaged.
    """

    def __init__(self, width: int, channels: int, length: int, dropout: float) -> None:
        super().__init__()
        final = 2**_DOUBLINGS  # steps that one step becomes
        self.length, self.steps = length, -(-max(length, final) // final)
        self.spread: nn.Module = (
            nn.Linear(width, width * self.steps) if self.steps > 1 else nn.Identity()
        )
        blocks: list[nn.Module] = []
        for inputs, outputs in ((width, 128), (128, 64), (64, channels)):
            blocks += [Unpool(), nn.ConvTranspose1d(inputs, outputs, 3, padding=1)]
            blocks += [nn.BatchNorm1d(outputs), nn.LeakyReLU(), nn.Dropout(dropout)]
        self.blocks = nn.Sequential(*blocks[:-3])  # nothing behind the last convolution

    @override
    def forward(self, vectors: Tensor) -> Tensor:
        """Decode a batch."""
        signal: Tensor = self.blocks(self.spread(vectors).unflatten(1, (-1, self.steps)))
        return signal.mean(dim=-1, keepdim=True) if self.length == 1 else signal[..., : self.length]


class Unpool(nn.Module):
    """Every time step twice; torch's interpolation differs from run to run on a GPU."""

    @override
    def forward(self, values: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, 2·L)."""
        return values[..., None].expand(*values.shape, 2).flatten(-2)


def squared_error(predicted: Tensor, true: Tensor, asked: Tensor, unit: bool = False) -> Tensor:
    """Return the squared distance of two signals, averaged over windows and moments.

        L = mean over i of ‖x_i − y_i‖², i the moments of which any channel is asked for

    All are (B, C, L); only channels where `asked` is True count. `unit` scales both vectors to
    length 1 first, so that only the direction counts. 0 where nothing is asked for.

    >>> x, y = torch.ones(2, 3, 1), torch.zeros(2, 3, 1)
    >>> float(squared_error(x, y, torch.ones(2, 3, 1, dtype=torch.bool)))
    3.0
    """
    with torch.autocast(predicted.device.type, enabled=False):
        predicted, true = at_least_float32(predicted) * asked, true * asked
        if unit:
            predicted, true = (functional.normalize(x, dim=1) for x in (predicted, true))
        return (predicted - true).square().sum() / asked.any(dim=1).sum().clamp(min=1)
