"""From one vector back to what the sensors measured: the decoder that Multi3Net's two
reconstructions share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

_BLOCKS = 3
_MIDDLE_STEPS = 2**_BLOCKS


class Decoder(nn.Module):
    """Vectors (B, E) -> signals (B, C, L): three blocks that each double the time steps.

    Source: Fortes Rey et al., "Enhancing Inertial Hand based HAR through Joint Representation of
    Language, Pose and Synthetic IMUs" (2024), https://arxiv.org/abs/2406.01316: unpooling and
    transposed convolutions, E to 128 to 64 to C, with batch normalisation and dropout. Before them
    one linear layer makes the steps that are to be doubled; for a single moment there are 8 steps
    at the end, of which the mean is the moment.
    """

    def __init__(self, width: int, channels: int, length: int, dropout: float) -> None:
        super().__init__()
        self.length, self.steps = length, -(-max(length, _MIDDLE_STEPS) // 2**_BLOCKS)
        self.spread: nn.Module = (
            nn.Linear(width, width * self.steps) if self.steps > 1 else nn.Identity()
        )
        widths = (width, 128, 64, channels)
        blocks: list[nn.Module] = []
        for number in range(_BLOCKS):
            blocks += [
                Unpool(),
                nn.ConvTranspose1d(widths[number], widths[number + 1], 3, padding=1),
            ]
            if number < _BLOCKS - 1:
                blocks += [nn.BatchNorm1d(widths[number + 1]), nn.LeakyReLU(), nn.Dropout(dropout)]
        self.blocks = nn.Sequential(*blocks)

    @override
    def forward(self, vectors: Tensor) -> Tensor:
        """Decode a batch."""
        drawn: Tensor = self.blocks(self.spread(vectors).unflatten(1, (-1, self.steps)))
        return drawn.mean(dim=-1, keepdim=True) if self.length == 1 else drawn[..., : self.length]


class Unpool(nn.Module):
    """Every time step twice; torch's own way to stretch differs from run to run on a GPU."""

    @override
    def forward(self, values: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, 2·L)."""
        return values[..., None].expand(*values.shape, 2).flatten(-2)


def squared_error(drawn: Tensor, true: Tensor, asked: Tensor, unit: bool = False) -> Tensor:
    """Return the squared distance of drawn and true channels, averaged over windows and moments.

        L = mean over i of ‖x_i − y_i‖², i the moments (and windows) of which any channel is asked for

    All are (B, C, L); only channels where `asked` count. `unit`: both vectors are brought to length
    1 first, so that the direction counts and not the strength. 0 where nothing is asked for.
    """
    with torch.autocast(drawn.device.type, enabled=False):
        drawn = drawn if drawn.dtype == torch.float64 else drawn.float()
        drawn, true = drawn * asked, true * asked
        if unit:
            drawn, true = functional.normalize(drawn, dim=1), functional.normalize(true, dim=1)
        return (drawn - true).square().sum() / asked.any(dim=1).sum().clamp(min=1)
