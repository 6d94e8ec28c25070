"""Measures of fidelity, worked by hand where they can be."""

from __future__ import annotations

import json

import numpy as np
import pytest

from otolith.core.errors import ConfigError, DataError
from otolith.motion.fidelity.fidelity import banded, coherence, fidelity, magnitude_mse
from otolith.motion.motion import runs
from otolith.motion.simulation.sensor import Reading

RATE_HZ = 100.0


def noise(seed: int, count: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3))


def test__fidelity__perfect_copy__is_perfect() -> None:
    real = Reading(noise(0), noise(1))
    found = fidelity(real, real, RATE_HZ)
    for part in (found.acceleration, found.angular_rate):
        assert part.correlation == pytest.approx((1.0, 1.0, 1.0))
        assert part.rmse == 0.0
        assert part.magnitude_mse == 0.0
        assert part.coherence == pytest.approx((1.0,) * 4)
    assert found.seconds == 40.0
    json.dumps(found.as_dict())


def test__fidelity__constant_error__is_its_size_and_no_loss_of_correlation() -> None:
    real = Reading(noise(0), noise(1))
    off = Reading(real.acceleration + np.array([3.0, 0.0, 0.0]), real.angular_rate * 2.0)
    found = fidelity(off, real, RATE_HZ)
    assert found.acceleration.rmse == pytest.approx(np.sqrt(3.0))
    assert found.acceleration.correlation == pytest.approx((1.0, 1.0, 1.0))
    assert found.angular_rate.rmse == pytest.approx(np.sqrt(np.mean(real.angular_rate**2)))
    assert found.angular_rate.magnitude_mse == pytest.approx(0.0, abs=1e-12)


def test__fidelity__unrelated_signals__share_next_to_nothing() -> None:
    found = fidelity(Reading(noise(0), noise(1)), Reading(noise(2), noise(3)), RATE_HZ)
    assert max(np.abs(found.acceleration.correlation)) < 0.06
    assert max(found.acceleration.coherence) < 0.12
    assert found.acceleration.magnitude_mse == pytest.approx(2.0, abs=0.15)  # 2 (1 - r)


def test__magnitude_mse__by_hand() -> None:
    simulated = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])  # 5 and 1
    real = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 4.0]])  # 2 and 4
    assert magnitude_mse(simulated, real, "range") == 1.0  # (1 - 0)² and (0 - 1)²
    assert magnitude_mse(simulated, real, "deviation") == 4.0  # (1 - -1)², both
    assert magnitude_mse(simulated, real, "real") == 9.0  # 3² over a variance of 1
    assert np.isnan(magnitude_mse(np.ones((5, 3)), noise(0, 5)))


def test__coherence__one_band_shared__is_seen_there_alone() -> None:
    time_s = np.arange(20000) / RATE_HZ
    wave = np.stack([np.sin(2 * np.pi * 5 * time_s + phase) for phase in (0, 1, 2)], axis=1)
    low, high = coherence(
        30 * wave + noise(0, 20000),
        30 * wave + noise(1, 20000),
        RATE_HZ,
        np.ones(20000, bool),
        ((4, 6), (15, 25)),
    )
    assert low > 0.95
    assert high < 0.1


def test__coherence__band_beyond_the_rate_or_too_short__is_not_a_number() -> None:
    assert np.isnan(coherence(noise(0), noise(0), RATE_HZ, np.ones(4000, bool), ((40, 60),))[0])
    assert np.isnan(
        coherence(noise(0, 300), noise(0, 300), RATE_HZ, np.ones(300, bool), ((3, 8),))[0]
    )


def test__fidelity__gaps_and_marks__are_left_out() -> None:
    acceleration, rate = noise(0), noise(1)
    holed = acceleration.copy()
    holed[100:200] = np.nan
    where = np.arange(4000) < 2000
    found = fidelity(Reading(holed, rate), Reading(acceleration, rate), RATE_HZ, where)
    assert found.seconds == 19.0
    assert found.acceleration.rmse == 0.0


def test__banded__runs__are_filtered_by_themselves() -> None:
    values = noise(4, 600)
    known = np.ones(600, bool)
    known[300:310] = False
    changed = values.copy()
    changed[310:] += 100.0
    before, after = (banded(part, RATE_HZ, 20.0, known) for part in (values, changed))
    np.testing.assert_array_equal(before[:300], after[:300])
    assert np.isnan(before[300:310]).all()
    assert [(run.start, run.stop) for run in runs(known)] == [(0, 300), (310, 600)]


def test__fidelity__nothing_in_common_or_nonsense__is_refused() -> None:
    real = Reading(noise(0), noise(1))
    with pytest.raises(DataError, match="0 of 4000 samples"):
        fidelity(Reading(np.full((4000, 3), np.nan), real.angular_rate), real, RATE_HZ)
    with pytest.raises(DataError, match="one clock"):
        fidelity(Reading(*(part[:100] for part in real)), real, RATE_HZ)
    with pytest.raises(ConfigError, match="found 'both'"):
        fidelity(real, real, RATE_HZ, normalise="both")
