"""The files of a study's folder: signals, labelled stretches, which modalities lie beside them, and
what is ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from otolith.core.caches import FOLDER as CACHE
from otolith.core.caches import HASHES
from otolith.core.checksums import sha256_of
from otolith.core.errors import DataError, ReadError, StudyError, nearest
from otolith.core.files import atomic_path, file_digest, inside, read_json, refuse_existing
from otolith.core.ownership import Owned, owned
from otolith.core.text import well_formed
from otolith.data.channels import Channel, channel_names
from otolith.data.parquet import number_column, read_parquet, text_column, write_parquet
from otolith.data.recording import RowReport, Segment, Stream

SEGMENTS = "segments.parquet"
TIME = "time_s"
MODALITIES = "partners"
"""Where what goes with the signals lies: texts, poses, vectors."""


def file_facts(path: Path) -> dict[str, Any]:
    """Return what study.json says of a file: its sha256 and how many bytes it has."""
    return {"sha256": file_digest(path), "bytes": path.stat().st_size}


def refuse_changed(folder: Path, file: str, checksums: Mapping[str, Mapping[str, Any]]) -> Path:
    """Return where a file of a study is, if it is what study.json vouches for; one without
    checksums is taken as it is.

    It is hashed once, and again when its size, times or inode change. Raises StudyError where it is
    missing or another.
    """
    try:
        path = inside(folder, file)
        told = checksums.get(file)
        if told is None:
            return path
        size = path.stat().st_size
        if "bytes" in told and size != told["bytes"]:
            fault = f"it has {size:,} bytes, study.json says {told['bytes']:,}"
        elif sha256_of(path, folder / CACHE / HASHES) != told["sha256"]:
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
        "now: "
        f"otolith verify {folder} --accept-edits"
    )


def read_stream(folder: Path, facts: Mapping[str, Any]) -> Stream:
    """Read one stream of a recording by what study.json says of it.

    Raises StudyError where its file is missing, is another than was written, is damaged, or holds
    what no stream can.
    """
    path = refuse_changed(
        folder, facts["file"], {facts["file"]: facts} if "sha256" in facts else {}
    )
    names = facts["channels"]
    table = read_parquet(path, [TIME, *names])
    if table.num_rows != facts["rows_kept"]:
        raise StudyError(
            f"{path} holds {table.num_rows} rows, study.json says {facts['rows_kept']}. "
            f"{how_to_go_on(folder)}"
        )
    time_s, values = signal_of(path, table, names)
    if fault := fault_of_rows(time_s, values):
        raise StudyError(f"{path}: {fault}. Import the study again.")
    return Stream(
        facts["name"],
        tuple(Channel.parse(name) for name in names),
        time_s,
        values,
        facts["nominal_rate_hz"],
        facts["rows_read"],
        tuple(RowReport(**report) for report in facts["reports"]),
    )


def signal_of(path: Path, table: Any, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the stamps (T,) float64 and the named channels (T, C) float32 of a stream's table.

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


def write_stream(folder: Path, recording: str, stream: Stream) -> dict[str, Any]:
    """Write one stream of a recording, whole or not at all, and return what study.json says of it."""
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
        "reports": [dataclasses.asdict(report) for report in stream.reports],
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
    names = {name: text_column(path, table, name) for name in ("recording", "label", "source")}
    starts, ends = (number_column(path, table, name).tolist() for name in ("start_s", "end_s"))
    rows = zip(starts, ends, names["recording"], names["label"], names["source"], strict=True)
    for number, (start_s, end_s, recording, label, source) in enumerate(rows):
        if not start_s <= end_s < np.inf or start_s == -np.inf:
            raise StudyError(
                f"{path}: row {number} goes from {start_s} to {end_s} s. Correct it, or import the "
                f"study again."
            )
        if recording is None or recording not in recordings:
            raise StudyError(
                f"{path}: row {number} is of recording '{recording}', which the study has not."
                f"{nearest(str(recording), recordings)} Correct it, or import the study again."
            )
        if label is None:
            raise StudyError(
                f"{path}: row {number} has no label. Correct it, or import the study again."
            )
        out.setdefault(recording, []).append(Segment(start_s, end_s, label, source or ""))
    return out


def write_segments(folder: Path, segments: Sequence[dict[str, Any]]) -> None:
    """Write labelled stretches: recording, start_s, end_s, label, source."""
    import pyarrow as pa

    rows = [
        {key: well_formed(part) if isinstance(part, str) else part for key, part in s.items()}
        for s in segments
    ]
    text, number = pa.string(), pa.float64()
    schema = pa.schema(
        [
            ("recording", text),
            ("start_s", number),
            ("end_s", number),
            ("label", text),
            ("source", text),
        ]
    )
    with atomic_path(folder / SEGMENTS) as temporary:
        write_parquet(temporary, pa.Table.from_pylist(rows, schema=schema), "snappy")


def count_modalities(
    folder: Path, recordings: Collection[str], checksums: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """Return which modalities lie in a study's folder, and how many of its recordings each knows.

    Raises StudyError where a file was changed, is damaged or names no recordings.
    """
    out: dict[str, int] = {}
    for file in checksums:
        if file.startswith(f"{MODALITIES}/") and not (folder / file).exists():
            refuse_changed(folder, file, checksums)
    for path in sorted((folder / MODALITIES).glob("*")):
        name = path.name.removesuffix(".parquet")
        if path.is_dir():
            known = {file.stem for file in path.glob("*.parquet")}
        elif path.suffix == ".parquet":
            table = read_parquet(
                refuse_changed(folder, f"{MODALITIES}/{path.name}", checksums), ["recording"]
            )
            known = {str(id) for id in text_column(path, table, "recording")}
        else:
            continue
        out[name] = len(known & set(recordings))
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


def _named_by_study(folder: Path) -> set[str]:
    """The files that a study.json names, and those that stood beside it in any case before studies
    had a marker."""
    try:
        named = files_of(_entries(folder))
    except _NO_STUDY:
        return set()
    return named | {
        *(
            "study.json",
            "segments.parquet",
            "skipped.json",
            "doubtful.json",
            "matching.json",
            "recipe.toml",
        ),
    }


def _beside(folder: Path) -> set[str]:
    """The modality files that an import writes under the names under which a user brings his own."""
    try:
        ids = [entry["id"] for entry in _entries(folder)]
    except _NO_STUDY:
        return set()
    return {
        f"{MODALITIES}/{name}/{id}.parquet" for id in ids for name in ("pose", "pose_2d", "truth")
    } | {f"{MODALITIES}/text.parquet"}


def _entries(folder: Path) -> Sequence[Mapping[str, Any]]:
    content = read_json(folder / "study.json")
    entries: Sequence[Mapping[str, Any]] = content["recordings"] if content["otolith_study"] else []
    return entries


_NO_STUDY = (ReadError, OSError, KeyError, TypeError, AttributeError)


def files_of(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the files that entries of study.json name: streams, and what was written beside them."""
    parts = [part for e in entries for part in (*e["streams"], *e.get("partners", {}).values())]
    return {
        part["file"]
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("file"), str)
    }
