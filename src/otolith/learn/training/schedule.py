"""When the learning rate falls, and which study has its turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otolith.data.windows import Windows


def turns(windows: Windows, in_turn: bool) -> list[Windows]:
    """Return the windows of each study by itself, or all together.

    >>> one = Windows.from_array(np.zeros((4, 1, 50)), rate_hz=50, channels=["head.acc.x"])
    >>> [len(part) for part in turns(one, in_turn=True)]
    [4]
    """
    if not in_turn:
        return [windows]
    return [windows[windows.part == part] for part in np.unique(windows.part)]


def falls(losses: Sequence[float], plateau: int) -> int:
    """Return how often the learning rate has fallen: each time the loss was no better for more than
    `plateau` epochs.

    Better is lower by a ten-thousandth; after a fall the count starts anew.

    >>> falls([3.0, 2.0, 2.0, 2.0, 1.0], plateau=1)
    1
    """
    best, waited, fallen = float("inf"), 0, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best * (1 - 1e-4) else (best, waited + 1)
        if waited > plateau:
            fallen, waited = fallen + 1, 0
    return fallen
