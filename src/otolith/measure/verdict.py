"""What a report says, in plain sentences: who is best, by how much, how sure, and for how many
people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from otolith.measure.report import Report
from otolith.measure.standing import LEAST_PEOPLE, Curves, Standing, sign
from otolith.measure.statistics import FEW_PEOPLE, Row, Shots, summarise

MOST = 8
"""So many methods are told in a sentence each."""
CLAUSES = 4
"""So many parts of the curve are told apart in the first sentence."""
NAMED = 3
"""So many methods are named in one breath."""
EVERYWHERE = "at every number of labels"


def lines_of(report: Report, study: str) -> list[Row]:
    """Those lines of the summary that speak of one study."""
    return summarise([row for row in report.rows if row["study"] == study])


def nearest_shots(lines: Sequence[Row], wanted: int) -> Shots | None:
    """Choose the number of labelled windows nearest to `wanted` in ratio; "all" only where there is
    nothing else."""
    counts = sorted({int(line["shots"]) for line in lines if line["shots"] != "all"})
    if counts:
        return min(counts, key=lambda k: (abs(math.log(max(k, 1) / wanted)), k))
    return "all" if lines else None


def control_of(lines: Sequence[Row]) -> str | None:
    """Name the method that the others are measured against."""
    return next((line["versus"]["method"] for line in lines if line["versus"]), None)


def highest_of(lines: Sequence[Row], shots: Shots | None) -> Row | None:
    """Line of the method with the highest score per person, among those that were tested on the
    most people.

    Highest is not best: see `otolith.measure.standing`.
    """
    held = [line for line in lines if line["shots"] == shots and line["macro_f1_mean"] is not None]
    most = max((line["people"] for line in held), default=0)
    return max(
        (line for line in held if line["people"] == most),
        key=lambda line: line["macro_f1_mean"],
        default=None,
    )


def verdict(report: Report, study: str) -> list[str]:
    """Say in a few sentences what was found for one study, over all numbers of labels, the most
    important first.

    "Best" is a method only where a 95 % interval over people, paired by person, puts it above every
    other method at that number of labels; otherwise it is level with those that no interval puts
    below it.
    """
    curves = Curves(report.rows, study)
    standings = curves.standings()
    if not standings:
        return ["Nothing has been finished for this study yet."]
    said = [_first(curves, standings), *_worse(curves)]
    run = dict.fromkeys(str(row["method"]) for row in report.rows if row["study"] == study)
    if unscored := [name for name in run if name not in curves.methods]:
        said.append(
            f"{_joined(unscored)} {'has' if len(unscored) == 1 else 'have'} no score, so nothing "
            f"is said of it."
        )
    control = control_of(curves.lines)
    if control is not None:
        others = [name for name in curves.methods if name != control]
        others.sort(key=lambda name: name != standings[-1].leader["method"])
        if not any(
            sign(curves.versus(name, control, k)) > 0 for name in others for k in curves.shots
        ):
            where = f" {EVERYWHERE.replace('every', 'any')}" if len(curves.shots) > 1 else ""
            said.append(f"No interval puts another method above {_named(control)}{where}.")
        said += [
            sentence for name in others[:MOST] if (sentence := _against(curves, name, control))
        ]
        if len(others) > MOST:
            said.append(f"{len(others) - MOST} more methods stand in the table.")
    people = max(standing.leader["people"] for standing in standings)
    if people < FEW_PEOPLE:
        called = (
            f", and nothing is called best over fewer than {LEAST_PEOPLE}"
            if people < LEAST_PEOPLE
            else ""
        )
        said.append(
            f"These are few people ({people}): another group could well change the order{called}."
        )
    return said


def _first(curves: Curves, standings: Sequence[Standing]) -> str:
    """The sentence that most people will read alone; it speaks of all numbers of labels."""
    most = max(standing.leader["people"] for standing in standings)
    who = f"{most} {'person' if most == 1 else 'people'}"
    bests = {standing.best for standing in standings}
    if len(curves.methods) == 1:
        return f"{curves.methods[0]} was the only method: {_range(standings)} on {who} it had never seen."
    if len(bests) == 1 and None not in bests:
        where = f" {EVERYWHERE}" if len(standings) > 1 else ""
        return f"{standings[0].best} recognises best{where}: {_range(standings)} on {who} it had never seen."
    parts: dict[tuple[str, tuple[str, ...], bool], list[Standing]] = {}
    for standing in standings:
        alike = (standing.leader["method"], standing.level, standing.best is not None)
        parts.setdefault(alike, []).append(standing)
    told = [_clause(held) for held in list(parts.values())[:CLAUSES]]
    more = "; the rest of the curve stands in the table" if len(parts) > CLAUSES else ""
    if bests == {None}:
        where = " at any number of labels" if len(standings) > 1 else ""
        lead = f"No method is best{where}"
    else:
        lead = "No method is best at every number of labels"
    return f"{lead}: {'; '.join(told)}{more}; on {who} never seen."


def _clause(held: Sequence[Standing]) -> str:
    leader, level = held[0].leader["method"], held[0].level
    place = f"at {_labels([standing.shots for standing in held])}"
    scores = [percent(standing.leader) for standing in held]
    score = scores[0] if len(held) == 1 else f"{scores[0]} to {scores[-1]}"
    if held[0].best:
        return f"{place} {leader} is best ({score} % macro-F1)"
    if not level:
        return f"{place} {leader} was the only one ({score} % macro-F1)"
    return f"{place} {leader} is highest ({score} % macro-F1) and level with {_some(level)}"


def _range(standings: Sequence[Standing]) -> str:
    first, last = standings[0], standings[-1]
    start = f"{percent(first.leader)} % macro-F1 with {_labels([first.shots])}"
    if first is last:
        return start
    return (
        f"{start} to {percent(last.leader)} % with {'all' if last.shots == 'all' else last.shots}"
    )


def _worse(curves: Curves) -> list[str]:
    """Name the methods that are below others wherever they were tested."""
    said = []
    for method in curves.methods:
        above = curves.below_everywhere(method)
        if not above:
            continue
        others = len(curves.methods) - 1
        than = "every other method" if others > 1 and len(above) == others else _some(above)
        tested = [k for k in curves.shots if curves.at(method, k)]
        everywhere = tested == curves.shots and len(tested) > 1
        said.append(
            f"{method} is worse than {than} "
            f"{EVERYWHERE if everywhere else f'at {_labels(tested)}'}."
        )
    return said[:MOST]


def _against(curves: Curves, method: str, control: str) -> str:
    """Say where along the curve a method is above or below the control, and where the two are
    level."""
    found = [
        (k, line) for k in curves.shots if (line := curves.versus(method, control, k)) is not None
    ]
    if not found:
        return ""
    if len(found) == 1:
        return _at_one(method, *found[0])
    groups: dict[int, list[tuple[Shots, Row]]] = {}
    for shots, line in found:
        groups.setdefault(sign(line), []).append((shots, line))
    people = sorted({line["people"] for _, line in found})
    paired_over = (
        f"{people[0]}{f' to {people[-1]}' if len(people) > 1 else ''} people paired, 95 % intervals"
    )
    parts: list[str] = []
    for which, words in ((1, "above {}"), (0, "not to be told apart from {}"), (-1, "below {}")):
        if held := groups.get(which):
            name = control if not parts else "it"
            where = EVERYWHERE if len(held) == len(found) else f"at {_labels([k for k, _ in held])}"
            parts.append(
                f"{words.format(name)} {where} "
                f"({_points([line['difference'] for _, line in held])})"
            )
    return f"{method} is {'; '.join(parts)}; {paired_over}."


def _at_one(method: str, shots: Shots, versus: Row) -> str:
    points = 100 * versus["difference"]
    start = f"{method} is {abs(points):.1f} points {'above' if points >= 0 else 'below'} {versus['method']}"
    if versus["low"] is None:
        return f"{start}; with one person there is no saying how sure that is."
    low, high = 100 * versus["low"], 100 * versus["high"]
    told = "" if sign(versus) else ", so the two cannot be told apart here"
    return f"{start} (95 % interval {_signed(low)} to {_signed(high)}, {versus['people']} people paired){told}."


def percent(line: Row) -> str:
    """Write the mean of a line of the summary with its standard error, without a sign for percent."""
    error = "" if line["macro_f1_se"] is None else f" ± {100 * line['macro_f1_se']:.1f}"
    return f"{100 * line['macro_f1_mean']:.1f}{error}"


def _labels(shots: Sequence[Shots]) -> str:
    if list(shots) == ["all"]:
        return "all labelled windows"
    return f"{_joined([str(k) for k in shots])} labelled window{'' if list(shots) == [1] else 's'} per class"


def _some(names: Sequence[str]) -> str:
    if len(names) <= NAMED + 1:
        return _joined(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _named(control: str) -> str:
    return "scratch, the same encoder without pretraining," if control == "scratch" else control


def _points(differences: Sequence[float]) -> str:
    low, high = 100 * min(differences), 100 * max(differences)
    if len(differences) == 1:
        return f"{_signed(low)} points"
    return f"{_signed(low)} to {_signed(high)} points"


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
