"""Dropout whose random bits come cheaply, as drawing them is else a fifth of a training step on a
CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

_STEPS = 1 << 16


class Dropout(nn.Dropout):
    """torch's dropout; while training on a CPU, four values share one random draw of 64 bits.

    The share dropped is `p` rounded to 1/65536. torch spends a draw on each value, on most CPUs in
    a single thread. The bits come from torch's own generator, so that a seed or a resumed run
    repeats them.
    """

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Return a tensor of the same shape, with a share `p` of its values 0 and the others scaled
        by 1 / (1 - p)."""
        dropped = round(self.p * _STEPS)
        if not self.training or input.device.type != "cpu" or dropped in (0, _STEPS):
            return super().forward(input)
        draws = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = draws.view(torch.int16)[: input.numel()]
        # In the memory order of the input, whose strides it shares where the input has no gaps.
        kept = torch.empty_like(input)
        kept = kept.copy_(bits.as_strided(kept.shape, kept.stride()) >= dropped - _STEPS // 2)
        return input * kept.mul_(_STEPS / (_STEPS - dropped))
