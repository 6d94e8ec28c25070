"""Which experts a mixture asks for which class: counted, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float

from otolith.core.errors import ConfigError
from otolith.core.sheets import decimals, write_sheet
from otolith.core.text import printable
from otolith.data.windows import Windows
from otolith.learn.heads.mixture_of_experts import MixtureOfExperts, gates_of
from otolith.learn.training.adapt import Adapted
from otolith.learn.training.loader import Loader
from otolith.learn.training.runtime import Runtime
from otolith.show.drawing import inked, name_cells, panel, save_figure, shaded, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@torch.inference_mode()
def gate_use(model: Adapted, windows: Windows, runtime: Runtime) -> Float[np.ndarray, "K N"]:
    """Return how much each expert counts in the answers for windows of each class: rows sum to 1.

    A class without windows has NaN. Raises ConfigError where the head is no mixture of experts or
    nothing is labelled.
    """
    head = model.head
    if not isinstance(head, MixtureOfExperts):
        command = "otolith adapt ENCODER STUDY --head mixture_of_experts"
        raise ConfigError(f"Only a mixture of experts has gates: {command}")
    windows = windows.labelled
    if not len(windows):
        raise ConfigError("Gate use is counted by class: give labelled windows.")
    model.encoder.require(windows)
    model.encoder.to(runtime.device).encoder.eval()
    head.to(runtime.device).eval()
    shares = []
    with runtime.active():
        for batch in Loader(windows, batch_size=512, device=runtime.device).epoch():
            with runtime.autocast():
                gates = gates_of(head, model.encode(batch))
            shares.append(gates.float().cpu().numpy())
    each, labels = np.concatenate(shares), np.array(windows.labels, dtype=object)
    use = np.full((len(model.classes), each.shape[1]), np.nan)
    # NaN, not 0: an expert that no window asked is not one that never answers.
    for row, name in enumerate(model.classes):
        if (labels == name).any():
            use[row] = each[labels == name].mean(axis=0)
    return use


def write_gates(use: Float[np.ndarray, "K N"], classes: Sequence[str], folder: Path) -> list[Path]:
    """Write gate use as gates.csv and gates.svg into a folder.

    >>> [path.name for path in write_gates(np.array([[0.9, 0.1]]), ["walking"], Path())]
    ['gates.csv', 'gates.svg']
    """
    head = ["class", *(f"expert_{number + 1}" for number in range(use.shape[1]))]
    rows = (
        [name, *(decimals(share, 4) for share in shares)]
        for name, shares in zip(classes, use, strict=True)
    )
    write_sheet(folder / "gates.csv", head, rows)
    words = f"Share of each of {use.shape[1]} experts in the answers for {len(classes)} classes."
    figure = save_figure(gate_figure(use, classes), folder / "gates.svg", "Gate use", words)
    return [folder / "gates.csv", figure]


@inked()
def gate_figure(use: Float[np.ndarray, "K N"], classes: Sequence[str]) -> Figure:
    """Draw how much each expert (column) counts for each class (row): the darker, the more.

    No shade stands for a share of 0, full colour for the largest share, which the axis names.

    >>> figure = gate_figure(np.array([[0.9, 0.1], [0.2, 0.8]]), ["walking", "sitting"])
    >>> len(figure.axes[0].patches)
    4
    """
    count, experts = use.shape
    figure, axes = panel(70 + min(26, max(14, 420 / count)) * count)
    most = float(np.nanmax(use))
    shaded(axes, use / most)
    names = [printable(short(name, 39)) for name in classes]
    numbers = [str(number + 1) for number in range(experts)]
    name_cells(axes, names, numbers, (10.5 if count <= 16 else 8.0, 11.0))
    shares = f"darkest: {100 * most:.0f} % of the answer; equal shares: {100 / experts:.0f} %"
    axes.set_xlabel(f"expert\n{shares}")
    return figure
