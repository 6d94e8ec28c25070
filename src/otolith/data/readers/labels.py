"""What was labelled: a column beside the signals, or a table of starts and ends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError, nearest
from otolith.data.readers.cells import Columns, Kind
from otolith.data.readers.clock import Clock
from otolith.data.readers.columns import read_columns
from otolith.data.readers.mapping import Label, Mapping
from otolith.data.recording import Segment
from otolith.data.signals.rate import GAP_PERIODS


def label_runs(
    time_s: Float[np.ndarray, " T"], labels: Sequence[str | None], rule: Label
) -> list[Segment]:
    """Turn a label beside every row into segments: one for each run of equal labels.

    A run lasts until the next one starts, but across a gap no longer than one median step past its
    last row. Rows whose stamp is missing, repeats or runs back are passed over.

    >>> import numpy as np
    >>> from otolith.data.readers.mapping import Label
    >>> label_runs(np.arange(4) / 2, ["sit", "sit", "walk", "walk"], Label(column="what"))[0]
    Segment(start_s=0.0, end_s=1.0, label='sit', source='column what')
    """
    rows = np.flatnonzero(np.isfinite(time_s))
    if not len(rows):
        return []
    peak = np.maximum.accumulate(time_s[rows])
    rows = rows[np.concatenate(([True], time_s[rows][1:] > peak[:-1]))]
    times = time_s[rows]
    names = [_named(labels[row], rule) for row in rows.tolist()]
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    changes = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    out = []
    for first, after in pairwise([0, *changes, len(names)]):
        if not names[first] or names[first] in rule.ignore:
            continue
        end = float(times[after - 1]) + step
        if after < len(times) and times[after] - times[after - 1] <= GAP_PERIODS * step:
            end = float(times[after])
        if end > times[first]:
            out.append(Segment(float(times[first]), end, names[first], f"column {rule.column}"))
    return out


def _named(text: str | None, rule: Label) -> str:
    plain = (text or "").strip()
    return rule.names.get(plain, plain)


class LabelFiles:
    """The label files of a source, each read once, and whose labels have been asked for."""

    def __init__(self, root: Path, mapping: Mapping) -> None:
        assert mapping.label is not None
        self.root, self.mapping, self.rule = root, mapping, mapping.label
        self.one_for_all = "{" not in self.rule.file
        self._read: dict[Path, dict[str, list[Segment]]] = {}
        self._used: set[str] = set()

    def of(self, id: str, subject: str, session: str, zero_s: float, end_s: float) -> list[Segment]:
        """Return the segments of one recording, in seconds from its start.

        zero_s: the recording's start on its own clock. A recording without labels has none.

        Raises ReadError where a label file is damaged, and where all labels of a recording lie
        outside it, as they do when two clocks are confused.
        """
        path = self._path(id, subject, session)
        if path not in self._read:
            if not path.exists() and not self.one_for_all:
                return []
            self._read[path] = self._load(path)
        self._used.add(id)
        shift = 0.0 if self.rule.from_start else zero_s
        labelled = self._read[path].get(id if self.one_for_all else "", [])
        out = [Segment(s.start_s - shift, s.end_s - shift, s.label, s.source) for s in labelled]
        if out and all(s.end_s <= 0 or s.start_s >= end_s for s in out):
            raise ReadError(
                f"{path}: every label of recording '{id}' lies outside of it: the first from "
                f"{out[0].start_s:.1f} s to {out[0].end_s:.1f} s, the recording lasts "
                f"{end_s:.1f} s. State format under [label], or from_start = true where labels "
                "count from the recording's start."
            )
        return out

    def refuse_unused(self) -> None:
        """Raise ReadError where a label file names a recording that does not exist."""
        for path, by_recording in self._read.items() if self.one_for_all else ():
            for name in by_recording:
                if name not in self._used:
                    raise ReadError(
                        f"{path} labels '{name}', but no recording has that "
                        f"id.{nearest(name, self._used)}"
                    )

    def _path(self, id: str, subject: str, session: str) -> Path:
        name = self.rule.file.replace("{recording}", id)
        name = name.replace("{subject}", subject).replace("{session}", session)
        # The mapping was checked already; here a subject in the path may be "..".
        if ".." in Path(name).parts or Path(name).is_absolute() or "\x00" in name:
            raise ReadError(
                f"The label file '{name}' of recording '{id}' would lie outside the source folder."
            )
        return self.root / name

    def _load(self, path: Path) -> dict[str, list[Segment]]:
        """Read one label file: recording (or "") -> its segments, on the file's clock."""
        rule, time = self.rule, self.mapping.time
        format = rule.format or ("seconds" if rule.from_start else time.format)
        edges = [
            Clock(name, format, time.timezone, time.rate_hz) for name in (rule.start, rule.end)
        ]
        wanted: dict[str, Kind] = {edge.column: edge.kind for edge in edges}
        texts = (rule.label, rule.recording) if self.one_for_all else (rule.label,)
        table = read_columns(path, wanted | dict.fromkeys(texts, "text"), self.mapping.csv)
        if lost := next((report for report in table.reports if report.rows), None):
            raise ReadError(f"{path}: {lost.kind}, {lost.detail}. Mend the label file.")
        starts, ends = (edge.seconds(table) for edge in edges)
        return self._segments(table, starts, ends)

    def _segments(
        self, table: Columns, starts: np.ndarray, ends: np.ndarray
    ) -> dict[str, list[Segment]]:
        rule, source = self.rule, f"file {table.path.name}"
        names = [_named(text, rule) for text in table.words(rule.label)]
        recordings = table.words(rule.recording) if self.one_for_all else [""] * len(table)
        out: dict[str, list[Segment]] = {}
        rows = zip(starts.tolist(), ends.tolist(), names, recordings, strict=True)
        for row, (start, end, label, recording) in enumerate(rows, 1):
            if not -np.inf < start < end < np.inf:
                raise ReadError(
                    f"{table.path}, row {row}: a label needs a start before its end; "
                    f"found {start} to {end}."
                )
            if label and label not in rule.ignore:
                out.setdefault(recording, []).append(Segment(start, end, label, source))
        return out
