"""Time warping against a table filled in the slowest, plainest way, and against its laws."""

from __future__ import annotations

from inspect import unwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from otolith.core.errors import ConfigError, DataError
from otolith.data.physics import dtw

signals = st.integers(1, 24).flatmap(
    lambda n: arrays(np.float64, n, elements=st.floats(-50, 50, width=32))
)
# Single precision rounds each of up to 50 steps of a path, whose prices are up to 100 or 10,000.
TOLERANCE = {"absolute": {"rtol": 1e-5, "atol": 1e-3}, "squared": {"rtol": 1e-5, "atol": 1e-1}}


def plain(x, y, cost="absolute", band=None):
    """Fill the whole (n + 1, m + 1) table; cells outside the band stay infinite."""
    n, m = len(x), len(y)
    band = n + m if band is None else band
    table = np.full((n + 1, m + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            if -band - max(n - m, 0) <= j - i <= band + max(m - n, 0):
                price = abs(x[i] - y[j]) if cost == "absolute" else (x[i] - y[j]) ** 2
                table[i + 1, j + 1] = price + min(table[i, j], table[i, j + 1], table[i + 1, j])
    return table[n, m]


@pytest.mark.parametrize("cost", ["absolute", "squared"])
@pytest.mark.parametrize("band", [None, 0, 1, 5])
def test__distance__any_lengths__fills_the_table_as_defined(cost, band):
    rng = np.random.default_rng(0)
    for n, m in [(1, 1), (1, 9), (9, 1), (12, 12), (12, 7), (7, 12), (30, 28)]:
        x, y = rng.standard_normal(n), rng.standard_normal(m)
        assert dtw.distance(x, y, cost, band) == pytest.approx(plain(x, y, cost, band), rel=1e-12)


def test__distance__worked_by_hand__is_that_number():
    # 0 1 2 against 0 2 2: only the 1 has no modality, and it is 1 away from both neighbours.
    assert dtw.distance(np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 2.0])) == 1.0
    assert dtw.distance(
        np.array([0.0, 0.0, 3.0]), np.array([0.0, 5.0, 5.0]), "squared", root=True
    ) == np.sqrt(8.0)


def test__distance__band_of_zero__compares_sample_by_sample():
    x, y = np.random.default_rng(1).standard_normal((2, 40))
    assert dtw.distance(x, y, "absolute", 0) == pytest.approx(np.abs(x - y).sum(), rel=1e-12)


def test__distance__nan__is_nan():
    assert np.isnan(dtw.distance(np.array([0.0, np.nan]), np.array([0.0, 1.0])))


@settings(max_examples=40, deadline=None)
@given(x=signals, y=signals, cost=st.sampled_from(["absolute", "squared"]), band=st.integers(0, 20))
def test__distance__any_signals__keeps_its_laws(x, y, cost, band):
    full, banded = dtw.distance(x, y, cost), dtw.distance(x, y, cost, band)
    assert dtw.distance(x, x, cost, band) == 0.0
    assert banded == pytest.approx(dtw.distance(y, x, cost, band), rel=1e-12, abs=1e-9)
    assert dtw.distance(x, y, cost, band + 1) <= banded + 1e-9
    assert full <= banded + 1e-9
    assert full >= 0.0


@settings(max_examples=25, deadline=None)
@given(
    pairs=st.lists(st.tuples(signals, signals), min_size=1, max_size=70),
    band=st.none() | st.integers(0, 12),
)
def test__distances__ragged_pairs__equal_one_by_one(pairs, band):
    x, y = (
        np.full((len(pairs), 24), np.nan) for _ in "xy"
    )  # what lies beyond a length must not matter
    for n, (first, second) in enumerate(pairs):
        x[n, : len(first)], y[n, : len(second)] = first, second
    lengths, lengths_y = (np.array([len(pair[side]) for pair in pairs]) for side in (0, 1))
    for cost, tolerance in TOLERANCE.items():
        together = dtw.distances(x, y, lengths, lengths_y, cost=cost, band=band)
        alone = [dtw.distance(first, second, cost, band) for first, second in pairs]
        np.testing.assert_allclose(together, alone, **tolerance)


@pytest.mark.parametrize("cost", ["absolute", "squared"])
@pytest.mark.parametrize("band", [None, 25])
def test__distances__long_signals_far_from_zero__keep_five_digits(cost, band):
    x, y = 1000.0 + np.random.default_rng(2).standard_normal((2, 40, 250))
    alone = [
        dtw.distance(first, second, cost, band, root=True)
        for first, second in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(
        dtw.distances(x, y, cost=cost, band=band, root=True), alone, rtol=1e-5
    )


def test__distances__one_pair_with_nan__leaves_its_neighbours_alone():
    x, y = np.random.default_rng(3).standard_normal((2, 40, 30))
    clean = dtw.distances(x, y)
    x[7, 11] = np.nan
    y[9, 0] = np.inf
    broken = dtw.distances(x, y)
    assert np.flatnonzero(np.isnan(broken)).tolist() == [7, 9]
    keep = ~np.isnan(broken)
    assert np.array_equal(broken[keep], clean[keep])


def test__distances__no_pairs__is_empty():
    assert dtw.distances(np.zeros((0, 5)), np.zeros((0, 5))).shape == (0,)


def test__distance_matrix__small_enough_parts__equals_pairs_one_by_one(monkeypatch):
    series = np.random.default_rng(4).standard_normal((17, 20))
    expected = [
        [dtw.distance(first, second, "squared", root=True) for second in series] for first in series
    ]
    whole = dtw.distance_matrix(series)
    np.testing.assert_allclose(whole, expected, rtol=1e-5)
    monkeypatch.setattr(dtw, "_PAIRS_AT_ONCE", 40)
    assert np.array_equal(dtw.distance_matrix(series), whole)


@pytest.mark.parametrize("count", [0, 1])
def test__distance_matrix__fewer_than_two_signals__is_zeros(count):
    assert np.array_equal(dtw.distance_matrix(np.ones((count, 4))), np.zeros((count, count)))


# Tests check shapes at the call; users get our own message, which stands below that check.
def test__distance__unknown_cost_or_negative_band__says_what_to_type():
    with pytest.raises(ConfigError, match="'absolute' or 'squared'"):
        unwrap(dtw.distance)(np.ones(3), np.ones(3), "euclidean")
    with pytest.raises(ConfigError, match="band of -1"):
        dtw.distances(np.ones((2, 3)), np.ones((2, 3)), band=-1)


def test__distances__shapes_or_lengths_that_do_not_fit__say_what_was_found():
    with pytest.raises(DataError, match="one-dimensional"):
        unwrap(dtw.distance)(np.ones((2, 3)), np.ones(3))
    with pytest.raises(DataError, match="2 rows in x and 3 in y"):
        unwrap(dtw.distances)(np.ones((2, 3)), np.ones((3, 3)))
    for lengths in ([0, 3], [1, 4], [1]):
        with pytest.raises(DataError, match="lengths"):
            unwrap(dtw.distances)(np.ones((2, 3)), np.ones((2, 3)), np.array(lengths))
