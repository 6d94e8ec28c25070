"""Everything that a study holds, read and held against its study.json; every fault is named."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from otolith.core import caches
from otolith.core.errors import DataError, OtolithError, StudyError
from otolith.core.files import (
    SEAL,
    content_digest,
    file_digest,
    inside,
    read_json,
    seal_holds,
    write_sealed,
)
from otolith.data.channels import Channel
from otolith.data.entries import (
    Checksum,
    FileEntry,
    ModalityEntry,
    StreamEntry,
    StudyEntry,
    StudyFile,
)
from otolith.data.parquet import number_column, read_parquet, text_column
from otolith.data.recording import Stream
from otolith.data.store import LOST, STORES, VALUES
from otolith.data.study import FORMAT, Study, as_written
from otolith.data.study_files import (
    MODALITIES,
    SEGMENTS,
    TIME,
    fault_of_rows,
    file_facts,
    files_of,
    read_segments,
    signal_of,
)

Progress = Callable[[int, int, str], None]
EDIT = "edited by hand"
"""Kind of the report that accounts for rows which an accepted edit took out or put in."""


@dataclass
class Verified:
    """What a check of a folder found."""

    path: Path
    kind: str
    faults: list[str] = field(default_factory=list)
    """What is damaged, missing, or not as it was written."""
    notes: list[str] = field(default_factory=list)
    """What works, but is vouched for by nothing, or will be made again."""
    files: int = 0
    bytes: int = 0
    accepted: bool = False
    """Whether edits were recorded."""

    @property
    def whole(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def to_json(self) -> dict[str, object]:
        """Return this as what JSON writes."""
        return {**asdict(self), "path": str(self.path), "whole": self.whole}


def verify_study(
    folder: str | Path, accept_edits: bool = False, progress: Progress | None = None
) -> Verified:
    """Read a study whole: its seal, every stream, segments, modality file and cache.

    With `accept_edits` what is other than it was written, but can be read and fits, is recorded as
    it is now, files brought by hand among it; then only what cannot be used remains a fault, and
    with any of it nothing is recorded.
    """
    folder = Path(folder)
    verified = Verified(folder, "study")
    path = folder / "study.json"
    try:
        if not path.exists():
            Study.load(folder)  # says what a study is
        content = read_json(path)
        study = Study.of_json(folder, content)
    except OtolithError as error:
        verified.faults.append(str(error))
        return verified
    verified.files += 1
    verified.bytes += path.stat().st_size
    check = _Check(study, cast(StudyFile, copy.deepcopy(content)), verified, accept_edits)
    if not as_written(content):
        check.changed(f"{path} was changed since it was written: its seal does not hold")
    elif content["otolith_study"] != FORMAT and not accept_edits:
        verified.notes.append(
            f"{path} is of format {content['otolith_study']}, which has few checksums; "
            "--accept-edits adds them"
        )
    now = check.run(progress or (lambda done, total, what: None))
    if accept_edits and verified.whole and content_digest(now) != study.seal:
        write_sealed(path, now)
        Study.load(folder)
        verified.accepted = True
    return verified


class _Check:
    """The parts of a study's folder, one after the other."""

    def __init__(self, study: Study, now: StudyFile, verified: Verified, accept: bool) -> None:
        self.folder, self.recorded = study.folder, study.checksums
        self.verified, self.accept = verified, accept
        self.now = now
        """What study.json would say of the folder as it is."""
        self.lasts = {entry["id"]: float(entry["duration_s"]) for entry in study.entries}
        self.files: dict[str, FileEntry] = {}
        """The files that no recording names."""

    def run(self, progress: Progress) -> Mapping[str, Any]:
        """Check everything; return what study.json would say of the folder as it is."""
        entries = self.now["recordings"]
        for number, entry in enumerate(entries):
            progress(number, len(entries), entry["id"])
            self.streams(entry)
        self.segments()
        self.modalities()
        self.strangers()
        self.caches()
        progress(len(entries), len(entries), "")
        kept = {key: value for key, value in self.now.items() if key != SEAL}
        return kept | {"otolith_study": FORMAT, "files": self.files}

    def changed(self, fault: str) -> None:
        """A fault, unless edits are accepted."""
        if not self.accept:
            self.verified.faults.append(fault)

    def hold(self, file: str) -> tuple[Path, FileEntry] | None:
        """Hash a file and hold it against study.json; None where it cannot be read."""
        try:
            path = inside(self.folder, file)
            facts = file_facts(path)
        except DataError as error:
            self.verified.faults.append(str(error))
            return None
        except OSError:
            self.verified.faults.append(f"{self.folder / file} is missing or cannot be read")
            return None
        self.verified.files += 1
        self.verified.bytes += facts["bytes"]
        recorded = self.recorded.get(file)
        if recorded and not _same(recorded, facts):
            size = recorded.get("bytes", facts["bytes"])
            self.changed(
                f"{path} was changed or damaged: it has {facts['bytes']:,} bytes and sha256 "
                f"{facts['sha256'][:12]}…, study.json says {size:,} and "
                f"{recorded['sha256'][:12]}…"
            )
        return path, facts

    def streams(self, entry: StudyEntry) -> None:
        """Read every stream of a recording; with edits accepted, bring its entry up to date."""
        last_s, edited = 0.0, False
        for stream in entry["streams"]:
            held = self.hold(stream["file"])
            if held is None:
                continue
            path, facts = held
            differs = stream.get("sha256") != facts["sha256"]
            edited |= differs
            try:
                signal = _signal(path, stream)
            except OtolithError as error:
                self.verified.faults.append(str(error))
                continue
            if signal.rows_kept != stream["rows_kept"]:
                self.changed(
                    f"{path} holds {signal.rows_kept} rows, study.json says {stream['rows_kept']}"
                )
                _account(stream, signal.rows_kept)
            if signal.rows_kept and differs:
                stream["rate_hz"] = round(signal.rate_hz, 4) if signal.rows_kept > 1 else None
            stream["sha256"], stream["bytes"] = facts["sha256"], facts["bytes"]
            last_s = max(last_s, signal.time_s[-1] if signal.rows_kept else 0.0)
        if edited:
            entry["duration_s"] = round(float(last_s), 4)
            self.lasts[entry["id"]] = entry["duration_s"]

    def segments(self) -> None:
        """Read the labelled stretches, and say which reach out of their recordings."""
        if SEGMENTS not in self.recorded and not (self.folder / SEGMENTS).exists():
            return
        held = self.hold(SEGMENTS)
        if held is None:
            return
        path, self.files[SEGMENTS] = held
        try:
            of_recording = read_segments(self.folder, self.lasts)
        except StudyError as error:
            self.verified.faults.append(str(error))
            return
        outside, empty = [], []
        for id, segments in of_recording.items():
            for segment in segments:
                if segment.start_s > self.lasts[id] or segment.end_s < 0:
                    outside.append(f"'{segment.label}' of {id}")
                if segment.start_s == segment.end_s:
                    empty.append(f"'{segment.label}' of {id}")
        for what, which in (("lie outside of their recordings", outside), ("last no time", empty)):
            if which:
                self.verified.notes.append(
                    f"{path}: {len(which)} segments {what}; the first is {which[0]}"
                )

    def modalities(self) -> None:
        """Read every modality file, those among them that study.json does not name."""
        of_entries = {
            part["file"]: part
            for entry in self.now["recordings"]
            for part in entry.get("partners", {}).values()
        }
        available = _parquet_files(self.folder, MODALITIES)
        named = {file for file in self.recorded if file.startswith(f"{MODALITIES}/")}
        for file in sorted(available | named | set(of_entries)):
            if self.accept and file not in available:  # taken out on purpose
                self._forget(file)
            elif held := self.hold(file):
                self._hold_modality(held[0], file, held[1], of_entries.get(file))

    def _forget(self, file: str) -> None:
        for entry in self.now["recordings"]:
            if "partners" in entry:
                parts = entry["partners"].items()
                entry["partners"] = {name: part for name, part in parts if part["file"] != file}

    def _hold_modality(
        self, path: Path, file: str, facts: FileEntry, entry: ModalityEntry | None
    ) -> None:
        if file not in self.recorded and not self.accept:
            self.verified.notes.append(
                f"{path} is not covered yet: study.json has no checksum of it; --accept-edits "
                "adds one"
            )
        if entry is None:
            self.files[file] = facts
        else:
            entry["sha256"], entry["bytes"] = facts["sha256"], facts["bytes"]
        try:
            if file.count("/") > 1:
                self._modality_of_one(path)
            else:
                _modality_of_all(path, self.lasts)
        except OtolithError as error:
            self.verified.faults.append(str(error))

    def _modality_of_one(self, path: Path) -> None:
        table = read_parquet(path)
        if path.stem not in self.lasts:
            self.verified.notes.append(
                f"{path} is of recording '{path.stem}', which the study has not"
            )
        for name in table.column_names:
            number_column(path, table, name)

    def strangers(self) -> None:
        """Note the recordings in the folder that no entry names."""
        unnamed = _parquet_files(self.folder, "recordings") - files_of(self.now["recordings"])
        self.verified.notes += [
            f"{self.folder / file} is named by no recording" for file in sorted(unnamed)
        ]

    def caches(self) -> None:
        """Hold what is derived against its own hashes."""
        cache = self.folder / caches.FOLDER
        if cache.is_symlink():
            return  # nothing of it is used
        arrays = sorted((cache / MODALITIES).glob("*.cache"))
        damaged = [path for path in arrays if caches.fault_of_arrays(path)]
        damaged += [folder for folder in sorted(cache.glob(f"{STORES}*")) if _damaged_store(folder)]
        self.verified.notes += [
            f"{path} is damaged, or of another version; it is made again when it is needed"
            for path in damaged
        ]


def _same(recorded: Checksum, facts: FileEntry) -> bool:
    size = recorded.get("bytes", facts["bytes"])
    return recorded["sha256"] == facts["sha256"] and size == facts["bytes"]


def _parquet_files(folder: Path, below: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in (folder / below).rglob("*.parquet")}


def _modality_of_all(path: Path, known: Collection[str]) -> None:
    """Refuse a modality file of a whole study that is of recordings the study does not have."""
    table = read_parquet(path)
    if "recording" not in table.column_names:
        raise StudyError(
            f"{path} has no column recording; found {', '.join(table.column_names[:20])}."
        )
    strangers = {str(id) for id in text_column(path, table, "recording")} - set(known)
    if strangers:
        listed = ", ".join(sorted(strangers)[:5])
        raise StudyError(f"{path} is of recordings that the study has not: {listed}.")


def _signal(path: Path, entry: StreamEntry) -> Stream:
    names = entry["channels"]
    table = read_parquet(path, [TIME, *names])
    time_s, values = signal_of(path, table, names)
    if fault := fault_of_rows(time_s, values):
        raise StudyError(f"{path}: {fault}")
    return Stream(entry["name"], tuple(Channel.parse(name) for name in names), time_s, values)


def _account(entry: StreamEntry, rows: int) -> None:
    """Keep rows read = kept + reported, though an edit took some out or put some in."""
    less = entry["rows_kept"] - rows
    detail = f"{abs(less)} rows {'taken out' if less > 0 else 'put in'}"
    entry["reports"] = [*entry["reports"], {"kind": EDIT, "rows": max(less, 0), "detail": detail}]
    entry["rows_kept"] = rows
    entry["rows_read"] += max(-less, 0)


def _damaged_store(folder: Path) -> bool:
    try:
        facts = read_json(folder / "store.json")
        return not seal_holds(facts) or any(
            file_digest(folder / name) != facts[name] for name in (VALUES, LOST)
        )
    except (DataError, OSError, TypeError, KeyError, AttributeError):
        return True
