"""Ego4D: daily life through head-worn cameras, their motion sensors, and what narrators saw.

What lies in the authors' release, and is read:

    v2/ego4d.json                       videos: who, scenarios, device, splits
    v2/imu/<video_uid>.csv              canonical_timestamp_ms (time of the video), gyro_x …
                                        (rad/s), accl_x … (m/s²)
    v2/annotations/narration.json       sentences with their second, by two narrators

Units are those of GoPro's telemetry; the authors name none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.texts import read_json
from otolith.core.settings import settings
from otolith.data.datasets._narrations import (
    Moment,
    NarratedDataSet,
    find_one,
    items_of,
    person_of,
)
from otolith.data.datasets._samples import fake_imu, write_json, write_table
from otolith.data.datasets.dataset import Facts, channels_of
from otolith.data.readers.columns import Columns, read_numbers
from otolith.data.recording import Recording, RowReport, Stream
from otolith.data.windows import Cut

SEVERAL, UNKNOWN = "several scenarios", "unknown scenario"
"""Labels of videos whose scenario is not one."""
_COLUMNS = {"acc": ("accl_x", "accl_y", "accl_z"), "gyro": ("gyro_x", "gyro_y", "gyro_z")}
_CLOCK = "canonical_timestamp_ms"
_NARRATIONS = ("narration.json", "all_narrations_redacted.json", "narrations.json")
_PASSES = ("narration_pass_1", "narration_pass_2")
_SPLITS = ("split_em", "split_fho", "split_av")


@settings
class Ego4D(NarratedDataSet):
    """Ego4D: the cameras' motion sensors where they have one, narrations as texts, the splits.

    One recording per video with a file in imu/, acceleration and angular rate a stream each: their
    rates differ, and rows that hold only one of them are reported. Time is that of the video, in
    which narrations count; rows without it (before and after the video) are reported. By default
    each narration makes a segment of 5 s around its moment, labelled with the video's scenario
    where it has just one. People without a number are one subject per university, so that nobody
    is on both sides of a split. A recording's facts hold the split of each benchmark; `split` is
    the first of them.
    """

    segments: Literal["narrations", "videos"] = "narrations"
    """Whether 5 s around each narration are a segment, or the whole video is."""

    name = "ego4d"
    title = "Ego4D"
    url = "https://ego4d-data.org"
    terms = "Ego4D licence agreement, signed by each user"
    citation = (
        "K. Grauman et al.: Ego4D: Around the World in 3,000 Hours of Egocentric Video. CVPR 2022. "
        "https://arxiv.org/abs/2110.07058"
    )
    subjects = 923
    rate_hz = 200.0
    placements = ("head",)
    units: ClassVar = {"acc": "m/s2", "gyro": "rad/s"}
    cut = Cut(seconds=5.0, rate_hz=50.0, overlap=0.0, label_rule="centred", placements=placements)
    layout = "imu/*.csv"
    source = "narration"

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per video whose motion sensor's file is here, sorted by their uid."""
        root = self.verify(folder)
        videos, moments = _videos(root), self.moments(root)
        for path in sorted(root.glob(self.layout)):
            uid = path.stem
            if path.name == "manifest.csv":
                continue
            if uid not in videos:
                raise ReadError(
                    f"{path}: ego4d.json knows no video '{uid}'. Get metadata and imu of one "
                    "version."
                )
            about, streams = videos[uid], self._streams(path)
            duration_s = max(float(stream.time_s[-1]) for stream in streams)
            whole = "ego4d.json" if self.segments == "videos" else ""
            spoken = moments.get(uid, ())
            segments = self.segments_of(spoken, duration_s, scenario_of(about), whole)
            known = {key: str(about[key]) for key in ("device", *_SPLITS) if about.get(key)}
            facts: Facts = {"duration_s": duration_s, **known}
            if split := next((known[key] for key in _SPLITS if key in known), None):
                facts["split"] = split
            university = about.get("video_source") or "university"
            person = person_of(about.get("fb_participant_id"), university)
            yield Recording(uid, person, streams, segments, session=uid, facts=facts)

    @override
    def moments(self, root: Path) -> Mapping[str, list[Moment]]:
        """Return what the narrators of both passes said: video_uid -> moments."""
        path = find_one(root / "annotations", _NARRATIONS)
        if path is None:
            return {}
        content = read_json(path)
        videos = content.get("videos", content) if isinstance(content, dict) else None
        if not isinstance(videos, dict):
            raise ReadError(f"{path} has no narrations by video. Get the annotations again.")
        return {
            uid: [
                Moment.of(
                    entry, "timestamp_sec", "narration_text", f"{path}, video {uid}: a narration"
                )
                for name in _PASSES
                if isinstance(passes, dict)
                for entry in items_of(passes.get(name), "narrations")
            ]
            for uid, passes in videos.items()
        }

    def _streams(self, path: Path) -> tuple[Stream, ...]:
        table = read_numbers(path, [_CLOCK, *_COLUMNS["acc"], *_COLUMNS["gyro"]])
        streams = [self._stream(table, quantity) for quantity in _COLUMNS]
        if not any(streams):
            raise ReadError(
                f"{path}: no row has both a time of the video and a number. Get it again."
            )
        return tuple(stream for stream in streams if stream)

    def _stream(self, table: Columns, quantity: str) -> Stream | None:
        seconds = table.numbers[_CLOCK] / 1000
        values = table.matrix(_COLUMNS[quantity])
        # Where the rates differ, the rows of the two sensors alternate: a row of the other one is
        # no damage.
        other = np.isnan(values).all(axis=1)
        outside = ~other & ~(seconds >= 0.0)
        keep = ~other & ~outside
        if not keep.any():
            return None
        reports = [
            *table.notes,
            RowReport("row of another quantity", int(other.sum()), f"no {quantity} in it"),
            RowReport(
                "outside the video", int(outside.sum()), "no time of the video, or before it"
            ),
        ]
        reports = [r for r in reports if r.rows or r in table.notes]
        channels = channels_of("head", [quantity])
        return self.stream(quantity, channels, seconds[keep], values[keep], None, reports)


def scenario_of(video: Mapping[str, Any]) -> str:
    """Return a video's scenario as the authors write it, or that it has several or none.

    >>> scenario_of({"scenarios": ["Cooking"]}), scenario_of({"scenarios": ["Eating", "Walking"]})
    ('Cooking', 'several scenarios')
    """
    scenarios = video.get("scenarios") or []
    if not isinstance(scenarios, list):
        raise ReadError(
            f"ego4d.json: the scenarios of a video are a list; found {str(scenarios)[:80]}."
        )
    if len(scenarios) == 1:
        return " ".join(str(scenarios[0]).split())
    return SEVERAL if scenarios else UNKNOWN


def _videos(root: Path) -> dict[str, Mapping[str, Any]]:
    """video_uid -> what ego4d.json says of the video."""
    path = find_one(root, ("ego4d.json", "annotations/ego4d.json", "../ego4d.json"))
    if path is None:
        raise ReadError(
            f"{root} has imu/ but no ego4d.json, which tells who wore the camera. Get the metadata."
        )
    content = read_json(path)
    videos = content.get("videos") if isinstance(content, dict) else None
    items = items_of(videos)
    uids: list[Any] = [item.get("video_uid") if isinstance(item, dict) else "" for item in items]
    if not isinstance(videos, list) or not all(isinstance(uid, str) and uid for uid in uids):
        raise ReadError(
            f"{path} has no list 'videos' with a video_uid each. Get the metadata again."
        )
    return dict(zip(uids, items, strict=True))


def write_sample(folder: Path) -> None:
    """Write three tiny videos of two people and one unknown; one file begins before its video."""
    root, narrations = folder / "v2", {}
    videos: list[dict[str, object]] = [
        {"scenarios": ["Cooking"], "fb_participant_id": 7, "split_em": "train"},
        {"scenarios": ["Walking on street", "Eating"], "fb_participant_id": 8},
        {
            "scenarios": ["Carpenter"],
            "video_source": "unict",
            "split_em": "val",
            "split_fho": "test",
        },
    ]
    for number, video in enumerate(videos):
        uid = f"0000-{number}"
        video |= {"video_uid": uid, "device": "GoPro Hero Black 7"}
        said = [(3.0, "#C C cuts the onion #unsure"), (9.0, "#O The man X talks to C")]
        entries = [{"timestamp_sec": time_s, "narration_text": text} for time_s, text in said]
        narrations[uid] = {"narration_pass_1": {"narrations": entries}, "status": "complete"}
        stamps = [f"{5.0 * row}" for row in range(2400)]
        if number == 2:
            stamps = [""] * 40 + stamps[:-40]
        rows = fake_imu((0.0, 0.0, 0.0, 1.2, 9.6, 0.8), 2400, number)
        clocks = ("component_idx", "component_timestamp_ms", _CLOCK)
        header = ",".join((*clocks, *_COLUMNS["gyro"], *_COLUMNS["acc"]))
        counts = np.zeros(2400, int), 5.0 * np.arange(2400)
        write_table(root / "imu" / f"{uid}.csv", header, *counts, stamps, rows)
    write_table(root / "imu" / "manifest.csv", "video_uid,type")
    write_json(root / "ego4d.json", {"version": "2.0", "videos": videos})
    write_json(root / "annotations" / "narration.json", {"videos": narrations})
