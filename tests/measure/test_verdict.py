"""The verdict: hand-made results whose curves cross, tie, fall short or are too few, and what may
be said of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from otolith.measure.report import Report
from otolith.measure.standing import Curves, sign
from otolith.measure.verdict import verdict
from otolith.show.report_page import report_page

Scores = Mapping[str, Mapping[int | str, float]]


def results(levels: Scores, people: int = 8) -> Report:
    """One fold, one draw; a method's score of a person is its level at that number of labels, give
    or take."""
    rows: list[dict[str, Any]] = []
    for number, (method, curve) in enumerate(levels.items()):
        for shots, level in curve.items():
            wobble = np.random.default_rng([number, people]).normal(0, 0.01, people)
            own = level + wobble - wobble.mean()
            per = {f"p{n}": {"macro_f1": float(own[n]), "windows": 9} for n in range(people)}
            mean = sum(scores["macro_f1"] for scores in per.values()) / people
            rows.append(
                {
                    "method": method,
                    "study": "s",
                    "shots": shots,
                    "fold": 0,
                    "draw": 0,
                    "seed": 0,
                    "macro_f1": mean,
                    "per_subject": per,
                }
            )
    return Report(rows=rows, studies=[{"name": "s", "origin": "measured"}])


def said(levels: Scores, people: int = 8) -> list[str]:
    return verdict(results(levels, people), "s")


def test__verdict__curves_that_cross__first_sentence_tells_all_of_it() -> None:
    first, *rest = said({"scratch": {1: 0.5, 4: 0.6, 8: 0.6}, "forest": {1: 0.4, 4: 0.6, 8: 0.8}})
    assert first.startswith("No method is best at every number of labels: ")
    assert "at 1 labelled window per class scratch is best (50.0" in first
    assert "at 8 labelled windows per class forest is best (80" in first
    assert "at 4 labelled windows per class" in first
    assert "level with" in first
    assert "on 8 held-out people" in first
    assert "recognises best" not in " ".join([first, *rest])
    assert any(
        sentence.startswith("forest is above scratch at 8 labelled windows per class (+2")
        and "below it at 1 labelled window per class (−" in sentence
        and "8 people paired" in sentence
        for sentence in rest
    )


def test__verdict__one_method_above_all_along_the_curve__is_best_at_every_number() -> None:
    first, *_ = said({"pim": {1: 0.5, 8: 0.8, "all": 0.9}, "scratch": {1: 0.3, 8: 0.5, "all": 0.6}})
    assert first.startswith("pim recognises best at every number of labels: 50")
    assert "with 1 labelled window per class to 90" in first
    assert "with all on 8 held-out people" in first


def test__verdict__scratch_highest_at_four_but_far_below_at_eight__is_not_called_best() -> None:
    text = " ".join(said({"scratch": {4: 0.601, 8: 0.6}, "forest": {4: 0.6, 8: 0.8}}))
    assert "scratch recognises best" not in text
    assert "at 8 labelled windows per class forest is best" in text


@pytest.mark.parametrize("gap", [0.0, 0.002])
def test__verdict__ties__are_level_and_nobody_is_best(gap: float) -> None:
    first, *rest = said({"pim": {2: 0.6 + gap, 8: 0.7}, "scratch": {2: 0.6, 8: 0.7 + gap}})
    assert first.startswith("No method is best at any number of labels: ")
    assert "level with" in first
    assert any(
        "not distinguishable from scratch at every number of labels" in sentence
        for sentence in rest
    )
    assert any(
        sentence.startswith("No interval puts another method above scratch") for sentence in rest
    )


def test__verdict__one_method_worse_everywhere__is_named_as_such() -> None:
    sentences = said(
        {
            "pim": {1: 0.5, 8: 0.8},
            "scratch": {1: 0.5, 8: 0.8},
            "logistic": {1: 0.3, 8: 0.4},
            "forest": {1: 0.5, 8: 0.3},
        }
    )
    assert "logistic is worse than pim and scratch at every number of labels." in sentences
    assert not any(sentence.startswith("forest is worse") for sentence in sentences)
    worst = said({"scratch": {1: 0.3, 8: 0.4}, "pim": {1: 0.5, 8: 0.8}, "forest": {1: 0.6, 8: 0.7}})
    assert "scratch is worse than every other method at every number of labels." in worst
    alone = said({"scratch": {4: 0.3}, "pim": {4: 0.5}})
    assert "scratch is worse than pim at 4 labelled windows per class." in alone


@pytest.mark.parametrize("people", [1, 2])
def test__verdict__one_or_two_people__nobody_is_best_however_far_ahead(people: int) -> None:
    # Both people differ by exactly as much: an interval without width, which proves nothing.
    levels = {"pim": {4: 0.9, 8: 0.9}, "scratch": {4: 0.1, 8: 0.1}}
    report = results(levels, people)
    for row in report.rows:
        row["per_subject"] = {
            who: s | {"macro_f1": row["macro_f1"]} for who, s in row["per_subject"].items()
        }
    first, *rest = verdict(report, "s")
    assert first.startswith("No method is best at any number of labels: ")
    assert "pim is highest" in first
    assert not any("worse than" in sentence for sentence in rest)
    assert f"These are few people ({people})" in rest[-1]
    assert "nothing is called best over fewer than 3" in rest[-1]


def test__verdict__one_number_of_labels__speaks_of_that_one_with_the_interval() -> None:
    first, *rest = said({"pim": {4: 0.7}, "scratch": {4: 0.5}, "forest": {4: 0.55}})
    assert first.startswith("pim recognises best: 70")
    assert "with 4 labelled windows per class on 8 held-out people" in first
    assert any(
        sentence.startswith("pim is 20") and "95 % interval +" in sentence for sentence in rest
    )
    level, *_ = said({"pim": {"all": 0.7}, "scratch": {"all": 0.7}})
    assert level.startswith("No method is best: at all labelled windows ")


def test__verdict__scores_that_are_no_numbers__are_neither_best_nor_worst() -> None:
    report = results(
        {
            "pim": {4: 0.7, 8: 0.8},
            "scratch": {4: 0.5, 8: math.nan},
            "odd": {4: math.nan, 8: math.nan},
        }
    )
    sentences = verdict(report, "s")
    assert "nan" not in " ".join(sentences)
    assert "at 4 labelled windows per class pim is best (70" in sentences[0]
    assert "at 8 labelled windows per class pim was the only one" in sentences[0]
    assert any(sentence.startswith("odd has no score") for sentence in sentences)
    assert "scratch is worse than pim at 4 labelled windows per class." in sentences
    assert "pim was the only method" in said({"pim": {4: 0.7, 8: 0.8}})[0]
    assert verdict(results({"pim": {4: math.nan}}), "s") == [
        "Nothing has been finished for this study yet."
    ]


def test__verdict__highest_on_half_of_the_people__does_not_lead() -> None:
    report = results({"pim": {4: 0.5}, "scratch": {4: 0.6}})
    scratch = report.rows[1]
    scratch["per_subject"] = {
        who: s for who, s in scratch["per_subject"].items() if who in ("p0", "p1")
    }
    first, *_ = verdict(report, "s")
    assert first.startswith("No method is best: at 4 labelled windows per class pim is highest")


def test__sign__an_interval_of_two_people__says_nothing() -> None:
    assert sign({"low": 0.1, "high": 0.1, "people": 2}) == 0
    assert sign({"low": 0.1, "high": 0.2, "people": 3}) == 1
    assert sign({"low": -0.2, "high": -0.1, "people": 3}) == -1
    assert sign({"low": None, "high": None, "people": 1}) == sign(None) == 0


def test__page__table__shows_level_methods_in_bold_together() -> None:
    levels: dict[str, dict[int | str, float]] = {
        "pim": {4: 0.7},
        "scratch": {4: 0.7},
        "forest": {4: 0.3},
    }
    text = report_page(results(levels))
    assert text.count('class="best"') == 2 * 2  # once below the figure, once in the table
    assert "no interval over people puts below it" in text
    assert Curves(results(levels).rows, "s").standings()[0].behind == ("forest",)


def every(levels: Scores, people: Sequence[int]) -> list[str]:
    return [" ".join(said(levels, count)) for count in people]


def test__verdict__more_people__turn_a_difference_into_a_claim() -> None:
    few, many = every({"pim": {4: 0.62}, "scratch": {4: 0.6}}, (3, 8))
    assert "recognises best" not in few
    assert "pim recognises best" in many
