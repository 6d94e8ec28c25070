"""The figures of a study's page: who did what, how fast sensors sampled, how a signal looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from otolith.data.channels import Channel, by_quantity
from otolith.data.quantities import QUANTITIES
from otolith.show.drawing import LIGHT, WIDTH, grid, inked, name_cells, panel, shaded, short
from otolith.show.study_summary import PersonSummary, SensorSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN_PEOPLE = 60
"""More rows than this nobody reads; all of them stand in the table under the figure."""


@inked()
def bars_figure(names: Sequence[str], values: Sequence[float], unit: str) -> Figure:
    """Draw one bar for each name, from the top, with its value beside it.

    >>> figure = bars_figure(["walking", "sitting"], [120.0, 30.0], "seconds")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['120', '30']
    """
    figure, axes = panel(50 + 17.0 * len(names))
    bars = axes.barh(range(len(names)), values, height=0.66, color=LIGHT["accent"])
    most = max(values, default=1.0)
    texts = [f"{x:.0f}" if most >= 100 else f"{x:.2g}" if x < 1 else f"{x:.1f}" for x in values]
    axes.bar_label(bars, texts, padding=4, fontsize=9.5, color=LIGHT["muted"])
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    return figure


@inked()
def people_figure(people: Sequence[PersonSummary], labels: Sequence[str]) -> Figure:
    """Draw who (row) did what (column): the darker, the longer; empty where it was never done.

    >>> ann = PersonSummary("ann", recordings=1, label_s={"walking": 60.0})
    >>> len(people_figure([ann], ["walking", "sitting"]).axes[0].patches)
    1
    """
    step = 17.0 if len(people) <= 40 else 11.0
    figure, axes = panel(110 + step * len(people))
    seconds = np.array([[person.label_s.get(label, 0.0) for label in labels] for person in people])
    # Shown by the square root: a minute beside an hour is still to be seen.
    shade = 0.08 + 0.92 * np.sqrt(seconds / max(seconds.max(initial=0.0), 1e-12))
    shaded(axes, np.where(seconds > 0, shade, np.nan))
    names = [short(label, 16) for label in labels]
    sizes = 9.5 if step > 12 else 7.5, 9.5 if len(labels) < 16 else 8.0
    slanted = sum(map(len, names)) > 45
    rows = [short(person.name, 14) for person in people]
    name_cells(axes, rows, names, sizes, "left" if slanted else "")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return figure


@inked()
def rates_figure(sensors: Sequence[SensorSummary]) -> Figure:
    """Draw each recording's measured rate as a dot, a row per sensor; the stated rate as a line.

    >>> streams = [{"rate_hz": rate, "nominal_rate_hz": 50.0} for rate in (49.9, 50.1)]
    >>> sensor = SensorSummary("head: acc", ("head",), ["a", "b"], streams)
    >>> len(rates_figure([sensor]).axes[0].collections)  # the dots, and the stated rate
    2
    """
    figure, axes = panel(60 + 34.0 * len(sensors))
    for row, sensor in enumerate(sensors):
        # Dots are spread over the row in order, so that equal rates do not hide one another.
        count = len(sensor.rates_hz)
        height = row + (np.linspace(-0.28, 0.28, count) if count > 1 else np.zeros(1))
        dots = axes.scatter(sensor.rates_hz, height, s=9, color=LIGHT["accent"])
        dots.set(alpha=0.6, linewidth=0)
        axes.vlines(sensor.nominal_hz, row - 0.42, row + 0.42, color=LIGHT["ink"], linewidth=1.4)
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
    """Draw some seconds of a sensor in SI units: a panel per quantity, a colour per axis.

    >>> from otolith.data.channels import triad
    >>> signal_figure(np.arange(9.0), np.zeros((9, 3)), triad("head", "acc")).axes[0].get_ylabel()
    'acc, m/s²'
    """
    groups = by_quantity(channels)
    size = WIDTH, 45.0 + 105 * len(groups)
    figure, places = grid(len(groups), 1, size, share=(True, False))
    for axes, ((_, quantity), columns) in zip(places[:, 0], groups.items(), strict=True):
        for number, column in enumerate(columns):
            label = channels[column].axis or quantity
            axes.plot(time_s, values[:, column], color=LIGHT[f"c{number}"], lw=1.3, label=label)
        axes.set_ylabel(f"{quantity}, {QUANTITIES[quantity].unit}")
    places[-1, 0].set_xlabel("seconds from the recording's start")
    handles = places[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=3)
    return figure
