"""Ego-Exo4D: skilled activities seen through Project Aria's glasses, and described in sentences.

What lies in the authors' release, and is read:

    takes.json                                      who did what in each take
    takes/<take>/aria01_noimagestreams.vrs          the glasses' sensors (or aria01.vrs, or the
                                                    CSV that `otolith.data.readers.aria` makes)
    annotations/atomic_descriptions_train.json      sentences with their second
    annotations/splits.json                         the official split, by take
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.files import inside
from otolith.core.foreign.texts import read_json
from otolith.core.settings import settings
from otolith.data.datasets._narrations import (
    Moment,
    NarratedDataSet,
    find_one,
    items_of,
    object_in,
    person_of,
)
from otolith.data.datasets._samples import fake_imu, write_json, write_table
from otolith.data.datasets.dataset import Facts, channels_of
from otolith.data.readers.aria import COLUMNS, RATES_HZ, read_imu
from otolith.data.recording import Recording
from otolith.data.windows import Cut

# A word of the take's task -> the class that PRIMUS counts it to.
_ACTIVITIES = {
    "cpr": "CPR",
    **dict.fromkeys(("covid", "antigen"), "medical test"),
    "bike": "bike repair",
    **dict.fromkeys(("climb", "boulder"), "climbing"),
    **dict.fromkeys(("soccer", "basketball"), "soccer or basketball"),
    "cook": "cooking",
    "danc": "dance",
    **dict.fromkeys(("music", "piano", "violin", "guitar"), "music"),
}
ACTIVITIES = tuple(dict.fromkeys(_ACTIVITIES.values()))
"""The eight classes of PRIMUS."""


@settings
class EgoExo4D(NarratedDataSet):
    """Ego-Exo4D: the glasses' motion sensor, atomic descriptions as texts, the official split.

    One recording per take, for the takes of takes.json whose glasses' file is here. Its clock
    starts with the sensor's first sample; takes are trimmed, so descriptions count from there too.
    By default each description makes a segment of 5 s around its moment, moved inside the take,
    labelled with the take's activity, and cut into one window. Annotations that were rejected are
    left out. Each recording's fact `split` is that of splits.json, by take: people may be on both
    sides.
    """

    segments: Literal["descriptions", "takes"] = "descriptions"
    """Whether 5 s around each description are a segment, or the whole take is."""
    imu: Literal["right", "left"] = "right"
    """Which of the glasses' two motion sensors: right (1000 samples a second) or left (800)."""

    name = "ego_exo4d"
    title = "Ego-Exo4D"
    url = "https://ego-exo4d-data.org"
    terms = "Ego-Exo4D licence agreement, signed by each user"
    citation = (
        "K. Grauman et al.: Ego-Exo4D: Understanding Skilled Human Activity from First- and "
        "Third-Person Perspectives. CVPR 2024. https://arxiv.org/abs/2311.18259"
    )
    subjects = 740
    rate_hz = 1000.0
    placements = ("head",)
    units: ClassVar = {"acc": "m/s2", "gyro": "rad/s"}
    cut = Cut(
        seconds=5.0,
        rate_hz=50.0,
        overlap=0.0,
        label_rule="centred",
        labels=ACTIVITIES,
        placements=placements,
    )
    layout = "takes.json"
    source = "atomic description"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per take whose glasses' file is here, in the order of takes.json."""
        root = self.verify(folder)
        moments = self.moments(root)
        listed = root / "annotations" / "splits.json"
        splits = object_in(listed, "take_uid_to_split") if listed.exists() else {}
        files = [(take, path) for take in _takes(root) if (path := self._file(root, take))]
        if not files:
            raise ReadError(
                f"{root} names takes, but none of their glasses' files is there: expected "
                "takes/<take>/aria01_noimagestreams.vrs, aria01.vrs or aria01_imu-right.csv. "
                "Get the part take_vrs_noimagestream."
            )
        for take, path in files:
            id, uid = take["take_name"], take["take_uid"]
            time_s, values, reports = read_imu(path, self.imu)
            channels, rate_hz = channels_of("head"), RATES_HZ[self.imu]
            stream = self.stream("head", channels, time_s, values, rate_hz, reports)
            duration_s = float(stream.time_s[-1])
            whole = "takes.json" if self.segments == "takes" else ""
            spoken = moments.get(uid, ())
            segments = self.segments_of(spoken, duration_s, activity_of(take), whole)
            facts: Facts = {"take_uid": uid, "duration_s": duration_s}
            facts |= {"task": str(take["task_name"])} if take.get("task_name") else {}
            facts |= {"split": str(splits[uid])} if uid in splits else {}
            number = take.get("participant_uid") or None
            person = person_of(number, take.get("university_name", ""))
            session = str(take.get("capture_uid") or id)[:100]
            yield Recording(id, person, (stream,), segments, session=session, facts=facts)

    @override
    def moments(self, root: Path) -> Mapping[str, list[Moment]]:
        """Return what annotators said whose work was not rejected: take_uid -> moments."""
        out: dict[str, list[Moment]] = {}
        for path in sorted((root / "annotations").glob("atomic_descriptions*.json")):
            for uid, jobs in object_in(path, "annotations").items():
                where = f"{path}, take {uid}: a description"
                for job in items_of(jobs):
                    if isinstance(job, dict) and not job.get("rejected"):
                        said = items_of(job, "descriptions")
                        moments = [Moment.of(entry, "timestamp", "text", where) for entry in said]
                        out.setdefault(uid, []).extend(moments)
        return out

    def _file(self, root: Path, take: Mapping[str, Any]) -> Path | None:
        """The file of the glasses: by the cameras that the take names, else aria01."""
        folder = inside(root, take.get("root_dir", f"takes/{take['take_name']}"))
        ends = (f"_imu-{self.imu}.csv", "_noimagestreams.vrs", ".vrs")
        return find_one(folder, [f"{name}{end}" for name in _glasses(take) for end in ends])


def activity_of(take: Mapping[str, Any]) -> str:
    """Return the class of a take among PRIMUS' eight by its task, else its kind of task.

    >>> activity_of({"task_name": "Playing Violin", "parent_task_name": "Music"})
    'music'
    """
    words = f"{take.get('task_name') or ''} {take.get('parent_task_name') or ''}".lower()
    for word, activity in _ACTIVITIES.items():
        if word in words:
            return activity
    return str(take.get("parent_task_name") or "unknown")[:200]


def _takes(root: Path) -> list[dict[str, Any]]:
    path = root / "takes.json"
    takes = read_json(path)
    if not isinstance(takes, list) or not all(isinstance(take, dict) for take in takes):
        raise ReadError(f"{path} is no list of takes. Get the part metadata again.")
    for number, take in enumerate(takes):
        for key in ("take_name", "take_uid"):
            if not isinstance(take.get(key), str) or not take[key]:
                keys = ", ".join(take)[:200]
                raise ReadError(f"{path}: take {number} has no {key}; it has {keys}.")
    return takes


def _glasses(take: Mapping[str, Any]) -> list[str]:
    """The names of a take's Aria cameras; what could not be a file's name is no camera."""
    names = []
    for camera in items_of(take.get("capture"), "cameras"):
        name = str(camera.get("cam_id", "")) if isinstance(camera, dict) else ""
        is_name = re.fullmatch(r"[\w-]{1,60}", name)
        if is_name and (camera.get("device_type") == "aria" or name.startswith("aria")):
            names.append(name)
    return names or ["aria01"]


def write_sample(folder: Path) -> None:
    """Write four tiny takes of two people with CSV in place of VRS; the last one has no file."""
    tasks = {
        "Remove a Wheel": "Bike Repair",
        "Making Tea": "Cooking",
        "First Aid - CPR": "Health",
        "Salsa": "Dance",
    }
    takes, splits = [], {}
    annotations: dict[str, dict[str, object]] = {"train": {}, "val": {}}
    for number, (task, parent) in enumerate(tasks.items()):
        name, uid = f"site_{number}_1", f"uid-{number}"
        takes.append(
            {
                "take_name": name,
                "take_uid": uid,
                "participant_uid": 657 + number // 2,
                "task_name": task,
                "parent_task_name": parent,
                "capture_uid": f"capture-{number}",
                "capture": {"cameras": [{"cam_id": "aria01", "device_type": "aria"}]},
            }
        )
        said = [(0.5, "C moves his right hand."), (6.0, "The man X walks towards C.")]
        jobs = [
            {
                "rejected": False,
                "descriptions": [{"timestamp": t, "text": text} for t, text in said],
            },
            {"rejected": True, "descriptions": [{"timestamp": 3.0, "text": "nonsense"}]},
        ]
        splits[uid] = "val" if number > 1 else "train"
        annotations[splits[uid]][uid] = jobs
        if number < 3:
            stamps = 10**12 + np.arange(12_000) * 10**6
            rows = fake_imu((9.6, 0.5, 1.9, 0.0, 0.0, 0.0), 12_000, number)
            path = folder / "takes" / name / "aria01_imu-right.csv"
            write_table(path, ",".join(COLUMNS), stamps, rows)
    write_json(folder / "takes.json", takes)
    write_json(folder / "annotations" / "splits.json", {"take_uid_to_split": splits})
    for split, by_take in annotations.items():
        file = folder / "annotations" / f"atomic_descriptions_{split}.json"
        write_json(file, {"annotations": by_take})
