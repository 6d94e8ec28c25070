"""What every modality promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from otolith.core.errors import ConfigError
from otolith.core.settings import Configured
from otolith.core.text import printable
from otolith.data.windows import Windows


@dataclass(frozen=True)
class ModalityVectors:
    """One vector for each window that has a modality."""

    values: Float[np.ndarray, "N E"]
    """float32; zeros where there is none."""
    present: Bool[np.ndarray, " N"]
    """Which windows have one."""

    def __post_init__(self) -> None:
        # Zeros: NaN would pass through a masked loss, as 0 · NaN is NaN.
        values = np.where(self.present[:, None], self.values, 0.0).astype(np.float32)
        object.__setattr__(self, "values", values)

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self.values.shape[1])

    @classmethod
    def gathered(
        cls,
        windows: int,
        dimension: int,
        parts: Sequence[tuple[Sequence[int] | np.ndarray, np.ndarray]],
    ) -> ModalityVectors:
        """Put together (rows, vectors) of some windows each; a vector with NaN counts as absent.

        >>> ModalityVectors.gathered(3, 1, [([2], np.array([[5.0]]))]).values.tolist()
        [[0.0], [0.0], [5.0]]
        """
        values = np.full((windows, dimension), np.nan, dtype=np.float32)
        for rows, vectors in parts:
            values[rows] = vectors
        return cls(values, np.asarray(np.isfinite(values).all(axis=1)))


class Modality(Configured, ABC):
    """Windows -> frozen vectors of what went with them: words, pictures, a pose.

    Nothing is learnt here: the same windows give the same vectors on every side of a split. Slow
    results are kept in the study's `.cache` under a hash of their content. A member is one class,
    and one line in the table of this folder:

    >>> class TimeOfDay(Modality):
    ...     "When a window was recorded, as a point on the clock's face."
    ...     kind = "text"
    ...     def vectors(self, windows):
    ...         angle = 2 * np.pi * windows.start_s / 86_400
    ...         values = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ...         return ModalityVectors(values, np.ones(len(windows), dtype=bool))
    >>> TimeOfDay()
    TimeOfDay()
    """

    kind: ClassVar[str]
    """The modality: text, video or pose."""
    trust: tuple[str, ...] | None = None
    """Models and files that may be loaded where a file named this modality and its settings; None
    where the caller did."""

    def __init__(self, **settings: object) -> None:
        self.configure(settings)

    @abstractmethod
    def vectors(self, windows: Windows) -> ModalityVectors:
        """Return the vectors of some windows.

        Raises StudyError for modality files that are damaged or do not line up with the windows.
        """


def refuse_untrusted(name: str, what: str, trust: Sequence[str] | None) -> None:
    """Raise ConfigError for a path that only a checkpoint names.

    A file alone makes us neither read a place of its choice nor fetch anything. trust: None where
    the caller named it.
    """
    if trust is not None and name not in trust:
        said = printable(name, 120)
        raise ConfigError(
            f"The checkpoint names the {what} '{said}', which is not read because a file says so. "
            f"If you know it, say so: --trust {said}, or trust=('{said}',)."
        )


def best_covering(
    start_s: np.ndarray, end_s: np.ndarray, first_s: np.ndarray, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the stretch that covers most of each window (N,), and for how many seconds (N,).

    start_s, end_s: of M stretches. first_s: start of N windows. Of stretches that cover as much,
    the one whose middle is nearest.

    >>> best_covering(np.array([0.0, 3.0]), np.array([3.0, 9.0]), np.array([0.0, 2.5]), 2.0)
    (array([0, 1]), array([2. , 1.5]))
    """
    first = first_s[:, None]
    covered = np.minimum(end_s, first + seconds) - np.maximum(start_s, first)
    apart = np.abs((start_s + end_s) / 2 - first - seconds / 2)
    # A tie is told from a difference by more than rounding: microseconds decide nothing.
    best = np.lexsort((apart, -np.round(covered, 6)), axis=1)[:, 0]
    return best, covered[np.arange(len(best)), best]
