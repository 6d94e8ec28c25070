"""A study: a folder of recordings (Parquet and one study.json) that is read one recording at a
time."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from otolith.core.catalog import PLACEMENTS
from otolith.core.checksums import Fingerprint, fingerprint
from otolith.core.errors import ConfigError, DataError, StudyError, nearest
from otolith.core.files import SEAL, read_json, seal_holds, write_json, write_sealed
from otolith.core.ownership import claim
from otolith.core.settings import configure
from otolith.data.duplicates import duplicates
from otolith.data.recording import (
    Recording,
    Segment,
    group_of_entry,
    natural_key,
    refuse_wrong_unit,
)
from otolith.data.study_facts import check_facts, checksums_in
from otolith.data.study_files import (
    MODALITIES,
    SEGMENTS,
    count_modalities,
    file_facts,
    files_of,
    how_to_go_on,
    owned_study,
    read_segments,
    read_stream,
    refuse_changed,
    stream_file,
    write_segments,
    write_stream,
)
from otolith.data.units import GravityVerdict, gravity_verdict
from otolith.data.windows import Cut, Windows

FORMAT = 2
OLDER = (1,)
"""Formats that are still read; what they do not hold, such as most checksums, is not checked."""


def as_written(content: Any) -> bool:
    """Whether what study.json says has its seal, whatever it says of its format; the older ones had
    none."""
    if not isinstance(content, dict):
        return True
    sealed = seal_holds(content)
    return content.get("otolith_study") != FORMAT if sealed is None else sealed


@dataclass(frozen=True)
class Study:
    """A folder of recordings, with who was recorded, under which terms, and how it is evaluated."""

    folder: Path
    name: str
    entries: tuple[dict[str, Any], ...]
    source: str = ""
    terms: str = ""
    citation: str = ""
    cut: Cut = field(default_factory=Cut)
    gravity_checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    checksums: dict[str, dict[str, Any]] = field(default_factory=dict)
    """File of the folder -> its sha256 and bytes: of every file that study.json vouches for."""
    seal: str = ""
    """The hash of all that study.json says; empty where an older version wrote it."""

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """Open a study folder; nothing but its study.json is read yet, and its seal is checked.

        Raises StudyError where the folder is no study, an import did not finish, or study.json was
        changed since.
        """
        folder = Path(folder)
        path = folder / "study.json"
        if not path.exists():
            if (folder / "recordings").is_dir():
                raise StudyError(
                    f"{folder} has recordings but no study.json: its import did not finish. Run it "
                    f"again."
                )
            raise StudyError(
                f"{folder} is no study: it has no study.json. Make one with: "
                f"otolith import SOURCE --out {folder} (--dataset NAME | --mapping FILE.toml)"
            )
        content = read_json(path)
        if not as_written(content):
            raise StudyError(
                f"{path} was changed since it was written: its seal does not hold. "
                f"{how_to_go_on(folder)}"
            )
        return cls.of_json(folder, content)

    @classmethod
    def of_json(cls, folder: Path, content: Any) -> Study:
        """Make a study of what its study.json says, whatever its seal.

        Raises StudyError for another format, and for the first key that is absent or holds what it
        cannot.
        """
        path = folder / "study.json"
        format = content.get("otolith_study") if isinstance(content, dict) else "?"
        if isinstance(format, bool) or format not in (FORMAT, *OLDER):
            raise StudyError(
                f"{path} has format {format!r:.40}, this version reads format {FORMAT} and before. "
                "Import the recordings again."
            )
        absent = [key for key in ("name", "recordings") if not content.get(key)]
        if absent:
            raise StudyError(
                f"{path} lacks {' and '.join(map(repr, absent))}. Import the recordings again."
            )
        check_facts(content, path)
        return cls(
            folder,
            content["name"],
            tuple(content["recordings"]),
            content.get("source", ""),
            content.get("terms", ""),
            content.get("citation", ""),
            _cut_of(content.get("evaluation", {}), path),
            content.get("gravity_checks", {}),
            checksums_in(content),
            str(content.get(SEAL, "")) if format == FORMAT else "",
        )

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Recording]:
        """Read the recordings one after the other, in the order of study.json."""
        return (self.recording(entry["id"]) for entry in self.entries)

    def recording(self, id: str) -> Recording:
        """Read one recording from its Parquet files.

        Raises StudyError where there is no such recording, or one of its files is missing or
        damaged.
        """
        entry = self._by_id.get(id)
        if entry is None:
            raise StudyError(
                f"Study '{self.name}' has no recording '{id}'.{nearest(id, self._by_id)}"
            )
        return Recording(
            id=id,
            streams=tuple(read_stream(self.folder, facts) for facts in entry["streams"]),
            segments=tuple(self.segments.get(id, ())),
            **{key: entry[key] for key in _ENTRY_KEYS},
            clip_group=entry.get("clip_group"),
            facts=entry.get("facts", {}),
            start=entry.get("start"),
        )

    @cached_property
    def _by_id(self) -> dict[str, dict[str, Any]]:
        return {entry["id"]: entry for entry in self.entries}

    @cached_property
    def segments(self) -> dict[str, list[Segment]]:
        """Labelled stretches by recording.

        Raises StudyError where segments.parquet was changed, is damaged, or names a recording that
        is not there.
        """
        refuse_changed(self.folder, SEGMENTS, self.checksums)
        return read_segments(self.folder, self._by_id)

    @property
    def modalities(self) -> dict[str, int]:
        """What lies beside the signals (text, pose, …), and how many recordings have it.

        Raises StudyError where one of its files was changed or is damaged.
        """
        return count_modalities(self.folder, self._by_id, self.checksums)

    @property
    def subjects(self) -> list[str]:
        """The people (or performers, or clips: see `group_of`) that splits keep whole, sorted as
        people count."""
        groups = {group_of_entry(entry) for entry in self.entries}
        return sorted(groups, key=natural_key)

    @property
    def placements(self) -> list[str]:
        """The places on the body where sensors sat, in the catalog's order."""
        here = {placement for entry in self.entries for placement in entry["placements"]}
        return [name for name in PLACEMENTS if name in here]

    @property
    def hours(self) -> float:
        """Hours recorded."""
        return float(sum(entry["duration_s"] for entry in self.entries)) / 3600

    @property
    def label_seconds(self) -> dict[str, float]:
        """Seconds of each label."""
        out: dict[str, float] = {}
        for segments in self.segments.values():
            for segment in segments:
                out[segment.label] = out.get(segment.label, 0.0) + segment.end_s - segment.start_s
        return dict(sorted(out.items()))

    @property
    def rows(self) -> dict[str, int]:
        """Rows read, kept and reported over all streams: read = kept + reported."""
        streams = [stream for entry in self.entries for stream in entry["streams"]]
        return {
            "read": sum(s["rows_read"] for s in streams),
            "kept": sum(s["rows_kept"] for s in streams),
            "reported": sum(report["rows"] for s in streams for report in s["reports"]),
        }

    @property
    def simulated(self) -> bool:
        """True where any recording was simulated."""
        return any(entry["origin"] == "simulated" for entry in self.entries)

    @cached_property
    def hash(self) -> str:
        """A content hash over all that study.json says, checksums of the other files among it."""
        if self.seal:
            refuse_changed(self.folder, SEGMENTS, self.checksums)
            return self.seal[:16]
        total = hashlib.sha256((self.folder / "study.json").read_bytes())
        segments = self.folder / "segments.parquet"
        if segments.exists():
            total.update(segments.read_bytes())
        return total.hexdigest()[:16]

    def info(self) -> dict[str, Any]:
        """Return what `otolith info --json` prints."""
        return {
            "name": self.name,
            "subjects": self.subjects,
            "recordings": len(self),
            "hours": self.hours,
            "placements": self.placements,
            "labels": self.label_seconds,
            "partners": self.modalities,
            "rows": self.rows,
            "duplicates": [pair.sentence() for pair in duplicates(self.entries)],
            "origin": "simulated" if self.simulated else "measured",
            "gravity": self.gravity_checks,
            "evaluation": self.cut.to_json(),
            "source": self.source,
            "terms": self.terms,
            "citation": self.citation,
            "hash": self.hash,
        }

    def windows(
        self, seconds: float | None = None, rate_hz: float | None = None, **choices: Any
    ) -> Windows:
        """Cut the recordings into equal windows that still know subject, recording, start and
        label.

        What is not given comes from the study's own evaluation (see `Cut` for every choice).
        `missing` says what to do where a recording lacks a channel: "error" (default), "mask" or
        "drop".
        """
        from otolith.data.cut import cut_windows

        missing = choices.pop("missing", "error")
        given = {"seconds": seconds, "rate_hz": rate_hz, **choices}
        cut = self.cut.changed({key: value for key, value in given.items() if value is not None})
        return cut_windows(self, cut, missing=missing)


def _cut_of(content: Mapping[str, Any], path: Path) -> Cut:
    try:
        return configure(Cut, content, "The study's evaluation")
    except ConfigError as error:
        raise StudyError(
            f"{path}: {error} Undo the edit, or import the recordings again."
        ) from error


_vouched: dict[Path, tuple[Fingerprint, dict[str, dict[str, Any]]]] = {}


def checksums_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what a study's study.json vouches for, read only when it changed; nothing where there
    is none yet."""
    path = folder.resolve() / "study.json"
    if not path.exists():
        return {}
    now = fingerprint(path)
    if path not in _vouched or _vouched[path][0] != now:
        _vouched[path] = (now, Study.load(folder).checksums)
    return _vouched[path][1]


_ENTRY_KEYS = ("subject", "session", "performer", "clip", "body", "origin", "gravity")


def write_study(
    folder: str | Path,
    recordings: Iterable[Recording],
    *,
    name: str,
    source: str = "",
    terms: str = "",
    citation: str = "",
    cut: Cut | None = None,
    beside: Callable[[], Mapping[str, Any]] = dict,
    progress: Callable[[Recording], None] | None = None,
) -> Study:
    """Write recordings into a study folder, one at a time, and return it opened.

    study.json comes last, so that a folder whose writing was cut short is not taken for a study;
    `beside` gives what other JSON is written before it, once all recordings are. An older study is
    replaced, file by file: what it does not name stays. Every accelerometer of the study is held
    against gravity on the way; UnitError names the likely unit where one fails. Raises StudyError
    for a repeated id or where there is nothing to write, DataError where the folder holds something
    else.
    """
    folder = Path(folder)
    with owned_study(folder):
        path = folder / "study.json"
        if path.is_dir() and not path.is_symlink():
            raise DataError(
                f"{path} is a folder, where a study has a file. Look into it, and move it "
                f"elsewhere."
            )
        path.unlink(missing_ok=True)
        return _write_study(
            folder, recordings, progress, beside, name=name, source=source, terms=terms, citation=citation,
            cut=cut,
        )  # fmt: skip


def _write_study(
    folder: Path,
    recordings: Iterable[Recording],
    progress: Callable[[Recording], None] | None,
    beside: Callable[[], Mapping[str, Any]],
    **facts: Any,
) -> Study:
    entries: list[dict[str, Any]] = []
    segments: list[dict[str, Any]] = []
    blocks: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
    seen: set[str] = set()
    for recording in recordings:
        if recording.id in seen:
            raise StudyError(
                f"Two recordings are called '{recording.id}'; each needs an id of its own."
            )
        seen.add(recording.id)
        for sensor, found in recording.still_blocks().items():
            blocks.setdefault((sensor, recording.gravity), []).append(found)
        entries.append(write_recording(folder, recording))
        segments += [
            {"recording": recording.id, **dataclasses.asdict(segment)}
            for segment in recording.segments
        ]
        if progress:
            progress(recording)
    if not entries:
        raise StudyError(f"There is nothing to write into {folder}: no recording was read.")
    verdicts = {
        key: gravity_verdict(*(np.concatenate(part) for part in zip(*found_blocks, strict=True)))
        for key, found_blocks in blocks.items()
    }
    for file, content in beside().items():
        write_json(claim(folder, file), content)
    return finish_study(folder, entries, segments, verdicts, **facts)


def finish_study(
    folder: Path,
    entries: Sequence[dict[str, Any]],
    segments: Sequence[dict[str, Any]],
    verdicts: Mapping[tuple[str, str], GravityVerdict],
    *,
    name: str,
    source: str = "",
    terms: str = "",
    citation: str = "",
    cut: Cut | None = None,
) -> Study:
    """Make a folder of recordings (`write_recording`) a study: its segments, then study.json;
    return it opened.

    verdicts: of each sensor, and "included" or "removed". Raises UnitError where one is
    implausible.
    """
    checks: dict[str, dict[str, Any]] = {}
    for (sensor, gravity), verdict in verdicts.items():
        if gravity == "included":
            refuse_wrong_unit(sensor, verdict, f"Study '{name}'")
        checks[sensor] = _verdict_json(verdict, gravity)
    with owned_study(folder) as mine:
        mine.claim([SEGMENTS, "study.json"])
        write_segments(folder, segments)
        # Where an older study is written over, recordings that are no longer in it must not lie
        # around.
        mine.settle(files_of(entries))
        vouched = checksums_in({"recordings": entries})
        # What somebody else lays into partners/ is his to vouch for: otolith verify --accept-edits.
        beside = {SEGMENTS, *(file for file in mine.named if file.startswith(f"{MODALITIES}/"))}
        content = {
            "otolith_study": FORMAT,
            "name": name,
            "source": source,
            "terms": terms,
            "citation": citation,
            "evaluation": (cut or Cut()).to_json(),
            "gravity_checks": checks,
            "files": {
                file: file_facts(folder / file)
                for file in sorted(beside - vouched.keys())
                if (folder / file).exists()
            },
            "recordings": list(entries),
        }
        check_facts(content, folder / "study.json")
        write_sealed(folder / "study.json", content)
    return Study.load(folder)


def _verdict_json(verdict: GravityVerdict, gravity: str) -> dict[str, Any]:
    norm = round(verdict.median_norm, 3) if verdict.checked else None
    sentence = verdict.sentence() if gravity == "included" else "not checked (gravity was removed)"
    return {
        "checked": verdict.checked and gravity == "included",
        "median_norm": norm,
        "sentence": sentence,
    }


def write_recording(folder: Path, recording: Recording) -> dict[str, Any]:
    """Write one recording's files, each whole or not at all, and return its entry for study.json.

    Raises DataError where its name would leave the folder, or a file of that name is there that is
    not the study's.
    """
    for stream in recording.streams:
        claim(folder, stream_file(recording.id, stream.name))
    return {
        "id": recording.id,
        **{key: getattr(recording, key) for key in _ENTRY_KEYS},
        **({} if recording.clip_group is None else {"clip_group": recording.clip_group}),
        **({} if recording.start is None else {"start": recording.start}),
        "placements": recording.placements,
        "duration_s": round(recording.duration_s, 4),
        "facts": recording.facts,
        "streams": [write_stream(folder, recording.id, stream) for stream in recording.streams],
    }
