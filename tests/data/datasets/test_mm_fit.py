"""MM-Fit: five clocks on one line of frames, sets and what lies between, poses, an earbud of
unknown units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ConfigError, ReadError, UnitError
from otolith.data.datasets import import_dataset, mm_fit
from otolith.data.paired import read_modality, read_texts
from otolith.data.skeleton import HUMAN36M
from otolith.data.units import still_blocks
from otolith.learn.modalities.poses import poses_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    mm_fit.write_sample(tmp_path / "authors")
    return tmp_path / "authors"


def change(path: Path, **columns: np.ndarray | float) -> None:
    rows = np.load(path)
    for name, values in columns.items():
        rows[:, {"frame": 0, "stamp": 1, "x": 2, "y": 3, "z": 4}[name]] = values
    np.save(path, rows)


def test__read__clocks_seconds_apart__meet_on_the_frames(source: Path) -> None:
    first = next(mm_fit.MmFit().read(source))
    acc = {s.channels[0].placement: s for s in first.streams if s.name.endswith("acc")}
    assert list(acc) == ["left_ear", "left_pocket", "right_pocket", "left_wrist", "right_wrist"]
    # Each device's movement begins with its row 600; its clock runs 10 ms behind the one before it.
    begins = [stream.time_s[600] for stream in acc.values()]
    order = [list(mm_fit.DEVICES.values()).index(place) for place in acc]
    assert (
        np.abs(np.array(begins) - np.array(begins)[order.index(0)] - 0.01 * np.array(order)).max()
        < 0.02
    )
    assert first.facts["frames_per_second"] == pytest.approx(30.0, abs=0.01)
    assert (first.start or "").startswith("2019-04-11T16:26:")


def test__read__sets__are_in_frames_and_the_rest_is_non_activity(source: Path) -> None:
    first = next(mm_fit.MmFit().read(source))
    spans = [(s.label, round(s.start_s, 1), round(s.end_s, 1)) for s in first.segments]
    assert spans == [
        ("non_activity", 0.0, 6.0),
        ("squats", 6.0, 12.0),
        ("non_activity", 12.0, 14.0),
        ("pushups", 14.0, 16.7),
        ("non_activity", 16.7, 20.0),
    ]


def test__read__people__are_the_authors_participants(source: Path) -> None:
    assert [(r.subject, r.facts["split"]) for r in mm_fit.MmFit().read(source)] == [
        ("p2", "unseen"),
        ("p0", "train"),
    ]
    (source / "mm-fit" / "w01").rename(source / "mm-fit" / "w21")
    for path in (source / "mm-fit" / "w21").iterdir():
        path.rename(path.with_name(path.name.replace("w01", "w21")))
    with pytest.raises(ReadError, match="nobody knows who did w21"):
        list(mm_fit.MmFit().read(source))


def test__splits__nobody_of_the_unseen_workouts__is_in_another() -> None:
    who = {
        name: {mm_fit.PARTICIPANTS[int(n)] for n in numbers}
        for name, numbers in mm_fit.SPLITS.items()
    }
    assert not who["unseen"] & (who["train"] | who["val"] | who["test"])
    assert set(range(10)) == set(mm_fit.PARTICIPANTS)


def test__splits__are_the_authors_twenty_one_workouts() -> None:
    assert sorted(n for numbers in mm_fit.SPLITS.values() for n in numbers) == [
        f"{n:02}" for n in range(21)
    ]


def test__read__earbud__its_units_are_seen_and_told(source: Path) -> None:
    ear = {s.name: s for s in next(mm_fit.MmFit().read(source)).streams if "ear" in s.name}
    told = [[r.detail for r in s.reports if r.kind == "unit"] for s in ear.values()]
    assert told == [["g: seen from the numbers"], ["deg/s: seen from the numbers"]]
    assert np.median(np.linalg.norm(ear["left_ear.acc"].values, axis=1)) == pytest.approx(
        9.8, abs=0.1
    )
    assert np.abs(ear["left_ear.gyro"].values).max() < 3.0
    stated = {s.name: s for s in next(mm_fit.MmFit(earbud=("g", "rad/s")).read(source)).streams}
    assert stated["left_ear.gyro"].reports[0].detail == "rad/s: as stated"
    assert np.abs(stated["left_ear.gyro"].values).max() > 50.0
    with pytest.raises(ConfigError, match="'earbud' should be a list; given 3"):
        mm_fit.MmFit(earbud=3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="two units"):
        mm_fit.MmFit(earbud=("g",))
    with pytest.raises(UnitError, match="'furlong'"):
        mm_fit.MmFit(earbud=("furlong", "deg/s"))


def test__read__earbud_with_a_pause__keeps_the_rate_of_its_samples(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source / "mm-fit" / "w00" / "w00_eb_l_acc.npy"
    stamps = np.load(path)[:, 1]
    stamps[1500:] += 200_000  # ms
    change(path, stamp=stamps)
    rates: list[float] = []

    def listened(values: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
        rates.append(rate_hz)
        return still_blocks(values, rate_hz)

    monkeypatch.setattr(mm_fit, "still_blocks", listened)
    next(mm_fit.MmFit().read(source))
    assert rates and rates == pytest.approx([100.0] * len(rates))


def test__read__earbud_in_raw_counts__is_asked_for(source: Path) -> None:
    path = source / "mm-fit" / "w00" / "w00_eb_l_acc.npy"
    change(path, y=np.full(2000, 8192.0))
    with pytest.raises(UnitError, match=r"earbud = g,deg/s"):
        list(mm_fit.MmFit().read(source))


def test__read__stamps_in_seconds__are_refused(source: Path) -> None:
    for path in (source / "mm-fit" / "w00").glob("*_acc.npy"):
        change(path, stamp=np.load(path)[:, 1] / 1000)
    for path in (source / "mm-fit" / "w00").glob("*_gyr.npy"):
        path.unlink()
    for path in (source / "mm-fit" / "w00").glob("*_mag.npy"):
        path.unlink()
    with pytest.raises(ReadError, match=r"counts 3e[+]04 frames per second"):
        list(mm_fit.MmFit().read(source))


def test__read__array_without_stamps__says_its_shape(source: Path) -> None:
    np.save(source / "mm-fit" / "w01" / "w01_sw_l_gyr.npy", np.zeros((50, 4)))
    with pytest.raises(
        ReadError, match=r"w01_sw_l_gyr\.npy has shape \(50, 4\); expected rows of frame"
    ):
        list(mm_fit.MmFit().read(source))


def test__read__pickled_array__is_never_opened(source: Path) -> None:
    np.save(
        source / "mm-fit" / "w00" / "w00_sw_l_acc.npy",
        np.array([{"a": 1}], dtype=object),
        allow_pickle=True,
    )
    with pytest.raises(ReadError, match="no plain"):
        list(mm_fit.MmFit().read(source))


def test__read__unknown_exercise__is_named(source: Path) -> None:
    (source / "mm-fit" / "w00" / "w00_labels.csv").write_text("10,20,5,juggling\n")
    with pytest.raises(ReadError, match=r"found 10\.0, 20\.0, 'juggling'"):
        list(mm_fit.MmFit().read(source))


def test__import__poses_and_texts__go_with_windows(source: Path, tmp_path: Path) -> None:
    study = import_dataset(source, "mm_fit", tmp_path / "out")
    pose = read_modality(study.folder, "pose", "w00")
    assert (pose["head.z"][0], pose["left_wrist.y"][0]) == pytest.approx((1.6, 0.2))
    image = read_modality(study.folder, "pose_2d", "w00")
    assert len(image) == 1 + 2 * 18 and image["time_s"][-1] == pytest.approx(599 / 30, abs=0.03)
    said = [(t.text, t.source) for t in read_texts(study.folder)["w01"]]
    assert said[:2] == [
        ("a person rests between two sets", "label"),
        ("a person does squats", "label"),
    ]
    windows = study.windows(labels=("squats", "pushups", "non_activity"))
    values, known = poses_of(windows, 5, ("pelvis", "head", "left_wrist"))
    assert known.all() and values.shape == (len(windows), 5, 3, 3)
    np.testing.assert_allclose(values[:, :, 1, 2] - values[:, :, 0, 2], 0.65, atol=1e-5)


def test__import__poses_in_metres__are_refused(source: Path, tmp_path: Path) -> None:
    path = source / "mm-fit" / "w01" / "w01_pose_3d.npy"
    poses = np.load(path)
    poses[:, :, 1:] /= 1000
    np.save(path, poses)
    with pytest.raises(
        ReadError, match=r"head and feet are 0\.00152 m apart; expected millimetres"
    ):
        import_dataset(source, "mm_fit", tmp_path / "out")
    assert not (tmp_path / "out" / "study.json").exists()


@pytest.mark.parametrize("mirrored", [False, True])
def test__import__whichever_side_the_list_calls_left__knees_tell(
    source: Path, tmp_path: Path, mirrored: bool
) -> None:
    path = source / "mm-fit" / "w00" / "w00_pose_3d.npy"
    poses = np.load(path)
    if mirrored:  # the same body, its joints in Human3.6M's order
        poses[:, :, 1:] = poses[:, :, [1 + mm_fit.MM_FIT.index(name) for name in HUMAN36M]]
    np.save(path, poses)
    study = import_dataset(source, "mm_fit", tmp_path / "out")
    pose = read_modality(study.folder, "pose", "w00")
    assert (pose["left_wrist.y"][0], pose["right_knee.y"][0]) == pytest.approx((0.2, -0.2))


def test__import__thirty_two_joints_as_described__are_read_too(
    source: Path, tmp_path: Path
) -> None:
    path = source / "mm-fit" / "w00" / "w00_pose_3d.npy"
    poses = np.load(path)
    whole = np.zeros((3, poses.shape[1], 33))
    whole[:, :, 0] = poses[:, :, 0]
    whole[:, :, [1 + n for n in mm_fit._OF_32]] = poses[:, :, 1:]
    np.save(path, whole)
    study = import_dataset(source, "mm_fit", tmp_path / "out")
    assert read_modality(study.folder, "pose", "w00")["head.z"][0] == pytest.approx(1.6)
    np.save(path, whole[:, :, :20])
    with pytest.raises(ReadError, match="has 19 joints; expected the 17"):
        import_dataset(source, "mm_fit", tmp_path / "other")


def test__read__stamps_that_all_but_stand_still__are_refused(source: Path) -> None:
    for path in source.rglob("*_acc.npy"):
        rows = np.load(path)
        change(path, stamp=rows[:, 1] * 1e-300)
    for path in [*source.rglob("*_gyr.npy"), *source.rglob("*_mag.npy")]:
        path.unlink()
    with pytest.raises(ReadError, match="frames per second"):
        import_dataset(source, "mm_fit", source.parent / "study")


def test__write_modalities__pose_without_a_place__is_refused(source: Path) -> None:
    for path in source.rglob("*_pose_3d.npy"):
        poses = np.load(path)
        poses[:, :, 1:] = np.nan
        np.save(path, poses)
    with pytest.raises(ReadError, match="shows head and feet together in none"):
        import_dataset(source, "mm_fit", source.parent / "study")
