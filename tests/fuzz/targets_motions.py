"""Every format of motion capture, what stands beside a clip, and body models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.target import Target


def _walk() -> Any:
    from otolith.motion.procedural.procedural import make

    return make("walking", seconds=3.0, rate_hz=20.0)


def _read(given: Path, out: Path, harmed: str) -> Any:
    """All clips of a folder, as a simulation finds them."""
    from otolith.motion.formats import find, read

    return [_told(read(path)) for path in find(given)]


def _told(motion: Any) -> Any:
    if (
        not 0 < motion.rate_hz < np.inf
        or np.isinf(motion.rotations).any()
        or np.isinf(motion.root).any()
    ):
        raise AssertionError(f"a motion at {motion.rate_hz} Hz, or with places that are infinite")
    return motion


def _bvh(folder: Path) -> None:
    from bvh_writer import write_bvh

    write_bvh(_walk(), folder / "walk.bvh")


def _amc(folder: Path) -> None:
    from otolith.motion.formats.asf_amc import read_amc  # noqa: F401

    bones = [
        ("lhipjoint", "root", "0.6 -0.7 0.3", 2.4, ""), ("lfemur", "lhipjoint", "0.34 -0.94 0", 7.4, "rx ry rz"),
        ("ltibia", "lfemur", "0.34 -0.94 0", 7.6, "rx"), ("lfoot", "ltibia", "0 -0.2 1", 2.0, "rx "
                                                                                              "rz"),
        ("ltoes", "lfoot", "0 0 1", 1.0, "rx"),
        ("rhipjoint", "root", "-0.6 -0.7 0.3", 2.4, ""), ("rfemur", "rhipjoint", "-0.34 -0.94 0", 7.4, "rx ry rz"),
        ("rtibia", "rfemur", "-0.34 -0.94 0", 7.6, "rx"), ("rfoot", "rtibia", "0 -0.2 1", 2.0, "rx "
                                                                                               "rz"),
        ("rtoes", "rfoot", "0 0 1", 1.0, "rx"),
        ("lowerback", "root", "0 1 0", 2.0, "rx ry rz"), ("upperback", "lowerback", "0 1 0", 2.0, "rx ry rz"),
        ("thorax", "upperback", "0 1 0", 2.0, "rx ry rz"), ("lowerneck", "thorax", "0 1 0", 1.6, "rx ry rz"),
        ("upperneck", "lowerneck", "0 1 0", 1.6, "rx ry rz"), ("head", "upperneck", "0 1 0", 1.6, "rx ry rz"),
        ("lclavicle", "thorax", "0.9 0.4 0", 3.5, "ry rz"), ("lhumerus", "lclavicle", "1 0 0", 5.0, "rx ry rz"),
        ("lradius", "lhumerus", "1 0 0", 3.4, "rx"), ("lwrist", "lradius", "1 0 0", 1.7, "ry"),
        ("lhand", "lwrist", "1 0 0", 0.7, "rx rz"),
        ("rclavicle", "thorax", "-0.9 0.4 0", 3.5, "ry rz"),
        ("rhumerus", "rclavicle", "-1 0 0", 5.0, "rx ry rz"),
        ("rradius", "rhumerus", "-1 0 0", 3.4, "rx"), ("rwrist", "rradius", "-1 0 0", 1.7, "ry"),
        ("rhand", "rwrist", "-1 0 0", 0.7, "rx rz"),
    ]  # fmt: skip
    asf = [":version 1.10", ":name test", ":units", "  mass 1.0", "  length 0.45", "  angle deg", ":root",
           "  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0", "  orientation 0 0 0",
           ":bonedata"]  # fmt: skip
    for number, (name, _, direction, length, dof) in enumerate(bones, 1):
        asf += ["  begin", f"    id {number}", f"    name {name}", f"    direction {direction}", f"    length {length}",
                "    axis 0 0 0 XYZ", *([f"    dof {dof}"] if dof else []), "  end"]  # fmt: skip
    asf += [":hierarchy", "  begin"]
    for parent in dict.fromkeys(bone[1] for bone in bones):
        asf.append(f"    {parent} {' '.join(bone[0] for bone in bones if bone[1] == parent)}")
    (folder / "07.asf").write_text("\n".join([*asf, "  end"]) + "\n")
    amc = ["#!OML:ASF x", ":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(1, 13):
        amc += [str(frame), f"root {frame / 10:.3f} 17 0 0 {frame} 0"]
        amc += [
            f"{name} {' '.join(f'{frame % 5 + i:.3f}' for i in range(len(dof.split())))}"
            for name, _, _, _, dof in bones
            if dof
        ]
    (folder / "07_01.amc").write_text("\n".join(amc) + "\n")
    (folder / "index_text.tsv").write_text("07_01\twalk\n07_02\trun/jog\n")


def _vectors(motion: Any, up: str) -> tuple[np.ndarray, np.ndarray]:
    from otolith.motion import rotations
    from otolith.motion.formats.world import up_axis

    template, to_file = up_axis("y"), rotations.conjugate(up_axis(up))
    back = rotations.rotate(rotations.conjugate(template), motion.rotations[..., :3])
    q = np.concatenate([back, motion.rotations[..., 3:]], axis=-1)
    q[:, 0] = rotations.multiply(rotations.multiply(to_file, motion.rotations[:, 0]), template)
    return rotations.to_axis_angle(q), rotations.rotate(to_file, motion.root)


def _smpl(folder: Path) -> None:
    motion = _walk()
    vectors, trans = _vectors(motion, "z")
    poses = np.zeros((len(vectors), 156))
    poses[:, :66] = vectors[:, :22].reshape(len(vectors), -1)
    named = {"poses": poses, "trans": trans, "betas": np.zeros(16), "gender": np.array("female")}
    np.savez(folder / "walk_poses.npz", **named, mocap_framerate=np.array(20.0))
    np.savez_compressed(folder / "run_poses.npz", **named, mocap_framerate=np.array(20.0))


def _grab(folder: Path) -> None:
    motion = _walk()
    vectors, trans = _vectors(motion, "z")
    whole = np.zeros((len(vectors), 55, 3))
    whole[:, :22] = vectors[:, :22]
    (folder / "GRAB" / "s1").mkdir(parents=True)
    path = folder / "GRAB" / "s1" / "airplane_fly_1_poses.npz"
    np.savez(
        path, poses=whole.reshape(len(whole), -1), trans=trans, mocap_frame_rate=np.array(20.0)
    )


def _how2sign(folder: Path) -> None:
    motion = _walk()
    vectors, _ = _vectors(motion, "-y")
    flat = vectors.reshape(len(vectors), -1)
    hands = {f"smplx_{side}hand_pose": np.zeros((len(vectors), 45)) for side in "lr"}
    name = "--7E2sU6zP4_10-5-rgb_front"
    (folder / "poses").mkdir(parents=True)
    np.savez(
        folder / "poses" / f"{name}.npz",
        smplx_root_pose=flat[:, :3],
        smplx_body_pose=flat[:, 3:66],
        **hands,
    )
    head = (
        "VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED\tSENTENCE"
    )
    row = (
        f'--7E2sU6zP4\t--7E2sU6zP4-5-rgb_front\t--7E2sU6zP4_10\t{name}\t1.0\t2.0\tso "here" we are'
    )
    (folder / "poses" / "motion.toml").write_text("frame_rate = 20.0\n")
    (folder / "how2sign_realigned_train.csv").write_text(f"{head}\n{row}\n", encoding="utf-8")


def _positions(names: tuple[str, ...]) -> np.ndarray:
    return np.asarray(_walk().forward([name or "head" for name in names])[0][..., [1, 2, 0]])


def _npy(folder: Path) -> None:
    from otolith.data.skeleton import JOINTS

    np.save(folder / "walk.npy", _positions(JOINTS[:22]).astype(np.float32))


def _mm_fit(folder: Path) -> None:
    from otolith.data.skeleton import MM_FIT

    places = _walk().forward([name or "head" for name in MM_FIT])[0] * 1000.0
    array = np.zeros((3, len(places), 18))
    array[:, :, 1:] = places.transpose(2, 0, 1)
    array[:, :, 0] = np.arange(len(places))
    np.save(folder / "w00_pose_3d.npy", array)


def _kinect(folder: Path) -> None:
    from scipy.io import savemat

    from otolith.data.skeleton import KINECT

    places = _positions(KINECT).transpose(1, 2, 0)
    for name, packed in (("a1_s1_t1_skeleton", True), ("a22_s2_t1_skeleton", False)):
        savemat(folder / f"{name}.mat", {"d_skel": places}, do_compression=packed)


def _sidecar(folder: Path) -> None:
    _bvh(folder)
    told = 'frame_rate = 20.0\nunit = "cm"\nup = "y"\nlabel = "walking"\ntext = "a walk"\nperformer = "p1"\n'
    (folder / "walk.motion.toml").write_text(
        told + 'check_up = true\n[joints]\n"left_hand" = "left_hand"\n'
    )
    (folder / "motion.toml").write_text(
        'source = "here"\nterms = "ours"\nsplit = "train"\nformat = "bvh"\n'
    )


def _model(folder: Path) -> None:
    from box_body import write

    from otolith.motion.formats.smpl_npz import JOINTS_OF

    _smpl(folder)
    (folder / "run_poses.npz").unlink()
    write(folder / "model.npz", JOINTS_OF[156])


def _with_model(given: Path, out: Path, harmed: str) -> Any:
    from otolith.motion.formats import read

    return _told(read(given / "walk_poses.npz", body_model=given / "model.npz"))


def _broad(folder: Path) -> None:
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    quaternions = rng.normal(size=(60, 4))
    arrays = {
        "imu_acc": rng.normal(size=(60, 3)), "imu_gyr": rng.normal(size=(60, 3)),
        "opt_quat": quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True),
        "opt_pos": rng.normal(size=(60, 3)), "movement": np.ones((60, 1)), "sampling_rate": np.array([[285.7]]),
    }  # fmt: skip
    savemat(folder / "01.mat", arrays)
    savemat(folder / "02.mat", arrays, do_compression=True)


def _read_broad(given: Path, out: Path, harmed: str) -> Any:
    from paired_sets import read_broad

    return read_broad(given / harmed)


def _gaitmap(folder: Path) -> None:
    rng = np.random.default_rng(0)
    names = [("left_sensor", f"{what}_{axis}") for what in ("acc", "gyr") for axis in "xyz"]
    marks = [(f"L_{name}", axis) for name in ("TOE", "FCC", "FM5") for axis in "xyz"]
    for file, columns, count in (("imu_sample", names, 80), ("mocap_sample", marks, 40)):
        lines = [",".join(part) for part in zip(*columns, strict=True)]
        lines += [
            ",".join(f"{v:.4f}" for v in row) for row in rng.normal(size=(count, len(columns)))
        ]
        (folder / f"{file}.csv").write_text("\n".join(lines) + "\n")


def _read_gaitmap(given: Path, out: Path, harmed: str) -> Any:
    from paired_sets import read_gaitmap

    return read_gaitmap(given, "left")


def _one(
    name: str,
    write: Callable[[Path], None],
    covers: str,
    promise: str = "rest",
    harmed: tuple[str, ...] = ("*",),
    **more: Any,
) -> Target:
    return Target(
        f"motion_{name}",
        write,
        more.pop("read", _read),
        (f"motion format {covers}",),
        promise,
        harmed,
        **more,
    )  # type: ignore[arg-type]


TARGETS = (
    _one("bvh", _bvh, "bvh"),
    _one("amc", _amc, "amc"),
    _one("smpl", _smpl, "smpl", "checked"),
    _one("grab", _grab, "smpl", "checked", ("GRAB/s1/*",)),
    _one("how2sign", _how2sign, "smpl", "rest", ("poses/*", "*.csv")),
    _one("npy", _npy, "positions"),
    _one("mm_fit", _mm_fit, "positions"),
    _one("kinect", _kinect, "positions"),
    _one("sidecar", _sidecar, "bvh", harmed=("*.toml",)),
    Target("paired_broad", _broad, _read_broad, factors=()),
    Target("paired_gaitmap", _gaitmap, _read_gaitmap, factors=()),
    _one("model", _model, "smpl", "rest", ("model.npz",), read=_with_model),
)
