"""Whole people on one side or the other, whatever their number and names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.errors import SplitError
from otolith.evaluation.splits import people_folds

people = st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=30, unique=True)


@given(people, st.integers(2, 12), st.integers(0, 5))
@settings(max_examples=60)
def test__people_folds__anybody__is_tested_exactly_once(subjects: list[str], folds: int, seed: int) -> None:
    parts = people_folds(subjects * 3, folds, seed)  # every window repeats its person
    assert sorted(person for part in parts for person in part) == sorted(subjects)
    assert len(parts) == min(folds, len(subjects))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == people_folds(subjects[::-1], folds, seed) or len(set(map(str.casefold, subjects))) < len(subjects)


def test__people_folds__seed__decides() -> None:
    subjects = [f"p{i}" for i in range(20)]
    assert people_folds(subjects, 5, 0) == people_folds(subjects, 5, 0)
    assert people_folds(subjects, 5, 0) != people_folds(subjects, 5, 1)


def test__people_folds__one_person__says_why_it_cannot_be() -> None:
    with pytest.raises(SplitError, match=r"of 1 person \(anna\), so nobody is left to test on"):
        people_folds(["anna", "anna"], 5)
    with pytest.raises(SplitError, match="nobody"):
        people_folds([], 5)


def test__people_folds__one_fold__leaves_nobody_to_train_on() -> None:
    with pytest.raises(SplitError, match="ask for 2 to 3"):
        people_folds(["a", "b", "c"], 1)
