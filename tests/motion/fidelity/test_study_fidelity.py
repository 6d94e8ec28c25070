"""Simulated studies against real ones: pairs, clocks, and what the fit may do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ConfigError, StudyError
from otolith.data.recording import Recording, Stream
from otolith.data.study import Study, write_study
from otolith.motion import rotations
from otolith.motion.fidelity.study_fidelity import compare_studies
from otolith.motion.procedural.procedural import make
from otolith.motion.simulation.sensor import Mounting, simulate

WALK = make("walking", seconds=20.0)
TURN = (12.0, -20.0, 7.0)
SHIFT = (0.03, -0.02, 0.01)


def studies(tmp_path: Path, rate_hz: float = 100.0, late_s: float = 0.0) -> tuple[Study, Study]:
    """A simulated wrist, and a "real" one: turned, shifted, and late by its own clock."""
    mounting = {"left_wrist": Mounting(TURN, SHIFT)}
    real = simulate(WALK, ("left_wrist", "head"), rate_hz, mounting=mounting, name="trial1")
    shift = round(late_s * rate_hz)
    (wrist, head) = real.streams
    if shift:
        wrist = replace(
            wrist, time_s=wrist.time_s[shift:], values=wrist.values[:-shift], rows_read=-1
        )
    real = replace(real, origin="measured", clip=None, streams=(wrist, head))
    simulated = replace(simulate(WALK, ("left_wrist",), 100.0, name="x"), clip="trial1")
    return write_study(tmp_path / "sim", [simulated], name="sim"), write_study(
        tmp_path / "real", [real], name="real"
    )


def test__compare_studies__mounting__is_found_on_one_half_and_scored_on_the_other(
    tmp_path: Path,
) -> None:
    simulated, real = studies(tmp_path)
    plain, turned, fitted = (
        compare_studies(simulated, real, fit)[0][0]
        for fit in ("none", "rotation", "mounting")  # type: ignore[arg-type]
    )
    assert plain.fidelity.acceleration.rmse > 1.0
    assert turned.fidelity.angular_rate.rmse < 0.02
    assert fitted.fidelity.acceleration.rmse < 0.5 * turned.fidelity.acceleration.rmse
    np.testing.assert_allclose(fitted.lever_m, SHIFT, atol=0.003)
    assert fitted.fidelity.seconds == pytest.approx(10.0, abs=0.1)
    assert plain.fidelity.seconds == pytest.approx(20.0, abs=0.1)
    assert (fitted.real, fitted.simulated, fitted.sensor) == ("trial1", "x", "left_wrist")


def test__compare_studies__late_clock__is_found(tmp_path: Path) -> None:
    (found,), _ = compare_studies(*studies(tmp_path, late_s=0.1))
    assert found.delay_s == pytest.approx(0.1, abs=0.006)
    assert found.fidelity.angular_rate.rmse < 0.05


def test__compare_studies__clocks_far_apart__are_brought_together(tmp_path: Path) -> None:
    simulated, _ = studies(tmp_path)
    whole = simulate(WALK, ("left_wrist",), 100.0, name="trial1")
    (wrist,) = whole.streams
    late = replace(wrist, time_s=wrist.time_s[:-300] + 2.5, values=wrist.values[300:], rows_read=-1)
    real = write_study(
        tmp_path / "late",
        [replace(whole, origin="measured", clip=None, streams=(late,))],
        name="late",
    )
    (lost,), _ = compare_studies(simulated, real, "none")
    (found,), _ = compare_studies(simulated, real, "none", search_s=5.0)
    assert found.delay_s == pytest.approx(-0.5, abs=1e-9)  # 3 s cut off, 2.5 s waited
    assert found.fidelity.acceleration.rmse < 1e-3 < lost.fidelity.acceleration.rmse
    assert found.fidelity.seconds == pytest.approx(17.0, abs=0.1)
    assert found.example.time_s[0] >= 2.5
    np.testing.assert_allclose(
        found.example.simulated.acceleration, found.example.real.acceleration, atol=1e-3
    )
    (other,), _ = compare_studies(simulated, real, "none", search_s=0.2)
    assert abs(other.delay_s) <= 0.2


def test__compare_studies__other_rates__meet_at_the_lower(tmp_path: Path) -> None:
    (found,), _ = compare_studies(*studies(tmp_path, rate_hz=50.0))
    assert found.fidelity.rate_hz == pytest.approx(50.0)
    assert min(found.fidelity.angular_rate.correlation) > 0.99


def test__compare_studies__gap__is_left_out(tmp_path: Path) -> None:
    simulated, real = studies(tmp_path)
    (recording,) = real
    wrist = recording.streams[0]
    kept = (wrist.time_s < 4.0) | (wrist.time_s > 6.0)
    torn = Stream(wrist.name, wrist.channels, wrist.time_s[kept], wrist.values[kept], 100.0)
    other = write_study(tmp_path / "torn", [replace(recording, streams=(torn,))], name="torn")
    (found,), _ = compare_studies(simulated, other)
    assert found.fidelity.seconds == pytest.approx(9.0, abs=0.1)
    assert min(found.fidelity.angular_rate.correlation) > 0.99


def test__compare_studies__what_cannot_be__is_noted_or_refused(tmp_path: Path) -> None:
    simulated, real = studies(tmp_path)
    (recording,) = real

    def beside(name: str, other: Recording) -> Study:
        return write_study(tmp_path / name, [other], name=name)

    removed = beside("removed", replace(recording, gravity="removed"))
    assert compare_studies(simulated, removed) == (
        [],
        ["trial1: gravity was removed, so it cannot be compared"],
    )
    _, (note,) = compare_studies(
        simulated, beside("head", replace(recording, streams=recording.streams[1:]))
    )
    assert "share no sensor" in note
    with pytest.raises(StudyError, match="same movement"):
        compare_studies(simulated, beside("other", replace(recording, id="other")))
    with pytest.raises(ConfigError, match="rotation"):
        compare_studies(simulated, real, "all")  # type: ignore[arg-type]


def test__mounting__turn__is_what_the_fit_undoes() -> None:
    straight, turned = (
        simulate(WALK, ("head",), mounting=m).streams[0].values
        for m in ({}, {"head": Mounting(TURN)})
    )
    turn = rotations.from_axis_angle(np.deg2rad(np.array(TURN)))
    np.testing.assert_allclose(
        rotations.rotate(turn, turned[:, 3:].astype(float)), straight[:, 3:], atol=1e-4
    )
