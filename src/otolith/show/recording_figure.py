"""Some seconds of a recording as a figure: the body at moments, its sensors' axes, the signals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

Table = Mapping[str, np.ndarray]
"""Columns of a study's modality, by name."""
SECONDS = 4.0
"""How much is shown."""
POSES = 7
"""At how many moments the body is drawn."""
AXIS_M = 0.16
"""Length of a drawn sensor axis in metres."""
_VIEW_DEG = 55.0
"""The body is seen from: 0 its left, 90 its front; between the two, arms and stride show."""
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

    >>> from tempfile import mkdtemp
    >>> import numpy
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> write_recording_figure(study, "ann.svg").name
    'ann.svg'
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
    pose: Table | None = None,
    truth: Table | None = None,
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
    moments = np.zeros(0)
    if pose is not None:
        # In the middle of seven equal stretches, so that no body is cut off at the edge.
        moments = np.linspace(first_s, last_s, 2 * POSES + 1)[1::2]
        seconds, worn = last_s - first_s, recording.placements
        _draw_bodies(places[0, 0], pose, truth or {}, worn, moments, seconds)
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
        # Every half second is near enough to the liveliest moment.
        starts = np.arange(0.0, max(end - SECONDS, 0.0) + 1e-9, 0.5)
        edges = np.searchsorted(stream.time_s, [starts, starts + SECONDS])
        moved = [stream.values[a:b, :3].std(axis=0).sum() if b > a + 1 else 0.0 for a, b in edges.T]
        start_s = float(starts[int(np.argmax(moved))])
    elif not 0.0 <= start_s < end:
        raise DataError(
            f"Recording '{recording.id}' lasts {end:.1f} s; nothing starts at {start_s:g} s."
        )
    return start_s, min(start_s + SECONDS, end)


def _draw_bodies(
    axes: Axes,
    pose: Table,
    truth: Table,
    placements: Sequence[str],
    moments: Float[np.ndarray, " P"],
    seconds: float,
) -> None:
    """Draw the body at its moments, a metre as wide as it is high; travelling is left out.

    Joints and sensors are seen through one 3 × 2 matrix, which stays the same all through.
    """
    joints = [j for j in JOINTS if f"{j}.x" in pose and np.isfinite(pose[f"{j}.x"]).all()]
    frames = np.searchsorted(pose["time_s"], moments).clip(0, len(pose["time_s"]) - 1)
    places = {joint: _columns(pose, joint)[frames] for joint in joints}
    # The height stays: a jump is to be seen.
    root = places["pelvis"] * [1.0, 1.0, 0.0]
    middle = len(moments) // 2
    view = _view(places["left_hip"][middle] - places["right_hip"][middle])
    heights = [((place - root) @ view)[:, 1] for place in places.values()]
    low, high = np.min(heights) - AXIS_M, np.max(heights) + AXIS_M
    second_per_metre = seconds / (1.5 * WIDTH * 0.9) * (_BODY / (high - low))

    def draw(ends: Sequence[np.ndarray], number: int, colour: str, width: float) -> None:
        x, y = ((np.stack(ends) - root[number]) @ view).T
        axes.plot(moments[number] + second_per_metre * x, y, color=colour, lw=width)

    for number, moment in enumerate(moments):
        for joint, place in places.items():
            above = places.get(JOINTS[PARENTS[JOINTS.index(joint)]]) if joint != "pelvis" else None
            if above is not None:
                colour = LIGHT["c0" if "right" in joint else "muted"]
                draw([above[number], place[number]], number, colour, 1.6)
        for placement in placements:
            for *ends, colour in _sensor_axes(truth, placement, moment):
                draw(ends, number, colour, 1.8)
    axes.set(ylim=(low, high), ylabel="metres")
    axes.grid(visible=False)


def _view(hips: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 2"]:
    """Look at a body from `_VIEW_DEG`, a little from above: what is nearer stands lower.

    hips: from the right to the left one. Returns the matrix from the world's axes to across and up.
    """
    facing = np.arctan2(*(np.cross(hips, [0.0, 0.0, 1.0])[[1, 0]]))
    turn = facing - np.deg2rad(_VIEW_DEG)
    across = [np.cos(turn), np.sin(turn), 0.0]
    up = [-_ABOVE * np.sin(turn), _ABOVE * np.cos(turn), 1.0]
    return np.stack([across, up], axis=1)


def _sensor_axes(
    truth: Table, placement: str, moment: float
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Both ends and the colour of a sensor's x, y and z, where the world's frame is known."""
    if f"{placement}.position.x" in truth:
        frame = min(int(np.searchsorted(truth["time_s"], moment)), len(truth["time_s"]) - 1)
        point = _columns(truth, f"{placement}.position")[frame]
        sensor_to_world = _columns(truth, f"{placement}.orientation", "xyzw")[frame]
        axes = rotations.rotate(sensor_to_world, np.eye(3))
        for axis, colour in zip(axes, _COLOURS, strict=True):
            yield point, point + AXIS_M * axis, colour


def _columns(table: Table, name: str, axes: str = "xyz") -> np.ndarray:
    return np.stack([table[f"{name}.{axis}"] for axis in axes], axis=1).astype(np.float64)
