"""Poses of the SMPL family in .npz files: AMASS, GRAB in AMASS' form, How2Sign, and video-to-pose
estimators.

SMPL: Loper et al., "SMPL: A Skinned Multi-Person Linear Model" (2015),
https://doi.org/10.1145/2816795.2818013; with hands (SMPL-H): Romero et al., "Embodied Hands"
(2017), https://doi.org/10.1145/3130800.3130883; SMPL-X: Pavlakos et al. (2019),
https://arxiv.org/abs/1904.05866. AMASS: Mahmood et al. (2019), https://arxiv.org/abs/1904.03278.
Poses are rotation vectors, joint by joint. Nothing in a file is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from otolith.core.errors import ReadError
from otolith.core.foreign.arrays import npz, sane
from otolith.data.skeleton import FINGERS, JOINTS, REFERENCE_STATURE_M, SKELETON, reference_offsets
from otolith.motion import rotations
from otolith.motion.formats.frames import lost_note
from otolith.motion.formats.world import up_axis
from otolith.motion.motion import Motion
from otolith.motion.shapes import Point

FACE = ("jaw", "left_eye", "right_eye")
# Numbers per pose -> the joints they turn, in order.
JOINTS_OF: dict[int, tuple[str, ...]] = {
    66: JOINTS[:22],
    72: JOINTS,
    156: (*JOINTS[:22], *FINGERS),
    165: (*JOINTS[:22], *FACE, *FINGERS),
}
_WHOLE = ("poses", "fullpose")
# What different writers call the parts of a pose; the first group's world is z up, a camera's -y is
# up.
_PARTS: dict[str, tuple[str, ...]] = {
    "root": ("root_orient", "global_orient", "smplx_root_pose", "smpl_root_pose"),
    "body": ("pose_body", "body_pose", "smplx_body_pose", "smpl_body_pose"),
    "left hand": ("left_hand_pose", "smplx_lhand_pose"),
    "right hand": ("right_hand_pose", "smplx_rhand_pose"),
}
_PATH = ("trans", "transl", "cam_trans", "smplx_transl")
_RATES = ("mocap_framerate", "mocap_frame_rate", "frame_rate", "framerate", "fps")
_PICKLED = {"body", "obj_name"}
_WIDTH = {"root": (3,), "body": (63, 69), "left hand": (45,), "right hand": (45,)}
# Knuckles as fractions of stature from the wrist, arms spread, palms down: thumb side, outward, up.
# Hand length 0.108 of stature (Drillis and Contini 1966); the fingers' shares after Buryanov and
# Kotiuk (2010).
_KNUCKLES = {
    "index": (0.014, 0.055, 0.0),
    "middle": (0.002, 0.056, 0.002),
    "pinky": (-0.019, 0.047, -0.003),
    "ring": (-0.009, 0.052, 0.0),
    "thumb": (0.014, 0.015, -0.006),
}
_PHALANX = (0.0, 0.0, 0.022, 0.014)


def read_npz(
    path: Path | str,
    model: Path | str | None = None,
    up: str | None = None,
    frame_rate: float | None = None,
    stature_m: float = REFERENCE_STATURE_M,
) -> Motion:
    """Read poses of SMPL (24 joints), SMPL-H (52) or SMPL-X (55), told apart by how many numbers a
    pose has.

    `up` is the file's upward axis: z for whole poses (AMASS, GRAB), -y (a camera's) for poses in
    parts, unless given. Limbs have the lengths of the file's betas where `model` names a SMPL model
    file (.npz) of the user's own, else those of an average body of `stature_m`. `frame_rate`
    overrides the file's.

    Raises ReadError for a file that is none or holds pickled objects, lacks poses or frame rate, or
    has another shape.
    """
    path = Path(path)
    parts = [key for keys in _PARTS.values() for key in keys]
    content = _load(path, {*_WHOLE, *_PATH, *_RATES, "betas", *parts})
    poses, camera = _poses(path, content)
    joints = JOINTS_OF[poses.shape[1]]
    rate_hz = frame_rate or _rate(path, content)
    shift = next((content[key] for key in _PATH if key in content), np.zeros((len(poses), 3)))
    if shift.shape != (len(poses), 3):
        raise ReadError(
            f"{path}: the path has shape {shift.shape}, where {len(poses)} poses need "
            f"({len(poses)}, 3)."
        )
    notes, origin = [], np.zeros(3)
    if model is None:
        offsets = rest_offsets(joints, stature_m)
        notes.append(f"no body model was given: limbs of an average body of {stature_m:.2f} m")
    else:
        places = model_joints(Path(model), np.ravel(content.get("betas", np.zeros(0))), joints)
        origin = places[0]
        offsets = rotations.rotate(up_axis("y"), places - places[_parents(joints)])
    axes = up_axis(up or ("-y" if camera else "z"))
    template = up_axis("y")  # the model at rest stands along y and faces z
    # Joint axes are renamed with the world's; the root also takes the file's upward axis.
    q = rotations.from_axis_angle(poses.reshape(len(poses), -1, 3))
    local = np.concatenate([rotations.rotate(template, q[..., :3]), q[..., 3:]], axis=-1)
    local[:, 0] = rotations.multiply(
        rotations.multiply(axes, q[:, 0]), rotations.conjugate(template)
    )
    finite = np.isfinite(np.concatenate([poses, shift], axis=1)).all(axis=1)
    notes += lost_note(path, ~finite)
    return Motion(
        rotations.unroll(local),
        rotations.rotate(axes, origin + shift),
        rate_hz,
        joints,
        (-1, *_parents(joints)[1:]),
        offsets,
        notes=tuple(notes),
    )


def holds_poses(path: Path) -> bool:
    """Whether an .npz file holds poses, told from the names of its arrays alone.

    A damaged one counts, so that reading it names it; no clip of a folder is lost without a word.
    """
    try:
        with npz(path) as arrays:
            names = set(arrays.names)
    except ReadError:
        return True
    # GRAB's own files keep poses as pickled objects: they count, so that reading them says so.
    parts = all(names & set(_PARTS[part]) for part in ("root", "body"))
    return parts or bool(names & set(_WHOLE)) or names >= _PICKLED


def _load(path: Path, keys: set[str]) -> dict[str, np.ndarray]:
    """The arrays of those names that a file has; nothing is unpickled."""
    if path.suffix.lower() in (".pkl", ".pickle"):
        raise ReadError(
            f"{path} is a pickle, which could run anything when opened; it is never opened here. "
            "Take the .npz of the same model, or convert it once where you trust it: "
            "docs/simulation.md, 'Bodies from a model file'."
        )
    with npz(path) as archive:
        names = set(archive.names)
        if names >= _PICKLED and not names & set(_WHOLE):
            raise ReadError(
                f"{path} is a file of GRAB's own: its poses are pickled objects, which could run "
                "anything and are never opened. Take GRAB from AMASS, or save the poses anew where "
                "you trust them: docs/simulation.md, 'GRAB and How2Sign'."
            )
        # Sizes are held against the packed bytes before anything is unpacked.
        archive.refuse_bomb(sorted(keys & names))
        out = {key: archive.read(key) for key in sorted(keys & names)}
    if not out:
        listed = ", ".join(sorted(names)) or "none"
        raise ReadError(f"{path} holds no poses; its arrays are {listed}.")
    for key, value in out.items():
        if value.dtype.kind not in "fiu":
            raise ReadError(f"{path}: '{key}' holds {value.dtype}, where numbers were expected.")
    return {key: sane(value) for key, value in out.items()}


def _poses(path: Path, content: dict[str, np.ndarray]) -> tuple[Float[np.ndarray, "F K"], bool]:
    """Return the poses, one row each, and whether they are in a camera's axes."""
    key = next((key for key in _WHOLE if key in content), None)
    if key is None:
        return _from_parts(path, content)
    poses = _by_frame(path, key, content[key])
    if poses.shape[1] not in JOINTS_OF:
        raise ReadError(
            f"{path}: '{key}' has shape {content[key].shape}; a pose has "
            f"{', '.join(map(str, JOINTS_OF))} numbers (SMPL, SMPL-H, SMPL-X)."
        )
    return poses, False


def _from_parts(
    path: Path, content: dict[str, np.ndarray]
) -> tuple[Float[np.ndarray, "F K"], bool]:
    named = {p: next((key for key in keys if key in content), "") for p, keys in _PARTS.items()}
    if not named["root"] or not named["body"]:
        raise ReadError(
            f"{path} holds no 'poses', and not both a root and a body pose; found "
            f"{', '.join(content)}."
        )
    if bool(named["left hand"]) != bool(named["right hand"]):
        raise ReadError(f"{path} holds one hand's pose only; give both or none.")
    parts = []
    for part, name in named.items():
        if not name:
            continue
        value = _by_frame(path, name, content[name])
        if value.shape[1] not in _WIDTH[part]:
            raise ReadError(
                f"{path}: '{name}' has {value.shape[1]} numbers per frame, expected "
                f"{_WIDTH[part]}: rotation vectors, not principal components or matrices."
            )
        # SMPL's last two joints are its hands, which SMPL-H turns by the wrist.
        parts.append(value[:, :63] if part == "body" and named["left hand"] else value)
    lengths = [len(part) for part in parts]
    if len(set(lengths)) != 1:
        raise ReadError(f"{path}: the parts of the pose have different lengths: {lengths}.")
    return np.concatenate(parts, axis=1), named["root"] != "root_orient"


def _by_frame(path: Path, name: str, value: np.ndarray) -> Float[np.ndarray, "F K"]:
    if value.ndim < 2 or not value.size:
        raise ReadError(f"{path}: '{name}' has shape {value.shape}; expected a row per frame.")
    return np.asarray(value.reshape(len(value), -1))


def _rate(path: Path, content: dict[str, np.ndarray]) -> float:
    for key in _RATES:
        if key in content and content[key].size == 1 and content[key].item() > 0:
            return float(content[key].item())
    raise ReadError(f"{path} states no frame rate ({' or '.join(_RATES[:2])}). Say frame_rate=...")


def parent_of(joint: str) -> str | None:
    """The joint that carries one of ours, of a hand or of the face; None for the pelvis.

    >>> parent_of("left_index1"), parent_of("left_index2"), parent_of("jaw"), parent_of("pelvis")
    ('left_wrist', 'left_index1', 'head', None)
    """
    if joint in FINGERS:
        number = int(joint[-1])
        return f"{joint[:-1]}{number - 1}" if number > 1 else f"{joint.split('_')[0]}_wrist"
    return SKELETON[joint][0] if joint in SKELETON else "head"


def _parents(joints: tuple[str, ...]) -> list[int]:
    """Index of each joint's parent; the root is its own."""
    return [0 if (parent := parent_of(joint)) is None else joints.index(parent) for joint in joints]


def rest_offsets(
    joints: tuple[str, ...], stature_m: float = REFERENCE_STATURE_M
) -> Float[np.ndarray, "J 3"]:
    """Offsets at rest of an average body's joints, hands and face too, in metres and our axes."""
    body = dict(zip(JOINTS, reference_offsets(stature_m), strict=True))
    hands = {joint: stature_m * _phalanx(joint) for joint in FINGERS if joint in joints}
    return np.array([body.get(joint, hands.get(joint, np.zeros(3))) for joint in joints])


def _phalanx(joint: str) -> Point:
    """From the joint before to a finger's joint, as fractions of stature."""
    side, finger, number = (*joint[:-1].split("_"), int(joint[-1]))
    first = np.array(_KNUCKLES[finger])
    step = first if number == 1 else first / np.linalg.norm(first) * _PHALANX[number]
    return np.asarray(step * np.array([1.0, 1.0 if side == "left" else -1.0, 1.0]))


@dataclass(frozen=True, eq=False)
class BodyModel:
    """A user's model file of the SMPL family: the shapes of many bodies, y up, in metres."""

    path: Path
    """The file."""
    joints: tuple[str, ...]
    """Names of its joints."""
    vertices: Float[np.ndarray, "V 3"]
    """The mean body's skin."""
    shapes: Float[np.ndarray, "V 3 B"]
    """How far each point moves for a beta of 1: shapes alone, without the expressions of a face."""
    regressor: Float[np.ndarray, "J V"]
    """Joints as means of points."""
    weights: Float[np.ndarray, "V J"] | None = None
    """By how much each point follows each joint; None where the file leaves it out."""
    faces: Int[np.ndarray, "K 3"] | None = None
    """Triangles; None where the file leaves them out."""

    def skin(self, betas: Float[np.ndarray, " K"]) -> Float[np.ndarray, "V 3"]:
        """The skin of the body of these betas at rest; what is beyond the model's directions is
        left out."""
        used = min(len(betas), self.shapes.shape[2])
        return np.asarray(self.vertices + self.shapes[:, :, :used] @ betas[:used])

    def places(self, betas: Float[np.ndarray, " K"]) -> Float[np.ndarray, "J 3"]:
        """Where the joints of the body of these betas are at rest."""
        return np.asarray(self.regressor @ self.skin(betas))


# Joints -> directions in shapedirs -> how many of them are shapes: SMPL-X files carry a face's
# expressions behind.
_SHAPES = {55: {20: 10, 400: 300}}


def read_model(path: Path | str) -> BodyModel:
    """Read a SMPL, SMPL-H or SMPL-X model file (.npz) of the user's own; nothing is unpickled.

    Needs v_template, shapedirs and J_regressor; weights, f and kintree_table are read where they
    are. Raises ReadError where something is missing, pickled, or does not fit, with a way to
    convert where the file is a pickle (.pkl).
    """
    path, needed = Path(path), {"v_template", "shapedirs", "J_regressor"}
    content = _load(path, needed | {"kintree_table", "weights", "f"})
    if missing := ", ".join(sorted(needed - content.keys())):
        raise ReadError(f"{path} lacks {missing}: it is no SMPL model file.")
    by_count = {len(joints): joints for joints in JOINTS_OF.values() if len(joints) != 22}
    regressor, shapes = content["J_regressor"], content["shapedirs"]
    if regressor.ndim != 2 or len(regressor) not in by_count:
        raise ReadError(
            f"{path} has {len(regressor)} joints; SMPL has 24, SMPL-H 52 and SMPL-X 55."
        )
    joints = by_count[len(regressor)]
    if wrong := _misfit(content, joints):
        raise ReadError(f"{path}: {wrong}.")
    count = _SHAPES.get(len(joints), {}).get(shapes.shape[2], shapes.shape[2])
    faces = content["f"].astype(np.int64) if "f" in content else None
    vertices, weights = content["v_template"], content.get("weights")
    return BodyModel(path, joints, vertices, shapes[:, :, :count], regressor, weights, faces)


def _misfit(content: Mapping[str, np.ndarray], joints: tuple[str, ...]) -> str:
    """What does not fit among the arrays of a model file; nothing where all do."""
    vertices, shapes, regressor = (content[k] for k in ("v_template", "shapedirs", "J_regressor"))
    faces, table = content.get("f", np.zeros((0, 3))), content.get("kintree_table")
    fits = (
        shapes.ndim == 3
        and vertices.shape == shapes.shape[:2] == (regressor.shape[1], 3)
        and content.get("weights", regressor.T).shape == regressor.T.shape
        and faces.shape[1:] == (3,)
    )
    if not fits:
        return "v_template, shapedirs, J_regressor, weights and f do not fit one another"
    if table is not None and list(np.ravel(np.atleast_2d(table)[:1])[1:]) != _parents(joints)[1:]:
        return "its joints hang on one another otherwise than in SMPL: it is another model"
    if not np.isin(faces, np.arange(len(vertices))).all():
        return f"f does not name three of its {len(vertices)} points for each triangle"
    return ""


def model_joints(
    path: Path, betas: Float[np.ndarray, " K"], joints: tuple[str, ...]
) -> Float[np.ndarray, "J 3"]:
    """Where the joints of a SMPL model file are at rest for a body's shape, in the model's axes (y
    up), in metres.

    That is J (v + S betas). Raises ReadError as `read_model` does, and where the model has not the
    joints that the poses turn.
    """
    model = read_model(path)
    if not set(joints) <= set(model.joints):
        raise ReadError(
            f"{path} has {len(model.joints)} joints, the poses turn {len(joints)}: take another."
        )
    return np.asarray(model.places(betas)[[model.joints.index(joint) for joint in joints]])
