"""Folds of whole people; no other split exists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otolith.errors import SplitError
from otolith.study import natural_key


def people_folds(subjects: Sequence[str], folds: int, seed: int = 0) -> list[list[str]]:
    """Part people into folds of (nearly) equal size; each person is tested in exactly one.

    More folds than people become one fold a person. Raises SplitError for a single person or fewer than two folds.
    """
    people = sorted(set(subjects), key=natural_key)
    if len(people) < 2:
        raise SplitError(
            f"These recordings are of {len(people)} person ({', '.join(people) or 'nobody'}), so nobody is left to "
            "test on: a figure for people never seen needs two people or more. Add recordings of others."
        )
    if folds < 2:
        raise SplitError(f"{folds} fold leaves nobody to train on; ask for 2 to {len(people)}.")
    order = np.random.default_rng(seed).permutation(len(people))
    parts = np.array_split(order, min(folds, len(people)))
    return [sorted((people[i] for i in part), key=natural_key) for part in parts]
