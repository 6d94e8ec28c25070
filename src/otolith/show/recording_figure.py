"""Some seconds of a recording as a figure: the body at moments, its sensors' axes, the signals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError
from otolith.data.channels import by_quantity
from otolith.data.paired import modality_file, read_modality
from otolith.data.quantities import QUANTITIES
from otolith.data.recording import Recording
from otolith.data.skeleton import JOINTS, PARENTS
from otolith.data.study import Study
from otolith.motion import rotations
from otolith.show.drawing import LIGHT, WIDTH, grid, inked, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SECONDS = 4.0
"""How much is shown."""
POSES = 7
"""At how many moments the body is drawn."""
AXIS_M = 0.16
"""Length of a drawn sensor axis in metres."""
_VIEW_DEG = 55.0
"""From where the body is seen: 0 from its left, 90 from its front; between, arms and stride show."""
_ABOVE = 0.15
"""By how much of its distance a thing farther away stands higher."""
_COLOURS = (LIGHT["c1"], LIGHT["c2"], LIGHT["c0"])
"""x, y, z."""
_ROW, _BODY = 92.0, 170.0
"""Height of a panel of signals, and of the one with the body, in points."""


def write_recording_figure(
    study: Study, path: str | Path, recording: str | None = None, start_s: float | None = None
) -> Path:
    """Draw some seconds of a recording into an .svg or .png file; of a simulated one, the body too.

    The first recording where none is named; the liveliest seconds where no start is given. Raises
    StudyError for a recording that is not there, DataError for a start outside of it, ConfigError
    for another kind of file.
    """
    shown = study.recording(recording or study.entries[0]["id"])
    first_s, last_s = _seconds_of(shown, start_s)
    simulated = (study.folder / modality_file("pose", shown.id)).exists()
    pose, truth = (
        read_modality(study.folder, name, shown.id) if simulated else None
        for name in ("pose", "truth")
    )
    figure = recording_figure(shown, first_s, last_s, pose, truth)
    where = f"{shown.id} of {study.name}, {first_s:.1f} to {last_s:.1f} s"
    body = f" Above, the body at {POSES} moments with each sensor's axes." if simulated else ""
    words = f"Acceleration and angular rate of each sensor.{body}"
    return save_figure(figure, Path(path), where, words)


@inked()
def recording_figure(
    recording: Recording,
    first_s: float,
    last_s: float,
    pose: dict[str, np.ndarray] | None = None,
    truth: dict[str, np.ndarray] | None = None,
) -> Figure:
    """Draw the signals between two moments, and the body above them where its pose is given.

    pose, truth: columns of the study's modalities of these names: joints, and sensors' positions
    and orientations, in the world's frame.
    """
    rows = [
        (stream, sensor, quantity, columns)
        for stream in recording.streams
        for (sensor, quantity), columns in by_quantity(stream.channels).items()
    ]
    heights = [_BODY] * (pose is not None) + [_ROW] * len(rows)
    size = 1.5 * WIDTH, sum(heights) + 24.0
    figure, places = grid(len(heights), 1, size, share=(True, False), heights=heights)
    moments = np.linspace(first_s, last_s, 2 * POSES + 1)[1::2] if pose is not None else ()
    if pose is not None:
        _Bodies(pose, np.asarray(moments), last_s - first_s).draw(
            places[0, 0], truth or {}, recording.placements
        )
    for axes, (stream, sensor, quantity, columns) in zip(
        places[-len(rows) :, 0], rows, strict=True
    ):
        shown = slice(*np.searchsorted(stream.time_s, [first_s, last_s + 1e-9]))
        time_s, values = stream.time_s[shown], stream.values[shown]
        for column, colour in zip(columns, _COLOURS, strict=False):
            label = stream.channels[column].axis or quantity
            axes.plot(time_s, values[:, column], color=colour, lw=1.3, label=label)
        for moment in moments:
            axes.axvline(moment, color=LIGHT["muted"], lw=0.8, ls=":")
        axes.set_ylabel(QUANTITIES[quantity].unit)
        title = f"{sensor.replace('_', ' ')}: {QUANTITIES[quantity].title}"
        axes.set_title(title, loc="left", fontsize=11)
    last = places[-1, 0]
    last.set(xlabel="seconds", xlim=(first_s, last_s))
    handles = last.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=3, handlelength=1.2)
    return figure


def _seconds_of(recording: Recording, start_s: float | None) -> tuple[float, float]:
    """The seconds to show: from a start, or where the first sensor moves most."""
    end = max(float(stream.time_s[-1]) for stream in recording.streams)
    if start_s is None:
        stream = recording.streams[0]
        starts = np.arange(0.0, max(end - SECONDS, 0.0) + 1e-9, 0.5)
        edges = np.searchsorted(stream.time_s, [starts, starts + SECONDS])
        moved = [stream.values[a:b, :3].std(axis=0).sum() if b > a + 1 else 0.0 for a, b in edges.T]
        start_s = float(starts[int(np.argmax(moved))])
    elif not 0.0 <= start_s < end:
        raise DataError(
            f"Recording '{recording.id}' lasts {end:.1f} s; nothing starts at {start_s:g} s."
        )
    return start_s, min(start_s + SECONDS, end)


class _Bodies:
    """The body at moments of a time line, a metre as wide as it is high, travelling left out."""

    def __init__(
        self, pose: dict[str, np.ndarray], moments: Float[np.ndarray, " P"], seconds: float
    ) -> None:
        self._joints = [
            joint
            for joint in JOINTS
            if f"{joint}.x" in pose and np.isfinite(pose[f"{joint}.x"]).all()
        ]
        places = np.stack([_columns(pose, joint) for joint in self._joints], axis=1)
        frames = np.clip(np.searchsorted(pose["time_s"], moments), 0, len(places) - 1)
        self._moments, self._places = moments, places[frames]
        # Seen from one side all through, by where the hips point in the middle of what is shown.
        left, right = (self._at(len(frames) // 2, f"{side}_hip") for side in ("left", "right"))
        facing = np.arctan2(*(np.cross(left - right, [0.0, 0.0, 1.0])[[1, 0]]))
        turn = facing - np.deg2rad(_VIEW_DEG)
        self._across = np.array([np.cos(turn), np.sin(turn), 0.0])
        self._away = np.array([-np.sin(turn), np.cos(turn), 0.0])
        around = self._places - self._at(slice(None), "pelvis")[:, None] * [1.0, 1.0, 0.0]
        heights = self._heights(around)
        self._limits = heights.min() - AXIS_M, heights.max() + AXIS_M
        points_per_metre = _BODY / (self._limits[1] - self._limits[0])
        self._second_per_metre = seconds / (1.5 * WIDTH * 0.9) * points_per_metre

    def draw(self, axes: Axes, truth: dict[str, np.ndarray], placements: Sequence[str]) -> None:
        """Draw bones, and x, y and z of each sensor."""
        known = set(self._joints)
        bones = [(JOINTS[PARENTS[n]], joint) for n, joint in enumerate(JOINTS) if joint != "pelvis"]
        for number in range(len(self._moments)):
            for bone in bones:
                if known.issuperset(bone):
                    ends = np.stack([self._at(number, joint) for joint in bone])
                    colour = LIGHT["c0" if "right" in bone[1] else "muted"]
                    (line,) = axes.plot(*self._seen(ends, number), color=colour, lw=1.6)
                    line.set_solid_capstyle("round")
            for placement in placements:
                if f"{placement}.position.x" in truth:
                    self._draw_sensor(axes, number, placement, truth)
        axes.set_ylim(*self._limits)
        axes.set_ylabel("metres")
        axes.grid(visible=False)

    def _draw_sensor(
        self, axes: Axes, number: int, placement: str, truth: dict[str, np.ndarray]
    ) -> None:
        last = len(truth["time_s"]) - 1
        frame = min(int(np.searchsorted(truth["time_s"], self._moments[number])), last)
        point = _columns(truth, f"{placement}.position")[frame]
        sensor_to_world = _columns(truth, f"{placement}.orientation", "xyzw")[frame]
        for axis, colour in zip(np.eye(3), _COLOURS, strict=True):
            tip = point + AXIS_M * rotations.rotate(sensor_to_world, axis)
            axes.plot(*self._seen(np.stack([point, tip]), number), color=colour, lw=1.8)

    def _at(self, number: int | slice, joint: str) -> np.ndarray:
        return self._places[number, self._joints.index(joint)]

    def _heights(self, around: np.ndarray) -> np.ndarray:
        """How high a point stands: a little from above, so that what is nearer stands lower."""
        return np.asarray(around[..., 2] + _ABOVE * (around @ self._away))

    def _seen(self, points: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        around = points - self._at(number, "pelvis") * [1.0, 1.0, 0.0]
        x = self._moments[number] + self._second_per_metre * (around @ self._across)
        return x, self._heights(around)


def _columns(table: dict[str, np.ndarray], name: str, axes: str = "xyz") -> np.ndarray:
    return np.stack([table[f"{name}.{axis}"] for axis in axes], axis=1).astype(np.float64)
