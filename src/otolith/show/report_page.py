"""The page of a report: one HTML file that a study owner can read, print and send."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from otolith.measure.report import Report, as_written, study_facts
from otolith.measure.standing import Curves, highest_of
from otolith.measure.statistics import Row, Shots, person_scores
from otolith.measure.tables import control_of, methods_of, score_tables, shots_of
from otolith.measure.verdict import lines_of, nearest_shots, verdict
from otolith.show import figures
from otolith.show.ablation import ablation_figure
from otolith.show.drawing import method_style
from otolith.show.pages import Drawing, Table, drawn, render

CLOSER_SHOTS = 8
"""People and confusions are shown at this number of labels, where single draws agree."""


def save_with_page(
    report: Report, folder: str | Path, beside: Mapping[str, str] | None = None
) -> None:
    """Write a report's results and tables with its page, and with other files `beside` them.

    >>> save_with_page(Report(), "results")
    >>> (Path("results") / "report.html").exists()
    True
    """
    report.save(folder, {"report.html": report_page(report), **(beside or {})})


@as_written()
def report_page(report: Report) -> str:
    """Return the HTML of a report's page, an unfinished one included.

    Raises ReadError where the report holds what no benchmark writes.

    >>> from otolith import Report
    >>> "Nothing has been finished yet." in report_page(Report())
    True
    """
    studies = [_Study(report, name, n) for n, name in enumerate(report.study_names())]
    scored = [study for study in studies if study.lines]
    minutes = sum(float(row.get("seconds") or 0.0) for row in report.rows) / 60
    run = {
        "seed": report.seed,
        "cells": len(report.rows),
        "time of all cells": f"{minutes:.1f} minutes",
    }
    return render(
        "report.html",
        "Recognising activities of held-out subjects",
        report.version or "(version unknown)",
        report.created or "an unknown date",
        names=", ".join(report.study_names()) or "none yet",
        simulated=report.simulated,
        missing=report.missing(),
        studies=studies,
        scored=scored,
        confusions=[part for study in scored for part in study.confusions()],
        embeddings=list(_embeddings(report)),
        losses=list(_losses(report)),
        machine={key.replace("_", " "): value for key, value in report.machine.items()} | run,
        versions={"otolith": report.version, "commit": report.commit, **report.versions},
        command=report.command,
        seed=report.seed,
        notes=report.all_notes(),
    )


class _Study:
    """What the page shows of one study; its template asks for the parts."""

    def __init__(self, report: Report, name: str, number: int) -> None:
        self.name, self._report, self._number = name, report, number
        self.lines = lines_of(report, name)
        self._control = control_of(self.lines)
        self._methods, self._shots = methods_of(self.lines), shots_of(self.lines)
        self._style = method_style(self._methods, self._control)
        self._closer = nearest_shots(self.lines, CLOSER_SHOTS)
        self.best = highest_of(self.lines, self._closer)
        self.folds = report.folds.get(name) or []
        self.facts = study_facts(report, name)
        self._most = max((line["people"] for line in self.lines), default=0)

    def verdict(self) -> list[str]:
        """Sentences, the most important first."""
        return verdict(self._report, self.name)

    def curves(self) -> Drawing:
        """Macro-F1 over the number of labels."""
        held = [line for line in self.lines if line["macro_f1_mean"] is not None]
        if len(self._shots) == 1 and held:  # curves of one point each would hide one another
            scores = {x["method"]: (x["macro_f1_mean"], x["macro_f1_se"] or 0.0) for x in held}
            panel = {_at(self._shots[0]): scores}
            figure = ablation_figure(panel, list(scores), [self._control or ""])
        else:
            figure = figures.few_shot_figure(self.lines, self._style)
        few = "; few people" if any("few people" in line["notes"] for line in self.lines) else ""
        caption = f"Mean over {self._most} people{few}."
        said = " ".join(self.verdict())
        key, numbers = f"curves-{self._number}", self.tables()[0]
        return drawn(figure, key, self.name, caption, numbers, said)

    def tables(self) -> list[Table]:
        """Scores per person, scores of pooled people, and differences to the control."""
        per_person, *others = (
            Table(
                t.grid[0],
                [[cell.replace(" [", "\n[") for cell in row] for row in t.grid[1:]],
                t.title,
            )
            for t in score_tables(self.lines)
        )
        # Bold only where an interval says something: the highest alone may be luck.
        standings = Curves(self._report.rows, self.name).standings()
        level = {at.shots: {at.leader["method"], *at.level} for at in standings if at.behind}
        if not level:
            return [per_person, *others]
        bold = frozenset(
            (row, column)
            for column, shots in enumerate(self._shots, 1)
            for row, method in enumerate(self._methods)
            if method in level.get(shots, ())
        )
        said = "; in bold the highest and those that no interval over people puts below it"
        return [replace(per_person, caption=per_person.caption + said, bold=bold), *others]

    def people(self) -> Drawing:
        """Every person's score, sorted by the method that scores highest."""
        assert self.best is not None, "the template asks where a method has a score"
        leader = self.best["method"]
        every = person_scores(row for row in self._report.rows if row["study"] == self.name)
        scores = {m: every.get((self.name, m, self._closer or 0), {}) for m in self._methods}
        best = scores[leader]
        # Whoever has a score of any method; a run may be unfinished.
        names = {person for of_method in scores.values() for person in of_method}
        people = sorted(names, key=lambda person: (-best.get(person, -1.0), person))
        first, last = (100 * best.get(person, math.nan) for person in (people[0], people[-1]))
        at = _at(self._closer)
        caption = (
            f"Macro-F1 at {at}, people sorted by {leader}: from {first:.0f} % down to "
            f"{last:.0f} % ({people[-1]})."
        )
        rows = [
            [person, *(_percent_of(of_method.get(person)) for of_method in scores.values())]
            for person in people
        ]
        figure = figures.people_figure(scores, people, self._style)
        numbers = Table(["person", *scores], rows, f"Macro-F1 per person at {at}, %")
        return drawn(figure, f"people-{self._number}", self.name, caption, numbers)

    def confusions(self) -> Iterator[Drawing]:
        """The confusion matrix of the method that scores highest, and of the control."""
        best = self.best and self.best["method"]
        for k, method in enumerate(dict.fromkeys(m for m in (best, self._control) if m)):
            counts = confusion(self._report.rows, self.name, method, self._closer)
            if counts is None:
                continue
            classes = _classes(self._report, self.name, len(counts))
            right = 100 * np.trace(counts) / max(counts.sum(), 1e-12)
            caption = (
                f"{method} at {_at(self._closer)}: {right:.0f} % of the windows on the diagonal. "
                "Rows are the truth."
            )
            if len(counts) <= figures.COUNTED_CLASSES:
                caption += " Numbers are windows, averaged over draws."
            rows = [
                [name, *(f"{count:.0f}" for count in row)]
                for name, row in zip(classes, counts, strict=True)
            ]
            said = "Windows per true class (row) and recognised class (column)"
            figure = figures.confusion_figure(counts, classes)
            heading, key = f"{self.name}: {method}", f"confusion-{self._number}-{k}"
            numbers = Table(["truly", *classes], rows, said)
            yield drawn(figure, key, heading, caption, numbers)


def confusion(
    rows: Sequence[Row], study: str, method: str, shots: Shots | None
) -> Float[np.ndarray, "K K"] | None:
    """Add up the confusion matrices of all folds, each averaged over its draws.

    So every window counts once. None where no cell has one.

    >>> cell = {"study": "s", "method": "pim", "shots": 8, "fold": 0}
    >>> draws = [cell | {"confusion": [[4, 0], [n, 4]]} for n in (0, 2)]
    >>> confusion(draws, "s", "pim", 8).tolist()
    [[4.0, 0.0], [1.0, 4.0]]
    """
    folds: dict[int, list[np.ndarray]] = {}
    for row in rows:
        here = (row["study"], row["method"], row["shots"]) == (study, method, shots)
        if here and (counts := row.get("confusion")):
            folds.setdefault(row["fold"], []).append(np.asarray(counts, dtype=np.float64))
    if not folds:
        return None
    # Draws repeat the same test windows, so they are averaged; folds are other windows.
    total: np.ndarray = np.sum([np.mean(draws, axis=0) for draws in folds.values()], axis=0)
    return total


def _embeddings(report: Report) -> Iterator[Drawing]:
    """The first embedding of each study and method."""
    # One fold is enough to see: the others look alike.
    first: dict[tuple[str, str], Row] = {}
    for entry in report.embedding:
        first.setdefault((str(entry.get("study")), str(entry.get("method"))), entry)
    for n, ((study, method), entry) in enumerate(first.items()):
        x, y = np.asarray(entry["x"], float), np.asarray(entry["y"], float)
        labels = np.array(entry["label"], dtype=str)
        people = len(set(entry.get("subject") or []))
        caption = f"{len(x)} windows of {people} people, fold {entry.get('fold', 0)}."
        if len(x) > figures.DRAWN_POINTS:
            caption += f" {figures.DRAWN_POINTS} of them are drawn."
        each = [(name, labels == name) for name in sorted(set(labels))]
        rows = [
            [name, int(of.sum()), f"{x[of].mean():.2f}", f"{y[of].mean():.2f}"] for name, of in each
        ]
        numbers = Table(["class", "windows", "mean x", "mean y"], rows, "Where each class lies")
        figure = figures.embedding_figure(entry, _classes(report, study))
        yield drawn(figure, f"embedding-{n}", f"{study}: {method}", caption, numbers)


def _losses(report: Report) -> Iterator[Drawing]:
    """The loss curves of each study and method, a line per fold and seed."""
    groups: dict[tuple[str, str], dict[str, list[tuple[float, float, float]]]] = {}
    # The name of a curve is its fold, and its seed where there are several.
    several = len({row.get("seed") for row in report.losses}) > 1
    for row in report.losses:
        curves = groups.setdefault((str(row.get("study")), str(row.get("method"))), {})
        name = f"fold {row.get('fold', 0)}" + f", seed {row.get('seed')}" * several
        train, validation = (row.get(side) for side in ("train", "validation"))
        point = float(row["epoch"]), _or_nan(train), _or_nan(validation)
        curves.setdefault(name, []).append(point)
    head = ["", "epochs", "last training", "last validation", "lowest validation"]
    caption = (
        "Loss on training people (dashed) and on people kept aside for stopping (solid); a line "
        "per fold."
    )
    for n, ((study, method), curves) in enumerate(groups.items()):
        rows = [[name, *_loss_cells(sorted(points))] for name, points in curves.items()]
        figure = figures.losses_figure({name: sorted(points) for name, points in curves.items()})
        numbers = Table(head, rows, "Losses per fold")
        yield drawn(figure, f"losses-{n}", f"{study}: {method}", caption, numbers)


def _loss_cells(points: Sequence[tuple[float, float, float]]) -> list[object]:
    held = [point for point in points if np.isfinite(point[2])]
    best = min(held, key=lambda point: point[2], default=None)
    lowest = f"{best[2]:.4g} (epoch {best[0]:.0f})" if best else "–"
    return [len(points), *(f"{loss:.4g}" for loss in points[-1][1:]), lowest]


def _classes(report: Report, study: str, count: int | None = None) -> list[str]:
    classes = [str(name) for name in study_facts(report, study).get("classes") or []]
    fits = count is None or len(classes) == count
    return classes if fits else [f"class {n}" for n in range(count or 0)]


def _at(shots: Shots | None) -> str:
    return "all labels" if shots == "all" else f"{shots} labelled windows per class"


def _or_nan(value: Any) -> float:
    return math.nan if value is None else float(value)


def _percent_of(score: float | None) -> str:
    return "–" if score is None else f"{100 * score:.1f}"
