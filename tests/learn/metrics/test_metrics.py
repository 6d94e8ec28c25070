"""Every metric: perfect is best, chance is near chance, and one case worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from otolith.core.catalog import family
from otolith.core.errors import DataError
from otolith.learn.metrics.accuracy import accuracy
from otolith.learn.metrics.balanced_accuracy import balanced_accuracy
from otolith.learn.metrics.macro_f1 import macro_f1

# walk: 3 of 4 found; sit: 1 of 2 found, 2 false alarms; lie: never true, said once
_TRUE = ["walk", "walk", "walk", "walk", "sit", "sit"]
_SAID = ["walk", "walk", "walk", "sit", "sit", "lie"]


@pytest.mark.parametrize("name", list(family("metrics")))
def test__metric__perfect__is_one(name: str) -> None:
    assert family("metrics").resolve(name)(_TRUE, _TRUE) == 1.0


@pytest.mark.parametrize("name", list(family("metrics")))
def test__metric__chance__is_near_chance(name: str) -> None:
    rng = np.random.default_rng(0)
    score = family("metrics").resolve(name)(rng.integers(0, 4, 20_000), rng.integers(0, 4, 20_000))
    assert score == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("name", list(family("metrics")))
def test__metric__unequal_or_empty__says_so(name: str) -> None:
    metric = family("metrics").resolve(name)
    with pytest.raises(DataError, match="one prediction per true label"):
        metric(["walk"], ["walk", "sit"])
    with pytest.raises(DataError, match="at least one"):
        metric([], [])


def test__accuracy__by_hand() -> None:
    assert accuracy(_TRUE, _SAID) == pytest.approx(4 / 6)


def test__balanced_accuracy__by_hand() -> None:
    assert balanced_accuracy(_TRUE, _SAID) == pytest.approx((3 / 4 + 1 / 2) / 2)


def test__balanced_accuracy__always_one_class__is_one_over_classes() -> None:
    assert balanced_accuracy(["a"] * 98 + ["b", "c"], ["a"] * 100) == pytest.approx(1 / 3)


def test__macro_f1__by_hand() -> None:
    walk, sit, lie = 2 * 3 / (4 + 3), 2 * 1 / (2 + 2), 0.0
    assert macro_f1(_TRUE, _SAID) == pytest.approx((walk + sit + lie) / 3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test__metric__any_labels__same_as_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, said = np.array(pairs).T
    assert macro_f1(true, said) == pytest.approx(
        f1_score(true, said, average="macro", zero_division=0.0)
    )
    assert accuracy(true, said) == pytest.approx(accuracy_score(true, said))
