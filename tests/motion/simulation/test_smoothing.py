"""Where movement ends and noise begins, and filters whose bandwidth is what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ConfigError, DataError
from otolith.motion.simulation.smoothing import SavitzkyGolay, noise_cutoff, smooth

RATE_HZ = 200.0


def wandering(seconds: float, highest_hz: float, noise_m: float, seed: int = 0) -> np.ndarray:
    """A path of many sines up to a frequency, with accelerations alike, and white noise on top."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hertz = rng.uniform(0.3, highest_hz, size=60)
    phases = rng.uniform(0, 2 * np.pi, size=(60, 3))
    waves = np.sin(2 * np.pi * hertz[:, None, None] * time_s[None, :, None] + phases[:, None, :])
    path = np.tensordot(1.0 / (2 * np.pi * hertz) ** 2, waves, axes=1)
    return path + noise_m * rng.standard_normal(path.shape)


@pytest.mark.parametrize("highest_hz", [8.0, 16.0])
def test__noise_cutoff__movement_ends__is_found_from_the_path_alone(highest_hz: float) -> None:
    cutoff_hz = noise_cutoff([wandering(60.0, highest_hz, 2e-5)], RATE_HZ)
    assert cutoff_hz == pytest.approx(1.15 * highest_hz, rel=0.25)


def test__noise_cutoff__no_noise__is_the_highest_that_a_body_reaches() -> None:
    # Movement up to half the frame rate has no valley.
    walk = np.cumsum(np.random.default_rng(1).standard_normal((4000, 3)), axis=0)
    falling = np.cumsum(np.cumsum(walk, axis=0), axis=0)
    assert noise_cutoff([falling], RATE_HZ) == 25.0
    assert noise_cutoff([falling], 40.0) is None


def test__noise_cutoff__markers_that_jump_now_and_then__do_not_hide_the_valley() -> None:
    path = wandering(60.0, 8.0, 2e-5)
    clean = noise_cutoff([path], RATE_HZ)
    path[5000] += 0.5
    assert noise_cutoff([path], RATE_HZ) == pytest.approx(clean, rel=0.15)


def test__noise_cutoff__too_short__says_what_to_type() -> None:
    with pytest.raises(DataError, match=r"smoothing=12\.0"):
        noise_cutoff([np.zeros((20, 3))], RATE_HZ)


def test__smooth__sine_at_the_cutoff__loses_half_of_its_amplitude() -> None:
    time_s = np.arange(2000) / RATE_HZ
    for hertz, left in ((10.0, 0.5), (5.0, 1 / (1 + 0.5**6)), (20.0, 1 / (1 + 2**6))):
        wave = np.sin(2 * np.pi * hertz * time_s)[:, None]
        inner = slice(500, -500)
        assert smooth(wave, RATE_HZ, 10.0)[inner].max() / wave[inner].max() == pytest.approx(
            left, rel=0.1
        )


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    st.floats(3.0, 60.0),
    st.integers(0, 40),
    st.integers(1, 15),
)
def test__smooth__parabola_with_lost_frames__comes_back_whole(
    shape: list[float], cutoff_hz: float, lost: int, many: int
) -> None:
    time_s = np.arange(80) / RATE_HZ
    path = np.polyval(shape, time_s)[:, None]
    observed = np.ones(80, dtype=bool)
    observed[lost : lost + many] = False
    holed = np.where(observed[:, None], path, np.nan)
    np.testing.assert_allclose(smooth(holed, RATE_HZ, cutoff_hz, observed), path, atol=1e-7)


def test__smooth__cutoff_beyond_the_frames__is_refused() -> None:
    with pytest.raises(ConfigError, match="half the frame rate, 100 Hz; found 100 Hz"):
        smooth(np.zeros((20, 1)), RATE_HZ, 100.0)


def test__savitzky_golay__bandwidth__is_where_a_sine_loses_3_decibel() -> None:
    from scipy.signal import savgol_filter

    filt = SavitzkyGolay(21, 3)
    hertz = filt.bandwidth_hz(RATE_HZ)
    time_s = np.arange(1000) / RATE_HZ
    wave = np.sin(2 * np.pi * hertz * time_s)
    found = savgol_filter(wave, 21, 3, deriv=2, delta=1 / RATE_HZ)[100:-100]
    ideal = (2 * np.pi * hertz) ** 2
    assert np.sqrt(2 * np.mean(found**2)) / ideal == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert SavitzkyGolay(9, 3).bandwidth_hz(RATE_HZ) > 2 * hertz


@pytest.mark.parametrize(("window", "order"), [(20, 3), (3, 3), (9, 1)])
def test__savitzky_golay__impossible_window__is_refused(window: int, order: int) -> None:
    with pytest.raises(ConfigError, match="odd number of frames"):
        SavitzkyGolay(window, order)
