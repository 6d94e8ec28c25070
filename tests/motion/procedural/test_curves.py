"""Curves: through their key points, without corners, as variable as asked."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.motion.procedural.curves import cadenced, cycle, drift, ease, holds, pulses


def test__cycle__key_points_of_a_sine__is_the_sine() -> None:
    points = tuple((p, float(np.sin(2 * np.pi * p / 100))) for p in range(0, 100, 5))
    phase = np.linspace(-1.0, 2.0, 301)
    np.testing.assert_allclose(cycle(phase, points), np.sin(2 * np.pi * phase), atol=1e-4)


def test__ease__ends_and_middle__are_still_and_half() -> None:
    np.testing.assert_allclose(ease(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), [0, 0, 0.5, 1, 1])
    x = np.linspace(0, 1, 1001)
    assert np.gradient(ease(x), x).max() == pytest.approx(
        1.875, rel=1e-4
    )  # peak speed of a minimum-jerk reach


def test__cadenced__no_jitter__is_a_clock() -> None:
    phase = cadenced(np.random.default_rng(0), 1001, 100.0, 0.9, 0.0)
    np.testing.assert_allclose(np.diff(phase), 0.009, rtol=1e-9)


def test__cadenced__jitter__varies_cycles_by_about_that_much() -> None:
    phase = cadenced(np.random.default_rng(0), 60_000, 100.0, 1.0, 0.04)
    starts = np.interp(np.arange(np.ceil(phase[0]), phase[-1]), phase, np.arange(60_000) / 100.0)
    lengths = np.diff(starts)
    assert 0.02 < lengths.std() / lengths.mean() < 0.06


def test__drift__long__is_of_unit_size_and_smooth() -> None:
    values = drift(np.random.default_rng(2), 100_000, 100.0, 1.0)
    assert 0.7 < values.std() < 1.2
    assert np.abs(np.diff(values)).max() < 0.1


def test__pulses__one_stroke__goes_out_and_back() -> None:
    time_s = np.arange(0, 2, 0.01)
    stroke = pulses(time_s, [0.5], [0.4])
    assert stroke.max() == pytest.approx(1.0)
    assert time_s[stroke.argmax()] == pytest.approx(0.7)
    assert not stroke[(time_s < 0.5) | (time_s > 0.9)].any()


def test__holds__two_variants__visits_both_and_stays() -> None:
    held = holds(
        np.random.default_rng(0), ({"a": 0.0}, {"a": 90.0}), 12_000, 100.0, hold_s=8.0, spread=0.0
    )["a"]
    assert np.isclose(held, 0.0, atol=1e-9).mean() > 0.2
    assert np.isclose(held, 90.0, atol=1e-9).mean() > 0.2
    assert np.abs(np.diff(held)).max() < 5.0
