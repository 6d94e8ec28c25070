"""What UTD-MHAD's trials are paired with: the Kinect's joints and sentences of the actions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from otolith.core.errors import ReadError
from otolith.data.datasets import import_dataset, utd_mhad
from otolith.data.paired import read_modality, read_texts, write_modality
from otolith.data.skeleton import POSE_JOINTS
from otolith.learn.modalities.poses import poses_of
from otolith.learn.modalities.texts import texts_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "authors"
    utd_mhad.write_sample(folder)
    return folder


def test__import__texts__are_sentences_marked_as_labels(source: Path, tmp_path: Path) -> None:
    study = import_dataset(source, "utd_mhad", tmp_path / "study")
    texts = read_texts(study.folder)
    assert [(t.text, t.source) for t in texts["a27_s2_t1"]] == [("a person does a squat", "label")]
    assert (texts["a1_s1_t1"][0].start_s, texts["a1_s1_t1"][0].end_s) == (0.0, 3.2)
    windows = study.windows(labels=tuple(study.label_seconds))
    said = dict(zip(windows.recording.tolist(), texts_of(windows), strict=True))
    assert said["a2_s1_t1"] == "a person swipes the right arm to the right"
    assert texts_of(windows, labels=False) == [""] * len(windows)


def test__sentences__one_for_each_action() -> None:
    assert len(set(utd_mhad.SENTENCES)) == len(utd_mhad.ACTIONS) == len(utd_mhad.SENTENCES)


def test__import__poses__stand_up_and_know_left_from_right(source: Path, tmp_path: Path) -> None:
    study = import_dataset(source, "utd_mhad", tmp_path / "study")
    pose = read_modality(study.folder, "pose", "a10_s1_t1")
    raw = loadmat(source / "Skeleton" / "a10_s1_t1_skeleton.mat")["d_skel"]
    right = raw[utd_mhad.JOINTS.index("right_wrist")]
    np.testing.assert_allclose(
        [pose[f"right_wrist.{a}"] for a in "xyz"], [right[0], -right[2], right[1]], rtol=1e-6
    )
    assert (pose["time_s"][0], pose["time_s"][-1], len(pose["time_s"])) == (0.0, 189 / 50, 60)
    # The camera's z points at the person, who faces back: forward is y here, and x the right of
    # both.
    values, known = poses_of(
        study.windows(labels=tuple(study.label_seconds)),
        4,
        ("pelvis", "left_hip", "right_hip", "left_wrist", "head", "spine1"),
    )
    assert known.all(axis=0).tolist() == [True] * 5 + [False]
    assert np.all(values[:, :, 3, 1] > 0.1) and np.all(values[:, :, 4, 2] > 0.5)


def test__poses__every_joint_of_the_skeleton__has_a_name_of_ours() -> None:
    assert sorted(utd_mhad.OURS.values()) == sorted(utd_mhad.JOINTS)
    assert {*utd_mhad.OURS} - {*POSE_JOINTS} == {"left_hand", "right_hand"}


def test__poses__skeleton_upside_down__is_refused(source: Path, tmp_path: Path) -> None:
    path = source / "Skeleton" / "a2_s1_t1_skeleton.mat"
    savemat(path, {"d_skel": -loadmat(path)["d_skel"]})
    with pytest.raises(ReadError, match=r"a2_s1_t1 does not stand upright"):
        import_dataset(source, "utd_mhad", tmp_path / "study")
    assert not (tmp_path / "study" / "study.json").exists()
    utd_mhad.write_sample(tmp_path / "whole")
    assert (
        len(import_dataset(tmp_path / "whole", "utd_mhad", tmp_path / "study")) == 5
    )  # left behind: taken over


def test__poses__one_skeleton_missing__is_named(source: Path, tmp_path: Path) -> None:
    (source / "Skeleton" / "a2_s1_t1_skeleton.mat").unlink()
    with pytest.raises(ReadError, match=r"a2_s1_t1_skeleton\.mat is missing"):
        import_dataset(source, "utd_mhad", tmp_path / "study")


def test__poses__no_skeletons_at_all__leaves_the_rest(source: Path, tmp_path: Path) -> None:
    for path in (source / "Skeleton").iterdir():
        path.unlink()
    (source / "Skeleton").rmdir()
    study = import_dataset(source, "utd_mhad", tmp_path / "study")
    assert not (study.folder / "partners" / "pose").exists() and len(read_texts(study.folder)) == 5


def test__import__over_an_older_study__leaves_no_poses_of_it(source: Path, tmp_path: Path) -> None:
    study = import_dataset(source, "utd_mhad", tmp_path / "study")
    write_modality(study.folder, "pose", "old", {"time_s": np.arange(2.0)})
    import_dataset(source, "utd_mhad", tmp_path / "study", overwrite=True)
    assert sorted(p.stem for p in (study.folder / "partners" / "pose").iterdir()) == sorted(
        entry["id"] for entry in study.entries
    )


def test__real__skeleton__moves_when_the_wrist_turns(real_data: Path) -> None:
    # Laid on the sensor's clock, the hand's speed goes with the angular rate (0.75 on average); at
    # 30 frames a second from the beginning on by half of that, and the other hand's does not at
    # all.
    folder = real_data / "utd_mhad"
    found = []
    for trial in (f"a{action}_s{person}_t1" for action in (1, 2, 9, 11) for person in (1, 3, 5, 8)):
        turning = np.linalg.norm(
            loadmat(folder / "Inertial" / f"{trial}_inertial.mat")["d_iner"][:, 3:], axis=1
        )
        pose = utd_mhad.poses(folder, trial)
        time_s, clock = pose["time_s"], np.arange(len(turning)) / 50
        row = []
        for joint, stamps in (
            ("right_wrist", time_s),
            ("right_wrist", np.arange(len(time_s)) / 30),
            ("left_wrist", time_s),
        ):
            path = np.stack(
                [pose[f"{joint}.{axis}"] - pose[f"spine2.{axis}"] for axis in "xyz"], axis=1
            )
            speed = np.linalg.norm(np.gradient(path, time_s, axis=0), axis=1)
            row.append(np.corrcoef(np.interp(clock, stamps, speed), turning)[0, 1])
        found.append(row)
    ours, at_30, other = np.mean(found, axis=0)
    assert ours > 0.7 and at_30 < 0.55 and abs(other) < 0.35
