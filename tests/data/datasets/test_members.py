"""What is particular to one data set: counters, labels, clocks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ConfigError, ReadError
from otolith.data.datasets import als_har, hapt, ipol_gait, mex, openpack, utd_mhad
from otolith.data.quantities import STANDARD_GRAVITY


def test__hapt__labels__count_from_one_and_include_both_ends(tmp_path: Path) -> None:
    hapt.write_sample(tmp_path)
    first = next(hapt.Hapt().read(tmp_path))
    assert [(s.start_s, s.end_s, s.label) for s in first.segments] == [
        (0.0, 5.0, "standing"),
        (6.0, 11.8, "walking"),
    ]
    # 250 samples: the first at 0 s, the last at 4.98 s, so that 5 s is not part of it.
    time_s = first.streams[0].time_s
    assert ((time_s >= 0.0) & (time_s < 5.0)).sum() == 250


def test__hapt__numbers__are_g_times_gravity_and_radians_as_they_are(tmp_path: Path) -> None:
    hapt.write_sample(tmp_path)
    recording = next(hapt.Hapt().read(tmp_path))
    raw = {q: np.loadtxt(tmp_path / "RawData" / f"{q}_exp01_user01.txt") for q in ("acc", "gyro")}
    np.testing.assert_allclose(
        recording.streams[0].values, raw["acc"] * STANDARD_GRAVITY, rtol=1e-6
    )
    np.testing.assert_allclose(recording.streams[1].values, raw["gyro"], rtol=1e-6)


def test__hapt__gyroscope_file_missing__is_told_before_reading(tmp_path: Path) -> None:
    hapt.write_sample(tmp_path)
    (tmp_path / "RawData" / "gyro_exp02_user01.txt").unlink()
    with pytest.raises(ReadError, match=r"gyro_exp02_user01\.txt is missing"):
        hapt.Hapt().verify(tmp_path)


def test__hapt__damaged_label_line__names_the_line(tmp_path: Path) -> None:
    hapt.write_sample(tmp_path)
    with (tmp_path / "RawData" / "labels.txt").open("a") as labels:
        labels.write("3 2 13 1 2\n")
    with pytest.raises(ReadError, match=r"labels\.txt, line 7"):
        list(hapt.Hapt().read(tmp_path))


def test__mex__label__covers_every_sample(tmp_path: Path) -> None:
    mex.write_sample(tmp_path)
    recordings = list(mex.Mex().read(tmp_path))
    assert [r.id for r in recordings][:3] == ["01_01_act_1", "01_04_act_1", "01_04_act_2"]
    for recording in recordings:
        (segment,), (stream,) = recording.segments, recording.streams
        assert segment.start_s == stream.time_s[0] == 0.0
        assert stream.time_s[-1] < segment.end_s < stream.time_s[-1] + 0.02
    assert {r.segments[0].label for r in recordings} == {"knee rolling", "the clam"}


def test__mex__eighth_exercise__is_refused(tmp_path: Path) -> None:
    mex.write_sample(tmp_path)
    here = tmp_path / "act" / "02"
    (here / "01_act_1.csv").rename(here / "08_act_1.csv")
    with pytest.raises(ReadError, match="08_act_1"):
        list(mex.Mex().read(tmp_path))


def test__utd_mhad__place_and_units__follow_the_action(tmp_path: Path) -> None:
    from scipy.io import loadmat

    utd_mhad.write_sample(tmp_path)
    recordings = {r.id: r for r in utd_mhad.UtdMhad().read(tmp_path)}
    assert list(recordings) == ["a1_s1_t1", "a1_s2_t1", "a2_s1_t1", "a10_s1_t1", "a27_s2_t1"]
    assert recordings["a10_s1_t1"].placements == ["right_wrist"]
    assert recordings["a27_s2_t1"].placements == ["right_thigh"]
    assert recordings["a27_s2_t1"].segments[0].label == "squat"
    raw = loadmat(tmp_path / "Inertial" / "a27_s2_t1_inertial.mat")["d_iner"]
    values = recordings["a27_s2_t1"].streams[0].values
    np.testing.assert_allclose(values[:, :3], raw[:, :3] * STANDARD_GRAVITY, rtol=1e-5)
    np.testing.assert_allclose(values[:, 3:], np.deg2rad(raw[:, 3:]), rtol=1e-5, atol=1e-7)


def test__utd_mhad__skeleton__spans_the_inertial_trial(tmp_path: Path) -> None:
    utd_mhad.write_sample(tmp_path)
    time_s, positions = utd_mhad.skeleton(tmp_path, "a10_s1_t1")
    assert positions.shape == (60, 20, 3) and len(utd_mhad.JOINTS) == 20
    assert (time_s[0], time_s[-1]) == (0.0, 189 / 50)
    with pytest.raises(ReadError, match="a99"):
        utd_mhad.skeleton(tmp_path, "a99_s1_t1")


def test__utd_mhad__evaluation__hides_the_place_and_has_a_wrist_view() -> None:
    cut = utd_mhad.UtdMhad.cut
    assert (cut.slot, cut.label_rule, len(cut.labels)) == (
        "imu",
        "centred",
        27,
    )
    assert utd_mhad.WRIST_ACTIONS[-1] == "pick up and throw" and len(utd_mhad.WRIST_ACTIONS) == 21


def test__ipol_gait__lost_packets__leave_the_clock_right(tmp_path: Path) -> None:
    ipol_gait.write_sample(tmp_path)
    walk = next(ipol_gait.IpolGait().read(tmp_path))
    left, right, back = walk.streams
    assert (left.time_s[0], right.time_s[0], back.time_s[0]) == (0.0, 0.01, 0.02)
    assert 3.99 in left.time_s and 4.0 not in left.time_s and 4.04 in left.time_s
    assert any(
        r.kind == "lost samples" and r.detail.startswith("4 never came") for r in left.reports
    )
    spans = [(s.label, s.start_s, s.end_s) for s in walk.segments]
    assert spans == [
        ("stand", 0.0, 3.0),
        ("walk", 3.0, 5.0),
        ("turn", 5.0, 6.2),
        ("walk", 6.2, 8.0),
        ("stand", 8.0, 10.0),
    ]


def test__ipol_gait__unknown_weight__is_left_out_of_the_facts(tmp_path: Path) -> None:
    ipol_gait.write_sample(tmp_path)
    walks = {r.id: r.facts for r in ipol_gait.IpolGait().read(tmp_path)}
    assert list(walks) == ["1-1", "1-2", "10-1"]
    assert walks["1-1"] == {"age": 49, "gender": "F", "height_cm": 175.0, "weight_kg": 75.0}
    assert "weight_kg" not in walks["10-1"]


def test__ipol_gait__repeated_packet__is_counted(tmp_path: Path) -> None:
    ipol_gait.write_sample(tmp_path)
    path = tmp_path / "GaitData" / "1-1_lf.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:20], lines[19], *lines[20:]]))
    left = next(ipol_gait.IpolGait().read(tmp_path)).streams[0]
    assert ("repeated stamp", 1) in [(r.kind, r.rows) for r in left.reports]


def test__unwrap_counter__past_65535__runs_on() -> None:
    wrapped = np.array([65533.0, 65534.0, 65535.0, 0.0, 2.0, 1.0, np.nan, 3.0])
    expected = [65533.0, 65534.0, 65535.0, 65536.0, 65538.0, 65537.0, np.nan, 65539.0]
    np.testing.assert_array_equal(ipol_gait.unwrap_counter(wrapped), expected)


def test__ipol_gait__turn_outside_the_walk__is_refused(tmp_path: Path) -> None:
    ipol_gait.write_sample(tmp_path)
    path = tmp_path / "GaitData" / "1-1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"UTurnBoundaries": [900, 950]}))
    with pytest.raises(ReadError, match="UTurnBoundaries"):
        list(ipol_gait.IpolGait().read(tmp_path))


def test__openpack__clock__starts_with_the_earliest_sensor(tmp_path: Path) -> None:
    openpack.write_sample(tmp_path)
    first = next(openpack.OpenPack().read(tmp_path))
    assert [stream.time_s[0] for stream in first.streams] == pytest.approx([0.0, 0.06, 0.12, 0.18])
    assert first.start == "2022-03-29T05:25:21+00:00"
    assert [(s.start_s, s.end_s, s.label) for s in first.segments] == [
        (pytest.approx(1.0), pytest.approx(6.0), "Picking"),
        (pytest.approx(6.0), pytest.approx(12.5), "Assemble Box"),
    ]


def test__openpack__actions__are_an_option(tmp_path: Path) -> None:
    openpack.write_sample(tmp_path)
    first = next(openpack.OpenPack(annotation="actions").read(tmp_path))
    assert [s.label for s in first.segments] == ["Walk to Work Bench", "Bend Flap"]
    with pytest.raises(ConfigError, match="should be 'operations' or 'actions'; given 'outliers'"):
        openpack.OpenPack(annotation="outliers")  # type: ignore[arg-type]


def test__openpack__sensor_or_annotation_missing__reads_the_rest(tmp_path: Path) -> None:
    openpack.write_sample(tmp_path)
    worker = tmp_path / "openpack" / "v1.0.0" / "U0101"
    (worker / "atr" / "atr01" / "S0100.csv").unlink()
    (worker / "annotation" / "openpack-operations" / "S0100.csv").unlink()
    first = next(openpack.OpenPack().read(tmp_path))
    assert (
        first.placements == ["left_wrist", "right_upper_arm", "left_upper_arm"]
        and not first.segments
    )


def test__openpack__wristbands__are_counted_in_steps_and_lie_on_the_sensors_clock(
    tmp_path: Path,
) -> None:
    openpack.write_sample(tmp_path)
    first = next(openpack.OpenPack(sensors="all").read(tmp_path))
    bands = {stream.name: stream for stream in first.streams if "@e4" in stream.name}
    assert list(bands) == ["right_wrist@e4", "left_wrist@e4"]
    right = bands["right_wrist@e4"]
    assert [channel.name for channel in right.channels] == [
        f"right_wrist@e4.acc.{axis}" for axis in "xyz"
    ]
    # 26, 58 and 7 counts of 1/64 g: the numbers of the authors' own example are these, divided by
    # 9.80665.
    np.testing.assert_allclose(
        np.median(right.values, axis=0), np.array([-26, -58, 7]) / 64 * STANDARD_GRAVITY
    )
    assert (right.time_s[0], first.streams[0].time_s[0]) == (0.0, 0.5)
    assert any(report.kind == "unit" for report in right.reports)
    only = next(openpack.OpenPack(sensors="e4").read(tmp_path))
    assert [stream.name for stream in only.streams] == list(bands)


@pytest.mark.parametrize(("scale", "said"), [(1.0, 0), (1 / STANDARD_GRAVITY, 1), (1.2345, 1)])
def test__openpack__band_unit__is_seen_from_the_steps(scale: float, said: int) -> None:
    counts = np.random.default_rng(0).integers(-128, 128, (200, 3))
    unit_g, note = openpack._band_unit(counts / 64 * scale)
    assert unit_g == pytest.approx(1 / scale if scale < 1.1 else 1.0)
    assert bool(note) is bool(said)


def test__openpack__people_who_came_twice__are_one_subject(tmp_path: Path) -> None:
    openpack.write_sample(tmp_path)
    root = tmp_path / "openpack" / "v1.0.0"
    (root / "U0101").rename(root / "U0105")
    (root / "U0102").rename(root / "U0202")
    recordings = list(openpack.OpenPack().read(tmp_path))
    assert [(r.id, r.subject, r.facts["user"]) for r in recordings] == [
        ("U0105_S0100", "U0105", "U0105"),
        ("U0202_S0100", "U0105", "U0202"),
    ]


def test__openpack__split_of__is_that_of_the_challenge() -> None:
    users = [f"U01{n:02}" for n in range(1, 12)] + [f"U02{n:02}" for n in range(1, 11)]
    found = [openpack.split_of(user, f"S0{n}00") for user in users for n in range(1, 6)]
    assert [found.count(split) for split in ("train", "val", "test", "submission")] == [
        44,
        7,
        4,
        22,
    ]
    submitted = {
        openpack.SAME_PERSON.get(u, u)
        for u in users
        if openpack.split_of(u, "S0300") == "submission"
    }
    seen = {
        openpack.SAME_PERSON.get(u, u) for u in users if openpack.split_of(u, "S0100") == "train"
    }
    assert not submitted & seen


def test__openpack__unknown_sensors__are_refused() -> None:
    with pytest.raises(ConfigError, match="should be 'atr', 'e4' or 'all'; given 'bands'"):
        openpack.OpenPack(sensors="bands")  # type: ignore[arg-type]


def test__als_har__third_scenario__is_what_is_read_unless_told(tmp_path: Path) -> None:
    als_har.write_sample(tmp_path)
    first = next(als_har.AlsHar().read(tmp_path))
    assert (first.id, first.facts["light"]) == ("s3_P1_take1", "outdoors")
    assert [(s.label, round(s.start_s, 2), round(s.end_s, 2)) for s in first.segments] == [
        ("stirring", 0.0, 10.0),
        ("bicep_curl", 11.0, 20.0),
    ]
    assert [r.id for r in als_har.AlsHar(scenarios=(1,)).read(tmp_path)] == ["s1_P1_take1"]
    with pytest.raises(ReadError, match="no scenario2/<person>"):
        list(als_har.AlsHar(scenarios=(2,)).read(tmp_path))
    with pytest.raises(ConfigError, match="should be 1, 2 or 3; given 4"):
        als_har.AlsHar(scenarios=(4,))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="at least one of the scenarios 1, 2 and 3"):
        als_har.AlsHar(scenarios=())


def test__als_har__another_layout__says_what_was_expected_and_found(tmp_path: Path) -> None:
    als_har.write_sample(tmp_path)
    path = tmp_path / "ALS-HAR" / "scenario3" / "P1" / "take1.csv"
    text = path.read_text()
    path.write_text(text.replace("acc_x,acc_y,acc_z", "ax,ay,az", 1))
    with pytest.raises(
        ReadError,
        match=r"lacks the columns acc_x, acc_y, acc_z; it has time_ms, ax.*--guess --mapping",
    ):
        list(als_har.AlsHar().read(tmp_path))
    head, *rows = text.splitlines()
    path.write_text(
        "\n".join(
            [head, *(f"{float(r.split(',', 1)[0]) / 1000},{r.split(',', 1)[1]}" for r in rows)]
        )
    )
    with pytest.raises(ReadError, match=r"3e\+04 samples a second; expected about 30"):
        list(als_har.AlsHar().read(tmp_path))
