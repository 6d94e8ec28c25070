"""Shapes of a user's own model file: read without unpickling, and as large as their betas say."""

from __future__ import annotations

from pathlib import Path

import box_body
import numpy as np
import pytest
from box_body import HALF_M, SMPLX, TALLER

from otolith.core.errors import ReadError
from otolith.data.skeleton import FINGERS, JOINTS, reference_offsets
from otolith.motion.bodies import smpl_shape
from otolith.motion.bodies.variation import put_on
from otolith.motion.formats.smpl_npz import JOINTS_OF, read_model
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.placements import site


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "SMPL_NEUTRAL.npz"
    box_body.write(path)
    return path


@pytest.mark.parametrize("beta", [0.0, -1.5, 2.0])
def test__surface__first_beta__scales_bones_and_skin(beta: float, model: Path) -> None:
    found = smpl_shape.surface(read_model(model), [beta])
    scale = 1.0 + TALLER * beta
    np.testing.assert_allclose(
        np.stack([found.offset(joint) for joint in JOINTS]), scale * reference_offsets(), atol=1e-9
    )
    lever, turn = found.mount(site("right_wrist"))
    np.testing.assert_allclose(lever, scale * np.array([0.0, -0.134 * 1.70, HALF_M]), atol=1e-9)
    np.testing.assert_allclose(turn, site("right_wrist").sensor_to_joint(), atol=1e-9)
    assert found.volume_m3 == pytest.approx(
        scale**3 * smpl_shape.surface(read_model(model)).volume_m3
    )


def test__body__is_as_tall_as_it_stands_and_puts_motions_on(model: Path) -> None:
    body = smpl_shape.body(read_model(model), [1.0], "long")
    assert body.name == "long"
    assert body.stature_m == pytest.approx(body.surface.stature_m if body.surface else 0.0)
    walk = make("walking", seconds=3.0, rate_hz=50.0)
    worn = put_on(walk, body)
    np.testing.assert_allclose(worn.offsets, 1.1 * walk.offsets, atol=1e-9)


def test__surface__hands_and_face__fingers_stay_and_the_face_goes_with_the_head(
    tmp_path: Path,
) -> None:
    box_body.write(tmp_path / "SMPLX_NEUTRAL.npz", SMPLX, shapes=20)
    model = read_model(tmp_path / "SMPLX_NEUTRAL.npz")
    assert model.joints == JOINTS_OF[165]
    assert model.shapes.shape[2] == 10  # the other ten are a face's expressions
    found = smpl_shape.surface(model)
    assert set(found.joints) == {*JOINTS[:22], *FINGERS}
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0)
    # jaw and eyes lie in the head here, and follow it
    assert found.weights[SMPLX.index("jaw"), found.joints.index("head")] == 1.0
    for placement in ("head", "left_wrist", "right_hand"):
        found.mount(site(placement))


def test__draw__numbers__repeat_and_differ(model: Path) -> None:
    opened = read_model(model)
    assert smpl_shape.draw(opened, 0).stature_m == smpl_shape.body(opened).stature_m
    statures = [smpl_shape.draw(opened, number, seed=3).stature_m for number in (1, 2, 1)]
    assert statures[0] == statures[2] != statures[1]
    assert smpl_shape.draw(opened, 1, seed=4).stature_m != statures[0]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"weights": np.zeros((0, 0))}, "no weights"),
        ({"f": np.zeros((0, 3))}, "no triangles"),
    ],
)
def test__surface__model_without_skinning__is_told(
    other: dict[str, np.ndarray], says: str, tmp_path: Path
) -> None:
    box_body.write(tmp_path / "SMPL.npz", other=other)
    with pytest.raises(ReadError, match=says):
        smpl_shape.surface(read_model(tmp_path / "SMPL.npz"))


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"weights": np.zeros((7, 24))}, "do not fit one another"),
        ({"J_regressor": np.zeros((5, 9))}, "has 5 joints"),
        (
            {"kintree_table": np.array([[-1, *range(23)], range(24)])},
            "hang on one another otherwise",
        ),
        ({"kintree_table": np.zeros((24, 24))[:1, :3]}, "hang on one another otherwise"),
        ({"kintree_table": np.zeros(24)}, "hang on one another otherwise"),
        ({"f": np.full((4, 3), np.nan)}, "does not name three"),
        ({"f": np.full((4, 3), 10**6)}, "does not name three"),
        ({"shapedirs": np.array([{"a": 1}], dtype=object)}, "'shapedirs' is a pickled object"),
        ({"v_template": np.zeros((0, 3))}, "lacks v_template"),
    ],
)
def test__read_model__damaged__says_what_is_wrong(
    other: dict[str, np.ndarray], says: str, tmp_path: Path
) -> None:
    box_body.write(tmp_path / "SMPL.npz", other=other)
    with pytest.raises(ReadError, match=says):
        read_model(tmp_path / "SMPL.npz")


def test__read_model__pickle__is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "basicModel_m.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(ReadError, match=r"never opened here\. Take the \.npz"):
        read_model(tmp_path / "basicModel_m.pkl")
