"""What a report says, in sentences: who is best, by how much, how sure, and for how many people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from otolith.measure.report import Report
from otolith.measure.standing import LEAST_PEOPLE, Curves, Standing, sign
from otolith.measure.statistics import FEW_PEOPLE, Row, Shots, summarise
from otolith.measure.tables import control_of

MOST = 8
"""So many methods get a sentence each."""
CLAUSES = 4
"""So many parts of the curve are told apart in the first sentence."""
NAMED = 3
"""So many methods are named in one list."""
EVERYWHERE = "at every number of labels"


def lines_of(report: Report, study: str) -> list[Row]:
    """Return the summary's lines of one study.

    >>> cell = {"study": "s", "shots": 8, "fold": 0, "draw": 0, "seed": 0}
    >>> scores = {"pim": (0.8, 0.9, 0.7), "scratch": (0.5, 0.6, 0.5)}
    >>> rows = [
    ...     cell | {"method": m, "per_subject": {n: {"macro_f1": x} for n, x in enumerate(of)}}
    ...     for m, of in scores.items()
    ... ]
    >>> [line["method"] for line in lines_of(Report(rows=rows), "s")]
    ['pim', 'scratch']
    """
    return summarise([row for row in report.rows if row["study"] == study])


def nearest_shots(lines: Sequence[Row], target: int) -> Shots | None:
    """Return the number of labels nearest to `target` in ratio; "all" only where there is no other.

    >>> nearest_shots([{"shots": 2}, {"shots": 32}, {"shots": "all"}], 8)
    2
    """
    # In ratio, as the step from 1 to 2 labels is worth about that from 8 to 16.
    counts = sorted({int(line["shots"]) for line in lines if line["shots"] != "all"})
    if counts:
        return min(counts, key=lambda k: (abs(math.log(max(k, 1) / target)), k))
    return "all" if lines else None


def verdict(report: Report, study: str) -> list[str]:
    """Say in a few sentences what the scores of one study show, the most important first.

    A method is called best only where a 95 % interval over people, paired by person, puts it above
    every other method at that number of labels; otherwise the highest is level with those that no
    interval puts below it.

    >>> cell = {"study": "s", "shots": 8, "fold": 0, "draw": 0, "seed": 0}
    >>> scores = {"pim": (0.8, 0.9, 0.7), "scratch": (0.5, 0.6, 0.5)}
    >>> rows = [
    ...     cell | {"method": m, "per_subject": {n: {"macro_f1": x} for n, x in enumerate(of)}}
    ...     for m, of in scores.items()
    ... ]
    >>> verdict(Report(rows=rows), "s")[0]
    'pim recognises best: 80.0 ± 5.8 % macro-F1 with 8 labelled windows per class on 3 held-out...'
    """
    curves = Curves(report.rows, study)
    standings = curves.standings()
    if not standings:
        return ["Nothing has been finished for this study yet."]
    # All that were run, also those whose every score is NaN.
    methods = dict.fromkeys(str(row["method"]) for row in report.rows if row["study"] == study)
    unscored = [name for name in methods if name not in curves.methods]
    has = "has" if len(unscored) == 1 else "have"
    return [
        _first(curves, standings),
        *_worse(curves),
        *([f"{_joined(unscored)} {has} no score."] if unscored else []),
        *_beside_control(curves, standings[-1].leader["method"]),
        *_few_people(max(standing.leader["people"] for standing in standings)),
    ]


def _beside_control(curves: Curves, leader: str) -> Iterator[str]:
    """How each method compares with the control, the leader first."""
    control = control_of(curves.lines)
    if control is None:
        return
    others = [name for name in curves.methods if name != control]
    others.sort(key=lambda name: name != leader)
    # One sentence for all of them: that pretraining helped nobody is the first thing to know.
    pairs = [(name, k) for name in others for k in curves.shots]
    if not any(sign(curves.versus(name, control, k)) > 0 for name, k in pairs):
        where = " at any number of labels" if len(curves.shots) > 1 else ""
        yield f"No interval puts another method above {_named(control)}{where}."
    yield from filter(None, (_against(curves, name, control) for name in others[:MOST]))
    if len(others) > MOST:
        yield f"{len(others) - MOST} more methods stand in the table."


def _few_people(people: int) -> Iterator[str]:
    if people < FEW_PEOPLE:
        least = f", and nothing is called best over fewer than {LEAST_PEOPLE}"
        rest = least if people < LEAST_PEOPLE else ""
        yield f"These are few people ({people}): another group could well change the order{rest}."


def _first(curves: Curves, standings: Sequence[Standing]) -> str:
    """The sentence that most people will read alone; it speaks of all numbers of labels."""
    most = max(standing.leader["people"] for standing in standings)
    who = f"on {most} held-out {'person' if most == 1 else 'people'}"
    bests = {standing.best for standing in standings}
    if len(curves.methods) == 1:
        return f"{curves.methods[0]} was the only method: {_range(standings)} {who}."
    if len(bests) == 1 and None not in bests:
        where = f" {EVERYWHERE}" if len(standings) > 1 else ""
        return f"{standings[0].best} recognises best{where}: {_range(standings)} {who}."
    # Neighbouring numbers of labels with the same leader share a clause.
    parts: dict[tuple[str, tuple[str, ...], bool], list[Standing]] = {}
    for standing in standings:
        alike = (standing.leader["method"], standing.level, standing.best is not None)
        parts.setdefault(alike, []).append(standing)
    clauses = "; ".join(_clause(part) for part in list(parts.values())[:CLAUSES])
    more = "; the rest of the curve stands in the table" if len(parts) > CLAUSES else ""
    where = f" {EVERYWHERE}"
    if bests == {None}:
        where = " at any number of labels" if len(standings) > 1 else ""
    return f"No method is best{where}: {clauses}{more}; {who}."


def _clause(part: Sequence[Standing]) -> str:
    """One part of the curve, along which the same method leads the same others."""
    leader, level = part[0].leader["method"], part[0].level
    scores = [percent(standing.leader) for standing in part]
    score = scores[0] if len(part) == 1 else f"{scores[0]} to {scores[-1]}"
    start = f"at {_labels([standing.shots for standing in part])} {leader}"
    if part[0].best:
        return f"{start} is best ({score} % macro-F1)"
    if not level:
        return f"{start} was the only one ({score} % macro-F1)"
    return f"{start} is highest ({score} % macro-F1) and level with {_some(level)}"


def _range(standings: Sequence[Standing]) -> str:
    first, last = standings[0], standings[-1]
    start = f"{percent(first.leader)} % macro-F1 with {_labels([first.shots])}"
    return start if first is last else f"{start} to {percent(last.leader)} % with {last.shots}"


def _worse(curves: Curves) -> list[str]:
    """Name the methods that are below others wherever they were tested."""
    sentences = []
    for method in curves.methods:
        above = curves.below_everywhere(method)
        if above:
            others = len(curves.methods) - 1
            every = others > 1 and len(above) == others
            tested = [k for k in curves.shots if curves.at(method, k)]
            whole = tested == curves.shots and len(tested) > 1
            where = EVERYWHERE if whole else f"at {_labels(tested)}"
            than = "every other method" if every else _some(above)
            sentences.append(f"{method} is worse than {than} {where}.")
    return sentences[:MOST]


def _against(curves: Curves, method: str, control: str) -> str:
    """Say where along the curve a method is above, level with or below the control."""
    versus = {k: curves.versus(method, control, k) for k in curves.shots}
    lines = {k: line for k, line in versus.items() if line is not None}
    # One number of labels: then there is room for its interval.
    if len(lines) < 2:
        return "".join(_at_one(method, line) for line in lines.values())
    people = sorted({line["people"] for line in lines.values()})
    over = f"{people[0]} to {people[-1]}" if len(people) > 1 else f"{people[0]}"
    parts: list[str] = []
    for which, words in ((1, "above"), (0, "not distinguishable from"), (-1, "below")):
        group = {k: line["difference"] for k, line in lines.items() if sign(line) == which}
        if group:
            where = EVERYWHERE if len(group) == len(lines) else f"at {_labels(list(group))}"
            other = "it" if parts else control
            parts.append(f"{words} {other} {where} ({_points(list(group.values()))})")
    return f"{method} is {'; '.join(parts)}; {over} people paired, 95 % intervals."


def _at_one(method: str, versus: Row) -> str:
    points = 100 * versus["difference"]
    side = "above" if points >= 0 else "below"
    start = f"{method} is {abs(points):.1f} points {side} {versus['method']}"
    if versus["low"] is None:
        return f"{start}; with one person nobody can say how sure that is."
    low, high = (_signed(100 * versus[end]) for end in ("low", "high"))
    unsure = "" if sign(versus) else ", so the two are not distinguishable here"
    return f"{start} (95 % interval {low} to {high}, {versus['people']} people paired){unsure}."


def percent(line: Row) -> str:
    """Write the mean of a line of the summary with its standard error, without a percent sign.

    >>> percent({"macro_f1_mean": 0.8, "macro_f1_se": 0.0577})
    '80.0 ± 5.8'
    """
    error = "" if line["macro_f1_se"] is None else f" ± {100 * line['macro_f1_se']:.1f}"
    return f"{100 * line['macro_f1_mean']:.1f}{error}"


def _labels(shots: Sequence[Shots]) -> str:
    if list(shots) == ["all"]:
        return "all labelled windows"
    windows = "window" if list(shots) == [1] else "windows"
    return f"{_joined([str(k) for k in shots])} labelled {windows} per class"


def _some(names: Sequence[str]) -> str:
    if len(names) <= NAMED + 1:
        return _joined(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _named(control: str) -> str:
    return "scratch, the same encoder without pretraining," if control == "scratch" else control


def _points(differences: Sequence[float]) -> str:
    low, high = (_signed(100 * end) for end in (min(differences), max(differences)))
    return f"{low} points" if len(differences) == 1 else f"{low} to {high} points"


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
