"""Report: the statistics by a case worked by hand, files that come back as they were written,
honest gaps."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import DataError, ReadError, SplitError
from otolith.measure.report import Report
from otolith.measure.statistics import person_scores, summarise
from otolith.measure.tables import interval, percent


def row(
    method: str, fold: int, draw: int, scores: dict[str, float], shots: int | str = 4, **more: Any
) -> dict[str, Any]:
    per = {
        who: {"macro_f1": f1, "accuracy": f1, "balanced_accuracy": f1, "windows": 10}
        for who, f1 in scores.items()
    }
    mean = sum(scores.values()) / len(scores)
    return {
        "method": method,
        "study": "s",
        "shots": shots,
        "fold": fold,
        "draw": draw,
        "seed": 0,
        "macro_f1": mean,
        "accuracy": mean,
        "balanced_accuracy": mean,
        "test_subjects": list(scores),
        "per_subject": per,
        **more,
    }


# Two folds, two draws, three people. Averaged over draws: pim a .6 b .8 c .7, scratch a .5 b .5 c
# .6.
BY_HAND = [
    row("pim", 0, 0, {"a": 0.5, "b": 0.9}),
    row("pim", 0, 1, {"a": 0.7, "b": 0.7}),
    row("pim", 1, 0, {"c": 0.6}),
    row("pim", 1, 1, {"c": 0.8}),
    row("scratch", 0, 0, {"a": 0.4, "b": 0.5}),
    row("scratch", 0, 1, {"a": 0.6, "b": 0.5}),
    row("scratch", 1, 0, {"c": 0.5}),
    row("scratch", 1, 1, {"c": 0.7}),
]


def line(
    rows: list[dict[str, Any]], method: str, shots: int | str = 4, **more: Any
) -> dict[str, Any]:
    return next(x for x in summarise(rows, **more) if x["method"] == method and x["shots"] == shots)


def test__summarise__case_worked_by_hand__means_and_errors_over_people() -> None:
    pim = line(BY_HAND, "pim")
    assert pim["macro_f1_mean"] == pytest.approx(0.7)
    assert pim["macro_f1_se"] == pytest.approx(0.1 / math.sqrt(3))  # sd of .6 .8 .7 is .1
    assert (pim["people"], pim["folds"], pim["draws"]) == (3, 2, 2)
    # Folds pooled: (.7 + .7) / 2 = .7 and (.6 + .8) / 2 = .7
    assert pim["macro_f1_pooled_mean"] == pytest.approx(0.7)
    assert pim["macro_f1_pooled_se"] == pytest.approx(0.0, abs=1e-12)


def test__summarise__case_worked_by_hand__paired_interval_is_students_t_over_people() -> None:
    versus = line(BY_HAND, "pim")["versus"]
    # Differences .1 .3 .1: mean 1/6, sd .11547, and the 97.5 % point of t with 2 degrees is
    # 4.302653.
    half = 4.302652729696 * 0.11547005383792516 / math.sqrt(3)
    assert versus["method"] == "scratch"
    assert versus["people"] == 3
    assert versus["difference"] == pytest.approx(1 / 6)
    assert versus["low"] == pytest.approx(1 / 6 - half)
    assert versus["high"] == pytest.approx(1 / 6 + half)
    assert line(BY_HAND, "scratch")["versus"] is None


def test__summarise__several_seeds__are_averaged_before_people_and_missed_where_they_lack() -> None:
    first, second = ([{**r, "seed": seed} for r in BY_HAND] for seed in (0, 1))
    for r in second:
        people = r["per_subject"].items()
        r["per_subject"] = {
            person: {**own, "macro_f1": own["macro_f1"] - 0.2} for person, own in people
        }
    pim = line([*first, *second], "pim")
    assert (pim["people"], pim["seeds"]) == (3, 2)
    assert pim["macro_f1_mean"] == pytest.approx(0.6)
    assert pim["macro_f1_se"] == pytest.approx(0.1 / math.sqrt(3))
    facts = {
        "folds": {"s": [["a", "b"], ["c"]]},
        "planned": {"methods": ["pim"], "shots": [4], "seeds": [2]},
    }
    assert Report(rows=[*first, *second], **facts).missing() == []
    said = Report(rows=first, **facts).missing()
    assert said[0] == "s: pim at 4 per class lacks 4 of 8 cells (seed × fold × draw)."


def test__summarise__more_draws_of_the_same__leaves_the_error_as_it_was() -> None:
    again = [*BY_HAND, *({**r, "draw": r["draw"] + 2} for r in BY_HAND)]
    assert line(again, "pim")["macro_f1_se"] == pytest.approx(line(BY_HAND, "pim")["macro_f1_se"])
    assert line(again, "pim")["versus"] == pytest.approx(line(BY_HAND, "pim")["versus"])


def test__summarise__a_draw_missing_in_one_method__pairs_only_what_both_have() -> None:
    rows = [
        r for r in BY_HAND if not (r["method"] == "scratch" and r["fold"] == 0 and r["draw"] == 1)
    ]
    # a: .5 - .4, b: .9 - .5, c: as before .1
    assert line(rows, "pim")["versus"]["difference"] == pytest.approx((0.1 + 0.4 + 0.1) / 3)


def test__summarise__no_scratch__first_method_is_the_control() -> None:
    rows = [r | {"method": {"pim": "forest", "scratch": "logistic"}[r["method"]]} for r in BY_HAND]
    assert line(rows, "logistic")["versus"]["method"] == "forest"
    assert line(rows, "forest", control="logistic")["versus"]["method"] == "logistic"


def test__summarise__three_people__says_few_people() -> None:
    assert line(BY_HAND, "pim")["notes"] == ["few people"]
    six = [row("pim", 0, 0, {f"p{n}": 0.1 * n for n in range(6)})]
    assert line(six, "pim")["notes"] == []


def test__summarise__one_person__has_no_error_and_no_interval() -> None:
    rows = [row("pim", 0, 0, {"a": 0.5}), row("scratch", 0, 0, {"a": 0.4})]
    pim = line(rows, "pim")
    assert pim["macro_f1_se"] is None
    assert pim["versus"]["difference"] == pytest.approx(0.1)
    assert pim["versus"]["low"] is None
    assert interval(pim["versus"]) == "+10.0"


def test__summarise__person_on_both_sides__is_refused() -> None:
    with pytest.raises(SplitError, match="a stood on both sides"):
        summarise([row("pim", 0, 0, {"a": 0.5}, train_subjects=["a", "b"])])


def test__summarise__same_person_name_in_two_studies__stays_two_people() -> None:
    rows = [row("pim", 0, 0, {"a": 0.2}), row("pim", 0, 0, {"a": 0.8}) | {"study": "other"}]
    assert person_scores(rows) == {("s", "pim", 4): {"a": 0.2}, ("other", "pim", 4): {"a": 0.8}}


def test__summarise__scores_that_are_not_finite__are_left_out() -> None:
    rows = [row("pim", 0, 0, {"a": 0.5, "b": float("nan")}) | {"macro_f1": None}]
    pim = line(rows, "pim")
    assert (pim["people"], pim["macro_f1_mean"], pim["macro_f1_pooled_mean"]) == (1, 0.5, None)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.integers(1, 4), st.randoms())
def test__summarise__any_order_of_rows__same_summary(
    scores: list[float], draws: int, random: Any
) -> None:
    rows = [
        row(m, n, d, {f"p{n}": s})
        for m in ("pim", "scratch")
        for n, s in enumerate(scores)
        for d in range(draws)
    ]
    ordered = line(rows, "pim")
    random.shuffle(rows)
    shuffled = line(rows, "pim")
    assert shuffled["macro_f1_mean"] == ordered["macro_f1_mean"] == pytest.approx(np.mean(scores))
    assert shuffled["macro_f1_se"] == pytest.approx(np.std(scores, ddof=1) / math.sqrt(len(scores)))
    assert shuffled["versus"] == pytest.approx(
        {"method": "scratch", "difference": 0, "low": 0, "high": 0, "people": len(scores)}
    )


def report(**more: Any) -> Report:
    return Report(
        rows=BY_HAND,
        studies=[{"name": "s", "origin": "measured"}],
        folds={"s": [["a", "b"], ["c"]]},
        **more,
    )


def test__report__saved_and_loaded__is_the_same(tmp_path: Path) -> None:
    kept = report(command="otolith benchmark s", seed=3, machine={"cores": 2})
    loaded = Report.load(kept.save(tmp_path / "deep" / "out"))
    assert loaded == kept
    content = json.loads((tmp_path / "deep" / "out" / "results.json").read_text())
    assert content["otolith_results"] == 2
    assert content["summary"] == kept.summary
    assert sorted(p.name for p in (tmp_path / "deep" / "out").iterdir()) == [
        "people.csv",
        "results.csv",
        "results.json",
    ]


def test__report__numpy_and_nan__become_plain_json(tmp_path: Path) -> None:
    kept = report(
        losses=[{"epoch": np.int64(1), "train": np.float32(0.5), "validation": float("nan")}]
    )
    assert Report.load(kept.save(tmp_path)).losses == [
        {"epoch": 1, "train": 0.5, "validation": None}
    ]
    with pytest.raises(DataError, match="cannot hold a object"):
        report(notes=[object()]).save(tmp_path)
    assert Report.load(tmp_path).notes == []  # what stood there before is untouched


def test__report__people_csv__carries_the_published_mean(tmp_path: Path) -> None:
    report().save(tmp_path)
    people = list(
        csv.DictReader((tmp_path / "people.csv").read_text(encoding="utf-8").splitlines())
    )
    ours = [float(p["macro_f1"]) for p in people if p["method"] == "pim"]
    assert np.mean(ours) == pytest.approx(0.7)
    assert {p["subject"] for p in people} == {"a", "b", "c"}
    cells = list(
        csv.DictReader((tmp_path / "results.csv").read_text(encoding="utf-8").splitlines())
    )
    assert len(cells) == len(BY_HAND)
    assert cells[0]["test_subjects"] == "a;b"


def test__report__no_results__names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="otolith benchmark --out"):
        Report.load(tmp_path)


def test__report__a_changed_score__is_refused(tmp_path: Path) -> None:
    path = report().save(tmp_path) / "results.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["rows"][0]["per_subject"]["a"]["macro_f1"] = 0.99
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ReadError, match="is not as the benchmark wrote it"):
        Report.load(tmp_path)
    del content["content_sha256"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ReadError, match="type the benchmark's command again"):
        Report.load(tmp_path)


def test__report__of_the_form_before__is_read(tmp_path: Path) -> None:
    content = report(seed=3).to_dict() | {"otolith_results": 1}
    (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8")
    assert Report.load(tmp_path) == report(seed=3)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"otolith_results": 2}',
        '{"otolith_results": 3}',
        '{"otolith_results": 1, "rows": [{}]}',
    ],
)
def test__report__broken_results__are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ReadError):
        Report.load(tmp_path)


def test__table__by_hand__shows_percent_with_error() -> None:
    text = report().table()
    assert ["pim", "70.0", "±", "5.8"] in [line.split() for line in text.splitlines()]
    assert ["pim", "+16.7", "[-12.0,", "45.4]"] in [line.split() for line in text.splitlines()]
    assert "standard error over 3 people" in text
    assert "few people (3)" in text
    assert "simulated" not in text


def test__table__simulated_and_unfinished__says_so() -> None:
    half = [r for r in BY_HAND if not (r["method"] == "scratch" and r["fold"] == 1)]
    text = Report(rows=half, studies=[{"name": "s", "origin": "simulated"}]).table()
    assert text.startswith("s (simulated data)")
    assert "(2 people)" in text
    assert "only n of the 3 people so far" in text
    assert "nothing finished yet" in Report(studies=[{"name": "s"}]).table()


def test__missing__complete_run__says_nothing() -> None:
    assert report(planned={"methods": ["pim", "scratch"], "shots": [4]}).missing() == []


def test__missing__stopped_half_way__names_each_gap() -> None:
    half = Report(
        rows=BY_HAND[:3],
        folds={"s": [["a", "b"], ["c"]]},
        planned={"methods": ["pim", "forest"], "shots": [4, "all"]},
    )
    said = half.missing()
    assert said[0] == "s: pim at 4 per class lacks 1 of 4 cells (fold × draw)."
    assert "s: pim at all labels lacks 2 of 2 cells (fold × draw)." in said
    assert "s: forest at 4 per class lacks 4 of 4 cells (fold × draw)." in said


def test__percent__nothing_known__is_a_dash() -> None:
    assert (percent(None, None), percent(0.5, None), percent(0.5, 0.01)) == (
        "–",
        "50.0 ± –",
        "50.0 ± 1.0",
    )


@pytest.mark.parametrize(
    "field",
    [
        *Report.__dataclass_fields__,
        "rows.study",
        "rows.shots",
        "rows.fold",
        "rows.draw",
        "rows.macro_f1",
        "rows.per_subject",
    ],
)
@pytest.mark.parametrize("value", [5.5, "x", [1], {"a": 1}, True, [[]], [{"a": 1}]])
def test__report__edited_by_hand__is_read_or_refused_in_words(field: str, value: Any) -> None:
    row = {"study": "s", "method": "m", "shots": 1, "fold": 0, "draw": 0, "macro_f1": 0.5}
    row |= {"per_subject": {"p": {"macro_f1": 0.5}}}
    content: dict[str, Any] = {"otolith_results": 1, "rows": [row]}
    name, _, column = field.partition(".")
    if column:
        row[column] = value
    else:
        content[name] = value
    try:
        report = Report.from_dict(content)
    except ReadError:
        return
    if name in ("rows", "created", "command"):
        assert report.summary is not None


@pytest.mark.parametrize(
    "odd", [{"train_subjects": [["a"]]}, {"per_subject": {"a": 3}}, {"shots": {}}, {"method": []}]
)
def test__report__rows_that_no_benchmark_writes__end_in_our_error(odd: dict[str, Any]) -> None:
    with pytest.raises((ReadError, DataError)):
        Report(rows=[*BY_HAND, {**BY_HAND[0], **odd}]).summary  # noqa: B018  a property


@pytest.mark.parametrize(
    "odd",
    [
        {"studies": [3]},
        {"losses": [[]]},
        {"planned": {"methods": 3.5}},
        {"embedding": [{"x": [".."]}]},
    ],
)
def test__page__report_that_no_benchmark_writes__ends_in_our_error(odd: dict[str, Any]) -> None:
    from otolith.show.report_page import report_page

    with pytest.raises(ReadError, match="no benchmark writes"):
        report_page(Report(rows=BY_HAND, **odd))
