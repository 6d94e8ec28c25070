"""Partners on disk: texts of stretches of time, poses and truth of recordings, vectors made elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from otolith.errors import StudyError, nearest
from otolith.files import atomic_path, inside
from otolith.ownership import claim
from otolith.study import Study
from otolith.windows import Windows

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "partners"
TEXTS = f"{FOLDER}/text.parquet"
LABEL = "label"
"""What stands in a text's `source` where it merely says the label."""


@dataclass(frozen=True)
class Text:
    """What happens in a stretch of a recording, in words."""

    recording: str
    start_s: float
    end_s: float
    text: str
    source: str = ""
    """`label` where the words merely say the label; else where they come from, or nothing."""


def partner_file(name: str, recording: str) -> str:
    """Where a partner of one recording is, from the study's folder on."""
    return f"{FOLDER}/{name}/{recording}.parquet"


def write_partner(folder: Path, name: str, recording: str, columns: Mapping[str, np.ndarray]) -> None:
    """Write a partner of one recording, whole or not at all: `time_s` in float64, all else in float32."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {
        column: pa.array(values if column == "time_s" else values.astype(np.float32))
        for column, values in columns.items()
    }
    with atomic_path(claim(folder, partner_file(name, recording))) as temporary:
        pq.write_table(pa.table(arrays), temporary, compression="zstd", write_page_checksum=True)


def read_partner(folder: Path, name: str, recording: str) -> dict[str, np.ndarray]:
    """Read a partner of one recording back: column by column, "pose" or "truth".

    Raises StudyError where the recording has none, or its file is damaged.
    """
    path = inside(folder, partner_file(name, recording))
    if not path.exists():
        raise StudyError(f"Recording '{recording}' of {folder} has no {name}: there is no {path}.")
    table = read_table(path)
    return {column: table[column].to_numpy() for column in table.column_names}


def write_texts(folder: Path, texts: Iterable[Text]) -> None:
    """Write what happens in the recordings, in words."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(texts)
    columns = {
        "recording": pa.array([row.recording for row in rows], pa.string()),
        "start_s": pa.array([row.start_s for row in rows], pa.float64()),
        "end_s": pa.array([row.end_s for row in rows], pa.float64()),
        "text": pa.array([row.text for row in rows], pa.string()),
        "source": pa.array([row.source for row in rows], pa.string()),
    }
    with atomic_path(claim(folder, TEXTS)) as temporary:
        pq.write_table(pa.table(columns), temporary)


def read_texts(folder: Path) -> dict[str, list[Text]]:
    """Read the texts of a study by recording; nothing where it has none.

    Raises StudyError where the file is damaged or lacks a column; for the first row that ends before it starts or is
    of a recording that the study has not; and where all texts of a recording lie outside of it.
    """
    path = folder / TEXTS
    if not path.exists():
        return {}
    lasts = durations(folder)
    table = read_table(path, ("recording", "start_s", "end_s", "text"))
    known = [name for name in ("recording", "start_s", "end_s", "text", "source") if name in table.column_names]
    out: dict[str, list[Text]] = {}
    for number, row in enumerate(table.select(known).to_pylist()):
        start, end = row["start_s"], row["end_s"]
        if start is None or end is None or not start <= end:
            raise StudyError(f"{path}: row {number} (recording '{row['recording']}') goes from {start} to {end} s.")
        refuse_stranger(path, number, row["recording"], lasts)
        words = Text(row["recording"], row["start_s"], row["end_s"], row["text"] or "", row.get("source") or "")
        out.setdefault(words.recording, []).append(words)
    for recording, texts in out.items():
        if all(text.start_s > lasts[recording] or text.end_s < 0 for text in texts):
            raise StudyError(
                f"{path}: the texts of recording '{recording}' go from {min(t.start_s for t in texts):.1f} to "
                f"{max(t.end_s for t in texts):.1f} s, the recording from 0 to {lasts[recording]:.1f} s. Both are in "
                "seconds from the recording's start; write the texts again."
            )
    return out


def durations(folder: Path) -> dict[str, float]:
    """Return the recordings of a study, and how many seconds each lasts."""
    return {entry["id"]: entry["duration_s"] for entry in Study.load(folder).entries}


def refuse_stranger(path: Path, number: int, recording: str, known: Collection[str]) -> None:
    """Raise StudyError where a row of partners is of a recording that the study has not."""
    if recording not in known:
        raise StudyError(
            f"{path}: row {number} is of recording '{recording}', which the study has not."
            f"{nearest(str(recording), known)}"
        )


def read_table(path: Path, needed: Sequence[str] = ()) -> pa.Table:
    """Read a Parquet file whole; StudyError where it is damaged or lacks a column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Twice as fast as read_table, which prepares for many files and threads; studies have thousands of small ones.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise StudyError(f"{path} is damaged ({error}). Write it again.") from error
    if missing := [name for name in needed if name not in table.column_names]:
        raise StudyError(f"{path} has no column {', '.join(missing)}; found {', '.join(table.column_names)}.")
    return table


def places(windows: Windows) -> list[tuple[Path, str, np.ndarray]]:
    """Return, for each recording that windows lie in: its study's folder, its id there and which windows.

    Windows of arrays have no folder and are left out.
    """
    found = []
    names, back = np.unique(windows.recording.astype(str), return_inverse=True)
    together = windows.study not in windows.folders  # concatenated: recordings carry their study's name
    for number, name in enumerate(names):
        study, id = windows.study, str(name)
        if together:  # names of studies may hold a stroke too
            study = max((own for own in windows.folders if name.startswith(f"{own}/")), key=len, default="")
            id = id[len(study) + 1 :]
        if study in windows.folders:
            found.append((windows.folders[study], id, np.flatnonzero(back == number)))
    return found


def model_stamp(model: str) -> list[tuple[str, int, int]]:
    """Return what tells a model's folder from another that was put in its place; nothing for a name on a hub."""
    folder = Path(model)
    if not model or not folder.is_dir():
        return []
    facts = [(path.relative_to(folder).as_posix(), path.stat()) for path in folder.rglob("*") if path.is_file()]
    return sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in facts)
