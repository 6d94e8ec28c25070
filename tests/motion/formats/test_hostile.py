"""Motion files that lie: absurd counts, sizes and numbers end in our own errors or in gaps, never
in memory or nan."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bvh_writer import write_bvh

from otolith.core.errors import ConfigError, DataError, OtolithError, ReadError
from otolith.motion.formats import find, read
from otolith.motion.formats.asf_amc import read_amc
from otolith.motion.formats.bvh import read_bvh
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import make

HEAD = "HIERARCHY\nROOT hips\n{\n OFFSET 0 0 0\n CHANNELS 3 Xposition Yposition Zposition\n"


def bvh(hierarchy: str, motion: str = "Frames: 2\nFrame Time: 0.01\n0 0 0\n0 0 0\n") -> str:
    return f"{hierarchy}\nMOTION\n{motion}"


@pytest.mark.parametrize(
    "text",
    [
        bvh(HEAD + "}", "Frames: 1000000000000\nFrame Time: 0.01\n0 0 0\n"),
        bvh(HEAD + "}", "Frames: inf\nFrame Time: 0.01\n0 0 0\n"),
        bvh(HEAD + "}", "Frames: nan\nFrame Time: 0.01\n0 0 0\n"),
        bvh(HEAD + "}", "Frames: -5\nFrame Time: 0.01\n0 0 0\n"),
        bvh(HEAD + "}", "Frames: 2\nFrame Time: 1e-300\n0 0 0\n0 0 0\n"),
        bvh("HIERARCHY\nOFFSET 0 0 0"),
        bvh("HIERARCHY\n{\n}"),
        bvh("HIERARCHY\nCHANNELS 0"),
        bvh(HEAD.replace("0 0 0", "1e300 0 0") + "}"),
        bvh(HEAD.replace("0 0 0", "nan 0 0") + "}"),
        bvh(HEAD + "JOINT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n" * 5000 + "}" * 5001),
        bvh(
            HEAD + "JOINT a\n{\nOFFSET 0 1 0\n}\n" * 1900 + "}",
            "Frame Time: 0.01\n" + "0 0 0\n" * 30_000,
        ),
        bvh(HEAD + "End Site\n{\nOFFSET 0 0 0\nJOINT b\n{\nOFFSET 0 0 0\nCHANNELS 0\n}\n}\n}"),
        bvh(HEAD + "}", "Frames: 2\nFrame Time: 0.01\n1e300 0 0\n1e39 0 0\n"),
        bvh(HEAD + "}", "Frames: 2\nFrame Time: 0.01\n0 0\n0 0 0\n"),
        "HIERARCHY " * 100_000,
        "\0" * 1000,
        "",
    ],
)
def test__read_bvh__lies__end_in_our_own_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(text)
    with pytest.raises(OtolithError):
        read(path)
    assert find(tmp_path) == [path]


def test__read_bvh__absurd_frame__is_a_gap(tmp_path: Path) -> None:
    walk = make("walking", rate_hz=30.0).cut(0, 30)
    write_bvh(walk, tmp_path / "a.bvh")
    lines = (tmp_path / "a.bvh").read_text().splitlines()
    lines[-10] = "1e300 " + lines[-10].split(" ", 1)[1]
    (tmp_path / "a.bvh").write_text("\n".join(lines) + "\n")
    assert np.flatnonzero(read_bvh(tmp_path / "a.bvh").lost).tolist() == [20]


def asf(before: str = "", after: str = "") -> str:
    text = (
        ":units\n length 0.45\n angle deg\n"
        ":root\n order TX TY TZ RX RY RZ\n axis XYZ\n position 0 0 0\n orientation 0 0 0\n"
        ":bonedata\n begin\n name thigh\n direction 0 -1 0\n length 7\n axis 0 0 0 XYZ\n dof rx "
        "rz\n end\n"
        ":hierarchy\n begin\n root thigh\n end\n"
    )
    assert before in text
    return text.replace(before, after, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("length 0.45", "length 0"),
        ("length 0.45", "length nan"),
        ("order TX TY TZ RX RY RZ", "order"),
        ("order TX TY TZ RX RY RZ", "order R Q"),
        ("axis XYZ", "axis ABC"),
        ("axis XYZ", "axis"),
        ("position 0 0 0", "position 0"),
        ("orientation 0 0 0", "orientation 0 inf 0"),
        ("name thigh", "name"),
        ("direction 0 -1 0", "direction 0 -1"),
        ("direction 0 -1 0", "direction 0 1e300 0"),
        ("length 7", "length"),
        ("axis 0 0 0 XYZ", "axis 0 0 0"),
        ("axis 0 0 0 XYZ", "axis 0 0 0 XXX"),
        ("dof rx rz", "dof rx rx"),
        ("dof rx rz", "dof r"),
        ("root thigh", "root thigh\n thigh thigh"),
        ("root thigh", "root root"),
        ("root thigh", "thigh root"),
    ],
)
def test__read_amc__skeleton_lies__ends_in_our_own_error(
    before: str, after: str, tmp_path: Path
) -> None:
    (tmp_path / "a.asf").write_text(asf(before, after))
    (tmp_path / "a.amc").write_text(
        ":DEGREES\n1\nroot 0 0 0 0 0 0\nthigh 0 0\n2\nroot 0 0 0 0 0 0\nthigh 0 0\n"
    )
    with pytest.raises(OtolithError):
        read_amc(tmp_path / "a.amc")


@pytest.mark.parametrize(
    "amc",
    ["", "1\n", "1\n2\n", "1\nroot\n", "x\n", "1\nroot 0 0 0 0 0 1e300\nthigh 0 0\n", ":A\n" * 9],
)
def test__read_amc__frames_lie__ends_in_our_own_error(amc: str, tmp_path: Path) -> None:
    (tmp_path / "a.asf").write_text(asf())
    (tmp_path / "a.amc").write_text(amc)
    with pytest.raises(OtolithError):
        read_amc(tmp_path / "a.amc")


def terabyte() -> bytes:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 22, 3)}\n"
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    "arrays",
    [
        {"poses": np.full((4, 72), 1e300), "fps": 30.0},
        {"poses": np.full((4, 72), np.nan), "fps": 30.0},
        {"poses": np.zeros((0, 72)), "fps": 30.0},
        {"poses": np.zeros((4, 72)), "fps": np.inf},
        {"poses": np.zeros((4, 72)), "fps": 1e300, "trans": np.full((4, 3), 1e300)},
        {"poses": np.zeros(72), "fps": 30.0},
        {"poses": np.zeros(()), "fps": 30.0},
        {"poses": np.zeros((4, 72), dtype=complex), "fps": 30.0},
        {"global_orient": np.zeros(()), "body_pose": np.zeros((4, 63)), "fps": 30.0},
        {"global_orient": np.zeros((0, 3)), "body_pose": np.zeros((0, 63)), "fps": 30.0},
    ],
)
def test__read_npz__lies__end_in_our_own_error(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(OtolithError):
        read(tmp_path / "a.npz", check_up=False)


def test__find_and_read__terabyte_headers_and_pipes__take_no_memory_and_no_time(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.npy").write_bytes(terabyte())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("poses.npy", terabyte())
    (tmp_path / "b.npz").write_bytes(packed.getvalue())
    os.mkfifo(tmp_path / "c.bvh")
    (tmp_path / "d.mat").write_bytes(
        b"MATLAB 5.0" + bytes(114) + b"\0\1IM" + b"\x0e\0\0\0\xff\xff\xff\x7f"
    )
    assert [path.name for path in find(tmp_path)] == ["a.npy", "b.npz", "d.mat"]
    for name in ("a.npy", "b.npz", "c.bvh", "d.mat"):
        with pytest.raises(ReadError, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize("value", [1e39, 1e300, np.inf, np.nan])
def test__read_npy__absurd_places__are_gaps(value: float, tmp_path: Path) -> None:
    walk = make("walking", rate_hz=20.0).cut(0, 40)
    places = walk.forward(walk.joints[:22])[0][..., [1, 2, 0]]
    places[7, 3, 1] = value
    np.save(tmp_path / "a.npy", places)
    assert np.flatnonzero(read(tmp_path / "a.npy").lost).tolist() == [7]
    np.save(tmp_path / "a.npy", np.full_like(places, value))
    with pytest.raises(DataError):
        read(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros_like(places))
    with pytest.raises(OtolithError):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "text", ["[[[", "joints = {a = 1}", "a = " + "[" * 5000, "up = 1", "\xff", "x" * 10**6]
)
def test__sidecar__hostile__is_refused(text: str, tmp_path: Path) -> None:
    write_bvh(make("walking", rate_hz=30.0).cut(0, 30), tmp_path / "a.bvh")
    (tmp_path / "motion.toml").write_text(text, encoding="latin-1")
    with pytest.raises((ConfigError, ReadError)):
        read(tmp_path / "a.bvh")


@pytest.mark.parametrize(
    "table",
    [
        b"\xff\xfe",
        b"",
        b"a,b\n",
        b'SENTENCE_NAME,SENTENCE\n"' + b"x" * 200_000,
        b"SENTENCE_NAME\tSENTENCE\tfps\nv-5-rgb_front\tx\tnan\n",
    ],
)
def test__how2sign__damaged_transcript__ends_in_our_own_error(table: bytes, tmp_path: Path) -> None:
    np.savez(tmp_path / "v-5-rgb_front.npz", poses=np.zeros((4, 156)), fps=30.0)
    (tmp_path / "how2sign_train.csv").write_bytes(table)
    with pytest.raises(OtolithError):
        read(tmp_path / "v-5-rgb_front.npz", check_up=False)


def test__motion__further_than_anybody_walks__is_lost_and_no_skeleton() -> None:
    walk = make("walking", rate_hz=30.0).cut(0, 10)
    far = walk.root.copy()
    far[4, 0] = 1e12
    assert np.flatnonzero(Motion(walk.rotations, far, 30.0).lost).tolist() == [4]
    with pytest.raises(DataError, match="thousand km"):
        Motion(walk.rotations, walk.root, 30.0, offsets=np.full((24, 3), 1e12))
