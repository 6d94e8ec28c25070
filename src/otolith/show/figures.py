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
from otolith.show.drawing import (
    LIGHT,
    WIDTH,
    colour_of,
    grid,
    inked,
    name_cells,
    panel,
    save_figure,
    shaded,
    short,
)

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

    >>> lines = [
    ...     {"method": m, "shots": k, "macro_f1_mean": x, "macro_f1_se": 0.02}
    ...     for m, of in {"pim": (0.6, 0.8), "scratch": (0.4, 0.7)}.items()
    ...     for k, x in zip((1, 8), of, strict=True)
    ... ]
    >>> style = {"pim": ("#0b66b3", "o"), "scratch": ("#7a828c", "o")}
    >>> [text.get_text() for text in few_shot_figure(lines, style).axes[0].texts]
    ['scratch', 'pim']
    """
    figure, axes = panel(300)
    _few_shot(axes, lines, style)
    return figure


@inked()
def few_shot_grid(studies: Mapping[str, Sequence[Row]], style: Style) -> Figure:
    """Draw the few-shot curves of several studies beside one another, two in a row.

    >>> lines = [
    ...     {"method": m, "shots": k, "macro_f1_mean": x, "macro_f1_se": 0.02}
    ...     for m, of in {"pim": (0.6, 0.8), "scratch": (0.4, 0.7)}.items()
    ...     for k, x in zip((1, 8), of, strict=True)
    ... ]
    >>> style = {"pim": ("#0b66b3", "o"), "scratch": ("#7a828c", "o")}
    >>> [axes.get_title("left") for axes in few_shot_grid({"a": lines, "b": lines}, style).axes]
    ['a', 'b']
    """
    rows = -(-len(studies) // 2)
    figure, places = grid(rows, 2, (2 * WIDTH, 270 * rows))
    for axes, (name, lines) in zip(places.flat, studies.items(), strict=False):
        _few_shot(axes, lines, style)
        axes.set_title(name, loc="left")
    for axes in places.flat[len(studies) :]:
        axes.set_visible(False)
    return figure


def _few_shot(axes: Axes, lines: Sequence[Row], style: Style) -> None:
    shots = sorted({line["shots"] for line in lines}, key=shots_order)
    place: dict[Shots, float] = {k: math.log2(float(k)) for k in shots if k != "all"}
    # One and a half steps away: nobody should read it as twice the labels.
    place["all"] = max(place.values(), default=0.0) + 1.5
    ends = []
    for method, (colour, marker) in style.items():
        scored = [x for x in lines if x["method"] == method and x["macro_f1_mean"] is not None]
        if scored:
            scored.sort(key=lambda line: shots_order(line["shots"]))
            x = np.array([place[line["shots"]] for line in scored])
            y = 100 * np.array([line["macro_f1_mean"] for line in scored])
            se = 100 * np.array([line["macro_f1_se"] or 0.0 for line in scored])
            few = len(x) - (scored[-1]["shots"] == "all")
            _curve(axes, x, y, se, few, color=colour, marker=marker)
            ends.append((float(y[-1]), method, colour, float(x[-1])))
    axes.set_xticks([place[k] for k in shots], [str(k) for k in shots])
    axes.grid(axis="x", visible=False)
    axes.set(xlabel="labelled windows per class", ylabel="macro-F1 per person, %")
    _end_labels(axes, ends)


def _curve(
    axes: Axes, x: np.ndarray, y: np.ndarray, se: np.ndarray, few: int, color: str, marker: str
) -> None:
    """A curve with a band for its error; only its first `few` points are powers of two."""
    band = (y - se)[:few], (y + se)[:few]
    axes.fill_between(x[:few], *band, color=color, alpha=0.14, linewidth=0)
    axes.plot(x[:few], y[:few], color=color, marker=marker)
    # "All" is no power of two: a dotted line leads to it, and its error is a bar.
    axes.plot(x[-2:], y[-2:], color=color, linestyle=":", linewidth=1.4)
    axes.errorbar(x[-1:], y[-1:], se[-1:], color=color, marker=marker, elinewidth=1.4)


@inked()
def people_figure(
    scores: Mapping[str, Mapping[str, float]], people: Sequence[str], style: Style
) -> Figure:
    """Draw a line per person, in the order given, with a mark for each method's macro-F1.

    >>> scores = {"pim": {"ann": 0.9, "bob": 0.7}}
    >>> figure = people_figure(scores, ["ann", "bob"], {"pim": ("#0b66b3", "o")})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['ann', 'bob']
    """
    # Taller with every person, so that names never overlap.
    rows = len(people)
    step = 17.0 if rows <= 40 else 13.0
    legend_rows = -(-len(style) // _columns(style))
    figure, axes = panel(63 + step * rows + 17 * legend_rows)
    for y, person in enumerate(people):
        values = [100 * of[person] for of in scores.values() if person in of]
        axes.plot([min(values), max(values)], [y, y], color=LIGHT["rule"], linewidth=1.6, zorder=1)
    for method, (colour, marker) in style.items():
        of = scores.get(method, {})
        places = [y for y, person in enumerate(people) if person in of]
        if places:
            x = [100 * of[people[y]] for y in places]
            name = short(method)
            axes.scatter(x, places, color=colour, marker=marker, s=34, label=name, zorder=2)
    axes.set_yticks(range(rows), [short(person) for person in people])
    axes.set_ylim(rows - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("macro-F1, %")
    _legend(figure, style, "outside upper left")
    return figure


@inked()
def confusion_figure(counts: Float[np.ndarray, "K K"], classes: Sequence[str]) -> Figure:
    """Draw which class (row) was taken for which (column): the darker, the larger the share.

    >>> figure = confusion_figure(np.array([[9, 1], [0, 8]]), ["sitting", "standing"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['9', '1', '8']
    """
    size = len(classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    seen = share > 0.004
    figure, axes = panel(WIDTH * 0.95)
    # A little light for few windows, so that a single mistake can still be seen.
    shaded(axes, np.where(seen, 0.06 + 0.94 * share, np.nan))
    for row, column in np.argwhere(seen) if size <= COUNTED_CLASSES else ():
        ink = LIGHT["on-accent" if share[row, column] > 0.5 else "ink"]
        place, text = (column + 0.5, row + 0.5), f"{counts[row, column]:.0f}"
        axes.text(*place, text, color=ink, ha="center", va="center", fontsize=9.5)
    font = 10.5 if size <= COUNTED_CLASSES else 8.0
    names = [short(name) for name in classes]
    slanted = max(map(len, names), default=0) * size > 40
    name_cells(axes, names, names, (font, font), "right" if slanted else "")
    axes.set(aspect="equal", xlabel="recognised as", ylabel="truly")
    return figure


@inked()
def embedding_figure(entry: Row, classes: Sequence[str]) -> Figure:
    """Draw an encoder's embeddings in a plane: a point per window, a colour and mark per class.

    `entry` is one of a report's embeddings: x, y and label of each window.

    >>> entry = {"x": [0.0, 1.0, 2.0], "y": [0.0, 1.0, 0.0], "label": ["rest", "walk", "walk"]}
    >>> len(embedding_figure(entry, ["rest", "walk", "run"]).axes[0].collections)
    2
    """
    x, y = np.asarray(entry["x"], dtype=float), np.asarray(entry["y"], dtype=float)
    labels = np.array([str(label) for label in entry["label"]])
    # Evenly, not at random: the same report gives the same page.
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), DRAWN_POINTS)).astype(int))
    present = set(labels)
    names = [name for name in [*classes, *sorted(present - set(classes))] if name in present]
    figure, axes = panel(WIDTH * 0.8 + 15 * math.ceil(len(names) / 3))
    for index, name in enumerate(names):
        colour, marker = colour_of(index)
        at = kept[labels[kept] == name]
        points = axes.scatter(x[at], y[at], color=colour, marker=marker, s=13, label=short(name))
        points.set(alpha=0.75, linewidth=0)
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.spines["bottom"].set_visible(False)
    _legend(figure, names, "outside lower left", markerscale=1.6)
    return figure


@inked()
def losses_figure(curves: Mapping[str, Curve]) -> Figure:
    """Draw one method's losses, a thin line per fold: training dashed, validation solid.

    >>> figure = losses_figure({"fold 0": [(1, 0.9, 1.0), (2, 0.7, 0.9)]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'validation']
    """
    figure, axes = panel(240)
    for points in curves.values():
        _loss_lines(axes, points, 1.2)
    axes.set(xlabel="epoch", ylabel="loss")
    handles, labels = axes.get_legend_handles_labels()
    # Ten folds would be ten times the same two words.
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper left", ncols=2)
    return figure


@inked()
def loss_figure(csv_rows: Iterable[Mapping[str, object]], path: str | Path) -> Path:
    """Write the loss curves of a training to an .svg or .png file, a panel for each term.

    Each row has `epoch`; `train` and `validation` with an optional `term`, or columns such as
    `train_speed` and `validation_total`. Empty cells are gaps. Raises ConfigError where no row has
    a loss.

    >>> rows = [{"epoch": n, "train": 1 / n, "validation": 1.2 / n} for n in range(1, 9)]
    >>> loss_figure(rows, "losses.svg").name
    'losses.svg'
    """
    curves = _curves_of(csv_rows)
    columns = min(3, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure, places = grid(rows, columns, (max(WIDTH, 250 * columns), 60 + 170 * rows))
    for axes, (term, curve) in zip(places.flat, curves.items(), strict=False):
        _loss_lines(axes, curve, 1.8)
        axes.set_title(short(term), loc="left", fontsize=10.5)
        axes.set_xlabel("epoch")
    for axes in places.flat[len(curves) :]:
        axes.set_visible(False)
    # A term may lack validation; the legend is taken from one that has both.
    both = max(places.flat, key=lambda axes: len(axes.lines))
    figure.legend(*both.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    words = f"Training and validation loss per epoch: {', '.join(curves)}."
    return save_figure(figure, Path(path), "Loss curves", words)


def _curves_of(csv_rows: Iterable[Mapping[str, object]]) -> dict[str, Curve]:
    """The curve of each term, the total first."""
    curves: dict[str, dict[float, dict[str, float]]] = {}
    for row in csv_rows:
        for name, value in row.items():
            side = next((side for side in ("train", "validation") if name.startswith(side)), None)
            if side is not None and value not in (None, ""):
                term = name.removeprefix(side).strip("_./: ") or str(row.get("term") or "total")
                at = curves.setdefault(term, {}).setdefault(float(str(row["epoch"])), {})
                at[side] = float(str(value))
    if not curves:
        raise ConfigError(
            "No losses to draw: rows need 'epoch' and 'train' or 'validation'. Train for one epoch "
            "first."
        )
    return {
        term: [
            (epoch, at.get("train", math.nan), at.get("validation", math.nan))
            for epoch, at in sorted(curves[term].items())
        ]
        for term in sorted(curves, key=lambda term: (term != "total", term))
    }


def _legend(figure: Figure, names: Iterable[str], place: Any, markerscale: float = 1.0) -> None:
    """Put a legend into as many columns as its longest name leaves room for."""
    spacing: dict[str, Any] = {"handletextpad": 0.1, "columnspacing": 1.0}
    figure.legend(loc=place, ncols=_columns(names), markerscale=markerscale, **spacing)


def _columns(names: Iterable[str]) -> int:
    longest = max((len(short(name)) for name in names), default=1)
    return max(1, min(5, int(WIDTH / (30 + 6.3 * longest))))


def _loss_lines(axes: Axes, points: Curve, width: float) -> None:
    epoch, train, validation = np.array(points, dtype=float).T
    dot = "o" if len(epoch) == 1 else ""
    for values, key, dashes, label in (
        (train, "control", "--", "training"),
        (validation, "accent", "-", "validation"),
    ):
        if np.isfinite(values).any():
            (line,) = axes.plot(epoch, values, color=LIGHT[key], marker=dot, label=label)
            line.set(linestyle=dashes, linewidth=width)


def _end_labels(axes: Axes, ends: Sequence[tuple[float, str, str, float]]) -> None:
    """Name each curve at its right end, moved apart just as far as the words need."""
    low, high = axes.get_ylim()
    ordered = sorted(ends)
    heights = _apart([y for y, *_ in ordered], (high - low) * 0.058)
    right = max((x for *_, x in ordered), default=0.0)
    for height, (_, method, colour, _) in zip(heights, ordered, strict=True):
        text = axes.annotate(short(method, 18), (right, height), (9, 0), textcoords="offset points")
        text.set(color=colour, va="center", fontsize=10.5, annotation_clip=False)  # beside the axes


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights at least `gap` apart, each crowd centred on its members, which rise."""
    crowds: list[list[float]] = []
    for height in heights:
        crowds.append([height])
        while len(crowds) > 1 and _spread(crowds[-2], gap)[-1] + gap > _spread(crowds[-1], gap)[0]:
            crowds[-2:] = [crowds[-2] + crowds[-1]]
    return [height for crowd in crowds for height in _spread(crowd, gap)]


def _spread(crowd: Sequence[float], gap: float) -> list[float]:
    bottom = sum(crowd) / len(crowd) - gap * (len(crowd) - 1) / 2
    return [bottom + gap * index for index in range(len(crowd))]
