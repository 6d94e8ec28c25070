"""Training that diverges, seen at the end of an epoch: reading every loss would make a GPU wait."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def first_odd(steps: Sequence[Tensor]) -> int | None:
    """Return the number, from 1, of the first step whose loss is not finite; None where all are.

    >>> first_odd([torch.tensor(1.0), torch.tensor(torch.nan)])
    2
    """
    finite = torch.isfinite(torch.stack(list(steps))).tolist() if steps else []
    return finite.index(False) + 1 if False in finite else None


def found_at(steps: Sequence[Tensor], validation: float) -> str:
    """Say where the loss of an epoch left the numbers.

    >>> found_at([torch.tensor(1.0), torch.tensor(torch.nan)], validation=2.0)
    'the loss became nan in step 2 of 2'
    """
    step = first_odd(steps)
    if step is None:
        return f"the validation loss became {validation} after its {len(steps)} steps"
    return f"the loss became {float(steps[step - 1])} in step {step} of {len(steps)}"


def is_finite(*modules: nn.Module) -> bool:
    """Return whether all weights and running means of some modules are numbers.

    >>> layer = nn.Linear(1, 1)
    >>> _ = nn.init.constant_(layer.bias, torch.inf)
    >>> is_finite(nn.Linear(1, 1)), is_finite(layer)
    (True, False)
    """
    tensors = (tensor for module in modules for tensor in module.state_dict().values())
    return all(bool(torch.isfinite(t).all()) for t in tensors if t.is_floating_point())
