"""Noise of the size that its figures say."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.errors import UnknownNameError
from otolith.simulation.noise import NOISES, Noise, noise

ZERO = np.zeros((200_000, 3))


def test__noise__none__changes_nothing() -> None:
    truth = np.random.default_rng(0).normal(size=(100, 3))
    acceleration, rate = noise("none").add(truth, 2 * truth, 50.0, seed=1)
    np.testing.assert_array_equal(acceleration, truth)
    np.testing.assert_array_equal(rate, 2 * truth)


@pytest.mark.parametrize("rate_hz", [50.0, 200.0])
def test__noise__white__has_its_density_at_any_rate(rate_hz: float) -> None:
    acceleration, rate = Noise(acc_density=0.01, gyro_density=0.002).add(ZERO, ZERO, rate_hz, seed=3)
    # One-sided density: variance over a band of half the rate.
    assert acceleration.std() / np.sqrt(rate_hz / 2) == pytest.approx(0.01, rel=0.01)
    assert rate.std() / np.sqrt(rate_hz / 2) == pytest.approx(0.002, rel=0.01)


def test__noise__bias__is_constant_in_a_device_and_spread_over_devices() -> None:
    kind = Noise(acc_bias=0.4, gyro_bias=0.05)
    devices = [kind.add(ZERO[:5], ZERO[:5], 50.0, seed) for seed in range(400)]
    assert all(np.ptp(acceleration, axis=0).max() == 0 for acceleration, _ in devices)
    assert np.std([acceleration[0] for acceleration, _ in devices]) == pytest.approx(0.4, rel=0.1)
    assert np.std([rate[0] for _, rate in devices]) == pytest.approx(0.05, rel=0.1)


def test__noise__walk__grows_as_the_root_of_time() -> None:
    ends = [Noise(acc_walk=0.01).add(ZERO[:5000], ZERO[:5000], 50.0, seed)[0][[1249, 4999]] for seed in range(200)]
    quarter, whole = np.std(ends, axis=(0, 2))
    assert whole == pytest.approx(0.01 * np.sqrt(100.0), rel=0.1)
    assert whole / quarter == pytest.approx(2.0, rel=0.15)


def test__noise__range__is_where_readings_stay() -> None:
    acceleration, _ = Noise(acc_range=78.0).add(ZERO[:4] + 100.0, ZERO[:4], 50.0, seed=0)
    np.testing.assert_array_equal(acceleration, 78.0)


def test__noise__same_device__repeats() -> None:
    one, again, other = (NOISES["watch"].add(ZERO[:50], ZERO[:50], 50.0, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0], again[0])
    assert np.abs(one[0] - other[0]).max() > 0


def test__noise__unknown__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'phone'"):
        noise("phnoe")
