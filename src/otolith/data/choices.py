"""What is asked of a cut into windows, beside what a study says of itself."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from annotated_types import Interval

from otolith.core.settings import settings


@settings
class CutChoices:
    """Fields of `Cut` that differ from the study's own; None for the study's own.

    >>> CutChoices(seconds=2.5, labels=["walking", "sitting"]).chosen()
    {'seconds': 2.5, 'labels': ('walking', 'sitting')}
    """

    seconds: Annotated[float, Interval(gt=0, le=86_400)] | None = None
    """Length of a window; the study's own if not given, as all of these."""
    rate_hz: Annotated[float, Interval(gt=0, le=10_000)] | None = None
    """Rate to resample to, in Hz."""
    placements: tuple[str, ...] | None = None
    """Places on the body to use, with commas between."""
    quantities: tuple[str, ...] | None = None
    """acc, gyro, mag or baro, with commas between."""
    labels: tuple[str, ...] | None = None
    """Classes that count, with commas between."""
    overlap: Annotated[float, Interval(ge=0, lt=1)] | None = None
    """Share of a window that the next one repeats."""
    label_rule: Literal["inside", "majority", "centred", "unlabelled"] | None = None
    """Windows inside one segment; by the majority of a plain grid; centred on each segment; or a
    plain grid without labels."""
    slot: str | None = None
    """One name under which whatever single sensor a recording has is shown; empty for its own."""
    centre_short: bool | None = None
    """Give a segment that is shorter than a window one window centred on it."""
    pad: bool | None = None
    """Fill a window that reaches past its recording with the edge value."""

    def chosen(self) -> dict[str, Any]:
        """Return what was asked for, and nothing that was not."""
        given = dataclasses.asdict(self)
        return {name: value for name, value in given.items() if value is not None}
