"""UTD-MHAD: eight people doing twenty-seven short actions, one inertial sensor on the wrist or on
the thigh."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.arrays import sane
from otolith.core.foreign.mat import read_mat
from otolith.data.channels import triad
from otolith.data.datasets._utd_mhad import ACTIONS, SENTENCES
from otolith.data.datasets.dataset import DataSet
from otolith.data.paired import LABEL, Text, write_modality, write_texts
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Cut
from otolith.data.units import factor

WRIST_ACTIONS = ACTIONS[:21]
"""The second view: only what was recorded at the wrist.
`study.windows(labels=utd_mhad.WRIST_ACTIONS)`."""
JOINTS = (
    *("head", "shoulder_center", "spine", "hip_center"),
    *(f"left_{part}" for part in ("shoulder", "elbow", "wrist", "hand")),
    *(f"right_{part}" for part in ("shoulder", "elbow", "wrist", "hand")),
    *(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot")),
)
"""The skeleton's joints in the order of the authors' Skeleton_joint_order.txt."""
OURS = {
    "pelvis": "hip_center",
    "spine2": "spine",
    "neck": "shoulder_center",
    "head": "head",
    **{
        f"{side}_{part}": f"{side}_{part}"
        for side in ("left", "right")
        for part in ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist", "hand")
    },
}
"""Our joints -> those of the skeleton; the rest of ours the Kinect did not see."""
_FILE = re.compile(r"a(\d+)_s(\d+)_t(\d+)_inertial\.mat")


@dataclass(frozen=True)
class UtdMhad(DataSet):
    """UTD Multimodal Human Action Dataset: the wearable sensor, with the Kinect's joints and action
    names as modalities.

    One recording per trial, the whole of it labelled with its action. The sensor sat on the right
    wrist for actions 1 to 21 and on the right thigh for 22 to 27, so the place would give the
    action away: the default evaluation shows both to the model as one slot `imu`.
    """

    name: ClassVar[str] = "utd_mhad"
    title: ClassVar[str] = "UTD-MHAD (UTD Multimodal Human Action Dataset)"
    url: ClassVar[str] = "https://personal.utdallas.edu/~kehtar/UTD-MHAD.html"
    terms: ClassVar[str] = "research use"
    citation: ClassVar[str] = (
        "C. Chen, R. Jafari, N. Kehtarnavaz: UTD-MHAD: A Multimodal Dataset for Human Action "
        "Recognition Utilizing a "
        "Depth Camera and a Wearable Inertial Sensor. IEEE ICIP 2015."
    )
    subjects: ClassVar[int] = 8
    rate_hz: ClassVar[float] = 50.0
    placements: ClassVar[tuple[str, ...]] = ("right_wrist", "right_thigh")
    units: ClassVar[dict[str, str]] = {"acc": "g", "gyro": "deg/s"}
    cut: ClassVar[Cut] = Cut(
        seconds=4.0,
        rate_hz=50.0,
        overlap=0.0,
        label_rule="centred",
        labels=ACTIONS,
        slot="imu",
        pad=True,
    )
    layout: ClassVar[str] = "Inertial/a*_s*_t*_inertial.mat"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per trial, by action, person and trial as the authors number them."""
        root = self.verify(folder)
        for action, person, trial, path in _trials(root):
            place = "right_wrist" if action <= len(WRIST_ACTIONS) else "right_thigh"
            rows = _matrix(path, "d_iner", (None, 6))
            scale = np.repeat(
                [factor(quantity, self.units[quantity]) for quantity in ("acc", "gyro")], 3
            )
            channels = (*triad(place, "acc"), *triad(place, "gyro"))
            time_s = np.arange(len(rows)) / self.rate_hz
            stream = Stream.from_rows(place, channels, time_s, rows * scale, self.rate_hz)
            segment = Segment(0.0, len(rows) / self.rate_hz, ACTIONS[action - 1], "file name")
            id = path.name.removesuffix("_inertial.mat")
            yield Recording(id, f"s{person}", (stream,), (segment,), session=f"t{trial}")

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each trial's action as a sentence, and where its joints were; texts alone where
        `Skeleton/` lacks.

        The texts say no more than the labels do, and are marked so.
        """
        root = self.verify(folder)
        texts = []
        for recording in recordings:
            (segment,) = recording.segments
            words = SENTENCES[ACTIONS.index(segment.label)]
            texts.append(Text(recording.id, segment.start_s, segment.end_s, words, LABEL))
            if (root / "Skeleton").is_dir():
                write_modality(out, "pose", recording.id, poses(root, recording.id))
        write_texts(out, texts)


def poses(folder: Path, trial: str) -> dict[str, np.ndarray]:
    """Return a trial's joints under our names, column by column as a study keeps them: metres, z
    up.

    The camera stood level within a few degrees and looked at the person along its z: x goes to its
    own left, the person's right, so that a quarter turn about x brings y up and keeps left and
    right. Raises ReadError where the head is not above the feet (median over the trial, within 45
    degrees), or the trial is missing.
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
    columns = {"time_s": time_s}
    for ours, theirs in OURS.items():
        columns |= {
            f"{ours}.{axis}": turned[:, JOINTS.index(theirs), i] for i, axis in enumerate("xyz")
        }
    return columns


def skeleton(
    folder: Path, trial: str
) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, "F 20 3"]]:
    """Return when and where the Kinect saw the twenty joints (`JOINTS`) during a trial such as
    "a10_s1_t1".

    Times are seconds on the inertial trial's clock, positions metres in the camera's frame (y up).
    The frames are nominally 30 per second, but by that a trial lasts 1.575 times as long on the
    sensor (median of 861 trials, 1.43 to 2.71): both were cut to the same action, so the first and
    last frames are laid on its first and last samples and the others evenly between, about 19 a
    second. Taken as 30 a second, accelerations would be 2.5 times too large. Raises ReadError where
    the trial is missing.
    """
    root = UtdMhad().verify(folder)
    frames = _matrix(root / "Skeleton" / f"{trial}_skeleton.mat", "d_skel", (20, 3, None))
    samples = len(_matrix(root / "Inertial" / f"{trial}_inertial.mat", "d_iner", (None, 6)))
    time_s = np.linspace(0.0, (samples - 1) / UtdMhad.rate_hz, frames.shape[2])
    return time_s, np.ascontiguousarray(frames.transpose(2, 0, 1))


def _trials(root: Path) -> list[tuple[int, int, int, Path]]:
    found = [
        (match, path)
        for path in (root / "Inertial").iterdir()
        if (match := _FILE.fullmatch(path.name))
    ]
    trials = sorted((int(m[1]), int(m[2]), int(m[3]), path) for m, path in found)
    for action, _, _, path in trials:
        if not 1 <= action <= len(ACTIONS):
            raise ReadError(
                f"{path}: there is no action {action}; UTD-MHAD has 1 to {len(ACTIONS)}."
            )
    return trials


def _matrix(path: Path, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    if not path.exists():
        raise ReadError(f"{path} is missing. Unpack the archive again, or check the trial's name.")
    arrays = read_mat(path, [name])
    if name not in arrays:
        raise ReadError(
            f"{path} cannot be read as MATLAB data (it has no '{name}'). Unpack the archive again."
        )
    found = sane(arrays[name])
    if found.ndim != len(shape) or any(
        want not in (None, have) for want, have in zip(shape, found.shape, strict=True)
    ):
        raise ReadError(
            f"{path}: '{name}' has shape {found.shape}, expected {shape}. Unpack the archive again."
        )
    return found


def write_sample(folder: Path) -> None:
    """Write five tiny trials of two people in the authors' layout, at the wrist and at the thigh."""
    from scipy.io import savemat

    for part in ("Inertial", "Skeleton"):
        (folder / part).mkdir(parents=True)
    for seed, trial in enumerate(("a1_s1_t1", "a1_s2_t1", "a2_s1_t1", "a10_s1_t1", "a27_s2_t1")):
        random = np.random.default_rng(seed)
        rows = random.normal(0, 0.005, (160 + 10 * seed, 6))
        rows[:, 1] += 1.0
        rows[60:, 3] += 90 * np.sin(2 * np.pi * np.arange(len(rows) - 60) / 50)
        savemat(folder / "Inertial" / f"{trial}_inertial.mat", {"d_iner": rows})
        savemat(folder / "Skeleton" / f"{trial}_skeleton.mat", {"d_skel": _standing(random, 60)})


def _standing(random: np.random.Generator, frames: int) -> np.ndarray:
    """A body of 1.6 m that stands 2.5 m before the camera, as the authors write it: (20, 3,
    frames)."""
    heights = {
        "head": 1.6,
        "shoulder": 1.4,
        "spine": 1.1,
        "elbow": 1.15,
        "wrist": 0.9,
        "hand": 0.85,
    }
    heights |= {"hip": 0.95, "knee": 0.5, "ankle": 0.1, "foot": 0.02}
    out = np.zeros((len(JOINTS), 3))
    for number, joint in enumerate(JOINTS):
        part = next(part for part in heights if part in joint)
        out[number] = (0.2 * (("right" in joint) - ("left" in joint)), heights[part] - 0.9, 2.5)
    return np.asarray(out[..., None] + random.normal(0, 0.005, (*out.shape, frames)))
