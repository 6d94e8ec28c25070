"""Batches out of windows: from memory where they fit, from the memory-mapped store where they do
not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from otolith.data.batch import Batch
from otolith.data.windows import Windows

IN_MEMORY_BYTES = 1 << 30
"""Windows up to this size are held as one tensor; larger ones are gathered batch by batch."""


class Loader:
    """Walks over windows in batches, shuffled by (seed, epoch), so that any epoch can be repeated
    by itself.

    groups: (N,) whole numbers; no batch then holds windows of two groups.
    """

    def __init__(
        self,
        windows: Windows,
        targets: Mapping[str, np.ndarray] | None = None,
        *,
        batch_size: int = 256,
        seed: int = 0,
        device: str = "cpu",
        groups: np.ndarray | None = None,
    ) -> None:
        self.windows, self.batch_size, self.seed, self.device = windows, batch_size, seed, device
        self.groups = np.zeros(len(windows), dtype=np.int64) if groups is None else groups
        self.code = torch.from_numpy(windows.code)
        self.present = torch.from_numpy(windows.present)
        self.modalities = {
            name: torch.from_numpy(np.ascontiguousarray(t)) for name, t in (targets or {}).items()
        }
        size = len(windows) * len(windows.channels) * windows.length * 4
        self._values: Tensor | None = None
        self._received: Tensor | None = None
        if size <= IN_MEMORY_BYTES:
            self._values = torch.from_numpy(np.ascontiguousarray(windows.values())).to(device)
            self._received = torch.from_numpy(windows.received()).to(device)

    def __len__(self) -> int:
        _, counts = np.unique(self.groups, return_counts=True)
        return int((-(-counts // self.batch_size)).sum())

    def epoch(self, number: int | None = None) -> Iterator[Batch]:
        """Yield every window once: in the shuffled order of epoch `number`, or in their own order
        for None."""
        order = np.arange(len(self.windows))
        # By seed and epoch: a resumed run meets the same order without replaying the others.
        random = np.random.default_rng([self.seed, number or 0])
        if number is not None:
            order = random.permutation(order)
        batches = []
        for group in np.unique(self.groups):
            members = order[self.groups[order] == group]
            starts = range(0, len(members), self.batch_size)
            batches += [members[start : start + self.batch_size] for start in starts]
        if number is not None and len(batches) > 1 and self.groups.any():
            # Otherwise an epoch would end on the last group, and the encoder remember it best.
            batches = [batches[i] for i in random.permutation(len(batches))]
        for index in batches:
            yield self.batch(index)

    def batch(self, index: np.ndarray) -> Batch:
        """Return the windows at some places."""
        rows, device = torch.from_numpy(index), self.device
        values, received = self._signals(index)
        modalities = {n: m.index_select(0, rows).to(device) for n, m in self.modalities.items()}
        return Batch(
            values,
            self.present.index_select(0, rows).to(device),
            received,
            self.windows.channels,
            self.windows.rate_hz,
            self.code.index_select(0, rows).to(device),
            modalities,
        )

    def _signals(self, index: np.ndarray) -> tuple[Tensor, Tensor]:
        if self._values is not None and self._received is not None:
            # Quicker than indexing, which counts in a step of a dozen windows.
            rows = torch.from_numpy(index).to(self.device)
            return self._values.index_select(0, rows), self._received.index_select(0, rows)
        values = torch.from_numpy(np.ascontiguousarray(self.windows.values(index)))
        received = torch.from_numpy(self.windows.received(index))
        if index.size and index[0] % 64 == 0:  # now and then: pages of the store pile up
            self.windows.store.release()
        return values.to(self.device), received.to(self.device)
