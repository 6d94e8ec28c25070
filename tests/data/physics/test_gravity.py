"""Gravity and movement, on readings whose split is known."""

from __future__ import annotations

from inspect import unwrap

import numpy as np
import pytest

from otolith.core.errors import ConfigError, DataError
from otolith.data.physics.gravity import split_gravity, zero_phase

RATE_HZ = 50.0
STILL = np.array([0.1, -5.6789, 8.0123])


def gain(frequency_hz, rate_hz=RATE_HZ, cutoff_hz=0.3, order=3):
    """|H|² of the digital Butterworth low-pass at one frequency, by the bilinear transform's closed
    form."""
    ratio = np.tan(np.pi * frequency_hz / rate_hz) / np.tan(np.pi * cutoff_hz / rate_hz)
    return 1.0 / (1.0 + ratio ** (2 * order))


@pytest.mark.parametrize("samples", [1, 3, 100, 499, 500, 5000])
def test__split_gravity__still_sensor__is_exactly_its_reading(samples):
    reading = np.tile(STILL, (samples, 1))
    gravity, linear, approximate = split_gravity(reading, RATE_HZ)
    assert np.array_equal(gravity, reading)
    assert np.array_equal(linear, np.zeros((samples, 3)))
    assert approximate == (samples < 500)


def test__split_gravity__free_fall__has_neither_gravity_nor_movement():
    gravity, linear, _ = split_gravity(np.zeros((1000, 3)), RATE_HZ)
    assert not gravity.any()
    assert not linear.any()


def test__split_gravity__spin_about_the_vertical__takes_the_steady_pull_for_gravity():
    # At 0.4 m from the axis and 3 rad/s the sensor reads ω² r inwards: constant in its own frame,
    # hence "gravity".
    reading = np.tile([-(3.0**2) * 0.4, 0.0, 9.81], (1000, 1))
    gravity, linear, _ = split_gravity(reading, RATE_HZ)
    assert np.array_equal(gravity, reading)
    assert not linear.any()


def test__split_gravity__spin_about_the_horizontal__leaves_the_pull_and_turns_gravity_into_movement():
    turns_hz, pull = 2.0, np.array([0.0, 0.0, 0.7])
    phase = 2 * np.pi * turns_hz * np.arange(3000) / RATE_HZ
    turning = 9.81 * np.stack([np.sin(phase), np.zeros_like(phase), np.cos(phase)], axis=1)
    gravity, linear, _ = split_gravity(turning + pull, RATE_HZ)
    middle = slice(1200, -1200)
    np.testing.assert_allclose(gravity[middle], pull + gain(turns_hz) * turning[middle], atol=1e-6)
    np.testing.assert_allclose(linear[middle], (1 - gain(turns_hz)) * turning[middle], atol=1e-6)


@pytest.mark.parametrize("frequency_hz", [0.1, 0.3, 0.6])
def test__zero_phase__sine__keeps_its_phase_and_gets_the_squared_gain(frequency_hz):
    time = np.arange(-3000, 3001) / RATE_HZ
    wave = np.cos(2 * np.pi * frequency_hz * time)[:, None]
    low, high = (zero_phase(wave, RATE_HZ, 0.3, 3, kind) for kind in ("lowpass", "highpass"))
    middle = slice(2000, 4001)
    np.testing.assert_allclose(low[middle], gain(frequency_hz) * wave[middle], atol=1e-5)
    # Butterworth low-pass and high-pass of one cut-off share the power between them.
    np.testing.assert_allclose(high[middle], (1 - gain(frequency_hz)) * wave[middle], atol=1e-5)


def test__split_gravity__walking_from_the_first_sample__has_no_edge_beyond_the_swing():
    time = np.arange(3000) / RATE_HZ
    swing = 8.0 * np.cos(2 * np.pi * 1.8 * time)[:, None]  # starts at its very peak
    gravity, _, _ = split_gravity(STILL + swing, RATE_HZ)
    assert np.abs(gravity - STILL).max() < 0.5


def test__split_gravity__short_stretch_with_a_still_half_second__takes_that():
    rng = np.random.default_rng(0)
    reading = rng.normal(0.0, 3.0, (200, 3))
    reading[120:145] = STILL + rng.normal(0.0, 0.01, (25, 3))
    gravity, linear, approximate = split_gravity(reading, RATE_HZ)
    assert approximate
    np.testing.assert_allclose(
        gravity, np.tile(reading[120:145].mean(axis=0), (200, 1)), rtol=1e-12
    )
    assert np.array_equal(linear, reading - gravity)


def test__split_gravity__short_stretch_without_rest__takes_the_mean_of_all():
    reading = np.random.default_rng(1).normal(0.0, 3.0, (200, 3))
    gravity, _, approximate = split_gravity(reading, RATE_HZ)
    assert approximate
    np.testing.assert_allclose(gravity[0], reading.mean(axis=0), rtol=1e-12)


def test__split_gravity__no_samples__is_empty():
    gravity, linear, approximate = split_gravity(np.zeros((0, 3)), RATE_HZ)
    assert gravity.shape == linear.shape == (0, 3)
    assert approximate


def test__split_gravity__gap_or_wrong_shape_or_rate__says_what_to_do():
    broken = np.tile(STILL, (600, 1))
    broken[17] = np.nan
    with pytest.raises(DataError, match="1 of 600 samples"):
        split_gravity(broken, RATE_HZ)
    with pytest.raises(DataError, match=r"shape \(600, 2\)"):
        unwrap(split_gravity)(broken[:, :2], RATE_HZ)
    for rate_hz in (0.5, 0.0):
        with pytest.raises(ConfigError, match="cut-off"):
            split_gravity(np.tile(STILL, (600, 1)), rate_hz)
