"""What a report says, in plain sentences: who is best, by how much, how sure, and for how many people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from otolith.report import Report
from otolith.summary import FEW_PEOPLE, Row, Shots, summarise

MOST = 8
"""So many methods are told in a sentence each."""


def lines_of(report: Report, study: str) -> list[Row]:
    """Those lines of the summary that speak of one study."""
    return summarise([row for row in report.rows if row["study"] == study])


def nearest_shots(lines: Sequence[Row], wanted: int) -> Shots | None:
    """Choose the number of labelled windows nearest to `wanted` in ratio; "all" only where there is nothing else."""
    counts = sorted({int(line["shots"]) for line in lines if line["shots"] != "all"})
    if counts:
        return min(counts, key=lambda k: (abs(math.log(max(k, 1) / wanted)), k))
    return "all" if lines else None


def control_of(lines: Sequence[Row]) -> str | None:
    """Name the method that the others are measured against."""
    return next((line["versus"]["method"] for line in lines if line["versus"]), None)


def best_of(lines: Sequence[Row], shots: Shots | None) -> Row | None:
    """Line of the method with the highest score per person, among those that were tested on the most people."""
    held = [line for line in lines if line["shots"] == shots and line["macro_f1_mean"] is not None]
    most = max((line["people"] for line in held), default=0)
    return max((line for line in held if line["people"] == most), key=lambda line: line["macro_f1_mean"], default=None)


def verdict(report: Report, study: str, wanted_shots: int = 4) -> list[str]:
    """Say in a few sentences what was found for one study, the most important first."""
    lines = lines_of(report, study)
    shots = nearest_shots(lines, wanted_shots)
    best, control = best_of(lines, shots), control_of(lines)
    if best is None:
        return ["Nothing has been finished for this study yet."]
    people = f"{best['people']} {'person' if best['people'] == 1 else 'people'}"
    error = "" if best["macro_f1_se"] is None else f" ± {100 * best['macro_f1_se']:.1f}"
    leads = "recognises best" if len({line["method"] for line in lines}) > 1 else "was the only method"
    said = [
        f"With {_labels(shots)}, {best['method']} {leads}: {100 * best['macro_f1_mean']:.1f}{error} % macro-F1 "
        f"on {people} it had never seen."
    ]
    others = [line for line in lines if line["shots"] == shots and line["versus"]]
    if best["method"] == control and others:
        said.append(f"None of the other methods came above {_named(control)}.")
    others.sort(key=lambda line: line["method"] != best["method"])
    said += [_against(line) for line in others[:MOST]]
    if len(others) > MOST:
        said.append(f"{len(others) - MOST} more methods stand in the table.")
    if best["people"] < FEW_PEOPLE:
        said.append(f"These are few people ({best['people']}): another group could well change the order.")
    return said


def _labels(shots: Shots | None) -> str:
    if shots == "all":
        return "all labelled windows"
    return f"{shots} labelled window{'' if shots == 1 else 's'} per class"


def _named(control: str | None) -> str:
    return "scratch, the same encoder without pretraining" if control == "scratch" else str(control)


def _against(line: Row) -> str:
    versus = line["versus"]
    points = 100 * versus["difference"]
    where = "above" if points >= 0 else "below"
    start = f"{line['method']} is {abs(points):.1f} points {where} {versus['method']}"
    if versus["low"] is None:
        return f"{start}; with one person there is no saying how sure that is."
    low, high = 100 * versus["low"], 100 * versus["high"]
    told = "" if low > 0 or high < 0 else ", so the two cannot be told apart here"
    return f"{start} (95 % interval {_signed(low)} to {_signed(high)}, {versus['people']} people paired){told}."


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
