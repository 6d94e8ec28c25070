"""The picture of one recognised recording: which label when, and how probable every class was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError
from otolith.show.drawing import LIGHT, grid, inked, panel, save_figure, short
from otolith.use.timeline import UNKNOWN, Timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STACKED_CLASSES = 8
"""Up to so many classes a timeline can tell by colour; more have a line each."""
DRAWN_WINDOWS = 1500
"""Columns of a timeline; lines have as many points together as a stack."""


def plot_timeline(timeline: Timeline, path: str | Path) -> Path:
    """Draw a timeline's labels and probabilities over time, as SVG or PNG by the name's ending.

    Raises DataError where nothing was recognised.

    >>> start, label = np.arange(2.0), np.array(["rest", "walk"])
    >>> shares = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> made = Timeline("ann-1", ("rest", "walk"), start, start + 2, label, shares)
    >>> plot_timeline(made, "timeline.png").name
    'timeline.png'
    """
    known = timeline.label != UNKNOWN
    if not known.any():
        raise DataError(
            f"Nothing was recognised in '{timeline.recording}': more than a fifth of every window "
            "was lost. There is nothing to draw."
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
    """Write the figure of one recognised recording: which label when, and every probability.

    Up to eight classes have a colour each, as a band of labels above their stacked probabilities;
    more have a line each. A window is drawn until the next one starts; where none was recognised
    the figure stays empty. Raises ConfigError for odd shapes.

    >>> start, shares = np.arange(3.0), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> timeline_figure(start, start + 2, shares, ["walking", "sitting"], "timeline.svg").name
    'timeline.svg'
    """
    start_s, end_s, probability = (
        np.asarray(a, dtype=np.float64) for a in (start_s, end_s, probability)
    )
    shape = (len(start_s), len(classes))
    if probability.shape != shape or start_s.shape != end_s.shape or not len(start_s):
        raise ConfigError(
            f"A timeline needs a start, an end and {len(classes)} probabilities for each of one or "
            f"more windows; these are {len(start_s)} starts, {len(end_s)} ends and "
            f"probabilities of shape {probability.shape}."
        )
    order = np.argsort(start_s, kind="stable")
    start_s, end_s, probability = start_s[order], end_s[order], probability[order]
    # Where windows overlap, the later one takes over.
    until = np.minimum(end_s, np.append(start_s[1:], np.inf))
    stacked = len(classes) <= STACKED_CLASSES
    columns = DRAWN_WINDOWS if stacked else DRAWN_WINDOWS * STACKED_CLASSES // len(classes)
    if len(start_s) > columns:
        # A day has more windows than a figure has columns: neighbours are averaged.
        width = (end_s.max() - start_s[0]) / columns
        place = ((start_s - start_s[0]) / width).astype(int)
        _, first, count = np.unique(place, return_index=True, return_counts=True)
        probability = np.add.reduceat(probability, first) / count[:, None]
        start_s, until = start_s[first], until[first + count - 1]
    draw = _draw_stack if stacked else _draw_lines
    names = [short(name, 22 if stacked else 40) for name in classes]
    figure = draw(_Stretches(start_s, until, probability), names)
    figure.axes[-1].set(xlim=(start_s[0], end_s.max()), xlabel="seconds")
    words = f"{len(order)} windows from {start_s[0]:.1f} to {end_s.max():.1f} seconds."
    return save_figure(figure, Path(path), "What was recognised, over time", words)


@dataclass(frozen=True)
class _Stretches:
    """Windows in order of time, none past the start of the next."""

    start_s: Float[np.ndarray, "N"]
    until_s: Float[np.ndarray, "N"]
    probability: Float[np.ndarray, "N K"]

    @property
    def edges(self) -> Float[np.ndarray, "M"]:
        """Four moments per window, for the heights of `_pulses`."""
        return np.repeat(np.stack([self.start_s, self.until_s], 1), 2)

    def blocks(self) -> Iterator[tuple[int, tuple[float, float]]]:
        """Yield label, and start and seconds, of every run of one label.

        Drawn window by window, neighbours would show seams.
        """
        label = self.probability.argmax(axis=1)
        # A gap ends a block, even where the label goes on behind it.
        apart = self.start_s[1:] > self.until_s[:-1]
        first = np.append(0, 1 + np.flatnonzero((label[1:] != label[:-1]) | apart))
        last = np.append(first[1:], len(label)) - 1
        begin, end = self.start_s[first], self.until_s[last]
        for which, start, seconds in zip(label[first], begin, end - begin, strict=True):
            yield int(which), (float(start), float(seconds))


def _draw_stack(windows: _Stretches, names: Sequence[str]) -> Figure:
    """A band of labels, and below it the probabilities on top of one another."""
    figure, places = grid(2, 1, (760, 300), share=(True, False), heights=[1, 5])
    band, stack = places[:, 0]
    plain = {"linewidth": 0, "antialiased": False}
    tops = np.cumsum(windows.probability, axis=1)
    bottoms = np.hstack([np.zeros((len(tops), 1)), tops[:, :-1]])
    for number, name in enumerate(names):
        low, high = _pulses(bottoms[:, number]), _pulses(tops[:, number])
        stack.fill_between(windows.edges, low, high, color=LIGHT[f"c{number}"], label=name, **plain)
    for label, block in windows.blocks():
        band.broken_barh([block], (0, 1), color=LIGHT[f"c{label}"], **plain)
    band.set(yticks=[], ylim=(0, 1), title="")
    band.set_ylabel("label", rotation=0, ha="right", va="center")
    band.tick_params(bottom=False)
    stack.set(ylim=(0, 1), ylabel="probability")
    for axes in (band, stack):
        axes.grid(visible=False)
    columns = max(1, min(len(names), int(700 / (34 + 6.3 * max(map(len, names))))))
    handles = stack.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=columns, handlelength=1.0)
    return figure


def _draw_lines(windows: _Stretches, names: Sequence[str]) -> Figure:
    """A line for each class: how probable it is, and a block where it is the label."""
    figure, axes = panel(60 + 20 * len(names), 760)
    # The first class stands on top, as it does in a list.
    base = np.arange(len(names))[::-1]
    for label, block in windows.blocks():
        colour = LIGHT[f"c{label % 8}"]
        axes.broken_barh([block], (base[label], 0.85), color=colour, alpha=0.35, linewidth=0)
    for number, low in enumerate(base):
        colour, high = LIGHT[f"c{number % 8}"], low + 0.85 * _pulses(windows.probability[:, number])
        axes.fill_between(windows.edges, low, high, color=colour, linewidth=0, antialiased=False)
    axes.set(ylim=(-0.1, len(names)))
    axes.set_yticks(base + 0.42, names)
    axes.grid(visible=False)
    whole = windows.start_s[0], windows.until_s[-1]
    axes.hlines(base, *whole, color=LIGHT["rule"], linewidth=0.6, zorder=0)
    said = "bars: probability; shaded: the label"
    axes.set_title(said, loc="left", fontsize=10.5, color=LIGHT["muted"])
    return figure


def _pulses(values: Float[np.ndarray, "N"]) -> Float[np.ndarray, "M"]:
    """Four heights per window, back to zero at either edge, so that a gap is not filled."""
    zero = np.zeros_like(values)
    return np.stack([zero, values, values, zero], 1).ravel()
