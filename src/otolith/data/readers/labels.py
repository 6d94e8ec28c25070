"""What was labelled: a column beside the signals, or a table of starts and ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError, nearest
from otolith.data.readers.clock import is_text, numbers_to_seconds, texts_to_seconds
from otolith.data.readers.columns import read_columns
from otolith.data.readers.mapping import Label, Mapping
from otolith.data.recording import GAP_PERIODS, Segment


def label_runs(
    time_s: Float[np.ndarray, " T"], labels: Sequence[str | None], rule: Label
) -> list[Segment]:
    """Turn a label beside every row into segments: one for each run of equal labels.

    A run lasts until the next one starts, but across a gap no longer than one median step past its
    last row. Rows whose stamp is missing, repeats or runs back say nothing.
    """
    good = np.isfinite(time_s)
    rows = np.flatnonzero(good)
    if not len(rows):
        return []
    peak = np.maximum.accumulate(time_s[rows])
    rows = rows[np.concatenate(([True], time_s[rows][1:] > peak[:-1]))]
    times = time_s[rows]
    names = [
        rule.names.get(text, text) for text in ((labels[int(row)] or "").strip() for row in rows)
    ]
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    changes = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    out = []
    for first, after in zip([0, *changes], [*changes, len(names)], strict=True):
        if not names[first] or names[first] in rule.ignore:
            continue
        end = float(times[after - 1]) + step
        if after < len(times) and times[after] - times[after - 1] <= GAP_PERIODS * step:
            end = float(times[after])
        if end > times[first]:
            out.append(Segment(float(times[first]), end, names[first], f"column {rule.column}"))
    return out


class LabelFiles:
    """The label files of a source, each read once, and which of their rows have found a recording."""

    def __init__(self, root: Path, mapping: Mapping) -> None:
        assert mapping.label is not None
        self.root, self.mapping, self.rule = root, mapping, mapping.label
        self.one_for_all = "{" not in self.rule.file
        self._read: dict[Path, dict[str, list[Segment]]] = {}
        self._used: set[str] = set()

    def of(self, id: str, subject: str, session: str, zero_s: float, end_s: float) -> list[Segment]:
        """Return the segments of one recording, in seconds from its start.

        A recording without labels has none; ReadError where a label file is damaged, or where all
        labels of a recording lie outside of it, as they do when two clocks are confused.
        """
        name = (
            self.rule.file.replace("{recording}", id)
            .replace("{subject}", subject)
            .replace("{session}", session)
        )
        if ".." in Path(name).parts or Path(name).is_absolute() or "\x00" in name:
            raise ReadError(
                f"The label file '{name}' of recording '{id}' would lie outside of the source "
                f"folder."
            )
        path = self.root / name
        if path not in self._read:
            if not path.exists() and not self.one_for_all:
                return []
            self._read[path] = self._load(path)
        found = self._read[path].get(id if self.one_for_all else "", [])
        self._used.add(id)
        shift = 0.0 if self.rule.from_start else zero_s
        out = [Segment(s.start_s - shift, s.end_s - shift, s.label, s.source) for s in found]
        if out and all(s.end_s <= 0 or s.start_s >= end_s for s in out):
            raise ReadError(
                f"{path}: every label of recording '{id}' lies outside of it: the first from "
                f"{out[0].start_s:.1f} s "
                f"to {out[0].end_s:.1f} s, the recording lasts {end_s:.1f} s. State format under "
                f"[label], "
                "or from_start = true where labels count from the recording's start."
            )
        return out

    def refuse_unused(self) -> None:
        """Raise ReadError where a label file names a recording that was not there."""
        for path, by_recording in self._read.items() if self.one_for_all else ():
            for name in by_recording:
                if name not in self._used:
                    raise ReadError(
                        f"{path} labels '{name}', but no recording has that "
                        f"id.{nearest(name, self._used)}"
                    )

    def _load(self, path: Path) -> dict[str, list[Segment]]:
        rule, time = self.rule, self.mapping.time
        format = rule.format or ("seconds" if rule.from_start else time.format)
        kind = "text" if is_text(format) else "number"
        wanted = {rule.start: kind, rule.end: kind, rule.label: "text"}
        if self.one_for_all:
            wanted[rule.recording] = "text"
        table = read_columns(path, wanted, self.mapping.csv)  # type: ignore[arg-type]
        if lost := next((report for report in table.reports if report.rows), None):
            raise ReadError(f"{path}: {lost.kind}, {lost.detail}. Mend the label file.")
        if kind == "text":
            starts, ends = (
                texts_to_seconds(table.texts[c], format, time.timezone, str(path))
                for c in _ends(rule)
            )
        else:
            starts, ends = (
                numbers_to_seconds(table.numbers[c], format, time.rate_hz) for c in _ends(rule)
            )
        recordings = (
            table.texts[rule.recording].to_pylist() if self.one_for_all else [""] * len(table)
        )
        out: dict[str, list[Segment]] = {}
        for row, (start, end, text, recording) in enumerate(
            zip(starts, ends, table.texts[rule.label].to_pylist(), recordings, strict=True), 1
        ):
            if not (np.isfinite(start) and np.isfinite(end) and start < end):
                raise ReadError(
                    f"{path}, row {row}: a label needs a start before its end; found {start} to "
                    f"{end}."
                )
            text = (text or "").strip()
            label = rule.names.get(text, text)
            if label and label not in rule.ignore:
                source = f"file {path.name}"
                out.setdefault((recording or "").strip(), []).append(
                    Segment(float(start), float(end), label, source)
                )
        return out


def _ends(rule: Label) -> tuple[str, str]:
    return rule.start, rule.end
