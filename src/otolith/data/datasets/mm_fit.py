"""MM-Fit: ten people's workouts, with watches, phones and an earbud, and the poses of a camera.

What lies in the authors' archive, and is read:

    w00/w00_sw_l_acc.npy        left watch: video frame, stamp (ms), x, y, z; also sw_r, sp_l, sp_r
                                (phones), eb_l (earbud), and gyr and mag
    w00/w00_labels.csv          first and last frame of each set, repetitions, exercise
    w00/w00_pose_3d.npy         (3, frames, 1 + 17 joints), frame numbers first, millimetres
    w00/w00_pose_2d.npy         (2, frames, 1 + 18 joints), pixels

Heart rates are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError, UnitError
from otolith.core.foreign.arrays import read_npy, sane
from otolith.core.settings import settings
from otolith.data.datasets._samples import fake_imu, write_table
from otolith.data.datasets.dataset import (
    DataSet,
    Facts,
    channels_of,
    joint_columns,
    label_texts,
)
from otolith.data.paired import write_modality, write_texts
from otolith.data.quantities import STANDARD_GRAVITY, factor
from otolith.data.readers.clock import start_of
from otolith.data.readers.columns import CsvFormat, read_numbers
from otolith.data.recording import Recording, RowReport, Segment, Stream
from otolith.data.skeleton import MM_FIT, sided
from otolith.data.units import gravity_verdict, still_blocks
from otolith.data.windows import Cut

DEVICES = {
    "sw_l": "left_wrist",
    "sw_r": "right_wrist",
    "sp_l": "left_pocket",
    "sp_r": "right_pocket",
    "eb_l": "left_ear",
}
"""The authors' names of devices -> where they were worn."""
EXERCISES = (
    *("squats", "lunges", "bicep_curls", "situps", "pushups", "tricep_extensions"),
    *("dumbbell_rows", "jumping_jacks", "dumbbell_shoulder_press", "lateral_shoulder_raises"),
)
NOTHING = "non_activity"
"""The authors' eleventh class: whatever lies between two sets."""
SPLITS = {
    "train": ("01", "02", "03", "04", "06", "07", "08", "16", "17", "18"),
    "val": ("14", "15", "19"),
    "test": ("09", "10", "11"),
    "unseen": ("00", "05", "12", "13", "20"),
}
"""The authors' workouts; people of `unseen` are in no other, those of `test` are."""
PARTICIPANTS = (2, 0, 1, 0, 1, 2, 0, 1, 0, 1, 0, 1, 3, 4, 0, 1, 5, 6, 7, 8, 9)
"""Who did workouts w00 to w20, by the authors' list."""
IMAGE_JOINTS = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder"),
    *("left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip"),
    *("left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
)
"""COCO's joints with the neck, in the order of the 2-D poses."""
_QUANTITIES = {"acc": "acc", "gyr": "gyro", "mag": "mag"}
_FILE = re.compile(r"(w\d+)_(s[wp]_[lr]|eb_l)_(acc|gyr|mag)\.npy")
_EARBUD = "eb_l"
# Human3.6M's own 32 joints, of which the authors' description speaks; their files hold the usual
# 17.
_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
_FPS = 30.0
_MM = 1e-3

Rows = Float[np.ndarray, "T 5"]
"""One sensor of a workout: number of the video frame, stamp in milliseconds, x, y, z."""
Sensor = tuple[str, str]
"""Device and quantity, such as ("sw_l", "acc")."""


@settings
class MmFit(DataSet):
    """MM-Fit: full-body workouts of ten exercises, five devices, poses of the same video frames.

    One recording per workout. Rows carry the number of the video frame that they belong to: by it
    the devices are aligned on one time line, and so are the sets, which are given in frames. Phones
    were not worn in every workout. Watches count 100 times a second, the earbud 90, the phones 210
    or 500. Units are those of Android; what the earbud counts in is documented nowhere and seen
    from its numbers, and each stream says so. The authors' list of 3-D joints has left and right
    exchanged against Human3.6M's: which it is, the knees tell.
    """

    earbud: tuple[str, ...] = ()
    """Units of the earbud's accelerometer and gyroscope, such as g and deg/s; seen from the numbers
    where empty."""

    name = "mm_fit"
    title = "MM-Fit"
    url = "https://mmfit.github.io"
    terms = "see https://mmfit.github.io; cite the paper"
    citation = (
        "D. Strömbäck, S. Huang, V. Radu: MM-Fit: Multimodal Deep Learning for Automatic Exercise "
        "Logging across Sensing Devices. IMWUT 4(4), 2020. https://doi.org/10.1145/3432701"
    )
    subjects = 10
    rate_hz = 100.0
    placements = tuple(DEVICES.values())
    units: ClassVar = {"acc": "m/s2", "gyro": "rad/s", "mag": "uT"}
    cut = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="majority",
        labels=(*EXERCISES, NOTHING),
        placements=("left_wrist", "right_wrist"),
    )
    layout = "w[0-9][0-9]/w[0-9][0-9]_labels.csv"

    def __post_init__(self) -> None:
        if len(self.earbud) not in (0, 2):
            raise ConfigError(
                "MM-Fit's earbud takes two units, of acceleration and angular rate; "
                f"given {self.earbud}."
            )
        for quantity, unit in zip(("acc", "gyro"), self.earbud, strict=False):
            factor(quantity, unit)

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per workout."""
        for labels in sorted(self.verify(folder).glob(self.layout)):
            yield self._workout(labels.parent.name, labels)

    def _workout(self, workout: str, labels: Path) -> Recording:
        number = int(workout[1:])
        tables = _tables(labels.parent, workout)
        if number >= len(PARTICIPANTS):
            raise ReadError(
                f"{labels.parent}: MM-Fit has the workouts w00 to w20; nobody knows who did "
                f"{workout}."
            )
        fps = _frame_rate(labels.parent, list(tables.values()))
        times = {sensor: _on_video(rows, fps) for sensor, rows in tables.items()}
        zero_s = min(float(time_s[np.isfinite(time_s)][0]) for time_s in times.values())
        streams = [
            self._stream(sensor, tables[sensor], times[sensor] - zero_s) for sensor in tables
        ]
        end_s = max(float(stream.time_s[-1]) for stream in streams)
        facts: Facts = {"frames_per_second": round(fps, 5), "zero_s": zero_s}
        if split := next((name for name, ids in SPLITS.items() if workout[1:] in ids), ""):
            facts["split"] = split
        # The clock of the device that began first tells the time of day.
        first = min(times, key=lambda sensor: float(times[sensor][0]))
        return Recording(
            workout,
            f"p{PARTICIPANTS[number]}",
            tuple(streams),
            tuple(_sets(labels, fps, zero_s, end_s)),
            session=workout,
            facts=facts,
            start=start_of(float(tables[first][0, 1]) / 1000, UTC),
        )

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write joints in space and in the image, and each set's exercise in words, as a label."""
        root = self.verify(folder)
        for recording in recordings:
            fps, zero_s = (float(recording.facts[key]) for key in ("frames_per_second", "zero_s"))
            for source, name, joints_of in (
                ("pose_3d", "pose", _space),
                ("pose_2d", "pose_2d", _image),
            ):
                path = root / recording.id / f"{recording.id}_{source}.npy"
                if path.exists():
                    frames, places = _poses(path, 3 if source == "pose_3d" else 2)
                    columns = joint_columns(frames / fps - zero_s, joints_of(path, places))
                    write_modality(out, name, recording.id, columns)
        write_texts(out, label_texts(recordings, _words))

    def _stream(self, sensor: Sensor, rows: Rows, time_s: Float[np.ndarray, " T"]) -> Stream:
        device, quantity = sensor
        name, channels = f"{DEVICES[device]}.{quantity}", channels_of(DEVICES[device], [quantity])
        rate_hz, values = self.rate_hz if device.startswith("sw") else None, rows[:, 2:]
        if device != _EARBUD:
            return self.stream(name, channels, time_s, values, rate_hz)
        stated = dict(zip(("acc", "gyro"), self.earbud, strict=False)).get(quantity)
        unit = stated or _seen_unit(quantity, Stream.from_rows(name, channels, time_s, values))
        remark = f"{unit}: {'as stated' if self.earbud else 'seen from the numbers'}"
        values = values * factor(quantity, unit)
        return Stream.from_rows(
            name, channels, time_s, values, rate_hz, [RowReport("unit", 0, remark)]
        )


def _words(label: str) -> str:
    if label == NOTHING:
        return "a person rests between two sets"
    return f"a person does {label.replace('_', ' ')}"


def _tables(folder: Path, workout: str) -> dict[Sensor, Rows]:
    """The sensors of a workout, in the order of their files' names."""
    tables = {}
    for path in sorted(folder.iterdir()):
        named = _FILE.fullmatch(path.name)
        if named and named[1] == workout:
            tables[named[2], _QUANTITIES[named[3]]] = _rows(path)
    if not tables:
        raise ReadError(
            f"{folder} holds labels but no sensor: no file like {workout}_sw_l_acc.npy."
        )
    return tables


def _rows(path: Path) -> Rows:
    rows = read_npy(path)
    if rows.ndim != 2 or rows.shape[1] != 5 or not len(rows) or rows.dtype.kind not in "fiu":
        raise ReadError(
            f"{path} has shape {rows.shape}; expected rows of frame, stamp (ms), x, y, z."
        )
    rows = sane(rows)
    if not np.isfinite(rows[:, :2]).all(axis=1).any():
        raise ReadError(
            f"{path}: no row has both the number of a frame and a stamp. Unpack the archive again."
        )
    return rows


def _filmed(rows: Rows) -> np.ndarray:
    """Which rows lie within the video: those before and after it may all carry its end's number."""
    frames = rows[:, 0]
    inside: np.ndarray = (frames > np.nanmin(frames)) & (frames < np.nanmax(frames))
    return inside


def _frame_rate(folder: Path, tables: Sequence[Rows]) -> float:
    """Video frames per second of the devices' own clocks: the median over the devices."""
    rates = []
    for rows in tables:
        frames, seconds = rows[:, 0], rows[:, 1] / 1000
        good = np.isfinite(frames) & np.isfinite(seconds) & _filmed(rows)
        # A shorter span is no clock, and its square may underflow to zero.
        if good.sum() > 2 and np.ptp(seconds[good]) > 1e-3:
            since, counted = (part[good] - part[good].mean() for part in (seconds, frames))
            rates.append(float(since @ counted / (since @ since)))
    fps = float(np.median(rates)) if rates else np.nan
    if not abs(fps / _FPS - 1) < 0.05:
        raise ReadError(
            f"{folder}: the first column of its sensors counts {fps:.3g} frames per second of the "
            f"second column; expected video frames, {_FPS:g} per second, and stamps in "
            "milliseconds."
        )
    return fps


def _on_video(rows: Rows, fps: float) -> Float[np.ndarray, " T"]:
    """Seconds since the video's frame 0, by the device's own clock set once."""
    seconds = rows[:, 1] / 1000
    ahead = rows[:, 0] / fps - seconds
    known = np.isfinite(ahead)
    inside = _filmed(rows) & known
    return np.asarray(seconds + np.median(ahead[inside if inside.any() else known]))


def _sets(path: Path, fps: float, zero_s: float, end_s: float) -> Iterator[Segment]:
    """Sets as the authors marked them, last frame included, and what lies between them."""
    table = read_numbers(path, ("1", "2"), CsvFormat(header=False), texts=["4"])
    done = 0.0
    rows = zip(table.numbers["1"], table.numbers["2"], table.words("4"), strict=True)
    for first, last, name in sorted(rows, key=lambda row: row[0]):
        if name not in EXERCISES or not first <= last:
            raise ReadError(
                f"{path}: a set is first frame, last frame, repetitions, exercise; found {first}, "
                f"{last}, '{name}'. Exercises are {', '.join(EXERCISES)}."
            )
        start, stop = max(first / fps - zero_s, 0.0), (last + 1) / fps - zero_s
        if done < start:
            yield Segment(done, start, NOTHING, path.name)
        if start < min(stop, end_s):
            yield Segment(start, min(stop, end_s), name, path.name)
        done = max(done, stop)
    if done < end_s:
        yield Segment(done, end_s, NOTHING, path.name)


def _poses(path: Path, size: int) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, "F J D"]]:
    """Frame numbers and joints of a pose file; frames whose number does not rise are left out."""
    poses = read_npy(path)
    kind, shape = poses.dtype.kind, poses.shape
    if len(shape) != 3 or shape[0] != size or shape[2] < 2 or kind not in "fiu":
        raise ReadError(f"{path} has shape {shape}; expected ({size}, frames, 1 + joints).")
    poses = sane(poses)
    frames = poses[0, :, 0]
    rising = np.isfinite(frames)
    rising[1:] &= frames[1:] > np.maximum.accumulate(np.where(rising, frames, -np.inf))[:-1]
    if not rising.any():
        raise ReadError(f"{path}: its first column counts no frames. Unpack the archive again.")
    return frames[rising], np.moveaxis(poses[:, rising, 1:], 0, -1)


def _space(path: Path, places: Float[np.ndarray, "F J 3"]) -> Mapping[str, np.ndarray]:
    """Our joints, in metres, z up as the authors' skeletons stand."""
    if places.shape[1] == 32:
        places = places[:, _OF_32]
    if places.shape[1] != len(MM_FIT):
        raise ReadError(
            f"{path} has {places.shape[1]} joints; expected the {len(MM_FIT)} of Human3.6M."
        )
    named = {name: places[:, i] * _MM for i, name in enumerate(sided(MM_FIT, places)) if name}
    stature = named["head"] - 0.5 * (named["left_ankle"] + named["right_ankle"])
    seen = np.isfinite(stature).all(axis=1)
    if not seen.any():
        raise ReadError(f"{path} shows head and feet together in none of its {len(places)} frames.")
    height_m = np.linalg.norm(np.median(stature[seen], axis=0))
    if not 0.3 < height_m < 2.5:
        raise ReadError(
            f"{path}: head and feet are {height_m:.3g} m apart; expected millimetres, third axis "
            "up."
        )
    return named


def _image(path: Path, places: Float[np.ndarray, "F J 2"]) -> Mapping[str, np.ndarray]:
    """COCO's joints with the neck, in pixels."""
    if places.shape[1] != len(IMAGE_JOINTS):
        raise ReadError(
            f"{path} has {places.shape[1]} joints; expected {len(IMAGE_JOINTS)}, COCO's and the "
            "neck."
        )
    return {name: places[:, index] for index, name in enumerate(IMAGE_JOINTS)}


def _seen_unit(quantity: str, raw: Stream) -> str:
    """Return the unit of an earbud's numbers: gravity tells m/s² from g, size rad/s from deg/s."""
    if quantity != "acc":
        # In these exercises a head turns at a few rad/s, which is hundreds of degrees per second.
        return "deg/s" if np.quantile(np.abs(raw.values), 0.99) > 20.0 else "rad/s"
    for unit in ("m/s2", "g") if raw.rows_kept > 1 else ():
        verdict = gravity_verdict(*still_blocks(raw.values * factor("acc", unit), raw.rate_hz))
        if verdict.checked and verdict.plausible:
            return unit
    raise UnitError(
        "The unit of MM-Fit's earbud cannot be seen: at rest it reads neither 9.8 nor 1. "
        "State it: earbud = g,deg/s (acceleration, angular rate)."
    )


def write_sample(folder: Path) -> None:
    """Write two tiny workouts, one without phones, each device with a clock of its own."""
    for workout, devices in (("w00", list(DEVICES)), ("w01", ["sw_l", "sw_r", "eb_l"])):
        here = folder / "mm-fit" / workout
        write_table(here / f"{workout}_labels.csv", "180,359,10,squats\n420,499,8,pushups")
        for number, device in enumerate(devices):
            time_s = np.arange(2000) / 100 + 0.01 * number
            stamps = 1_555_000_000_000 + np.round(5000 * number + 1000 * time_s)
            for sensor in ("acc", "gyr", "mag") if device.startswith("sp") else ("acc", "gyr"):
                rest = {"acc": (0.2, 9.7, 1.2), "gyr": (0, 0, 0), "mag": (10, 20, -30)}[sensor]
                values = fake_imu(rest, 2000, [number, int(workout[-1])])
                if device == _EARBUD:
                    scale = 1 / STANDARD_GRAVITY if sensor == "acc" else 5 * np.rad2deg(1.0)
                    values = values * scale
                rows = np.column_stack([np.floor(30 * time_s), stamps, values])
                np.save(here / f"{workout}_{device}_{sensor}.npy", rows)
        np.save(here / f"{workout}_pose_3d.npy", _standing(600))
        image = np.arange(2 * 600 * 19.0).reshape(2, 600, 19) // 19 % 600
        np.save(here / f"{workout}_pose_2d.npy", image)


def _standing(frames: int) -> Float[np.ndarray, "3 F J"]:
    """A body that faces x and bends its knees, left to y, in the authors' order of joints."""
    heights = {"pelvis": 950, "hip": 940, "knee": 500, "ankle": 80, "spine2": 1150, "neck": 1400}
    heights |= {"head": 1600, "": 1500, "shoulder": 1380, "elbow": 1150, "wrist": 900}
    out = np.zeros((3, frames, 1 + len(MM_FIT)))
    out[:, :, 0] = np.arange(frames)
    for index, joint in enumerate(MM_FIT):
        part = joint.split("_")[-1]
        out[0, :, 1 + index] = 150.0 * (part == "knee")
        out[1, :, 1 + index] = 200.0 * (("left" in joint) - ("right" in joint))
        out[2, :, 1 + index] = heights[part]
    return out
