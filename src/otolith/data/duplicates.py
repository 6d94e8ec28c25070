"""Recordings that are the same, byte for byte, under two names: found by what their files hold."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otolith.core.errors import OtolithWarning
from otolith.data.recording import group_of_entry

SHORT = 16
"""Digits of a hash that are kept; two of a million recordings would share them once in thirty
million such studies."""
TOLD = 5
"""So many pairs are named."""


@dataclass(frozen=True)
class Duplicate:
    """Two recordings of a study that share streams."""

    first: str
    second: str
    people: tuple[str, str]
    streams: tuple[int, int, int]
    """How many streams both hold, and how many each has."""

    @property
    def across_people(self) -> bool:
        """Whether two people are said to have made it."""
        return self.people[0] != self.people[1]

    def sentence(self) -> str:
        """Say what was found and what it means."""
        shared, *each = self.streams
        whole = all(count == shared for count in each)
        which = (
            "are the same, byte for byte"
            if whole
            else f"share {shared} of {max(each)} streams, byte for byte"
        )
        start = f"recordings '{self.first}' and '{self.second}' {which}"
        if self.across_people:
            return (
                f"{start}, but are said to be of two people, {self.people[0]} and "
                f"{self.people[1]}: tested on one, a "
                "model has seen the other"
            )
        return f"{start}: these data of {self.people[0]} count twice"


def stream_contents(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return short content hashes of the streams of an entry of study.json."""
    return tuple(
        str(stream["sha256"])[:SHORT] for stream in entry["streams"] if stream.get("sha256")
    )


def duplicates(entries: Sequence[Mapping[str, Any]]) -> list[Duplicate]:
    """Return the pairs of recordings that share streams, those of two people first.

    Of many recordings that are all the same, each is paired with the first of them.
    """
    first: dict[str, int] = {}
    shared: dict[tuple[int, int], int] = {}
    for number, entry in enumerate(entries):
        for content in dict.fromkeys(stream_contents(entry)):
            other = first.setdefault(content, number)
            if other != number:
                shared[other, number] = shared.get((other, number), 0) + 1
    found = []
    for (one, two), count in shared.items():
        pair = [entries[one], entries[two]]
        people = (group_of_entry(dict(pair[0])), group_of_entry(dict(pair[1])))
        each = [len(set(stream_contents(entry))) for entry in pair]
        found.append(
            Duplicate(str(pair[0]["id"]), str(pair[1]["id"]), people, (count, each[0], each[1]))
        )
    return sorted(found, key=lambda pair: not pair.across_people)


def warn_of_duplicates(study: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn of recordings of a study that are the same; return the sentences."""
    said = [f"{study}: {sentence}" for sentence in told(duplicates(entries))]
    for sentence in said:
        warnings.warn(f"{sentence}.", OtolithWarning, stacklevel=3)
    return said


def told(found: Sequence[Duplicate]) -> Iterable[str]:
    """Say what was found, at most `TOLD` pairs of it."""
    yield from (pair.sentence() for pair in found[:TOLD])
    if len(found) > TOLD:
        yield f"{len(found) - TOLD} more pairs of recordings share streams, byte for byte"
