"""The fused kernel against the spline of SciPy, closed forms, and itself in pieces."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import DataError
from otolith.data.quantities import STANDARD_GRAVITY
from otolith.motion import rotations
from otolith.motion.simulation.fused import HALO, sense
from otolith.motion.simulation.kinematics import track
from otolith.motion.simulation.sensor import ideal

RATE_HZ = 100.0


def clip(
    frames: int, sensors: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    time_s = np.arange(frames)[:, None, None] / RATE_HZ
    hertz, phase = (
        rng.uniform(0.3, 2.0, size=(2, sensors, 3)),
        rng.uniform(0, 6, size=(2, sensors, 3)),
    )
    position = 0.3 * np.sin(2 * np.pi * hertz[0] * time_s + phase[0])
    turns = rotations.from_axis_angle(0.8 * np.sin(2 * np.pi * hertz[1] * time_s + phase[1]))
    return (
        position,
        turns,
        rng.normal(0, 0.1, size=(sensors, 3)),
        rotations.normalise(rng.normal(size=(sensors, 4))),
    )


@pytest.mark.parametrize("rate_out_hz", [None, 57.0, 333.0])
def test__sense__every_sensor__is_the_spline_of_the_track(rate_out_hz: float | None) -> None:
    position, turns, lever, mount = clip(1300)
    time_s = None if rate_out_hz is None else np.arange(int(12.99 * rate_out_hz)) / rate_out_hz
    found = sense(position, turns, RATE_HZ, lever, mount, time_s)
    for sensor in range(2):
        point = position[:, sensor] + rotations.rotate(turns[:, sensor], lever[sensor])
        reading = ideal(
            track(point, rotations.multiply(turns[:, sensor], mount[sensor]), RATE_HZ, time_s)
        )
        expected = np.concatenate(reading, axis=1)
        cut = len(expected) // 20  # the ends are continued in another way there
        np.testing.assert_allclose(found[sensor, cut:-cut], expected[cut:-cut], atol=1e-5)
        np.testing.assert_allclose(found[sensor], expected, atol=0.1)


def test__sense__spin_on_a_lever__reads_the_rate_and_omega_squared_r() -> None:
    omega = 2 * np.pi * 1.2
    turns = rotations.from_axis_angle(
        omega * np.arange(900)[:, None, None] / 200.0 * np.array([0.0, 0.0, 1.0])
    )
    found = sense(
        np.zeros((900, 1, 3)), turns, 200.0, np.array([[0.7, 0.0, 0.1]]), rotations.IDENTITY[None]
    )[0]
    expected = np.array([-(omega**2) * 0.7, 0.0, STANDARD_GRAVITY, 0.0, 0.0, omega])
    np.testing.assert_allclose(
        found[60:-60], np.tile(expected, (780, 1)), atol=1e-6 * np.abs(expected).max()
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(60, 700), st.integers(60, 700), st.integers(0, 5))
def test__sense__pieces_with_overlap__equal_the_whole(first: int, more: int, seed: int) -> None:
    frames = first + more + HALO
    position, turns, lever, mount = clip(frames, 1, seed)
    whole = sense(position, turns, RATE_HZ, lever, mount)[0]
    stop = min(frames, first + more + HALO)
    piece = sense(position[first - HALO : stop], turns[first - HALO : stop], RATE_HZ, lever, mount)[
        0
    ]
    np.testing.assert_allclose(piece[HALO:-HALO], whole[first : stop - HALO], rtol=1e-6, atol=1e-6)


def test__sense__flipped_signs_and_lengths__change_nothing() -> None:
    position, turns, lever, mount = clip(1100)
    factor = np.random.default_rng(3).choice([-1.0, 1.0, 2.0, -0.5], size=(1100, 2, 1))
    plain, flipped = (sense(position, q, RATE_HZ, lever, mount) for q in (turns, turns * factor))
    np.testing.assert_allclose(flipped, plain, atol=1e-5)


@pytest.mark.parametrize("frames", [6, 30, 512, 513, 552, 600])
def test__sense__constant_acceleration__is_exact_to_the_ends(frames: int) -> None:
    time_s = np.arange(frames)[:, None, None] / RATE_HZ
    position = 0.5 * np.array([1.0, -2.0, 3.0]) * time_s**2
    turns = np.tile(rotations.IDENTITY, (frames, 1, 1))
    found = sense(position, turns, RATE_HZ, np.zeros((1, 3)), rotations.IDENTITY[None])[0]
    np.testing.assert_allclose(
        found[:, :3], np.tile([1.0, -2.0, 3.0 + STANDARD_GRAVITY], (frames, 1)), atol=1e-4
    )
    np.testing.assert_allclose(found[:, 3:], 0.0, atol=1e-9)


def test__sense__nonsense__is_refused() -> None:
    position, turns, lever, mount = clip(50)
    with pytest.raises(DataError, match="at least 6 frames, found 5"):
        sense(position[:5], turns[:5], RATE_HZ, lever, mount)
    with pytest.raises(DataError, match="within the clip, 0 to"):
        sense(position, turns, RATE_HZ, lever, mount, np.array([0.0, 0.6]))
    position[20, 0] = np.nan
    with pytest.raises(DataError, match="cut the clip"):
        sense(position, turns, RATE_HZ, lever, mount)


def test__benchmark__quick__agrees_with_numpy() -> None:
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "simulation.py"
    spec = importlib.util.spec_from_file_location("benchmark_simulation", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    row = module.measure(frames=900, sensors=3, repeats=1)
    assert row["largest_difference"] < 1e-5
    assert row["ratio"] > 0
