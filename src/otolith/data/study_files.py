"""The files of a study's folder: signals, segments, modalities, and which of them are ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from otolith.core.caches import FOLDER as CACHE
from otolith.core.caches import HASHES
from otolith.core.checksums import sha256_of
from otolith.core.errors import DataError, ReadError, StudyError, nearest
from otolith.core.files import atomic_path, file_digest, inside, read_json, refuse_existing
from otolith.core.ownership import Owned, owned
from otolith.core.text import well_formed
from otolith.data.channels import Channel, channel_names
from otolith.data.entries import (
    Checksum,
    FileEntry,
    StreamEntry,
    StudyEntry,
    checksums_of_parts,
    parts_of,
)
from otolith.data.parquet import number_column, read_parquet, text_column, write_parquet
from otolith.data.recording import RowReport, Segment, Stream

if TYPE_CHECKING:
    import pyarrow as pa

SEGMENTS = "segments.parquet"
TIME = "time_s"
MODALITIES = "partners"
"""Where what goes with the signals lies: texts, poses, vectors."""


def file_facts(path: Path) -> FileEntry:
    """Return what study.json says of a file: its sha256 and how many bytes it has."""
    return {"sha256": file_digest(path), "bytes": path.stat().st_size}


def refuse_changed(folder: Path, file: str, checksums: Mapping[str, Checksum]) -> Path:
    """Return the path of a study's file, if it is what study.json vouches for.

    One without checksums is taken as it is. It is hashed once, and again when its size, times or
    inode change. Raises StudyError where it is missing or another.
    """
    try:
        path = inside(folder, file)
        recorded = checksums.get(file)
        if recorded is None:
            return path
        size = path.stat().st_size
        if size != recorded.get("bytes", size):
            fault = f"it has {size:,} bytes, study.json says {recorded['bytes']:,}"
        elif sha256_of(path, folder / CACHE / HASHES) != recorded["sha256"]:
            fault = "its sha256 is another than study.json says"
        else:
            return path
    except DataError as error:
        raise StudyError(f"{folder / 'study.json'}: {error}") from error
    except OSError as error:
        raise StudyError(
            f"{folder / file} is missing or cannot be read ({error.strerror}). "
            f"{how_to_go_on(folder)}"
        ) from error
    raise StudyError(
        f"{path} was changed or damaged since it was written: {fault}. {how_to_go_on(folder)}"
    )


def how_to_go_on(folder: Path) -> str:
    """Say what to type where a study is not as it was written."""
    return (
        "Import the study again; or, if you changed it on purpose, check it and record it as it is "
        f"now: otolith verify {folder} --accept-edits"
    )


def read_stream(folder: Path, entry: StreamEntry) -> Stream:
    """Read one stream of a recording by its entry in study.json.

    Raises StudyError where its file is missing, is another than was written, is damaged, or holds
    what no stream can.
    """
    path = refuse_changed(folder, entry["file"], checksums_of_parts([entry]))
    names = entry["channels"]
    table = read_parquet(path, [TIME, *names])
    if table.num_rows != entry["rows_kept"]:
        raise StudyError(
            f"{path} holds {table.num_rows} rows, study.json says {entry['rows_kept']}. "
            f"{how_to_go_on(folder)}"
        )
    time_s, values = signal_of(path, table, names)
    if fault := fault_of_rows(time_s, values):
        raise StudyError(f"{path}: {fault}. Import the study again.")
    return Stream(
        entry["name"],
        tuple(Channel.parse(name) for name in names),
        time_s,
        values,
        entry["nominal_rate_hz"],
        entry["rows_read"],
        tuple(RowReport(**report) for report in entry["reports"]),
    )


def signal_of(
    path: Path, table: pa.Table, names: Sequence[str]
) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, "T C"]]:
    """Return the stamps (float64, in s) and the named channels (float32) of a stream's table.

    Raises StudyError for a column that holds no numbers.
    """
    time_s = number_column(path, table, TIME).astype(np.float64, copy=False)
    values = np.empty((table.num_rows, len(names)), dtype=np.float32)
    for column, name in enumerate(names):
        with np.errstate(over="ignore"):
            values[:, column] = number_column(path, table, name)
    return time_s, values


def stream_file(recording: str, stream: str) -> str:
    """Where a stream of a recording is, from the study's folder on."""
    return f"recordings/{recording}.{stream}.parquet"


def fault_of_rows(time_s: np.ndarray, values: np.ndarray) -> str:
    """Say why numbers cannot be a stream's; nothing where they can."""
    if not np.isfinite(time_s).all():
        return f"{TIME} is not finite in row {np.flatnonzero(~np.isfinite(time_s))[0]}"
    if not (falls := np.diff(time_s) > 0).all():
        return f"{TIME} does not rise behind row {np.flatnonzero(~falls)[0]}"
    if not (finite := np.isfinite(values)).all():
        return f"a value is not finite in row {np.flatnonzero(~finite.all(axis=1))[0]}"
    return ""


def write_stream(folder: Path, recording: str, stream: Stream) -> StreamEntry:
    """Write one stream of a recording, whole or not at all, and return its entry."""
    import pyarrow as pa

    file = stream_file(recording, stream.name)
    names = channel_names(stream.channels)
    columns = {"time_s": pa.array(stream.time_s)}
    columns |= {name: pa.array(stream.values[:, i]) for i, name in enumerate(names)}
    with atomic_path(inside(folder, file)) as temporary:
        write_parquet(temporary, pa.table(columns))
        checksum = file_facts(temporary)
    return {
        "name": stream.name,
        "file": file,
        "rate_hz": round(stream.rate_hz, 4) if stream.rows_kept > 1 else None,
        "nominal_rate_hz": stream.nominal_rate_hz,
        "channels": names,
        "rows_read": stream.rows_read,
        "rows_kept": stream.rows_kept,
        "reports": [
            {"kind": report.kind, "rows": report.rows, "detail": report.detail}
            for report in stream.reports
        ],
        **checksum,
    }


def read_segments(folder: Path, recordings: Collection[str]) -> dict[str, list[Segment]]:
    """Read labelled stretches by recording.

    Raises StudyError where the file is damaged, lacks a column, or a row is of an unknown recording
    or no stretch.
    """
    out: dict[str, list[Segment]] = {}
    path = folder / SEGMENTS
    if not path.exists():
        return out
    table = read_parquet(path, ["recording", "start_s", "end_s", "label", "source"])
    ids, labels, sources = (
        text_column(path, table, name) for name in ("recording", "label", "source")
    )
    starts, ends = (number_column(path, table, name).tolist() for name in ("start_s", "end_s"))
    rows = zip(ids, starts, ends, labels, sources, strict=True)
    for number, (recording, start_s, end_s, label, source) in enumerate(rows):
        segment = Segment(start_s, end_s, label or "", source or "")
        fault = _fault_of(segment, recording, recordings)
        if fault or label is None:
            fault = fault or "has no label."
            raise StudyError(f"{path}: row {number} {fault} Correct it, or import the study again.")
        out.setdefault(recording or "", []).append(segment)
    return out


def _fault_of(segment: Segment, recording: str | None, known: Collection[str]) -> str:
    """Say why a segment cannot be one of a recording; nothing where it can."""
    if not -np.inf < segment.start_s <= segment.end_s < np.inf:
        return f"goes from {segment.start_s} to {segment.end_s} s."
    if recording not in known:
        suggestion = nearest(str(recording), known)
        return f"is of recording '{recording}', which the study has not.{suggestion}"
    return ""


def write_segments(folder: Path, segments: Iterable[tuple[str, Segment]]) -> None:
    """Write labelled stretches, each with its recording's id."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    kinds = {"recording": text, "start_s": number, "end_s": number, "label": text, "source": text}
    rows = [
        {
            key: well_formed(value) if isinstance(value, str) else value
            for key, value in ({"recording": recording} | dataclasses.asdict(segment)).items()
        }
        for recording, segment in segments
    ]
    with atomic_path(folder / SEGMENTS) as temporary:
        write_parquet(
            temporary, pa.Table.from_pylist(rows, schema=pa.schema(kinds.items())), "snappy"
        )


def count_modalities(
    folder: Path, recordings: Collection[str], checksums: Mapping[str, Checksum]
) -> dict[str, int]:
    """Return which modalities lie in a study's folder, and how many of its recordings each knows.

    Raises StudyError where a file was changed, is damaged or names no recordings.
    """
    out: dict[str, int] = {}
    for file in checksums:
        if file.startswith(f"{MODALITIES}/") and not (folder / file).exists():
            refuse_changed(folder, file, checksums)
    for path in sorted((folder / MODALITIES).glob("*")):
        if path.is_dir():
            known = {file.stem for file in path.glob("*.parquet")}
        elif path.suffix == ".parquet":
            path = refuse_changed(folder, f"{MODALITIES}/{path.name}", checksums)
            table = read_parquet(path, ["recording"])
            known = {str(id) for id in text_column(path, table, "recording")}
        else:
            continue
        out[path.name.removesuffix(".parquet")] = len(known & set(recordings))
    return out


ENDS = ("study.json", "simulated.jsonl")
"""Either of these is worth asking before it is replaced: a whole study, or what is finished of a
simulation."""


def refuse_taken(folder: Path, overwrite: bool) -> None:
    """Raise DataError where a folder holds a study that may not be replaced.

    What an import that failed or was stopped left behind may be written over without asking.
    """
    for name in ENDS:
        if (folder / name).exists():
            refuse_existing(folder, "study", overwrite)


def owned_study(
    folder: Path,
    beside: Sequence[str] = (),
    older: Callable[[Path], set[str]] = lambda folder: set(),
) -> AbstractContextManager[Owned]:
    """Make a folder a study's, or take it up again (see `ownership.owned`); `beside` names what
    else is written.

    Raises DataError where the folder holds anything that no study names.
    """
    fixed = ("study.json", "segments.parquet", *beside)
    return owned(
        folder, "study", fixed, lambda folder: _named_by_study(folder) | older(folder), _beside
    )


BEFORE_MARKERS = frozenset(
    {"study.json", SEGMENTS, "skipped.json", "doubtful.json", "matching.json", "recipe.toml"}
)
"""What stood beside any study before studies had a marker of what is theirs."""


def _named_by_study(folder: Path) -> set[str]:
    """The files of a study that was written before studies had a marker."""
    entries = _entries(folder)
    return set() if entries is None else files_of(entries) | BEFORE_MARKERS


def _beside(folder: Path) -> set[str]:
    """The modality files that an import writes, whose names are also those that users bring."""
    entries = _entries(folder)
    if entries is None:
        return set()
    names = ("pose", "pose_2d", "truth")
    files = {f"{MODALITIES}/{name}/{one['id']}.parquet" for one in entries for name in names}
    return files | {f"{MODALITIES}/text.parquet"}


def _entries(folder: Path) -> list[StudyEntry] | None:
    """The recordings that a study.json names, whatever its format; None where it is no study."""
    try:
        content = read_json(folder / "study.json")
        entries: list[StudyEntry] = content["recordings"] if content["otolith_study"] else []
        named = [part["file"] for part in parts_of(entries)] + [entry["id"] for entry in entries]
        return entries if all(isinstance(name, str) for name in named) else None
    except (ReadError, OSError, KeyError, TypeError, AttributeError):
        return None


def files_of(entries: Iterable[StudyEntry]) -> set[str]:
    """Return the files that recordings have: streams and modalities."""
    return {part["file"] for part in parts_of(entries)}
