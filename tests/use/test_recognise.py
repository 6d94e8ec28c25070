"""A recording to a timeline: the training's signal chain, gaps, losses, other sensors."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import toy_recording, write_toy_study

from otolith import Cut, Recording, Stream, Study
from otolith.core.errors import ChannelError, ConfigError, DataError, OtolithWarning
from otolith.data.channels import channel_names
from otolith.data.windows import Windows
from otolith.show.timeline_figure import plot_timeline
from otolith.use.chain import SignalChain
from otolith.use.recogniser import Recogniser
from otolith.use.timeline import Timeline

QUICK: dict[str, Any] = {
    "steps": 40,
    "epochs": 1,
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
}


@pytest.fixture(scope="module")
def one_sensor(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    """Made for acceleration at the left wrist alone."""
    study = write_toy_study(
        tmp_path_factory.mktemp("one") / "study", people=3, places=("left_wrist",), gyro=False
    )
    return Recogniser("features", "logistic", **QUICK).fit(study.windows().few(8))


def without_rows(recording: Recording, lost: np.ndarray, sensor: int | None = None) -> Recording:
    """Drop rows of one stream, or of all."""
    streams = [
        dataclasses.replace(s, time_s=s.time_s[~lost], values=s.values[~lost], rows_read=-1)
        if sensor in (None, i)
        else s
        for i, s in enumerate(recording.streams)
    ]
    return dataclasses.replace(recording, streams=tuple(streams))


def test__recognise__recording__equals_the_windows_of_its_study(
    recogniser: Recogniser, toy_study: Study, toy_windows: Windows
) -> None:
    timeline = recogniser.recognise(toy_study.recording("p5-1"))
    grid = toy_study.windows(label_rule="unlabelled").of(["p5"])
    np.testing.assert_array_equal(timeline.start_s, grid.start_s)
    np.testing.assert_array_equal(timeline.probability, recogniser.predict_proba(grid))
    np.testing.assert_allclose(timeline.end_s - timeline.start_s, 2.0)
    assert timeline.unknown == 0 and timeline.recording == "p5-1"
    inside = timeline.start_s % 12 <= 10.0  # windows within one activity
    truth = np.array(timeline.classes, dtype=object)[(timeline.start_s // 12).astype(int)]
    assert (timeline.label[inside] == truth[inside]).mean() > 0.9
    assert sum(timeline.seconds.values()) == pytest.approx(36.0)


@settings(max_examples=15)
@given(overlap=st.floats(0, 0.95))
def test__recognise__overlap__sets_the_distance_of_the_windows(
    one_sensor: Recogniser, overlap: float
) -> None:
    timeline = one_sensor.recognise(toy_recording("p7", 4.0, ("left_wrist",), gyro=False), overlap)
    hop = max(1, round(100 * (1 - overlap))) / 50
    np.testing.assert_allclose(np.diff(timeline.start_s), hop)
    assert timeline.start_s[0] == 0 and timeline.end_s[-1] <= 12.0 + 1e-9
    assert timeline.end_s[-1] > 12.0 - hop - 1e-9  # nothing but an incomplete step is left over


@pytest.mark.parametrize("overlap", [1.0, -0.1])
def test__recognise__impossible_overlap__is_refused(one_sensor: Recogniser, overlap: float) -> None:
    with pytest.raises(ConfigError, match="'overlap' should be"):
        one_sensor.recognise(toy_recording("p7", 4.0, ("left_wrist",)), overlap)


def test__recognise__other_rate__is_resampled(recogniser: Recogniser) -> None:
    recording = toy_recording("p5")
    plain = recogniser.recognise(recording)
    # the same movement, seen at 100 Hz
    doubled = []
    for stream in recording.streams:
        time_s = np.arange(2 * len(stream.time_s) - 1) / 100
        values = np.stack(
            [np.interp(time_s, stream.time_s, column) for column in stream.values.T], axis=1
        )
        doubled.append(Stream(stream.name, stream.channels, time_s, values.astype(np.float32)))
    faster = recogniser.recognise(dataclasses.replace(recording, streams=tuple(doubled)))
    np.testing.assert_allclose(faster.start_s, plain.start_s, atol=0.02)
    assert (faster.label == plain.label).mean() > 0.9


def test__recognise__gap__leaves_a_hole(recogniser: Recogniser) -> None:
    recording = toy_recording("p5")
    time_s = recording.streams[0].time_s
    timeline = recogniser.recognise(
        without_rows(recording, (time_s >= 10.0) & (time_s < 15.0), sensor=1)
    )
    assert not ((timeline.end_s > 10.0) & (timeline.start_s < 15.0)).any()
    assert (timeline.end_s <= 10.0).any() and (timeline.start_s >= 15.0).any()
    assert timeline.unknown == 0


def test__recognise__too_much_lost__is_unknown_and_counted(
    recogniser: Recogniser, tmp_path: Path
) -> None:
    recording = toy_recording("p5")
    row = np.arange(len(recording.streams[0].time_s))
    lost = (row >= 1000) & (row < 1100) & (row % 3 == 1)  # every third sample between 20 and 22 s
    timeline = recogniser.recognise(without_rows(recording, lost, sensor=0))
    bad = timeline.label == ""
    assert timeline.start_s[bad].tolist() == [
        20.0
    ]  # the windows a second before and after lose a sixth
    assert (
        np.isnan(timeline.probability[bad]).all() and np.isfinite(timeline.probability[~bad]).all()
    )
    assert timeline.unknown == bad.sum() == 1
    assert timeline.seconds[""] == 1.0
    rows = list(csv.reader(timeline.to_csv(tmp_path / "t.csv").read_text().splitlines()))
    assert ["20.000", "22.000", "", "", "", ""] in rows
    assert plot_timeline(timeline, tmp_path / "t.svg").stat().st_size > 1000


def test__recognise__each_sensor_loses_a_little__is_still_known(recogniser: Recogniser) -> None:
    recording = toy_recording("p5")
    row = np.arange(len(recording.streams[0].time_s))
    apart = without_rows(without_rows(recording, row % 7 == 1, sensor=0), row % 7 == 4, sensor=1)
    assert (
        recogniser.recognise(apart).unknown == 0
    )  # a seventh each, although together it is more than a fifth


def test__recognise__too_short__says_how_long_it_must_be(recogniser: Recogniser) -> None:
    with pytest.raises(
        DataError,
        match=r"needs 2 s without a gap, the longest stretch of all its sensors lasts 1\.50 s",
    ):
        recogniser.recognise(toy_recording("p5", 0.5))


def test__recognise__short_recording_where_windows_are_padded__is_padded(tmp_path: Path) -> None:
    study = write_toy_study(tmp_path / "s", people=2, places=("left_wrist",), gyro=False)
    windows = study.windows(pad=True, centre_short=True)
    fitted = Recogniser("features", "logistic", **QUICK).fit(windows.few(8))
    timeline = fitted.recognise(toy_recording("p7", 1.6, ("left_wrist",), ("shaking",), gyro=False))
    assert len(timeline) == 1 and timeline.unknown == 0
    np.testing.assert_allclose([timeline.start_s[0], timeline.end_s[0]], [0, 1.6])
    with pytest.raises(DataError, match="needs 1 s without a gap"):
        fitted.recognise(toy_recording("p7", 0.9, ("left_wrist",), ("shaking",), gyro=False))


def test__recognise__missing_channels__are_named_with_what_there_is(recogniser: Recogniser) -> None:
    with pytest.raises(ChannelError) as caught:
        recogniser.recognise(toy_recording("p5", places=("left_wrist",)))
    message = str(caught.value)
    assert "missing are right_wrist.acc.x, right_wrist.acc.y" in message
    assert "it holds left_wrist.acc.x" in message and "otolith adapt" in message
    assert "allow_placement" not in message


def test__recognise__more_channels_than_needed__are_ignored(one_sensor: Recogniser) -> None:
    bare = one_sensor.recognise(toy_recording("p5", places=("left_wrist",), gyro=False))
    rich = toy_recording("p5", places=("left_wrist", "right_wrist"), gyro=False)
    np.testing.assert_array_equal(one_sensor.recognise(rich).probability, bare.probability)


def test__recognise__worn_elsewhere__is_refused_unless_it_is_meant(one_sensor: Recogniser) -> None:
    here = toy_recording("p5", places=("left_wrist",), gyro=False)
    there = toy_recording("p5", places=("lower_back",), gyro=False)
    with pytest.raises(
        ChannelError, match=r"sits at lower_back instead of left_wrist.*--allow-placement"
    ):
        one_sensor.recognise(there)
    with pytest.warns(OtolithWarning, match=r"worn at lower_back.*trained at left_wrist"):
        moved = one_sensor.recognise(there, allow_placement=True)
    np.testing.assert_array_equal(moved.probability, one_sensor.recognise(here).probability)


def test__recognise__two_sensors_elsewhere__are_not_chosen_between(one_sensor: Recogniser) -> None:
    both = toy_recording("p5", places=("lower_back", "head"), gyro=False)
    with pytest.raises(ChannelError, match="missing are left_wrist"):
        one_sensor.recognise(both, allow_placement=True)


def test__recognise__gravity_removed__is_refused(one_sensor: Recogniser) -> None:
    recording = dataclasses.replace(toy_recording("p5", places=("left_wrist",)), gravity="removed")
    with pytest.raises(
        ChannelError, match="has gravity removed, this recogniser was trained with gravity included"
    ):
        one_sensor.recognise(recording)


def test__recognise__numbers_in_g__warn(one_sensor: Recogniser) -> None:
    recording = toy_recording("p5", places=("left_wrist",), gyro=False)
    stream = recording.streams[0]
    in_g = dataclasses.replace(
        recording, streams=(dataclasses.replace(stream, values=stream.values / 9.80665),)
    )
    with pytest.warns(OtolithWarning, match="look like g"):
        one_sensor.recognise(in_g)


def test__recognise__slot__takes_whatever_single_sensor_there_is(tmp_path: Path) -> None:
    study = write_toy_study(tmp_path / "s", people=2, places=("left_wrist",), gyro=False)
    fitted = Recogniser("features", "logistic", **QUICK).fit(study.windows(slot="imu").few(8))
    assert channel_names(fitted.chain_.channels)[0] == "imu.acc.x"
    one = fitted.recognise(toy_recording("p5", places=("left_wrist",), gyro=False))
    other = fitted.recognise(toy_recording("p5", places=("right_ankle",), gyro=False))
    np.testing.assert_array_equal(one.probability, other.probability)
    with pytest.raises(ChannelError, match="takes one sensor, wherever it sits"):
        fitted.recognise(toy_recording("p5", gyro=False))


def test__recognise__masked_training__takes_a_recording_without_a_sensor(toy_study: Study) -> None:
    fitted = Recogniser("tpn", **QUICK).fit(toy_study.windows(missing="mask").few(2))
    with pytest.warns(OtolithWarning, match=r"lacks right_wrist\.acc\.x.*masked"):
        timeline = fitted.recognise(toy_recording("p5", places=("left_wrist",)))
    assert np.isfinite(timeline.probability).all()
    with pytest.raises(ChannelError, match="does not fit"):
        fitted.recognise(toy_recording("p5", places=("head", "lower_back")))


def test__recognise__fitted_to_an_array__takes_recordings_of_the_same_channels(
    toy_windows: Windows,
) -> None:
    few = toy_windows.few(4)
    names = channel_names(few.channels)
    fitted = Recogniser("features", "logistic", rate_hz=50, channels=names, **QUICK).fit(
        few.values(), few.labels.astype(str)
    )
    timeline = fitted.recognise(toy_recording("p5"))
    assert set(timeline.label) <= {"resting", "shaking", "walking"} and len(timeline) == 35


def test__recognise__whole_numbers_as_classes__become_text(toy_windows: Windows) -> None:
    few = toy_windows.few(2)
    named = {"rate_hz": 50, "channels": channel_names(few.channels)}
    fitted = Recogniser("features", "logistic", **named, **QUICK).fit(few.values(), few.code + 7)
    timeline = fitted.recognise(toy_recording("p5"))
    assert timeline.classes == ("7", "8", "9") and set(timeline.label) <= {"7", "8", "9"}


def test__chain__round_trip__is_the_same(toy_study: Study) -> None:
    windows = toy_study.windows(placements=("left_wrist",), overlap=0.25, pad=True, missing="mask")
    chain = SignalChain.of(windows)
    assert chain.cut == Cut(
        seconds=2.0, rate_hz=50.0, placements=("left_wrist",), overlap=0.25, pad=True
    )
    assert SignalChain.load(chain.schema(), chain.steps(), "here") == chain


def timeline_of(labels: list[str], classes: tuple[str, ...] = ("a", "b")) -> Timeline:
    start = np.arange(len(labels)) * 1.0
    probability = np.array(
        [[1.0 * (label == name) for name in classes] for label in labels]
    ).reshape(-1, len(classes))
    return Timeline("r", classes, start, start + 2, np.array(labels, dtype=object), probability)


def test__timeline__csv__has_times_label_and_a_column_a_class(tmp_path: Path) -> None:
    timeline = timeline_of(["a", "b"], ("a", 'sit, then "stand"'))
    timeline = dataclasses.replace(
        timeline, probability=np.array([[0.123456, 0.876544], [0.0, 1.0]])
    )
    rows = list(
        csv.reader(
            timeline.to_csv(tmp_path / "sub" / "t.csv").read_text(encoding="utf-8").splitlines()
        )
    )
    assert rows[0] == ["start_s", "end_s", "label", "a", 'sit, then "stand"']
    assert rows[1] == ["0.000", "2.000", "a", "0.1235", "0.8765"]
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["t.csv"]


def test__timeline__seconds__count_overlapping_windows_once() -> None:
    assert timeline_of(["a", "a", "b"]).seconds == {"a": 2.0, "b": 2.0}


def test__timeline__nothing_recognised__is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to draw"):
        plot_timeline(timeline_of(["", ""]), tmp_path / "t.svg")
