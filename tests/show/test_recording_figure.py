"""The picture of a recording: the body stands at its moments, right side up, beside what was
measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy import write_toy_study

from otolith.core.errors import DataError
from otolith.data.paired import read_modality
from otolith.motion.simulation.simulate_study import SimulateConfig, simulate_study
from otolith.show.recording_figure import POSES, recording_figure, write_recording_figure


def test__recording_figure__body__stands_on_the_floor_at_its_moments(tmp_path: Path) -> None:
    config = SimulateConfig(placements=("left_wrist",), heading="remove")
    study = simulate_study(["procedural:standing"], tmp_path / "s", config)
    (entry,) = study.entries
    pose, truth = (read_modality(study.folder, name, entry["id"]) for name in ("pose", "truth"))
    figure = recording_figure(study.recording(entry["id"]), 2.0, 6.0, pose, truth)
    body, acceleration, angular_rate = figure.axes
    assert len(body.lines) == POSES * (21 + 3)  # bones, and three axes of one sensor
    lowest, highest = (f(line.get_ydata().min() for line in body.lines) for f in (min, max))
    assert (
        -0.1 < lowest < 0.15 and 1.4 < highest < 1.75
    )  # soles and the top joint of a body of 1.70 m
    middles = [np.mean(body.lines[24 * number].get_xdata()) for number in range(POSES)]
    np.testing.assert_allclose(np.diff(middles), 4.0 / POSES, atol=0.02)
    assert [line.get_label() for line in acceleration.lines[:3]] == ["x", "y", "z"]
    shown = np.concatenate([line.get_xdata() for line in angular_rate.lines[:3]])
    assert (shown.min(), shown.max()) == pytest.approx((2.0, 6.0))


def test__recording_figure__measured__has_its_signals_alone(tmp_path: Path) -> None:
    study = write_toy_study(tmp_path / "real", people=1)
    picture = write_recording_figure(study, tmp_path / "p0.svg").read_text()
    assert "left wrist: acceleration" in picture and "metres" not in picture
    with pytest.raises(DataError, match="36"):
        write_recording_figure(study, tmp_path / "p0.svg", start_s=-1.0)
