"""Gravity at rest: what every accelerometer agrees on, held against the unit that was stated.

Nothing here guesses a unit: a reader knows it or the user states it (`quantities.factor`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from otolith.data.quantities import QUANTITIES, STANDARD_GRAVITY

STILL_SECONDS = 0.5
STILL_DEVIATION = 0.05 * STANDARD_GRAVITY
GRAVITY_RANGE = (8.5, 11.0)


@dataclass(frozen=True)
class GravityVerdict:
    """What the still stretches of an accelerometer say of its unit."""

    checked: bool
    """False where nothing in the data is still: then nothing is known, and nothing is refused."""
    median_norm: float
    """Median norm over still stretches in m/s²; nan where not checked."""
    still_s: float
    """Seconds of stillness that the verdict stands on."""
    plausible: bool
    """True where not checked, or where the norm lies within 8.5 to 11 m/s²."""
    likely: str
    """The unit or treatment that would explain an implausible norm, in words; empty where
    plausible."""

    def sentence(self) -> str:
        """Say it in one line."""
        if not self.checked:
            return "not checked (no still half second)"
        state = "plausible" if self.plausible else f"implausible, {self.likely}"
        return f"{self.median_norm:.2f} m/s² over {self.still_s:.0f} s of stillness: {state}"


def still_blocks(
    acceleration: Float[np.ndarray, "T 3"], rate_hz: float, scale: float = 1.0
) -> tuple[Float[np.ndarray, " M"], Bool[np.ndarray, " M"]]:
    """Return the mean norm of every half second, and whether the sensor was still in it.

    Still means that the standard deviation stays under 0.05 g on each axis; `scale` is one g in the
    given numbers' unit divided by 9.80665, so that the same question can be asked of numbers in
    another unit.
    """
    length = max(2, round(STILL_SECONDS * rate_hz))
    count = len(acceleration) // length
    blocks = np.asarray(acceleration[: count * length], dtype=np.float64).reshape(count, length, 3)
    if not count:
        return np.empty(0), np.empty(0, dtype=bool)
    deviation = blocks.std(axis=1).max(axis=1)
    return np.linalg.norm(blocks.mean(axis=1), axis=1), deviation < STILL_DEVIATION * scale


def gravity_verdict(
    norms: Float[np.ndarray, " M"], still: Bool[np.ndarray, " M"]
) -> GravityVerdict:
    """Judge a stated acceleration unit by the norm that it gives at rest.

    A sensor in m/s² that includes gravity reads about 9.81 at rest, whichever way it is turned.
    """
    if not still.any():
        return GravityVerdict(False, math.nan, 0.0, True, "")
    norm = float(np.median(norms[still]))
    low, high = GRAVITY_RANGE
    plausible = low <= norm <= high
    return GravityVerdict(
        True,
        norm,
        float(still.sum()) * STILL_SECONDS,
        plausible,
        "" if plausible else _likely(norm),
    )


def _likely(norm: float) -> str:
    low, high = GRAVITY_RANGE
    if norm < 0.35:
        # Below 0.05 g of stillness every signal in g looks still, so 1.0 and 0.0 are told apart by
        # the norm alone.
        return "gravity looks removed: state gravity = 'removed'"
    for unit in ("g", "mg"):
        if low <= norm * QUANTITIES["acc"].units[unit] <= high:
            return f"the numbers look like {unit}: state unit = '{unit}'"
    if low <= norm / STANDARD_GRAVITY <= high:
        return (
            "the numbers look like m/s² already, converted as if they were g: state unit = 'm/s2'"
        )
    return "no known unit explains this: look at the file, or state gravity = 'removed'"
