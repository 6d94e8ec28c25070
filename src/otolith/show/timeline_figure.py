"""The picture of one recognised recording: which label when, and how probable every class was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError
from otolith.show.drawing import LIGHT, inked, save_figure
from otolith.show.figures import short
from otolith.use.timeline import UNKNOWN, Timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STACKED_CLASSES = 8
"""Up to so many classes a timeline can tell by colour; more have a line each."""
DRAWN_WINDOWS = 1500
"""Columns of a timeline; where classes have a line each, together no more points than in a stack.
"""


def plot_timeline(timeline: Timeline, path: str | Path) -> Path:
    """Draw a timeline's labels and probabilities over time, as SVG or PNG by the name's ending.

    Raises DataError where nothing was recognised.
    """
    known = timeline.label != UNKNOWN
    if not known.any():
        raise DataError(
            f"Nothing was recognised in '{timeline.recording}': more than a fifth of every window "
            f"was lost. "
            "There is nothing to draw."
        )
    start_s, end_s = timeline.start_s[known], timeline.end_s[known]
    return timeline_figure(start_s, end_s, timeline.probability[known], timeline.classes, path)


@inked()
def timeline_figure(
    start_s: Float[np.ndarray, "N"],
    end_s: Float[np.ndarray, "N"],
    probability: Float[np.ndarray, "N K"],
    classes: Sequence[str],
    path: str | Path,
) -> Path:
    """Write the picture of one recognised recording: which label when, and the probability of every
    class.

    Up to eight classes have a colour each, as a band of labels above their stacked probabilities;
    more have a line each. A window is drawn until the next one starts; where none was recognised
    the picture stays empty. Raises ConfigError for odd shapes.
    """
    start_s, end_s, probability = (
        np.asarray(a, dtype=np.float64) for a in (start_s, end_s, probability)
    )
    if (
        probability.shape != (len(start_s), len(classes))
        or start_s.shape != end_s.shape
        or not len(start_s)
    ):
        raise ConfigError(
            f"A timeline needs a start, an end and {len(classes)} probabilities for each of one or "
            f"more windows; found "
            f" {len(start_s)} starts, {len(end_s)} ends and probabilities of shape "
            f"{probability.shape}."
        )
    order = np.argsort(start_s, kind="stable")
    start_s, end_s, probability = start_s[order], end_s[order], probability[order]
    until = np.minimum(end_s, np.append(start_s[1:], np.inf))
    # A day has more windows than a picture has columns: neighbours are averaged, a stretch without
    # windows stays empty.
    columns = (
        DRAWN_WINDOWS
        if len(classes) <= STACKED_CLASSES
        else DRAWN_WINDOWS * STACKED_CLASSES // len(classes)
    )
    if len(start_s) > columns:
        width = (end_s.max() - start_s[0]) / columns
        _, first, count = np.unique(
            ((start_s - start_s[0]) / width).astype(int), return_index=True, return_counts=True
        )
        probability = np.add.reduceat(probability, first) / count[:, None]
        start_s, until = start_s[first], until[first + count - 1]
    names = [short(name, 22 if len(classes) <= STACKED_CLASSES else 40) for name in classes]
    drawn = _stacked_timeline if len(classes) <= STACKED_CLASSES else _lined_timeline
    figure = drawn(start_s, until, probability, names)
    figure.axes[-1].set(xlim=(start_s[0], end_s.max()), xlabel="seconds")
    words = f"{len(order)} windows from {start_s[0]:.1f} to {end_s.max():.1f} seconds."
    return save_figure(figure, Path(path), "What was recognised, over time", words)


def _stacked_timeline(
    start_s: np.ndarray, until: np.ndarray, probability: np.ndarray, names: list[str]
) -> Figure:
    """A band of labels, and below it the probabilities on top of one another."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(760 / 72, 300 / 72), layout="constrained")
    band, stack = figure.subplots(2, 1, sharex=True, height_ratios=[1, 5])
    edges = np.repeat(np.stack([start_s, until], 1), 2)
    bottom = np.zeros(len(start_s))
    for number, name in enumerate(names):
        low, high = (_pulses(height) for height in (bottom, bottom + probability[:, number]))
        stack.fill_between(
            edges, low, high, color=LIGHT[f"c{number}"], linewidth=0, antialiased=False, label=name
        )
        bottom = bottom + probability[:, number]
    for label, begin, seconds in _blocks(start_s, until, probability.argmax(axis=1)):
        band.broken_barh(
            [(begin, seconds)], (0, 1), color=LIGHT[f"c{label}"], linewidth=0, antialiased=False
        )
    band.set(yticks=[], ylim=(0, 1), title="")
    band.set_ylabel("label", rotation=0, ha="right", va="center")
    band.tick_params(bottom=False)
    stack.set(ylim=(0, 1), ylabel="probability")
    for axes in (band, stack):
        axes.grid(visible=False)
    columns = max(1, min(len(names), int(700 / (34 + 6.3 * max(map(len, names))))))
    figure.legend(
        *stack.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=columns,
        handlelength=1.0,
    )
    return figure


def _lined_timeline(
    start_s: np.ndarray, until: np.ndarray, probability: np.ndarray, names: list[str]
) -> Figure:
    """A line for each class: how probable it is, and a block where it is the label."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(760 / 72, (60 + 20 * len(names)) / 72), layout="constrained")
    axes = figure.subplots()
    for label, begin, seconds in _blocks(start_s, until, probability.argmax(axis=1)):
        # The first class stands on top, as it does in a list.
        place = (len(names) - 1 - label, 0.85)
        axes.broken_barh(
            [(begin, seconds)], place, color=LIGHT[f"c{label % 8}"], alpha=0.35, linewidth=0
        )
    edges = np.repeat(np.stack([start_s, until], 1), 2)
    for number in range(len(names)):
        base = float(len(names) - 1 - number)
        high = base + 0.85 * _pulses(probability[:, number])
        axes.fill_between(
            edges, base, high, color=LIGHT[f"c{number % 8}"], linewidth=0, antialiased=False
        )
    axes.set(ylim=(-0.1, len(names)))
    axes.set_yticks([len(names) - 1 - number + 0.42 for number in range(len(names))], names)
    axes.grid(visible=False)
    axes.hlines(
        range(len(names)), start_s[0], until[-1], color=LIGHT["rule"], linewidth=0.6, zorder=0
    )
    axes.set_title(
        "bars: probability; shaded: the label", loc="left", fontsize=10.5, color=LIGHT["muted"]
    )
    return figure


def _blocks(
    start_s: np.ndarray, until: np.ndarray, winner: np.ndarray
) -> Iterator[tuple[int, float, float]]:
    """Yield label, start and seconds of every run of one label: windows side by side would show
    seams."""
    fresh = np.append(True, (winner[1:] != winner[:-1]) | (start_s[1:] > until[:-1]))
    last = until[np.append(np.flatnonzero(fresh)[1:] - 1, len(until) - 1)]
    for label, begin, end in zip(winner[fresh], start_s[fresh], last, strict=True):
        yield int(label), float(begin), float(end - begin)


def _pulses(values: Float[np.ndarray, "N"]) -> Float[np.ndarray, "M"]:
    """Four heights per window, back to zero at either edge, so that nothing is filled where there
    is no window."""
    zero = np.zeros_like(values)
    return np.stack([zero, values, values, zero], 1).ravel()
