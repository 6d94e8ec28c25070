"""The page of a report: well-formed, self-contained, safe with any name, honest about what is
simulated or missing."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otolith.measure.report import Report
from otolith.show.report_page import confusion, report_page, save_with_page

METHODS = ("pim", "scratch", "forest", "logistic")
SHOTS = (1, 2, 4, 8, 16, 32, "all")
VOID = {"meta", "br", "link", "img", "input", "hr"}


def made_up_report(
    *,
    people: int = 20,
    folds: int = 5,
    draws: int = 5,
    shots: tuple[int | str, ...] = SHOTS,
    seed: int = 0,
) -> Report:
    """Results as a benchmark would write them: two studies, four methods that learn at different
    speeds."""
    rng = np.random.default_rng(seed)
    classes = {
        "hapt": [
            "walking",
            "walking_upstairs",
            "walking_downstairs",
            "sitting",
            "standing",
            "laying",
        ],
        "virtual": [f"motion_{n:02d}" for n in range(14)],
    }
    floor = {"pim": 0.62, "scratch": 0.48, "forest": 0.55, "logistic": 0.57}
    studies, rows, losses, embedding, every_fold = [], [], [], [], {}
    for study, names in classes.items():
        subjects = [f"{study[0]}{n:02d}" for n in range(1, people + 1)]
        skill = dict(zip(subjects, rng.normal(0, 0.06, people), strict=True))
        split = [subjects[n::folds] for n in range(folds)]
        every_fold[study] = split
        studies.append(
            {
                "name": study,
                "origin": "simulated" if study == "virtual" else "measured",
                "recordings": 61,
                "hours": 4.27,
                "subjects": subjects,
                "classes": names,
                "hash": "9f3c1e77ab02d4c1",
                "channels": ["waist.acc.x", "waist.acc.y"],
                "windows": {
                    "seconds": 2.56,
                    "rate_hz": 50.0,
                    "overlap": 0.5,
                    "label_rule": "inside",
                    "count": 10210,
                    "dropped": {"too_many_lost_samples": 12, "label_changes_inside": 431},
                },
            }
        )
        for method in METHODS:
            for k in shots:
                steps = np.log2(64 if k == "all" else k)
                level = (
                    1
                    - (1 - floor[method]) * np.exp(-0.23 * steps)
                    - (0.03 if study == "virtual" else 0)
                )
                for fold, tested in enumerate(split):
                    for draw in range(1 if k == "all" else draws):
                        per = {}
                        for who in tested:
                            f1 = float(np.clip(level + skill[who] + rng.normal(0, 0.03), 0, 1))
                            per[who] = {
                                "macro_f1": f1,
                                "accuracy": min(1.0, f1 + 0.02),
                                "balanced_accuracy": f1,
                                "windows": 90,
                            }
                        mean = float(np.mean([p["macro_f1"] for p in per.values()]))
                        wrong = (1 - mean) * rng.dirichlet(np.full(len(names), 0.3), len(names))
                        counts = np.rint(60 * (wrong + mean * np.eye(len(names)))).astype(int)
                        rows.append(
                            {
                                "method": method,
                                "objective": "pim" if method == "pim" else None,
                                "encoder": "tpn",
                                "head": "linear",
                                "study": study,
                                "shots": k,
                                "fold": fold,
                                "draw": draw,
                                "seed": seed,
                                "macro_f1": mean - 0.01,
                                "accuracy": mean,
                                "balanced_accuracy": mean,
                                "seconds": 3.2,
                                "train_subjects": [s for s in subjects if s not in tested],
                                "test_subjects": list(tested),
                                "per_subject": per,
                                "confusion": counts.tolist(),
                                "notes": [],
                            }
                        )
        for fold in range(folds):
            for epoch in range(1, 31):
                train = 1.8 * np.exp(-epoch / 9) + 0.4 + 0.02 * rng.random()
                validation = float(train + 0.1 + 0.004 * epoch)
                losses.append(
                    {
                        "study": study,
                        "method": "pim",
                        "fold": fold,
                        "epoch": epoch,
                        "train": float(train),
                        "validation": validation,
                    }
                )
        for method in ("pim", "scratch"):
            label = rng.integers(0, len(names), 600)
            centre = rng.normal(0, 6 if method == "pim" else 1.5, (len(names), 2))
            xy = centre[label] + rng.normal(0, 1, (600, 2))
            embedding.append(
                {
                    "study": study,
                    "method": method,
                    "fold": 0,
                    "x": xy[:, 0].tolist(),
                    "y": xy[:, 1].tolist(),
                    "label": [names[n] for n in label],
                    "subject": [split[0][n % len(split[0])] for n in label],
                }
            )
    return Report(
        command="otolith benchmark hapt virtual --methods pim,scratch,forest,logistic --shots "
        "1,2,4,8,16,32,all "
        "--folds 5 --draws 5 --out results",
        created="2026-03-02T10:15:00+00:00",
        seed=seed,
        version="0.1.0",
        commit="0123abcd",
        machine={
            "platform": "Linux",
            "processor": "x86_64",
            "cores": 2,
            "device": "cpu",
            "precision": "fp32",
        },
        versions={"python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.6"},
        studies=studies,
        folds=every_fold,
        rows=rows,
        losses=losses,
        embedding=embedding,
        notes=["hapt: 27 % of the recordings carry no label and were used for pretraining only."],
    )


class Balanced(HTMLParser):
    """Fails on an element that is not closed where it should be; gathers ids, links and the visible
    text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.seen: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [
            value or ""
            for name, value in attrs
            if name in ("src", "href", "xlink:href", "data", "action")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words += data


def parsed(text: str) -> Balanced:
    parser = Balanced()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def whole() -> Report:
    return made_up_report(shots=(1, 4, 8, "all"), people=10, draws=2)


@pytest.fixture(scope="module")
def html(whole: Report) -> str:
    return report_page(whole)


def test__page__two_studies_four_methods__is_balanced_with_ids_of_its_own(html: str) -> None:
    parser = parsed(html)
    assert len(parser.ids) == len(set(parser.ids))
    assert html.count("<figure") == html.count("</svg>") == html.count("<figcaption") == 14
    assert html.count('role="img"') == 14
    assert {link.removeprefix("#") for link in parser.links} <= set(parser.ids)


def test__page__any_report__asks_nothing_of_a_network(html: str) -> None:
    parser = parsed(html)
    assert all(link.startswith("#") for link in parser.links)
    assert "http" not in html.replace("http-equiv", "")
    assert not re.search(r"@import|url\((?!#)", html)
    assert not parser.seen & {"script", "img", "link", "iframe", "object", "embed"}
    assert "default-src 'none'" in html


def test__page__same_report_twice__same_bytes(whole: Report, html: str) -> None:
    assert report_page(whole) == html


def test__page__a_simulated_study__says_so_on_top(html: str, whole: Report) -> None:
    assert "Simulated data: virtual was made by a simulation" in parsed(html).words
    assert html.index("Simulated data") < html.index("How many labels it takes")
    measured = Report.from_dict(
        whole.to_dict() | {"studies": [whole.studies[0] | {"origin": "measured"}]}
    )
    assert "Simulated" not in report_page(measured)


def test__page__verdict__matches_the_summary(html: str, whole: Report) -> None:
    lines = {(x["method"], x["shots"]): x for x in whole.summary if x["study"] == "hapt"}
    words = parsed(html).words.replace("\xa0", " ")
    first, last = (100 * lines["pim", k]["macro_f1_mean"] for k in (1, 8))
    assert (
        "No method is best at every number of labels: at 1, 4 and 8 labelled windows per class pim "
        "is best" in words
    )
    assert f"is best ({first:.1f} ±" in words
    assert f"to {last:.1f} ±" in words
    assert "pim is highest" in words
    assert "level with scratch, forest and logistic" in words
    points = [100 * lines["pim", k]["versus"]["difference"] for k in (1, 4, 8)]
    assert (
        f"pim is above scratch at 1, 4 and 8 labelled windows per class (+{min(points):.1f} to "
        f"+{max(points):.1f}" in words
    )
    assert "10 people paired, 95 % intervals" in words


def test__page__colours__come_from_variables_in_both_modes(html: str) -> None:
    body = html[html.index("</style>") :]
    bare = re.sub(r"var\(--[\w-]+, #[0-9a-f]{6}\)", "", body)
    assert not re.search(r'(?:fill|stroke)[:=]\s*"?#[0-9a-f]{3,6}', bare)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test__page__names_with_markup__are_shown_and_never_run(whole: Report) -> None:
    evil = {
        "h01": "<script>alert(1)</script>",
        "walking": 'a"b&c<i>',
        "pim": "<b>$x$</b>",
        "hapt": "'\"><svg onload=x>",
    }

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {evil.get(k, k): renamed(v) for k, v in value.items()}
        if isinstance(value, list):
            return [renamed(v) for v in value]
        return evil.get(value, value) if isinstance(value, str) else value

    small = made_up_report(people=4, folds=2, draws=1, shots=(4, "all"))
    text = report_page(Report.from_dict(renamed(small.to_dict())))
    parser = parsed(text)
    assert "script" not in parser.seen
    assert not parser.seen & {"b", "i"}
    assert "<script>alert(1)</script>" in parser.words
    assert "onload" not in re.sub(r'"[^"]*"', "", "".join(re.findall(r"<[^>]+>", text)))
    assert "few people" in parser.words


def test__page__nothing_finished__still_a_page() -> None:
    for empty in (
        Report(),
        Report(studies=[{"name": "hapt", "origin": "measured"}], folds={"hapt": [["a"]]}),
    ):
        words = parsed(report_page(empty)).words
        assert "Nothing has been finished" in words
        assert "Not recorded." in words


def test__page__stopped_half_way__says_what_is_missing(whole: Report) -> None:
    half = Report.from_dict(
        whole.to_dict()
        | {"rows": whole.rows[: len(whole.rows) // 3], "losses": [], "embedding": []}
    )
    words = parsed(report_page(half)).words
    assert "This run is not finished" in words
    assert "What is missing" in words
    assert "lacks" in words
    assert "How pretraining went" not in words
    assert "This run is not finished" not in parsed(report_page(whole)).words


@pytest.mark.parametrize(
    "lost", ["per_subject", "confusion", "macro_f1", "seconds", "notes", "train_subjects"]
)
def test__page__rows_without_a_part__still_a_page(lost: str) -> None:
    small = made_up_report(people=4, folds=2, draws=1, shots=(4,))
    rows = [{key: value for key, value in row.items() if key != lost} for row in small.rows]
    parsed(report_page(Report.from_dict(small.to_dict() | {"rows": rows})))


def test__page__one_method_one_person__claims_no_comparison() -> None:
    small = made_up_report(people=1, folds=1, draws=1, shots=(2,))
    alone = Report.from_dict(
        small.to_dict() | {"rows": [row for row in small.rows if row["method"] == "pim"]}
    )
    words = parsed(report_page(alone)).words
    assert "pim was the only method" in words
    assert "1 held-out person" in words
    assert "points above" not in words.lower()


def test__page__many_methods_at_all_labels__a_line_each_and_room_for_their_names() -> None:
    few = made_up_report(people=6, folds=2, shots=("all",))
    named = [f"a method with a long name {n}" for n in range(6)]
    rows = [row | {"method": f"{name}{row['method']}"} for row in few.rows for name in ("", *named)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns where a figure has no room left
        shown = report_page(replace(few, rows=rows, losses=[], embedding=[]))
    assert "more methods stand in the table." in shown
    drawn = shown.partition("curves-0")[2].partition("</svg>")[0]
    assert "all labels" in drawn and drawn.count("a method with a long") >= 24


def test__page__notes_of_cells__are_said_once_with_their_count() -> None:
    rows = [{"study": "s", "method": "pim", "notes": ["k is 3"]}] * 2 + [
        {"study": "s", "method": "pim", "notes": ["odd"]}
    ]
    assert Report(rows=rows).all_notes() == ["s, pim: k is 3 (2 cells)", "s, pim: odd"]


def test__confusion__folds_and_draws__each_window_counts_once() -> None:
    def cell(fold: int, draw: int, counts: list[list[int]]) -> dict[str, Any]:
        return {
            "study": "s",
            "method": "m",
            "shots": 8,
            "fold": fold,
            "draw": draw,
            "confusion": counts,
        }

    rows = [
        cell(0, 0, [[4, 0], [0, 4]]),
        cell(0, 1, [[2, 2], [0, 4]]),
        cell(1, 0, [[1, 0], [1, 0]]),
    ]
    total = confusion(rows, "s", "m", 8)
    assert total is not None
    np.testing.assert_allclose(total, [[4, 1], [1, 4]])
    assert confusion(rows, "s", "m", 4) is None


def test__save_with_page__folder_absent__is_made(tmp_path: Path, whole: Report, html: str) -> None:
    save_with_page(whole, tmp_path / "new")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == html
