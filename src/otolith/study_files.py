"""The files of a study's folder: signals, labelled stretches, which partners lie beside them, and what is ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from otolith.channels import Channel, channel_names
from otolith.errors import ReadError, StudyError
from otolith.files import atomic_path, file_digest, inside, read_json, refuse_existing
from otolith.ownership import Owned, owned
from otolith.recording import RowReport, Segment, Stream


def read_stream(folder: Path, facts: Mapping[str, Any]) -> Stream:
    """Read one stream of a recording by what study.json says of it.

    Raises StudyError where its file is missing, damaged, or of another length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = inside(folder, facts["file"])
    try:
        columns = ["time_s", *facts["channels"]]
        table = pq.read_table(path, columns=columns, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:  # pyarrow says OSError where a page inside is damaged
        raise StudyError(f"{path} is missing or damaged ({error}). Import the study again.") from error
    if table.num_rows != facts["rows_kept"]:
        raise StudyError(f"{path} holds {table.num_rows} rows, study.json says {facts['rows_kept']}.")
    values = np.empty((table.num_rows, len(facts["channels"])), dtype=np.float32)
    for column, name in enumerate(facts["channels"]):
        values[:, column] = table[name].to_numpy()
    return Stream(
        facts["name"],
        tuple(Channel.parse(name) for name in facts["channels"]),
        table["time_s"].to_numpy(),
        values,
        facts["nominal_rate_hz"],
        facts["rows_read"],
        tuple(RowReport(**report) for report in facts["reports"]),
    )


def stream_file(recording: str, stream: str) -> str:
    """Where a stream of a recording is, from the study's folder on."""
    return f"recordings/{recording}.{stream}.parquet"


def write_stream(folder: Path, recording: str, stream: Stream) -> dict[str, Any]:
    """Write one stream of a recording, whole or not at all, and return what study.json says of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = stream_file(recording, stream.name)
    names = channel_names(stream.channels)
    columns = {"time_s": pa.array(stream.time_s)}
    columns |= {name: pa.array(stream.values[:, i]) for i, name in enumerate(names)}
    with atomic_path(inside(folder, file)) as temporary:
        # zstd alone does not notice a page of zeros in its middle.
        pq.write_table(pa.table(columns), temporary, compression="zstd", write_page_checksum=True)
        sha256 = file_digest(temporary)
    return {
        "name": stream.name,
        "file": file,
        "rate_hz": round(stream.rate_hz, 4) if stream.rows_kept > 1 else None,
        "nominal_rate_hz": stream.nominal_rate_hz,
        "channels": names,
        "rows_read": stream.rows_read,
        "rows_kept": stream.rows_kept,
        "reports": [dataclasses.asdict(report) for report in stream.reports],
        "sha256": sha256,
    }


def read_segments(folder: Path) -> dict[str, list[Segment]]:
    """Read labelled stretches by recording; StudyError where the file is damaged or lacks a column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out: dict[str, list[Segment]] = {}
    path = folder / "segments.parquet"
    if path.exists():
        try:
            rows = pq.read_table(path, columns=["recording", "start_s", "end_s", "label", "source"]).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise StudyError(f"{path} is damaged ({error}). Import the study again.") from error
        for row in rows:
            segment = Segment(row["start_s"], row["end_s"], row["label"], row["source"])
            out.setdefault(row["recording"], []).append(segment)
    return out


def write_segments(folder: Path, segments: Sequence[dict[str, Any]]) -> None:
    """Write labelled stretches: recording, start_s, end_s, label, source."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.float64()
    schema = pa.schema([("recording", text), ("start_s", number), ("end_s", number), ("label", text), ("source", text)])
    with atomic_path(folder / "segments.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(list(segments), schema=schema), temporary)


def count_partners(folder: Path, recordings: Collection[str]) -> dict[str, int]:
    """Return which partners lie in a study's folder, and how many of its recordings each knows.

    Raises StudyError where a file is damaged or names no recordings.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    out: dict[str, int] = {}
    for path in sorted((folder / "partners").glob("*")):
        name = path.name.removesuffix(".parquet")
        if path.is_dir():
            known = {file.stem for file in path.glob("*.parquet")}
        elif path.suffix == ".parquet":
            try:
                known = set(pq.read_table(path, columns=["recording"])["recording"].to_pylist())
            except (OSError, KeyError, pa.ArrowException) as error:
                raise StudyError(f"{path} is damaged, or has no column recording ({error}). Write it again.") from error
        else:
            continue
        out[name] = len(known & set(recordings))
    return out


ENDS = ("study.json", "simulated.jsonl")
"""Either of these is worth asking before it is replaced: a whole study, or what is finished of a simulation."""


def refuse_taken(folder: Path, overwrite: bool) -> None:
    """Raise DataError where a folder holds a study that may not be replaced.

    What an import that failed or was stopped left behind may be written over without asking.
    """
    for name in ENDS:
        if (folder / name).exists():
            refuse_existing(folder, "study", overwrite)


def owned_study(
    folder: Path, beside: Sequence[str] = (), older: Callable[[Path], set[str]] = lambda folder: set()
) -> AbstractContextManager[Owned]:
    """Make a folder a study's, or take it up again (see `ownership.owned`); `beside` names what else is written.

    Raises DataError where the folder holds anything that no study names.
    """
    fixed = ("study.json", "segments.parquet", *beside)
    return owned(folder, "study", fixed, lambda folder: _named_by_study(folder) | older(folder))


def _named_by_study(folder: Path) -> set[str]:
    """The files that a study.json names, and those that stood beside it in any case before studies had a marker."""
    try:
        content = read_json(folder / "study.json")
        entries = content["recordings"] if content["otolith_study"] else []
        named = files_of(entries)
    except (ReadError, OSError, KeyError, TypeError, AttributeError):
        return set()
    named |= {f"partners/{name}/{entry['id']}.parquet" for entry in entries for name in ("pose", "pose_2d", "truth")}
    return named | {"study.json", "segments.parquet", "skipped.json", "doubtful.json", "matching.json", "recipe.toml",
                    "partners/text.parquet"}  # fmt: skip


def files_of(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the files that entries of study.json name: streams, and what was written beside them."""
    parts = [part for e in entries for part in (*e["streams"], *e.get("partners", {}).values())]
    return {part["file"] for part in parts if isinstance(part, dict) and isinstance(part.get("file"), str)}
