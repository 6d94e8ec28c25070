"""Clips of motion capture in, a study out: every clip on every body, one recording at a time,
resumable."""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from otolith import __version__
from otolith.core.errors import ConfigError, DataError, OtolithError
from otolith.core.files import digest, write_json
from otolith.core.ownership import Owned, claim
from otolith.core.settings import configure
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
from otolith.motion.simulation.placements import site
from otolith.motion.simulation.sensor import Mounting, simulate
from otolith.motion.simulation.simulate_config import SimulateConfig as SimulateConfig
from otolith.motion.simulation.smoothing import Smoothing

PREFIX = "procedural"
NOTES = ("skipped.json", "doubtful.json")
"""Clips that were left out, and those that do not move as a human body can."""
_NAMED = 10  # sources and terms that a study's own line repeats; each recording has its own
_DEEPEST = 20  # folders that stand in front of a clip's name, at most

Progress = Callable[[int, int, str], None]
"""Called after every recording with how many are done, of how many, and its id."""


def simulate_study(
    sources: Sequence[str | Path],
    out: str | Path,
    config: SimulateConfig | None = None,
    *,
    reading: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    progress: Progress | None = None,
    **settings: Any,
) -> Study:
    """Simulate what sensors on many bodies would have measured of many clips, and write it as a
    study.

    sources: files of motion capture, folders of them, or procedural motions by name
    ("procedural:walking", or "procedural" for all). reading: what `otolith.motion.formats.read` is
    given for every file, such as frame_rate, unit, up. settings: the fields of `SimulateConfig`, in
    place of `config`. One clip is in memory at a time. Each recording gets its pose and truth
    (`otolith.motion.simulation.modalities`) and its text; performer, clip and body are kept apart,
    and splits go by performer, else by group of clips or clip. A finished recording is noted in
    simulated.jsonl: the same call again goes on behind it.

    on_error "skip" leaves a clip out that cannot be used, and lists it in skipped.json; clips that
    do not move as a human body can (`otolith.motion.formats.plausibility`) are kept, and listed in
    doubtful.json. Raises what reading raises, ConfigError where `out` holds a simulation with other
    settings, DataError where it holds something else.

        simulate_study(["procedural:walking"], "studies/virtual", bodies=10, rate_hz=50)
    """
    folder, config = Path(out), config or configure(SimulateConfig, settings, "simulation")
    clips, reading = clips_of(sources), dict(reading or {})
    with owned_study(folder, (*NOTES, FILE, "recipe.toml"), named_by_journal) as mine:
        journal = Journal(mine, _settings(sources, config, reading), overwrite)
        # Without its study.json a folder that is being added to is not taken for a finished study.
        mine.remove(("study.json", *NOTES))
        work = _Work(mine, journal, config, reading, progress)
        work.run(clips, on_error)
        return work.finish(" + ".join(Path(source).stem for source in sources))


@dataclass
class _Work:
    """One simulation under way."""

    mine: Owned
    journal: Journal
    config: SimulateConfig
    reading: Mapping[str, Any]
    progress: Progress | None
    ids: list[str] = field(default_factory=list)
    """Recordings of the study, those included that an earlier run made."""
    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        config = self.config
        ranges = configure(BodyRanges, config.ranges or {}, "ranges")
        self.bodies = bodies(config.bodies, config.seed, ranges, config.body_model)

    def run(
        self, clips: Sequence[tuple[str, str | Path]], on_error: Literal["stop", "skip"]
    ) -> None:
        """Write the recordings that the journal does not know."""
        folder = self.mine.folder
        self.total = len(clips) * len(self.bodies)
        skipped: list[dict[str, str]] = []
        for key, source in clips:
            try:
                self._clip(key, source)
            except OtolithError as error:
                if on_error == "stop":
                    raise
                skipped.append({"file": str(source), "reason": str(error)})
        if skipped:
            write_json(claim(folder, "skipped.json"), skipped)
        if not self.ids:
            raise DataError(f"No clip could be used; {folder / 'skipped.json'} says why.")

    def _clip(self, key: str, source: str | Path) -> None:
        """Write one clip on every body whose recording is not written yet."""
        mark = _mark(source)
        ids = {f"{key}-{body.name}": body for body in self.bodies}
        left = {id: body for id, body in ids.items() if self.journal.done.get(id) != mark}
        self.done += len(ids) - len(left)
        motion = read(source, **self.reading) if left else None
        doubts = [each.message for each in check(motion)] if motion else []
        for id, body in left.items():
            assert motion is not None
            facts = _record(self.mine.folder, id, motion, body, self.config)
            # Noted only now that its files are whole: what has a line in the journal is not redone.
            self.journal.add(id, mark, {"doubts": doubts, **facts})
            self.done += 1
            if self.progress:
                self.progress(self.done, self.total, id)
        self.ids += ids

    def finish(self, name: str) -> Study:
        """Make a study of the recordings."""
        folder = self.mine.folder
        by_id = {line["id"]: line for line in self.journal.lines()}
        lines = [by_id[id] for id in self.ids]
        if doubtful := [line for line in lines if line["doubts"]]:
            sentences = [{"recording": line["id"], "doubts": line["doubts"]} for line in doubtful]
            write_json(claim(folder, "doubtful.json"), sentences)
        write_texts(folder, _texts(lines))
        segments = [(line["id"], Segment(**each)) for line in lines for each in line["segments"]]
        return finish_study(
            folder,
            [line["entry"] for line in lines],
            segments,
            _gravity(lines),
            name=name,
            source=_joined("simulated by otolith from ", [line["source"] for line in lines]),
            terms=_joined("", [line["terms"] for line in lines]),
            cut=Cut(rate_hz=self.config.rate_hz),
        )


def clips_of(sources: Sequence[str | Path]) -> list[tuple[str, str | Path]]:
    """Every clip that the sources name, each once, with a key that is unique among them and can be
    a file's name.

    Raises ReadError for a folder without motion capture, ConfigError where no source is given.

    >>> clips_of(["procedural:walking"])
    [('walking', 'procedural:walking')]
    """
    if not sources:
        raise ConfigError("Name a clip of motion capture, a folder of them, or procedural:walking.")
    clips = {place: clip for source in sources for place, clip in _clips(source)}
    unique: dict[str, str | Path] = {}
    for key, clip in zip(_names(list(clips)), clips.values(), strict=True):
        number = 2
        while key in unique:  # walk.bvh beside walk.amc
            key, number = f"{key.rpartition('~')[0] or key}~{number}", number + 1
        unique[key] = clip
    return list(unique.items())


def _clips(source: str | Path) -> list[tuple[str, str | Path]]:
    """Each clip of a source, after the place that tells it from all others."""
    text = str(source)
    if Path(source).exists() or (text not in PROCEDURAL and text.partition(":")[0] != PREFIX):
        return [(str(path.resolve()), path) for path in find(Path(source))]
    one = text.removeprefix(PREFIX).removeprefix(":")
    return [(f"{PREFIX}:{name}",) * 2 for name in ([one] if one else PROCEDURAL)]


def _names(places: list[str]) -> list[str]:
    """Name each clip by its file; files of one name take their folders' names in front, as many as
    it needs."""
    whole = [_key(place, 100) for place in places]
    names = [_key(place, 1) for place in places]
    for depth in range(2, _DEEPEST + 1):
        if len(set(names)) == len(set(whole)):
            break
        # walk.bvh beside walk.amc is no such case: no folder tells them apart.
        alike: dict[str, set[str]] = {}
        for each, name in zip(whole, names, strict=True):
            alike.setdefault(name, set()).add(each)
        names = [
            _key(place, depth) if len(alike[name]) > 1 else name
            for place, name in zip(places, names, strict=True)
        ]
    return names


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
    sources: Sequence[str | Path], config: SimulateConfig, reading: Mapping[str, Any]
) -> dict[str, Any]:
    # Paths are of one machine; whether they are the same is all that counts.
    named = [str(Path(each).resolve() if Path(each).exists() else each) for each in sources]
    model = config.body_model
    if Path(model).is_file():
        model = f"{Path(model).name} {Path(model).stat().st_size}"
    return dataclasses.asdict(config) | {
        "sources": digest(named),
        "body_model": model,
        "ranges": dataclasses.asdict(configure(BodyRanges, config.ranges or {}, "ranges")),
        "mountings": {place: dataclasses.asdict(sits) for place, sits in _sitting(config).items()},
        "reading": {key: str(value) for key, value in reading.items()},
    }


def _record(
    folder: Path, id: str, motion: Motion, body: Body, config: SimulateConfig
) -> dict[str, Any]:
    """Write one clip on one body with all its modalities, and return the facts that the study will
    hold."""
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
    recording = _annotated(recording, motion)
    entry = write_recording(folder, recording)
    moved, rate_hz = put_on(motion, body), config.rate_hz
    poses = pose(moved, config.pose_rate_hz)
    written = write_modality(folder, "pose", id, poses)
    time_s = np.arange(int(np.floor(motion.duration_s * rate_hz + 1e-6)) + 1) / rate_hz
    facts = truth(moved, config.placements, time_s, body, mounting, smoothing)
    known = np.isfinite(np.stack(list(facts.values()))).all(axis=0)
    true = write_modality(folder, "truth", id, {name: each[known] for name, each in facts.items()})
    written["joints"] = (len(poses) - 1) // 3
    written["rate_hz"], true["rate_hz"] = config.pose_rate_hz, rate_hz
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
        "still": {name: [float(np.median(each)), 0.5 * len(each)] for name, each in still.items()},
        "source": motion.source,
        "terms": motion.terms,
    }


def _sitting(config: SimulateConfig) -> dict[str, Mounting]:
    return {
        place: configure(Mounting, sits, f"the mounting of '{place}'")
        for place, sits in (config.mountings or {}).items()
    }


def _mountings(body: Body, config: SimulateConfig) -> dict[str, Mounting]:
    sitting = _sitting(config)
    if config.mounting == "exact":
        return sitting
    draw = Mounting.draw if config.mounting == "by_hand" else Mounting.draw_any
    rng = np.random.default_rng([config.seed, 1, zlib.crc32(body.name.encode())])
    return {place: sitting.get(place, Mounting()).then(draw(rng)) for place in config.placements}


def _annotated(recording: Recording, motion: Motion) -> Recording:
    """The recording with what its reader repaired or doubted, and which axes cannot be trusted."""
    streams = []
    for index, stream in enumerate(recording.streams):
        reports = [RowReport("motion", 0, note) for note in motion.notes] if index == 0 else []
        joint = site(stream.name).joint
        if joint in motion.unreliable_twist:
            detail = (
                f"the turn of {joint} about its own bone was not observed: nor that axis of the "
                f"gyroscope"
            )
            reports.append(RowReport("unreliable axis", 0, detail))
        streams.append(dataclasses.replace(stream, reports=(*stream.reports, *reports)))
    facts = {**recording.facts, "frame_rate_hz": round(motion.rate_hz, 4)}
    facts |= {"split": motion.split} if motion.split else {}
    return dataclasses.replace(
        recording, streams=tuple(streams), clip_group=motion.group, facts=facts
    )


def _texts(lines: Sequence[Mapping[str, Any]]) -> list[Text]:
    """What each recording's clip is called or described as, from its start to its end."""
    spoken = [line for line in lines if line["text"]]
    return [Text(each["id"], 0.0, each["entry"]["duration_s"], each["text"]) for each in spoken]


def _gravity(lines: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], GravityVerdict]:
    """The unit is known by construction, so nothing is refused here: what is at rest in a clip may
    well be falling."""
    still: dict[str, list[list[float]]] = {}
    for line in lines:
        for sensor, facts in line["still"].items():
            still.setdefault(sensor, []).append(facts)
    verdicts = {}
    for sensor, blocks in sorted(still.items()):
        norms, seconds = zip(*blocks, strict=True)
        verdict = GravityVerdict(True, float(np.median(norms)), sum(seconds), True, "")
        verdicts[sensor, "included"] = verdict
    return verdicts


def _joined(start: str, texts: Sequence[str]) -> str:
    named = list(dict.fromkeys(text for text in texts if text))
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return start + "; ".join(named[:_NAMED]) + more if named else ""
