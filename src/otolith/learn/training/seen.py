"""Whom an encoder or a recogniser was trained on, by person and by the content of recordings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otolith.core.errors import OtolithWarning
from otolith.data.study import natural_key
from otolith.data.windows import Windows

NAMED = 5
"""So many people are named in a warning."""


@dataclass(frozen=True)
class Seen:
    """People of some windows whom a model was trained on; each list is sorted as people count."""

    by_content: list[str]
    """Their recordings are, byte for byte, among those it was trained on, whatever study and people
    are called."""
    by_name: list[str]
    """They stand in a study of the same name, under the same name."""
    namesakes: list[str]
    """People of another study have the same name, and may be the same ones."""

    @property
    def surely(self) -> list[str]:
        """Everybody but the namesakes."""
        return sorted({*self.by_content, *self.by_name}, key=natural_key)


def training_facts(windows: Windows) -> dict[str, Any]:
    """Return what a record says of the windows that were learnt from, so that `seen_people` knows
    them again."""
    return {
        "people": sorted(set(_people(windows).values())),
        "recordings": sorted(windows.contents_here),
    }


def seen_people(record: Mapping[str, Any], windows: Windows) -> Seen:
    """Return who of these windows a model was trained on, by the record of an encoder or of a
    recogniser.

    A recogniser's record holds its encoder's: whoever took part in pretraining has been seen, too.
    """
    parts = [part for part in (record, record.get("pretraining"), record.get("adaptation")) if part]
    contents = {content for part in parts for content in part.get("recordings") or ()}
    known = {person for part in parts for person in _known(part)}
    plain = {person.rpartition("/")[2] for person in known}
    by_content = {
        person for person in windows.subjects if contents & windows.of([person]).contents_here
    } if contents & windows.contents_here else set()  # fmt: skip
    people = _people(windows)
    by_name = {own for own, person in people.items() if person in known} - by_content
    namesakes = (
        {own for own, person in people.items() if person.rpartition("/")[2] in plain}
        - by_content
        - by_name
    )
    return Seen(*(sorted(some, key=natural_key) for some in (by_content, by_name, namesakes)))


def warn_of_seen(
    record: Mapping[str, Any], windows: Windows, who: str, stacklevel: int = 3
) -> Seen:
    """Warn where `who` was trained on people of these windows, so that figures are too good; return
    them."""
    seen = seen_people(record, windows)
    if said := list(sentences(seen, who)):
        warnings.warn(" ".join(said), OtolithWarning, stacklevel=stacklevel)
    return seen


def sentences(seen: Seen, who: str) -> Iterator[str]:
    """Say whom a model was trained on, and what to do about it."""
    if seen.surely:
        how = []
        if seen.by_content:
            how.append(f"{_some(seen.by_content)} by the very same recordings")
        if seen.by_name:
            how.append(f"{_some(seen.by_name)} by name and study")
        yield (
            f"{who} was trained on people who are tested here: {'; '.join(how)}. Other windows of "
            f"the same person are "
            "no test either: the figures are too good. Test on people it has never seen: "
            "windows.without([…])."
        )
    if seen.namesakes:
        yield (
            f"{who} was trained on people of another study who are called {_some(seen.namesakes)}, "
            f"too: if they are "
            "the same people, the figures are too good."
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _people(windows: Windows) -> dict[str, str]:
    """Return the people here -> study/person; nobody for arrays that do not say whose they are."""
    subjects = windows.subjects
    if not windows.study:
        return {} if subjects == ["1"] else {name: f"/{name}" for name in subjects}
    return {
        name: name if len(windows.folders) > 1 else f"{windows.study}/{name}" for name in subjects
    }


def _known(record: Mapping[str, Any]) -> set[str]:
    """Return study/person of a record; those of older versions hold subjects and the study's name
    apart."""
    if "people" in record:
        return set(record["people"])
    studies = list(record.get("studies") or {})
    whole = " + ".join(studies)
    parts = tuple(f"{part}/" for part in whole.split(" + ")) if " + " in whole else ()
    subjects = record.get("subjects") or []
    return {name if parts and name.startswith(parts) else f"{whole}/{name}" for name in subjects}
