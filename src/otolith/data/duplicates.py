"""Recordings that are the same, byte for byte, under two names: found by what their files hold."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otolith.core.errors import OtolithWarning
from otolith.data.entries import StudyEntry
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
                f"{self.people[1]}: tested on one, a model has seen the other"
            )
        return f"{start}: these data of {self.people[0]} count twice"


def stream_contents(entry: StudyEntry) -> tuple[str, ...]:
    """Return short content hashes of the streams of a recording."""
    return tuple(stream["sha256"][:SHORT] for stream in entry["streams"] if "sha256" in stream)


def duplicates(entries: Sequence[StudyEntry]) -> list[Duplicate]:
    """Return the pairs of recordings that share streams, those of two people first.

    Of many recordings that are all the same, each is paired with the first of them.
    """
    first: dict[str, int] = {}
    shared: Counter[tuple[int, int]] = Counter()
    for number, entry in enumerate(entries):
        for content in dict.fromkeys(stream_contents(entry)):
            other = first.setdefault(content, number)
            if other != number:
                shared[other, number] += 1
    pairs = []
    for (one, two), count in shared.items():
        a, b = entries[one], entries[two]
        people = (group_of_entry(a), group_of_entry(b))
        streams = (count, len(set(stream_contents(a))), len(set(stream_contents(b))))
        pairs.append(Duplicate(a["id"], b["id"], people, streams))
    return sorted(pairs, key=lambda pair: not pair.across_people)


def warn_of_duplicates(study: str, entries: Sequence[StudyEntry]) -> list[str]:
    """Warn of recordings of a study that are the same; return the sentences."""
    sentences = [f"{study}: {sentence}" for sentence in listed(duplicates(entries))]
    for sentence in sentences:
        warnings.warn(f"{sentence}.", OtolithWarning, stacklevel=3)
    return sentences


def listed(pairs: Sequence[Duplicate]) -> Iterator[str]:
    """Yield a sentence for each pair, at most `TOLD` of them."""
    yield from (pair.sentence() for pair in pairs[:TOLD])
    if len(pairs) > TOLD:
        yield f"{len(pairs) - TOLD} more pairs of recordings share streams, byte for byte"
