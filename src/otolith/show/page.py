"""The page of a report: one HTML file that a study owner can read, print and send, without any
network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from jaxtyping import Float

from otolith.measure.report import Report, as_written, interval, percent, study_facts
from otolith.measure.standing import Curves
from otolith.measure.statistics import Row, Shots, person_scores, shots_order
from otolith.measure.verdict import control_of, highest_of, lines_of, nearest_shots, verdict
from otolith.show import figures
from otolith.show import markup as m
from otolith.show.ablation import ablation_figure
from otolith.show.drawing import DARK, LIGHT, css_variables, inline_svg, method_style
from otolith.show.provenance import notes_of_cells, what_was_run

CLOSER_SHOTS = 8
"""People and confusions are shown at so many, where errors of single draws have settled."""

READING = (
    "A person's macro-F1 counts the classes that occur in that person's windows or were predicted "
    "for them; the draws "
    "of a person are averaged first, and means, standard errors and intervals are over people, "
    "never over cells.",
    "The pooled macro-F1 scores all windows of a fold's people together, as published tables often "
    "do, and is averaged "
    "over folds. The two differ most where people lack classes.",
    "People of one fold were tested by one trained model, so their scores hang together a little "
    "more than the "
    "intervals know. Intervals are not widened for the number of methods compared.",
    "A method is called best only where a 95 % interval over people, paired by person, puts it "
    "above every other one "
    "at that number of labels. Otherwise the highest is level with those that no interval puts "
    "below it: these stand "
    "in bold together.",
)


def save_with_page(
    report: Report, folder: str | Path, beside: Mapping[str, str] | None = None
) -> None:
    """Write a report's results and tables with its page, figures inside, and with what else is to
    lie `beside` them; an unfinished report says what it lacks."""
    report.save(folder, {"report.html": page(report), **(beside or {})})


@as_written()
def page(report: Report) -> str:
    """Give the HTML of a report's page; ReadError where the report holds what no benchmark writes."""
    here = resources.files("otolith.show")
    style = Template((here / "page.css").read_text(encoding="utf-8"))
    names = report.study_names()
    return Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        title="Recognising activities of people never seen",
        style=style.substitute(light=css_variables(LIGHT), dark=css_variables(DARK)),
        purpose=m.text(
            "For the owner of these recordings, and whoever has to rely on them: how well each "
            "method recognises the "
            "activities of people it has never met, when only a few windows of each activity were "
            "labelled. "
            f"Data: {', '.join(names) if names else 'none yet'}."
        ),
        banner=_banner(report),
        sections="\n".join(_sections(report)),
        version=m.text(report.version or "(version unknown)"),
        created=m.text(report.created or "an unknown date"),
    )


def _sections(report: Report) -> Iterator[str]:
    studies = [study for study in report.study_names() if lines_of(report, study)]
    yield _verdicts(report)
    if studies:
        yield m.section(
            "How many labels it takes",
            m.paragraph("Bands and bars are one standard error over people. Higher is better; the "
                        "dotted step leads to "
                        "all labels there are."),
            m.panels(_curves(report, study, n) for n, study in enumerate(studies)),
        )  # fmt: skip
        yield m.section("The table", *(_tables(report, study) for study in studies))
        yield m.section(
            "Person by person",
            m.paragraph("A mean can hide the people for whom a method fails. Each line is one "
                        "person, tested by a "
                        "model that has never seen them."),
            m.panels(part for n, study in enumerate(studies) for part in _people(report, study, n)),
        )  # fmt: skip
        confusions = [
            part for n, study in enumerate(studies) for part in _confusions(report, study, n)
        ]
        if confusions:
            yield m.section("What is mistaken for what", m.panels(confusions))
    if report.embedding:
        yield m.section(
            "What the encoder sees",
            m.paragraph("Each point is a window; windows that the encoder finds alike lie close "
                        "together. Distances "
                        "between far groups mean little in such a picture."),
            m.panels(_embeddings(report)),
        )  # fmt: skip
    if report.losses:
        yield m.section("How pretraining went", m.panels(_losses(report)))
    yield m.section("What was run", *what_was_run(report))
    again = (
        f"<pre><code>{m.text(report.command)}</code></pre>"
        if report.command
        else m.paragraph("Not recorded.")
    )
    yield m.section("How to run it again", again, m.paragraph(
        f"With seed {report.seed}, the same data, machine, thread count and precision, the numbers "
        f"come out the same."
    ))  # fmt: skip
    yield m.section("How to read the numbers", m.bullets(READING))
    lacking, notes = report.missing(), [*report.notes, *notes_of_cells(report)]
    if notes:
        yield m.section("Notes of the run", m.bullets(notes))
    if lacking:
        yield m.section("What is missing", m.bullets(lacking))


def _banner(report: Report) -> str:
    simulated = [
        str(study.get("name")) for study in report.studies if study.get("origin") == "simulated"
    ]
    said = []
    if simulated:
        said.append(
            f"Simulated data: {', '.join(simulated)} was made by a simulation of moving bodies, "
            f"not measured on "
            "people. It shows that everything works, not how well real people are recognised."
        )
    if lacking := report.missing():
        more = f" {len(lacking) - 1} more gaps are listed at the end." if len(lacking) > 1 else ""
        said.append(f"This run is not finished: {lacking[0]}{more}")
    return "".join(f'<p class="banner" role="note">{m.text(sentence)}</p>' for sentence in said)


def _verdicts(report: Report) -> str:
    parts = []
    for study in report.study_names():
        first, *rest = verdict(report, study)
        facts = study_facts(report, study)
        name = f"{study} (simulated data)" if facts.get("origin") == "simulated" else study
        parts.append(
            f"<div><h2>{m.text(name)}</h2>{m.paragraph(first, 'lead')}{m.bullets(rest)}</div>"
        )
    if not parts:
        parts = [m.paragraph("Nothing has been finished yet.", "lead")]
    return f'<section class="first verdicts" aria-label="In short">{"".join(parts)}</section>'


def _style(lines: Sequence[Row]) -> dict[str, tuple[str, str]]:
    return method_style(dict.fromkeys(line["method"] for line in lines), control_of(lines))


def _grid(
    lines: Sequence[Row], caption: str, mean: str, error: str, bold: Mapping[Shots, Collection[str]]
) -> str:
    shots = sorted({line["shots"] for line in lines}, key=shots_order)
    methods = list(dict.fromkeys(line["method"] for line in lines))
    at = {(line["method"], line["shots"]): line for line in lines}
    most = max(line["people"] for line in lines)
    rows, best = [], []
    for method in methods:
        held = [at.get((method, k)) for k in shots]
        cells = ["–" if x is None else percent(x[mean], x[error]) for x in held]
        few = [f" ({x['people']} people)" if x and x["people"] < most else "" for x in held]
        rows.append([method, *(cell + note for cell, note in zip(cells, few, strict=True))])
    for column, k in enumerate(shots, 1):
        best += [(r, column) for r, method in enumerate(methods) if method in bold.get(k, ())]
    return m.table(["labels per class", *shots], rows, caption, best=best)


def _per_person(report: Report, study: str) -> str:
    lines = lines_of(report, study)
    people = max(line["people"] for line in lines)
    standings = Curves(report.rows, study).standings()
    bold = {at.shots: {at.leader["method"], *at.level} for at in standings if at.behind}
    caption = f"Macro-F1 per person, %: mean ± standard error over {people} people"
    if bold:
        caption += "; in bold the highest and those that no interval over people puts below it"
    return _grid(lines, caption, "macro_f1_mean", "macro_f1_se", bold)


def _curves(report: Report, study: str, n: int) -> str:
    lines = lines_of(report, study)
    counts = list(dict.fromkeys(line["shots"] for line in lines))
    held = [line for line in lines if line["macro_f1_mean"] is not None]
    if len(counts) == 1 and held:  # curves of one point each would lie on one another
        scores = {
            line["method"]: (line["macro_f1_mean"], line["macro_f1_se"] or 0.0) for line in held
        }
        drawn = ablation_figure({_at(counts[0]): scores}, list(scores), [control_of(lines) or ""])
    else:
        drawn = figures.few_shot_figure(lines, _style(lines))
    said = " ".join(verdict(report, study))
    svg = inline_svg(drawn, f"curves-{n}", f"Macro-F1 by number of labels, {study}", said)
    people = max(line["people"] for line in lines)
    few = "; few people" if any("few people" in line["notes"] for line in lines) else ""
    return m.figure(study, svg, f"Mean over {people} people{few}.", _per_person(report, study))


def _tables(report: Report, study: str) -> str:
    lines = lines_of(report, study)
    folds, control = max(line["folds"] for line in lines), control_of(lines)
    shots = sorted({line["shots"] for line in lines}, key=shots_order)
    parts = [f"<h3>{m.text(study)}</h3>", _per_person(report, study)]
    if control is not None:
        at = {
            (line["method"], line["shots"]): interval(line["versus"]).replace(" [", "\n[")
            for line in lines
        }
        methods = [x for x in dict.fromkeys(line["method"] for line in lines) if x != control]
        rows = [[method, *(at.get((method, k), "–") for k in shots)] for method in methods]
        caption = f"Points above {control}, paired by person, with 95 % interval"
        parts.append(m.table(["labels per class", *shots], rows, caption))
    caption = f"Macro-F1 with a fold's people pooled, %: mean ± standard error over {folds} folds"
    parts.append(_grid(lines, caption, "macro_f1_pooled_mean", "macro_f1_pooled_se", {}))
    return "".join(parts)


def _people(report: Report, study: str, n: int) -> Iterator[str]:
    lines = lines_of(report, study)
    shots = nearest_shots(lines, CLOSER_SHOTS)
    best, style = highest_of(lines, shots), _style(lines)
    if best is None:
        return
    every = person_scores(row for row in report.rows if row["study"] == study)
    scores = {method: every.get((study, method, shots or 0), {}) for method in style}
    names = {person for own in scores.values() for person in own}
    leader = scores[best["method"]]
    people = sorted(names, key=lambda person: (-leader.get(person, -1.0), person))
    worst = people[-1]
    caption = (
        f"Macro-F1 at {_at(shots)}, people sorted by {best['method']}: from "
        f"{100 * leader[people[0]]:.0f} % down to {100 * leader.get(worst, float('nan')):.0f} % "
        f"({worst})."
    )
    rows = [
        [who, *(f"{100 * own[who]:.1f}" if who in own else "–" for own in scores.values())]
        for who in people
    ]
    svg = inline_svg(
        figures.people_figure(scores, people, style),
        f"people-{n}",
        f"Scores per person, {study}",
        caption,
    )
    yield m.figure(
        study,
        svg,
        caption,
        m.table(["person", *scores], rows, f"Macro-F1 per person at {_at(shots)}, %"),
    )


def _confusions(report: Report, study: str, n: int) -> Iterator[str]:
    lines = lines_of(report, study)
    shots = nearest_shots(lines, CLOSER_SHOTS)
    best, control = highest_of(lines, shots), control_of(lines)
    chosen = dict.fromkeys(name for name in (best and best["method"], control) if name)
    for k, method in enumerate(chosen):
        counts = confusion(report.rows, study, method, shots)
        if counts is None:
            continue
        classes = _classes(report, study, len(counts))
        right = np.trace(counts) / max(counts.sum(), 1e-12)
        caption = f"{method} at {_at(shots)}: {100 * right:.0f} % of the windows on the diagonal. Rows are the truth."
        if len(counts) <= figures.COUNTED_CLASSES:
            caption += " Numbers are windows, averaged over draws."
        svg = inline_svg(
            figures.confusion_figure(counts, classes),
            f"confusion-{n}-{k}",
            f"Confusion matrix of {method}, {study}",
            caption,
        )
        rows = [
            [name, *(f"{x:.0f}" for x in own)] for name, own in zip(classes, counts, strict=True)
        ]
        numbers = m.table(
            ["truly", *classes], rows, "Windows per true class (row) and recognised class (column)"
        )
        yield m.figure(f"{study}: {method}", svg, caption, numbers)


def confusion(
    rows: Sequence[Row], study: str, method: str, shots: Shots | None
) -> Float[np.ndarray, "K K"] | None:
    """Add up the confusion matrices of all folds, each averaged over its draws, so that every
    window counts once."""
    folds: dict[Any, list[Any]] = {}
    for row in rows:
        if (row["study"], row["method"], row["shots"]) == (study, method, shots) and row.get(
            "confusion"
        ):
            folds.setdefault(row["fold"], []).append(np.asarray(row["confusion"], dtype=np.float64))
    if not folds:
        return None
    total: Float[np.ndarray, "K K"] = np.sum(
        [np.mean(draws, axis=0) for draws in folds.values()], axis=0
    )
    return total


def _embeddings(report: Report) -> Iterator[str]:
    first: dict[tuple[str, str], Row] = {}
    for entry in report.embedding:
        first.setdefault((str(entry.get("study")), str(entry.get("method"))), entry)
    for n, ((study, method), entry) in enumerate(first.items()):
        x, y, labels = (
            np.asarray(entry["x"], float),
            np.asarray(entry["y"], float),
            np.array(entry["label"], dtype=str),
        )
        classes = _classes(report, study)
        caption = f"{len(x)} windows of {len(set(entry.get('subject') or []))} people, fold {entry.get('fold', 0)}."
        if len(x) > figures.DRAWN_POINTS:
            caption += f" {figures.DRAWN_POINTS} of them are drawn."
        rows = [
            [
                name,
                int((labels == name).sum()),
                f"{x[labels == name].mean():.2f}",
                f"{y[labels == name].mean():.2f}",
            ]
            for name in sorted(set(labels))
        ]
        numbers = m.table(["class", "windows", "mean x", "mean y"], rows, "Where each class lies")
        svg = inline_svg(
            figures.embedding_figure(entry, classes),
            f"embedding-{n}",
            f"Embedding of {method}",
            caption,
        )
        yield m.figure(f"{study}: {method}", svg, caption, numbers)


def _losses(report: Report) -> Iterator[str]:
    groups: dict[tuple[str, str], dict[str, list[tuple[float, float, float]]]] = {}
    several = len({row.get("seed") for row in report.losses}) > 1
    for row in report.losses:
        curves = groups.setdefault((str(row.get("study")), str(row.get("method"))), {})
        train, validation = (
            float("nan") if row.get(k) is None else float(row[k]) for k in ("train", "validation")
        )
        name = f"fold {row.get('fold', 0)}" + f", seed {row.get('seed')}" * several
        curves.setdefault(name, []).append((float(row["epoch"]), train, validation))
    for n, ((study, method), curves) in enumerate(groups.items()):
        rows = []
        for name, points in curves.items():
            points.sort()
            held = [point for point in points if np.isfinite(point[2])]
            best = min(held, key=lambda point: point[2]) if held else None
            rows.append([name, len(points), *(f"{x:.4g}" for x in points[-1][1:]),
                         f"{best[2]:.4g} (epoch {best[0]:.0f})" if best else "–"])  # fmt: skip
        head = ["", "epochs", "last training", "last validation", "lowest validation"]
        caption = "Loss on training people (dashed) and on people kept aside for stopping (solid); a line per fold."
        svg = inline_svg(
            figures.losses_figure(curves),
            f"losses-{n}",
            f"Loss curves of {method}, {study}",
            caption,
        )
        yield m.figure(f"{study}: {method}", svg, caption, m.table(head, rows, "Losses per fold"))


def _classes(report: Report, study: str, count: int | None = None) -> list[str]:
    classes = [str(name) for name in study_facts(report, study).get("classes") or []]
    return (
        classes if count is None or len(classes) == count else [f"class {n}" for n in range(count)]
    )


def _at(shots: Shots | None) -> str:
    return "all labels" if shots == "all" else f"{shots} labelled windows per class"
