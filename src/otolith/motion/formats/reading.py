"""One file of motion capture -> Motion, whatever its format; and all that a folder holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import numpy as np

from otolith.core.errors import DataError, ReadError, UnknownNameError, nearest
from otolith.core.settings import configure
from otolith.motion.formats import FAMILY, joint_positions, smpl_npz
from otolith.motion.formats.asf_amc import read_amc
from otolith.motion.formats.bvh import read_bvh
from otolith.motion.formats.jumps import without_jumps
from otolith.motion.formats.layouts import About, known_layout, sidecar
from otolith.motion.formats.skeleton import stature_m, to_body
from otolith.motion.formats.world import check_stature, check_up, metres, tilt_deg
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import PROCEDURAL, make

BVH_UNIT, BVH_UP = "cm", "y"
"""What BVH files mean as a rule; the stature is checked."""


def bvh(path: Path, about: About) -> Motion:
    """BVH: centimetres and y up unless stated."""
    return read_bvh(path, metres(about.unit or BVH_UNIT), about.up or BVH_UP, about.frame_rate)


def amc(path: Path, about: About) -> Motion:
    """ASF/AMC: the unit that the skeleton states, y up, 120 Hz unless stated."""
    scale = metres(about.unit) if about.unit else None
    return read_amc(path, None, scale, about.up or "y", about.frame_rate)


def smpl(path: Path, about: About) -> Motion:
    """Poses of SMPL, SMPL-H and SMPL-X: AMASS, GRAB, and what video-to-pose estimators write."""
    model = None if about.body_model is None else path.parent / about.body_model
    return smpl_npz.read_npz(path, model, about.up, about.frame_rate)


def positions(path: Path, about: About) -> Motion:
    """Positions of joints: HumanML3D, Kinect, MM-Fit."""
    scale = metres(about.unit) if about.unit else None
    reader = joint_positions.read_mat if path.suffix.lower() == ".mat" else joint_positions.read_npy
    return reader(path, up=about.up, frame_rate=about.frame_rate, scale=scale)


def procedural(path: Path, about: About) -> Motion:
    """A motion that the project makes itself, by the name of its activity: "procedural:walking"."""
    name, rate_hz = str(path).removeprefix("procedural:"), about.frame_rate or 100.0
    return make(name, rate_hz=rate_hz, performer=about.performer)


_BY_SUFFIX = {
    ".bvh": "bvh", ".amc": "amc", ".npz": "smpl", ".npy": "positions", ".mat": "positions",
}  # fmt: skip
_PICKLED = (".pkl", ".pickle", ".pt", ".pth")
_UNIT = {"bvh": BVH_UNIT, "amc": "cmu", "positions": "m"}
"""Format -> the unit that its files are in unless stated; the stature is held against it."""


class Said(TypedDict, total=False):
    """What a caller may say of a clip: the fields of `About` that are not its collection's."""

    format: str | None
    frame_rate: float | None
    unit: str | None
    up: str | None
    text: str | None
    label: str | None
    performer: str | None
    joints: Mapping[str, str] | None
    body_model: Path | str | None
    check_up: bool | None


def read(
    path: Path | str,
    *,
    skeleton: Literal["body", "file"] = "body",
    mend: bool = True,
    **said: Unpack[Said],
) -> Motion:
    """Read a clip of motion capture, whatever its format, or a procedural one:
    ``read("procedural:walking")``.

    What is said here (`otolith.motion.formats.layouts.About` has a sentence on each) overrides what
    stands in a sidecar file (walk.motion.toml, or motion.toml for a folder), and that what the file
    and its collection say. `skeleton` "body" gives our 24 joints,
    ready for sensors, "file" the file's own. `body_model` is a SMPL model file (.npz) of your own,
    for limbs as long as the poses' betas say. The world is z up, lengths are metres; `Motion.notes`
    tells what was repaired. Where the body jumps from one frame to the next, as from a calibration
    pose into the movement, a gap of one frame is put unless `mend` is False.

    Raises ConfigError for settings that do not fit, ReadError for a damaged file, UnitError where
    the skeleton is no body in its unit, DataError where it does not stand in its axes,
    UnknownNameError for formats, units, axes and joints that are not known.
    """
    made = str(path).startswith("procedural:") or str(path) in PROCEDURAL
    path = Path(path)
    about = configure(About, {name: v for name, v in said.items() if v is not None}, "read()")
    if about.body_model is not None:
        about = replace(about, body_model=os.path.realpath(about.body_model))
    # What the caller says goes before the sidecar, and that before what the collection tells.
    if not made:
        about = about.over(sidecar(path)).over(known_layout(path))
    kind = "procedural" if made else _kind(path, about)
    try:
        motion = FAMILY.resolve(kind)(path, about)
        if motion.frames < 2:
            raise ReadError(f"{path} holds {motion.frames} frame; a motion needs at least two.")
        body = _on_our_joints(path, kind, motion, about)
    except np.linalg.LinAlgError as error:
        raise DataError(
            f"{path}: its skeleton has no shape ({error}): bones without length, or absurd numbers."
        ) from error
    chosen = body if skeleton == "body" else motion
    return _described(chosen if made or not mend else without_jumps(chosen), path, about)


def _kind(path: Path, about: About) -> str:
    """The format of a file that is there, by its suffix or as stated."""
    suffix = path.suffix.lower()
    if suffix in _PICKLED:
        raise ReadError(
            f"{path} holds pickled objects, which could run anything when opened; it is never "
            "opened here. Save its arrays where you trust it: np.savez('clip.npz', poses=..., "
            "trans=..., mocap_framerate=...)."
        )
    kind = about.format or _BY_SUFFIX.get(suffix, "")
    if kind not in FAMILY:
        raise UnknownNameError(
            f"{path}: no reader knows '{kind or path.suffix}'.{nearest(kind, FAMILY)} "
            f"Say format=... ({', '.join(FAMILY)})."
        )
    if not path.is_file():
        raise ReadError(f"{path} is not there, or is no file.")
    return kind


def _on_our_joints(path: Path, kind: str, motion: Motion, about: About) -> Motion:
    """The motion on our joints, held against a human body's size and posture."""
    try:
        body = motion if kind in ("procedural", "positions") else to_body(motion, about.joints)
    except DataError as error:
        raise ReadError(f"{path}: {error}") from error
    # Poses of SMPL have no unit: they are angles, and paths in metres.
    if kind in _UNIT:
        check_stature(str(path), stature_m(body), about.unit or _UNIT[kind])
    if about.check_up is not False and kind != "procedural":
        check_up_of(str(path), body, about.up or "as the format has it")
    return body


def check_up_of(name: str, motion: Motion, up: str) -> None:
    """Raise DataError where the head of our skeleton is not above its feet for half of a clip."""
    check_up(name, tilt_deg(motion, "head", ("left_ankle", "right_ankle")), up)


def _described(motion: Motion, path: Path, about: About) -> Motion:
    """The motion with what is known beside it, which goes before what its file says."""
    names = ("label", "text", "performer", "clip", "group", "source", "terms", "split")
    known = {name: getattr(about, name) or getattr(motion, name) for name in names}
    known["clip"] = known["clip"] or path.stem
    known["source"] = known["source"] or path.suffix.lower().lstrip(".")
    return replace(motion, **known)


def find(folder: Path | str) -> list[Path]:
    """All clips under a folder that `read` can read, sorted; the file itself where it is one.

    An .npz or .npy counts only if it holds poses, or is damaged. Raises ReadError where nothing is
    found.
    """
    folder = Path(folder)
    if folder.is_file():
        return [folder]
    clips = [path for path in sorted(folder.rglob("*")) if path.is_file() and _holds_motion(path)]
    if not clips:
        pickles = (p.name for p in folder.rglob("*") if p.suffix.lower() in _PICKLED)
        pickled = next(pickles, "")
        raise ReadError(
            f"{folder} holds no motion capture: {', '.join(_BY_SUFFIX)} were looked for in all its "
            "folders."
            + (f" Pickles such as {pickled} are never opened: docs/simulation.md." * bool(pickled))
        )
    return clips


def _holds_motion(path: Path) -> bool:
    kind = _BY_SUFFIX.get(path.suffix.lower())
    if kind == "smpl":
        return smpl_npz.holds_poses(path)
    return joint_positions.holds_positions(path) if kind == "positions" else kind is not None
