"""What a notebook shows of results: data frames, short reprs, tables whose names are text."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from otolith import Recogniser, Report, Timeline
from otolith.core.errors import ConfigError

NAMES = ["<b>Ann</b>", "x" * 400, "a\x1b[31mb"]


def timeline(name: str) -> Timeline:
    start = np.arange(3.0)
    labels = np.array([name, "", name], dtype=object)
    shares = np.array([[0.9, 0.1], [np.nan, np.nan], [0.6, 0.4]])
    return Timeline(name, (name, "other"), start, start + 2, labels, shares)


def report(name: str, people: int = 3) -> Report:
    scores = {f"{name}{n}": {"macro_f1": 0.5 + n / 10, "accuracy": 0.5} for n in range(people)}
    cell = {"study": name, "method": name, "shots": 8, "fold": 0, "draw": 0, "seed": 0}
    return Report(rows=[cell | {"macro_f1": 0.6, "per_subject": scores}] * 500)


@pytest.mark.parametrize("name", NAMES)
def test__repr__any_name__is_short_and_its_table_is_text(name: str) -> None:
    nouns = (timeline(name), report(name), Recogniser(name, name, channels=[name] * 50))
    for noun in nouns:
        assert len(repr(noun)) <= 300
        shown = noun._repr_html_()
        assert "<b>" not in shown and "\x1b" not in shown
        assert shown.startswith("<table>") and shown.endswith("</table>")


def test__recogniser__fitted__shows_a_notebook_what_it_was_trained_on() -> None:
    values = np.random.default_rng(0).normal(size=(8, 1, 50))
    made = Recogniser("features", "logistic", rate_hz=50, channels=["head.acc.x"])
    assert "not fitted" in made._repr_html_()
    made.fit(values, ["rest", "walk"] * 4)
    shown = made._repr_mimebundle_()["text/html"]
    for part in ("rest, walk", "head.acc.x", "1 s at 50 Hz", "8 windows of 0 people"):
        assert part in shown


def test__to_frame__of_timeline_and_report__has_a_row_for_each_window_and_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))  # an extra
    windows = timeline("walk").to_frame()
    assert list(windows) == ["recording", "start_s", "end_s", "label", "walk", "other"]
    assert windows["recording"] == ["walk"] * 3 and windows["end_s"].tolist() == [2.0, 3.0, 4.0]
    people = report("s").to_frame()
    assert list(people)[:4] == ["study", "method", "shots", "seed"]
    assert len(people["subject"]) == 1500 and people["subject"][:3] == ["s0", "s1", "s2"]
    assert people["macro_f1"][:3] == pytest.approx([0.5, 0.6, 0.7])
    assert people["balanced_accuracy"][0] is None


def test__to_frame__without_pandas__says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for noun in (timeline("walk"), report("s")):
        with pytest.raises(ConfigError, match=r"pip install 'otolith\[frames\]'"):
            noun.to_frame()
