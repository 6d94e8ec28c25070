"""What was recognised in one recording, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.frames import frame, html_table
from otolith.core.sheets import decimals, write_sheet
from otolith.data.recording import clock_time

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = ""
"""The label of a window of which too much was lost to say anything."""


@dataclass(frozen=True, repr=False)
class Timeline:
    """Windows in order of time, each with a label and the probability of every class.

    start_s, end_s: (N,) seconds on the recording's clock. label: (N,) text, empty where unknown.
    probability: (N, K), NaN where unknown. Where the recording has a gap there is no window at all.

    >>> start, label = np.arange(3.0), np.array(["rest", "walk", "walk"])
    >>> shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> timeline = Timeline("ann-1", ("rest", "walk"), start, start + 2, label, shares)
    >>> timeline
    Timeline(3 windows of 'ann-1' up to 4.0 s, 2 classes, 0 without a label)
    >>> timeline.seconds
    {'walk': 3.0, 'rest': 1.0}
    """

    recording: str
    classes: tuple[str, ...]
    start_s: Float[np.ndarray, " N"]
    end_s: Float[np.ndarray, " N"]
    label: np.ndarray
    probability: Float[np.ndarray, "N K"]
    start: str | None = None
    """The moment of second 0, ISO 8601 with its zone; None where it is not known."""

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def unknown(self) -> int:
        """Windows without a label, because more than a fifth of their samples was lost."""
        return int((self.label == UNKNOWN).sum())

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each label, the longest first; a window counts until the next one starts."""
        # Overlapping windows would count a second twice.
        following = np.append(self.start_s[1:], np.inf)
        duration = np.minimum(self.end_s, following) - self.start_s
        total = {name: float(duration[self.label == name].sum()) for name in {*self.label.tolist()}}
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    @override
    def __repr__(self) -> str:
        end = self.end_s.max(initial=0.0)
        return (
            f"Timeline({len(self)} windows of '{self.recording:.80}' up to {end:.1f} s, "
            f"{len(self.classes)} classes, {self.unknown} without a label)"
        )

    def _repr_html_(self) -> str:
        seconds = {name or "(unknown)": f"{total:.1f} s" for name, total in self.seconds.items()}
        return html_table(repr(self), seconds)

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame with a row per window: recording, times, label, probabilities.

        Each class is a column of its probability. Raises ConfigError where pandas is not installed.
        """
        shares = dict(zip(self.classes, self.probability.T, strict=True))
        times = {"start_s": self.start_s, "end_s": self.end_s, "label": self.label}
        return frame({"recording": [self.recording] * len(self), **times, **shares})

    def to_csv(self, path: str | Path) -> Path:
        """Write start_s, end_s, label and one column per class; an unknown window has empty cells
        behind its times.

        Where the recording's start is known, start_time and end_time tell the same in clock time
        (ISO 8601, its zone).
        """
        clock = self.start is not None
        write_sheet(Path(path), _head(self.classes, clock), self._rows(clock))
        return Path(path)

    def _rows(self, clock: bool) -> Iterator[list[Decimal | str | None]]:
        for start, end, label, shares in zip(
            self.start_s, self.end_s, self.label, self.probability, strict=True
        ):
            times: list[Decimal | str | None] = [decimals(start, 3), decimals(end, 3)]
            times += [self._moment(start), self._moment(end)] if clock else []
            yield [*times, label, *(decimals(share, 4) for share in shares)]

    def _moment(self, seconds: float) -> str:
        if self.start is None:
            return ""
        return clock_time(self.start, f"Recording '{self.recording}'", float(seconds)).isoformat(
            timespec="milliseconds"
        )


def write_timelines(timelines: Sequence[Timeline], path: str | Path) -> Path:
    """Write the timelines of several recordings into one CSV, which says in a first column whose
    each window is.

    All are of one recogniser. Clock times stand there where the start of any of them is known.

    >>> start, label = np.arange(2.0), np.array(["rest", "walk"])
    >>> shares = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> made = Timeline("ann-1", ("rest", "walk"), start, start + 2, label, shares)
    >>> print(write_timelines([made], "two.csv").read_text().splitlines()[1])
    ann-1,0.000,2.000,rest,0.9000,0.1000
    """
    # One table has the same columns in every row.
    clock = any(timeline.start is not None for timeline in timelines)
    rows = ([timeline.recording, *row] for timeline in timelines for row in timeline._rows(clock))
    write_sheet(Path(path), ["recording", *_head(timelines[0].classes, clock)], rows)
    return Path(path)


def _head(classes: Sequence[str], clock: bool) -> list[str]:
    return ["start_s", "end_s", *(["start_time", "end_time"] if clock else []), "label", *classes]
