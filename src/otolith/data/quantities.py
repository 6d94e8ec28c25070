"""What sensors measure, each quantity once: its axes, its unit here, the units it is read from.

A new quantity is one more entry of `QUANTITIES`: mappings, channels, studies, windows and figures
take it from there. Inside of Otolith every quantity is in its SI unit (a magnetic field in µT).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from otolith.core.errors import UnitError, nearest

STANDARD_GRAVITY = 9.80665
"""m/s²: standard gravity, 3rd General Conference on Weights and Measures (1901)."""
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Quantity:
    """One physical quantity."""

    title: str
    """Its name in words."""
    unit: str
    """The unit inside of Otolith, as figures show it."""
    units: Mapping[str, float]
    """Unit as written in a mapping -> the factor into `unit`."""
    plausible: tuple[float, float]
    """Least and largest value that a worn sensor gives, in `unit`."""
    header: str
    """A regular expression for the headers of its columns, upper case or lower."""
    axes: tuple[str, ...] = ()
    """Names of its axes; none for a scalar, whose channel is `left_wrist.baro`."""

    def likely_units(self, least: float, largest: float) -> list[str]:
        """Return the units in which numbers of this range are plausible.

        >>> QUANTITIES["baro"].likely_units(985.0, 1021.0)
        ['hPa', 'mbar']
        """
        low, high = self.plausible
        return [
            name
            for name, scale in self.units.items()
            if low <= least * scale <= largest * scale <= high
        ]


QUANTITIES: dict[str, Quantity] = {
    "acc": Quantity(
        title="acceleration",
        unit="m/s²",
        units={
            "m/s2": 1.0,
            "m/s^2": 1.0,
            "m/s²": 1.0,
            "g": STANDARD_GRAVITY,
            "mg": STANDARD_GRAVITY / 1000,
        },
        plausible=(-32 * STANDARD_GRAVITY, 32 * STANDARD_GRAVITY),
        header=r"acc(el(erometer|eration)?)?|beschl(eunigung)?|^a$",
        axes=AXES,
    ),
    "gyro": Quantity(
        title="angular velocity",
        unit="rad/s",
        units={
            "rad/s": 1.0,
            "deg/s": math.pi / 180,
            "dps": math.pi / 180,
            "mdps": math.pi / 180_000,
        },
        plausible=(-35.0, 35.0),  # ±2,000 °/s, the widest range of common sensors
        header=r"gyro(scope|meter)?|gyr|angular[ _]?(velocity|rate|speed)?"
        r"|rot(ation)?([ _]?rate)?|omega|^g$",
        axes=AXES,
    ),
    "mag": Quantity(
        title="magnetic field",
        unit="µT or normalised",
        units={
            "uT": 1.0,
            "µT": 1.0,
            "nT": 1e-3,
            "T": 1e6,
            "G": 100.0,
            "mG": 0.1,
            "normalised": 1.0,
        },
        plausible=(-4_900.0, 4_900.0),
        header=r"magneto?(meter)?|magnetic([ _]?field)?|mag|^m$",
        axes=AXES,
    ),
    "baro": Quantity(
        title="air pressure",
        unit="Pa",
        units={"Pa": 1.0, "hPa": 100.0, "mbar": 100.0, "kPa": 1000.0},
        plausible=(30_000.0, 110_000.0),  # from 9,000 m up to below the sea's level
        header=r"baro(meter)?|(air[ _]?)?press(ure)?|luftdruck",
    ),
}
"""Name in channels and mappings -> what it is."""
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def units_of(quantity: str) -> Mapping[str, float]:
    """Return the units that a quantity, or "time", is read from, with their factors.

    Raises UnitError for an unknown quantity.
    """
    if quantity == "time":
        return TIME_UNITS
    if quantity not in QUANTITIES:
        raise UnitError(
            f"There is no quantity '{quantity}'; known are {', '.join(QUANTITIES)}, time."
            f"{nearest(quantity, QUANTITIES)}"
        )
    return QUANTITIES[quantity].units


def factor(quantity: str, unit: str) -> float:
    """Return what a number in `unit` is multiplied by to stand in the inner unit of `quantity`.

    Raises UnitError where the unit is not one of the quantity's.

    >>> factor("baro", "hPa")
    100.0
    """
    units = units_of(quantity)
    if unit not in units:
        raise UnitError(
            f"'{unit}' is not a unit of {quantity}; write one of {', '.join(units)}."
            f"{nearest(unit, units)}"
        )
    return units[unit]
