"""Worn sensors: gravity at rest, mirrored sides, mountings, streams of a recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otolith.core.errors import ConfigError, DataError, UnknownNameError
from otolith.data.quantities import STANDARD_GRAVITY
from otolith.data.skeleton import JOINTS
from otolith.motion import rotations
from otolith.motion.bodies.body import Body
from otolith.motion.motion import Motion
from otolith.motion.procedural.pose import local_rotations
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.magnetic import local_field
from otolith.motion.simulation.noise import Noise
from otolith.motion.simulation.placements import SITES
from otolith.motion.simulation.sensor import Mounting, ideal, sense_worn, simulate, worn


def still(**angles: float) -> Motion:
    return Motion(
        np.repeat(local_rotations(dict(angles), 1), 100, axis=0),
        np.zeros((100, 3)),
        100.0,
        label="still",
    )


@pytest.mark.parametrize("placement", SITES)
def test__simulate__still_body__reads_gravity_only(placement: str) -> None:
    recording = simulate(still(trunk_flexion=20.0, left_elbow_flexion=70.0), [placement])
    values = recording.streams[0].values
    np.testing.assert_allclose(np.linalg.norm(values[:, :3], axis=1), STANDARD_GRAVITY, rtol=1e-6)
    np.testing.assert_allclose(values[:, 3:], 0.0, atol=1e-7)


@pytest.mark.parametrize(
    ("placement", "axis", "sign"),
    [
        ("left_wrist", 0, -1),  # x to the fingers, which point down
        ("right_wrist", 0, -1),
        ("left_upper_arm", 0, 1),
        ("left_ankle", 0, 1),
        ("lower_back", 0, 1),
        ("chest", 0, 1),
        ("head", 0, 1),
        ("right_foot", 2, 1),
        ("left_thigh", 0, 1),
    ],
)
def test__simulate__upright_body__has_gravity_on_the_axis_that_points_up(
    placement: str, axis: int, sign: int
) -> None:
    reading = simulate(still(), [placement]).streams[0].values[25, :3]
    expected = np.zeros(3)
    expected[axis] = sign * STANDARD_GRAVITY
    np.testing.assert_allclose(reading, expected, atol=1e-5)


def test__simulate__body_on_a_turntable__reads_the_rate_and_omega_squared_r() -> None:
    omega, frames = 3.0, 1000
    motion = still()
    turned = np.repeat(motion.rotations[:1], frames, axis=0)
    turned[:, 0] = rotations.from_axis_angle(
        omega * np.arange(frames)[:, None] / 200.0 * np.array([0.0, 0.0, 1.0])
    )
    spinning = Motion(turned, np.zeros((frames, 3)), 200.0)
    arm = worn(spinning, "chest").position[0, 0]
    values = simulate(spinning, ["chest"], rate_hz=200.0).streams[0].values[100:-100]
    assert arm == pytest.approx(0.115)
    np.testing.assert_allclose(
        values,
        np.tile([STANDARD_GRAVITY, 0.0, -(omega**2) * arm, omega, 0.0, 0.0], (len(values), 1)),
        atol=1e-5,
    )


def test__simulate__mirrored_movement__reads_mirrored_sides() -> None:
    motion = make("squat", seconds=8.0)
    left, right = (
        stream.values for stream in simulate(motion, ["left_thigh", "right_thigh"]).streams
    )
    # x up and z forward on both: the mirror turns y, and the rates about the two axes within the
    # mirror's plane.
    np.testing.assert_allclose(left, right * np.array([1, -1, 1, -1, 1, -1]), atol=2e-4)


def test__simulate__mounting__turns_readings_and_moves_the_point() -> None:
    motion = make("walking", seconds=5.0)
    plain = simulate(motion, ["chest"]).streams[0].values
    turned = (
        simulate(motion, ["chest"], mounting={"chest": Mounting((0.0, 0.0, 30.0))})
        .streams[0]
        .values
    )
    back = rotations.from_axis_angle(np.array([0.0, 0.0, np.deg2rad(30.0)]))
    for triad in (slice(0, 3), slice(3, 6)):
        np.testing.assert_allclose(
            rotations.rotate(back, turned[:, triad]), plain[:, triad], atol=1e-4
        )
    moved = (
        worn(motion, "chest", mounting=Mounting(offset_m=(0.0, 0.0, 0.05))).position
        - worn(motion, "chest").position
    )
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 0.05, atol=1e-9)


def test__mounting__then__is_one_after_the_other_in_turned_axes() -> None:
    upside_down = Mounting((180.0, 0.0, 0.0), (0.0, 0.0, 0.01))
    further = Mounting((0.0, 0.0, 90.0), (0.0, 0.0, 0.002))
    both = upside_down.then(further)
    np.testing.assert_allclose(both.offset_m, (0.0, 0.0, 0.008), atol=1e-12)
    # What the last sensor's x axis is along, in the axes as they should be: y turned upside down.
    turn = rotations.from_axis_angle(np.deg2rad(np.array(both.rotation_deg)))
    np.testing.assert_allclose(
        rotations.rotate(turn, np.array([1.0, 0.0, 0.0])), (0.0, -1.0, 0.0), atol=1e-9
    )


def test__mounting__any__points_everywhere_alike() -> None:
    rng = np.random.default_rng(0)
    turns = np.deg2rad([Mounting.draw_any(rng).rotation_deg for _ in range(4000)])
    ends = rotations.rotate(rotations.from_axis_angle(turns), np.tile([1.0, 0.0, 0.0], (4000, 1)))
    # Evenly on the sphere: mean zero, a third of the square along each axis.
    np.testing.assert_allclose(ends.mean(axis=0), 0.0, atol=0.04)
    np.testing.assert_allclose((ends**2).mean(axis=0), 1 / 3, atol=0.02)


def test__simulate__heavier_body__carries_the_sensor_farther_out() -> None:
    motion = still()
    light, heavy = (
        worn(motion, "chest", Body(mass_kg=mass)).position[0, 0] for mass in (63.58, 4 * 63.58)
    )
    assert heavy == pytest.approx(2 * light, rel=1e-9)


def test__simulate__recording__says_what_it_is() -> None:
    motion = make("walking", seconds=4.0, performer="ada")
    recording = simulate(
        motion, ("left_wrist", "lower_back"), rate_hz=50.0, body=Body("tall", 1.9, 80.0)
    )
    assert recording.origin == "simulated"
    assert recording.gravity == "included"
    assert (recording.performer, recording.clip, recording.body) == ("ada", motion.clip, "tall")
    assert recording.placements == ["left_wrist", "lower_back"]
    assert [channel.name for channel in recording.streams[1].channels][::5] == [
        "lower_back.acc.x",
        "lower_back.gyro.z",
    ]
    assert recording.streams[0].values.shape == (201, 6)
    assert recording.streams[0].rate_hz == pytest.approx(50.0)
    assert [segment.label for segment in recording.segments] == ["walking"]


def test__simulate__resampled__agrees_with_its_own_frames() -> None:
    motion = make("running", seconds=4.0)
    fine, coarse = (
        simulate(motion, ["left_ankle"], rate_hz=rate).streams[0].values for rate in (100.0, 50.0)
    )
    np.testing.assert_allclose(coarse, fine[::2], atol=1e-4)


def test__simulate__nonsense__is_refused() -> None:
    motion = make("standing", seconds=4.0)
    with pytest.raises(UnknownNameError, match="Did you mean 'left_wrist'"):
        simulate(motion, ["left_wirst"])
    with pytest.raises(ConfigError, match="positive rate"):
        simulate(motion, ["left_wrist"], rate_hz=0.0)
    with pytest.raises(ConfigError, match="at least one placement"):
        simulate(motion, [])
    with pytest.raises(UnknownNameError, match="no noise 'wach'"):
        simulate(motion, ["left_wrist"], noise_of="wach")
    other = replace(motion, joints=tuple(f"joint{i}" for i in range(len(JOINTS))))
    with pytest.raises(DataError, match=r"joints of otolith\.data\.skeleton\.JOINTS"):
        simulate(other, ["left_wrist"], body=Body())


@pytest.mark.parametrize("frames", [7, 300, 8191, 8193, 8300])
def test__sense_worn__chunks__are_the_path_of_each_sensor(frames: int) -> None:
    motion = make("walking", seconds=max(4.0, frames / 100.0 + 1.0)).cut(0, frames)
    time_s = np.arange(int((frames - 1) / 100.0 * 57.0)) / 57.0
    mounting = {"chest": Mounting((3.0, -8.0, 20.0), (0.01, 0.02, -0.005))}
    found = sense_worn(motion, ["left_wrist", "chest"], Body(), mounting, time_s)
    for index, placement in enumerate(("left_wrist", "chest")):
        expected = ideal(worn(motion, placement, mounting=mounting.get(placement), time_s=time_s))
        inner = slice(20, -20) if frames > 100 else slice(0, 0)
        np.testing.assert_allclose(found[index, inner, :3], expected.acceleration[inner], atol=2e-4)
        np.testing.assert_allclose(found[index, inner, 3:], expected.angular_rate[inner], atol=2e-5)
        assert np.isfinite(found).all()


def test__simulate__in_a_magnetic_field__has_a_compass() -> None:
    stream = simulate(
        make("walking", seconds=4.0), ["lower_back"], magnetic_field_ut=local_field(49, 66)
    ).streams[0]
    assert [channel.name for channel in stream.channels][-3:] == [
        f"lower_back.mag.{axis}" for axis in "xyz"
    ]
    np.testing.assert_allclose(np.linalg.norm(stream.values[:, 6:], axis=1), 49.0, rtol=1e-5)
    upright = (
        simulate(still(), ["lower_back"], magnetic_field_ut=local_field(49.0, 66.0))
        .streams[0]
        .values[10]
    )
    assert upright[6] == pytest.approx(
        -49.0 * np.sin(np.deg2rad(66.0)), rel=1e-5
    )  # x points up, the field down


def test__simulate__lossy_radio_and_uneven_clock__are_reported_and_true_to_their_stamps() -> None:
    motion = make("walking", seconds=20.0)
    radio = Noise(jitter_s=0.002, loss=0.1, burst=3.0)
    stream = simulate(motion, ["left_wrist"], noise_of=radio, seed=5).streams[0]
    assert 800 < len(stream.time_s) < 980
    assert stream.reports[0].kind == "lost samples"
    assert stream.reports[0].detail.startswith(f"{1001 - len(stream.time_s)} never came")
    expected = ideal(worn(motion, "left_wrist", time_s=stream.time_s)).acceleration
    np.testing.assert_allclose(stream.values[30:-30, :3], expected[30:-30], atol=1e-3)


def test__simulate__smoothing__takes_noise_of_capture_away() -> None:
    motion = make("walking", seconds=20.0)
    noise = np.random.default_rng(0).standard_normal(motion.root.shape)
    noisy = replace(motion, root=motion.root + 5e-4 * noise)
    clean, rough, smooth = (
        simulate(which, ["lower_back"], smoothing=smoothing).streams[0].values[50:-50, :3]
        for which, smoothing in ((motion, "none"), (noisy, "none"), (noisy, "auto"))
    )
    assert np.std(rough - clean) > 3.0
    assert np.std(smooth - clean) < 0.3 * np.std(rough - clean)


def test__sense_worn__memory__does_not_grow_with_the_clip() -> None:
    import tracemalloc

    beside = []
    for seconds in (200.0, 600.0):
        motion = make("walking", seconds=seconds)
        time_s = np.arange(int(seconds * 50)) / 50.0
        tracemalloc.start()
        found = sense_worn(motion, ["left_wrist", "chest"], None, {}, time_s)
        beside.append(tracemalloc.get_traced_memory()[1] - found.nbytes)
        tracemalloc.stop()
    assert beside[1] < 1.2 * beside[0]


def test__simulate__lost_frames__are_a_gap_that_is_reported() -> None:
    motion = make("walking", seconds=10.0)
    root = motion.root.copy()
    root[400:430] = np.nan
    root[430:] += 2.0  # the capture goes on two metres farther
    stream = simulate(replace(motion, root=root), ["lower_back"]).streams[0]
    whole = simulate(motion, ["lower_back"]).streams[0]
    assert [(report.kind, report.rows) for report in stream.reports] == [("gap in the motion", 15)]
    assert stream.rows_read == len(whole.time_s)
    far = (np.abs(stream.time_s - 4.15) > 0.3) & (stream.time_s > 0.2) & (stream.time_s < 9.8)
    same = np.isin(whole.time_s, stream.time_s[far])
    np.testing.assert_allclose(stream.values[far], whole.values[same], atol=2e-3)
    assert np.abs(stream.values).max() < 60.0


def test__simulate__marker_that_jumps__is_reported_not_believed() -> None:
    motion = make("standing", seconds=10.0)
    root = motion.root.copy()
    root[500] += 0.5  # half a metre for one frame
    stream = simulate(replace(motion, root=root), ["chest"]).streams[0]
    (report,) = stream.reports
    assert report.kind == "implausible movement"
    assert 2 <= report.rows <= 8
    assert np.abs(stream.values[:, :3]).max() <= 500.0
