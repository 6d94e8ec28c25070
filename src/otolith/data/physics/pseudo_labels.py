"""Windows to physical numbers: what each sensor did in each window, measured on the continuous
recording."""

from __future__ import annotations

from collections.abc import Sequence
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
    """values: (N, Q) float32 in m/s, rad and m/s² (symmetry), NaN where undefined; one column a
    quantity."""

    quantities: tuple[Quantity, ...]
    values: Float[np.ndarray, "N Q"]
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

    Source: PIM (2025), https://arxiv.org/abs/2503.17978. Gravity and velocity are filtered over the
    whole gap-free stretch that a window lies in and averaged in the window. Raises ChannelError for
    a pair whose sensors are not here.
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
        quantities, values, found = _of_sensor(windows, sensor, index, triad, velocity, families)
        columns += zip(quantities, values.T, strict=True)
        notes += found
    if "symmetry" in families:
        chosen = list(pairs) if pairs is not None else _left_right(accelerometers)
        if not chosen:
            notes.append("no left/right pair among the sensors, so the symmetry term is absent")
        for left, right in chosen:
            for name in (left, right):
                if name not in accelerometers:
                    raise ChannelError(
                        f"The pair {left}~{right} needs an accelerometer '{name}'; there are "
                        f"{', '.join(accelerometers)}.{nearest(name, accelerometers)}"
                    )
            values = _of_pair(windows, index[left, "acc"], index[right, "acc"], znorm)
            columns.append((Quantity(f"{left}~{right}", "symmetry"), values))
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
    index: dict[tuple[str, str], tuple[int, int, int]],
    triad: str,
    velocity: str,
    families: Sequence[str],
) -> tuple[list[Quantity], np.ndarray, list[str]]:
    acc, mag = list(index[sensor, "acc"]), index.get((sensor, "mag"))
    notes = []
    want_angles = "angle" in families and windows.gravity == "included"
    if "angle" in families and not want_angles:
        notes.append(
            f"{sensor}: gravity was removed from the recordings, so the angles are undefined"
        )
    if want_angles and triad == "compass" and mag is None:
        raise ChannelError(
            f"Angles with a compass need a magnetometer; '{sensor}' has none. Use triad='gravity'."
        )
    kinds = (["speed"] if "speed" in families else []) + (list(ANGLES) if want_angles else [])
    out = np.full((len(windows), len(kinds)), np.nan)
    order = np.argsort(windows.piece, kind="stable")
    bounds = np.flatnonzero(np.diff(windows.piece[order])) + 1
    approximate = 0
    for members in np.split(order, bounds) if kinds and len(order) else []:
        start, stop = windows.store.pieces[windows.piece[members[0]]]
        stretch = np.asarray(windows.store.values[start:stop])
        if not np.isfinite(stretch[:, acc]).all():
            continue
        # A window that was padded is averaged over what was truly recorded of it.
        first = np.clip(windows.first_row[members] - start, 0, stop - start)
        last = np.clip(windows.first_row[members] - start + windows.length, 0, stop - start)
        if windows.gravity == "included":
            gravity, linear, rough = split_gravity(stretch[:, acc], windows.rate_hz)
            approximate += len(members) * rough
        else:
            gravity, linear = np.zeros_like(stretch[:, acc]), stretch[:, acc]
        column = 0
        if "speed" in families:
            if velocity == "highpass":
                out[members, 0] = _means(speed(linear, windows.rate_hz)[:, None], first, last)[:, 0]
            else:
                rows = [linear[a:b] for a, b in zip(first, last, strict=True)]
                out[members, 0] = [window_speed(r.T[None], windows.rate_hz)[0] for r in rows]
            column = 1
        if want_angles:
            down = _means(gravity, first, last)
            if triad == "compass" and mag is not None:
                out[members, column:] = compass_angles(
                    down, _means(stretch[:, list(mag)], first, last)
                )
            else:
                out[members, column:] = gravity_angles(down)
    if approximate:
        notes.append(
            f"{sensor}: gravity of {approximate} windows comes from recordings under 10 s and is "
            f"approximate"
        )
    return [Quantity(sensor, kind) for kind in kinds], out, notes


def _means(samples: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    total = np.concatenate(
        [np.zeros((1, samples.shape[1])), np.cumsum(samples, axis=0, dtype=np.float64)]
    )
    means: np.ndarray = (total[last] - total[first]) / np.maximum(last - first, 1)[:, None]
    return means


def _of_pair(
    windows: Windows, left: tuple[int, int, int], right: tuple[int, int, int], znorm: bool
) -> np.ndarray:
    out = np.empty(len(windows), dtype=np.float32)
    for start in range(0, len(windows), _CHUNK):
        values = windows.values(slice(start, start + _CHUNK))
        out[start : start + _CHUNK] = symmetry(
            norms(values[:, list(left)]),
            norms(values[:, list(right)]),
            windows.rate_hz,
            znorm=znorm,
        )
    return out
