"""How close simulated sensors came to real ones: a table for the terminal, a figure, and a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from otolith.core.files import write_text
from otolith.motion.fidelity.fidelity import Agreement
from otolith.motion.fidelity.study_fidelity import Compared
from otolith.show.drawing import LIGHT, WIDTH, grid, inked, save_figure
from otolith.show.pages import Table, drawn, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 6
"""So many sensors are drawn at the most."""
HEAD = (
    *("recording", "simulated", "sensor", "s"),
    *("m/s²", "r x y z", "rad/s", "r x y z", "MSE of magnitudes"),
)
_CAPTION = (
    "Magnitudes, whatever the mounting: grey is what the sensor measured, blue what was simulated; "
    "the liveliest seconds of what was scored."
)
_QUANTITIES = {"acceleration": "m/s²", "angular_rate": "rad/s"}


def rows_of(compared: Sequence[Compared]) -> list[tuple[str, ...]]:
    """Put every sensor into words, under `HEAD`; and the mean over all where there are several."""
    rows = [
        (one.real, one.simulated, one.sensor, *_cells(one.fidelity.seconds, _parts(one)))
        for one in compared
    ]
    if len(compared) > 1:
        means = [_mean(parts) for parts in zip(*map(_parts, compared), strict=True)]
        seconds = sum(one.fidelity.seconds for one in compared)
        rows.append((f"mean of {len(compared)}", "", "", *_cells(seconds, means)))
    return rows


Numbers = tuple[float, Sequence[float], float]
"""Root mean square error, correlation per axis, mean squared error of the magnitudes."""


def _parts(one: Compared) -> list[Numbers]:
    agreements: list[Agreement] = [getattr(one.fidelity, name) for name in _QUANTITIES]
    return [(part.rmse, part.correlation, part.magnitude_mse) for part in agreements]


def _mean(parts: Iterable[Numbers]) -> Numbers:
    # NaN where a signal was constant: it has no correlation, and counts for nothing.
    rmse, correlation, errors = zip(*parts, strict=True)
    return float(np.mean(rmse)), np.nanmean(correlation, axis=0), float(np.nanmean(errors))


def _cells(seconds: float, parts: Sequence[Numbers]) -> list[str]:
    cells = [cell for rmse, axes, _ in parts for cell in (f"{rmse:.3f}", _three(axes))]
    return [f"{seconds:.0f}", *cells, " ".join(f"{error:.3f}" for *_, error in parts)]


def _three(values: Iterable[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


@inked()
def fidelity_figure(compared: Sequence[Compared], most: int = SHOWN) -> Figure:
    """Draw the magnitudes of simulated and real signals, a row for each of the first sensors."""
    shown = compared[:most]
    figure, places = grid(len(shown), 2, (2 * WIDTH, 50 + 95.0 * len(shown)))
    for line, one in zip(places, shown, strict=True):
        for axes, quantity in zip(line, _QUANTITIES, strict=True):
            _magnitudes(axes, one, quantity)
    for axes, quantity in zip(places[-1], _QUANTITIES, strict=True):
        axes.set_xlabel(f"seconds ({quantity.replace('_', ' ')})")
    handles = places[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=2)
    return figure


def _magnitudes(axes: Axes, one: Compared, quantity: str) -> None:
    readings = (
        (one.example.real, LIGHT["control"], 2.6, "measured"),
        (one.example.simulated, LIGHT["c0"], 1.3, "simulated"),
    )
    for reading, colour, width, name in readings:
        size = np.linalg.norm(getattr(reading, quantity), axis=1)
        axes.plot(one.example.time_s, size, color=colour, lw=width, label=name)
    error = getattr(one.fidelity, quantity).magnitude_mse
    title = f"{one.real}, {one.sensor.replace('_', ' ')}: MSE {error:.3f}"
    axes.set_title(title, loc="left", fontsize=10.5)
    axes.set_ylabel(_QUANTITIES[quantity])


def write_fidelity_figure(compared: Sequence[Compared], path: str | Path, title: str) -> Path:
    """Write the figure as .svg or .png; raises ConfigError for another ending."""
    return save_figure(fidelity_figure(compared), Path(path), title, _CAPTION)


def write_fidelity_page(
    compared: Sequence[Compared], notes: Sequence[str], path: str | Path, title: str
) -> Path:
    """Write one HTML file with table, figure and how it was measured; return where it is."""
    bands = [f"{low:g} to {high:g} Hz" for low, high in compared[0].fidelity.bands_hz]
    coherence = []
    for one in compared:
        for name, what in zip(_QUANTITIES, ("acceleration", "angular rate"), strict=True):
            shares = getattr(one.fidelity, name).coherence
            coherence.append([f"{one.real}, {one.sensor}, {what}", *(f"{x:.2f}" for x in shares)])
    explained = "Coherence: the share of the real power that the simulated one explains"
    numbers = Table(["", *bands], coherence, explained)
    figure = fidelity_figure(compared)
    fitted = []
    for one in compared:
        # Only where something was fitted: zeros would look like results.
        if one.delay_s or any(one.lever_m):
            arm, delay = _three(1000 * arm for arm in one.lever_m), f"{1000 * one.delay_s:.1f}"
            fitted.append([f"{one.real}, {one.sensor}", delay, arm])
    head = ["", "real clock late by, ms", "lever arm x y z, mm"]
    page = render(
        "fidelity.html",
        title,
        sensors=Table(HEAD, rows_of(compared), title),
        compared=drawn(figure, "fidelity", "Simulated and measured", _CAPTION, numbers),
        fitted=Table(head, fitted, "Fitted on the first half, scored on the second"),
        notes=notes,
    )
    write_text(Path(path), page)
    return Path(path)
