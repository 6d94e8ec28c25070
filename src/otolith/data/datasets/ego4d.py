"""Ego4D: daily life through head-worn cameras, their motion sensors, and what narrators saw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError
from otolith.core.foreign.texts import read_json
from otolith.data.channels import triad
from otolith.data.datasets._narrations import find_one, narrated
from otolith.data.datasets.dataset import DataSet
from otolith.data.paired import write_texts
from otolith.data.readers.columns import Columns, read_columns
from otolith.data.recording import Recording, RowReport, Segment, Stream
from otolith.data.study import Cut
from otolith.data.units import factor

SOURCE = "narration"
SEVERAL, UNKNOWN = "several scenarios", "unknown scenario"
"""Labels of videos whose scenario is not one."""
_COLUMNS = {"acc": ("accl_x", "accl_y", "accl_z"), "gyro": ("gyro_x", "gyro_y", "gyro_z")}
_CLOCK = "canonical_timestamp_ms"
_NARRATIONS = ("narration.json", "all_narrations_redacted.json", "narrations.json")
_SPLITS = ("split_em", "split_fho", "split_av")


@dataclass(frozen=True)
class Ego4D(DataSet):
    """Ego4D: the cameras' motion sensors where they have one, narrations as texts, the authors'
    splits.

    One recording per video with a file in imu/, acceleration and angular rate a stream each: their
    rates differ, and rows that hold only one of them are told. Time is that of the video, which
    narrations count in; rows without it (before and after the video) are reported. By default each
    narration makes a segment of 5 s around its moment, labelled with the video's scenario where it
    has one alone. People without a number are one subject per university, so that nobody is on both
    sides of a split. A recording's facts tell the split of each benchmark; `split` is the first
    that is given. Units are those of GoPro's telemetry; the authors name none.
    """

    segments: Literal["narrations", "videos"] = "narrations"
    """Whether 5 s around each narration are a segment, or the whole video is."""

    name: ClassVar[str] = "ego4d"
    title: ClassVar[str] = "Ego4D"
    url: ClassVar[str] = "https://ego4d-data.org"
    terms: ClassVar[str] = "Ego4D licence agreement, signed by each user"
    citation: ClassVar[str] = (
        "K. Grauman et al.: Ego4D: Around the World in 3,000 Hours of Egocentric Video. CVPR 2022. "
        "https://arxiv.org/abs/2110.07058"
    )
    subjects: ClassVar[int] = 923
    rate_hz: ClassVar[float] = 200.0
    placements: ClassVar[tuple[str, ...]] = ("head",)
    units: ClassVar[dict[str, str]] = {"acc": "m/s2", "gyro": "rad/s"}
    cut: ClassVar[Cut] = Cut(
        seconds=5.0, rate_hz=50.0, overlap=0.0, label_rule="centred", placements=("head",)
    )
    layout: ClassVar[str] = "imu/*.csv"

    def __post_init__(self) -> None:
        if self.segments not in ("narrations", "videos"):
            raise ConfigError(
                f"Ego4D takes segments = narrations or videos; found {self.segments}."
            )

    @override
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read one recording per video whose motion sensor's file is here, sorted by their uid."""
        root = self.verify(folder)
        videos, told = _videos(root), _narrations(root)
        for path in sorted(root.glob(self.layout)):
            if path.name == "manifest.csv":
                continue
            uid = path.stem
            if uid not in videos:
                raise ReadError(
                    f"{path}: ego4d.json knows no video '{uid}'. Get metadata and imu of one "
                    f"version."
                )
            about = videos[uid]
            kinds = dict.fromkeys((_CLOCK, *_COLUMNS["acc"], *_COLUMNS["gyro"]), "number")
            table = read_columns(path, kinds)  # type: ignore[arg-type]
            streams = tuple(
                s for quantity in _COLUMNS if (s := self._stream(table, quantity)) is not None
            )
            if not streams:
                raise ReadError(
                    f"{path}: no row has both a time of the video and a number. Get it again."
                )
            duration_s = max(float(stream.time_s[-1]) for stream in streams)
            label = scenario_of(about)
            if self.segments == "videos":
                segments = [Segment(0.0, duration_s, label, "ego4d.json")]
            else:
                segments = narrated(uid, told.get(uid, ()), duration_s, label, SOURCE)[0]
            facts: dict[str, str | int | float] = {"duration_s": duration_s}
            facts |= {key: str(about[key]) for key in ("device", *_SPLITS) if about.get(key)}
            if split := next((about[key] for key in _SPLITS if about.get(key)), None):
                facts["split"] = str(split)
            number = about.get("fb_participant_id")
            person = (
                str(number)[:100]
                if number is not None
                else f"unknown-{about.get('video_source') or 'university'}"[:100]
            )
            yield Recording(uid, person, streams, tuple(segments), session=uid, facts=facts)

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each narration as the text of the 5 s around its moment."""
        told = _narrations(self.verify(folder))
        texts = []
        for recording in recordings:
            moments, duration_s = told.get(recording.id, ()), float(recording.facts["duration_s"])
            texts += narrated(recording.id, moments, duration_s, "", SOURCE)[1]
        if texts:
            write_texts(out, texts)

    def _stream(self, table: Columns, quantity: str) -> Stream | None:
        seconds = table.numbers[_CLOCK] / 1000
        values = np.column_stack([table.numbers[name] for name in _COLUMNS[quantity]])
        # The two sensors' rows alternate where their rates differ; a row of the other one is no
        # damage.
        other = np.isnan(values).all(axis=1)
        outside = ~other & ~(seconds >= 0.0)
        keep = ~other & ~outside
        if not keep.any():
            return None
        reports = [*table.reports, *table.remarks.values()]
        for kind, rows, detail in (
            ("row of another quantity", other, f"no {quantity} in it"),
            ("outside the video", outside, "no time of the video, or before it"),
        ):
            if rows.any():
                reports.append(RowReport(kind, int(rows.sum()), detail))
        values = values[keep] * factor(quantity, self.units[quantity])
        return Stream.from_rows(
            quantity, triad("head", quantity), seconds[keep], values, None, reports
        )


def scenario_of(video: dict[str, Any]) -> str:
    """Return a video's scenario as the authors write it, or that it has several or none."""
    scenarios = video.get("scenarios") or []
    if not isinstance(scenarios, list):
        raise ReadError(
            f"ego4d.json: the scenarios of a video are a list; found {str(scenarios)[:80]}."
        )
    return (
        " ".join(str(scenarios[0]).split())
        if len(scenarios) == 1
        else SEVERAL
        if scenarios
        else UNKNOWN
    )


def _videos(root: Path) -> dict[str, dict[str, Any]]:
    path = find_one(root, ("ego4d.json", "annotations/ego4d.json")) or find_one(
        root.parent, ("ego4d.json",)
    )
    if path is None:
        raise ReadError(
            f"{root} has imu/ but no ego4d.json, which tells who wore the camera. Get the metadata."
        )
    content = read_json(path)
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, list) or not all(
        isinstance(v, dict) and _is_name(v.get("video_uid")) for v in videos
    ):
        raise ReadError(
            f"{path} has no list 'videos' with a video_uid each. Get the metadata again."
        )
    return {video["video_uid"]: video for video in videos}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _told(passes: Any, name: str) -> list[Any]:
    one = passes.get(name) if isinstance(passes, dict) else None
    told = one.get("narrations") if isinstance(one, dict) else None
    return told if isinstance(told, list) else []


def _narrations(root: Path) -> dict[str, list[tuple[float, str]]]:
    """video_uid -> moments in seconds of the video, and what the narrators of both passes said of
    them."""
    path = find_one(root / "annotations", _NARRATIONS)
    if path is None:
        return {}
    content = read_json(path)
    videos = content.get("videos", content) if isinstance(content, dict) else None
    if not isinstance(videos, dict):
        raise ReadError(f"{path} has no narrations by video. Get the annotations again.")
    out: dict[str, list[tuple[float, str]]] = {}
    for uid, passes in videos.items():
        for name in ("narration_pass_1", "narration_pass_2"):
            for told in _told(passes, name):
                try:
                    out.setdefault(uid, []).append(
                        (float(told["timestamp_sec"]), str(told["narration_text"]))
                    )
                except (KeyError, TypeError, ValueError) as error:
                    raise ReadError(
                        f"{path}, video {uid}: a narration needs timestamp_sec and narration_text; "
                        f"found "
                        f"{str(told)[:200]}."
                    ) from error
    return out


def write_sample(folder: Path) -> None:
    """Write three tiny videos of two people in the authors' layout; one file begins before its
    video."""
    imu, annotations = folder / "v2" / "imu", folder / "v2" / "annotations"
    imu.mkdir(parents=True)
    annotations.mkdir()
    videos, narrations = [], {}
    for number, scenarios in enumerate(
        (["Cooking"], ["Walking on street", "Eating"], ["Carpenter"])
    ):
        uid = f"0000-{number}"
        videos.append(
            {
                "video_uid": uid,
                "scenarios": scenarios,
                "fb_participant_id": (7, 8, None)[number],
                "video_source": "unict",
                "split_em": ("train", None, "val")[number],
                "split_fho": (None, None, "test")[number],
                "device": "GoPro Hero Black 7",
                "has_imu": True,
            }
        )
        told = [
            {
                "timestamp_sec": 3.0,
                "timestamp_frame": 90,
                "narration_text": "#C C cuts the onion #unsure",
            },
            {
                "timestamp_sec": 9.0,
                "timestamp_frame": 270,
                "narration_text": "#O The man X talks to C",
            },
        ]
        narrations[uid] = {
            "narration_pass_1": {"narrations": told, "summaries": []},
            "status": "complete",
        }
        _write_csv(imu / f"{uid}.csv", number)
    (imu / "manifest.csv").write_text("video_uid,type\n", encoding="utf-8")
    (folder / "v2" / "ego4d.json").write_text(
        json.dumps({"version": "2.0", "videos": videos}), encoding="utf-8"
    )
    (annotations / "narration.json").write_text(
        json.dumps({"videos": narrations}), encoding="utf-8"
    )


def _write_csv(path: Path, number: int) -> None:
    random = np.random.default_rng(number)
    lines = [
        ",".join(
            ("component_idx", "component_timestamp_ms", _CLOCK, *_COLUMNS["gyro"], *_COLUMNS["acc"])
        )
    ]
    for row in range(2400):
        moving = 1.0 if 800 < row < 1800 else 0.02
        acc = np.array([1.2, 9.6, 0.8]) + moving * random.normal(0, 0.5, 3)
        cells = [f"{v:.6f}" for v in moving * random.normal(0, 0.3, 3)]
        cells += [f"{v:.6f}" for v in acc]
        time_ms = 5.0 * row
        canonical = (
            "" if number == 2 and row < 40 else f"{time_ms - (200.0 if number == 2 else 0.0)}"
        )
        lines.append(",".join(["0", f"{time_ms}", canonical, *cells]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
