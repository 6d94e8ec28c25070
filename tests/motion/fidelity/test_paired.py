"""Readers of the paired sets, on files written here in their layout and on the real ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from paired_sets import read_broad, read_gaitmap, rigid_pose
from scipy.io import savemat

from otolith.core.errors import ReadError
from otolith.motion import rotations
from otolith.motion.fidelity.alignment import align
from otolith.motion.fidelity.fidelity import banded, fidelity
from otolith.motion.simulation.kinematics import track
from otolith.motion.simulation.sensor import Reading, ideal

RATE_HZ = 2000.0 / 7.0


def write_trial(path: Path, **changes: object) -> Reading:
    time_s = np.arange(600) / RATE_HZ
    q = rotations.from_axis_angle(np.sin(3 * time_s)[:, None] * np.array([0.2, 0.9, 0.1]))
    position = np.stack([np.sin(5 * time_s), 0 * time_s, 1 + 0 * time_s], axis=1)
    reading = ideal(track(position, q, RATE_HZ))
    arrays = {
        "imu_acc": reading.acceleration,
        "imu_gyr": reading.angular_rate,
        "opt_quat": q[:, [3, 0, 1, 2]],
        "opt_pos": position,
        "movement": np.ones((600, 1)),
        "sampling_rate": np.array([[RATE_HZ]]),
    }
    savemat(path, {name: value for name, value in (arrays | changes).items() if value is not None})
    return reading


def test__read_broad__its_layout__gives_back_what_was_measured(tmp_path: Path) -> None:
    write_trial(tmp_path / "01.mat")
    pair = read_broad(tmp_path / "01.mat")
    simulated = pair.simulate("none")
    np.testing.assert_allclose(simulated.acceleration, pair.real.acceleration, atol=1e-9)
    np.testing.assert_allclose(simulated.angular_rate, pair.real.angular_rate, atol=1e-9)


def test__read_broad__another_file__is_refused(tmp_path: Path) -> None:
    write_trial(tmp_path / "01.mat", opt_pos=None)
    with pytest.raises(ReadError, match="lacks opt_pos"):
        read_broad(tmp_path / "01.mat")
    (tmp_path / "02.mat").write_text("time,acc\n")
    with pytest.raises(ReadError, match="no trial of BROAD"):
        read_broad(tmp_path / "02.mat")
    with pytest.raises(ReadError, match="no trial of BROAD"):
        read_broad(tmp_path / "03.mat")


def test__rigid_pose__turned_markers__give_the_turn() -> None:
    q = rotations.from_axis_angle(np.random.default_rng(0).uniform(-1.5, 1.5, size=(40, 3)))
    q[0] = rotations.IDENTITY
    markers = rotations.rotate(q[:, None], np.array([[0.2, 0, 0], [0, 0.1, 0], [0, 0, 0.05]]))
    markers += np.array([5.0, 1.0, 0.3])
    markers[7, 1] = np.nan
    found = rigid_pose(markers)
    assert np.isnan(found[7]).all()
    same = np.abs(np.sum(found * q, axis=1))
    np.testing.assert_allclose(np.delete(same, 7), 1.0, atol=1e-12)
    with pytest.raises(ReadError, match="three markers"):
        rigid_pose(markers[:, :2])


def test__read_gaitmap__missing_column__is_named(tmp_path: Path) -> None:
    (tmp_path / "imu_sample.csv").write_text("sensor,left_sensor\naxis,acc_x\n0,1.0\n")
    (tmp_path / "mocap_sample.csv").write_text(",L_TOE\n,x\n0,1.0\n")
    with pytest.raises(ReadError, match=r"L_TOE.*y"):
        read_gaitmap(tmp_path, "left")
    with pytest.raises(ReadError, match=r"imu_sample\.csv is not in gaitmap's layout"):
        read_gaitmap(tmp_path / "nowhere", "left")


def real_folder(name: str) -> Path:
    data = os.environ.get("OTOLITH_DATA")
    if not data or not (Path(data) / "mocap" / name).is_dir():
        pytest.skip(f"OTOLITH_DATA is unset: it is the folder that holds mocap/{name}")
    return Path(data) / "mocap" / name


@pytest.mark.parametrize(
    ("trial", "limit"), [("01", 0.273), ("07", 1.033), ("15", 0.631), ("18", 1.154)]
)
def test__read_broad__undisturbed_trials__are_followed_without_fitting(
    trial: str, limit: float
) -> None:
    (path,) = real_folder("paired_broad").glob(f"{trial}_*.mat")
    pair = read_broad(path)
    found = fidelity(pair.simulate(), pair.real, pair.rate_hz, pair.moving)
    # The limits are the best of Savitzky-Golay windows 9, 21 and 41 on each trial.
    assert found.acceleration.rmse <= limit
    assert min(found.acceleration.correlation) >= 0.97
    assert min(found.angular_rate.correlation) >= 0.95


@pytest.mark.parametrize("side", ["left", "right"])
def test__read_gaitmap__mounting_of_the_first_half__holds_on_the_second(side: str) -> None:
    folder = real_folder("paired_gaitmap") / "example_data"
    pair = read_gaitmap(folder, side)  # type: ignore[arg-type]
    simulated = pair.simulate()
    known = np.isfinite(simulated.acceleration).all(axis=1)
    slow, real = (
        Reading(*(banded(part, pair.rate_hz, 20.0, known) for part in r))
        for r in (simulated, pair.real)
    )
    first = np.arange(len(known)) < len(known) // 2
    with_arm, without = (
        fidelity(
            align(slow, real, pair.rate_hz, first, lever=lever).apply(slow, pair.rate_hz),
            real,
            204.8,
            ~first,
        )
        for lever in (True, False)
    )
    assert with_arm.acceleration.rmse <= 2.5
    assert max(with_arm.angular_rate.correlation) >= 0.98
    assert without.acceleration.rmse > 1.3 * with_arm.acceleration.rmse


@pytest.mark.parametrize(
    ("array", "value"),
    [
        ("sampling_rate", np.zeros((1, 1))), ("sampling_rate", np.ones((2, 2))),
        ("opt_quat", np.zeros((600, 3))), ("opt_pos", np.zeros((0, 3))),
        ("movement", np.ones((5, 1))), ("imu_acc", np.zeros(600)),
    ],
)  # fmt: skip
def test__read_broad__arrays_that_do_not_fit__are_refused(
    array: str, value: np.ndarray, tmp_path: Path
) -> None:
    write_trial(tmp_path / "01.mat", **{array: value})
    with pytest.raises(ReadError, match="no trial of BROAD"):
        read_broad(tmp_path / "01.mat")


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n", "a,b\nx,y,z\n1,2\n", "a,b\nx,y\n", "a,a\nx,x\n1,2\n", "a,b\nx,y\n1,2\n3\n"],
)
def test__read_gaitmap__table_of_another_form__is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "imu_sample.csv").write_text(text)
    with pytest.raises(ReadError, match="not in gaitmap's layout"):
        read_gaitmap(tmp_path, "left")
