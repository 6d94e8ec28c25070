"""The fast change of rate against SciPy's, and what a filter must not do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from otolith.core.errors import ConfigError
from otolith.data.signals.polyphase import fractional, polyphase


def _noise(samples: int, channels: int, seed: int = 0) -> np.ndarray:
    return (10 * np.random.default_rng(seed).normal(size=(samples, channels))).astype(np.float32)


@pytest.mark.parametrize(
    ("up", "down"), [(1, 2), (3, 2), (1, 3), (2, 1), (50, 103), (7, 5), (2, 4), (125, 128)]
)
@pytest.mark.parametrize("samples", [1, 7, 5003])
def test__polyphase__any_factor__same_numbers_as_scipy(up: int, down: int, samples: int) -> None:
    values = _noise(samples, 6)
    expected = resample_poly(values, up, down, axis=0, padtype="edge")
    found = polyphase(values, up, down)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    samples=st.integers(1, 700),
    channels=st.integers(1, 9),
    up=st.integers(1, 12),
    down=st.integers(1, 12),
)
def test__polyphase__any_size__same_numbers_as_scipy(
    samples: int, channels: int, up: int, down: int
) -> None:
    values = np.asfortranarray(_noise(samples, channels, seed=samples))
    expected = resample_poly(values, up, down, axis=0, padtype="edge")
    np.testing.assert_allclose(polyphase(values, up, down), expected, atol=1e-4)


def test__polyphase__factor_one__is_the_same_to_the_bit() -> None:
    values = _noise(100, 3)
    assert np.array_equal(polyphase(values, 5, 5), values)


def test__polyphase__missing_channel__leaves_others_alone() -> None:
    values = _noise(400, 3)
    expected = polyphase(values, 1, 2)
    values[:, 1] = np.nan
    found = polyphase(values, 1, 2)
    assert np.isnan(found[:, 1]).all()
    assert np.array_equal(found[:, [0, 2]], expected[:, [0, 2]])


def test__polyphase__one_missing_value__stays_within_reach_of_the_filter() -> None:
    values = _noise(2000, 1)
    values[1000] = np.nan
    lost = np.flatnonzero(np.isnan(polyphase(values, 3, 2)[:, 0]))
    assert lost.size
    assert lost.min() >= 1485 - 1
    assert lost.max() <= 1515 + 1


def test__fractional__sine_between_samples__matches_closed_form() -> None:
    time = np.arange(1000) / 100.0
    values = np.sin(2 * np.pi * 5.0 * time)[:, None].astype(np.float32)
    for up, down in ((1, 1), (1, 2), (3, 2)):
        for shift in (0.25, 0.5, 1.7):
            count = 300
            found = fractional(values, up, down, shift, count)[:, 0]
            at = (shift + np.arange(count) * down / up) / 100.0
            inside = (at > 0.5) & (at < 9.5)
            assert np.abs(found - np.sin(2 * np.pi * 5.0 * at))[inside].max() < 3e-3


def test__fractional__constant__keeps_its_level() -> None:
    values = np.full((200, 2), 9.81, dtype=np.float32)
    np.testing.assert_allclose(fractional(values, 1, 2, 0.3, 90), 9.81, rtol=1e-6)


def test__fractional__whole_shift__is_polyphase_from_there() -> None:
    values = _noise(600, 2)
    found = fractional(values, 1, 2, 2.0, 290)
    np.testing.assert_allclose(found, polyphase(values, 1, 2)[1:291], atol=1e-5)


def test__polyphase__nonsense__says_what_to_type() -> None:
    with pytest.raises(ConfigError, match="up=1, down=2"):
        polyphase(_noise(10, 1), 0, 2)
