"""Many logistic regressions solved together: each is, bit for bit, what one alone would be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from otolith.core.errors import ConfigError, DataError
from otolith.learn.heads._solver import Problem, Solution, solve
from otolith.learn.heads.logistic import Logistic, fit_each


def blobs(rows: int, width: int, classes: int, seed: int) -> Problem:
    random = np.random.default_rng(seed)
    code = np.arange(rows) % classes
    middle = random.normal(size=(classes, width))
    return Problem((middle[code] + 1.5 * random.normal(size=(rows, width))) * 3.0 + 7.0, code)


def predict(solution: Solution, vectors: np.ndarray) -> np.ndarray:
    code: np.ndarray = solution.present[
        (vectors @ solution.weight.T + solution.bias).argmax(axis=1)
    ]
    return code


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
    probe = solve([problem], strength=strength, tolerance=1e-9, iterations=3000)[0]
    weight, bias = by_sklearn(problem, strength)
    np.testing.assert_allclose(probe.weight, weight, atol=1e-5)
    np.testing.assert_allclose(probe.bias - probe.bias.mean(), bias - bias.mean(), atol=3e-4)


def test__solve__two_classes__are_those_of_the_binary_form() -> None:
    problem = blobs(30, 5, 2, 1)
    probe = solve([problem], tolerance=1e-9, iterations=3000)[0]
    weight, bias = by_sklearn(problem)
    np.testing.assert_allclose(probe.weight[1] - probe.weight[0], weight[0], atol=1e-5)
    np.testing.assert_allclose(probe.bias[1] - probe.bias[0], bias[0], atol=1e-4)


def test__solve__many_of_many_sizes__each_says_what_scikit_learn_says() -> None:
    problems = [blobs(rows, 20, 5, rows) for rows in (7, 9, 11, 30, 31, 33, 200, 210)]
    fresh = blobs(500, 20, 5, 99).vectors
    for problem, probe in zip(problems, solve(problems, tolerance=1e-3), strict=True):
        weight, bias = by_sklearn(problem)
        same = predict(probe, fresh) == (fresh @ weight.T + bias).argmax(axis=1)
        assert same.mean() > 0.97


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("rows", "width", "classes"),
    [(6, 96, 6), (40, 5, 3), (48, 96, 6), (7, 3, 2), (333, 77, 7), (60, 288, 12)],
)
def test__solve__alone_or_beside_others__gives_the_same_bits(
    rows: int, width: int, classes: int, threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        several = [blobs(rows, width, classes, seed) for seed in range(4)]
        others = [blobs(rows + 2, width, classes, seed) for seed in range(2)]
        for problem, together in zip(several, solve([*several, *others]), strict=False):
            [alone] = solve([problem])
            np.testing.assert_array_equal(alone.weight, together.weight)
            np.testing.assert_array_equal(alone.bias, together.bias)
    finally:
        torch.set_num_threads(before)


def test__fit_each__is_bit_for_bit_what_fit_gives_each() -> None:
    problems = [(p.vectors, p.code) for p in (blobs(12, 20, 3, seed) for seed in range(3))]
    for (vectors, code), together in zip(problems, fit_each(problems, 3), strict=True):
        alone = Logistic(20, 3)
        alone.fit(vectors, code, seed=0)
        assert torch.equal(alone.weight, together.weight)
        assert torch.equal(alone.bias, together.bias)


def test__logistic__class_that_is_not_there__is_never_said() -> None:
    problem = blobs(30, 4, 3, 2)
    codes = np.array([0, 2, 5])[problem.code]
    several, one = fit_each([(problem.vectors, codes), (problem.vectors, np.full(30, 3))], 7)

    def said(head: Logistic) -> set[int]:
        logits = torch.from_numpy(problem.vectors).float() @ head.weight.T + head.bias
        return set(logits.argmax(1).tolist())

    assert said(several) == {0, 2, 5} and said(one) == {3}


def test__solve__column_that_never_changes_and_equal_rows__stay_finite() -> None:
    vectors = np.ones((6, 3))
    vectors[:3, 0] = 0.0
    probe = solve([Problem(vectors, np.array([0, 0, 0, 1, 1, 1]))])[0]
    assert np.isfinite(probe.weight).all() and (probe.weight[:, 1:] == 0).all()
    assert predict(probe, vectors).tolist() == [0, 0, 0, 1, 1, 1]


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
        solve([problem])


def test__logistic__strength_of_nothing__is_refused() -> None:
    with pytest.raises(ConfigError, match="greater than 0"):
        Logistic(2, 2, strength=0.0)
