"""Many linear probes solved together: each is what one alone would be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from otolith.core.errors import ConfigError, DataError
from otolith.measure.probes import Problem, solve


def blobs(rows: int, width: int, classes: int, seed: int) -> Problem:
    random = np.random.default_rng(seed)
    code = np.arange(rows) % classes
    middle = random.normal(size=(classes, width))
    return Problem((middle[code] + 1.5 * random.normal(size=(rows, width))) * 3.0 + 7.0, code)


def by_sklearn(problem: Problem, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    mean, std = problem.vectors.mean(axis=0), problem.vectors.std(axis=0)
    fitted = LogisticRegression(C=strength, tol=1e-10, max_iter=20000).fit(
        (problem.vectors - mean) / std, problem.code
    )
    weight = fitted.coef_ / std
    return weight, fitted.intercept_ - weight @ mean


@pytest.mark.parametrize(("rows", "width"), [(12, 30), (90, 8), (40, 40)])
@pytest.mark.parametrize("strength", [0.1, 1.0, 30.0])
def test__solve__float64__is_the_minimum_that_scikit_learn_finds(
    rows: int, width: int, strength: float
) -> None:
    problem = blobs(rows, width, 4, 0)
    probe = solve(
        [problem], 4, strength=strength, tolerance=1e-9, iterations=3000, dtype=torch.float64
    )[0]
    weight, bias = by_sklearn(problem, strength)
    np.testing.assert_allclose(probe.weight, weight, atol=1e-5)
    np.testing.assert_allclose(probe.bias - probe.bias.mean(), bias - bias.mean(), atol=3e-4)


def test__solve__two_classes__are_those_of_the_binary_form() -> None:
    problem = blobs(30, 5, 2, 1)
    probe = solve([problem], 2, tolerance=1e-9, iterations=3000, dtype=torch.float64)[0]
    weight, bias = by_sklearn(problem)
    np.testing.assert_allclose(probe.weight[1] - probe.weight[0], weight[0], atol=1e-5)
    np.testing.assert_allclose(probe.bias[1] - probe.bias[0], bias[0], atol=1e-4)


def test__solve__many_of_many_sizes__each_says_what_scikit_learn_says() -> None:
    problems = [blobs(rows, 20, 5, rows) for rows in (7, 9, 11, 30, 31, 33, 200, 210)]
    fresh = blobs(500, 20, 5, 99).vectors
    for problem, probe in zip(problems, solve(problems, 5, tolerance=1e-3), strict=True):
        weight, bias = by_sklearn(problem)
        same = probe.predict(fresh) == (fresh @ weight.T + bias).argmax(axis=1)
        assert same.mean() > 0.97


def test__solve__alone_or_beside_others_of_its_size__gives_the_same() -> None:
    several = [blobs(40, 96, 6, seed) for seed in range(5)]
    for problem, together in zip(several, solve(several, 6), strict=True):
        alone = solve([problem], 6)[0]
        np.testing.assert_allclose(alone.weight, together.weight, atol=1e-6)
        np.testing.assert_allclose(alone.bias, together.bias, atol=1e-5)


def test__solve__class_that_is_not_there__is_never_said() -> None:
    problem = blobs(30, 4, 3, 2)
    codes = np.array([0, 2, 5])[problem.code]
    probe = solve([Problem(problem.vectors, codes)], 7)[0]
    assert set(probe.predict(problem.vectors)) == {0, 2, 5}
    assert set(
        solve([Problem(problem.vectors[:4], np.full(4, 3))], 7)[0].predict(problem.vectors)
    ) == {3}


def test__solve__column_that_never_changes_and_equal_rows__stay_finite() -> None:
    vectors = np.ones((6, 3))
    vectors[:3, 0] = 0.0
    probe = solve([Problem(vectors, np.array([0, 0, 0, 1, 1, 1]))], 2)[0]
    assert np.isfinite(probe.weight).all() and (probe.weight[:, 1:] == 0).all()
    assert probe.predict(vectors).tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (Problem(np.zeros((0, 2)), np.zeros(0, dtype=int)), "Problem 0 has 0 vectors"),
        (Problem(np.zeros((2, 2)), np.zeros(3, dtype=int)), "2 vectors and 3 classes"),
        (Problem(np.full((2, 2), np.nan), np.arange(2)), "not finite"),
    ],
)
def test__solve__what_cannot_be_fitted__says_which(problem: Problem, said: str) -> None:
    with pytest.raises(DataError, match=said):
        solve([problem], 2)


def test__solve__strength_of_nothing__is_refused() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        solve([blobs(6, 2, 2, 0)], 2, strength=0.0)
