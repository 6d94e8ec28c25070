"""Whom a model was trained on, by name and by the content of recordings.

Every figure for "people never seen" rests on this check, so the library makes it, not a command:
`score`, `predict` on labelled windows, retrieval and the benchmark all call `check_unseen`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from otolith.core.errors import OtolithWarning, SplitError
from otolith.data.recording import natural_key
from otolith.data.windows import Windows
from otolith.learn.training.records import Record, Training

_LISTED = 5
"""People named in a message; the others are counted."""


@dataclass(frozen=True)
class Seen:
    """The people of some windows that a model was trained on, each list in natural order."""

    by_content: list[str]
    """The same recordings, byte for byte, whatever the study and its people are called."""
    by_name: list[str]
    """The same name in a study of the same name."""
    namesakes: list[str]
    """The same name in another study: perhaps the same person."""

    @property
    def surely(self) -> list[str]:
        """Everybody but the namesakes."""
        return sorted({*self.by_content, *self.by_name}, key=natural_key)

    def sentences(self, who: str) -> Iterator[str]:
        """Say whom the model `who` was trained on, and what to do about it."""
        if self.surely:
            how = [
                f"{_some(people)} {words}"
                for people, words in (
                    (self.by_content, "by the very same recordings"),
                    (self.by_name, "by name and study"),
                )
                if people
            ]
            yield (
                f"{who} was trained on people who are tested here: {'; '.join(how)}. Other windows "
                "of the same person are no test either: the figures are too good. Test on people "
                "it has never seen: windows.without([…])."
            )
        if self.namesakes:
            yield (
                f"{who} was trained on people of another study who are also called "
                f"{_some(self.namesakes)}: if they are the same people, the figures are too good."
            )


def training_facts(windows: Windows) -> Training:
    """Return what a record must say of training windows for `seen_people` to recognise them.

    `people` are study/person, `recordings` are content hashes.

    >>> import numpy as np
    >>> windows = Windows.from_array(
    ...     np.zeros((2, 1, 50)), rate_hz=50, channels=["head.acc.x"], subject=["ann", "bob"]
    ... )
    >>> training_facts(windows)["people"]
    ['/ann', '/bob']
    """
    return {
        "people": sorted(set(_study_names(windows).values())),
        "recordings": sorted(windows.contents_here),
    }


def seen_people(record: Record, windows: Windows) -> Seen:
    """Return the people of these windows that a model was trained on.

    A recogniser's record includes its encoder's: people of the pretraining count as seen.

    >>> import numpy as np
    >>> windows = Windows.from_array(
    ...     np.zeros((2, 1, 50)), rate_hz=50, channels=["head.acc.x"], subject=["ann", "bob"]
    ... )
    >>> seen_people({"pretraining": {"people": ["/bob"]}}, windows).by_name
    ['bob']
    """
    # A recogniser's record holds its encoder's.
    parts: list[Training] = [record, record.get("pretraining", {}), record.get("adaptation", {})]
    # By content too: a study that was renamed, or imported under other names, is the same.
    contents: set[str] = set().union(*(part.get("recordings") or () for part in parts))
    trained = set().union(*map(_trained_on, parts))
    people = _study_names(windows)
    by_content = _with_contents(windows, contents)
    by_name = {p for p, full in people.items() if full in trained} - by_content
    # "s01" is in most studies: a name alone is a warning, never a reason to refuse.
    names = {_alone(person) for person in trained}
    namesakes = {p for p, full in people.items() if _alone(full) in names} - by_content - by_name
    sets = (by_content, by_name, namesakes)
    return Seen(*(sorted(people, key=natural_key) for people in sets))


def _with_contents(windows: Windows, contents: set[str]) -> set[str]:
    """Return the people of whom any recording is among some contents."""
    if not contents & windows.contents_here:  # the usual case: no person is looked at
        return set()
    return {p for p in windows.subjects if contents & windows.of([p]).contents_here}


def _alone(person: str) -> str:
    """Return the name of study/person without the study."""
    return person.rpartition("/")[2]


def check_unseen(
    record: Record, windows: Windows, who: str, *, refuse: bool = False, stacklevel: int = 3
) -> Seen:
    """Warn where the model `who` was trained on people of these test windows, and return them.

    With `refuse`, raise SplitError instead; namesakes alone are never refused.

    >>> from otolith.data.windows import Windows
    >>> import numpy as np
    >>> test = Windows.from_array(
    ...     np.zeros((2, 1, 50)), rate_hz=50, channels=["head.acc.x"], subject=["ann", "bob"]
    ... )
    >>> check_unseen({"people": ["/bob"]}, test, "This encoder", refuse=True)
    Traceback (most recent call last):
    otolith.core.errors.SplitError: This encoder was trained on people who are tested here: bob ...
    """
    seen = seen_people(record, windows)
    message = " ".join(seen.sentences(who))
    if refuse and seen.surely:
        raise SplitError(message)
    if message:
        warnings.warn(message, OtolithWarning, stacklevel=stacklevel)
    return seen


def unseen_people(record: Record, windows: Windows, who: str) -> list[str]:
    """Return the people of these windows that the model `who` was not trained on.

    Raises SplitError where nobody is left.

    >>> import numpy as np
    >>> windows = Windows.from_array(
    ...     np.zeros((2, 1, 50)), rate_hz=50, channels=["head.acc.x"], subject=["ann", "bob"]
    ... )
    >>> unseen_people({"people": ["/bob"]}, windows, "This encoder")
    ['ann']
    """
    seen = seen_people(record, windows).surely
    people = [person for person in windows.subjects if person not in seen]
    if not people:
        raise SplitError(
            f"{who} was trained on everybody in these recordings ({_some(seen)}). Pretrain with "
            "--leave-out for the people to test on."
        )
    return people


def _some(people: list[str]) -> str:
    rest = len(people) - _LISTED
    return ", ".join(people[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _study_names(windows: Windows) -> dict[str, str]:
    """Return each person here as study/person; nobody for arrays without subjects."""
    subjects = windows.subjects
    if not windows.study:
        return {} if subjects == ["1"] else {name: f"/{name}" for name in subjects}
    joined = len(windows.folders) > 1  # then a subject already carries the study's name
    return {name: name if joined else f"{windows.study}/{name}" for name in subjects}


def _trained_on(record: Training) -> set[str]:
    """Return study/person of a record; records of v0.1 keep subjects and study apart."""
    if "people" in record:
        return set(record["people"])
    study = " + ".join(record.get("studies") or {})
    prefixes = tuple(f"{part}/" for part in study.split(" + ")) if " + " in study else ()
    subjects = record.get("subjects") or []
    return {n if prefixes and n.startswith(prefixes) else f"{study}/{n}" for n in subjects}
