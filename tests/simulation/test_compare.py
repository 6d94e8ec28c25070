"""Recordings side by side: same movement, other rates, other mountings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otolith.errors import ChannelError, ConfigError, DataError
from otolith.motions.procedural import make
from otolith.recording import Recording
from otolith.simulation.compare import as_recordings, compare, pairs
from otolith.simulation.paired import Paired
from otolith.simulation.sensor import Mounting, Reading, simulate, worn

MOTION = make("walking", seconds=30.0, performer="ada")
TURNED = Mounting((10.0, -20.0, 35.0), (0.04, 0.0, -0.02))


def measured(recording: Recording) -> Recording:
    return replace(recording, origin="measured")


def test__compare__same_sensor_at_another_rate__agrees() -> None:
    found = compare(simulate(MOTION, ["chest"], 50.0), measured(simulate(MOTION, ["chest", "head"], 100.0)))
    assert list(found) == ["chest"]
    assert found["chest"].rate_hz == pytest.approx(50.0)
    assert found["chest"].acceleration.rmse < 0.2
    assert min(found["chest"].angular_rate.correlation) > 0.99


@pytest.mark.parametrize(
    ("mounting", "least", "most"), [("none", 1.0, 9.0), ("rotation", 0.02, 0.6), ("lever", 0.0, 0.01)]
)
def test__compare__another_mounting__is_fitted_as_far_as_asked(mounting: str, least: float, most: float) -> None:
    real = measured(simulate(MOTION, ["left_wrist"], 100.0, mounting={"left_wrist": TURNED}))
    found = compare(simulate(MOTION, ["left_wrist"], 100.0), real, mounting)["left_wrist"]
    assert least < found.acceleration.rmse < most
    assert found.seconds == pytest.approx(30.0 if mounting == "none" else 15.0, abs=0.2)


def test__compare__late_clock__is_found() -> None:
    real = measured(simulate(MOTION, ["left_wrist"], 100.0))
    late = replace(real.streams[0], time_s=real.streams[0].time_s + 0.03)
    found = compare(
        simulate(MOTION, ["left_wrist"], 100.0), replace(real, streams=(late,)), max_delay_s=0.1
    )["left_wrist"]  # fmt: skip
    assert found.acceleration.rmse < 0.1


def test__compare__gap_on_one_side__is_left_out() -> None:
    real = measured(simulate(MOTION, ["chest"], 50.0))
    stream = real.streams[0]
    keep = (stream.time_s < 5.0) | (stream.time_s > 9.0)
    holed = replace(stream, time_s=stream.time_s[keep], values=stream.values[keep], rows_read=-1)
    found = compare(simulate(MOTION, ["chest"], 50.0), replace(real, streams=(holed,)), band_hz=10.0)["chest"]
    assert found.seconds == pytest.approx(26.0, abs=0.1)
    assert found.acceleration.rmse < 0.2


def test__compare__nothing_shared_or_nonsense__is_refused() -> None:
    one, other = simulate(MOTION, ["chest"]), simulate(MOTION, ["head"])
    with pytest.raises(ChannelError, match="share no sensor"):
        compare(one, other)
    with pytest.raises(ConfigError, match="found 'both'"):
        compare(one, one, "both")


def test__pairs__by_id_else_by_session() -> None:
    one, two = (simulate(MOTION, ["chest"], name=name, subject=name) for name in ("a", "b"))
    assert [(s.id, r.id) for s, r in pairs([one, two], [measured(two), measured(one)])] == [("a", "a"), ("b", "b")]
    renamed = replace(measured(one), id="real-a")
    assert [(s.id, r.id) for s, r in pairs([one, two], [renamed])] == [("a", "real-a")]
    with pytest.raises(DataError, match="No simulated recording belongs"):
        list(pairs([one], [measured(two)]))


def test__as_recordings__one_pair__compares_as_its_arrays_do() -> None:
    path = worn(MOTION, "left_foot")
    moving = np.arange(len(path.time_s)) > 200
    (recording,) = simulate(MOTION, ["left_foot"], 100.0).streams
    real = Reading(recording.values[:, :3].astype(float), recording.values[:, 3:].astype(float))
    pair = Paired("pair", 100.0, real, moving, 100.0, path.position, path.sensor_to_world, "here")
    simulated, ours = as_recordings(pair, "left_foot", "none")
    assert (simulated.origin, ours.origin) == ("simulated", "measured")
    assert [(s.start_s, s.label) for s in simulated.segments] == [(2.01, "moving")]
    assert compare(simulated, ours)["left_foot"].acceleration.rmse < 0.05
