"""Bodies of Anny: as tall as asked for, and a skin where our own placements say that it is."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from otolith.core.errors import ConfigError
from otolith.data.skeleton import FINGERS, JOINTS
from otolith.motion.bodies import anny_body
from otolith.motion.bodies.anny_body import Build, body, draw, surface
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.placements import SITES, site
from otolith.motion.simulation.sensor import simulate

NEEDS_ANNY = pytest.mark.skipif(
    find_spec("anny") is None, reason="the extra 'anny' is not installed"
)


def test__build__beyond_its_scales__is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'age' .* 1; given 1\.2"):
        Build(age=1.2)
    with pytest.raises(ConfigError, match=r"'weight' .* 0; given -0\.1"):
        Build(weight=-0.1)
    with pytest.raises(ConfigError, match=r"'stature_m' .* 3\.?0?; given 4\.0"):
        Build(stature_m=4.0)


def test__surface__without_anny__names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    anny_body._model.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'otolith\[anny\]'"):
        surface()


@NEEDS_ANNY
def test__body__stature_asked_for__is_met_by_any_build() -> None:
    for build in (Build(), Build(1.55, gender=1.0, weight=0.9), Build(1.90, gender=0.0, age=0.9)):
        found = body(build)
        assert found.stature_m == pytest.approx(build.stature_m, abs=1e-3)
        assert 12.0 < found.mass_kg / found.stature_m**2 < 40.0
    with pytest.raises(ConfigError, match=r"stand 1\.\d+ to 2\.\d+ m tall; asked for 0\.9"):
        body(Build(0.9))


@NEEDS_ANNY
def test__surface__bones__are_those_of_a_body() -> None:
    found = surface()
    assert set(found.joints) == {*JOINTS[:22], *FINGERS}
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0, atol=1e-5)
    for joint in ("left_knee", "left_ankle", "left_wrist"):
        assert np.linalg.norm(found.offset(joint)) == pytest.approx(
            np.linalg.norm(found.offset(joint.replace("left", "right"))), rel=1e-3
        )
    assert found.place("left_hip")[1] > 0.05  # left is at y, and toes point to x
    assert found.place("left_foot")[0] - found.place("left_ankle")[0] > 0.08


@NEEDS_ANNY
@pytest.mark.parametrize("placement", sorted(SITES))
def test__mount__every_placement__is_near_where_our_own_body_has_it(placement: str) -> None:
    lever, turn = surface_once().mount(site(placement))
    usual = site(placement).lever(1.70, 1.0)
    assert np.linalg.norm(lever - usual) < 0.05
    assert abs(float(turn @ site(placement).sensor_to_joint())) > np.cos(
        np.deg2rad(30.0)
    )  # half of 60 degrees


@NEEDS_ANNY
def test__draw__adults__differ_and_measure() -> None:
    statures = [draw(number).stature_m for number in (0, 1, 2, 1)]
    assert statures[0] == pytest.approx(1.70, abs=1e-3)
    assert statures[1] == statures[3] != statures[2]
    recording = simulate(
        make("walking", seconds=3.0), ["left_wrist", "right_thigh"], 50.0, body=draw(1)
    )
    norm = np.linalg.norm(recording.streams[0].values[:, :3], axis=1)
    assert 8.5 < np.median(norm) < 11.5


_KEPT: list[anny_body.Surface] = []


def surface_once() -> anny_body.Surface:
    if not _KEPT:
        _KEPT.append(surface())
    return _KEPT[0]
