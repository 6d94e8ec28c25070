"""The figure of an ablation: a point where each score is, and nothing where there is none."""

from __future__ import annotations

import pytest

from otolith.core.errors import ConfigError
from otolith.show.ablation import ablation_figure
from otolith.show.drawing import LIGHT

ROWS = ("scratch", "a", "b")
PANELS = {
    "first": {"scratch": (0.5, 0.02), "a": (0.7, 0.01), "b": (0.6, 0.03)},
    "second": {"b": (0.4, 0.0)},
}


def test__ablation__each_score__has_its_point_in_its_row() -> None:
    figure = ablation_figure(PANELS, ROWS, controls=["scratch"])
    first, second = figure.axes
    points = {
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in first.lines
        if line.get_marker() == "o"
    }
    assert points == {(50.0, 0), (70.0, 1), (60.0, 2)}
    assert [line.get_ydata()[0] for line in second.lines if line.get_marker() == "o"] == [2]
    bars = [line for line in first.lines if len(line.get_xdata()) == 2 and line.get_marker() != "o"]
    assert tuple(bars[0].get_xdata()) == pytest.approx((48.0, 52.0))
    assert bars[0].get_color() == LIGHT["control"] != bars[1].get_color()
    low, high = first.get_ylim()
    assert low > high and [label.get_text() for label in first.get_yticklabels()] == list(ROWS)


def test__ablation__control__draws_a_line_where_it_is_known() -> None:
    first, second = ablation_figure(PANELS, ROWS, controls=["scratch"]).axes
    assert any(line.get_linestyle() == ":" and line.get_xdata()[0] == 50.0 for line in first.lines)
    assert not any(line.get_linestyle() == ":" for line in second.lines)


def test__ablation__panel_without_any_of_the_rows__is_told() -> None:
    with pytest.raises(ConfigError, match="Panel 'first' has none of the methods c"):
        ablation_figure(PANELS, ["c"])
