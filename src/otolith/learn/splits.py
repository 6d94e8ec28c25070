"""Folds of whole people; and the lists of recordings by which the authors of a data set part it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from otolith.core.errors import ConfigError, SplitError, nearest
from otolith.data.recording import natural_key
from otolith.data.study import Study

SPLITS = ("people", "official", "takes")
"""Folds of people; the authors' lists; or their held-back recordings, parted once more by whole
takes."""
SHARES = (0.5, 0.25, 0.25)
"""Of the takes, for training, validation and test, as PRIMUS parts them."""


@dataclass(frozen=True)
class Parts:
    """Which recordings are learnt from and tested on, where the authors of a data set say so."""

    pretrain: tuple[str, ...]
    """Recordings that an encoder is pretrained on."""
    train: tuple[str, ...]
    """Recordings whose labels are drawn from."""
    test: tuple[str, ...]


def official_parts(study: Study, split: str, seed: int = 0) -> Parts:
    """Part a study by its authors' lists, which stand in each recording's fact `split`.

    split: `official` trains on `train` and tests on `test`, or on `val` where the test part has no
    recording here; `takes` pretrains on `train`, and parts the recordings of `val` (of `test` where
    there are none) by whole takes, 50 : 25 : 25 for labels, validation and test, as PRIMUS does
    with Ego-Exo4D. Nothing is chosen by validation here: that part is left out, so that figures can
    be compared. A take is what has one fact `take`, else one recording. Where lists put a person on
    both sides, a benchmark tests that person and learns nothing from them.

    Raises ConfigError for another split, SplitError where the study has no lists or too few takes.
    """
    if split not in SPLITS[1:]:
        raise ConfigError(f"A split is {', '.join(SPLITS)}; not '{split}'.{nearest(split, SPLITS)}")
    lists: dict[str, list[str]] = {}
    takes: dict[str, str] = {}
    for entry in study.entries:
        facts = entry.get("facts") or {}
        if part := facts.get("split"):
            lists.setdefault(str(part), []).append(entry["id"])
            takes[entry["id"]] = str(facts.get("take") or entry["id"])
    preferred = ("val", "test") if split == "takes" else ("test", "val")
    held_back = next((part for part in preferred if part in lists), "")
    if "train" not in lists or not held_back:
        known = ", ".join(f"{name} ({len(ids)})" for name, ids in lists.items()) or "none"
        raise SplitError(
            f"Study '{study.name}' has no official lists of recordings to train and to test on "
            f"(it has: {known}). Use --split people."
        )
    train = tuple(lists["train"])
    # Nothing is chosen by validation here; its part is left out.
    if split == "official":
        return Parts(train, train, tuple(lists[held_back]))
    return Parts(train, *_by_takes(study.name, held_back, lists[held_back], takes, seed))


def _by_takes(
    study: str, part: str, recordings: Sequence[str], takes: dict[str, str], seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part recordings by whole takes; return those for labels and those for the test."""
    names = sorted({takes[id] for id in recordings}, key=natural_key)
    # Whole takes: windows of one take on both sides would be nearly the same windows.
    order = np.random.default_rng(seed).permutation(len(names))
    ends = np.cumsum(SHARES[:2]) * len(names)
    train, _, test = np.split(order, [round(end) for end in ends.tolist()])
    if not len(train) or not len(test):
        raise SplitError(
            f"Study '{study}' has {len(names)} takes in '{part}': too few to train and to test."
        )

    def of_takes(chosen: np.ndarray) -> tuple[str, ...]:
        some = {names[i] for i in chosen}
        return tuple(id for id in recordings if takes[id] in some)

    return of_takes(train), of_takes(test)


def people_folds(subjects: Sequence[str], folds: int, seed: int = 0) -> list[list[str]]:
    """Part people into folds of (nearly) equal size; each person is tested in exactly one.

    More folds than people become one fold a person. Raises SplitError for a single person or fewer
    than two folds.

    >>> people_folds(["ann", "bob", "cat", "ann"], folds=2)
    [['ann', 'cat'], ['bob']]
    """
    people = sorted(set(subjects), key=natural_key)
    if len(people) < 2:
        raise SplitError(
            f"These recordings are of {len(people)} person ({', '.join(people) or 'nobody'}), so "
            "nobody is left to test on: a figure for people never seen needs two people or more. "
            "Add recordings of others."
        )
    if folds < 2:
        raise SplitError(f"{folds} fold leaves nobody to train on; ask for 2 to {len(people)}.")
    # Sorted, then shuffled by the seed: folds do not depend on the order of the rows.
    order = np.random.default_rng(seed).permutation(len(people))
    parts = np.array_split(order, min(folds, len(people)))
    return [sorted((people[i] for i in part), key=natural_key) for part in parts]
