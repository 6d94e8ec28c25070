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
from otolith.learn.heads.mixture_of_experts import MixtureOfExperts
from otolith.learn.training.adapt import Adapted
from otolith.learn.training.loader import Loader
from otolith.learn.training.runtime import Runtime
from otolith.show.drawing import LIGHT, WIDTH, inked, panel, save_figure

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
        raise ConfigError(
            "Only a mixture of experts has gates: otolith adapt ENCODER STUDY --head "
            "mixture_of_experts"
        )
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
                gates = head.gates(model.encode(batch))
            shares.append(gates.float().cpu().numpy())
    each = np.concatenate(shares)
    names = np.array(windows.labels, dtype=object)
    means = [
        each[names == name].mean(axis=0) if (names == name).any() else np.nan
        for name in model.classes
    ]
    return np.stack([np.broadcast_to(mean, each.shape[1:]) for mean in means])


def write_gates(use: Float[np.ndarray, "K N"], classes: Sequence[str], folder: Path) -> list[Path]:
    """Write gate use as gates.csv and gates.svg into a folder."""
    head = ["class", *(f"expert_{number + 1}" for number in range(use.shape[1]))]
    rows = (
        [name, *(decimals(share, 4) for share in shares)]
        for name, shares in zip(classes, use, strict=True)
    )
    write_sheet(folder / "gates.csv", head, rows)
    words = f"Share of each of {use.shape[1]} experts in the answers for {len(classes)} classes."
    return [
        folder / "gates.csv",
        save_figure(gate_figure(use, classes), folder / "gates.svg", "Gate use", words),
    ]


@inked()
def gate_figure(use: Float[np.ndarray, "K N"], classes: Sequence[str]) -> Figure:
    """Draw which expert (column) counts how much for which class (row): the darker, the more.

    Light says a share of 0 and full colour the largest share there is, which the axis tells.
    """
    from matplotlib.patches import Rectangle

    count, experts = use.shape
    figure, axes = panel(70 + min(26, max(14, 420 / count)) * count)
    most = float(np.nanmax(use))
    for row, column in np.ndindex(count, experts):
        if np.isfinite(use[row, column]):
            shade = float(use[row, column]) / most
            cell = Rectangle(
                (column + 0.03, row + 0.03),
                0.94,
                0.94,
                color=LIGHT["accent"],
                alpha=shade,
                linewidth=0,
            )
            axes.add_patch(cell)
    names = [printable(name if len(name) < 40 else f"{name[:38]}…") for name in classes]
    axes.set_yticks(
        [row + 0.5 for row in range(count)], names, fontsize=10.5 if count <= 16 else 8.0
    )
    axes.set_xticks(
        [column + 0.5 for column in range(experts)], [str(column + 1) for column in range(experts)]
    )
    axes.set(
        xlim=(0, experts),
        ylim=(count, 0),
        xlabel=f"expert\ndarkest: {100 * most:.0f} % of the answer; equal shares: "
        f"{100 / experts:.0f} %",
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    figure.set_size_inches(WIDTH / 72, figure.get_size_inches()[1])
    return figure
