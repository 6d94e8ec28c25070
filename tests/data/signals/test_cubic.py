"""Cubic interpolation: exact where it must be, close where it can be."""

import numpy as np
import pytest

from otolith.data.signals.cubic import cubic


def test__cubic__parabola_on_uneven_stamps__is_exact() -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.005, 0.03, 200))
    values = np.stack([2 * time**2 - time, 3 - time], axis=1).astype(np.float32)
    first, count = int(np.ceil(time[0] * 50)), int((time[-1] - time[0]) * 50) - 1
    at = (first + np.arange(count)) / 50.0
    found = cubic(time, values, first, 50.0, count)
    np.testing.assert_allclose(found, np.stack([2 * at**2 - at, 3 - at], axis=1), atol=1e-4)


def test__cubic__at_the_samples__returns_them() -> None:
    values = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    np.testing.assert_allclose(
        cubic(np.arange(100) / 64.0, values, 0, 64.0, 100), values, atol=1e-6
    )


def test__cubic__band_limited_noise_with_jitter__errs_ten_times_less_than_straight_lines() -> None:
    rng = np.random.default_rng(0)
    time = (np.arange(3000) + rng.uniform(-0.05, 0.05, 3000)) / 103.0 + 0.01
    frequency, phase = rng.uniform(0.3, 15.0, (2, 40))
    at = (2 + np.arange(4000)) / 150.0
    truth, heard = (
        np.sin(2 * np.pi * frequency * t[:, None] + phase).sum(axis=1) for t in (at, time)
    )
    found = cubic(time, heard[:, None].astype(np.float32), 2, 150.0, 4000)[:, 0]
    off, straight = (np.std(signal - truth) for signal in (found, np.interp(at, time, heard)))
    assert off < 0.01 * np.std(truth)
    assert off < 0.2 * straight


@pytest.mark.parametrize("samples", [1, 2])
def test__cubic__one_or_two_samples__holds_or_draws_a_line(samples: int) -> None:
    values = np.array([[1.0], [3.0]], dtype=np.float32)[:samples]
    found = cubic(np.array([0.0, 1.0])[:samples], values, -1, 2.0, 5)[:, 0]
    np.testing.assert_allclose(found, [1, 1, 2, 3, 3] if samples == 2 else [1] * 5)
