"""The figures of a study's page: what people did and for how long, how fast sensors sampled, how a
signal looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from otolith.data.channels import Channel
from otolith.show.drawing import LIGHT, WIDTH, inked, panel
from otolith.show.figures import short
from otolith.show.study_summary import PersonSummary, SensorSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN_PEOPLE = 60
"""More rows than this nobody reads; all of them stand in the table under the figure."""
_UNITS = {
    "acc": "acc, m/s²",
    "gyro": "gyro, rad/s",
    "mag": "mag",
}  # a magnetometer may be normalised


@inked()
def bars_figure(names: Sequence[str], values: Sequence[float], unit: str) -> Figure:
    """Draw one bar for each name, from the top, with its value beside it."""
    figure, axes = panel(50 + 17.0 * len(names))
    axes.barh(range(len(names)), values, height=0.66, color=LIGHT["accent"])
    most = max(values, default=1.0)
    for y, value in enumerate(values):
        text = f"{value:.0f}" if most >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"
        axes.annotate(text, (value, y), (4, 0), textcoords="offset points", va="center", fontsize=9.5,
                      color=LIGHT["muted"], annotation_clip=False)  # fmt: skip
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    return figure


@inked()
def people_figure(people: Sequence[PersonSummary], labels: Sequence[str]) -> Figure:
    """Draw who (row) did what (column): the darker, the longer; empty where somebody never did it."""
    from matplotlib.patches import Rectangle

    step = 17.0 if len(people) <= 40 else 11.0
    figure, axes = panel(110 + step * len(people))
    most = max((seconds for person in people for seconds in person.label_s.values()), default=1.0)
    for row, person in enumerate(people):
        for column, label in enumerate(labels):
            if seconds := person.label_s.get(label, 0.0):
                cell = Rectangle((column + 0.03, row + 0.05), 0.94, 0.9, color=LIGHT["accent"])
                # Shown by the square root: a minute beside an hour is still to be seen.
                cell.set_alpha(0.08 + 0.92 * float(np.sqrt(seconds / most)))
                cell.set_linewidth(0)
                axes.add_patch(cell)
    small = 9.5 if step > 12 else 7.5
    axes.set_yticks(
        np.arange(len(people)) + 0.5, [short(person.name, 14) for person in people], fontsize=small
    )
    names = [short(label, 16) for label in labels]
    turned = sum(map(len, names)) > 45
    axes.set_xticks(np.arange(len(labels)) + 0.5, names, fontsize=9.5 if len(labels) < 16 else 8.0,
                    rotation=45 if turned else 0, ha="left" if turned else "center",
                    rotation_mode="anchor" if turned else "default")  # fmt: skip
    axes.xaxis.tick_top()
    axes.set(xlim=(0, len(labels)), ylim=(len(people), 0))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    return figure


@inked()
def rates_figure(sensors: Sequence[SensorSummary]) -> Figure:
    """Draw the measured rate of every recording as a dot, sensor by sensor, and the stated rate as
    a line across."""
    figure, axes = panel(60 + 34.0 * len(sensors))
    for row, sensor in enumerate(sensors):
        # Dots are spread over the row in order, so that equal rates do not hide one another.
        spread = (
            np.linspace(-0.28, 0.28, len(sensor.rates_hz)) if len(sensor.rates_hz) > 1 else [0.0]
        )
        axes.scatter(
            sensor.rates_hz,
            row + np.asarray(spread),
            s=9,
            color=LIGHT["accent"],
            alpha=0.6,
            linewidth=0,
        )
        for nominal in sensor.nominal_hz:
            axes.plot(
                [nominal, nominal], [row - 0.42, row + 0.42], color=LIGHT["ink"], linewidth=1.4
            )
    axes.set_yticks(range(len(sensors)), [short(sensor.name, 26) for sensor in sensors])
    axes.set_ylim(len(sensors) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("samples a second")
    return figure


@inked()
def signal_figure(
    time_s: Float[np.ndarray, "T"], values: Float[np.ndarray, "T C"], channels: Sequence[Channel]
) -> Figure:
    """Draw a few seconds of a sensor, a panel for each quantity, x, y and z in three colours; SI
    units."""
    from matplotlib.figure import Figure

    quantities = list(dict.fromkeys((channel.sensor, channel.quantity) for channel in channels))
    figure = Figure(figsize=(WIDTH / 72, (45 + 105 * len(quantities)) / 72), layout="constrained")
    grid = figure.subplots(len(quantities), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (sensor, quantity) in zip(grid, quantities, strict=True):
        for column, channel in enumerate(channels):
            if (channel.sensor, channel.quantity) == (sensor, quantity):
                colour = LIGHT[f"c{'xyz'.index(channel.axis)}"]
                axes.plot(
                    time_s, values[:, column], color=colour, linewidth=1.3, label=channel.axis
                )
        axes.set_ylabel(_UNITS[quantity])
    grid[-1].set_xlabel("seconds from the recording's start")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure
