"""Whole people on one side or the other, whatever their number and names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ConfigError, SplitError
from otolith.data.study import Study
from otolith.learn.splits import official_parts, people_folds

people = st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=30, unique=True)


@given(people, st.integers(2, 12), st.integers(0, 5))
@settings(max_examples=60)
def test__people_folds__anybody__is_tested_exactly_once(
    subjects: list[str], folds: int, seed: int
) -> None:
    parts = people_folds(subjects * 3, folds, seed)  # every window repeats its person
    assert sorted(person for part in parts for person in part) == sorted(subjects)
    assert len(parts) == min(folds, len(subjects))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == people_folds(subjects[::-1], folds, seed) or len(
        set(map(str.casefold, subjects))
    ) < len(subjects)


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


def study_of(parts: dict[str, int], takes: int = 0) -> Study:
    """A study of recordings in lists; `takes` recordings after one another are of one take."""
    entries = []
    for part, count in parts.items():
        for number in range(count):
            take = {"take": f"{part}-take{number // takes}"} if takes else {}
            facts = {"split": part} | take if part else {}
            entries.append({"id": f"{part}{number}", "facts": facts})
    return Study(Path("nowhere"), "listed", tuple(entries))


def test__official__trains_and_tests_on_the_lists() -> None:
    parts = official_parts(study_of({"train": 3, "val": 2, "test": 2, "": 4}), "official")
    assert parts.pretrain == parts.train == ("train0", "train1", "train2")
    assert parts.test == ("test0", "test1")


def test__official__without_a_test_list__tests_on_validation() -> None:
    assert official_parts(study_of({"train": 1, "val": 2}), "official").test == ("val0", "val1")


def test__takes__of_the_held_back_list__a_half_is_learnt_from_and_a_quarter_tested() -> None:
    study = study_of({"train": 5, "val": 40, "test": 3}, takes=2)
    parts = official_parts(study, "takes", seed=1)
    assert len(parts.pretrain) == 5 and (len(parts.train), len(parts.test)) == (20, 10)
    assert all(id.startswith("val") for id in (*parts.train, *parts.test))
    take = {f"val{n}": n // 2 for n in range(40)}
    assert not {take[id] for id in parts.train} & {take[id] for id in parts.test}
    assert parts == official_parts(study, "takes", seed=1) != official_parts(study, "takes", seed=2)


@pytest.mark.parametrize("parts", [{"": 4}, {"train": 4}, {"val": 4, "test": 1}])
@pytest.mark.parametrize("split", ["official", "takes"])
def test__official__no_lists__says_so(parts: dict[str, int], split: str) -> None:
    with pytest.raises(SplitError, match=r"no official lists of recordings.*--split people"):
        official_parts(study_of(parts), split)


def test__takes__too_few__says_how_many() -> None:
    with pytest.raises(SplitError, match="1 takes in 'val': too few"):
        official_parts(study_of({"train": 1, "val": 1}), "takes")


def test__official__unknown_split__names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'takes'"):
        official_parts(study_of({"train": 1, "val": 1}), "take")
