"""How the numbers of a report came about: data, people, windows, machine and versions, as parts of
its page."""

from __future__ import annotations

from collections.abc import Iterator

from otolith.measure.report import Report, study_facts
from otolith.measure.statistics import Row
from otolith.show import markup as m


def what_was_run(report: Report) -> Iterator[str]:
    """Give the parts of the page that say on which data, people and machine the numbers came about."""
    yield m.panels(_study(report, study) for study in report.study_names())
    seconds = sum(float(row.get("seconds") or 0.0) for row in report.rows)
    machine = {key.replace("_", " "): value for key, value in report.machine.items()}
    run = {
        "seed": report.seed,
        "cells": len(report.rows),
        "time of all cells": f"{seconds / 60:.1f} minutes",
    }
    versions = {"otolith": report.version, "commit": report.commit, **report.versions}
    yield m.panels([
        f"<div><h3>Machine and run</h3>{m.definitions({**machine, **run}.items())}</div>",
        f"<div><h3>Versions</h3>{m.definitions(versions.items())}</div>",
    ])  # fmt: skip


def _study(report: Report, study: str) -> str:
    facts = study_facts(report, study)
    windows, people = facts.get("windows") or {}, facts.get("subjects") or []
    known = m.definitions([
        ("origin", facts.get("origin")),
        ("people", len(people) or None),
        ("recordings", facts.get("recordings")),
        ("hours", None if facts.get("hours") is None else f"{float(facts['hours']):.2f}"),
        ("windows", _cut(windows)),
        ("kept", windows.get("count")),
        ("dropped", _dropped(windows)),
        ("classes", ", ".join(map(str, facts.get("classes") or []))),
        ("channels", ", ".join(map(str, facts.get("channels") or []))),
        ("data hash", facts.get("hash")),
    ])  # fmt: skip
    folds = report.folds.get(study) or []
    rows = [
        [f"fold {n}", len(tested), ", ".join(map(str, tested))] for n, tested in enumerate(folds)
    ]
    tested = m.table(
        ["", "people", "tested"], rows, f"People of {study} tested in each fold", "words"
    )
    who = (
        m.details(f"Who was tested when: {len(folds)} folds of whole people", tested)
        if folds
        else ""
    )
    return f"<div><h3>{m.text(study)}</h3>{known}{who}</div>"


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


def _dropped(windows: Row) -> str | None:
    dropped = [
        f"{count} ({str(why).replace('_', ' ')})"
        for why, count in (windows.get("dropped") or {}).items()
    ]
    return ", ".join(dropped) or ("none" if windows.get("count") is not None else None)
