"""Clocks that drift, jitter, lose samples and stop: what a grid must do with each."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ConfigError, DataError
from otolith.data.signals.polyphase import polyphase
from otolith.data.signals.rate import measured_rate
from otolith.data.signals.resample import Stretch, join, to_grid


def _sines(time: np.ndarray) -> np.ndarray:
    return np.stack(
        [np.sin(2 * np.pi * 1.3 * time), 9.81 + np.cos(2 * np.pi * 4.0 * time)], axis=1
    ).astype(np.float32)


def _even(rate_hz: float, seconds: float, start_s: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    time = start_s + np.arange(round(seconds * rate_hz)) / rate_hz
    return time, _sines(time)


def _times(stretch: Stretch, rate_hz: float) -> np.ndarray:
    return stretch.start_s + np.arange(len(stretch.received)) / rate_hz


def test__measured_rate__stamps_in_milliseconds__is_not_their_median() -> None:
    time = np.round(np.arange(6000) / 103.0, 3)
    assert measured_rate(time) == pytest.approx(103.0, abs=0.02)


def test__measured_rate__lost_samples_and_pauses__are_left_out() -> None:
    time = np.arange(10_000) / 100.0
    time[5000:] += 17.0
    keep = np.random.default_rng(0).random(10_000) > 0.1
    assert measured_rate(time[keep]) == pytest.approx(100.0, rel=1e-9)


def test__measured_rate__jitter__averages_out() -> None:
    rng = np.random.default_rng(0)
    time = (np.arange(5000) + rng.uniform(-0.3, 0.3, 5000)) / 64.0
    assert measured_rate(time) == pytest.approx(64.0, rel=5e-3)


def test__to_grid__stamps_in_bunches__lose_nothing() -> None:
    time = np.array([0.02 * (i // 2) + 0.006 * (i % 2) for i in range(200)])
    (stretch,) = to_grid(time, np.zeros((200, 1), np.float32), 50.0)
    assert stretch.received.all()


def test__to_grid__same_rate__is_the_same_to_the_bit() -> None:
    time, values = _even(50.0, 20.0)
    (stretch,) = to_grid(time, values, 50.0)
    assert stretch.start_s == 0.0
    assert stretch.received.all()
    assert np.array_equal(stretch.values, values)


def test__to_grid__stamps_rounded_to_milliseconds__same_rate_is_unchanged() -> None:
    time, values = _even(64.0, 30.0)
    (stretch,) = to_grid(np.round(time, 3), values, 64.0)
    assert np.array_equal(stretch.values, values)


@pytest.mark.parametrize(
    ("source_hz", "up", "down"), [(100.0, 1, 2), (1000.0 / 30.0, 3, 2), (51.2, 125, 128)]
)
def test__to_grid__simple_ratio__is_polyphase(source_hz: float, up: int, down: int) -> None:
    time, values = _even(source_hz, 20.0)
    (stretch,) = to_grid(time, values, 50.0)
    expected = polyphase(values, up, down)[: len(stretch.values)]
    assert len(stretch.values) == int(np.floor(time[-1] * 50.0 + 1e-6)) + 1
    np.testing.assert_array_equal(stretch.values, expected)


def test__to_grid__offset_of_half_a_sample__is_shifted_not_moved() -> None:
    time, values = _even(50.0, 20.0, start_s=3.01)
    (stretch,) = to_grid(time, values, 50.0)
    assert stretch.start_s == pytest.approx(3.02)
    at = _times(stretch, 50.0)
    assert np.abs(stretch.values - _sines(at))[25:-25].max() < 3e-3


def test__to_grid__starts_between_grid_points_of_a_slower_rate__keeps_time() -> None:
    time, values = _even(100.0, 20.0, start_s=0.01)
    (stretch,) = to_grid(time, values, 50.0)
    assert stretch.start_s == pytest.approx(0.02)
    assert np.abs(stretch.values - _sines(_times(stretch, 50.0)))[25:-25].max() < 3e-3


@pytest.mark.parametrize("source_hz", [103.0, 60.13, 40.7])
def test__to_grid__jittered_stamps__follows_them(source_hz: float) -> None:
    rng = np.random.default_rng(1)
    time = (np.arange(2000) + rng.uniform(-0.25, 0.25, 2000)) / source_hz + 0.3
    (stretch,) = to_grid(time, _sines(time), 50.0)
    at = _times(stretch, 50.0)
    assert at[0] >= time[0] - 1e-9
    assert at[-1] <= time[-1] + 1e-9
    assert np.abs(stretch.values - _sines(at))[25:-25].max() < 0.03


def test__to_grid__drifting_clock__keeps_time_to_the_end() -> None:
    time = np.arange(60_000) * 1.0003 / 100.0
    (stretch,) = to_grid(time, _sines(time), 50.0, source_rate_hz=100.0)
    at = _times(stretch, 50.0)
    assert np.abs(stretch.values - _sines(at))[25:-25].max() < 5e-3


def test__to_grid__faster_than_new_rate_can_carry__is_filtered_out() -> None:
    time = np.arange(4000) / 103.0
    values = np.sin(2 * np.pi * 40.0 * time)[:, None].astype(np.float32)
    (stretch,) = to_grid(time, values, 50.0)
    assert np.abs(stretch.values[50:-50]).max() < 0.02


def test__to_grid__lost_samples__are_bridged_in_a_straight_line_and_marked() -> None:
    time, values = _even(50.0, 4.0)
    values = (time[:, None] * np.array([1.0, -2.0])).astype(np.float32)
    lost = np.array([60, 61, 62, 100])
    keep = np.setdiff1d(np.arange(200), lost)
    (stretch,) = to_grid(time[keep], values[keep], 50.0)
    assert np.array_equal(np.flatnonzero(~stretch.received), lost)
    np.testing.assert_allclose(stretch.values, values, atol=1e-5)
    assert np.array_equal(stretch.values[keep], values[keep])


def test__to_grid__rows_of_nan__count_as_lost_but_missing_channel_stays() -> None:
    time, values = _even(50.0, 4.0)
    values = np.concatenate([values, np.full((200, 1), np.nan, dtype=np.float32)], axis=1)
    values[50:53, 0] = np.nan
    (stretch,) = to_grid(time, values, 50.0)
    assert np.array_equal(np.flatnonzero(~stretch.received), [50, 51, 52])
    assert np.isfinite(stretch.values[:, :2]).all()
    assert np.isnan(stretch.values[:, 2]).all()


@pytest.mark.parametrize(("lost", "stretches"), [(10, 1), (11, 2)])
def test__to_grid__bridge_of_a_tenth_second__ends_just_there(lost: int, stretches: int) -> None:
    time, values = _even(100.0, 10.0)
    keep = np.r_[0:500, 500 + lost : 1000]
    assert len(to_grid(time[keep], values[keep], 50.0, bridge_s=0.1)) == stretches


def test__to_grid__gap__nothing_crosses_it() -> None:
    time, values = _even(100.0, 10.0)
    values[:500], values[500:] = 0.0, 100.0
    keep = np.r_[0:500, 540:1000]
    first, second = to_grid(time[keep], values[keep], 50.0)
    assert np.array_equal(first.values, np.zeros_like(first.values))
    np.testing.assert_allclose(second.values, 100.0, rtol=1e-6)
    assert second.start_s == pytest.approx(5.4)
    assert len(first.values) == 250
    assert len(second.values) == 230


@settings(max_examples=40, deadline=None)
@given(
    source_hz=st.floats(12.0, 130.0),
    start_s=st.floats(0.0, 50.0),
    jitter=st.sampled_from([0.0, 0.02, 0.3]),
    loss=st.sampled_from([0.0, 0.05, 0.3]),
    seed=st.integers(0, 1000),
)
def test__to_grid__any_clock__stays_on_grid_and_inside(
    source_hz: float, start_s: float, jitter: float, loss: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    time = start_s + (np.arange(300) + rng.uniform(-jitter, jitter, 300)) / source_hz
    time = time[rng.random(300) >= loss]
    values = rng.normal(size=(len(time), 2)).astype(np.float32)
    end = -np.inf
    for stretch in to_grid(time, values, 50.0):
        at = _times(stretch, 50.0)
        assert abs(stretch.start_s * 50.0 - round(stretch.start_s * 50.0)) < 1e-6
        assert at[0] > end
        assert at[0] >= time[0] - 0.2 / source_hz
        assert at[-1] <= time[-1] + 0.2 / source_hz
        assert np.isfinite(stretch.values).all()
        assert stretch.values.dtype == np.float32
        assert len(stretch.values) == len(stretch.received)
        end = at[-1]


@pytest.mark.parametrize("samples", [0, 1])
def test__to_grid__nearly_empty__has_no_stretch(samples: int) -> None:
    assert to_grid(np.zeros(samples), np.zeros((samples, 3), dtype=np.float32), 50.0) == []


def test__to_grid__bad_stamps__says_where() -> None:
    time, values = _even(50.0, 1.0)
    with pytest.raises(ConfigError, match="rate_hz=50"):
        to_grid(time, values, 0.0)
    time[20] = time[19]
    with pytest.raises(
        DataError, match="1 of 50 stamps repeat or go back, the first one at row 20"
    ):
        to_grid(time, values, 50.0)


def test__join__two_sensors__intersects_time_and_masks() -> None:
    left = [
        Stretch(0.0, np.arange(10, dtype=np.float32)[:, None], np.ones(10, dtype=bool)),
        Stretch(1.0, np.arange(50, 60, dtype=np.float32)[:, None], np.ones(10, dtype=bool)),
    ]
    received = np.ones(60, dtype=bool)
    received[8] = False
    right = [Stretch(0.08, np.arange(4, 64, dtype=np.float32)[:, None], received)]
    first, second = join([left, right], 50.0)
    assert (first.start_s, second.start_s) == (0.08, 1.0)
    assert np.array_equal(
        first.values, np.repeat(np.arange(4, 10, dtype=np.float32)[:, None], 2, axis=1)
    )
    assert np.array_equal(
        second.values, np.repeat(np.arange(50, 60, dtype=np.float32)[:, None], 2, axis=1)
    )
    assert first.received.all()
    assert join([left, []], 50.0) == []


def test__join__gaps_of_one_sensor__hold_for_all() -> None:
    time, values = _even(100.0, 20.0)
    keep = np.r_[0:700, 800:2000]
    holed = to_grid(time[keep], values[keep], 50.0)
    whole = to_grid(time[300:], values[300:], 50.0)
    joined = join([whole, holed], 50.0)
    assert [(s.start_s, len(s.values), s.values.shape[1]) for s in joined] == [
        (3.0, 200, 4),
        (8.0, 600, 4),
    ]
    np.testing.assert_allclose(
        joined[0].values[30:-30, :2], joined[0].values[30:-30, 2:], atol=1e-5
    )


def test__join__off_the_grid__says_what_to_type() -> None:
    stretch = Stretch(0.01, np.zeros((5, 1), dtype=np.float32), np.ones(5, dtype=bool))
    with pytest.raises(DataError, match="to_grid"):
        join([[stretch]], 50.0)


def test__to_grid__real_recording_with_wandering_clock__is_103_hz_and_one_stretch(
    real_data: Path,
) -> None:
    file = real_data / "mex" / "act" / "01" / "01_act_1.csv"
    rows = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()]
    stamps = np.array([row[0] for row in rows], dtype="datetime64[us]")
    time = (stamps - stamps[0]) / np.timedelta64(1, "s")
    values = np.array([row[1:4] for row in rows], dtype=np.float32)
    assert measured_rate(time) == pytest.approx(103.0, abs=0.5)
    (stretch,) = to_grid(time, values, 50.0)
    assert stretch.start_s == 0.0
    assert stretch.received.all()
    assert len(stretch.received) == int(time[-1] * 50.0) + 1
    # Against straight lines between the raw samples, averaged over a second, which no filter at 25
    # Hz can change.
    raw = np.interp(np.arange(len(stretch.received)) / 50.0, time, values[:, 0].astype(np.float64))
    second = np.ones(50) / 50.0
    off = np.convolve(stretch.values[:, 0], second, "valid") - np.convolve(raw, second, "valid")
    assert np.abs(off).max() < 0.01
