"""Speed, on movements whose speed is known."""

from __future__ import annotations

from inspect import unwrap

import numpy as np
import pytest

from otolith.core.errors import ConfigError, DataError
from otolith.data.physics.gravity import split_gravity
from otolith.data.physics.speed import speed, window_speed


@pytest.mark.parametrize("rate_hz", [25.0, 40.0, 50.0, 100.0])
@pytest.mark.parametrize("samples", [1, 2, 700])
def test__speed__no_acceleration__is_exactly_zero(rate_hz, samples):
    assert np.array_equal(speed(np.zeros((samples, 3)), rate_hz), np.zeros(samples))


@pytest.mark.parametrize("rate_hz", [30.0, 100.0])
def test__speed__sine_acceleration__has_mean_two_amplitude_over_pi_omega(rate_hz):
    amplitude, omega = 5.0, 2 * np.pi * 1.55  # the samples meet every part of the swing
    time = np.arange(round(60 * rate_hz)) / rate_hz
    linear = np.outer(np.sin(omega * time), amplitude * np.array([0.6, 0.0, 0.8]))
    middle = speed(linear, rate_hz)[round(10 * rate_hz) : round(50 * rate_hz)]  # 62 whole periods
    # The trapezoid rule shortens a sine by x / tan(x), x half the angle between two samples.
    half = omega / rate_hz / 2
    expected = 2 * amplitude / (np.pi * omega) * half / np.tan(half)
    assert middle.mean() == pytest.approx(expected, rel=5e-4)
    assert middle.max() == pytest.approx(np.pi / 2 * expected, rel=1e-3)


def test__speed__spin_about_the_horizontal__is_gravity_over_omega_at_each_instant():
    # Gravity turns in the sensor's frame; the filter takes it for movement of constant speed g / ω.
    rate_hz, omega = 100.0, 2 * np.pi * 2.0
    phase = omega * np.arange(6000) / rate_hz
    reading = np.stack(
        [9.81 * np.sin(phase), np.full_like(phase, 0.7), 9.81 * np.cos(phase)], axis=1
    )
    _, linear, _ = split_gravity(reading, rate_hz)
    np.testing.assert_allclose(speed(linear, rate_hz)[1500:-1500], 9.81 / omega, rtol=3e-3)


def test__speed__constant_bias__drifts_nowhere():
    linear = np.tile([0.2, -0.1, 0.05], (6000, 1))
    assert speed(linear, 100.0).max() < 1e-6


def test__speed__turned_sensor__is_the_same():
    rng = np.random.default_rng(0)
    linear = rng.standard_normal((1000, 3))
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    np.testing.assert_allclose(speed(linear @ turn.T, 50.0), speed(linear, 50.0), rtol=1e-9)


def test__speed__noise_above_the_denoising_cutoff__hardly_counts():
    rate_hz = 200.0
    time = np.arange(4000) / rate_hz
    hum = np.outer(np.sin(2 * np.pi * 60.0 * time), [10.0, 0.0, 0.0])
    assert (
        speed(hum, rate_hz)[500:-500].max()
        < 0.05 * speed(hum, rate_hz, denoise_hz=90.0)[500:-500].max()
    )


def test__window_speed__constant_acceleration__is_zero_after_the_line_is_taken():
    assert window_speed(np.full((2, 3, 50), 1.5), 50.0) == pytest.approx(np.zeros(2), abs=1e-12)


def test__window_speed__whole_periods_of_a_sine__match_the_closed_form():
    # v = -(A / ω) cos ωt over many periods: mean |v| = 2 A / (π ω), and its own straight line is
    # next to nothing.
    rate_hz, amplitude, omega = 200.0, 3.0, 2 * np.pi * 2.0
    time = np.arange(4000) / rate_hz
    linear = np.zeros((1, 3, 4000))
    linear[0, 1] = amplitude * np.cos(omega * time)
    assert window_speed(linear, rate_hz) == pytest.approx(2 * amplitude / (np.pi * omega), rel=2e-3)


def test__window_speed__nan_in_one_window__masks_that_window_only():
    linear = np.random.default_rng(1).standard_normal((3, 3, 40))
    clean = window_speed(linear, 50.0)
    linear[1, 2, 5] = np.nan
    broken = window_speed(linear, 50.0)
    assert np.isnan(broken).tolist() == [False, True, False]
    assert np.array_equal(broken[[0, 2]], clean[[0, 2]])


def test__speed__what_does_not_fit__says_so():
    with pytest.raises(DataError, match="speed takes a stretch without gaps"):
        speed(np.full((100, 3), np.nan), 50.0)
    with pytest.raises(DataError, match=r"\(N, 3, T\)"):
        unwrap(window_speed)(np.zeros((4, 2, 9)), 50.0)
    with pytest.raises(ConfigError, match="positive"):
        window_speed(np.zeros((4, 3, 9)), 0.0)
    with pytest.raises(ConfigError, match="cut-off"):
        speed(np.zeros((100, 3)), 50.0, highpass_hz=0.0)
