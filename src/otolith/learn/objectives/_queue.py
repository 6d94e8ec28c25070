"""A queue of windows seen lately, and the nearest of them to each window of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

IMU = "imu"
_ROWS = 4096
"""Slots compared at once: their scores stay in the processor's cache."""
_TIE = 1e-4
"""How much the motion counts beside a modality: enough to choose among equal texts, too little for
anything else."""


class Queue(nn.Module):
    """The last K windows, first in first out: what the encoder made of each, and the vectors that
    went with it.

    Source: Das, Tang, Kawsar, Malekzadeh, "PRIMUS" (2024), https://arxiv.org/abs/2411.15127,
    appendix A.2. All that belongs to a window stands in one slot; vectors have length 1, or 0 where
    the window had none. Everything is a buffer, so that it is saved with the training.
    """

    taken: Tensor
    """How many windows were ever put in."""
    number: Tensor
    """(K,) which window stands in each slot."""

    def __init__(self, size: int, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.size, self.names = size, tuple(widths)
        self.register_buffer("taken", torch.zeros((), dtype=torch.long))
        self.register_buffer("number", torch.full((size,), -1))
        for name, width in widths.items():
            self.register_buffer(name, torch.zeros(size, width))
            self.register_buffer(f"{name}_present", torch.zeros(size, dtype=torch.bool))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was put in yet."""
        return int(self.taken) == 0

    @torch.no_grad()
    def push(
        self, number: Tensor, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> None:
        """Put B windows in: their numbers (B,), vectors (B, E) by name, and which are there (B,),
        in place of the oldest."""
        count = len(number)
        kept = slice(max(0, count - self.size), count)
        slots = (self.taken + torch.arange(count, device=number.device))[kept] % self.size
        self.number[slots] = number[kept]
        for name in self.names:
            there = present[name][kept]
            unit = functional.normalize(vectors[name][kept].detach().float(), dim=-1)
            getattr(self, name)[slots] = torch.where(there[:, None], unit, 0.0)
            getattr(self, f"{name}_present")[slots] = there
        self.taken += count

    @torch.no_grad()
    def nearest(
        self,
        by: Sequence[str],
        number: Tensor,
        vectors: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Return of each of B windows the slot of its nearest, (B,), and whether there is one,
        (B,).

        Likeness is the cosine of the first modality in `by` that the window and any slot have. Slots
        that lack this modality, that are empty, or that hold the window itself from an earlier
        epoch, do not count; of equal texts that with the most similar motion is taken.
        """
        slot, found = torch.zeros_like(number), torch.zeros_like(number, dtype=torch.bool)
        for name in by:
            asking = present[name] & ~found
            if not asking.any():
                continue
            rows = asking.nonzero()[:, 0]
            keys = [name, IMU] if name == "text" else [name]
            best, at = self._best(keys, number[rows], {key: vectors[key][rows] for key in keys})
            hit = best.isfinite()
            slot[rows] = torch.where(hit, at, slot[rows])
            found[rows] |= hit
        return slot, found

    def _best(
        self, keys: Sequence[str], number: Tensor, vectors: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The highest score of each row and its slot, going through the queue piece by piece."""
        with torch.autocast(number.device.type, enabled=False):
            queries = {key: functional.normalize(vectors[key].float(), dim=-1) for key in keys}
            closed = torch.where(getattr(self, f"{keys[0]}_present"), 0.0, float("-inf"))
            best = torch.full((len(number),), float("-inf"), device=number.device)
            at = torch.zeros_like(number)
            for start in range(0, min(self.size, int(self.taken)), _ROWS):
                piece = slice(start, start + _ROWS)
                scores = products(queries[keys[0]], getattr(self, keys[0])[piece], closed[piece])
                for key in keys[1:]:
                    scores += _TIE * products(queries[key], getattr(self, key)[piece])
                scores.masked_fill_(self.number[piece] == number[:, None], float("-inf"))
                high, where = scores.max(dim=1)
                better = high > best
                best, at = torch.where(better, high, best), torch.where(better, where + start, at)
        return best, at

    def at(self, slot: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Return what some slots hold under a name: vectors (B, E), and which are there (B,)."""
        return getattr(self, name)[slot], getattr(self, f"{name}_present")[slot]


def products(queries: Tensor, bank: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return (B, K): each query times each row of the bank, plus a bias (K,).

    On a CPU through oneDNN, which takes half the time of the matrix product that torch takes by
    itself.
    """
    if queries.device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return functional.linear(queries.to_mkldnn(), bank, bias).to_dense()
    return functional.linear(queries, bank, bias)
