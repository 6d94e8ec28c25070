"""A quantity is one entry of a table: everything from a stream to a figure follows from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from otolith import Recording, Segment, Stream, Study, write_study
from otolith.data.channels import quantity_channels
from otolith.data.quantities import QUANTITIES, Quantity
from otolith.show.recording_figure import recording_figure
from otolith.show.study_figures import signal_figure

PULSE = Quantity(
    title="heart rate",
    unit="1/s",
    units={"1/s": 1.0, "bpm": 1 / 60},
    plausible=(0.4, 4.0),
    header="pulse|heart",
)


def written(folder: Path, quantity: str, level: float) -> Study:
    """A study of a wrist whose acceleration and one scalar share a clock."""
    time_s = np.arange(600) / 50
    values = np.zeros((600, 4), np.float32)
    values[:, 2], values[:, 3] = 9.81, level + np.sin(time_s)
    channels = [c for q in ("acc", quantity) for c in quantity_channels("left_wrist", q)]
    stream = Stream("left_wrist", tuple(channels), time_s, values)
    recording = Recording("r", "p1", (stream,), (Segment(0, 12, "sitting"),))
    return write_study(folder, [recording], name="scalars")


@pytest.mark.parametrize(("quantity", "level"), [("baro", 101_325.0), ("pulse", 1.2)])
def test__scalar__from_a_stream_to_windows_and_figures(
    quantity: str, level: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUANTITIES, "pulse", PULSE)
    study = written(tmp_path / "s", quantity, level)
    windows = study.windows(quantities=("acc", quantity))
    assert windows.channels[-1].name == f"left_wrist.{quantity}"
    assert windows.values()[:, -1].mean() == pytest.approx(level, abs=1.0)
    recording = study.recording("r")
    stream = recording.streams[0]
    unit = QUANTITIES[quantity].unit
    assert recording_figure(recording, 0.0, 10.0).axes[1].get_ylabel() == unit
    drawn = signal_figure(stream.time_s, stream.values, stream.channels)
    assert drawn.axes[1].get_ylabel() == f"{quantity}, {unit}"


@pytest.mark.parametrize("quantity", QUANTITIES)
def test__every_quantity__is_complete(quantity: str) -> None:
    one = QUANTITIES[quantity]
    assert one.title and one.unit and 1.0 in one.units.values()
    assert one.plausible[0] < one.plausible[1]
    assert one.axes in ((), ("x", "y", "z"))
