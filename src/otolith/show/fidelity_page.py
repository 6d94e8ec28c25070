"""How close simulated sensors came to real ones: a table for the terminal, a figure, and one HTML
page."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from otolith import __version__
from otolith.core.files import write_text
from otolith.motion.fidelity.fidelity import Agreement
from otolith.motion.fidelity.study_fidelity import Compared
from otolith.show import markup as m
from otolith.show.drawing import DARK, LIGHT, WIDTH, css_variables, inked, inline_svg, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 6
"""So many sensors are drawn at the most."""
HEAD = (
    "recording",
    "simulated",
    "sensor",
    "s",
    "m/s²",
    "r x y z",
    "rad/s",
    "r x y z",
    "MSE of magnitudes",
)
_ROW = 95.0
_CAPTION = (
    "Magnitudes, whatever the mounting: grey is what the sensor measured, blue what was simulated; "
    "the liveliest "
    "seconds of what was scored."
)


def rows_of(found: Sequence[Compared]) -> list[tuple[str, ...]]:
    """Every sensor in words, under `HEAD`; and the mean over all where there are several."""
    rows: list[tuple[str, ...]] = [
        (one.real, one.simulated, one.sensor, f"{one.fidelity.seconds:.0f}", *_words(one.fidelity.acceleration),
         *_words(one.fidelity.angular_rate), _errors(one.fidelity.acceleration.magnitude_mse,
                                                       one.fidelity.angular_rate.magnitude_mse))
        for one in found
    ]  # fmt: skip
    if len(found) > 1:
        both = [
            [getattr(one.fidelity, name) for one in found]
            for name in ("acceleration", "angular_rate")
        ]
        means = [np.mean([part.rmse for part in parts]) for parts in both]
        correlations = [np.nanmean([part.correlation for part in parts], axis=0) for parts in both]
        errors = [float(np.nanmean([part.magnitude_mse for part in parts])) for parts in both]
        cells = [(f"{mean:.3f}", _three(r)) for mean, r in zip(means, correlations, strict=True)]
        seconds = f"{sum(one.fidelity.seconds for one in found):.0f}"
        rows.append(
            (f"mean of {len(found)}", "", "", seconds, *cells[0], *cells[1], _errors(*errors))
        )
    return rows


def _words(part: Agreement) -> tuple[str, str]:
    return f"{part.rmse:.3f}", _three(part.correlation)


def _three(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _errors(acceleration: float, angular_rate: float) -> str:
    return f"{acceleration:.3f} {angular_rate:.3f}"


@inked()
def fidelity_figure(found: Sequence[Compared], most: int = SHOWN) -> Figure:
    """Draw the magnitudes of simulated and real acceleration and angular rate, a row for each of
    the first sensors."""
    from matplotlib.figure import Figure

    shown = found[:most]
    figure = Figure(figsize=(2 * WIDTH / 72, (50 + _ROW * len(shown)) / 72), layout="constrained")
    grid = figure.subplots(len(shown), 2, squeeze=False)
    for line, one in zip(grid, shown, strict=True):
        for axes, quantity, unit in zip(
            line, ("acceleration", "angular_rate"), ("m/s²", "rad/s"), strict=True
        ):
            for reading, colour, width, name in (
                (one.example.real, LIGHT["control"], 2.6, "measured"),
                (one.example.simulated, LIGHT["c0"], 1.3, "simulated"),
            ):
                size = np.linalg.norm(getattr(reading, quantity), axis=1)
                axes.plot(one.example.time_s, size, color=colour, lw=width, label=name)
            error = getattr(one.fidelity, quantity).magnitude_mse
            axes.set_title(
                f"{one.real}, {one.sensor.replace('_', ' ')}: MSE {error:.3f}",
                loc="left",
                fontsize=10.5,
            )
            axes.set_ylabel(unit)
    for axes, quantity in zip(grid[-1], ("acceleration", "angular rate"), strict=True):
        axes.set_xlabel(f"seconds ({quantity})")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def write_fidelity_figure(found: Sequence[Compared], path: str | Path, title: str) -> Path:
    """Write the figure as .svg or .png; raises ConfigError for another ending."""
    return save_figure(fidelity_figure(found), Path(path), title, _CAPTION)


def write_fidelity_page(
    found: Sequence[Compared], notes: Sequence[str], path: str | Path, title: str
) -> Path:
    """Write one HTML file with the table, the figure and how it was measured; return where it is."""
    here = resources.files("otolith.show")
    style = Template((here / "page.css").read_text(encoding="utf-8"))
    page = Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        title=m.text(title),
        style=style.substitute(light=css_variables(LIGHT), dark=css_variables(DARK)),
        purpose=m.text(
            "How close simulated sensors come to real ones that recorded the same movement."
        ),
        banner="",
        sections="\n".join(_sections(found, notes, title)),
        version=m.text(__version__),
        created=m.text(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")),
    )
    write_text(Path(path), page)
    return Path(path)


def _sections(found: Sequence[Compared], notes: Sequence[str], title: str) -> Iterator[str]:
    sentence = (
        "Root mean square error over the axes in SI units, Pearson's correlation of each axis, and "
        "the mean squared "
        "error of the two normalised magnitudes (acceleration, angular rate), which no mounting "
        "changes."
    )
    yield m.section("Sensor by sensor", m.paragraph(sentence), m.table(HEAD, rows_of(found), title))
    svg = inline_svg(fidelity_figure(found), "fidelity", title, _CAPTION)
    bands = [f"{low:g} to {high:g} Hz" for low, high in found[0].fidelity.bands_hz]
    coherence = [
        [f"{one.real}, {one.sensor}, {name.replace('_', ' ')}",
         *(f"{value:.2f}" for value in getattr(one.fidelity, name).coherence)]
        for one in found
        for name in ("acceleration", "angular_rate")
    ]  # fmt: skip
    numbers = m.table(
        ["", *bands],
        coherence,
        "Coherence: the share of the real power that the simulated one explains",
    )
    yield m.section(
        "Side by side", m.panels([m.figure("Simulated and measured", svg, _CAPTION, numbers)])
    )
    fitted = [
        [
            f"{one.real}, {one.sensor}",
            f"{1000 * one.delay_s:.1f}",
            _three([1000 * arm for arm in one.lever_m]),
        ]
        for one in found
        if one.delay_s or any(one.lever_m)
    ]
    if fitted:
        head = ["", "real clock late by, ms", "lever arm x y z, mm"]
        yield m.section(
            "What was fitted",
            m.table(head, fitted, "Fitted on the first half, scored on the second"),
        )
    if notes:
        yield m.section("Left out", m.bullets(notes))
