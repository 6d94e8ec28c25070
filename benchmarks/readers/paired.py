"""Real sensors and optical capture of the same movement, as two published sets hold them: what
fidelity is shown on."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from otolith.core.errors import ReadError
from otolith.core.foreign.mat import read_mat
from otolith.core.foreign.plain import read_text
from otolith.motion import rotations
from otolith.motion.simulation.kinematics import Track, track
from otolith.motion.simulation.sensor import Reading, ideal
from otolith.motion.simulation.smoothing import Smoothing

# What a reader of these two sets needs to know; both are free to use with credit.
BROAD = "Laidig et al., BROAD, 2021, https://doi.org/10.3390/data6070072, CC BY 4.0"
GAITMAP = (
    "Küderle et al., gaitmap, 2024, https://doi.org/10.1109/OJEMB.2024.3356791, example data, MIT"
)


@dataclass(frozen=True)
class Paired:
    """One sensor and the pose of the body that it is fixed to, on clocks that start together."""

    name: str
    rate_hz: float
    """Of the sensor."""
    real: Reading
    """What it measured, m/s² with gravity and rad/s; NaN where nothing came."""
    moving: Bool[np.ndarray, " T"]
    """Samples that count as movement; all, where the set does not say."""
    optical_hz: float
    position: Float[np.ndarray, "F 3"]
    """Of a point of the body in the world, metres, z up; NaN where it was not seen."""
    body_to_world: Float[np.ndarray, "F 4"]
    """Quaternions xyzw."""
    source: str

    @property
    def time_s(self) -> Float[np.ndarray, " T"]:
        """When the sensor's samples were taken."""
        return np.arange(len(self.moving)) / self.rate_hz

    def follow(self, smoothing: Smoothing = "auto") -> Track:
        """Path of the body at the sensor's samples, from the optical pose alone."""
        last_s = (len(self.position) - 1) / self.optical_hz
        inside = self.time_s <= last_s + 1e-9
        path = track(
            self.position, self.body_to_world, self.optical_hz, self.time_s[inside], smoothing
        )
        after = (
            (0, int((~inside).sum())),
            (0, 0),
        )  # the sensor went on when the optics had stopped

        def longer(part: np.ndarray) -> np.ndarray:
            return np.pad(part, after, constant_values=np.nan)

        return replace(
            path,
            time_s=self.time_s,
            position=longer(path.position),
            acceleration=longer(path.acceleration),
            sensor_to_world=longer(path.sensor_to_world),
            angular_rate=longer(path.angular_rate),
        )

    def simulate(self, smoothing: Smoothing = "auto") -> Reading:
        """What a sensor at the tracked point, with the body's axes, would have measured."""
        return ideal(self.follow(smoothing))


def read_broad(path: str | Path) -> Paired:
    """One trial of BROAD: a board moved by hand, 285.7 Hz, sensor and optical frames already
    aligned.

    Raises ReadError where the file is missing, is no MATLAB file, or lacks one of its arrays.
    """
    names = ("imu_acc", "imu_gyr", "opt_quat", "opt_pos", "movement", "sampling_rate")
    try:
        # Only these arrays are read: the file also holds an object, which is not looked at.
        found = read_mat(Path(path), names)
    except ReadError as error:
        raise ReadError(f"{Path(path).name} is no trial of BROAD: {error}") from error
    lacking = [name for name in names if name not in found]
    if lacking:
        raise ReadError(f"{Path(path).name} is no trial of BROAD: it lacks {', '.join(lacking)}.")
    if odd := _odd_in_broad(found):
        raise ReadError(f"{Path(path).name} is no trial of BROAD: {odd}.")
    return Paired(
        Path(path).stem,
        float(found["sampling_rate"].squeeze()),
        Reading(found["imu_acc"].astype(np.float64), found["imu_gyr"].astype(np.float64)),
        found["movement"].squeeze().astype(bool),
        float(found["sampling_rate"].squeeze()),
        found["opt_pos"].astype(np.float64),
        found["opt_quat"][:, [1, 2, 3, 0]].astype(np.float64),
        BROAD,
    )


def _odd_in_broad(found: dict[str, np.ndarray]) -> str:
    """Say which array is not what BROAD's files hold; nothing where all are."""
    if odd := [name for name, array in found.items() if array.dtype.kind not in "iufb"]:
        return f"{odd[0]} holds no numbers"
    rows, seen = len(found["imu_acc"]), len(found["opt_pos"])
    wanted = {
        "imu_acc": (rows, 3),
        "imu_gyr": (rows, 3),
        "opt_pos": (seen, 3),
        "opt_quat": (seen, 4),
    }
    for name, shape in wanted.items():
        if found[name].shape != shape or not seen or not rows:
            return f"{name} has shape {found[name].shape}"
    rate = found["sampling_rate"]
    if (
        found["movement"].size != rows
        or rate.size != 1
        or not 0 < float(rate.squeeze()) < _FASTEST_HZ
    ):
        return "movement and sampling_rate do not fit the signals"
    return ""


_FASTEST_HZ = 1e6
_FARTHEST = 1e9  # in whatever unit: no marker is there, and its square is still a number


def read_gaitmap(folder: str | Path, side: Literal["left", "right"]) -> Paired:
    """One foot of gaitmap's walking example: a sensor on the shoe (204.8 Hz), three markers (100
    Hz), in sync.

    The tracked point is the heel marker, and the body's axes are those of the three markers.
    `folder` holds imu_sample.csv and mocap_sample.csv. Raises ReadError where a file or a column is
    missing.
    """
    imu = _table(Path(folder) / "imu_sample.csv")
    optics = _table(Path(folder) / "mocap_sample.csv")
    letter = side[0].upper()
    markers = (
        np.stack([_triad(optics, f"{letter}_{name}", "") for name in ("TOE", "FCC", "FM5")], axis=1)
        / 1000.0
    )
    acceleration, degrees = (
        _triad(imu, f"{side}_sensor", quantity) for quantity in ("acc_", "gyr_")
    )
    return Paired(
        f"gaitmap_{side}_foot",
        204.8,
        Reading(acceleration, np.deg2rad(degrees)),
        np.ones(len(acceleration), dtype=bool),
        100.0,
        markers[:, 1],
        rigid_pose(markers),
        GAITMAP,
    )


def rigid_pose(markers: Float[np.ndarray, "F M 3"]) -> Float[np.ndarray, "F 4"]:
    """Orientation of a body from three or more markers on it: quaternions xyzw, body_to_world.

    The body's axes are the world's in the first frame that shows all markers; its shape is the mean
    over frames. Frames that lack a marker are NaN. Least squares, Kabsch (1976),
    https://doi.org/10.1107/S0567739476001873.
    """
    seen = np.isfinite(markers).all(axis=(1, 2))
    if markers.shape[1] < 3 or not seen.any():
        raise ReadError(
            f"A pose takes three markers seen together; found {markers.shape[1]}, seen "
            f"{int(seen.sum())}×."
        )
    shape = markers[seen] - markers[seen].mean(axis=1, keepdims=True)
    template = shape[0]
    for _ in range(3):
        u, _, vt = np.linalg.svd(np.einsum("fmi,mj->fij", shape, template))
        handed = np.eye(3) * np.ones((len(shape), 1, 1))
        handed[:, 2, 2] = np.sign(np.linalg.det(u @ vt))
        turns = u @ handed @ vt
        template = np.einsum("fji,fmj->fmi", turns, shape).mean(axis=0)
    out = np.full((len(markers), 4), np.nan)
    out[seen] = rotations.from_matrix(turns)
    return out


def _table(path: Path) -> dict[tuple[str, str], np.ndarray]:
    """A CSV with two lines of header, column by column; a number that no sensor reads is NaN."""
    try:
        text = read_text(path, _MOST_BYTES)
        first, second, *rows = list(csv.reader(text.splitlines()))
        values = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
        named = list(zip(first, second, strict=True))
        if values.ndim != 2 or values.shape[1] != len(named) or len(set(named)) < len(named):
            raise ValueError(
                f"{len(named)} columns are named, of which no two may be called alike, and "
                f"{len(rows)} rows"
            )
    except (ValueError, csv.Error) as error:
        raise ReadError(f"{path.name} is not in gaitmap's layout: {error}.") from error
    values[~(np.abs(values) < _FARTHEST)] = np.nan
    return {name: values[:, column] for column, name in enumerate(named)}


_MOST_BYTES = 2**28


def _triad(table: dict[tuple[str, str], np.ndarray], name: str, prefix: str) -> np.ndarray:
    try:
        return np.stack([table[(name, prefix + axis)] for axis in "xyz"], axis=1)
    except KeyError as error:
        raise ReadError(
            f"There is no column {error} in this table; it has {sorted(table)[:6]} …"
        ) from error
