"""UTD-MHAD: twenty-seven short actions, with one inertial sensor on the wrist or on the thigh.

What lies in the authors' archives, and is read:

    Inertial/a1_s2_t3_inertial.mat      action 1, subject 2, trial 3: d_iner (T, 6), g and deg/s
    Skeleton/a1_s2_t3_skeleton.mat      d_skel (20, 3, F), metres, as the Kinect saw the joints

Colour and depth videos are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.arrays import sane
from otolith.core.foreign.mat import read_mat
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu
from otolith.data.datasets._utd_mhad import ACTIONS, SENTENCES
from otolith.data.datasets.dataset import DataSet, channels_of, joint_columns, label_texts
from otolith.data.paired import write_modality, write_texts
from otolith.data.recording import Recording, Segment
from otolith.data.windows import Cut

WRIST_ACTIONS = ACTIONS[:21]
"""The second view: only what was recorded at the wrist.
`study.windows(labels=utd_mhad.WRIST_ACTIONS)`."""
_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
_SIDES = ("left", "right")
_LIMBS = [f"{side}_{part}" for limb in (_ARM, _LEG) for side in _SIDES for part in limb]
JOINTS = ("head", "shoulder_center", "spine", "hip_center", *_LIMBS)
"""The skeleton's joints in the order of the authors' Skeleton_joint_order.txt."""
OURS = {
    "pelvis": "hip_center",
    "spine2": "spine",
    "neck": "shoulder_center",
    "head": "head",
    **{(joint := f"{side}_{part}"): joint for side in _SIDES for part in (*_LEG, *_ARM)},
}
"""Our joints -> those of the skeleton; the Kinect did not see the rest of ours."""
_FILE = re.compile(r"a(\d+)_s(\d+)_t(\d+)_inertial\.mat")


@settings
class UtdMhad(DataSet):
    """UTD Multimodal Human Action Dataset: the inertial sensor, with joints and sentences.

    One recording per trial, the whole of it labelled with its action. The sensor sat on the right
    wrist for actions 1 to 21 and on the right thigh for 22 to 27, so the place would give the
    action away: the default cut shows both to the model as one slot `imu`.
    """

    name = "utd_mhad"
    title = "UTD-MHAD (UTD Multimodal Human Action Dataset)"
    url = "https://personal.utdallas.edu/~kehtar/UTD-MHAD.html"
    terms = "research use"
    citation = (
        "C. Chen, R. Jafari, N. Kehtarnavaz: UTD-MHAD: A Multimodal Dataset for Human Action "
        "Recognition Utilizing a Depth Camera and a Wearable Inertial Sensor. IEEE ICIP 2015."
    )
    subjects = 8
    rate_hz = 50.0
    placements = ("right_wrist", "right_thigh")
    units: ClassVar = {"acc": "g", "gyro": "deg/s"}
    cut = Cut(
        seconds=4.0,
        rate_hz=50.0,
        overlap=0.0,
        label_rule="centred",
        labels=ACTIONS,
        slot="imu",
        pad=True,
    )
    layout = "Inertial/a*_s*_t*_inertial.mat"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per trial, by action, person and trial as the authors number them."""
        for path, (action, person, trial) in _trials(self.verify(folder)):
            place = "right_wrist" if action <= len(WRIST_ACTIONS) else "right_thigh"
            rows = _matrix(path, "d_iner", (None, 6))
            time_s = np.arange(len(rows)) / self.rate_hz
            stream = self.stream(place, channels_of(place), time_s, rows, self.rate_hz)
            segment = Segment(0.0, len(rows) / self.rate_hz, ACTIONS[action - 1], "file name")
            id = path.name.removesuffix("_inertial.mat")
            yield Recording(id, f"s{person}", (stream,), (segment,), session=f"t{trial}")

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each trial's action as a sentence, and its joints where `Skeleton/` exists.

        The texts say no more than the labels do, and are marked so.
        """
        root = self.verify(folder)
        if (root / "Skeleton").is_dir():
            for recording in recordings:
                write_modality(out, "pose", recording.id, poses(root, recording.id))
        write_texts(out, label_texts(recordings, lambda label: SENTENCES[ACTIONS.index(label)]))


def poses(folder: Path, trial: str) -> dict[str, np.ndarray]:
    """Return a trial's joints under our names, column by column as a study keeps them.

    In metres, z up. The camera stood level within a few degrees and looked at the person along its
    z: x goes to its own left, the person's right, so a quarter turn about x brings y up and keeps
    left and right. Raises ReadError where the head is not above the feet (median over the trial,
    within 45 degrees), or the trial is missing.
    """
    time_s, joints = skeleton(folder, trial)
    feet = 0.5 * (joints[:, JOINTS.index("left_ankle")] + joints[:, JOINTS.index("right_ankle")])
    lines = joints[:, JOINTS.index("head")] - feet
    lines = lines[np.isfinite(lines).all(axis=1)]
    upright = np.median(lines, axis=0) if len(lines) else np.zeros(3)
    if not upright[1] > np.cos(np.pi / 4) * np.linalg.norm(upright):
        raise ReadError(
            f"The skeleton of trial {trial} does not stand upright: from feet to head it goes "
            f"{np.round(upright, 2).tolist()} m, and y should be up. Unpack the archive again."
        )
    turned = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    places = {ours: turned[:, JOINTS.index(theirs)] for ours, theirs in OURS.items()}
    return joint_columns(time_s, places)


def skeleton(
    folder: Path, trial: str
) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, "F 20 3"]]:
    """Return when and where the Kinect saw the twenty joints (`JOINTS`) during a trial.

    trial: such as "a10_s1_t1". Times are seconds on the inertial trial's clock, positions metres in
    the camera's frame (y up). The frames are nominally 30 per second, but by that a trial lasts
    1.575 times as long as on the sensor (median of 861 trials, 1.43 to 2.71). Both were cut to the
    same action, so the first and last frames are laid on its first and last samples and the others
    evenly between, about 19 a second. Taken as 30 a second, accelerations would be 2.5 times too
    large. Raises ReadError where the trial is missing.
    """
    root = UtdMhad().verify(folder)
    frames = _matrix(root / "Skeleton" / f"{trial}_skeleton.mat", "d_skel", (20, 3, None))
    samples = len(_matrix(root / "Inertial" / f"{trial}_inertial.mat", "d_iner", (None, 6)))
    time_s = np.linspace(0.0, (samples - 1) / UtdMhad.rate_hz, frames.shape[2])
    return time_s, np.ascontiguousarray(frames.transpose(2, 0, 1))


def _trials(root: Path) -> list[tuple[Path, tuple[int, int, int]]]:
    """Each file with its action, person and trial, in the order of these numbers."""
    trials = []
    for path in (root / "Inertial").iterdir():
        if named := _FILE.fullmatch(path.name):
            action = int(named[1])
            if not 1 <= action <= len(ACTIONS):
                raise ReadError(
                    f"{path}: there is no action {action}; UTD-MHAD has 1 to {len(ACTIONS)}."
                )
            trials.append((path, (action, int(named[2]), int(named[3]))))
    return sorted(trials, key=lambda trial: (trial[1], trial[0]))


def _matrix(path: Path, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """An array of a MATLAB file, held against the shape that it should have (None: any size)."""
    if not path.exists():
        raise ReadError(f"{path} is missing. Unpack the archive again, or check the trial's name.")
    arrays = read_mat(path, [name])
    if name not in arrays:
        raise ReadError(
            f"{path} cannot be read as MATLAB data (it has no '{name}'). Unpack the archive again."
        )
    array = sane(arrays[name])
    sizes = zip(shape, array.shape, strict=False)
    if array.ndim != len(shape) or any(size not in (None, actual) for size, actual in sizes):
        raise ReadError(
            f"{path}: '{name}' has shape {array.shape}, expected {shape}. Unpack the archive again."
        )
    return array


def write_sample(folder: Path) -> None:
    """Write five tiny trials of two people in the authors' layout, at the wrist and at the thigh."""
    from scipy.io import savemat

    for part in ("Inertial", "Skeleton"):
        (folder / part).mkdir(parents=True)
    for seed, trial in enumerate(("a1_s1_t1", "a1_s2_t1", "a2_s1_t1", "a10_s1_t1", "a27_s2_t1")):
        rows = fake_imu((0.0, 1.0, 0.0, 0.0, 0.0, 0.0), 160 + 10 * seed, seed, 0.005)
        savemat(folder / "Inertial" / f"{trial}_inertial.mat", {"d_iner": rows})
        savemat(folder / "Skeleton" / f"{trial}_skeleton.mat", {"d_skel": _standing(seed, 60)})


def _standing(seed: int, frames: int) -> Float[np.ndarray, "20 3 F"]:
    """A body of 1.6 m that stands 2.5 m before the camera, as the authors write it."""
    heights = {"head": 1.6, "shoulder": 1.4, "spine": 1.1, "elbow": 1.15, "wrist": 0.9}
    heights |= {"hand": 0.85, "hip": 0.95, "knee": 0.5, "ankle": 0.1, "foot": 0.02}
    out = np.zeros((len(JOINTS), 3))
    for number, joint in enumerate(JOINTS):
        part = next(part for part in heights if part in joint)
        out[number] = (0.2 * (("right" in joint) - ("left" in joint)), heights[part] - 0.9, 2.5)
    noise = np.random.default_rng(seed).normal(0, 0.005, (*out.shape, frames))
    return np.asarray(out[..., None] + noise)
