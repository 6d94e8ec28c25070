"""The figures of a report, and the one that stands on its own: the losses of a training.

Each function draws one figure in the colours of `drawing`; nothing here decides what is shown
beside what.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError
from otolith.measure.statistics import Row, Shots, shots_order
from otolith.show.drawing import LIGHT, WIDTH, colour_of, inked, panel, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Style = Mapping[str, tuple[str, str]]
"""Colour and marker of each method."""
Curve = Sequence[tuple[float, float, float]]
"""(epoch, training loss, validation loss), NaN where one was not measured."""

COUNTED_CLASSES = 12
"""Up to so many classes the cells of a confusion matrix have room for their counts."""
DRAWN_POINTS = 1500
"""Points of an embedding that are drawn; more would only hide one another."""


@inked()
def few_shot_figure(lines: Sequence[Row], style: Style) -> Figure:
    """Draw macro-F1 over labelled windows per class, with a band of one standard error over people.

    `lines` are those of one study in a report's summary. The steps are powers of two; "all" stands
    apart at the end.
    """
    figure, axes = panel(300)
    _few_shot(axes, lines, style)
    return figure


@inked()
def few_shot_grid(studies: Mapping[str, Sequence[Row]], style: Style) -> Figure:
    """Draw the few-shot curves of several studies beside one another, two in a row."""
    from matplotlib.figure import Figure

    rows = -(-len(studies) // 2)
    figure = Figure(figsize=(2 * WIDTH / 72, rows * 270 / 72), layout="constrained")
    places = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, (name, lines) in zip(places, studies.items(), strict=False):
        _few_shot(axes, lines, style)
        axes.set_title(name, loc="left")
    for axes in places[len(studies) :]:
        axes.set_visible(False)
    return figure


def _few_shot(axes: Axes, lines: Sequence[Row], style: Style) -> None:
    shots = sorted({line["shots"] for line in lines}, key=shots_order)
    counts = [float(k) for k in shots if k != "all"]
    place: dict[Shots, float] = {k: math.log2(float(k)) for k in shots if k != "all"}
    place["all"] = math.log2(max(counts, default=1)) + 1.5
    ends = []
    for method, (colour, marker) in style.items():
        own = sorted(
            (x for x in lines if x["method"] == method), key=lambda x: shots_order(x["shots"])
        )
        own = [line for line in own if line["macro_f1_mean"] is not None]
        if not own:
            continue
        x = np.array([place[line["shots"]] for line in own])
        y = 100 * np.array([line["macro_f1_mean"] for line in own])
        se = 100 * np.array([line["macro_f1_se"] or 0.0 for line in own])
        told = slice(None, -1 if own[-1]["shots"] == "all" else None)
        axes.fill_between(
            x[told], (y - se)[told], (y + se)[told], color=colour, alpha=0.14, linewidth=0
        )
        axes.plot(x[told], y[told], color=colour, marker=marker)
        # "All" is no power of two: a dotted line leads to it, and its error is a bar.
        axes.plot(x[-2:], y[-2:], color=colour, linestyle=":", linewidth=1.4)
        axes.errorbar(x[-1:], y[-1:], se[-1:], color=colour, marker=marker, elinewidth=1.4)
        ends.append((float(y[-1]), method, colour, float(x[-1])))
    axes.set_xticks([place[k] for k in shots], [str(k) for k in shots])
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("labelled windows per class")
    axes.set_ylabel("macro-F1 per person, %")
    _end_labels(axes, ends)


@inked()
def people_figure(
    scores: Mapping[str, Mapping[str, float]], people: Sequence[str], style: Style
) -> Figure:
    """Draw one line per person with a mark for each method's macro-F1; `people` says the order,
    from the top."""
    rows = len(people)
    step = 17.0 if rows <= 40 else 13.0
    figure, axes = panel(80 + step * rows + 17 * (-(-len(style) // _columns(style)) - 1))
    for y, person in enumerate(people):
        values = [100 * own[person] for own in scores.values() if person in own]
        axes.plot([min(values), max(values)], [y, y], color=LIGHT["rule"], linewidth=1.6, zorder=1)
    for method, (colour, marker) in style.items():
        own = scores.get(method, {})
        held = [(100 * own[person], y) for y, person in enumerate(people) if person in own]
        if held:
            x, ys = zip(*held, strict=True)
            axes.scatter(x, ys, color=colour, marker=marker, s=34, label=short(method), zorder=2)
    axes.set_yticks(range(rows), [short(person) for person in people])
    axes.set_ylim(rows - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("macro-F1, %")
    _legend(figure, style, "outside upper left")
    return figure


@inked()
def confusion_figure(counts: Float[np.ndarray, "K K"], classes: Sequence[str]) -> Figure:
    """Draw which class (row) was taken for which (column): the darker, the larger the share of its
    row."""
    from matplotlib.patches import Rectangle

    size = len(classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    figure, axes = panel(WIDTH * 0.95)
    for row, column in np.argwhere(share > 0.004):
        value = float(share[row, column])
        # A little light for few windows, so that a single mistake can still be seen.
        cell = Rectangle(
            (column + 0.02, row + 0.02),
            0.96,
            0.96,
            color=LIGHT["accent"],
            alpha=0.06 + 0.94 * value,
        )
        cell.set_linewidth(0)
        axes.add_patch(cell)
        if size <= COUNTED_CLASSES:
            ink = LIGHT["on-accent"] if value > 0.5 else LIGHT["ink"]
            text = f"{counts[row, column]:.0f}"
            axes.text(
                column + 0.5, row + 0.5, text, color=ink, ha="center", va="center", fontsize=9.5
            )
    small = 10.5 if size <= COUNTED_CLASSES else 8.0
    names = [short(name) for name in classes]
    ticks = [index + 0.5 for index in range(size)]
    axes.set_yticks(ticks, names, fontsize=small)
    turned = max(map(len, names), default=0) * size > 40
    axes.set_xticks(
        ticks, names, fontsize=small, rotation=45 if turned else 0, ha="right" if turned else "center",
        rotation_mode="anchor" if turned else "default",
    )  # fmt: skip
    axes.set(xlim=(0, size), ylim=(size, 0), aspect="equal", xlabel="recognised as", ylabel="truly")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    return figure


@inked()
def embedding_figure(entry: Mapping[str, Any], classes: Sequence[str]) -> Figure:
    """Draw a plane picture of an encoder's embeddings, one point per window, one colour and mark
    per class."""
    x, y = np.asarray(entry["x"], dtype=float), np.asarray(entry["y"], dtype=float)
    labels = np.array([str(label) for label in entry["label"]])
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), DRAWN_POINTS)).astype(int))
    named = [
        name for name in [*classes, *sorted(set(labels) - set(classes))] if name in set(labels)
    ]
    figure, axes = panel(WIDTH * 0.8 + 15 * math.ceil(len(named) / 3))
    for index, name in enumerate(named):
        colour, marker = colour_of(index)
        own = kept[labels[kept] == name]
        axes.scatter(
            x[own],
            y[own],
            color=colour,
            marker=marker,
            s=13,
            alpha=0.75,
            linewidth=0,
            label=short(name),
        )
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.spines["bottom"].set_visible(False)
    _legend(figure, named, "outside lower left", markerscale=1.6)
    return figure


@inked()
def losses_figure(curves: Mapping[str, Curve]) -> Figure:
    """Draw the losses of one method over epochs, a thin line for each fold: training dashed,
    validation solid."""
    figure, axes = panel(240)
    for points in curves.values():
        _loss_lines(axes, points, 1.2)
    axes.set(xlabel="epoch", ylabel="loss")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper left", ncols=2)
    return figure


@inked()
def loss_figure(csv_rows: Iterable[Mapping[str, Any]], path: str | Path) -> Path:
    """Write the loss curves of a training to an .svg or .png file, a panel for each term.

    Each row has `epoch`; `train` and `validation` with an optional `term`, or columns such as
    `train_speed` and `validation_total`. Empty cells are gaps. Raises ConfigError where no row has
    a loss.
    """
    curves: dict[str, dict[float, dict[str, float]]] = {}
    for row in csv_rows:
        for name, value in row.items():
            side = next((side for side in ("train", "validation") if name.startswith(side)), None)
            if side is not None and value not in (None, ""):
                term = name.removeprefix(side).strip("_./: ") or str(row.get("term") or "total")
                curves.setdefault(term, {}).setdefault(float(row["epoch"]), {})[side] = float(value)
    if not curves:
        raise ConfigError(
            "No losses to draw: rows need 'epoch' and 'train' or 'validation'. Train for one epoch "
            "first."
        )
    points = {
        term: [
            (epoch, at.get("train", math.nan), at.get("validation", math.nan))
            for epoch, at in sorted(own.items())
        ]
        for term, own in sorted(curves.items(), key=lambda item: item[0] != "total")
    }
    from matplotlib.figure import Figure

    columns = min(3, len(points))
    rows = math.ceil(len(points) / columns)
    figure = Figure(
        figsize=(max(WIDTH, 250 * columns) / 72, (60 + 170 * rows) / 72), layout="constrained"
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, (term, curve) in zip(grid.flat, points.items(), strict=False):
        _loss_lines(axes, curve, 1.8)
        axes.set_title(short(term), loc="left", fontsize=10.5)
        axes.set_xlabel("epoch")
    for axes in grid.flat[len(points) :]:
        axes.set_visible(False)
    both = max(grid.flat, key=lambda axes: len(axes.lines))
    figure.legend(*both.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    words = f"Training and validation loss per epoch: {', '.join(points)}."
    return save_figure(figure, Path(path), "Loss curves", words)


def short(name: Any, most: int = 22) -> str:
    """Write a name with spaces for underscores, cut where it would push the drawing aside."""
    text = str(name).replace("_", " ")
    return text if len(text) <= most else text[: most - 1] + "…"


def _legend(figure: Figure, names: Iterable[str], place: Any, markerscale: float = 1.0) -> None:
    """Put a legend into as many columns as its longest name leaves room for."""
    figure.legend(
        loc=place,
        ncols=_columns(names),
        handletextpad=0.1,
        columnspacing=1.0,
        markerscale=markerscale,
    )


def _columns(names: Iterable[str]) -> int:
    return max(
        1, min(5, int(WIDTH / (30 + 6.3 * max((len(short(name)) for name in names), default=1))))
    )


def _loss_lines(axes: Axes, points: Curve, width: float) -> None:
    epoch, train, validation = np.array(points, dtype=float).T
    for values, key, dashes, label in (
        (train, "control", "--", "training"),
        (validation, "accent", "-", "validation"),
    ):
        if np.isfinite(values).any():
            dot = "o" if len(epoch) == 1 else ""
            axes.plot(
                epoch,
                values,
                color=LIGHT[key],
                linestyle=dashes,
                linewidth=width,
                marker=dot,
                label=label,
            )


def _end_labels(axes: Axes, ends: Sequence[tuple[float, str, str, float]]) -> None:
    """Name each curve at its right end, moved apart just as far as the words need."""
    low, high = axes.get_ylim()
    ordered = sorted(ends)
    heights = _apart([y for y, *_ in ordered], (high - low) * 0.058)
    right = max((x for *_, x in ordered), default=0.0)
    for height, (_, method, colour, _) in zip(heights, ordered, strict=True):
        axes.annotate(
            short(method, 18), (right, height), (9, 0), textcoords="offset points", color=colour, va="center",
            fontsize=10.5, annotation_clip=False,
        )  # fmt: skip


def _apart(wanted: Sequence[float], gap: float) -> list[float]:
    """Heights at least `gap` apart, each crowd centred on where its members (in rising order)
    wanted to be."""
    crowds: list[list[float]] = []
    for height in wanted:
        crowds.append([height])
        while len(crowds) > 1 and _spread(crowds[-2], gap)[-1] + gap > _spread(crowds[-1], gap)[0]:
            crowds[-2:] = [crowds[-2] + crowds[-1]]
    return [height for crowd in crowds for height in _spread(crowd, gap)]


def _spread(crowd: Sequence[float], gap: float) -> list[float]:
    bottom = sum(crowd) / len(crowd) - gap * (len(crowd) - 1) / 2
    return [bottom + gap * index for index in range(len(crowd))]
