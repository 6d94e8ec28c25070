"""Ego-Exo4D: skilled activities seen through Project Aria's glasses, with descriptions of what
happens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError
from otolith.core.files import inside
from otolith.core.foreign.texts import read_json
from otolith.data.channels import triad
from otolith.data.datasets._narrations import find_one, narrated
from otolith.data.datasets.dataset import DataSet
from otolith.data.paired import write_texts
from otolith.data.readers.aria import COLUMNS, RATES_HZ, read_imu
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Cut

SOURCE = "atomic description"
# A word of the take's task, and the class that PRIMUS counts it to.
_ACTIVITIES = {
    "cpr": "CPR",
    "covid": "medical test",
    "antigen": "medical test",
    "bike": "bike repair",
    "climb": "climbing",
    "boulder": "climbing",
    "soccer": "soccer or basketball",
    "basketball": "soccer or basketball",
    "cook": "cooking",
    "danc": "dance",
    "music": "music",
    "piano": "music",
    "violin": "music",
    "guitar": "music",
}
ACTIVITIES = tuple(dict.fromkeys(_ACTIVITIES.values()))
"""The eight classes of PRIMUS."""


@dataclass(frozen=True)
class EgoExo4D(DataSet):
    """Ego-Exo4D: the glasses' motion sensor, atomic descriptions as texts, the official split.

    One recording per take, for the takes of takes.json whose glasses' file lies here: VRS, or the
    CSV that `otolith.data.readers.aria` makes of it. Its clock starts with the sensor's first
    sample; takes are trimmed, so that is where descriptions count from too. By default each
    description makes a segment of 5 s around its moment, moved inside of the take, labelled with
    the take's activity, and cut into one window. Annotations that were rejected are left out. Each
    recording's fact `split` is that of splits.json, by take: people may stand on both sides.
    """

    segments: Literal["descriptions", "takes"] = "descriptions"
    """Whether 5 s around each description are a segment, or the whole take is."""
    imu: Literal["right", "left"] = "right"
    """Which of the glasses' two motion sensors: right (1000 samples a second) or left (800)."""

    name: ClassVar[str] = "ego_exo4d"
    title: ClassVar[str] = "Ego-Exo4D"
    url: ClassVar[str] = "https://ego-exo4d-data.org"
    terms: ClassVar[str] = "Ego-Exo4D licence agreement, signed by each user"
    citation: ClassVar[str] = (
        "K. Grauman et al.: Ego-Exo4D: Understanding Skilled Human Activity from First- and "
        "Third-Person Perspectives. "
        "CVPR 2024. https://arxiv.org/abs/2311.18259"
    )
    subjects: ClassVar[int] = 740
    rate_hz: ClassVar[float] = 1000.0
    placements: ClassVar[tuple[str, ...]] = ("head",)
    units: ClassVar[dict[str, str]] = {"acc": "m/s2", "gyro": "rad/s"}
    cut: ClassVar[Cut] = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.0,
        label_rule="centred",
        labels=ACTIVITIES,
        placements=("head",),
    )
    layout: ClassVar[str] = "takes.json"

    def __post_init__(self) -> None:
        if self.segments not in ("descriptions", "takes") or self.imu not in RATES_HZ:
            raise ConfigError(
                "Ego-Exo4D takes segments = descriptions or takes, and imu = right or left; "
                f"found {self.segments} and {self.imu}."
            )

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per take whose glasses' file is here, in the order of takes.json."""
        root = self.verify(folder)
        told = _descriptions(root)
        splits = _splits(root / "annotations" / "splits.json")
        read = 0
        for take in _takes(root):
            path = self._file(
                inside(root, take.get("root_dir", f"takes/{take['take_name']}")), take
            )
            if path is None:
                continue
            time_s, values, reports = read_imu(path, self.imu)
            channels = (*triad("head", "acc"), *triad("head", "gyro"))
            stream = Stream.from_rows("head", channels, time_s, values, RATES_HZ[self.imu], reports)
            label, duration_s = activity_of(take), float(stream.time_s[-1])
            id, uid = take["take_name"], take["take_uid"]
            if self.segments == "takes":
                segments = [Segment(0.0, duration_s, label, "takes.json")]
            else:
                segments = narrated(id, told.get(uid, ()), duration_s, label, SOURCE)[0]
            facts: dict[str, str | int | float] = {"take_uid": uid, "duration_s": duration_s}
            facts |= {"task": str(take["task_name"])} if take.get("task_name") else {}
            facts |= {"split": splits[uid]} if uid in splits else {}
            person = str(
                take.get("participant_uid") or f"unknown-{take.get('university_name', '')}"
            )[:100]
            capture = str(take.get("capture_uid") or id)[:100]
            yield Recording(id, person, (stream,), tuple(segments), session=capture, facts=facts)
            read += 1
        if not read:
            raise ReadError(
                f"{root} names takes, but none of their glasses' files is there: expected "
                "takes/<take>/aria01_noimagestreams.vrs, aria01.vrs or aria01_imu-right.csv. "
                "Get the part take_vrs_noimagestream."
            )

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each description as the text of the 5 s around its moment."""
        told = _descriptions(self.verify(folder))
        texts = []
        for recording in recordings:
            duration_s = float(recording.facts["duration_s"])
            moments = told.get(str(recording.facts["take_uid"]), ())
            texts += narrated(recording.id, moments, duration_s, "", SOURCE)[1]
        if texts:
            write_texts(out, texts)

    def _file(self, folder: Path, take: dict[str, Any]) -> Path | None:
        cameras = (
            take.get("capture", {}).get("cameras", [])
            if isinstance(take.get("capture"), dict)
            else []
        )
        glasses = [
            str(c["cam_id"])
            for c in (cameras if isinstance(cameras, list) else ())
            if isinstance(c, dict)
            and re.fullmatch(r"[\w-]{1,60}", name := str(c.get("cam_id", "")))
            and (c.get("device_type") == "aria" or name.startswith("aria"))
        ]
        names = [f"{name}{end}" for name in glasses or ["aria01"] for end in self._ends()]
        return find_one(folder, names)

    def _ends(self) -> tuple[str, ...]:
        return f"_imu-{self.imu}.csv", "_noimagestreams.vrs", ".vrs"


def activity_of(take: dict[str, Any]) -> str:
    """Return the class of a take among PRIMUS' eight, told by its task; its kind of task where it
    is none of them."""
    words = f"{take.get('task_name') or ''} {take.get('parent_task_name') or ''}".lower()
    return next(
        (name for word, name in _ACTIVITIES.items() if word in words),
        str(take.get("parent_task_name") or "unknown")[:200],
    )


def _takes(root: Path) -> list[dict[str, Any]]:
    takes = read_json(root / "takes.json")
    if not isinstance(takes, list) or not all(isinstance(take, dict) for take in takes):
        raise ReadError(f"{root / 'takes.json'} is no list of takes. Get the part metadata again.")
    for number, take in enumerate(takes):
        if missing := [
            key
            for key in ("take_name", "take_uid")
            if not take.get(key) or not isinstance(take[key], str)
        ]:
            raise ReadError(
                f"{root / 'takes.json'}: take {number} has no {missing[0]}; it has "
                f"{', '.join(take)[:200]}."
            )
    return takes


def _splits(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    content = read_json(path)
    found = content.get("take_uid_to_split") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise ReadError(f"{path} has no take_uid_to_split. Get the part annotations again.")
    return {uid: str(split) for uid, split in found.items()}


def _descriptions(root: Path) -> dict[str, list[tuple[float, str]]]:
    """take_uid -> moments in seconds and what was said of them, by all annotators whose work was
    not rejected."""
    out: dict[str, list[tuple[float, str]]] = {}
    for path in sorted((root / "annotations").glob("atomic_descriptions*.json")):
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("annotations"), dict):
            raise ReadError(f"{path} has no 'annotations' by take. Get the part annotations again.")
        for uid, jobs in content["annotations"].items():
            for job in jobs if isinstance(jobs, list) else ():
                if not isinstance(job, dict) or job.get("rejected"):
                    continue
                described = job.get("descriptions")
                for told in described if isinstance(described, list) else ():
                    try:
                        out.setdefault(uid, []).append(
                            (float(told["timestamp"]), str(told["text"]))
                        )
                    except (KeyError, TypeError, ValueError) as error:
                        raise ReadError(
                            f"{path}, take {uid}: a description needs a timestamp in seconds and a "
                            f"text; found "
                            f"{str(told)[:200]}."
                        ) from error
    return out


def write_sample(folder: Path) -> None:
    """Write three tiny takes of two people in the authors' layout, with CSV in place of VRS; a
    fourth has no file."""
    takes, annotations = [], {}
    for number, (task, parent) in enumerate(
        [
            ("Remove a Wheel", "Bike Repair"),
            ("Making Tea", "Cooking"),
            ("First Aid - CPR", "Health"),
            ("Salsa", "Dance"),
        ]
    ):
        name, uid = f"site_{number}_1", f"uid-{number}"
        cameras = [
            {"cam_id": "aria01", "is_ego": True, "device_type": "aria"},
            {"cam_id": "cam01", "is_ego": False},
        ]
        takes.append(
            {
                "root_dir": f"takes/{name}",
                "take_name": name,
                "take_uid": uid,
                "participant_uid": 657 + number // 2,
                "task_name": task,
                "parent_task_name": parent,
                "duration_sec": 12.0,
                "university_name": "cmu",
                "capture_uid": f"capture-{number}",
                "capture": {"cameras": cameras},
            }
        )
        told = [
            {
                "text": "C moves his right hand.",
                "timestamp": 0.5,
                "narration_subject": "C",
                "unsure": "0",
            },
            {
                "text": "The man X walks towards C.",
                "timestamp": 6.0,
                "narration_subject": "O",
                "unsure": "0",
            },
        ]
        annotations[uid] = [
            {"annotation_uid": "a", "rejected": False, "descriptions": told},
            {
                "annotation_uid": "b",
                "rejected": True,
                "descriptions": [{"text": "nonsense", "timestamp": 3.0}],
            },
        ]
        if number < 3:
            _write_csv(folder / "takes" / name / "aria01_imu-right.csv", number)
    (folder / "annotations").mkdir()
    (folder / "takes.json").write_text(json.dumps(takes), encoding="utf-8")
    files = {
        "atomic_descriptions_train.json": {
            "annotations": {uid: annotations[uid] for uid in ("uid-0", "uid-1")}
        },
        "atomic_descriptions_val.json": {
            "annotations": {uid: annotations[uid] for uid in ("uid-2", "uid-3")}
        },
        "splits.json": {
            "take_uid_to_split": {
                "uid-0": "train",
                "uid-1": "train",
                "uid-2": "val",
                "uid-3": "val",
            }
        },
    }
    for name, content in files.items():
        (folder / "annotations" / name).write_text(json.dumps(content), encoding="utf-8")


def _write_csv(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True)
    random = np.random.default_rng(seed)
    values = random.normal(0, 0.05, (12_000, 6)) + np.array([9.6, 0.5, 1.9, 0.0, 0.0, 0.0])
    values[3000:9000] += np.sin(np.arange(6000) / 80)[:, None]
    lines = [",".join(COLUMNS)]
    lines += [
        f"{10**12 + n * 10**6}," + ",".join(f"{v:.5f}" for v in row) for n, row in enumerate(values)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
