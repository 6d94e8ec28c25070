"""MM-Fit: ten people's workouts, with watches on both wrists, phones in both pockets, an earbud,
and their poses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError, UnitError
from otolith.core.foreign.arrays import read_npy, sane
from otolith.data.channels import triad
from otolith.data.datasets.dataset import DataSet
from otolith.data.paired import LABEL, Text, write_modality, write_texts
from otolith.data.readers.clock import start_of
from otolith.data.readers.columns import CsvFormat, read_columns
from otolith.data.recording import Recording, RowReport, Segment, Stream
from otolith.data.skeleton import MM_FIT, sided
from otolith.data.study import Cut
from otolith.data.units import factor, gravity_verdict, still_blocks

DEVICES = {
    "sw_l": "left_wrist",
    "sw_r": "right_wrist",
    "sp_l": "left_pocket",
    "sp_r": "right_pocket",
    "eb_l": "left_ear",
}
EXERCISES = (
    "squats",
    "lunges",
    "bicep_curls",
    "situps",
    "pushups",
    "tricep_extensions",
    "dumbbell_rows",
    "jumping_jacks",
    "dumbbell_shoulder_press",
    "lateral_shoulder_raises",
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
    *(
        "nose",
        "neck",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
)
_SENSORS = {"acc": "acc", "gyr": "gyro", "mag": "mag"}
_FILE = re.compile(r"(w\d+)_(s[wp]_[lr]|eb_l)_(acc|gyr|mag)\.npy")
# Human3.6M's own 32 joints, of which the authors' description speaks; their files hold the usual
# 17.
_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
_FPS = 30.0
_MM = 1e-3


@dataclass(frozen=True)
class MmFit(DataSet):
    """MM-Fit: full-body workouts of ten exercises, five devices, 2-D and 3-D poses of the same
    video frames.

    One recording per workout. Rows carry the number of the video frame that they belong to: by it
    the devices are laid on one line of time, and the sets, which are given in frames, as well.
    Phones were not worn in every workout. Watches count 100 times a second, the earbud 90, the
    phones 210 or 500. Units are those of Android; what the earbud counts in is told nowhere and
    seen from its numbers, and each stream says so. The authors' list of 3-D joints has left and
    right exchanged against Human3.6M's: which it is, the knees tell. Heart rates are not read.
    """

    earbud: tuple[str, ...] = ()
    """Units of the earbud's accelerometer and gyroscope, such as g and deg/s; seen from the numbers
    where empty."""

    name: ClassVar[str] = "mm_fit"
    title: ClassVar[str] = "MM-Fit"
    url: ClassVar[str] = "https://mmfit.github.io"
    terms: ClassVar[str] = "see https://mmfit.github.io; cite the paper"
    citation: ClassVar[str] = (
        "D. Strömbäck, S. Huang, V. Radu: MM-Fit: Multimodal Deep Learning for Automatic Exercise "
        "Logging across "
        "Sensing Devices. IMWUT 4(4), 2020. https://doi.org/10.1145/3432701"
    )
    subjects: ClassVar[int] = 10
    rate_hz: ClassVar[float] = 100.0
    placements: ClassVar[tuple[str, ...]] = tuple(DEVICES.values())
    units: ClassVar[dict[str, str]] = {"acc": "m/s2", "gyro": "rad/s", "mag": "uT"}
    cut: ClassVar[Cut] = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.5,
        label_rule="majority",
        labels=(*EXERCISES, NOTHING),
        placements=("left_wrist", "right_wrist"),
    )
    layout: ClassVar[str] = "w[0-9][0-9]/w[0-9][0-9]_labels.csv"

    def __post_init__(self) -> None:
        if len(self.earbud) not in (0, 2):
            raise ConfigError(
                f"MM-Fit's earbud takes two units, acceleration and angular rate; found "
                f"{self.earbud}."
            )
        for quantity, unit in zip(("acc", "gyro"), self.earbud, strict=False):
            factor(quantity, unit)

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per workout."""
        root = self.verify(folder)
        for labels in sorted(root.glob(self.layout)):
            workout = labels.parent.name
            tables = {
                (found[2], _SENSORS[found[3]]): _rows(path)
                for path in sorted(labels.parent.iterdir())
                if (found := _FILE.fullmatch(path.name)) and found[1] == workout
            }
            if not tables:
                raise ReadError(
                    f"{labels.parent} holds labels but no sensor: no file like "
                    f"{workout}_sw_l_acc.npy."
                )
            fps = _frame_rate(labels.parent, list(tables.values()))
            times = {key: _on_video(rows, fps) for key, rows in tables.items()}
            zero_s = min(float(time_s[np.isfinite(time_s)][0]) for time_s in times.values())
            streams = [self._stream(key, rows, times[key] - zero_s) for key, rows in tables.items()]
            end_s = max(float(stream.time_s[-1]) for stream in streams)
            split = next((name for name, numbers in SPLITS.items() if workout[1:] in numbers), "")
            number = int(workout[1:])
            if number >= len(PARTICIPANTS):
                raise ReadError(
                    f"{labels.parent}: MM-Fit has the workouts w00 to w20; nobody knows who did "
                    f"{workout}."
                )
            facts: dict[str, str | int | float] = {
                "frames_per_second": round(fps, 5),
                "zero_s": zero_s,
            }
            facts |= {"split": split} if split else {}
            segments = tuple(_sets(labels, fps, zero_s, end_s))
            # The clock of the device that began first.
            first = min(times, key=lambda key: float(times[key][0]))
            yield Recording(
                workout,
                f"p{PARTICIPANTS[number]}",
                tuple(streams),
                segments,
                session=workout,
                facts=facts,
                start=start_of(float(tables[first][0, 1]) / 1000, UTC),
            )

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write where joints were in space and in the image, and each set's exercise in words,
        marked as a label."""
        root = self.verify(folder)
        texts = []
        for recording in recordings:
            fps, zero_s = (float(recording.facts[name]) for name in ("frames_per_second", "zero_s"))
            for segment in recording.segments:
                words = "a person rests between two sets"
                if segment.label != NOTHING:
                    words = f"a person does {segment.label.replace('_', ' ')}"
                texts.append(Text(recording.id, segment.start_s, segment.end_s, words, LABEL))
            for name, size in (("pose_3d", 3), ("pose_2d", 2)):
                path = root / recording.id / f"{recording.id}_{name}.npy"
                if path.exists():
                    frames, places = _poses(path, size)
                    columns = {"time_s": frames / fps - zero_s} | (
                        _space(path, places) if size == 3 else _image(path, places)
                    )
                    write_modality(out, "pose" if size == 3 else name, recording.id, columns)
        write_texts(out, texts)

    def _stream(self, key: tuple[str, str], rows: np.ndarray, time_s: np.ndarray) -> Stream:
        device, quantity = key
        place = DEVICES[device]
        unit, reports = self.units[quantity], tuple[RowReport, ...]()
        if device == "eb_l":
            unit = dict(zip(("acc", "gyro"), self.earbud, strict=False)).get(
                quantity
            ) or _seen_unit(quantity, rows, time_s)
            reports = (
                RowReport(
                    "unit", 0, f"{unit}: {'as stated' if self.earbud else 'seen from the numbers'}"
                ),
            )
        nominal = self.rate_hz if device.startswith("sw") else None
        values = rows[:, 2:] * factor(quantity, unit)
        return Stream.from_rows(
            f"{place}.{quantity}", triad(place, quantity), time_s, values, nominal, reports
        )


def _rows(path: Path) -> Float[np.ndarray, "T 5"]:
    """One sensor of a workout: frame, stamp in milliseconds, x, y, z."""
    rows = read_npy(path)
    if rows.ndim != 2 or rows.shape[1] != 5 or not len(rows) or rows.dtype.kind not in "fiu":
        raise ReadError(
            f"{path} has shape {rows.shape}; expected rows of frame, stamp (ms), x, y, z."
        )
    found = sane(rows)
    if not np.isfinite(found[:, :2]).all(axis=1).any():
        raise ReadError(
            f"{path}: no row has both the number of a frame and a stamp. Unpack the archive again."
        )
    return found


def _frame_rate(folder: Path, tables: Sequence[Float[np.ndarray, "T 5"]]) -> float:
    """Video frames per second of the devices' own clocks: the median over the devices."""
    found = []
    for rows in tables:
        frames, seconds = rows[:, 0], rows[:, 1] / 1000
        good = np.isfinite(frames) & np.isfinite(seconds)
        # Rows before the first and after the last frame may all carry its number.
        good &= (frames > np.nanmin(frames)) & (frames < np.nanmax(frames))
        if (
            good.sum() > 2 and np.ptp(seconds[good]) > 1e-3
        ):  # less is no clock, and its square may be nothing
            since, counted = (part[good] - part[good].mean() for part in (seconds, frames))
            found.append(float(since @ counted / (since @ since)))
    fps = float(np.median(found)) if found else np.nan
    if not abs(fps / _FPS - 1) < 0.05:
        raise ReadError(
            f"{folder}: the first column of its sensors counts {fps:.3g} frames per second of the "
            f"second column; "
            f"expected video frames, {_FPS:g} per second, and stamps in milliseconds."
        )
    return fps


def _on_video(rows: Float[np.ndarray, "T 5"], fps: float) -> Float[np.ndarray, " T"]:
    """Seconds since the video's frame 0, by the device's own clock set once."""
    seconds = rows[:, 1] / 1000
    inside = (rows[:, 0] > np.nanmin(rows[:, 0])) & (rows[:, 0] < np.nanmax(rows[:, 0]))
    ahead = rows[:, 0] / fps - seconds
    known = np.isfinite(ahead)
    return np.asarray(
        seconds + np.median(ahead[inside & known] if (inside & known).any() else ahead[known])
    )


def _sets(path: Path, fps: float, zero_s: float, end_s: float) -> Iterator[Segment]:
    """Sets as the authors marked them, last frame included, and what lies between them."""
    kinds = {"1": "number", "2": "number", "4": "text"}
    table = read_columns(path, kinds, CsvFormat(header=False))  # type: ignore[arg-type]
    done = 0.0
    rows = zip(table.numbers["1"], table.numbers["2"], table.texts["4"].to_pylist(), strict=True)
    for first, last, label in sorted(rows, key=lambda row: row[0]):
        name = (label or "").strip()
        if name not in EXERCISES or not first <= last:
            raise ReadError(
                f"{path}: a set is first frame, last frame, repetitions, exercise; found {first}, "
                f"{last}, '{name}'. "
                f"Exercises are {', '.join(EXERCISES)}."
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
    """Frame numbers and joints of a pose file: (coordinates, frames, 1 + joints), frame numbers in
    the first column."""
    poses = read_npy(path)
    if (
        poses.ndim != 3
        or poses.shape[0] != size
        or poses.shape[2] < 2
        or poses.dtype.kind not in "fiu"
    ):
        raise ReadError(f"{path} has shape {poses.shape}; expected ({size}, frames, 1 + joints).")
    poses = sane(poses)
    frames = poses[0, :, 0]
    rising = np.isfinite(frames)
    rising[1:] &= frames[1:] > np.maximum.accumulate(np.where(rising, frames, -np.inf))[:-1]
    if not rising.any():
        raise ReadError(f"{path}: its first column counts no frames. Unpack the archive again.")
    return frames[rising], np.moveaxis(poses[:, rising, 1:], 0, -1)


def _space(path: Path, places: Float[np.ndarray, "F J 3"]) -> dict[str, np.ndarray]:
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
    upright = np.median(stature[seen], axis=0)
    if not 0.3 < np.linalg.norm(upright) < 2.5:
        raise ReadError(
            f"{path}: head and feet are {np.linalg.norm(upright):.3g} m apart; expected "
            f"millimetres, third axis up."
        )
    return {
        f"{name}.{axis}": place[:, i]
        for name, place in named.items()
        for i, axis in enumerate("xyz")
    }


def _image(path: Path, places: Float[np.ndarray, "F J 2"]) -> dict[str, np.ndarray]:
    """COCO's joints with the neck, in pixels."""
    if places.shape[1] != len(IMAGE_JOINTS):
        raise ReadError(
            f"{path} has {places.shape[1]} joints; expected {len(IMAGE_JOINTS)}, COCO's and the "
            f"neck."
        )
    return {
        f"{name}.{axis}": places[:, j, i]
        for j, name in enumerate(IMAGE_JOINTS)
        for i, axis in enumerate("xy")
    }


def _seen_unit(quantity: str, rows: np.ndarray, time_s: np.ndarray) -> str:
    """What an earbud counts in, where nobody says: gravity tells m/s² from g, sheer size rad/s from
    deg/s."""
    values = rows[:, 2:]
    values = values[np.isfinite(values).all(axis=1)]
    if quantity == "acc":
        rate_hz = (len(time_s) - 1) / max(time_s[-1] - time_s[0], 1e-9)
        for unit in ("m/s2", "g"):
            verdict = gravity_verdict(*still_blocks(values * factor("acc", unit), rate_hz))
            if verdict.checked and verdict.plausible:
                return unit
        raise UnitError(
            "What MM-Fit's earbud counts in cannot be seen: at rest it reads neither 9.8 nor 1. "
            "State it: earbud = g,deg/s (acceleration, angular rate)."
        )
    # A head turns at up to a few rad/s in these exercises, which is hundreds of degrees per second.
    return "deg/s" if np.quantile(np.abs(values), 0.99) > 20.0 else "rad/s"


def write_sample(folder: Path) -> None:
    """Write two tiny workouts in the authors' layout, one without phones, each device with a clock
    of its own."""
    for workout, devices in (("w00", list(DEVICES)), ("w01", ["sw_l", "sw_r", "eb_l"])):
        here = folder / "mm-fit" / workout
        here.mkdir(parents=True)
        for number, device in enumerate(devices):
            time_s = np.arange(2000) / 100 + 0.01 * number
            for sensor in ("acc", "gyr", "mag") if device.startswith("sp") else ("acc", "gyr"):
                random = np.random.default_rng([number, int(workout[-1])])
                rest = {"acc": [0.2, 9.7, 1.2], "gyr": [0.0, 0.0, 0.0], "mag": [10.0, 20.0, -30.0]}[
                    sensor
                ]
                values = random.normal(0, 0.02, (2000, 3)) + np.array(rest)
                values[600:1200] += 2 * np.sin(np.arange(600) / 12)[:, None]
                if device == "eb_l":
                    values = values / 9.80665 if sensor == "acc" else np.rad2deg(values)
                stamps = 1_555_000_000_000 + 5000 * number + 1000 * time_s
                rows = np.column_stack([np.floor(30 * time_s), np.round(stamps), values])
                np.save(here / f"{workout}_{device}_{sensor}.npy", rows)
        np.save(here / f"{workout}_pose_3d.npy", _standing(600))
        np.save(
            here / f"{workout}_pose_2d.npy",
            np.arange(2 * 600 * 19.0).reshape(2, 600, 19) // 19 % 600,
        )
        (here / f"{workout}_labels.csv").write_text(
            "180,359,10,squats\n420,499,8,pushups\n", encoding="utf-8"
        )


def _standing(frames: int) -> np.ndarray:
    """A body that faces x and bends its knees, left to y, in the authors' order of joints."""
    heights = {
        "pelvis": 950,
        "hip": 940,
        "knee": 500,
        "ankle": 80,
        "spine2": 1150,
        "neck": 1400,
        "head": 1600,
        "": 1500,
    }
    heights |= {"shoulder": 1380, "elbow": 1150, "wrist": 900}
    out = np.zeros((3, frames, 1 + len(MM_FIT)))
    out[:, :, 0] = np.arange(frames)
    for index, joint in enumerate(MM_FIT):
        part = joint.split("_")[-1]
        out[0, :, 1 + index] = 150.0 * (part == "knee")
        out[1, :, 1 + index] = 200.0 * (("left" in joint) - ("right" in joint))
        out[2, :, 1 + index] = heights[part]
    return out
