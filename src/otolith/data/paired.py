"""Modalities on disk: texts of stretches of time, poses and truth of recordings, vectors made
elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from otolith.core.errors import StudyError, nearest
from otolith.core.files import atomic_path, inside
from otolith.core.ownership import claim
from otolith.core.text import well_formed
from otolith.data.entries import ModalityEntry
from otolith.data.parquet import number_column, read_parquet, text_column, write_parquet
from otolith.data.study import Study, checksums_of
from otolith.data.study_files import MODALITIES, file_facts, refuse_changed
from otolith.data.windows import Windows

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = MODALITIES
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


def modality_file(name: str, recording: str) -> str:
    """Where a modality of one recording is, from the study's folder on."""
    return f"{FOLDER}/{name}/{recording}.parquet"


def write_modality(
    folder: Path, name: str, recording: str, columns: Mapping[str, np.ndarray]
) -> ModalityEntry:
    """Write a modality of one recording, whole or not at all: `time_s` in float64, all else in
    float32.

    Returns where it lies, and its checksums, as study.json may hold them.
    """
    import pyarrow as pa

    arrays = {
        column: pa.array(values if column == "time_s" else values.astype(np.float32))
        for column, values in columns.items()
    }
    with atomic_path(claim(folder, modality_file(name, recording))) as temporary:
        write_parquet(temporary, pa.table(arrays))
        facts = file_facts(temporary)
    file = modality_file(name, recording)
    return {"file": file, "sha256": facts["sha256"], "bytes": facts["bytes"]}


def is_there(folder: Path, file: str) -> bool:
    """Return whether a study has a file of modalities.

    Raises StudyError where study.json vouches for it and it is gone: what was lost is not taken for
    never there.
    """
    if (folder / file).exists():
        return True
    if file in (vouched := checksums_of(folder)):
        refuse_changed(folder, file, vouched)
    return False


def read_modality(folder: Path, name: str, recording: str) -> dict[str, np.ndarray]:
    """Read a modality of one recording back: column by column, "pose" or "truth".

    Raises StudyError where the recording has none, or its file is damaged.
    """
    path = inside(folder, modality_file(name, recording))
    if not is_there(folder, modality_file(name, recording)):
        raise StudyError(f"Recording '{recording}' of {folder} has no {name}: there is no {path}.")
    table = read_table(path)
    return {column: number_column(path, table, column) for column in table.column_names}


def write_texts(folder: Path, texts: Iterable[Text]) -> None:
    """Write what happens in the recordings, in words."""
    import pyarrow as pa

    rows = list(texts)
    columns = {
        "recording": pa.array([row.recording for row in rows], pa.string()),
        "start_s": pa.array([row.start_s for row in rows], pa.float64()),
        "end_s": pa.array([row.end_s for row in rows], pa.float64()),
        "text": pa.array([well_formed(row.text) for row in rows], pa.string()),
        "source": pa.array([well_formed(row.source) for row in rows], pa.string()),
    }
    with atomic_path(claim(folder, TEXTS)) as temporary:
        write_parquet(temporary, pa.table(columns), "snappy")


def read_texts(folder: Path) -> dict[str, list[Text]]:
    """Read the texts of a study by recording; nothing where it has none.

    Raises StudyError where the file is damaged or lacks a column; for the first row that ends
    before it starts or is of a recording that the study has not; and where all texts of a recording
    lie outside of it.
    """
    path = folder / TEXTS
    if not is_there(folder, TEXTS):
        return {}
    lasts = durations(folder)
    table = read_table(path, ("recording", "start_s", "end_s", "text"))
    starts, ends = (number_column(path, table, name).tolist() for name in ("start_s", "end_s"))
    recordings, words = (text_column(path, table, name) for name in ("recording", "text"))
    known = "source" in table.column_names
    sources = text_column(path, table, "source") if known else [""] * len(table)
    out: dict[str, list[Text]] = {}
    rows = zip(starts, ends, recordings, words, sources, strict=True)
    for number, (start, end, recording, text, source) in enumerate(rows):
        if not -np.inf < start <= end < np.inf:
            raise StudyError(
                f"{path}: row {number} (recording '{recording}') goes from {start} to {end} s."
            )
        refuse_stranger(path, number, recording, lasts)
        row = Text(str(recording), start, end, text or "", source or "")
        out.setdefault(row.recording, []).append(row)
    for name, texts in out.items():
        _refuse_outside(path, name, texts, lasts[name])
    return out


def _refuse_outside(path: Path, name: str, texts: Sequence[Text], last_s: float) -> None:
    """Raise StudyError where all texts of a recording lie outside of it: another clock wrote them."""
    if all(text.start_s > last_s or text.end_s < 0 for text in texts):
        start, end = min(t.start_s for t in texts), max(t.end_s for t in texts)
        raise StudyError(
            f"{path}: the texts of recording '{name}' go from {start:.1f} to {end:.1f} s, the "
            f"recording from 0 to {last_s:.1f} s. Both are in seconds from the recording's start; "
            "write the texts again."
        )


def durations(folder: Path) -> dict[str, float]:
    """Return the recordings of a study, and how many seconds each lasts."""
    return {entry["id"]: entry["duration_s"] for entry in Study.load(folder).entries}


def refuse_stranger(path: Path, number: int, recording: str | None, known: Collection[str]) -> None:
    """Raise StudyError where a row of modalities is of a recording that the study has not."""
    if recording not in known:
        raise StudyError(
            f"{path}: row {number} is of recording '{recording}', which the study has not."
            f"{nearest(str(recording), known)}"
        )


def read_table(path: Path, needed: Sequence[str] = ()) -> pa.Table:
    """Read a study's `partners/….parquet` whole.

    Raises StudyError where it is another than study.json vouches for, is damaged, or lacks a
    column. A file that study.json does not name, brought by hand, is taken as it is.
    """
    folder = next(parent.parent for parent in path.parents if parent.name == FOLDER)
    refuse_changed(folder, path.relative_to(folder).as_posix(), checksums_of(folder))
    table = read_parquet(path)
    if missing := [name for name in needed if name not in table.column_names]:
        raise StudyError(
            f"{path} has no column {', '.join(missing)}; found {', '.join(table.column_names)}."
        )
    return table


def places(windows: Windows) -> list[tuple[Path, str, np.ndarray]]:
    """Return each recording that windows lie in: its study's folder, its id, and which windows.

    Windows of arrays have no folder and are left out.
    """
    out = []
    names, back = np.unique(windows.recording.astype(str), return_inverse=True)
    for number, name in enumerate(names.tolist()):
        study, id = windows.study, name
        if study not in windows.folders:  # concatenated: recordings carry their study's name
            # Names of studies may hold a stroke too.
            studies = [one for one in windows.folders if name.startswith(f"{one}/")]
            study = max(studies, key=len, default="")
            id = id[len(study) + 1 :]
        if study in windows.folders:
            out.append((windows.folders[study], id, np.flatnonzero(back == number)))
    return out


def model_stamp(model: str) -> list[tuple[str, int, int]]:
    """Return name, size and time of a model's files; nothing for a name on a hub.

    A model that was put in its place has another stamp.
    """
    folder = Path(model)
    if not model or not folder.is_dir():
        return []
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(
        (path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
    )
