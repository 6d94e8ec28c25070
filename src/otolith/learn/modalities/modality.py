"""What every modality promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from otolith.core.settings import Configured, settings
from otolith.data.windows import Windows


@dataclass(frozen=True)
class ModalityVectors:
    """One vector for each window that has a modality."""

    values: Float[np.ndarray, "N E"]
    """float32; zeros where there is none."""
    present: Bool[np.ndarray, " N"]
    """Which windows have one."""

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "values", np.where(self.present[:, None], self.values, 0.0).astype(np.float32)
        )

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self.values.shape[1])


@settings
class NoConfig:
    """A modality without settings."""


class Modality(Configured, ABC):
    """Windows -> frozen vectors of what went with them: words, pictures, a pose.

    Nothing is learned here: the same windows give the same vectors on every side of a split. What
    is slow is kept in the study's `.cache/modalities` under a hash of its content.
    """

    Config: ClassVar[type[Any]] = NoConfig
    kind: ClassVar[str]
    """The modality: text, video or pose."""
    trust: tuple[str, ...] | None = None
    """Models that may be loaded where a file named this modality and its settings; None where the
    caller did."""

    def __init__(self, **settings: Any) -> None:
        self.configure(settings)

    @abstractmethod
    def vectors(self, windows: Windows) -> ModalityVectors:
        """Return the modalities of some windows.

        Raises StudyError for modality files that are damaged or do not line up with the windows.
        """
