"""Clips of motion capture in, a study out: every clip on every body, one recording at a time,
resumable."""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Interval

from otolith import __version__
from otolith.core.errors import ConfigError, DataError, OtolithError
from otolith.core.files import digest, write_json
from otolith.core.ownership import Owned, claim
from otolith.core.settings import Count, Positive, Seed, settings
from otolith.data.paired import Text, write_modality, write_texts
from otolith.data.recording import Recording, RowReport, Segment
from otolith.data.study import Study, finish_study, write_recording
from otolith.data.study_files import owned_study
from otolith.data.units import GravityVerdict
from otolith.data.windows import Cut
from otolith.motion.bodies.body import Body
from otolith.motion.bodies.variation import BodyRanges, bodies, on_the_floor, put_on
from otolith.motion.formats import check, find, read
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import PROCEDURAL
from otolith.motion.simulation.journal import FILE, Journal, named_by_journal
from otolith.motion.simulation.modalities import pose, truth
from otolith.motion.simulation.noise import noise
from otolith.motion.simulation.placements import site
from otolith.motion.simulation.sensor import Mounting, simulate
from otolith.motion.simulation.smoothing import Smoothing

PREFIX = "procedural"
TOLD = ("skipped.json", "doubtful.json")
"""Clips that were left out, and those that do not move as a human body can."""
_NAMED = 10  # sources and terms that a study's own line repeats; each recording has its own


@settings
class SimulationConfig:
    """What is worn by whom, and how it is measured.

    Raises ConfigError for numbers out of range, UnknownNameError for an unknown placement or noise.
    """

    placements: tuple[str, ...] = ("left_wrist", "right_wrist")
    """Where sensors sit."""
    bodies: Count = 1
    """How many bodies make each clip's movement: the first is the average one of 1.70 m, the others
    are drawn."""
    rate_hz: Annotated[float, Interval(gt=0, le=10_000)] = 50.0
    """Samples per second of the sensors."""
    noise: str = "none"
    """The kind of device; "none" measures exactly."""
    heading: Literal["keep", "remove"] = "keep"
    """Whether a clip faces where it was captured, or starts facing x."""
    mounting: Literal["exact", "by_hand", "any"] = "exact"
    """Whether sensors sit as their placement says, a few degrees and a centimetre off, or turned
    any way: other for each body."""
    mountings: Mapping[str, Mounting] = field(default_factory=dict)
    """Placement -> how its sensor sits otherwise than the placement says, before `mounting` is
    drawn."""
    smoothing: Literal["auto", "none"] | Positive = "auto"
    """"auto" takes the noise out of captured paths, by their own spectrum; "none" leaves it; a
    number is a cut-off in Hz. Procedural paths have no noise and are left alone."""
    pose_hz: Annotated[float, Interval(gt=0, le=10_000)] = 30.0
    """Poses per second."""
    seed: Seed = 0
    """Of bodies, mountings and noise."""
    ranges: BodyRanges = field(default_factory=BodyRanges)
    """How bodies vary."""
    body_model: str = ""
    """Bodies with a skin instead: "anny", or a SMPL, SMPL-H or SMPL-X file (.npz) of your own."""

    def __post_init__(self) -> None:
        for placement in self.placements:
            site(placement)
        noise(self.noise)
        if not self.placements or len(set(self.placements)) < len(self.placements):
            raise ConfigError(
                f"A simulation needs placements, each once; found {list(self.placements)}."
            )
        if strange := set(self.mountings) - set(self.placements):
            raise ConfigError(
                f"A mounting is given for {', '.join(sorted(strange))}, where no sensor sits; "
                f"placements are "
                f"{', '.join(self.placements)}."
            )


def simulate_study(
    sources: Sequence[str | Path],
    out: str | Path,
    config: SimulationConfig | None = None,
    *,
    reading: Mapping[str, Any] | None = None,
    name: str | None = None,
    overwrite: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    progress: Callable[[int, int, str], None] | None = None,
) -> Study:
    """Simulate what sensors on many bodies would have measured of many clips, and write it as a
    study.

    sources: files of motion capture, folders of them, or procedural motions by name
    ("procedural:walking", or "procedural" for all). reading: what `otolith.motion.formats.read` is
    told of every file, such as frame_rate, unit, up. One clip is in memory at a time. Each
    recording gets its pose and truth (`otolith.motion.simulation.modalities`) and its text;
    performer, clip and body are kept apart, and splits go by performer, else by group of clips or
    clip. A finished recording is noted in simulated.jsonl: the same call again goes on behind it.

    on_error "skip" leaves a clip out that cannot be used, and tells so in skipped.json; clips that
    do not move as a human body can (`otolith.motion.formats.plausibility`) are kept, and told in
    doubtful.json. Raises what reading raises, ConfigError where `out` holds a simulation with other
    settings, DataError where it holds something else.
    """
    folder, config, reading = Path(out), config or SimulationConfig(), dict(reading or {})
    clips = clips_of(sources)
    settings = _settings(sources, config, reading)
    with owned_study(folder, (*TOLD, FILE, "recipe.toml"), named_by_journal) as mine:
        journal = Journal(mine, settings, overwrite)
        # Without its study.json a folder that is being added to is not taken for a finished study.
        mine.remove(("study.json", *TOLD))
        wanted = _simulate(mine, journal, clips, config, reading, on_error, progress)
        named = name or " + ".join(Path(source).stem for source in sources)
        return _finish(folder, journal, wanted, config, named)


def _simulate(
    mine: Owned,
    journal: Journal,
    clips: Sequence[tuple[str, str | Path]],
    config: SimulationConfig,
    reading: Mapping[str, Any],
    on_error: Literal["stop", "skip"],
    progress: Callable[[int, int, str], None] | None,
) -> list[str]:
    """Write the recordings that the journal does not know, and return the ids of all that are
    wanted."""
    folder = mine.folder
    who = bodies(config.bodies, config.seed, config.ranges, config.body_model)
    done, total = 0, len(clips) * len(who)
    skipped: list[dict[str, str]] = []
    wanted: list[str] = []
    for key, source in clips:
        mark = _mark(source)
        ids = {f"{key}-{body.name}": body for body in who}
        left = {id: body for id, body in ids.items() if journal.done.get(id) != mark}
        done += len(ids) - len(left)
        try:
            motion = read(source, **reading) if left else None
            doubts = [finding.message for finding in check(motion)] if motion is not None else []
            for id, body in left.items():
                assert motion is not None
                journal.add(
                    id, mark, {"doubts": doubts, **_record(folder, id, motion, body, config)}
                )
                done += 1
                if progress:
                    progress(done, total, id)
        except OtolithError as error:
            if on_error == "stop":
                raise
            skipped.append({"file": str(source), "reason": str(error)})
        else:
            wanted += ids
    if skipped:
        write_json(claim(folder, "skipped.json"), skipped)
    if not wanted:
        raise DataError(f"No clip could be used; {folder / 'skipped.json'} says why.")
    return wanted


def clips_of(sources: Sequence[str | Path]) -> list[tuple[str, str | Path]]:
    """Every clip that the sources name, each once, with a key that is unique among them and can be
    a file's name.

    Raises ReadError for a folder without motion capture, ConfigError where no source is given.
    """
    if not sources:
        raise ConfigError("Name a clip of motion capture, a folder of them, or procedural:walking.")
    found: dict[str, str | Path] = {}
    for source in sources:
        text = str(source)
        if not Path(source).exists() and (text in PROCEDURAL or text.partition(":")[0] == PREFIX):
            one = text.removeprefix(PREFIX).removeprefix(":")
            found |= {
                f"{PREFIX}:{name}": f"{PREFIX}:{name}" for name in ([one] if one else PROCEDURAL)
            }
        else:
            found |= {str(path.resolve()): path for path in find(Path(source))}
    # Files of one name in several folders take their folders' names in front, as many as it needs.
    places = [_key(place, 100) for place in found]
    depth, keys = 1, [_key(place, 1) for place in found]
    while len(set(keys)) < len(set(places)) and depth < 20:
        depth += 1
        # walk.bvh beside walk.amc is no such case: no folder tells them apart.
        apart: dict[str, set[str]] = {}
        for place, key in zip(places, keys, strict=True):
            apart.setdefault(key, set()).add(place)
        keys = [
            _key(place, depth) if len(apart[key]) > 1 else key
            for place, key in zip(found, keys, strict=True)
        ]
    unique: dict[str, str | Path] = {}
    for key, source in zip(keys, found.values(), strict=True):
        number = 2
        while key in unique:  # walk.bvh beside walk.amc
            key, number = f"{key.rpartition('~')[0] or key}~{number}", number + 1
        unique[key] = source
    return list(unique.items())


def _key(place: str, depth: int) -> str:
    path = Path(place.removeprefix(f"{PREFIX}:"))
    text = "-".join([*path.parts[-depth:-1], path.stem])
    return re.sub(r"[^\w.-]+", "_", text).lstrip(".") or "clip"


def _mark(source: str | Path) -> str:
    """What changes when a file does."""
    if isinstance(source, str):
        return f"{PREFIX} {__version__}"
    facts = source.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _settings(
    sources: Sequence[str | Path], config: SimulationConfig, reading: Mapping[str, Any]
) -> dict[str, Any]:
    # Paths are of one machine; whether they are the same is all that counts.
    named = [
        str(Path(source).resolve()) if Path(source).exists() else str(source) for source in sources
    ]
    model = Path(config.body_model)
    told = f"{model.name} {model.stat().st_size}" if model.is_file() else config.body_model
    said = {
        **dataclasses.asdict(config),
        "body_model": told,
        "reading": {k: str(v) for k, v in reading.items()},
    }
    return {"sources": digest(named), **said}


def _record(
    folder: Path, id: str, motion: Motion, body: Body, config: SimulationConfig
) -> dict[str, Any]:
    """Write one clip on one body with all its modalities, and return what the study will say of it."""
    motion = on_the_floor(motion, facing_x=config.heading == "remove")
    smoothing: Smoothing = "none" if motion.source == "otolith procedural" else config.smoothing
    mounting = _mountings(body, config)
    recording = simulate(
        motion,
        config.placements,
        config.rate_hz,
        mounting=mounting,
        noise_of=config.noise,
        body=body,
        seed=zlib.crc32(f"{config.seed}/{id}".encode()),
        name=id,
        subject=motion.performer or motion.group or motion.clip,
        smoothing=smoothing,
    )
    recording = _told(recording, motion)
    entry = write_recording(folder, recording)
    moved = put_on(motion, body)
    poses = pose(moved, config.pose_hz)
    written = write_modality(folder, "pose", id, poses)
    time_s = (
        np.arange(int(np.floor(motion.duration_s * config.rate_hz + 1e-6)) + 1) / config.rate_hz
    )
    facts = truth(moved, config.placements, time_s, body, mounting, smoothing)
    known = np.isfinite(np.stack(list(facts.values()))).all(axis=0)
    true = write_modality(
        folder, "truth", id, {column: values[known] for column, values in facts.items()}
    )
    written["joints"] = (len(poses) - 1) // 3
    written["rate_hz"], true["rate_hz"] = config.pose_hz, config.rate_hz
    entry["partners"] = {"pose": written, "truth": true}
    still = {
        sensor: norms[quiet]
        for sensor, (norms, quiet) in recording.still_blocks().items()
        if quiet.any()
    }
    return {
        "entry": entry,
        "segments": [dataclasses.asdict(segment) for segment in recording.segments],
        "text": motion.text or motion.label or "",
        "still": {
            sensor: [float(np.median(norms)), 0.5 * len(norms)] for sensor, norms in still.items()
        },
        "source": motion.source,
        "terms": motion.terms,
    }


def _mountings(body: Body, config: SimulationConfig) -> dict[str, Mounting]:
    if config.mounting == "exact":
        return dict(config.mountings)
    draw = Mounting.draw if config.mounting == "by_hand" else Mounting.draw_any
    rng = np.random.default_rng([config.seed, 1, zlib.crc32(body.name.encode())])
    return {
        placement: config.mountings.get(placement, Mounting()).then(draw(rng))
        for placement in config.placements
    }


def _told(recording: Recording, motion: Motion) -> Recording:
    """The recording with what its reader repaired or doubted, and which axes cannot be trusted."""
    streams = []
    for index, stream in enumerate(recording.streams):
        reports = [RowReport("motion", 0, note) for note in motion.notes] if index == 0 else []
        joint = site(stream.name).joint
        if joint in motion.unreliable_twist:
            detail = f"the turn of {joint} about its own bone was not observed: nor that axis of the gyroscope"
            reports.append(RowReport("unreliable axis", 0, detail))
        streams.append(dataclasses.replace(stream, reports=(*stream.reports, *reports)))
    facts = {**recording.facts, "frame_rate_hz": round(motion.rate_hz, 4)}
    facts |= {"split": motion.split} if motion.split else {}
    return dataclasses.replace(
        recording, streams=tuple(streams), clip_group=motion.group, facts=facts
    )


def _finish(
    folder: Path, journal: Journal, wanted: Sequence[str], config: SimulationConfig, name: str
) -> Study:
    found = {line["id"]: line for line in journal.lines()}
    lines = [found[id] for id in wanted]
    doubtful = [
        {"recording": line["id"], "doubts": line["doubts"]} for line in lines if line["doubts"]
    ]
    if doubtful:
        write_json(claim(folder, "doubtful.json"), doubtful)
    write_texts(
        folder,
        [
            Text(line["id"], 0.0, line["entry"]["duration_s"], line["text"])
            for line in lines
            if line["text"]
        ],
    )
    still: dict[str, list[list[float]]] = {}
    for line in lines:
        for sensor, facts in line["still"].items():
            still.setdefault(sensor, []).append(facts)
    # The unit is known by construction, so nothing is refused here: what is at rest in a clip may
    # well be falling.
    verdicts = {
        (sensor, "included"): GravityVerdict(
            True,
            float(np.median([norm for norm, _ in facts])),
            sum(seconds for _, seconds in facts),
            True,
            "",
        )
        for sensor, facts in sorted(still.items())
    }
    segments = [(line["id"], Segment(**segment)) for line in lines for segment in line["segments"]]
    return finish_study(
        folder,
        [line["entry"] for line in lines],
        segments,
        verdicts,
        name=name,
        source=_joined("simulated by otolith from ", [line["source"] for line in lines]),
        terms=_joined("", [line["terms"] for line in lines]),
        cut=Cut(rate_hz=config.rate_hz),
    )


def _joined(start: str, texts: Sequence[str]) -> str:
    named = list(dict.fromkeys(text for text in texts if text))
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return start + "; ".join(named[:_NAMED]) + more if named else ""
