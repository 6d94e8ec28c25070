"""ASF/AMC: angles about each bone's own axes, and the same trial as in BVH."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ReadError
from otolith.motion import rotations
from otolith.motion.formats.asf_amc import read_amc
from otolith.motion.formats.bvh import read_bvh
from otolith.motion.formats.reading import read

ASF = """# a skeleton
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 8
     axis 0 0 90 XYZ
    dof rx rz
    limits (-160 20)
           (-70 70)
  end
  begin
     id 2
     name shank
     direction 0 -1 0
     length 4
     axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root thigh
    thigh shank
  end
"""
AMC = (
    "#!OML:ASF\n:FULLY-SPECIFIED\n:DEGREES\n"
    "1\nroot 1 2 3 0 90 0\nthigh 0 0\n2\nroot 1 2 3 0 0 0\nthigh 90 0\n"
)
INCH_CMU = 0.0254 / 0.45


def trial(tmp_path: Path, asf: str = ASF, amc: str = AMC) -> Path:
    (tmp_path / "07.asf").write_text(asf, encoding="utf-8")
    (tmp_path / "07_01.amc").write_text(amc, encoding="utf-8")
    return tmp_path / "07_01.amc"


def test__read_amc__angles__turn_about_the_bones_own_axes(tmp_path: Path) -> None:
    motion = read_amc(trial(tmp_path))
    assert motion.joints == ("root", "thigh", "shank", "shank_end")
    assert motion.rate_hz == 120.0
    places = motion.forward()[0] / INCH_CMU
    # y up, z forward, x left in the file are z, x, y here; the thigh's length runs down.
    np.testing.assert_allclose(places[0, 0], [3.0, 1.0, 2.0], atol=1e-9)
    np.testing.assert_allclose(places[0, 3] - places[0, 0], [0.0, 0.0, -12.0], atol=1e-9)
    # The thigh's axes are turned by a quarter about z, so that its x is the file's y: along the
    # bone, which stays.
    np.testing.assert_allclose(places[1, 3] - places[1, 0], [0.0, 0.0, -12.0], atol=1e-9)
    turned = motion.rotations[1, 1]
    np.testing.assert_allclose(rotations.to_axis_angle(turned), [0.0, 0.0, np.pi / 2], atol=1e-9)


@pytest.mark.parametrize(
    ("asf", "amc", "says"),
    [
        (ASF, AMC.replace("thigh 90 0\n", ""), "more or fewer lines"),
        (ASF, AMC.replace("thigh 90 0", "thigh 90"), "cut short"),
        (ASF, AMC.replace("thigh", "femur"), "bones that its skeleton has not: femur"),
        (
            ASF,
            AMC.replace("1\nroot 1 2 3 0 90 0\nthigh 0 0\n", "1\nroot 1 2 3 0 90 0\n").replace(
                "thigh 90 0\n", ""
            ),
            "lacks the bones thigh",
        ),
        (ASF, "", "does not begin with frame 1"),
        (ASF.replace(":hierarchy", ":other"), AMC, "lacks 'hierarchy'"),
        (ASF.replace("root thigh", "root toe"), AMC, "no data"),
    ],
)
def test__read_amc__damaged__says_what_is_wrong(
    asf: str, amc: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ReadError, match=says):
        read_amc(trial(tmp_path, asf, amc))


def test__read_amc__no_skeleton__says_which_was_looked_for(tmp_path: Path) -> None:
    path = trial(tmp_path)
    (tmp_path / "07.asf").unlink()
    with pytest.raises(ReadError, match=r"07\.asf was looked for"):
        read_amc(path)


def test__read_amc__frame_that_is_not_finite__is_a_gap(tmp_path: Path) -> None:
    motion = read_amc(trial(tmp_path, amc=AMC.replace("thigh 90 0", "thigh nan 0")))
    np.testing.assert_array_equal(motion.lost, [False, True])


def real() -> Path:
    if "OTOLITH_DATA" not in os.environ:
        pytest.skip("OTOLITH_DATA is unset: set it to the folder that holds mocap/cmu_asfamc")
    return Path(os.environ["OTOLITH_DATA"]) / "mocap" / "cmu_asfamc"


def test__read_amc__same_trial_in_bvh__has_the_same_angles_and_positions() -> None:
    amc, bvh = read_amc(real() / "16_15.amc"), read_bvh(real() / "16_15.bvh")
    shared = [name for name in bvh.joints if name in amc.joints]
    assert len(shared) == 36
    places, turns = amc.forward(shared)
    places_bvh, turns_bvh = bvh.forward(shared)
    # The axes of a joint are the file's own: one constant rotation lies between them, and all else
    # is movement.
    relative = rotations.multiply(rotations.conjugate(turns), turns_bvh)
    moved = rotations.multiply(rotations.conjugate(relative[:1]), relative)
    degrees = np.rad2deg(np.linalg.norm(rotations.to_axis_angle(moved), axis=-1))
    apart = np.linalg.norm(places - places_bvh, axis=-1)
    # Every fourth frame is measured in both files; between, the limbs of one of them were filled in
    # differently.
    assert apart[::4].max() < 1e-4
    assert degrees[::4].max() < 0.01
    trunk = [
        k
        for k, name in enumerate(shared)
        if name in ("root", "lowerback", "upperback", "thorax", "head")
    ]
    assert apart[:, trunk].max() < 1e-4
    assert degrees[:, trunk].max() < 0.01


def test__read__same_trial_in_both_formats__is_the_same_on_our_skeleton() -> None:
    amc, bvh = read(real() / "16_15.amc", mend=False), read(real() / "16_15.bvh", mend=False)
    assert (amc.performer, amc.text, amc.label) == ("cmu16", "walk", "walking")
    np.testing.assert_allclose(amc.offsets, bvh.offsets, atol=2e-3)
    np.testing.assert_allclose(amc.root, bvh.root, atol=1e-4)
    relative = rotations.multiply(rotations.conjugate(amc.rotations), bvh.rotations)[::4]
    assert np.rad2deg(np.linalg.norm(rotations.to_axis_angle(relative), axis=-1)).max() < 0.5
    assert np.linalg.norm(amc.forward()[0] - bvh.forward()[0], axis=-1)[::4].max() < 3e-3
