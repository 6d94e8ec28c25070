"""Motions made from equations: plausible bodies, known rhythms, no two people alike."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.errors import ConfigError, UnknownNameError
from otolith.data.quantities import STANDARD_GRAVITY
from otolith.motion.motion import Motion
from otolith.motion.procedural.gait import CLIMBING_STAIRS, RUNNING, WALKING, bounce
from otolith.motion.procedural.procedural import PROCEDURAL, make
from otolith.motion.procedural.style import Style
from otolith.motion.rotations import angular_rate

RATE_HZ = 100.0


def acceleration(motion: Motion, joint: str) -> np.ndarray:
    position = motion.forward((joint,))[0][:, 0]
    return np.asarray(
        np.gradient(np.gradient(position, 1 / RATE_HZ, axis=0), 1 / RATE_HZ, axis=0)[10:-10]
    )


@pytest.mark.parametrize("name", PROCEDURAL)
def test__make__every_activity__is_a_plausible_body(name: str) -> None:
    motion = make(name, Style.draw(np.random.default_rng(7)), seconds=20, rate_hz=RATE_HZ, seed=3)
    assert (motion.label, motion.frames) == (name, 2001)
    np.testing.assert_allclose(np.linalg.norm(motion.rotations, axis=-1), 1.0, atol=1e-9)
    positions, to_world = motion.forward()
    if "stairs" not in name:
        # Soft ground and skin: nothing sinks deeper than an elbow into a mattress.
        assert -0.12 < positions[..., 2].min() < 0.12
        assert positions[..., 2].max() < 2.3
    assert np.linalg.norm(acceleration(motion, "pelvis"), axis=1).max() < 4 * STANDARD_GRAVITY
    assert np.linalg.norm(acceleration(motion, "right_wrist"), axis=1).max() < 20 * STANDARD_GRAVITY
    assert (
        np.linalg.norm(angular_rate(to_world, RATE_HZ), axis=-1).max() < 35.0
    )  # a fast punch turns at 2,000 deg/s


@pytest.mark.parametrize("name", PROCEDURAL)
def test__make__seeds__repeat_and_differ(name: str) -> None:
    style = Style.draw(np.random.default_rng(1))
    one, again, other = (make(name, style, 6.0, RATE_HZ, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.rotations, again.rotations)
    np.testing.assert_array_equal(one.root, again.root)
    assert one.clip == again.clip != other.clip
    assert np.abs(one.rotations - other.rotations).max() > 1e-3


@pytest.mark.parametrize(("name", "gait"), [("walking", WALKING), ("running", RUNNING)])
@pytest.mark.parametrize("cadence", [0.85, 1.0, 1.15])
def test__gait__cadence__is_the_peak_of_the_ankles_vertical_acceleration(
    name: str, gait: object, cadence: float
) -> None:
    motion = make(name, Style(cadence=cadence), seconds=40.0, rate_hz=RATE_HZ)
    vertical = acceleration(motion, "left_ankle")[:, 2]
    spectrum = np.abs(np.fft.rfft(vertical * np.hanning(len(vertical)))) ** 2
    hertz = np.fft.rfftfreq(len(vertical), 1 / RATE_HZ)
    stride_hz = cadence * gait.stride_hz  # type: ignore[attr-defined]
    # All energy of an unvarying gait lies on multiples of the stride rate; the pelvis' lies on
    # multiples of the step's.
    near = np.abs(hertz / stride_hz - np.round(hertz / stride_hz)) * stride_hz < 0.1
    assert spectrum[near].sum() > 0.99 * spectrum.sum()
    pelvis = acceleration(motion, "pelvis")[:, 2]
    peak_hz = hertz[
        np.abs(np.fft.rfft(pelvis * np.hanning(len(pelvis))))[hertz < 1.5 * 2 * stride_hz].argmax()
    ]
    assert peak_hz == pytest.approx(2 * stride_hz, abs=0.05)


def test__walking__average_adult__has_the_published_speed_and_step() -> None:
    motion = make("walking", seconds=30.0, rate_hz=RATE_HZ)
    speed = np.linalg.norm(motion.root[-1, :2] - motion.root[0, :2]) / motion.duration_s
    assert 1.15 < speed < 1.5  # Perry and Burnfield: 1.37 m/s
    assert (
        0.025 < np.ptp(motion.root[:, 2]) < 0.05
    )  # Orendurff et al. (2004): 2.7 to 4.8 cm from slow to fast
    feet = motion.forward(("left_ankle", "right_ankle"))[0]
    step = np.abs(feet[:, 0, 0] - feet[:, 1, 0]).max()
    assert step == pytest.approx(speed / (2 * WALKING.stride_hz), rel=0.15)


def test__walking__standing_foot__does_not_slip() -> None:
    motion = make("walking", seconds=20.0, rate_hz=RATE_HZ)
    ball = motion.forward(("left_foot",))[0][:, 0]
    speed = np.linalg.norm(np.gradient(ball[:, :2], 1 / RATE_HZ, axis=0), axis=1)
    assert (
        np.quantile(speed, 0.3) < 0.08
    )  # it stands for some 60 % of the time, flat for half of that
    assert np.quantile(speed, 0.9) > 2.5


def test__running__flight__is_free_fall() -> None:
    vertical = acceleration(make("running", seconds=20.0, rate_hz=RATE_HZ), "pelvis")[:, 2]
    assert vertical.min() == pytest.approx(-STANDARD_GRAVITY, abs=0.3)
    flight = (vertical < -0.9 * STANDARD_GRAVITY).mean()
    assert 0.2 < flight < 0.35  # twice 36 % of stance leaves 28 %


def test__bounce__half_sine_force__reaches_its_peak_and_mean() -> None:
    phase = np.arange(0, 4, 1 / 400)
    height = bounce(phase, 0.7, 2.8)
    dt = 1 / 400 / 2.8
    force = np.gradient(np.gradient(height, dt), dt)[5:-5] / STANDARD_GRAVITY + 1.0
    assert force.max() == pytest.approx(np.pi / (2 * 0.7), rel=0.02)
    assert force.mean() == pytest.approx(1.0, abs=0.02)
    assert abs(height.mean()) < 1e-6


@pytest.mark.parametrize(("name", "sign"), [("climbing stairs", 1), ("descending stairs", -1)])
def test__stairs__steps__rise_by_the_height_of_a_step(name: str, sign: int) -> None:
    motion = make(name, seconds=30.0, rate_hz=RATE_HZ)
    rate = CLIMBING_STAIRS.stride_hz if sign > 0 else 0.84
    gained = motion.root[-1, 2] - motion.root[0, 2]
    assert gained == pytest.approx(sign * 0.17 * 2 * rate * motion.duration_s, abs=0.1)


def test__walking__more_jitter__makes_windows_differ_more() -> None:
    def spread(jitter: float) -> float:
        motion = make("walking", Style(jitter=jitter), seconds=30.0, rate_hz=RATE_HZ)
        height = motion.root[500:2500, 2]
        return float(np.std(height.reshape(-1, 500).std(axis=1)))

    assert spread(0.05) > 3 * spread(0.0)


def test__walking__asymmetry__moves_one_side_more() -> None:
    motion = make("walking", Style(asymmetry=0.2), seconds=20.0, rate_hz=RATE_HZ)
    arms = [
        angular_rate(motion.rotations[:, motion.joint(f"{side}_shoulder")], RATE_HZ)
        for side in ("left", "right")
    ]
    left, right = (np.linalg.norm(rate, axis=1).mean() for rate in arms)
    assert left / right == pytest.approx(1.2 / 0.8, rel=0.05)


def test__waving__left_hander__waves_the_left_hand() -> None:
    for left_handed, hand, other in ((False, "right", "left"), (True, "left", "right")):
        motion = make("waving", Style(left_handed=left_handed), seconds=20.0, rate_hz=RATE_HZ)
        busy, idle = (acceleration(motion, f"{side}_wrist").std() for side in (hand, other))
        assert busy > 3 * idle


def test__style__drawn_people__differ_within_human_bounds() -> None:
    styles = [Style.draw(np.random.default_rng(i)) for i in range(200)]
    cadence = np.array([style.cadence for style in styles])
    assert 0.05 < cadence.std() < 0.11
    assert cadence.min() >= 0.8
    assert cadence.max() <= 1.25
    assert 0.02 < np.mean([style.left_handed for style in styles]) < 0.2


def test__make__unknown_activity__names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'walking'"):
        make("walkin")


@pytest.mark.parametrize(
    ("seconds", "rate_hz"), [(1.0, 100.0), (10.0, 5.0), (np.nan, 100.0), (np.inf, 100.0)]
)
def test__make__too_short_or_too_coarse__is_refused(seconds: float, rate_hz: float) -> None:
    with pytest.raises(ConfigError, match="at least 3 s long"):
        make("walking", seconds=seconds, rate_hz=rate_hz)
