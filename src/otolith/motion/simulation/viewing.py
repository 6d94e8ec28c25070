"""A recording to look at: skeleton, sensors' axes and signals on one line of time, in Rerun."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from otolith.core.errors import ConfigError
from otolith.core.files import atomic_path
from otolith.core.text import printable
from otolith.data.channels import triads
from otolith.data.paired import modality_file, read_modality
from otolith.data.quantities import QUANTITIES
from otolith.data.recording import Recording
from otolith.data.study import Study
from otolith.motion.formats.smpl_npz import parent_of

_AXIS_M = 0.12
_COLOURS = ((220, 60, 60), (60, 170, 80), (70, 110, 220))
"""x, y, z, for axes and signals alike."""
TIME = "time"


def view(study: Study, recording: str | None = None, rrd: Path | None = None) -> None:
    """Show a recording in Rerun's window until it is closed, or write it as an .rrd file that Rerun
    opens.

    Signals of any recording; of a simulated one also its skeleton and how its sensors moved and
    turned. The first recording where none is named. Raises ConfigError where rerun-sdk is not
    installed or no window opens, StudyError for a recording that is not there.
    """
    try:
        import rerun
    except ImportError as error:
        raise ConfigError(
            "Viewing needs rerun-sdk (521 MB). Type: pip install 'otolith[view]'"
        ) from error
    chosen = study.recording(recording or study.entries[0]["id"])
    stream = rerun.RecordingStream("otolith", recording_id=printable(f"{study.name}/{chosen.id}"))
    # Rerun's own file only notes in a log that the disk is full.
    written = stream.binary_stream()
    stream.send_blueprint(_layout(chosen), make_active=False, make_default=True)
    _signals(stream, chosen)
    if (study.folder / modality_file("pose", chosen.id)).exists():
        _skeleton(stream, read_modality(study.folder, "pose", chosen.id))
        _sensors(stream, read_modality(study.folder, "truth", chosen.id), chosen.placements)
    content = written.read(flush=True)
    stream.disconnect()
    if rrd is None:
        show_window(content)
    else:
        with atomic_path(rrd) as temporary:
            temporary.write_bytes(content)


def show_window(content: bytes, program: Sequence[str] = (sys.executable, "-m", "rerun")) -> None:
    """Open Rerun's window on a recording, and return when it is closed.

    Left to itself the window listens on all interfaces, gives what it shows to whoever asks, and
    reports its use to its makers. Here it reads a file in a private folder, listens on 127.0.0.1
    only and reaches no other machine. Raises ConfigError where no window opens.
    """
    with tempfile.TemporaryDirectory(prefix="otolith-view-") as private:
        path, log = Path(private, "recording.rrd"), Path(private, "log.txt")
        path.write_bytes(content)
        command = [*program, "--bind", LOOPBACK, "--port", str(_free_port()), str(path)]
        environment = os.environ | ALONE
        with log.open("wb") as out:
            ended = subprocess.run(command, env=environment, stdout=out, stderr=out, check=False)
        if ended.returncode:
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            errors = [line for line in lines if "panicked" in line or "rror" in line]
            said = [*errors[:1], *lines[-1:], "no word"][0]
            raise ConfigError(
                f"Rerun's window ended with exit status {ended.returncode} ({said:.200}). Where "
                "there is no screen, write a file with --rrd FILE, or draw with --figure FILE.svg."
            )


LOOPBACK = "127.0.0.1"
_NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody is: Rerun asks its makers for a newer version, and has no option against it.
"""
ALONE = {"CI": "true"} | dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), _NOWHERE
)
"""What keeps Rerun's window from the network: it reports no use where CI is set."""


def _free_port() -> int:
    # The usual port may be another window's, which would then be given the recording.
    with socket.socket() as asked:
        asked.bind((LOOPBACK, 0))
        return int(asked.getsockname()[1])


def _layout(recording: Recording) -> Any:
    import rerun.blueprint as blueprint

    signals = []
    for stream in recording.streams:
        for sensor, quantity in triads(stream.channels):
            facts = QUANTITIES[quantity]
            name = f"{sensor}: {facts.title}, {facts.unit}"
            signals.append(
                blueprint.TimeSeriesView(origin=f"signals/{sensor}/{quantity}", name=name)
            )
    panels = blueprint.Vertical(*signals)
    if recording.origin != "simulated":
        return blueprint.Blueprint(panels)
    body = blueprint.Spatial3DView(origin="world", name=printable(recording.id))
    return blueprint.Blueprint(blueprint.Horizontal(body, panels))


def _signals(stream: Any, recording: Recording) -> None:
    import rerun

    lines = rerun.SeriesLines(colors=_COLOURS, names=["x", "y", "z"])
    for part in recording.streams:
        when = rerun.TimeColumn(TIME, duration=part.time_s)
        for (sensor, quantity), columns in triads(part.channels).items():
            entity = f"signals/{sensor}/{quantity}"
            stream.log(entity, lines, static=True)
            values = part.values[:, list(columns)].astype(np.float64)
            scalars = rerun.Scalars.columns(scalars=values.ravel()).partition([3] * len(values))
            stream.send_columns(entity, indexes=[when], columns=scalars)
    for segment in recording.segments:
        stream.set_time(TIME, duration=segment.start_s)
        stream.log("label", rerun.TextLog(printable(segment.label)))


def _skeleton(stream: Any, pose: dict[str, np.ndarray]) -> None:
    import rerun

    places = {name[:-2]: _columns(pose, name[:-2], "xyz") for name in pose if name[-2:] == ".x"}
    seen = {joint: place for joint, place in places.items() if np.isfinite(place).all()}
    # A bone from every joint to the one that carries it.
    bones = [
        (seen[carrier], seen[joint]) for joint in seen if (carrier := parent_of(joint)) in seen
    ]
    strips = np.stack([np.stack(bone, axis=1) for bone in bones], axis=1)
    when = rerun.TimeColumn(TIME, duration=pose["time_s"])
    stream.log("world", rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    lines = rerun.LineStrips3D.columns(strips=strips.reshape(-1, 2, 3))
    lines = lines.partition([len(bones)] * len(strips))
    stream.send_columns("world/skeleton", indexes=[when], columns=lines)


def _sensors(stream: Any, truth: dict[str, np.ndarray], placements: list[str]) -> None:
    import rerun

    when = rerun.TimeColumn(TIME, duration=truth["time_s"])
    for placement in placements:
        entity, labels = f"world/sensors/{placement}", [placement, "", ""]
        axes = rerun.Arrows3D(vectors=_AXIS_M * np.eye(3), colors=_COLOURS, labels=labels)
        stream.log(entity, axes, static=True)
        poses = rerun.Transform3D.columns(
            translation=_columns(truth, f"{placement}.position", "xyz"),
            quaternion=_columns(truth, f"{placement}.orientation", "xyzw"),
        )
        stream.send_columns(entity, indexes=[when], columns=poses)
        speed = rerun.Scalars.columns(scalars=truth[f"{placement}.speed"].astype(np.float64))
        stream.send_columns(f"truth/{placement}/speed", indexes=[when], columns=speed)


def _columns(table: dict[str, np.ndarray], name: str, axes: str) -> np.ndarray:
    return np.stack([table[f"{name}.{axis}"] for axis in axes], axis=1)
