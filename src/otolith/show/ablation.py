"""An ablation as one figure: a row for each way of learning, a panel for each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from otolith.core.errors import ConfigError
from otolith.show.drawing import LIGHT, WIDTH, grid, inked, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Scores = Mapping[str, tuple[float, float]]
"""Mean and standard error of each method, 0 to 1."""


@inked()
def ablation_figure(
    panels: Mapping[str, Scores], rows: Sequence[str], controls: Sequence[str] = ()
) -> Figure:
    """Draw the score of each method with its standard error, best read from left to right.

    panels: title -> scores; a method that a panel lacks leaves its line empty. rows: the methods
    from the top. controls: those drawn in grey; a line goes through the panel at the first one's
    score.

    Raises ConfigError where a panel has none of the rows.

    >>> scores = {"pim": (0.8, 0.01), "scratch": (0.6, 0.02)}
    >>> figure = ablation_figure({"8 labels": scores}, ["pim", "scratch"], controls=["scratch"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['pim', 'scratch']
    """
    # Rows are shared, so names stand once, at the left.
    size = max(WIDTH, len(panels) * WIDTH * 0.62), 70.0 + 21 * len(rows)
    figure, places = grid(1, len(panels), size, share=(True, True))
    for axes, (title, scores) in zip(places[0], panels.items(), strict=True):
        if not any(name in scores for name in rows):
            raise ConfigError(f"Panel '{title}' has none of the methods {', '.join(rows)}.")
        for y, name in enumerate(rows):
            if name in scores:
                mean, se = (100 * value for value in scores[name])
                colour = LIGHT["control" if name in controls else "accent"]
                (bar,) = axes.plot([mean - se, mean + se], [y, y], color=colour, linewidth=2.4)
                bar.set(solid_capstyle="round", alpha=0.45)
                axes.plot([mean], [y], color=colour, marker="o")
        if controls and controls[0] in scores:
            at = 100 * scores[controls[0]][0]
            axes.axvline(at, color=LIGHT["control"], linewidth=1.0, linestyle=":")
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_yticks(range(len(rows)), [short(name) for name in rows])
        axes.set_xlabel("macro-F1 per person, %")
    places[0, 0].invert_yaxis()
    return figure
