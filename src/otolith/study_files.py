"""The Parquet files of a study's folder: signals, labelled stretches, and which partners lie beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from otolith.channels import Channel, channel_names
from otolith.errors import StudyError
from otolith.files import atomic_path, file_digest
from otolith.recording import RowReport, Segment, Stream


def read_stream(folder: Path, facts: Mapping[str, Any]) -> Stream:
    """Read one stream of a recording by what study.json says of it.

    Raises StudyError where its file is missing, damaged, or of another length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / facts["file"]
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


def write_stream(folder: Path, recording: str, stream: Stream) -> dict[str, Any]:
    """Write one stream of a recording, whole or not at all, and return what study.json says of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = f"recordings/{recording}.{stream.name}.parquet"
    names = channel_names(stream.channels)
    columns = {"time_s": pa.array(stream.time_s)}
    columns |= {name: pa.array(stream.values[:, i]) for i, name in enumerate(names)}
    with atomic_path(folder / file) as temporary:
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
