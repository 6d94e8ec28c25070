"""GRAB and How2Sign: what names, folders and transcripts tell, on to a simulated study."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ReadError
from otolith.data.paired import read_texts
from otolith.motion import rotations
from otolith.motion.formats import find, grab, how2sign, read
from otolith.motion.formats.layouts import known_layout
from otolith.motion.formats.world import up_axis
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.simulate_study import SimulateConfig, simulate_study

SENTENCE = "--7E2sU6zP4_10-5-rgb_front"
HEADER = (
    "VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED\tSENTENCE"
)


@pytest.fixture(scope="module")
def moving() -> Motion:
    return make("boxing", seconds=3.0, rate_hz=30.0)


def vectors(motion: Motion, up: str) -> tuple[np.ndarray, np.ndarray]:
    """Rotation vectors (F, J, 3) in the model's axes and the path in the file's, as files of the
    SMPL family hold."""
    template, to_file = up_axis("y"), rotations.conjugate(up_axis(up))
    q = np.concatenate(
        [
            rotations.rotate(rotations.conjugate(template), motion.rotations[..., :3]),
            motion.rotations[..., 3:],
        ],
        axis=-1,
    )
    q[:, 0] = rotations.multiply(rotations.multiply(to_file, motion.rotations[:, 0]), template)
    return rotations.to_axis_angle(q), rotations.rotate(to_file, motion.root)


def write_grab(path: Path, motion: Motion) -> None:
    """As AMASS has GRAB: SMPL-X, 165 numbers a pose."""
    poses, trans = vectors(motion, "z")
    whole = np.zeros((len(poses), 55, 3))
    whole[:, :22] = poses[:, :22]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path, poses=whole.reshape(len(poses), -1), trans=trans, mocap_frame_rate=motion.rate_hz
    )


def write_how2sign(folder: Path, motion: Motion, rows: list[str], header: str = HEADER) -> Path:
    """As an estimator's poses are saved anew, one sentence a file, with the authors' transcript
    above."""
    poses, _ = vectors(motion, "-y")
    (folder / "poses").mkdir(parents=True)
    flat = poses.reshape(len(poses), -1)
    hands = {f"smplx_{side}hand_pose": np.zeros((len(poses), 45)) for side in "lr"}
    path = folder / "poses" / f"{SENTENCE}.npz"
    np.savez(path, smplx_root_pose=flat[:, :3], smplx_body_pose=flat[:, 3:66], **hands)
    (folder / "how2sign_realigned_train.csv").write_text(
        "\n".join([header, *rows]) + "\n", encoding="utf-8"
    )
    return path


def row(words: str, more: str = "") -> str:
    """A line of the authors' transcript."""
    return (
        f"--7E2sU6zP4\t--7E2sU6zP4-5-rgb_front\t--7E2sU6zP4_10\t{SENTENCE}\t1.0\t3.0\t{words}{more}"
    )


@pytest.mark.parametrize(
    ("file", "clip", "text", "split"),
    [
        (
            "GRAB/s1/airplane_fly_1_poses.npz",
            "s1_airplane_fly_1",
            "a person takes the airplane to fly it",
            "train",
        ),
        (
            "grab/s10/mug_pass_1.npz",
            "s10_mug_pass_1",
            "a person passes the mug to somebody",
            "test",
        ),
        (
            "grab/s2/cubelarge_lift.npz",
            "s2_cubelarge_lift",
            "a person lifts the large cube",
            "train",
        ),
        (
            "GRAB/s4/apple_eat_1_Retake_stageii.npz",
            "s4_apple_eat_1_Retake",
            "a person takes the apple to eat it",
            "val",
        ),
        (
            "grab/s3/camera_takepicture_2.npz",
            "s3_camera_takepicture_2",
            "a person takes a picture with the camera",
            "test",
        ),
    ],
)
def test__grab__name_and_folder__tell_the_clip(file: str, clip: str, text: str, split: str) -> None:
    about = known_layout(Path("data") / file)
    assert (about.clip, about.text, about.split) == (clip, text, split)
    assert about.performer == f"grab_{Path(file).parent.name}" and about.source == "GRAB"


@pytest.mark.parametrize(
    "file", ["KIT/s1/airplane_fly_1.npz", "grab/1/airplane_fly_1.npz", "grab/s1/airplane.npz"]
)
def test__grab__files_of_other_collections__are_not_taken_for_it(file: str) -> None:
    assert grab.known(Path(file)) == {}


def test__grab__own_pickled_files__are_found_and_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "grab" / "s1" / "mug_drink_1.npz"
    path.parent.mkdir(parents=True)
    np.savez(
        path,
        body=np.array({"params": 1}, dtype=object),
        obj_name="mug",
        framerate=120.0,
        n_frames=9,
    )
    assert find(tmp_path) == [path]
    with pytest.raises(
        ReadError, match=r"pickled objects.*docs/simulation\.md, 'GRAB and How2Sign'"
    ):
        read(path)


def test__grab__saved_anew__reads_as_whole_poses(moving: Motion, tmp_path: Path) -> None:
    poses, trans = vectors(moving, "z")
    whole = np.zeros((len(poses), 55, 3))
    whole[:, :22] = poses[:, :22]
    path = tmp_path / "grab" / "s1" / "mug_drink_1.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, fullpose=whole.reshape(len(poses), -1), transl=trans, framerate=30.0)
    motion = read(path)
    assert (motion.label, motion.performer, motion.rate_hz, motion.split) == (
        "drink",
        "grab_s1",
        30.0,
        "test",
    )
    np.testing.assert_allclose(
        motion.forward(["left_wrist"])[0], moving.forward(["left_wrist"])[0], atol=1e-6
    )


def test__how2sign__transcript__gives_words_signer_and_split(
    moving: Motion, tmp_path: Path
) -> None:
    path = write_how2sign(tmp_path, moving, [row('"He said ""hi"" to me."')])
    motion = read(path, frame_rate=30.0)
    assert motion.text == 'He said "hi" to me.'
    assert (motion.performer, motion.clip, motion.split) == ("how2sign_5", SENTENCE, "train")
    np.testing.assert_allclose(
        motion.forward(["left_wrist"])[0] - motion.forward(["pelvis"])[0],
        moving.forward(["left_wrist"])[0] - moving.forward(["pelvis"])[0],
        atol=1e-6,
    )


def test__how2sign__frame_rate__is_that_of_the_table_or_asked_for(
    moving: Motion, tmp_path: Path
) -> None:
    path = write_how2sign(tmp_path / "a", moving, [row("Hi.", "\t25")], HEADER + "\tfps")
    assert read(path).rate_hz == 25.0
    path = write_how2sign(tmp_path / "b", moving, [row("Hi.")])
    with pytest.raises(ReadError, match="states no frame rate"):
        read(path)
    path = write_how2sign(tmp_path / "c", moving, [row("Hi.", "\tfast")], HEADER + "\tfps")
    with pytest.raises(ReadError, match=r"how2sign_realigned_train\.csv: 'fast' is no number"):
        read(path)


def test__how2sign__transcript_with_other_columns__is_named(moving: Motion, tmp_path: Path) -> None:
    path = write_how2sign(tmp_path, moving, ["a\tb"], "NAME\tTEXT")
    with pytest.raises(ReadError, match="no column SENTENCE_NAME; its columns are NAME, TEXT"):
        read(path, frame_rate=30.0)


def test__how2sign__sentence_that_no_table_has__is_any_file(moving: Motion, tmp_path: Path) -> None:
    path = write_how2sign(tmp_path, moving, [])
    assert how2sign.known(path) == {} and read(path, frame_rate=30.0).text == ""


def test__find__only_pickles__says_that_they_are_never_opened(tmp_path: Path) -> None:
    (tmp_path / "0001_3D.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(ReadError, match=r"Pickles such as 0001_3D\.pkl are never opened"):
        find(tmp_path)


def test__simulate__both__keep_performer_text_and_split(moving: Motion, tmp_path: Path) -> None:
    write_grab(tmp_path / "GRAB" / "s1" / "airplane_fly_1_stageii.npz", moving)
    write_grab(tmp_path / "GRAB" / "s2" / "mug_drink_1_stageii.npz", moving)
    write_how2sign(
        tmp_path / "How2Sign", moving, [row("Hello, I am here.", "\t30")], HEADER + "\tfps"
    )
    study = simulate_study(
        [tmp_path / "GRAB", tmp_path / "How2Sign"], tmp_path / "out", SimulateConfig(rate_hz=60.0)
    )
    assert study.subjects == ["grab_s1", "grab_s2", "how2sign_5"]
    assert [entry["facts"]["split"] for entry in study.entries] == ["train", "test", "train"]
    texts = [t.text for found in read_texts(study.folder).values() for t in found]
    assert texts == [
        "a person takes the airplane to fly it",
        "a person takes the mug to drink it",
        "Hello, I am here.",
    ]
    assert "GRAB licence" in study.terms and "CC BY-NC 4.0" in study.terms
    kept = json.loads((study.folder / "study.json").read_text())["recordings"][0]["partners"][
        "pose"
    ]
    assert kept["joints"] == 22 + 30


@pytest.mark.parametrize("kind", ["loop", "folder", "pipe"])
def test__how2sign__transcript_that_is_no_plain_file__is_named(
    kind: str, moving: Motion, tmp_path: Path
) -> None:
    path = write_how2sign(tmp_path, moving, [row("hello")])
    table = tmp_path / "how2sign_realigned_train.csv"
    table.unlink()
    {
        "loop": lambda: table.symlink_to(table.name),
        "folder": table.mkdir,
        "pipe": lambda: os.mkfifo(table),
    }[kind]()
    with pytest.raises(ReadError, match="how2sign_realigned_train"):
        read(path, frame_rate=30.0)
