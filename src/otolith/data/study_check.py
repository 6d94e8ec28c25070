"""Everything that a study holds, read and held against its study.json; every fault is named, not
only the first."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from otolith.data.parquet import number_column, read_parquet, text_column
from otolith.data.recording import RowReport, Stream
from otolith.data.store import LOST, STORES, VALUES
from otolith.data.study import FORMAT, Study, as_written
from otolith.data.study_files import (
    MODALITIES,
    SEGMENTS,
    TIME,
    fault_of_rows,
    file_facts,
    read_segments,
    signal_of,
)

Progress = Callable[[int, int, str], None]
EDIT = "edited by hand"
"""Kind of the report that accounts for rows which an accepted edit took out or put in."""


@dataclass
class Verified:
    """What was found in a folder."""

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
        """Whether no fault was found."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """Return this as what JSON writes."""
        return {
            "path": str(self.path), "kind": self.kind, "whole": self.whole, "faults": self.faults, "notes": self.notes,
            "files": self.files, "bytes": self.bytes, "accepted": self.accepted,
        }  # fmt: skip


def verify_study(
    folder: str | Path, accept_edits: bool = False, progress: Progress | None = None
) -> Verified:
    """Read a study whole: its seal, every stream, segments, modality file and cache.

    With `accept_edits` what is other than it was written, but can be read and fits, is recorded as
    it is now, files brought by hand among it; then only what cannot be used remains a fault, and
    with any of it nothing is recorded.
    """
    folder = Path(folder)
    found = Verified(folder, "study")
    path = folder / "study.json"
    try:
        if not path.exists():
            Study.load(folder)  # says what a study is
        content = read_json(path)
        study = Study.of_json(folder, content)
    except OtolithError as error:
        found.faults.append(str(error))
        return found
    found.files += 1
    found.bytes += path.stat().st_size
    check = _Check(folder, found, accept_edits, study)
    now = copy.deepcopy(content)
    if not as_written(content):
        check.changed(f"{path} was changed since it was written: its seal does not hold")
    elif content["otolith_study"] != FORMAT and not accept_edits:
        found.notes.append(
            f"{path} is of format {content['otolith_study']}, which has few checksums; "
            f"--accept-edits adds them"
        )
    for number, entry in enumerate(now["recordings"]):
        if progress:
            progress(number, len(now["recordings"]), entry["id"])
        check.streams(entry)
    check.segments()
    check.modalities(now)
    check.strangers(now)
    check.caches()
    if progress:
        progress(len(now["recordings"]), len(now["recordings"]), "")
    now = {key: value for key, value in now.items() if key != SEAL} | {
        "otolith_study": FORMAT,
        "files": check.files,
    }
    if accept_edits and found.whole and content_digest(now) != study.seal:
        write_sealed(path, now)
        Study.load(folder)
        found.accepted = True
    return found


class _Check:
    """The parts of a study's folder, one after the other."""

    def __init__(self, folder: Path, found: Verified, accept: bool, study: Study) -> None:
        self.folder, self.found, self.accept, self.study = folder, found, accept, study
        self.told = study.checksums
        self.lasts = {entry["id"]: float(entry["duration_s"]) for entry in study.entries}
        self.files: dict[str, dict[str, Any]] = {}
        """What study.json would say of the files that no recording names."""

    def changed(self, fault: str) -> None:
        """A fault, unless edits are accepted."""
        if not self.accept:
            self.found.faults.append(fault)

    def hold(self, file: str) -> tuple[Path, dict[str, Any]] | None:
        """Hash a file and hold it against what study.json says; None where it cannot be read."""
        try:
            path = inside(self.folder, file)
            facts = file_facts(path)
        except (DataError, OSError) as error:
            reason = (
                str(error)
                if isinstance(error, DataError)
                else f"{self.folder / file} is missing or cannot be read"
            )
            self.found.faults.append(reason)
            return None
        self.found.files += 1
        self.found.bytes += facts["bytes"]
        told = self.told.get(file)
        if told is not None and any(told[key] != facts[key] for key in facts if key in told):
            self.changed(
                f"{path} was changed or damaged: it has {facts['bytes']:,} bytes and sha256 "
                f"{facts['sha256'][:12]}…, "
                f"study.json says {told.get('bytes', facts['bytes']):,} and {told['sha256'][:12]}…"
            )
        return path, facts

    def streams(self, entry: dict[str, Any]) -> None:
        """Read every stream of a recording; with edits accepted, bring its entry up to date."""
        last_s, edited = 0.0, False
        for told in entry["streams"]:
            held = self.hold(told["file"])
            if held is None:
                continue
            path, facts = held
            edited |= told.get("sha256") != facts["sha256"]
            try:
                stream = _stream(path, told)
            except OtolithError as error:
                self.found.faults.append(str(error))
                continue
            if stream.rows_kept != told["rows_kept"]:
                self.changed(
                    f"{path} holds {stream.rows_kept} rows, study.json says {told['rows_kept']}"
                )
                _account(told, stream.rows_kept)
            if stream.rows_kept and told.get("sha256") != facts["sha256"]:
                told["rate_hz"] = round(stream.rate_hz, 4) if stream.rows_kept > 1 else None
            told |= facts
            last_s = max(last_s, stream.time_s[-1] if stream.rows_kept else 0.0)
        if edited:
            entry["duration_s"] = round(float(last_s), 4)
            self.lasts[entry["id"]] = entry["duration_s"]

    def segments(self) -> None:
        """Read the labelled stretches, and say which reach out of their recordings."""
        if SEGMENTS not in self.told and not (self.folder / SEGMENTS).exists():
            return
        held = self.hold(SEGMENTS)
        if held is None:
            return
        self.files[SEGMENTS] = held[1]
        try:
            stretches = [
                (id, s)
                for id, found in read_segments(self.folder, self.lasts).items()
                for s in found
            ]
        except StudyError as error:
            self.found.faults.append(str(error))
            return
        outside = [
            f"'{s.label}' of {id}"
            for id, s in stretches
            if s.start_s > self.lasts[id] or s.end_s < 0
        ]
        empty = [f"'{s.label}' of {id}" for id, s in stretches if s.start_s == s.end_s]
        for what, which in (("lie outside of their recordings", outside), ("last no time", empty)):
            if which:
                self.found.notes.append(
                    f"{held[0]}: {len(which)} segments {what}; the first is {which[0]}"
                )

    def modalities(self, now: dict[str, Any]) -> None:
        """Read every modality file, those among them that study.json does not name."""
        of_entries = {
            part["file"]: part
            for entry in now["recordings"]
            for part in entry.get("partners", {}).values()
        }
        there = {
            path.relative_to(self.folder).as_posix()
            for path in (self.folder / MODALITIES).rglob("*.parquet")
        }
        named = {file for file in self.told if file.startswith(f"{MODALITIES}/")} | set(of_entries)
        for file in sorted(there | named):
            if self.accept and file not in there:  # taken out on purpose
                for entry in now["recordings"]:
                    kept = {
                        name: part
                        for name, part in entry.get("partners", {}).items()
                        if part["file"] != file
                    }
                    entry |= {"partners": kept} if "partners" in entry else {}
                continue
            held = self.hold(file)
            if held is None:
                continue
            if file not in self.told and not self.accept:
                self.found.notes.append(
                    f"{held[0]} is not covered yet: study.json has no checksum of it; "
                    f"--accept-edits adds one"
                )
            if file in of_entries:
                of_entries[file] |= held[1]
            else:
                self.files[file] = held[1]
            try:
                self._modality(held[0], file)
            except OtolithError as error:
                self.found.faults.append(str(error))

    def _modality(self, path: Path, file: str) -> None:
        table = read_parquet(path)
        if file.count("/") > 1:
            if path.stem not in self.lasts:
                self.found.notes.append(
                    f"{path} is of recording '{path.stem}', which the study has not"
                )
            for name in table.column_names:
                number_column(path, table, name)
            return
        if "recording" not in table.column_names:
            raise StudyError(
                f"{path} has no column recording; found {', '.join(table.column_names[:20])}."
            )
        strangers = sorted(
            {str(id) for id in text_column(path, table, "recording")} - self.lasts.keys()
        )
        if strangers:
            raise StudyError(
                f"{path} is of recordings that the study has not: {', '.join(strangers[:5])}."
            )

    def strangers(self, now: Mapping[str, Any]) -> None:
        """Say which recordings lie there that no entry names."""
        named = {stream["file"] for entry in now["recordings"] for stream in entry["streams"]}
        there = {
            path.relative_to(self.folder).as_posix()
            for path in (self.folder / "recordings").glob("*.parquet")
        }
        self.found.notes += [
            f"{self.folder / file} is named by no recording" for file in sorted(there - named)
        ]

    def caches(self) -> None:
        """Hold what is derived against its own hashes."""
        cache = self.folder / caches.FOLDER
        if cache.is_symlink():
            return  # nothing of it is used
        damaged = [
            path
            for path in sorted((cache / MODALITIES).glob("*.cache"))
            if caches.fault_of_arrays(path)
        ]
        damaged += [folder for folder in sorted(cache.glob(f"{STORES}*")) if _damaged_store(folder)]
        self.found.notes += [
            f"{path} is damaged, or of another version; it is made again when it is needed"
            for path in damaged
        ]


def _stream(path: Path, told: Mapping[str, Any]) -> Stream:
    names = told["channels"]
    table = read_parquet(path, [TIME, *names])
    time_s, values = signal_of(path, table, names)
    if fault := fault_of_rows(time_s, values):
        raise StudyError(f"{path}: {fault}")
    return Stream(told["name"], tuple(Channel.parse(name) for name in names), time_s, values)


def _account(told: dict[str, Any], rows: int) -> None:
    """Let rows read still be rows kept and reported, though an edit took some out or put some in."""
    less = told["rows_kept"] - rows
    report = RowReport(
        EDIT, max(less, 0), f"{abs(less)} rows {'taken out' if less > 0 else 'put in'}"
    )
    told["reports"] = [
        *told["reports"],
        {"kind": report.kind, "rows": report.rows, "detail": report.detail},
    ]
    told["rows_kept"] = rows
    told["rows_read"] += max(-less, 0)


def _damaged_store(folder: Path) -> bool:
    try:
        facts = read_json(folder / "store.json")
        return not seal_holds(facts) or any(
            file_digest(folder / name) != facts[name] for name in (VALUES, LOST)
        )
    except (DataError, OSError, TypeError, KeyError, AttributeError):
        return True
