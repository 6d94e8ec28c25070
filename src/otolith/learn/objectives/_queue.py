"""A queue of the latest windows, and the nearest of them to each window of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

IMU = "imu"
_SLOTS_AT_ONCE = 4096
"""The scores of so many slots stay in the processor's cache."""
_TIE = 1e-4
"""Weight of the motion beside a text: enough to choose among equal texts, too little for more."""


class Queue(nn.Module):
    """The last K windows, first in first out: their motion vectors and the vectors of modalities.

    Source: Das, Tang, Kawsar, Malekzadeh, "PRIMUS" (2024), https://arxiv.org/abs/2411.15127,
    appendix A.2. Vectors are (K, E) under each name, of length 1, or 0 where a window has none.
    Everything is a buffer, so that an interrupted training goes on with it.
    """

    taken: Tensor
    """How many windows were ever put in."""
    number: Tensor
    """(K,) the number of the window in each slot."""

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
        """Put B windows in the place of the oldest: numbers (B,), vectors (B, E) by name, and which
        windows have them (B,)."""
        count = len(number)
        kept = slice(max(0, count - self.size), count)
        # A batch larger than the queue leaves its last windows.
        slots = (self.taken + torch.arange(count, device=number.device))[kept] % self.size
        self.number[slots] = number[kept]
        for name in self.names:
            known = present[name][kept]
            unit = functional.normalize(vectors[name][kept].detach().float(), dim=-1)
            getattr(self, name)[slots] = torch.where(known[:, None], unit, 0.0)
            getattr(self, f"{name}_present")[slots] = known
        self.taken += count

    @torch.no_grad()
    def nearest(
        self,
        by: Sequence[str],
        number: Tensor,
        vectors: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Return the slot of each window's nearest neighbour (B,), and whether there is one (B,).

        Likeness is the cosine in the first modality of `by` that the window and any slot have. A
        slot does not count that lacks it, is empty, or holds the window itself. Among equal texts
        the most similar motion decides.
        """
        slot, has_one = torch.zeros_like(number), torch.zeros_like(number, dtype=torch.bool)
        for name in by:
            asking = present[name] & ~has_one
            if not asking.any():
                continue
            rows = asking.nonzero()[:, 0]
            keys = [name, IMU] if name == "text" else [name]
            score, best = self._best(keys, number[rows], {key: vectors[key][rows] for key in keys})
            hit = score.isfinite()
            slot[rows] = torch.where(hit, best, slot[rows])
            has_one[rows] |= hit
        return slot, has_one

    def _best(
        self, keys: Sequence[str], number: Tensor, vectors: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the highest score of each row and its slot, some slots at a time."""
        with torch.autocast(number.device.type, enabled=False):
            queries = {key: functional.normalize(vectors[key].float(), dim=-1) for key in keys}
            closed = torch.where(getattr(self, f"{keys[0]}_present"), 0.0, float("-inf"))
            best = torch.full((len(number),), float("-inf"), device=number.device)
            slot = torch.zeros_like(number)
            for start in range(0, min(self.size, int(self.taken)), _SLOTS_AT_ONCE):
                some = slice(start, start + _SLOTS_AT_ONCE)
                scores = products(queries[keys[0]], getattr(self, keys[0])[some], closed[some])
                for key in keys[1:]:
                    scores += _TIE * products(queries[key], getattr(self, key)[some])
                scores.masked_fill_(self.number[some] == number[:, None], float("-inf"))
                high, place = scores.max(dim=1)
                better = high > best
                best = torch.where(better, high, best)
                slot = torch.where(better, place + start, slot)
        return best, slot

    def at(self, slot: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Return the vectors (B, E) of some slots, and which slots have one (B,)."""
        return getattr(self, name)[slot], getattr(self, f"{name}_present")[slot]


def products(queries: Tensor, bank: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return (B, K): each query times each row of the bank, plus a bias (K,)."""
    # On a CPU, oneDNN takes half the time of the matrix product that torch chooses by itself.
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if queries.device.type == "cpu" and has_onednn:
        return functional.linear(queries.to_mkldnn(), bank, bias).to_dense()
    return functional.linear(queries, bank, bias)
