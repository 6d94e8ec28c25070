"""A study: a folder of recordings (Parquet and one study.json), read one recording at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from otolith.core.catalog import PLACEMENTS
from otolith.core.checksums import Fingerprint, fingerprint
from otolith.core.errors import ConfigError, DataError, StudyError, nearest
from otolith.core.files import SEAL, read_json, seal_holds, write_json, write_sealed
from otolith.core.frames import html_table
from otolith.core.ownership import claim
from otolith.core.settings import configure
from otolith.data.channels import Channel
from otolith.data.duplicates import duplicates
from otolith.data.entries import Checksum, StudyEntry, VerdictEntry, checked, checksums_in, parts_of
from otolith.data.recording import (
    Recording,
    Segment,
    group_of_entry,
    natural_key,
    refuse_wrong_unit,
)
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
AGAIN = "Import the recordings again."


def as_written(content: object) -> bool:
    """Whether what study.json says has its seal; that of older formats had none."""
    if not isinstance(content, dict):
        return True
    sealed = seal_holds(content)
    return content.get("otolith_study") != FORMAT if sealed is None else sealed


@dataclass(frozen=True, repr=False)
class Study:
    """A folder of recordings, with who was recorded, under which terms, and how it is cut.

    study = Study.load("my_study")
    windows = study.windows(seconds=5)
    """

    folder: Path
    name: str
    entries: tuple[StudyEntry, ...]
    source: str = ""
    terms: str = ""
    citation: str = ""
    cut: Cut = field(default_factory=Cut)
    gravity_checks: dict[str, VerdictEntry] = field(default_factory=dict)
    checksums: dict[str, Checksum] = field(default_factory=dict)
    """File of the folder -> its sha256 and bytes: of every file that study.json vouches for."""
    seal: str = ""
    """The hash of all that study.json says; empty where an older version wrote it."""

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """Open a study folder; only its study.json is read, and its seal is checked.

        Raises StudyError where the folder is no study, an import did not finish, or study.json was
        changed since.
        """
        folder = Path(folder)
        path = folder / "study.json"
        if not path.exists() and (folder / "recordings").is_dir():
            raise StudyError(
                f"{folder} has recordings but no study.json: its import did not finish. Run it "
                "again."
            )
        if not path.exists():
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
    def of_json(cls, folder: Path, content: object) -> Study:
        """Make a study of what its study.json says, whatever its seal.

        Raises StudyError for another format, and for the first key that is absent or holds what it
        cannot.
        """
        path = folder / "study.json"
        facts = content if isinstance(content, dict) else {}
        format = facts.get("otolith_study", "?")
        if isinstance(format, bool) or format not in (FORMAT, *OLDER):
            raise StudyError(
                f"{path} has format {format!r:.40}, this version reads format {FORMAT} and before. "
                f"{AGAIN}"
            )
        if absent := [key for key in ("name", "recordings") if not facts.get(key)]:
            raise StudyError(f"{path} lacks {' and '.join(map(repr, absent))}. {AGAIN}")
        file = checked(content, path)
        try:
            cut = configure(Cut, file.get("evaluation", {}), "The study's evaluation")
        except ConfigError as error:
            raise StudyError(f"{path}: {error} Undo the edit, or import again.") from error
        return cls(
            folder,
            file["name"],
            tuple(file["recordings"]),
            file.get("source", ""),
            file.get("terms", ""),
            file.get("citation", ""),
            cut,
            file.get("gravity_checks", {}),
            checksums_in(file),
            str(facts.get(SEAL, "")) if format == FORMAT else "",
        )

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Recording]:
        """Read the recordings one after the other, in the order of study.json."""
        return (self.recording(entry["id"]) for entry in self.entries)

    @override
    def __repr__(self) -> str:
        return (
            f"Study('{self.name:.60}', {len(self)} recordings of {len(self.subjects)} subjects, "
            f"{self.hours:.2f} hours, at {', '.join(self.placements)!s:.80})"
        )

    def _repr_html_(self) -> str:
        facts = {
            "recordings": len(self),
            "subjects": len(self.subjects),
            "hours": f"{self.hours:.2f}",
            "placements": ", ".join(self.placements),
            "cut": f"{self.cut.seconds:g} s at {self.cut.rate_hz:g} Hz, {self.cut.label_rule}",
            "terms": self.terms or "not stated",
        }
        return html_table(f"Study '{self.name}'", facts)

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
            subject=entry["subject"],
            streams=tuple(read_stream(self.folder, stream) for stream in entry["streams"]),
            segments=tuple(self.segments.get(id, ())),
            session=entry["session"],
            performer=entry["performer"],
            clip=entry["clip"],
            clip_group=entry.get("clip_group"),
            body=entry["body"],
            origin=entry["origin"],
            gravity=entry["gravity"],
            facts=entry.get("facts", {}),
            start=entry.get("start"),
        )

    @cached_property
    def _by_id(self) -> dict[str, StudyEntry]:
        return {entry["id"]: entry for entry in self.entries}

    @cached_property
    def segments(self) -> dict[str, list[Segment]]:
        """Labelled stretches by recording.

        Raises StudyError where segments.parquet was changed, is damaged, or names an unknown
        recording.
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
        """The people (or performers, or clips: see `group_of`) that splits keep whole, sorted."""
        return sorted({group_of_entry(entry) for entry in self.entries}, key=natural_key)

    @property
    def placements(self) -> list[str]:
        """The places on the body where sensors sat, in the catalog's order."""
        worn = {placement for entry in self.entries for placement in entry["placements"]}
        return [name for name in PLACEMENTS if name in worn]

    @property
    def channels(self) -> set[Channel]:
        """Every channel that any recording has."""
        streams = [stream for entry in self.entries for stream in entry["streams"]]
        return {Channel.parse(name) for stream in streams for name in stream["channels"]}

    @property
    def hours(self) -> float:
        """Hours recorded."""
        return float(sum(entry["duration_s"] for entry in self.entries)) / 3600

    @property
    def label_seconds(self) -> dict[str, float]:
        """Seconds of each label."""
        out: dict[str, float] = {}
        for segment in (one for segments in self.segments.values() for one in segments):
            out[segment.label] = out.get(segment.label, 0.0) + segment.end_s - segment.start_s
        return dict(sorted(out.items()))

    @property
    def rows(self) -> dict[str, int]:
        """Rows read, kept and reported over all streams: read = kept + reported."""
        streams = [stream for entry in self.entries for stream in entry["streams"]]
        return {
            "read": sum(stream["rows_read"] for stream in streams),
            "kept": sum(stream["rows_kept"] for stream in streams),
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
        if (self.folder / SEGMENTS).exists():
            total.update((self.folder / SEGMENTS).read_bytes())
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
        """Cut the recordings into equal windows that know subject, recording, start and label.

        What is not given comes from the study's own cut (see `Cut` for every choice). `missing`
        says what to do where a recording lacks a channel: "error" (default), "mask" or "drop".
        """
        from otolith.data.cut import cut_windows  # it takes a study

        missing = choices.pop("missing", "error")
        given = {"seconds": seconds, "rate_hz": rate_hz, **choices}
        cut = self.cut.changed({key: value for key, value in given.items() if value is not None})
        return cut_windows(self, cut, missing=missing)


_vouched: dict[Path, tuple[Fingerprint, dict[str, Checksum]]] = {}


def checksums_of(folder: Path) -> dict[str, Checksum]:
    """Return what a study.json vouches for, read only when it changed; nothing before it exists."""
    path = folder.resolve() / "study.json"
    if not path.exists():
        return {}
    now = fingerprint(path)
    if path not in _vouched or _vouched[path][0] != now:
        _vouched[path] = (now, Study.load(folder).checksums)
    return _vouched[path][1]


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
                f"{path} is a folder, where a study has a file. Look into it, and move it away."
            )
        path.unlink(missing_ok=True)
        entries, segments, verdicts = _write_recordings(folder, recordings, progress)
        for file, content in beside().items():
            write_json(claim(folder, file), content)
        return finish_study(
            folder,
            entries,
            segments,
            verdicts,
            name=name,
            source=source,
            terms=terms,
            citation=citation,
            cut=cut,
        )


Verdicts = dict[tuple[str, str], GravityVerdict]
"""(sensor, "included" or "removed") -> what the accelerometer reads at rest."""


def _write_recordings(
    folder: Path, recordings: Iterable[Recording], progress: Callable[[Recording], None] | None
) -> tuple[list[StudyEntry], list[tuple[str, Segment]], Verdicts]:
    """Write recordings one at a time; return their entries, segments and verdicts of gravity."""
    entries: dict[str, StudyEntry] = {}
    segments: list[tuple[str, Segment]] = []
    blocks: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
    for recording in recordings:
        if recording.id in entries:
            raise StudyError(
                f"Two recordings are called '{recording.id}'; each needs an id of its own."
            )
        for sensor, still in recording.still_blocks().items():
            blocks.setdefault((sensor, recording.gravity), []).append(still)
        entries[recording.id] = write_recording(folder, recording)
        segments += [(recording.id, segment) for segment in recording.segments]
        if progress:
            progress(recording)
    if not entries:
        raise StudyError(f"There is nothing to write into {folder}: no recording was read.")
    verdicts = {
        sensor: gravity_verdict(*map(np.concatenate, zip(*still, strict=True)))
        for sensor, still in blocks.items()
    }
    return list(entries.values()), segments, verdicts


def finish_study(
    folder: Path,
    entries: Sequence[StudyEntry],
    segments: Iterable[tuple[str, Segment]],
    verdicts: Verdicts,
    *,
    name: str,
    source: str = "",
    terms: str = "",
    citation: str = "",
    cut: Cut | None = None,
) -> Study:
    """Make a folder of recordings (`write_recording`) a study: its segments, then study.json.

    segments: each with its recording's id. Returns the study opened. Raises UnitError where a
    verdict is implausible.
    """
    checks: dict[str, VerdictEntry] = {}
    for (sensor, gravity), verdict in verdicts.items():
        if gravity == "included":
            refuse_wrong_unit(sensor, verdict, f"Study '{name}'")
        checks[sensor] = _verdict_entry(verdict, gravity)
    with owned_study(folder) as mine:
        mine.claim([SEGMENTS, "study.json"])
        write_segments(folder, segments)
        # Recordings of an older study that are no longer in it must not stay.
        mine.settle(files_of(entries))
        vouched = {part["file"] for part in parts_of(entries) if "sha256" in part}
        # What somebody else lays into partners/ is his to vouch for: otolith verify --accept-edits.
        beside = {SEGMENTS, *(file for file in mine.named if file.startswith(f"{MODALITIES}/"))}
        files = [file for file in sorted(beside - vouched) if (folder / file).exists()]
        content = {
            "otolith_study": FORMAT,
            "name": name,
            "source": source,
            "terms": terms,
            "citation": citation,
            "evaluation": (cut or Cut()).to_json(),
            "gravity_checks": checks,
            "files": {file: file_facts(folder / file) for file in files},
            "recordings": list(entries),
        }
        checked(content, folder / "study.json")
        write_sealed(folder / "study.json", content)
    return Study.load(folder)


def _verdict_entry(verdict: GravityVerdict, gravity: str) -> VerdictEntry:
    norm = round(verdict.median_norm, 3) if verdict.checked else None
    included = gravity == "included"
    sentence = verdict.sentence() if included else "not checked (gravity was removed)"
    return {"checked": verdict.checked and included, "median_norm": norm, "sentence": sentence}


def write_recording(folder: Path, recording: Recording) -> StudyEntry:
    """Write one recording's files, each whole or not at all, and return its entry for study.json.

    Raises DataError where its name would leave the folder, or a file of that name is there that is
    not the study's.
    """
    for stream in recording.streams:
        claim(folder, stream_file(recording.id, stream.name))
    entry: StudyEntry = {
        "id": recording.id,
        "subject": recording.subject,
        "session": recording.session,
        "performer": recording.performer,
        "clip": recording.clip,
        "body": recording.body,
        "origin": recording.origin,
        "gravity": recording.gravity,
        "placements": recording.placements,
        "duration_s": round(recording.duration_s, 4),
        "facts": dict(recording.facts),
        "streams": [write_stream(folder, recording.id, stream) for stream in recording.streams],
    }
    if recording.clip_group is not None:
        entry["clip_group"] = recording.clip_group
    if recording.start is not None:
        entry["start"] = recording.start
    return entry
