"""Noise of the size that its figures say."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.errors import ConfigError, UnknownNameError
from otolith.motion.simulation.noise import NOISES, Noise, noise

ZERO = np.zeros((200_000, 3))


def test__noise__none__changes_nothing() -> None:
    truth = np.random.default_rng(0).normal(size=(100, 3))
    acceleration, rate = noise("none").add(truth, 2 * truth, 50.0, seed=1)
    np.testing.assert_array_equal(acceleration, truth)
    np.testing.assert_array_equal(rate, 2 * truth)


@pytest.mark.parametrize("rate_hz", [50.0, 200.0])
def test__noise__white__has_its_density_at_any_rate(rate_hz: float) -> None:
    acceleration, rate = Noise(acc_density=0.01, gyro_density=0.002).add(
        ZERO, ZERO, rate_hz, seed=3
    )
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
    ends = [
        Noise(acc_walk=0.01).add(ZERO[:5000], ZERO[:5000], 50.0, seed)[0][[1249, 4999]]
        for seed in range(200)
    ]
    quarter, whole = np.std(ends, axis=(0, 2))
    assert whole == pytest.approx(0.01 * np.sqrt(100.0), rel=0.1)
    assert whole / quarter == pytest.approx(2.0, rel=0.15)


def test__noise__range__is_where_readings_stay() -> None:
    acceleration, _ = Noise(acc_range=78.0).add(ZERO[:4] + 100.0, ZERO[:4], 50.0, seed=0)
    np.testing.assert_array_equal(acceleration, 78.0)


def test__noise__same_device__repeats() -> None:
    one, again, other = (
        NOISES["watch"].add(ZERO[:50], ZERO[:50], 50.0, seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0], again[0])
    assert np.abs(one[0] - other[0]).max() > 0


def test__noise__unknown__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'phone'"):
        noise("phnoe")


def test__noise__scale__is_a_share_of_the_truth_per_device() -> None:
    truth = np.random.default_rng(0).normal(size=(50, 3))
    ratios = [Noise(acc_scale=0.02).add(truth, truth, 50.0, seed)[0] / truth for seed in range(300)]
    assert all(np.ptp(ratio, axis=0).max() < 1e-9 for ratio in ratios)
    assert np.std([ratio[0] for ratio in ratios]) == pytest.approx(0.02, rel=0.1)


def test__noise__step__leaves_whole_multiples() -> None:
    truth = np.random.default_rng(0).normal(size=(500, 3))
    acceleration, rate = Noise(acc_step=0.25, gyro_step=0.1).add(truth, truth, 50.0, seed=0)
    np.testing.assert_allclose(acceleration / 0.25, np.rint(acceleration / 0.25), atol=1e-12)
    assert np.abs(acceleration - truth).max() <= 0.125
    assert np.abs(rate - truth).max() <= 0.05


def test__noise__magnetometer__has_its_own_noise_iron_and_step() -> None:
    field = np.tile([20.0, 0.0, -44.0], (20_000, 1))
    assert (Noise(mag_noise=0.3).add_magnetic(field, 1) - field).std() == pytest.approx(
        0.3, rel=0.03
    )
    irons = [Noise(mag_bias=2.0).add_magnetic(field[:2], seed)[0] - field[0] for seed in range(400)]
    assert np.std(irons) == pytest.approx(2.0, rel=0.1)
    stepped = Noise(mag_step=0.15).add_magnetic(field, 1)
    assert np.abs(stepped - field).max() <= 0.075 + 1e-9


def test__noise__clock__scatters_in_order_and_stays_within() -> None:
    time_s, missing = Noise(jitter_s=0.002).clock(20_000, 50.0, seed=4)
    even = np.arange(20_000) / 50.0
    assert missing == 0
    assert (time_s - even).std() == pytest.approx(0.002, rel=0.03)
    assert np.diff(time_s).min() > 0 and time_s[0] >= 0.0 and time_s[-1] <= even[-1]
    wild, _ = Noise(jitter_s=1.0).clock(2000, 50.0, seed=4)
    assert np.diff(wild).min() >= 0


@pytest.mark.parametrize("burst", [1.0, 8.0])
def test__noise__clock__loses_its_share_in_bursts(burst: float) -> None:
    time_s, missing = Noise(loss=0.05, burst=burst).clock(200_000, 50.0, seed=2)
    assert len(time_s) + missing == 200_000
    assert missing / 200_000 == pytest.approx(0.05, rel=0.1)
    gaps = np.rint(np.diff(time_s) * 50.0) - 1
    assert gaps[gaps > 0].mean() == pytest.approx(burst, rel=0.1)


def test__noise__impossible_loss__is_refused() -> None:
    with pytest.raises(ConfigError, match=r"loss 1\.0"):
        Noise(loss=1.0)


@pytest.mark.parametrize("name", NOISES)
def test__noise__every_device__keeps_the_truth_in_sight(name: str) -> None:
    truth = np.random.default_rng(0).normal(size=(500, 3))
    acceleration, rate = noise(name).add(9.81 * truth, truth, 100.0, seed=0)
    assert np.corrcoef(acceleration[:, 0], truth[:, 0])[0, 1] > 0.999
    assert np.corrcoef(rate[:, 0], truth[:, 0])[0, 1] > 0.99
