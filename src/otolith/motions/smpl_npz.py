"""Poses of the SMPL family in .npz files: AMASS, GRAB in AMASS' form, How2Sign, and video-to-pose estimators.

SMPL: Loper et al., "SMPL: A Skinned Multi-Person Linear Model" (2015), https://doi.org/10.1145/2816795.2818013; with
hands (SMPL-H): Romero et al., "Embodied Hands" (2017), https://doi.org/10.1145/3130800.3130883; SMPL-X: Pavlakos et al.
(2019), https://arxiv.org/abs/1904.05866. AMASS: Mahmood et al. (2019), https://arxiv.org/abs/1904.03278. Poses are
rotation vectors, joint by joint. Nothing in a file is ever unpickled.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith import rotations
from otolith.errors import ReadError
from otolith.motion import FINGERS, JOINTS, REFERENCE_STATURE_M, SKELETON, Motion, reference_offsets
from otolith.motions.world import up_axis

FACE = ("jaw", "left_eye", "right_eye")
# Numbers per pose -> the joints they turn, in order.
JOINTS_OF: dict[int, tuple[str, ...]] = {
    66: JOINTS[:22],
    72: JOINTS,
    156: (*JOINTS[:22], *FINGERS),
    165: (*JOINTS[:22], *FACE, *FINGERS),
}
_WHOLE = ("poses", "fullpose")
# What different writers call the parts of a pose; the first group's world is z up, a camera's -y is up.
_PARTS: dict[str, tuple[str, ...]] = {
    "root": ("root_orient", "global_orient", "smplx_root_pose", "smpl_root_pose"),
    "body": ("pose_body", "body_pose", "smplx_body_pose", "smpl_body_pose"),
    "left hand": ("left_hand_pose", "smplx_lhand_pose"),
    "right hand": ("right_hand_pose", "smplx_rhand_pose"),
}
_PATH = ("trans", "transl", "cam_trans", "smplx_transl")
_RATES = ("mocap_framerate", "mocap_frame_rate", "frame_rate", "framerate", "fps")
_WIDTH = {"root": (3,), "body": (63, 69), "left hand": (45,), "right hand": (45,)}
# Knuckles as fractions of stature from the wrist, arms spread, palms down: thumb side, outward, up. Hand length 0.108
# of stature (Drillis and Contini 1966); the fingers' shares after Buryanov and Kotiuk (2010).
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
    """Read poses of SMPL (24 joints), SMPL-H (52) or SMPL-X (55), told apart by how many numbers a pose has.

    `up` is the file's upward axis: z for whole poses (AMASS, GRAB), -y (a camera's) for poses in parts, unless given.
    Limbs have the lengths of the file's betas where `model` names a SMPL model file (.npz) of the user's own, else
    those of an average body of `stature_m`. `frame_rate` overrides the file's.

    Raises ReadError for a file that is none or holds pickled objects, lacks poses or frame rate, or has another shape.
    """
    path = Path(path)
    content = _load(path, {*_WHOLE, *_PATH, *_RATES, "betas", *(key for part in _PARTS.values() for key in part)})
    poses, camera = _poses(path, content)
    joints = JOINTS_OF[poses.shape[1]]
    rate_hz = frame_rate or _rate(path, content)
    shift = next((content[key] for key in _PATH if key in content), np.zeros((len(poses), 3)))
    if shift.shape != (len(poses), 3):
        raise ReadError(f"{path}: the path has shape {shift.shape}, where {len(poses)} poses need ({len(poses)}, 3).")
    notes = []
    origin = np.zeros(3)
    if model is None:
        offsets = rest_offsets(joints, stature_m)
        notes.append(f"no body model was given: limbs are those of an average body of {stature_m:.2f} m")
    else:
        places = model_joints(Path(model), np.ravel(content.get("betas", np.zeros(0))), joints)
        origin = places[0]
        offsets = rotations.rotate(up_axis("y"), places - places[_parents(joints)])
    axes = up_axis(up or ("-y" if camera else "z"))
    template = up_axis("y")  # the model at rest stands along y and faces z
    q = rotations.from_axis_angle(poses.reshape(len(poses), -1, 3))
    local = np.concatenate([rotations.rotate(template, q[..., :3]), q[..., 3:]], axis=-1)
    local[:, 0] = rotations.multiply(rotations.multiply(axes, q[:, 0]), rotations.conjugate(template))
    root = rotations.rotate(axes, origin + shift)
    if lost := int((~np.isfinite(poses).all(axis=1) | ~np.isfinite(shift).all(axis=1)).sum()):
        notes.append(f"{lost} frames with numbers that are not finite are gaps")
    if lost == len(poses):
        raise ReadError(f"{path}: none of its {lost} frames is finite; there is nothing to read.")
    parents = (-1, *_parents(joints)[1:])
    return Motion(rotations.unroll(local), root, rate_hz, joints, parents, offsets, notes=tuple(notes))


def holds_poses(path: Path) -> bool:
    """Whether an .npz file holds poses, told from the names of its arrays alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError):
        return False
    return bool(names & set(_WHOLE)) or all(names & set(_PARTS[part]) for part in ("root", "body"))


def _load(path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    try:
        # Opened here, as numpy leaves a file open that turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            keys = set(archive.files)
            out = {key: _array(path, archive, key) for key in sorted(wanted & keys)}
    except (OSError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise ReadError(f"{path} is no .npz file, or damaged: {error}. Get it again.") from error
    except ValueError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path} is no .npz file: {error}.") from error
    if not out:
        raise ReadError(f"{path} holds no poses; its arrays are {', '.join(sorted(keys)) or 'none'}.")
    return out


def _array(path: Path, archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    try:
        value = np.asarray(archive[key])
    except ValueError as error:
        raise ReadError(
            f"{path}: '{key}' is a pickled object, which could run anything; it is never opened. Save the arrays "
            f"themselves: np.savez(..., {key}=np.asarray(..., dtype=float))."
        ) from error
    if value.dtype.kind not in "fiu":
        raise ReadError(f"{path}: '{key}' holds {value.dtype}, where numbers were expected.")
    return value.astype(np.float64)


def _poses(path: Path, content: dict[str, np.ndarray]) -> tuple[Float[np.ndarray, "F K"], bool]:
    """Return the poses, one row each, and whether they are in a camera's axes."""
    for key in _WHOLE:
        if key in content:
            poses = content[key]
            poses = poses.reshape(len(poses), -1) if poses.ndim == 3 else poses
            if poses.ndim != 2 or poses.shape[1] not in JOINTS_OF or not len(poses):
                raise ReadError(
                    f"{path}: '{key}' has shape {content[key].shape}; a pose has "
                    f"{', '.join(map(str, JOINTS_OF))} numbers (SMPL without and with hands, SMPL-H, SMPL-X)."
                )
            return poses, False
    found = {part: next((key for key in keys if key in content), None) for part, keys in _PARTS.items()}
    if found["root"] is None or found["body"] is None:
        raise ReadError(f"{path} holds no 'poses', and not both a root and a body pose; found {', '.join(content)}.")
    parts = []
    for part, name in found.items():
        if name is None:
            continue
        value = content[name].reshape(len(content[name]), -1)
        if value.shape[1] not in _WIDTH[part]:
            raise ReadError(
                f"{path}: '{name}' has {value.shape[1]} numbers per frame, expected {_WIDTH[part]}: rotation vectors, "
                "not principal components or matrices."
            )
        # SMPL's last two joints are its hands, which SMPL-H turns by the wrist.
        parts.append(value[:, :63] if part == "body" and found["left hand"] else value)
    if len({len(part) for part in parts}) != 1:
        raise ReadError(f"{path}: the parts of the pose have different lengths: {[len(part) for part in parts]}.")
    if len(parts) == 3:
        raise ReadError(f"{path} holds one hand's pose only; give both or none.")
    return np.concatenate(parts, axis=1), found["root"] != "root_orient"


def _rate(path: Path, content: dict[str, np.ndarray]) -> float:
    for key in _RATES:
        if key in content and content[key].size == 1 and content[key].item() > 0:
            return float(content[key].item())
    raise ReadError(f"{path} states no frame rate ({' or '.join(_RATES[:2])}). Say frame_rate=...")


def _parents(joints: tuple[str, ...]) -> list[int]:
    """Index of each joint's parent; the root is its own."""
    out: list[int] = []
    for joint in joints:
        parent = SKELETON[joint][0] if joint in SKELETON else "head"
        if joint in FINGERS:
            number = int(joint[-1])
            parent = f"{joint[:-1]}{number - 1}" if number > 1 else f"{joint.split('_')[0]}_wrist"
        out.append(0 if parent is None else joints.index(parent))
    return out


def rest_offsets(joints: tuple[str, ...], stature_m: float = REFERENCE_STATURE_M) -> Float[np.ndarray, "J 3"]:
    """Offsets at rest of an average body's joints, hands and face included, in metres and our axes."""
    body = reference_offsets(stature_m)
    out = np.zeros((len(joints), 3))
    for index, joint in enumerate(joints):
        if joint in JOINTS:
            out[index] = body[JOINTS.index(joint)]
        elif joint in FINGERS:
            side, finger, number = (*joint[:-1].split("_"), joint[-1])
            sign = np.array([1.0, 1.0 if side == "left" else -1.0, 1.0])
            first = np.array(_KNUCKLES[finger])
            step = first if number == "1" else first / np.linalg.norm(first) * _PHALANX[int(number)]
            out[index] = stature_m * sign * step
    return out


def model_joints(path: Path, betas: Float[np.ndarray, " K"], joints: tuple[str, ...]) -> Float[np.ndarray, "J 3"]:
    """Where the joints of a SMPL model file are at rest for a body's shape, in the model's axes (y up), in metres.

    Reads v_template, shapedirs, J_regressor and kintree_table of a .npz that the user owns: J (v + S betas). Raises
    ReadError where one is missing, pickled, or the model has not the joints that the poses turn.
    """
    content = _load(path, {"v_template", "shapedirs", "J_regressor", "kintree_table"})
    if missing := {"v_template", "shapedirs", "J_regressor"} - content.keys():
        raise ReadError(f"{path} lacks {', '.join(sorted(missing))}: it is no SMPL model file.")
    vertices, shapes, regressor = content["v_template"], content["shapedirs"], content["J_regressor"]
    names = next((known for known in JOINTS_OF.values() if len(known) == len(regressor)), None)
    if names is None or not set(joints) <= set(names):
        raise ReadError(f"{path} has {len(regressor)} joints, the poses turn {len(joints)}: take the model they name.")
    if regressor.shape[1] != len(vertices) or shapes.shape[:2] != vertices.shape:
        raise ReadError(f"{path}: v_template, shapedirs and J_regressor do not fit one another.")
    used = min(len(betas), shapes.shape[2])
    places = regressor @ (vertices + shapes[:, :, :used] @ betas[:used])
    return np.asarray(places[[names.index(joint) for joint in joints]])
