"""Closed forms: what the spline gives back of motions whose derivatives are known."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.errors import ConfigError, DataError
from otolith.data.quantities import STANDARD_GRAVITY
from otolith.motion import rotations
from otolith.motion.simulation.kinematics import track
from otolith.motion.simulation.sensor import GRAVITY, ideal
from otolith.motion.simulation.smoothing import SavitzkyGolay, Smoothing

RATE_HZ = 200.0
TIME_S = np.arange(1001) / RATE_HZ
INNER = slice(
    100, -100
)  # half a second from the ends, where a spline without end conditions is at its best
STILL = np.tile([0.0, 0.0, 0.0, 1.0], (len(TIME_S), 1))
TILT = rotations.from_axis_angle(np.array([0.7, -0.4, 1.1]))


def close(found: np.ndarray, expected: np.ndarray) -> None:
    """Within 1e-6 of the largest value, away from the ends."""
    np.testing.assert_allclose(
        found[INNER], expected[INNER], atol=1e-6 * np.abs(expected[INNER]).max(), rtol=0
    )


def spin(angle: np.ndarray, axis: tuple[float, float, float]) -> np.ndarray:
    return rotations.multiply(
        rotations.from_axis_angle(angle[:, None] * np.array(axis)), TILT[None]
    )


def test__track__still_and_tilted__reads_gravity_alone() -> None:
    reading = ideal(
        track(np.tile([1.0, 2.0, 3.0], (len(TIME_S), 1)), np.tile(TILT, (len(TIME_S), 1)), RATE_HZ)
    )
    up = rotations.rotate(rotations.conjugate(TILT), np.array([0.0, 0.0, STANDARD_GRAVITY]))
    np.testing.assert_allclose(reading.acceleration, np.tile(up, (len(TIME_S), 1)), atol=1e-6)
    np.testing.assert_allclose(reading.angular_rate, 0.0, atol=1e-9)


def test__track__free_fall__reads_nothing() -> None:
    position = (
        np.array([0.3, -0.2, 100.0])
        + TIME_S[:, None] * [1.0, 2.0, 3.0]
        + 0.5 * TIME_S[:, None] ** 2 * GRAVITY
    )
    reading = ideal(track(position, np.tile(TILT, (len(TIME_S), 1)), RATE_HZ))
    np.testing.assert_allclose(reading.acceleration[INNER], 0.0, atol=1e-6 * STANDARD_GRAVITY)


@pytest.mark.parametrize("hertz", [0.5, 1.0, 2.0])
def test__track__circle_with_lever_arm__reads_the_rate_and_omega_squared_r(hertz: float) -> None:
    omega, arm = 2 * np.pi * hertz, 0.7
    q = rotations.from_axis_angle(omega * TIME_S[:, None] * np.array([0.0, 0.0, 1.0]))
    reading = ideal(track(rotations.rotate(q, np.array([[arm, 0.0, 0.0]])), q, RATE_HZ))
    expected = np.tile([-(omega**2) * arm, 0.0, STANDARD_GRAVITY], (len(TIME_S), 1))
    close(reading.acceleration, expected)
    close(reading.angular_rate, np.tile([0.0, 0.0, omega], (len(TIME_S), 1)))


@pytest.mark.parametrize("hertz", [0.4, 1.0, 2.0])
def test__track__pendulum__reads_tangent_and_centre(hertz: float) -> None:
    # Driven, not falling: angle = A sin(w t), a rod of length L below a pivot, sensor's z along the
    # rod, up.
    size, omega, rod = 0.8, 2 * np.pi * hertz, 0.9
    angle = size * np.sin(omega * TIME_S)
    rate, turn = size * omega * np.cos(omega * TIME_S), -size * omega**2 * np.sin(omega * TIME_S)
    q = rotations.from_axis_angle(angle[:, None] * np.array([0.0, 1.0, 0.0]))
    reading = ideal(track(rotations.rotate(q, np.array([[0.0, 0.0, -rod]])), q, RATE_HZ))
    gravity = STANDARD_GRAVITY * np.stack([-np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    expected = gravity + np.stack([-rod * turn, 0 * angle, rod * rate**2], axis=1)
    close(reading.acceleration, expected)
    close(reading.angular_rate, np.stack([0 * rate, rate, 0 * rate], axis=1))


def test__track__screw_motion__turns_and_advances_at_once() -> None:
    # Turning about a tilted axis while moving along it with varying speed, on a lever arm across
    # it.
    axis = np.array([2.0, -1.0, 2.0]) / 3.0
    across = np.cross(axis, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    omega, arm, pitch, beat = 2 * np.pi * 1.5, 0.4, 0.2, 2 * np.pi * 2.0
    q = rotations.multiply(rotations.from_axis_angle(omega * TIME_S[:, None] * axis), TILT[None])
    out = rotations.rotate(rotations.from_axis_angle(omega * TIME_S[:, None] * axis), across[None])
    along = pitch * np.sin(beat * TIME_S)[:, None] * axis
    reading = ideal(track(arm * out + along, q, RATE_HZ))
    world = -(omega**2) * arm * out - beat**2 * along - GRAVITY
    close(reading.acceleration, rotations.rotate(rotations.conjugate(q), world))
    close(
        reading.angular_rate,
        np.tile(rotations.rotate(rotations.conjugate(TILT), omega * axis), (len(TIME_S), 1)),
    )


def test__track__between_frames__is_as_good_as_on_them() -> None:
    omega = 2 * np.pi * 1.3
    wanted_s = np.arange(40, 340) / 77.0
    position = np.stack([np.sin(omega * TIME_S), 0 * TIME_S, 0 * TIME_S], axis=1)
    path = track(position, spin(0.5 * np.sin(omega * TIME_S), (0, 0, 1)), RATE_HZ, wanted_s)
    # A quintic's second derivative is a little worse between its knots than at them.
    np.testing.assert_allclose(
        path.acceleration[:, 0], -(omega**2) * np.sin(omega * wanted_s), atol=2e-5 * omega**2
    )
    world = rotations.rotate(path.sensor_to_world, path.angular_rate)
    np.testing.assert_allclose(
        world[:, 2], 0.5 * omega * np.cos(omega * wanted_s), atol=1e-6 * omega
    )


def test__track__quaternions_that_flip_sign__change_nothing() -> None:
    q = spin(np.sin(3.0 * TIME_S), (0.6, 0.0, 0.8))
    flipped = q * np.where(np.arange(len(q)) % 7 < 3, -1.0, 1.0)[:, None]
    zero = np.zeros((len(q), 3))
    np.testing.assert_allclose(
        track(zero, flipped, RATE_HZ).angular_rate, track(zero, q, RATE_HZ).angular_rate, atol=1e-12
    )


def test__track__too_few_frames_or_outside__is_refused() -> None:
    with pytest.raises(DataError, match="at least 6 frames, found 5"):
        track(np.zeros((5, 3)), STILL[:5], RATE_HZ)
    with pytest.raises(DataError, match="lasts from 0 to"):
        track(np.zeros((10, 3)), STILL[:10], RATE_HZ, np.array([0.0, 1.0]))


def noisy_circle(noise_m: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    omega = 2 * np.pi * 1.1
    q = rotations.from_axis_angle(omega * TIME_S[:, None] * np.array([0.0, 0.0, 1.0]))
    position = rotations.rotate(q, np.array([[0.5, 0.0, 0.0]]))
    noise = np.random.default_rng(2).standard_normal(position.shape)
    return position + noise_m * noise, q, -(omega**2) * position


def test__track__noisy_path__is_smoothed_by_its_own_noise() -> None:
    position, q, expected = noisy_circle(1e-4)

    def error(smoothing: Smoothing) -> float:
        return float(
            np.sqrt(
                np.mean(
                    (track(position, q, RATE_HZ, smoothing=smoothing).acceleration - expected) ** 2
                )
            )
        )

    rough, auto = error("none"), error("auto")
    assert rough > 4.0  # a tenth of a millimetre of noise
    assert auto < 0.1 * rough
    assert error(12.0) < 0.1 * rough
    assert error(SavitzkyGolay(21, 3)) < 0.1 * rough


def test__track__savitzky_golay__is_that_filter_and_says_its_bandwidth() -> None:
    from scipy.signal import savgol_filter

    position, q, _ = noisy_circle(1e-4)
    path = track(position, q, RATE_HZ, smoothing=SavitzkyGolay(21, 3))
    expected = savgol_filter(position, 21, 3, deriv=2, delta=1 / RATE_HZ, axis=0)
    np.testing.assert_allclose(path.acceleration, expected, atol=1e-9)
    assert path.cutoff_hz[0] == SavitzkyGolay(21, 3).bandwidth_hz(RATE_HZ)


def test__track__lost_frames__are_bridged_when_few_and_a_gap_when_many() -> None:
    position, q, expected = noisy_circle(0.0)
    position[300:315] = np.nan  # 75 ms
    q[600:650] = np.nan  # a quarter of a second
    path = track(position, q, RATE_HZ)
    assert path.bridged == 15
    np.testing.assert_array_equal(np.flatnonzero(~path.known), np.arange(600, 650))
    assert np.isnan(path.acceleration[600:650]).all()
    seen = path.known
    seen[[*range(12), *range(590, 600), *range(650, 660), *range(-12, 0)]] = False
    # A spline through what is left of a smooth path is off by a few per cent where 15 frames in a
    # row are missing.
    np.testing.assert_allclose(
        path.acceleration[seen], expected[seen], atol=0.03 * np.abs(expected).max()
    )


def test__track__jump_across_a_gap__makes_no_acceleration() -> None:
    position = np.zeros((200, 3))
    position[100:] = 5.0  # five metres farther after a gap
    position[90:130] = np.nan
    path = track(position, STILL[:200], RATE_HZ)
    np.testing.assert_allclose(path.acceleration[path.known], 0.0, atol=1e-6)
    assert not path.known[90:130].any()


def test__track__shorter_than_the_window_or_nothing_seen__is_refused() -> None:
    with pytest.raises(DataError, match="at least 41 frames, found 30"):
        track(np.zeros((30, 3)), STILL[:30], RATE_HZ, smoothing=SavitzkyGolay(41, 3))
    with pytest.raises(DataError, match="No stretch of 6 observed frames"):
        track(np.full((30, 3), np.nan), STILL[:30], RATE_HZ)
    with pytest.raises(ConfigError, match="found 'median'"):
        track(np.zeros((30, 3)), STILL[:30], RATE_HZ, smoothing="median")
