"""Windows to physical numbers: what each sensor did, measured on the continuous recording.

Source: PIM, "Physics-Informed Multi-task pre-training for human activity recognition" (2025),
https://arxiv.org/abs/2503.17978.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from otolith.core.catalog import bilateral_pairs
from otolith.core.errors import ChannelError, nearest
from otolith.data.channels import sensors, triads
from otolith.data.physics.angles import compass_angles, gravity_angles
from otolith.data.physics.gravity import split_gravity
from otolith.data.physics.speed import speed, window_speed
from otolith.data.physics.symmetry import norms, symmetry
from otolith.data.windows import Windows

ANGLES = ("roll", "pitch", "yaw")
_CHUNK = 4096
Triads = dict[tuple[str, str], tuple[int, int, int]]
"""(sensor, quantity) -> the indices of its x, y and z."""


@dataclass(frozen=True)
class Quantity:
    """One number a window: of one sensor (`left_wrist`) or of a pair (`left_wrist~right_wrist`)."""

    sensor: str
    kind: str
    """`speed`, `roll`, `pitch`, `yaw` or `symmetry`."""

    @property
    def name(self) -> str:
        """Such as `left_wrist.roll`."""
        return f"{self.sensor}.{self.kind}"


def family_of(quantity: Quantity) -> str:
    """Return `speed`, `angle` or `symmetry`."""
    return "angle" if quantity.kind in ANGLES else quantity.kind


@dataclass(frozen=True)
class Physics:
    """Q quantities of N windows."""

    quantities: tuple[Quantity, ...]
    values: Float[np.ndarray, "N Q"]
    """float32 in m/s (speed), rad (angles) and m/s² (symmetry); NaN where undefined."""
    notes: tuple[str, ...] = ()
    """What could not be measured, and why."""

    def __getitem__(self, name: str) -> Float[np.ndarray, " N"]:
        """Return one quantity by its name."""
        names = [quantity.name for quantity in self.quantities]
        if name not in names:
            raise ChannelError(
                f"'{name}' was not measured; there are {', '.join(names)}.{nearest(name, names)}"
            )
        return self.values[:, names.index(name)]


def measure(
    windows: Windows,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    triad: Literal["gravity", "compass"] = "gravity",
    velocity: Literal["highpass", "detrend"] = "highpass",
    znorm: bool = False,
    families: Sequence[str] = ("speed", "angle", "symmetry"),
) -> Physics:
    """Measure speed and angles of every sensor, and the symmetry of every pair, in each window.

    Gravity and velocity are filtered over the whole gap-free stretch that a window lies in and
    averaged in the window. `pairs` are those of left and right where not given; `triad` says which
    angles (`angles.gravity_angles` or `angles.compass_angles`), `velocity` which speed
    (`speed.speed` or `speed.window_speed`). Raises ChannelError without an accelerometer, and for a
    pair whose sensors the windows do not hold.
    """
    index = triads(windows.channels)
    accelerometers = [s for s in sensors(windows.channels) if (s, "acc") in index]
    if not accelerometers:
        raise ChannelError(
            "The physical quantities need an accelerometer; these windows have none."
        )
    columns: list[tuple[Quantity, np.ndarray]] = []
    notes: list[str] = []
    for sensor in accelerometers:
        quantities, values, remarks = _of_sensor(windows, sensor, index, triad, velocity, families)
        columns += zip(quantities, values.T, strict=True)
        notes += remarks
    if "symmetry" in families:
        chosen = list(pairs) if pairs is not None else _left_right(accelerometers)
        if not chosen:
            notes.append("no left/right pair among the sensors, so the symmetry term is absent")
        for pair in chosen:
            values = _of_pair(windows, pair, index, znorm)
            columns.append((Quantity("~".join(pair), "symmetry"), values))
    names = tuple(quantity for quantity, _ in columns)
    values = np.stack([v for _, v in columns], axis=1) if columns else np.empty((len(windows), 0))
    return Physics(names, values.astype(np.float32), tuple(notes))


def _left_right(accelerometers: list[str]) -> list[tuple[str, str]]:
    """Pair sensors by their places; of two devices on one place the first named speaks for it."""
    first: dict[str, str] = {}
    for sensor in accelerometers:
        first.setdefault(sensor.partition("@")[0], sensor)
    return [(first[left], first[right]) for left, right in bilateral_pairs(list(first))]


def _of_sensor(
    windows: Windows,
    sensor: str,
    index: Triads,
    triad: str,
    velocity: str,
    families: Sequence[str],
) -> tuple[list[Quantity], Float[np.ndarray, "N Q"], list[str]]:
    included = windows.gravity == "included"
    kinds = ["speed"] * ("speed" in families) + list(ANGLES) * ("angle" in families and included)
    compass = triad == "compass" and "yaw" in kinds
    if compass and (sensor, "mag") not in index:
        raise ChannelError(
            f"Angles with a compass need a magnetometer; '{sensor}' has none. Use triad='gravity'."
        )
    mag = index[sensor, "mag"] if compass else ()
    values, rough = _per_stretch(windows, index[sensor, "acc"], mag, velocity, kinds)
    notes = []
    if "angle" in families and not included:
        notes.append(
            f"{sensor}: gravity was removed from the recordings, so the angles are undefined"
        )
    if rough:
        notes.append(
            f"{sensor}: gravity of {rough} windows comes from recordings under 10 s and is "
            "approximate"
        )
    return [Quantity(sensor, kind) for kind in kinds], values, notes


def _per_stretch(
    windows: Windows, acc: Sequence[int], mag: Sequence[int], velocity: str, kinds: Sequence[str]
) -> tuple[Float[np.ndarray, "N K"], int]:
    """Measure one sensor; return also how many windows have their gravity from a rough estimate."""
    out = np.full((len(windows), len(kinds)), np.nan)
    rough_windows = 0
    for members, stretch, first, last in _by_stretch(windows) if kinds else ():
        reading = stretch[:, list(acc)]
        if not np.isfinite(reading).all():
            continue
        gravity, linear = np.zeros_like(reading), reading
        if windows.gravity == "included":
            gravity, linear, rough = split_gravity(reading, windows.rate_hz)
            rough_windows += len(members) * rough
        if "speed" in kinds:
            out[members, 0] = _speeds(linear, windows.rate_hz, velocity, first, last)
        if "yaw" in kinds:
            # The angles of the mean vector, not the mean of angles, which wrap around at 180°.
            down = _means(gravity, first, last)
            north = _means(stretch[:, list(mag)], first, last) if mag else None
            angles = gravity_angles(down) if north is None else compass_angles(down, north)
            out[members, -3:] = angles
    return out, rough_windows


def _by_stretch(
    windows: Windows,
) -> Iterator[tuple[np.ndarray, Float[np.ndarray, "T C"], np.ndarray, np.ndarray]]:
    """Yield the windows of each stretch, its samples, and where in it each window starts and ends.

    A padded window starts and ends with what was recorded of it.
    """
    order = np.argsort(windows.piece, kind="stable")
    bounds = np.flatnonzero(np.diff(windows.piece[order])) + 1
    for members in np.split(order, bounds) if len(order) else ():
        start, stop = windows.store.pieces[windows.piece[members[0]]]
        first = windows.first_row[members] - start
        edges = np.clip([first, first + windows.length], 0, stop - start)
        yield members, np.asarray(windows.store.values[start:stop]), edges[0], edges[1]


def _speeds(
    linear: Float[np.ndarray, "T 3"],
    rate_hz: float,
    velocity: str,
    first: np.ndarray,
    last: np.ndarray,
) -> Float[np.ndarray, " N"]:
    """Mean speed of windows of one stretch, in m/s."""
    if velocity == "highpass":
        return _means(speed(linear, rate_hz)[:, None], first, last)[:, 0]
    rows = [linear[a:b] for a, b in zip(first, last, strict=True)]
    return np.array([window_speed(row.T[None], rate_hz)[0] for row in rows])


def _means(
    samples: Float[np.ndarray, "T C"], first: np.ndarray, last: np.ndarray
) -> Float[np.ndarray, "N C"]:
    """Mean of samples[first:last] for each window, by differences of one running sum."""
    total = np.cumsum(np.pad(samples, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    return np.asarray((total[last] - total[first]) / np.maximum(last - first, 1)[:, None])


def _of_pair(
    windows: Windows, pair: tuple[str, str], index: Triads, znorm: bool
) -> Float[np.ndarray, " N"]:
    """Symmetry of two sensors in each window, in m/s²."""
    accelerometers = [sensor for sensor, quantity in index if quantity == "acc"]
    for name in pair:
        if name not in accelerometers:
            raise ChannelError(
                f"The pair {'~'.join(pair)} needs an accelerometer '{name}'; there are "
                f"{', '.join(accelerometers)}.{nearest(name, accelerometers)}"
            )
    out = np.empty(len(windows), dtype=np.float32)
    for start in range(0, len(windows), _CHUNK):
        here = slice(start, start + _CHUNK)
        values = windows.values(here)
        left, right = (norms(values[:, list(index[name, "acc"])]) for name in pair)
        out[here] = symmetry(left, right, windows.rate_hz, znorm=znorm)
    return out
