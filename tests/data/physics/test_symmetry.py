"""Left against right, on signals whose shift and likeness are known."""

from __future__ import annotations

from inspect import unwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ConfigError, DataError
from otolith.data.physics import dtw
from otolith.data.physics.symmetry import best_lag, norms, symmetry

RATE_HZ = 50.0


def chirp(start_s, samples=100):
    """0.5 Hz rising by 1 Hz each second: no stretch of it repeats."""
    time = start_s + np.arange(samples) / RATE_HZ
    return 9.81 + 3.0 * np.sin(2 * np.pi * (0.5 * time + 0.5 * time**2))


@pytest.mark.parametrize("lag", [-40, -17, -1, 0, 1, 23, 40])
def test__symmetry__chirp_shifted_by_a_known_lag__is_found_and_is_zero(lag):
    left, right = chirp(1.0)[None], chirp(1.0 - lag / RATE_HZ)[None]
    assert best_lag(left, right, RATE_HZ).tolist() == [lag]
    assert symmetry(left, right, RATE_HZ) == pytest.approx(0.0, abs=1e-6)


def test__best_lag__shift_beyond_the_limit__stays_inside_it():
    left, right = chirp(1.0)[None], chirp(1.0 - 30 / RATE_HZ)[None]
    assert best_lag(left, right, RATE_HZ, max_lag_s=0.8).tolist() == [30]
    assert abs(best_lag(left, right, RATE_HZ, max_lag_s=0.5)[0]) <= 25
    assert abs(best_lag(left, right, RATE_HZ, min_overlap=0.8)[0]) <= 20


def test__best_lag__random_signals__is_the_highest_pearson_correlation():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 20, 60)).cumsum(axis=2) + 5.0
    for n, lag in enumerate(best_lag(left, right, RATE_HZ)):
        correlations = {}
        for k in range(-24, 25):
            x, y = left[n, max(0, -k) : 60 - max(0, k)], right[n, max(0, k) : 60 + min(0, k)]
            correlations[k] = np.corrcoef(x, y)[0, 1]
        assert lag == max(correlations, key=correlations.get)


def test__symmetry__mirror_pair__is_zero():
    left = np.random.default_rng(1).standard_normal((5, 3, 100))
    mirrored = (
        left * np.array([1.0, -1.0, 1.0])[:, None]
    )  # the other side of the body, seen in its own mirrored axes
    assert np.array_equal(symmetry(norms(left), norms(mirrored), RATE_HZ), np.zeros(5, np.float32))


def test__symmetry__constant_offset__is_half_of_it():
    # A path along the diagonal has n steps of price d, divided by 2 n.
    left = np.full((1, 100), 9.0)
    assert best_lag(left, left + 1.5, RATE_HZ).tolist() == [0]
    assert symmetry(left, left + 1.5, RATE_HZ) == pytest.approx(0.75)


def test__symmetry__one_side_without_variance__is_unshifted_and_finite():
    flat, moving = np.full((2, 100), 9.81, np.float32), np.stack([chirp(0.0), chirp(1.0)])
    assert best_lag(flat, moving, RATE_HZ).tolist() == [0, 0]
    expected = [dtw.distance(x, y, "absolute", 10) / 200 for x, y in zip(flat, moving, strict=True)]
    np.testing.assert_allclose(symmetry(flat, moving, RATE_HZ), expected, rtol=1e-5)


def test__symmetry__nan_anywhere__masks_that_window_only():
    left, right = np.random.default_rng(2).standard_normal((2, 3, 100))
    clean = symmetry(left, right, RATE_HZ)
    left[0, 99] = np.nan
    right[2, 50] = np.nan
    broken = symmetry(left, right, RATE_HZ)
    assert np.isnan(broken).tolist() == [True, False, True]
    assert broken[1] == clean[1]
    assert broken.dtype == np.float32


def test__symmetry__whole_chain__equals_its_steps_one_by_one():
    left, right = np.random.default_rng(3).standard_normal((2, 30, 75)).cumsum(axis=2)
    for n, lag in enumerate(best_lag(left, right, 25.0)):
        x, y = left[n, max(0, -lag) : 75 - max(0, lag)], right[n, max(0, lag) : 75 + min(0, lag)]
        expected = dtw.distance(x, y, "absolute", 7) / (len(x) + len(y))
        assert symmetry(left[n : n + 1], right[n : n + 1], 25.0) == pytest.approx(
            expected, rel=1e-5
        )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(0.01, 100.0))
def test__symmetry__sides_swapped_or_both_scaled__follows(seed, factor):
    left, right = np.random.default_rng(seed).standard_normal((2, 4, 50)).cumsum(axis=2)
    value = symmetry(left, right, RATE_HZ)
    np.testing.assert_allclose(symmetry(right, left, RATE_HZ), value, rtol=1e-4)
    np.testing.assert_allclose(
        symmetry(factor * left, factor * right, RATE_HZ), factor * value, rtol=1e-4
    )


def test__symmetry__znorm__hides_amplitude_and_only_then():
    left = chirp(1.0)[None]
    right = 9.81 + 2.0 * (left - 9.81)
    assert symmetry(left, right, RATE_HZ)[0] > 0.1
    assert symmetry(left, right, RATE_HZ, znorm=True) == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(symmetry(left, np.full_like(left, 9.81), RATE_HZ, znorm=True)).all()


def test__norms__known_vectors__are_their_lengths():
    windows = np.array([[[3.0, 0.0], [4.0, 0.0], [0.0, -9.81]]], np.float32)
    assert norms(windows) == pytest.approx(np.array([[5.0, 9.81]]))
    assert norms(windows).dtype == np.float32
    with pytest.raises(DataError, match=r"\(N, 3, T\)"):
        unwrap(norms)(np.ones((4, 2, 10)))


# Tests check shapes at the call; users get our own message, which stands below that check.
def test__symmetry__what_does_not_fit__says_so():
    with pytest.raises(DataError, match="same shape"):
        unwrap(symmetry)(np.ones((2, 10)), np.ones((3, 10)), RATE_HZ)
    with pytest.raises(ConfigError, match="band"):
        symmetry(np.ones((2, 10)), np.ones((2, 10)), RATE_HZ, band=2.0)
    with pytest.raises(ConfigError, match="rate_hz=0"):
        best_lag(np.ones((2, 10)), np.ones((2, 10)), 0)


def test__symmetry__shortest_windows__have_values():
    assert symmetry(np.ones((1, 1)), np.full((1, 1), 3.0), RATE_HZ) == pytest.approx(1.0)
    assert symmetry(np.ones((0, 9)), np.ones((0, 9)), RATE_HZ).shape == (0,)


def test__best_lag__real_walks__is_about_half_a_stride(real_data):
    # Nineteen people walk at their own pace: strides of 1.0 to 1.3 s, and one foot follows the
    # other by half of that.
    lags = []
    for left_file in sorted((real_data / "ipol_gait/GaitData").glob("*_lf.txt"))[::5]:
        sides = []
        for name in (left_file, left_file.with_name(left_file.name.replace("_lf", "_rf"))):
            rows = np.loadtxt(name, skiprows=2, usecols=(0, 1, 2, 3))
            sides.append((rows[:, 0], np.linalg.norm(rows[:, 1:], axis=1)))
        grid = np.arange(max(side[0][0] for side in sides), min(side[0][-1] for side in sides), 2.0)
        left, right = (
            np.interp(grid, *side)[: len(grid) // 100 * 100].reshape(-1, 100) for side in sides
        )
        assert (symmetry(left, right, RATE_HZ) > 0).all()
        lags.append(np.abs(best_lag(left, right, RATE_HZ)) / RATE_HZ)
    assert 0.5 < np.median(np.concatenate(lags)) < 0.65
