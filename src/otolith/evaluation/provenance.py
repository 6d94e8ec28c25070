"""How the numbers of a report came about: data, people, windows, machine and versions, as parts of its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from otolith.evaluation import markup as m
from otolith.report import Report, Row


def what_was_run(report: Report) -> Iterator[str]:
    """Give the parts of the page that say on which data, people and machine the numbers came about."""
    if report.studies:
        rows = [
            [study.get("name"), study.get("origin"), study.get("recordings"), _number(study.get("hours")),
             len(study.get("subjects") or []), _cut(study.get("windows") or {}), _kept(study.get("windows") or {}),
             ", ".join(map(str, study.get("classes") or [])), ", ".join(map(str, study.get("channels") or [])),
             study.get("hash")]
            for study in report.studies
        ]  # fmt: skip
        head = ["study", "origin", "recordings", "hours", "people", "windows", "kept and dropped", "classes"]
        head += ["channels", "hash"]
        yield m.table(head, rows, "The data", "words")
    for study, folds in report.folds.items():
        rows = [[f"fold {n}", len(tested), ", ".join(map(str, tested))] for n, tested in enumerate(folds)]
        whole = m.table(["", "people", "tested"], rows, f"Who was tested when: {study}", "words")
        yield m.details(f"Who was tested when: {study}, {len(folds)} folds of whole people", whole)
    machine = {key.replace("_", " "): value for key, value in report.machine.items()}
    seconds = sum(float(row.get("seconds") or 0.0) for row in report.rows)
    yield "<br>" + m.definitions([
        *machine.items(),
        *report.versions.items(),
        ("otolith", report.version), ("commit", report.commit), ("seed", report.seed), ("written", report.created),
        ("cells", len(report.rows)), ("time of all cells", f"{seconds / 60:.1f} minutes" if seconds else None),
    ])  # fmt: skip


def notes_of_cells(report: Report) -> list[str]:
    """Gather what single cells had to say, each sentence once with how often it was said."""
    said: dict[str, int] = {}
    for row in report.rows:
        for note in row.get("notes") or ():
            said[f"{row['study']}, {row['method']}: {note}"] = (
                said.get(f"{row['study']}, {row['method']}: {note}", 0) + 1
            )
    return [note if count == 1 else f"{note} ({count} cells)" for note, count in said.items()]


def _cut(windows: Row) -> str | None:
    known = [
        f"{windows['seconds']:g} s" if windows.get("seconds") is not None else "",
        f"at {windows['rate_hz']:g} Hz" if windows.get("rate_hz") is not None else "",
        f"overlap {windows['overlap']:g}" if windows.get("overlap") is not None else "",
        f"label: {windows['label_rule']}" if windows.get("label_rule") else "",
    ]
    return ", ".join(part for part in known if part) or None


def _kept(windows: Row) -> str | None:
    if windows.get("count") is None:
        return None
    dropped = [
        f"{count} dropped ({str(why).replace('_', ' ')})" for why, count in (windows.get("dropped") or {}).items()
    ]
    return ", ".join([f"{windows['count']} kept", *dropped])


def _number(value: Any) -> str | None:
    return None if value is None else f"{float(value):.2f}"
