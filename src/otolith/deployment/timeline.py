"""What was recognised in one recording, window by window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.errors import DataError
from otolith.sheets import decimals, write_sheet

UNKNOWN = ""
"""The label of a window of which too much was lost to say anything."""


@dataclass(frozen=True)
class Timeline:
    """Windows in order of time, each with a label and the probability of every class.

    start_s, end_s: (N,) seconds on the recording's clock. label: (N,) text, empty where unknown. probability: (N, K),
    NaN where unknown. Where the recording has a gap there is no window at all.
    """

    recording: str
    classes: tuple[str, ...]
    start_s: Float[np.ndarray, " N"]
    end_s: Float[np.ndarray, " N"]
    label: np.ndarray
    probability: Float[np.ndarray, "N K"]

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def unknown(self) -> int:
        """Windows without a label, because more than a fifth of their samples was lost."""
        return int((self.label == UNKNOWN).sum())

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each label, the longest first; where windows overlap, each counts until the next one starts."""
        following = np.append(self.start_s[1:], np.inf)
        duration = np.minimum(self.end_s, following) - self.start_s
        total = {name: float(duration[self.label == name].sum()) for name in set(self.label.tolist())}
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    def to_csv(self, path: str | Path) -> Path:
        """Write start_s, end_s, label and one column per class; an unknown window has empty cells behind its times."""
        rows = zip(self.start_s, self.end_s, self.label, self.probability, strict=True)
        write_sheet(
            Path(path),
            ["start_s", "end_s", "label", *self.classes],
            (
                [decimals(start, 3), decimals(end, 3), label, *(decimals(share, 4) for share in shares)]
                for start, end, label, shares in rows
            ),
        )
        return Path(path)

    def plot(self, path: str | Path) -> Path:
        """Draw the labels and the probabilities over time, as SVG or PNG by the name's ending.

        Raises DataError where nothing was recognised.
        """
        from otolith.evaluation.timeline_figure import timeline_figure

        known = self.label != UNKNOWN
        if not known.any():
            raise DataError(
                f"Nothing was recognised in '{self.recording}': more than a fifth of every window was lost. "
                "There is nothing to draw."
            )
        return timeline_figure(self.start_s[known], self.end_s[known], self.probability[known], self.classes, path)
