"""Filters on sines whose answer is known."""

import numpy as np
import pytest

from otolith.core.errors import ConfigError
from otolith.data.signals.filters import lowpass

_TIME = np.arange(3000) / 50.0
_SLOW = np.sin(2 * np.pi * 0.2 * _TIME)
_FAST = np.sin(2 * np.pi * 8.0 * _TIME)
_BOTH = np.stack([_SLOW + _FAST, _FAST], axis=1).astype(np.float32)
_INSIDE = slice(300, -300)


def test__lowpass__slow_and_fast_sine__keeps_the_slow_one_in_its_place() -> None:
    found = lowpass(_BOTH, 50.0, 1.5)
    assert found.dtype == np.float32
    assert np.abs(found[_INSIDE, 0] - _SLOW[_INSIDE]).max() < 1e-3
    assert np.abs(found[_INSIDE, 1]).max() < 1e-3


@pytest.mark.parametrize("order", [1, 2, 4])
def test__lowpass__at_its_cutoff__halves_the_amplitude(order: int) -> None:
    values = np.sin(2 * np.pi * 2.0 * _TIME)[:, None].astype(np.float32)
    assert np.abs(lowpass(values, 50.0, 2.0, order)[_INSIDE]).max() == pytest.approx(0.5, abs=0.01)


def test__lowpass__still_sensor__reads_the_same() -> None:
    values = np.full((40, 3), 9.81, dtype=np.float32)
    np.testing.assert_allclose(lowpass(values, 50.0, 0.3), values, rtol=1e-6)


def test__lowpass__one_sample__is_all_slow() -> None:
    one = np.ones((1, 2), dtype=np.float32)
    assert np.array_equal(lowpass(one, 50.0, 1.0), one)


@pytest.mark.parametrize("cutoff_hz", [25.0, 30.0, 0.0])
def test__lowpass__cutoff_not_below_nyquist__names_the_limit(cutoff_hz: float) -> None:
    with pytest.raises(ConfigError, match=r"between 0 and half the rate.* at 50\.0 Hz"):
        lowpass(_BOTH, 50.0, cutoff_hz)
