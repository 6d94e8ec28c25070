"""Vectors made elsewhere, of video, words or anything else, brought as Parquet or .npy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ReadError, StudyError
from otolith.core.files import inside
from otolith.core.foreign.arrays import read_npy
from otolith.core.settings import settings
from otolith.data.paired import FOLDER, durations, is_there, places, read_table, refuse_stranger
from otolith.data.parquet import list_column, number_column, text_column
from otolith.data.study import Study
from otolith.data.windows import Windows
from otolith.learn.modalities.modality import (
    Modality,
    ModalityVectors,
    best_covering,
    refuse_untrusted,
)

# Tables made elsewhere round times to milliseconds.
_TOLERANCE_S = 1e-3
_PARQUET = f"Write Parquet with recording and time, which fits any cut: {FOLDER}/NAME.parquet."


@settings
class VectorsConfig:
    """Where the vectors lie."""

    name: str = "video"
    """Name of the study's `partners/NAME.parquet` (recording, start_s, end_s, vector)."""
    file: str = ""
    """Instead: an .npy with one row for each window of the study, in the order of
    `study.windows()`."""
    kind: Literal["text", "video", "pose"] = "video"
    """What they are vectors of: text, video or pose."""


class Vectors(Modality):
    """Precomputed vectors: the row of a stretch of time that covers most of a window is its
    modality.

    A .npy has one row for each window of the whole study, cut as these are; windows of some people
    only find their own rows in it. Parquet names recording and time, and so fits any cut.
    """

    Config: ClassVar[type[Any]] = VectorsConfig
    kind: ClassVar[str] = "video"

    @override
    def vectors(self, windows: Windows) -> ModalityVectors:
        """Return the vectors of some windows.

        Raises StudyError where the file is missing, where vectors differ in length or are not
        finite, and for the first row with an unknown recording or a time outside of it.
        """
        if not self.config.file:
            return self._of_stretches(windows)
        refuse_untrusted(self.config.file, "file", self.trust)
        return self._array(windows)

    @property
    def _file(self) -> str:
        inside(Path(FOLDER), f"{self.config.name}.parquet")
        return f"{FOLDER}/{self.config.name}.parquet"

    def _array(self, windows: Windows) -> ModalityVectors:
        path = Path(self.config.file)
        try:
            values = read_npy(path)
        except ReadError as error:
            raise StudyError(str(error)) from error
        if values.ndim != 2 or values.dtype.kind not in "fiu":
            raise StudyError(f"{path} has shape {values.shape}; vectors are (windows, numbers).")
        row, whole = _rows_of(windows, path)
        if len(values) != whole:
            first = min(len(values), whole)
            raise StudyError(
                f"{path} holds {len(values)} vectors, but cut like this the study has {whole} "
                f"windows: row {first} has "
                f"no {'window' if len(values) > whole else 'vector'}. {_PARQUET}"
            )
        return ModalityVectors(_finite(path, values)[row], np.ones(len(windows), dtype=bool))

    def _of_stretches(self, windows: Windows) -> ModalityVectors:
        tables: dict[Path, _Table] = {}
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for folder, recording, rows in places(windows):
            if folder not in tables:
                if not is_there(folder, self._file):
                    continue
                tables[folder] = _read(folder / self._file, durations(folder))
            table = tables[folder]
            if not len(number := table.number.get(recording, np.zeros(0, dtype=np.int64))):
                continue
            start_s, end_s = table.start_s[number], table.end_s[number]
            first_s = windows.start_s[rows]
            best, covered = best_covering(start_s, end_s, first_s, windows.seconds)
            parts.append((rows[covered > 0], table.vectors[number[best[covered > 0]]]))
        if not tables:
            folders = ", ".join(map(str, windows.folders.values())) or "windows of arrays"
            raise StudyError(
                f"There is no {self._file} (recording, start_s, end_s, vector) in {folders}."
            )
        lengths = sorted({table.vectors.shape[1] for table in tables.values()})
        # Vectors of two models cannot be compared, whatever their studies say.
        if len(lengths) > 1:
            raise StudyError(
                f"The studies' '{self.config.name}' vectors differ in length: {lengths}."
            )
        return ModalityVectors.gathered(len(windows), lengths[0] or 1, parts)


@dataclass
class _Table:
    """The rows of a Parquet file of vectors."""

    start_s: np.ndarray
    end_s: np.ndarray
    vectors: np.ndarray
    number: dict[str, np.ndarray]
    """The rows of each recording."""


def _read(path: Path, duration_s: Mapping[str, float]) -> _Table:
    """Read vectors; StudyError for the first row that does not fit."""
    table = read_table(path, ("recording", "start_s", "end_s", "vector"))
    recordings = text_column(path, table, "recording")
    starts, ends = (number_column(path, table, name) for name in ("start_s", "end_s"))
    vectors = list_column(path, table, "vector")
    length = len(vectors[0]) if vectors and vectors[0] is not None else 0
    number: dict[str, list[int]] = {}
    rows = zip(recordings, starts.tolist(), ends.tolist(), vectors, strict=True)
    for row, (recording, start_s, end_s, vector) in enumerate(rows):
        if vector is None or len(vector) != length or not length:
            held = "nothing" if vector is None else f"{len(vector)} numbers"
            raise StudyError(f"{path}: row {row} holds {held}, the rows before it {length}.")
        refuse_stranger(path, row, recording, duration_s)
        last_s = duration_s[str(recording)]
        if not -_TOLERANCE_S <= start_s <= end_s < np.inf or start_s > last_s + _TOLERANCE_S:
            raise StudyError(
                f"{path}: row {row} goes from {start_s} to {end_s} s, but recording '{recording}' "
                f"from 0 to {last_s:.3f} s."
            )
        number.setdefault(str(recording), []).append(row)
    with np.errstate(over="ignore"):  # numbers beyond float32 are refused as not finite
        values = np.array(vectors, dtype=np.float32).reshape(len(vectors), length)
    places = {recording: np.array(rows) for recording, rows in number.items()}
    return _Table(starts, ends, _finite(path, values), places)


def _rows_of(windows: Windows, path: Path) -> tuple[np.ndarray, int]:
    """Return which windows of their whole study these are, and how many the study has."""
    if not windows.folders:
        return np.arange(len(windows)), len(windows)
    if windows.study not in windows.folders:
        raise StudyError(
            f"{path} has rows for the windows of one study; these are of several. {_PARQUET}"
        )
    # An .npy has no times: its rows mean the windows of the whole study, cut alike.
    whole = Study.load(windows.folders[windows.study]).windows(**windows.recipe)
    row: dict[tuple[str, float], int] = {}
    for number, place in enumerate(_places(whole)):
        row.setdefault(place, number)
    numbers = [row.get(place, -1) for place in _places(windows)]
    if -1 in numbers:
        raise StudyError(
            f"Window {numbers.index(-1)} is none of study '{windows.study}' as it is now: it was "
            "imported again since. Cut the windows anew."
        )
    return np.array(numbers, dtype=np.int64), len(whole)


def _places(windows: Windows) -> Iterator[tuple[str, float]]:
    for recording, start_s in zip(windows.recording, windows.start_s, strict=True):
        # Rounded, as the same cut may differ in the last bit of a start.
        yield recording, round(float(start_s), 6)


def _finite(path: Path, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32)  # numbers above 3.4e38 become infinite
    bad = np.flatnonzero(~np.isfinite(single).all(axis=1))
    if bad.size:
        raise StudyError(
            f"{path}: row {bad[0]} holds numbers that are not finite, and so do {bad.size - 1} "
            "more."
        )
    return single
