"""Streams and recordings: each kind of damage has one treatment, and every row is accounted for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith import Recording, Segment, Stream
from otolith.core.errors import DataError, ReadError, UnitError
from otolith.data.channels import triad
from otolith.data.recording import RowReport, group_of, refuse_wrong_unit
from otolith.data.signals.rate import measured_rate

ACC = triad("chest", "acc")


def stream(time_s: Any, values: Any = None, **more: Any) -> Stream:
    time = np.asarray(time_s, dtype=np.float64)
    if values is None:
        values = np.tile([0.0, 0.0, 9.81], (len(time), 1))
    return Stream.from_rows("chest", ACC, time, np.asarray(values, dtype=np.float64), **more)


def reports(made: Stream) -> dict[str, int]:
    return {report.kind: report.rows for report in made.reports}


def test__from_rows__clean__keeps_everything_and_reports_nothing() -> None:
    made = stream(np.arange(10) / 50)
    assert (made.rows_read, made.rows_kept, made.reports) == (10, 10, ())
    assert made.values.dtype == np.float32
    assert made.time_s.dtype == np.float64
    assert made.rate_hz == pytest.approx(50.0)
    assert made.duration_s == pytest.approx(0.18)


def test__from_rows__repeated_and_backward_stamps__leave_the_rows_that_go_on() -> None:
    time = [0.0, 0.1, 0.1, 0.2, 0.15, 0.2, 0.3]
    made = stream(time, np.arange(21).reshape(7, 3))
    np.testing.assert_array_equal(made.time_s, [0.0, 0.1, 0.2, 0.3])
    np.testing.assert_array_equal(made.values[:, 0], [0, 3, 9, 18])
    assert reports(made) == {"repeated stamp": 2, "backward stamp": 1}
    assert made.rows_read == made.rows_kept + sum(reports(made).values()) == 7


def test__from_rows__missing_numbers__leave_out_their_rows() -> None:
    values = np.ones((5, 3))
    values[1, 2], values[2, 0] = np.nan, np.inf
    made = stream([0.0, 0.1, 0.2, 0.3, np.nan], values)
    np.testing.assert_allclose(made.time_s, [0.0, 0.3])
    assert reports(made)["not a number"] == 3


def test__from_rows__a_silent_channel__goes_alone_with_a_remark() -> None:
    values = np.ones((4, 3))
    values[:, 1] = np.nan
    made = stream(np.arange(4) / 10, values)
    assert [channel.axis for channel in made.channels] == ["x", "z"]
    assert made.rows_kept == 4
    assert made.reports[0] == RowReport("silent channel", 0, "never a number: chest.acc.y")


@pytest.mark.parametrize("rows", [0, 3])
def test__from_rows__no_usable_row__is_refused_with_the_reasons(rows: int) -> None:
    with pytest.raises(ReadError, match=rf"no usable row \({rows} read\)"):
        stream(np.arange(rows) / 10, np.full((rows, 3), np.nan))


def test__from_rows__lost_samples__are_counted_by_the_steps() -> None:
    kept = np.delete(np.arange(100), [10, 11, 40])
    made = stream(kept / 50)
    assert made.lost_samples() == (3, 2)
    assert made.reports[-1] == RowReport("lost samples", 0, "3 never came, in 2 places")
    assert made.rate_hz == pytest.approx(50.0)


def test__from_rows__reports_of_the_reader__count_as_read() -> None:
    made = stream(np.arange(4) / 10, reports=[RowReport("not text", 3)])
    assert made.rows_read == 7


@given(
    st.lists(
        st.sampled_from([0.0, 0.1, 0.2, 0.30000000000000004, 0.4, np.nan]), min_size=1, max_size=30
    )
)
@settings(max_examples=60)
def test__from_rows__any_stamps__rise_strictly_and_every_row_is_accounted_for(
    stamps: list[float],
) -> None:
    if np.isnan(stamps).all():
        with pytest.raises(ReadError):
            stream(stamps)
        return
    made = stream(stamps)
    assert (np.diff(made.time_s) > 0).all()
    assert made.rows_read == len(stamps) == made.rows_kept + sum(reports(made).values())


def test__stream__reader_that_loses_rows__is_caught() -> None:
    with pytest.raises(DataError, match="lost rows without a word"):
        Stream("chest", ACC, np.arange(3.0), np.zeros((3, 3), np.float32), rows_read=5)


def test__stream__values_of_another_shape__are_refused() -> None:
    with pytest.raises(DataError, match=r"values of shape \(3, 2\)"):
        Stream("chest", ACC, np.arange(3.0), np.zeros((3, 2), np.float32))


@given(st.sets(st.integers(1, 300), max_size=60), st.floats(0, 0.2))
@settings(max_examples=30)
def test__rate__of_a_stream_and_of_its_resampling__is_one_measurement(
    lost: set[int], jitter: float
) -> None:
    sample = np.delete(np.arange(302), sorted(lost))
    time_s = (sample + np.random.default_rng(0).uniform(-jitter, jitter, len(sample))) / 50
    assert stream(time_s).rate_hz == measured_rate(time_s)


def test__stream__one_sample__has_no_rate() -> None:
    made = stream([0.0])
    assert np.isnan(made.rate_hz)
    assert made.duration_s == 0
    assert made.lost_samples() == (0, 0)


@pytest.mark.parametrize("id", ["", "a/b", "..", "a:b", "a\\b", 'a"b', ".hidden"])
def test__recording__id_that_is_no_file_name__is_refused(id: str) -> None:
    with pytest.raises(DataError, match="file name"):
        Recording(id, "p", ())


def test__recording__same_channel_twice__asks_for_a_device_name() -> None:
    one = stream(np.arange(5) / 10)
    with pytest.raises(DataError, match="give the second device a name"):
        Recording("a", "p", (one, one))


def test__recording__two_streams__knows_both() -> None:
    head = Stream("head", triad("head", "gyro"), np.arange(20) / 10, np.zeros((20, 3), np.float32))
    made = Recording("a", "p", (stream(np.arange(5) / 10), head), (Segment(0, 1, "walking"),))
    assert made.placements == ["chest", "head"]
    assert len(made.channels) == 6
    assert made.duration_s == pytest.approx(1.9)
    assert made.group == "p"


def test__recording__gravity__is_judged_for_each_accelerometer() -> None:
    made = Recording("a", "p", (stream(np.arange(200) / 50),))
    verdict = made.gravity_verdicts()["chest"]
    assert verdict.median_norm == pytest.approx(9.81, abs=1e-5)
    refuse_wrong_unit("chest", verdict, "here")
    wrong = Recording("a", "p", (stream(np.arange(200) / 50, np.tile([0, 1.0, 0], (200, 1))),))
    with pytest.raises(
        UnitError, match=r"here: the accelerometer 'chest' reads 1 m/s².*unit = 'g'"
    ):
        refuse_wrong_unit("chest", wrong.gravity_verdicts()["chest"], "here")


@pytest.mark.parametrize(
    ("origin", "performer", "clip", "group"),
    [
        ("measured", None, None, "subject"),
        ("measured", "performer", "clip", "subject"),
        ("simulated", "performer", "clip", "performer"),
        ("simulated", None, "clip", "clip"),
        ("simulated", None, None, "subject"),
    ],
)
def test__group_of__who_must_not_be_torn_apart(
    origin: str, performer: Any, clip: Any, group: str
) -> None:
    assert group_of(origin, "subject", performer, clip) == group


def test__group_of__clips_that_may_be_of_one_person__stay_together() -> None:
    assert group_of("simulated", "subject", None, "clip", "group") == "group"
    assert group_of("simulated", "subject", "performer", "clip", "group") == "performer"
    assert group_of("measured", "subject", None, "clip", "group") == "subject"


@pytest.mark.parametrize(
    "start", ["2026-03-29T08:15:00+02:00", "2026-03-29T08:15:00.5Z", "2026-03-29 08:15+00:00"]
)
def test__recording__start__is_a_moment_with_a_zone(start: str) -> None:
    made = Recording("a", "p", (), start=start)
    assert made.start == start
    later = made.moment(90.0)
    assert later is not None
    assert (later.hour, later.minute) == (8, 16)
    assert Recording("a", "p", ()).moment(1.0) is None


@pytest.mark.parametrize(
    "start",
    [
        "2026-03-29T08:15:00",
        "2026-03-29",
        "yesterday",
        "",
        "2026-13-01T00:00:00Z",
        1.7e9,
        ["x"] * 9,
    ],
)
def test__recording__start_without_zone_or_date__is_refused(start: Any) -> None:
    with pytest.raises(DataError, match="ISO 8601 with a zone"):
        Recording("a", "p", (), start=start)


def test__moment__past_midnight__goes_on_and_never_leaves_the_calendar() -> None:
    made = Recording("a", "p", (), start="2026-12-31T23:59:59.500-03:00")
    assert str(made.moment(1.0)) == "2027-01-01 00:00:00.500000-03:00"
    with pytest.raises(DataError, match="starts at"):
        made.moment(1e15)


def test__from_rows__stamps_less_than_a_nanosecond_apart__are_refused() -> None:
    from otolith.core.errors import ReadError
    from otolith.data.channels import triad

    with pytest.raises(ReadError, match="less than a nanosecond apart"):
        Stream.from_rows("acc", triad("waist", "acc"), np.arange(9) * 1e-310, np.ones((9, 3)))
