"""Vectors made elsewhere, of video, words or anything else, brought as Parquet or .npy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from typing_extensions import override

from otolith.core.errors import ConfigError, ReadError, StudyError
from otolith.core.files import inside
from otolith.core.foreign.arrays import read_npy
from otolith.core.settings import settings
from otolith.core.text import printable
from otolith.data.paired import FOLDER, durations, is_there, places, read_table, refuse_stranger
from otolith.data.parquet import list_column, number_column, text_column
from otolith.data.study import Study
from otolith.data.windows import Windows
from otolith.learn.modalities.modality import Modality, ModalityVectors

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

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if self.config.kind not in ("text", "video", "pose"):
            raise ConfigError(
                f"Vectors are of text, video or pose; found kind '{self.config.kind}'."
            )

    @override
    def vectors(self, windows: Windows) -> ModalityVectors:
        """Return the vectors of some windows.

        Raises StudyError where the file is missing, where vectors differ in length or are not
        finite, and where a row names a recording that the study has not, or a time outside of it:
        with the first such row.
        """
        if self.config.file and self.trust is not None and self.config.file not in self.trust:
            said = printable(self.config.file, 120)
            raise ConfigError(
                f"The checkpoint names the file '{said}' of vectors, which is not read because a "
                f"file says so. If you "
                f"know it, say so: --trust {said}, or trust=('{said}',)."
            )
        return self._array(windows) if self.config.file else self._rows(windows)

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

    def _rows(self, windows: Windows) -> ModalityVectors:
        tables: dict[Path, dict[str, list[tuple[int, float, float]]]] = {}
        values: dict[Path, np.ndarray] = {}
        chosen: list[tuple[int, Path, int]] = []
        for folder, recording, rows in places(windows):
            if folder not in tables:
                if not is_there(folder, self._file):
                    continue
                tables[folder], values[folder] = self._read(folder)
            stretches = tables[folder].get(recording, [])
            if not stretches:
                continue
            numbers, start, end = (np.array(column) for column in zip(*stretches, strict=True))
            first = windows.start_s[rows][:, None]
            covered = np.minimum(end, first + windows.seconds) - np.maximum(start, first)
            apart = np.abs((start + end) / 2 - first - windows.seconds / 2)
            best = np.lexsort((apart, -np.round(covered, 6)), axis=1)[:, 0]
            much = covered[np.arange(len(rows)), best]
            chosen += [
                (int(row), folder, int(numbers[k]))
                for row, k, m in zip(rows, best, much, strict=True)
                if m > 0
            ]
        if not tables:
            raise StudyError(
                f"There is no {self._file} (recording, start_s, end_s, vector) in "
                f"{', '.join(map(str, windows.folders.values())) or 'windows of arrays'}."
            )
        lengths = {array.shape[1] for array in values.values()}
        if len(lengths) > 1:
            raise StudyError(
                f"The studies' '{self.config.name}' vectors differ in length: {sorted(lengths)}."
            )
        out = np.zeros((len(windows), lengths.pop() if lengths else 1), dtype=np.float32)
        present = np.zeros(len(windows), dtype=bool)
        for row, folder, number in chosen:
            out[row], present[row] = values[folder][number], True
        return ModalityVectors(out, present)

    def _read(self, folder: Path) -> tuple[dict[str, list[tuple[int, float, float]]], np.ndarray]:
        path = folder / self._file
        table = read_table(path, ("recording", "start_s", "end_s", "vector"))
        recordings = text_column(path, table, "recording")
        starts, ends = (number_column(path, table, name).tolist() for name in ("start_s", "end_s"))
        vectors = list_column(path, table, "vector")
        length = len(vectors[0]) if vectors and vectors[0] is not None else 0
        duration = durations(folder)
        out: dict[str, list[tuple[int, float, float]]] = {}
        rows = zip(recordings, starts, ends, vectors, strict=True)
        for number, (recording, start, end, vector) in enumerate(rows):
            if vector is None or len(vector) != length or not length:
                found = "nothing" if vector is None else f"{len(vector)} numbers"
                raise StudyError(
                    f"{path}: row {number} holds {found}, the rows before it {length}."
                )
            refuse_stranger(path, number, recording, duration)
            last = duration[str(recording)]
            if not -_TOLERANCE_S <= start <= end < np.inf or start > last + _TOLERANCE_S:
                raise StudyError(
                    f"{path}: row {number} goes from {start} to {end} s, but recording "
                    f"'{recording}' from 0 to "
                    f"{last:.3f} s."
                )
            out.setdefault(str(recording), []).append((number, start, end))
        with np.errstate(over="ignore"):  # what is beyond float32 is told as not finite
            values = np.array(vectors, dtype=np.float32).reshape(len(vectors), length)
        return out, _finite(path, values)


def _rows_of(windows: Windows, path: Path) -> tuple[np.ndarray, int]:
    """Return which windows of their whole study these are, and how many that has."""
    if not windows.folders:
        return np.arange(len(windows)), len(windows)
    if windows.study not in windows.folders:
        raise StudyError(
            f"{path} has rows for the windows of one study; these are of several. {_PARQUET}"
        )
    whole = Study.load(windows.folders[windows.study]).windows(**windows.recipe)
    number: dict[tuple[str, float], int] = {}
    for row, (recording, start_s) in enumerate(zip(whole.recording, whole.start_s, strict=True)):
        number.setdefault((recording, round(float(start_s), 6)), row)
    own = [
        number.get((r, round(float(s), 6)), -1)
        for r, s in zip(windows.recording, windows.start_s, strict=True)
    ]
    if -1 in own:
        raise StudyError(
            f"Window {own.index(-1)} is none of study '{windows.study}' as it is now: it was "
            f"imported again since. "
            "Cut the windows anew."
        )
    return np.array(own, dtype=np.int64), len(whole)


def _finite(path: Path, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32)  # in which numbers above 3.4e38 are not finite either
    bad = np.flatnonzero(~np.isfinite(single).all(axis=1))
    if bad.size:
        raise StudyError(
            f"{path}: row {bad[0]} holds numbers that are not finite, and so do {bad.size - 1} "
            f"more."
        )
    return single
