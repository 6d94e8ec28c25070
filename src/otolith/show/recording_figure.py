"""A few seconds of one recording in a picture: the body at moments, its sensors' axes there, and
what they measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError
from otolith.data.channels import triads
from otolith.data.paired import modality_file, read_modality
from otolith.data.recording import Recording
from otolith.data.skeleton import JOINTS, PARENTS
from otolith.data.study import Study
from otolith.motion import rotations
from otolith.show.drawing import LIGHT, WIDTH, inked, save_figure

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
"""From where the body is seen: 0 from its left, 90 from its front; between the two, both arms and
the stride show."""
_ABOVE = 0.15
"""By how much of its distance a thing farther away stands higher."""
_COLOURS = (LIGHT["c1"], LIGHT["c2"], LIGHT["c0"])
"""x, y, z."""
_UNITS = {"acc": "m/s²", "gyro": "rad/s", "mag": "µT"}
_WORDS = {"acc": "acceleration", "gyro": "angular rate", "mag": "magnetic field"}
_ROW = 92.0
"""Height of a panel of signals, in points."""


def write_recording_figure(
    study: Study, path: str | Path, recording: str | None = None, start_s: float | None = None
) -> Path:
    """Draw some seconds of a recording into an .svg or .png file: signals, and of a simulated one
    the body above them.

    The first recording where none is named; the liveliest seconds where no start is given. Raises
    StudyError for a recording that is not there, DataError for a start outside of it, ConfigError
    for another kind of file.
    """
    found = study.recording(recording or study.entries[0]["id"])
    first_s, last_s = _shown(found, start_s)
    simulated = (study.folder / modality_file("pose", found.id)).exists()
    pose = read_modality(study.folder, "pose", found.id) if simulated else None
    truth = read_modality(study.folder, "truth", found.id) if simulated else None
    figure = recording_figure(found, first_s, last_s, pose, truth)
    where = f"{found.id} of {study.name}, {first_s:.1f} to {last_s:.1f} s"
    body = " Above, the body at seven moments with each sensor's axes." if simulated else ""
    return save_figure(
        figure, Path(path), where, f"Acceleration and angular rate of each sensor.{body}"
    )


@inked()
def recording_figure(
    recording: Recording,
    first_s: float,
    last_s: float,
    pose: dict[str, np.ndarray] | None = None,
    truth: dict[str, np.ndarray] | None = None,
) -> Figure:
    """Draw the signals between two moments on one line of time, and the body above them where its
    pose is given."""
    from matplotlib.figure import Figure

    rows = [
        (stream, sensor, quantity, columns)
        for stream in recording.streams
        for (sensor, quantity), columns in triads(stream.channels).items()
    ]
    body = 170.0 if pose is not None else 0.0
    height = body + _ROW * len(rows) + 24.0
    figure = Figure(figsize=(1.5 * WIDTH / 72, height / 72), layout="constrained")
    heights = ([body] if body else []) + [_ROW] * len(rows)
    axes = list(np.atleast_1d(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)))
    moments = np.linspace(first_s, last_s, 2 * POSES + 1)[1::2] if body else np.zeros(0)
    if pose is not None:
        _bodies(axes[0], pose, truth or {}, recording.placements, moments, last_s - first_s, body)
    for panel, (stream, sensor, quantity, columns) in zip(
        axes[len(heights) - len(rows) :], rows, strict=True
    ):
        here = slice(*np.searchsorted(stream.time_s, [first_s, last_s + 1e-9]))
        for column, colour, name in zip(columns, _COLOURS, "xyz", strict=True):
            panel.plot(
                stream.time_s[here], stream.values[here, column], color=colour, lw=1.3, label=name
            )
        for moment in moments:
            panel.axvline(moment, color=LIGHT["muted"], lw=0.8, ls=":")
        panel.set_ylabel(_UNITS.get(quantity, ""))
        panel.set_title(
            f"{sensor.replace('_', ' ')}: {_WORDS.get(quantity, quantity)}", loc="left", fontsize=11
        )
    axes[-1].set(xlabel="seconds", xlim=(first_s, last_s))
    handles, names = axes[-1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=3, handlelength=1.2)
    return figure


def _shown(recording: Recording, start_s: float | None) -> tuple[float, float]:
    end = max(float(stream.time_s[-1]) for stream in recording.streams)
    if start_s is not None:
        if not 0.0 <= start_s < end:
            raise DataError(
                f"Recording '{recording.id}' lasts {end:.1f} s; nothing starts at {start_s:g} s."
            )
        return start_s, min(start_s + SECONDS, end)
    stream = recording.streams[0]
    starts = np.arange(0.0, max(end - SECONDS, 0.0) + 1e-9, 0.5)
    edges = np.searchsorted(stream.time_s, [starts, starts + SECONDS])
    moved = [stream.values[a:b, :3].std(axis=0).sum() if b > a + 1 else 0.0 for a, b in edges.T]
    best = float(starts[int(np.argmax(moved))])
    return best, min(best + SECONDS, end)


def _bodies(
    axes: Axes,
    pose: dict[str, np.ndarray],
    truth: dict[str, np.ndarray],
    placements: list[str],
    moments: Float[np.ndarray, " P"],
    seconds: float,
    height: float,
) -> None:
    """Draw the body at its moments of the time line, a metre as wide as it is high, travelling left
    out."""
    joints = [
        joint for joint in JOINTS if f"{joint}.x" in pose and np.isfinite(pose[f"{joint}.x"]).all()
    ]
    places = np.stack(
        [np.stack([pose[f"{joint}.{axis}"] for axis in "xyz"], axis=1) for joint in joints], axis=1
    )
    frames = np.clip(np.searchsorted(pose["time_s"], moments), 0, len(places) - 1)
    chosen = places[frames].astype(np.float64)
    # Seen from one side all through, by where the hips point in the middle of what is shown.
    left, right = (
        chosen[len(chosen) // 2, joints.index(f"{side}_hip")] for side in ("left", "right")
    )
    facing = np.arctan2(*(np.cross(left - right, [0.0, 0.0, 1.0])[[1, 0]]))
    turn = facing - np.deg2rad(_VIEW_DEG)
    across, away = (
        np.array([np.cos(turn), np.sin(turn), 0.0]),
        np.array([-np.sin(turn), np.cos(turn), 0.0]),
    )
    # A little from above, so that what is nearer stands lower.
    around = chosen - chosen[:, [joints.index("pelvis")]] * [1.0, 1.0, 0.0]
    heights = around[..., 2] + _ABOVE * (around @ away)
    low, high = heights.min() - AXIS_M, heights.max() + AXIS_M
    second_per_metre = seconds / (1.5 * WIDTH * 0.9) * (height / (high - low))

    def seen(points: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        here = points - chosen[number, joints.index("pelvis")] * [1.0, 1.0, 0.0]
        return moments[number] + second_per_metre * (here @ across), here[..., 2] + _ABOVE * (
            here @ away
        )

    bones = [(JOINTS[PARENTS[JOINTS.index(joint)]], joint) for joint in joints if joint != "pelvis"]
    for number in range(len(moments)):
        for above, joint in bones:
            if above not in joints:
                continue
            x, y = seen(chosen[number, [joints.index(above), joints.index(joint)]], number)
            axes.plot(
                x,
                y,
                color=LIGHT["c0"] if "right" in joint else LIGHT["muted"],
                lw=1.6,
                solid_capstyle="round",
            )
        for placement in placements:
            if f"{placement}.position.x" not in truth:
                continue
            at = int(
                np.clip(
                    np.searchsorted(truth["time_s"], moments[number]), 0, len(truth["time_s"]) - 1
                )
            )
            point = np.array(
                [truth[f"{placement}.position.{axis}"][at] for axis in "xyz"], dtype=np.float64
            )
            quaternion = np.array(
                [truth[f"{placement}.orientation.{axis}"][at] for axis in "xyzw"], dtype=np.float64
            )
            for axis, colour in zip(np.eye(3), _COLOURS, strict=True):
                tip = point + AXIS_M * rotations.rotate(quaternion, axis)
                axes.plot(*seen(np.stack([point, tip]), number), color=colour, lw=1.8)
    axes.set_ylim(low, high)
    axes.set_ylabel("metres")
    axes.grid(visible=False)
