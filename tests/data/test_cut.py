"""Recordings into windows: each label rule worked by hand, nothing across a gap, nothing lost
without a count."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import toy_recording

from otolith import Cut, Recording, Segment, Stream, Study, write_study
from otolith.core.caches import cache_folder
from otolith.core.errors import ConfigError, StudyError, UnknownNameError
from otolith.data import grid as store
from otolith.data.channels import triad
from otolith.data.cut import cut_recording, too_bridged

RATE_HZ = 10.0
"""Windows of 1 s are 10 samples, with hops of 5: everything can be counted on paper."""


def recording(
    segments: list[tuple[float, float, str]],
    seconds: float = 10.0,
    lost: list[int] | None = None,
    id: str = "r",
    subject: str = "p",
    places: tuple[str, ...] = ("chest",),
) -> Recording:
    """Acceleration of a sensor at rest whose x counts the samples, without the samples in `lost`."""
    sample = np.delete(np.arange(round(seconds * RATE_HZ)), lost or [])
    values = np.stack(
        [sample * 1e-3, np.zeros(len(sample)), np.full(len(sample), 9.81)], axis=1
    ).astype(np.float32)
    streams = tuple(
        Stream(place, triad(place, "acc"), sample / RATE_HZ, values, RATE_HZ) for place in places
    )
    return Recording(id, subject, streams, tuple(Segment(*s) for s in segments))


def cut(folder: Path, *recordings: Recording, **choices: Any) -> Any:
    settings = {"seconds": 1.0, "rate_hz": RATE_HZ, "quantities": ("acc",)} | choices
    return write_study(folder / "study", recordings, name="hand", cut=Cut()).windows(**settings)


def places(windows: Any) -> list[tuple[float, str]]:
    return [
        (round(float(start), 6), label)
        for start, label in zip(windows.start_s, windows.labels, strict=True)
    ]


def test__inside__segments__are_filled_from_their_start(tmp_path: Path) -> None:
    windows = cut(tmp_path, recording([(1.0, 3.2, "a"), (5.0, 6.0, "b"), (8.0, 8.9, "c")]))
    # a: 22 samples hold 10 at 0, 5 and 10 (to 20); b: exactly one; c: a sample too short.
    assert places(windows) == [(1.0, "a"), (1.5, "a"), (2.0, "a"), (5.0, "b")]
    assert windows.dropped == {"segment shorter than a window (c)": 1}
    np.testing.assert_allclose(windows.values([1])[0, 0], np.arange(15, 25) * 1e-3, atol=1e-6)


def test__inside__end_is_not_part_of_a_segment(tmp_path: Path) -> None:
    one = cut(tmp_path / "a", recording([(1.0, 2.0, "a")]))
    assert places(one) == [(1.0, "a")]
    with pytest.raises(StudyError, match=r"segment shorter than a window \(a\)"):
        cut(tmp_path / "b", recording([(1.0, 1.9, "a"), (1.05, 2.0, "a")]))


def test__inside__past_the_end_of_the_recording__is_clipped(tmp_path: Path) -> None:
    windows = cut(tmp_path, recording([(8.0, 99.0, "a")]), overlap=0.0)
    assert places(windows) == [(8.0, "a"), (9.0, "a")]


def test__centre_short__one_window_around_the_middle(tmp_path: Path) -> None:
    windows = cut(
        tmp_path, recording([(4.0, 4.4, "a"), (0.0, 0.2, "b"), (6.0, 8.0, "c")]), centre_short=True
    )
    # a: middle at 42 samples, so from 37; b: would start at -4, moved to 0; c is long enough for
    # the plain rule.
    assert places(windows) == [(3.7, "a"), (0.0, "b"), (6.0, "c"), (6.5, "c"), (7.0, "c")]
    assert windows.dropped == {}


def test__pad__a_short_recording__is_filled_with_its_edges_and_marked(tmp_path: Path) -> None:
    windows = cut(
        tmp_path, recording([(0.0, 0.6, "a")], seconds=0.6), label_rule="centred", pad=True
    )
    assert places(windows) == [(-0.2, "a")]
    np.testing.assert_allclose(
        windows.values()[0, 0], np.array([0, 0, 0, 1, 2, 3, 4, 5, 5, 5]) * 1e-3, atol=1e-7
    )
    assert windows.received()[0].tolist() == [False] * 2 + [True] * 6 + [False] * 2


def test__centred__every_segment_once_however_long(tmp_path: Path) -> None:
    windows = cut(tmp_path, recording([(1.0, 5.0, "a"), (6.0, 6.4, "b")]), label_rule="centred")
    assert places(windows) == [(2.5, "a"), (5.7, "b")]


def test__majority__more_than_half_of_the_window(tmp_path: Path) -> None:
    rows = [(0.0, 0.6, "a"), (0.6, 1.3, "b"), (2.0, 2.5, "a"), (2.5, 3.0, "b")]
    windows = cut(tmp_path, recording(rows, seconds=4.0), label_rule="majority")
    # 0.0: a has 0.6 s; 0.5: b has 0.7; 1.0: b has 0.3; 1.5: a has 0.5 and 2.0: both have 0.5, which
    # is no majority; 2.5: b has 0.5; 3.0: nothing
    assert places(windows) == [
        (0.0, "a"),
        (0.5, "b"),
        (1.0, ""),
        (1.5, ""),
        (2.0, ""),
        (2.5, ""),
        (3.0, ""),
    ]
    assert windows.classes == ("a", "b")


def test__majority__two_parts_of_one_label__add_up(tmp_path: Path) -> None:
    windows = cut(
        tmp_path, recording([(0.0, 0.3, "a"), (0.6, 1.0, "a")], seconds=1.0), label_rule="majority"
    )
    assert places(windows) == [(0.0, "a")]


def test__unlabelled__a_plain_grid_without_classes(tmp_path: Path) -> None:
    windows = cut(tmp_path, recording([(0.0, 5.0, "a")], seconds=2.4), label_rule="unlabelled")
    assert places(windows) == [(0.0, ""), (0.5, ""), (1.0, "")]
    assert windows.classes == ()


@pytest.mark.parametrize(
    ("overlap", "starts"), [(0.0, [0, 1, 2]), (0.5, [0, 0.5, 1, 1.5, 2]), (0.9, None)]
)
def test__overlap__share_that_the_next_repeats(overlap: float, starts: Any, tmp_path: Path) -> None:
    windows = cut(tmp_path, recording([], seconds=3.0), label_rule="unlabelled", overlap=overlap)
    assert windows.start_s.tolist() == pytest.approx(starts or np.arange(21) / 10)


def test__gap__no_window_crosses_it_and_its_label_is_counted(tmp_path: Path) -> None:
    made = recording([(0.0, 10.0, "a"), (4.1, 4.6, "b")], lost=list(range(40, 48)))
    windows = cut(tmp_path, made)
    # stretches of samples 0..39 and 48..99
    assert [start for start, _ in places(windows)] == [0, 0.5, 1, 1.5, 2, 2.5, 3] + [
        4.8 + i / 2 for i in range(9)
    ]
    assert windows.dropped == {"segment without samples (b)": 1}
    assert np.abs(np.diff(windows.values()[:, 0], axis=1) - 1e-3).max() < 1e-6
    assert windows.received().all()


@given(
    st.sets(st.integers(1, 97), max_size=12), st.sampled_from(["unlabelled", "inside", "majority"])
)
@settings(max_examples=25)
def test__gap__any_lost_samples__no_window_holds_a_gap(
    tmp_path_factory: pytest.TempPathFactory, lost: set[int], rule: str
) -> None:
    # Two lost in a row are a gap at 10 Hz, where 0.1 s is one sample.
    made = recording([(0.0, 10.0, "a")], lost=sorted(lost))
    windows = cut(tmp_path_factory.mktemp("gap"), made, label_rule=rule)
    gaps = [i for i in lost if i + 1 in lost]
    for start in windows.start_s:
        first = round(start * RATE_HZ)
        assert not [i for i in gaps if first <= i < first + 10 or first <= i + 1 < first + 10]
    # every sample of every window is one that was received, or a lone lost one, marked so
    sample = np.round(windows.values()[:, 0] * 1e3).astype(int)
    assert set(sample[~windows.received()].tolist()) <= lost
    assert not set(sample[windows.received()].tolist()) & lost


def test__bridged__over_a_fifth__is_dropped_and_counted(tmp_path: Path) -> None:
    lost = [2, 4, 22, 24, 26]  # two of ten are allowed, three are not
    windows = cut(tmp_path, recording([(0.0, 4.0, "a")], seconds=4.0, lost=lost), overlap=0.0)
    assert places(windows) == [(0.0, "a"), (1.0, "a"), (3.0, "a")]
    assert windows.dropped == {"over 20 % bridged": 1}
    assert np.flatnonzero(~windows.received()[0]).tolist() == [2, 4]
    np.testing.assert_allclose(windows.values([0])[0, 0], np.arange(10) * 1e-3, atol=1e-6)


def test__too_bridged__the_worst_sensor_decides() -> None:
    bits = np.zeros(20, np.uint16)
    bits[[0, 1]], bits[[2, 3]] = 1, 2  # two sensors with two each: neither has lost a fifth
    bits[[10, 11, 12]] = 1 << 15
    assert too_bridged(bits, np.array([0, 10]), 10).tolist() == [False, True]
    assert too_bridged(bits[:0], np.array([], dtype=int), 10).tolist() == []


def test__short_stretch__of_a_plain_grid__is_counted(tmp_path: Path) -> None:
    windows = cut(tmp_path, recording([], lost=list(range(5, 20))), label_rule="unlabelled")
    assert windows.dropped == {"stretch shorter than a window": 1}


def test__pad__a_plain_grid__takes_a_short_stretch_of_which_half_was_recorded(
    tmp_path: Path,
) -> None:
    lost = [*range(6, 20), *range(24, 40)]  # stretches of 6, 4 and 60 samples
    windows = cut(tmp_path, recording([], lost=lost), label_rule="unlabelled", pad=True)
    assert [start for start, _ in places(windows)][:2] == [-0.2, 4.0]
    assert windows.dropped == {"stretch shorter than a window": 1}


@given(st.sets(st.integers(0, 39), max_size=25), st.booleans(), st.sampled_from([0.0, 0.5, 0.8]))
@settings(max_examples=25)
def test__one_recording__is_cut_in_use_as_in_training(
    tmp_path_factory: pytest.TempPathFactory, lost: set[int], pad: bool, overlap: float
) -> None:
    made = recording([], seconds=4.0, lost=sorted(lost))
    rule = Cut(1.0, RATE_HZ, overlap, "unlabelled", quantities=("acc",), pad=pad)
    used, bridged = cut_recording(made, rule, triad("chest", "acc"))
    study = write_study(tmp_path_factory.mktemp("one") / "s", [made], name="one", cut=rule)
    if bridged.all():
        with pytest.raises(StudyError, match="gives no window"):
            study.windows()
        return
    trained = study.windows()
    np.testing.assert_array_equal(trained.start_s, used.start_s[~bridged])
    np.testing.assert_array_equal(trained.values(), used.values(~bridged))
    np.testing.assert_array_equal(trained.received(), used.received(~bridged))
    assert trained.dropped.get("over 20 % bridged", 0) == bridged.sum()


def test__missing__error_names_recording_and_channel(tmp_path: Path) -> None:
    both = [
        recording([(0, 5, "a")], id="r1", places=("chest", "head")),
        recording([(0, 5, "a")], id="r2"),
    ]
    with pytest.raises(StudyError, match=r"'r2' has no head\.acc\.x.*missing='mask'"):
        cut(tmp_path, *both)


def test__missing__mask_keeps_it_and_says_so(tmp_path: Path) -> None:
    both = [
        recording([(0, 5, "a")], id="r1", places=("chest", "head")),
        recording([(0, 5, "a")], id="r2"),
    ]
    windows = cut(tmp_path, *both, missing="mask")
    second = windows.recording == "r2"
    assert windows.present[~second].all()
    head = [channel.placement == "head" for channel in windows.channels]
    np.testing.assert_array_equal(
        windows.present[second], np.tile(~np.array(head), (second.sum(), 1))
    )
    assert np.isnan(windows.values(second)[:, head]).all()
    assert np.isfinite(windows.values(second)[:, ~np.array(head)]).all()


def test__missing__drop_leaves_it_out_and_counts_it(tmp_path: Path) -> None:
    both = [
        recording([(0, 5, "a")], id="r1", places=("chest", "head")),
        recording([(0, 5, "a")], id="r2"),
    ]
    windows = cut(tmp_path, *both, missing="drop")
    assert set(windows.recording) == {"r1"}
    assert windows.dropped == {"recording lacks a channel": 1}


def test__slot__one_sensor_anywhere__is_shown_without_its_place(tmp_path: Path) -> None:
    both = [
        recording([(0, 5, "a")], id="r1", places=("chest",)),
        recording([(0, 5, "a")], id="r2", places=("head",)),
    ]
    windows = cut(tmp_path, *both, slot="imu")
    assert [channel.name for channel in windows.channels] == ["imu.acc.x", "imu.acc.y", "imu.acc.z"]
    assert sorted(set(windows.recording)) == ["r1", "r2"]
    np.testing.assert_array_equal(windows.values()[:9], windows.values()[9:])


def test__slot__placements_beside_it__say_which_sensor_fills_it(tmp_path: Path) -> None:
    both = [
        recording([(0, 5, "a")], id="r1", places=("chest", "head")),
        recording([(0, 5, "a")], id="r2", places=("left_wrist",)),
    ]
    windows = cut(tmp_path, *both, slot="imu", placements=("head",), missing="drop")
    assert {channel.placement for channel in windows.channels} == {"imu"}
    assert set(windows.recording) == {"r1"}
    with pytest.raises(StudyError, match=r"Recording 'r2' has no imu\.acc\.x"):
        cut(tmp_path, *both, slot="imu", placements=("head",))
    for missing in ("error", "mask", "drop"):
        with pytest.raises(StudyError, match="no sensor at right_wrist; it has left_wrist"):
            cut(tmp_path, *both, placements=("left_wrist", "right_wrist"), missing=missing)


def test__slot__of_the_study_and_placements_asked__are_shown_under_their_names(
    tmp_path: Path,
) -> None:
    parts = [recording([(0, 5, "a")], id=place, places=(place,)) for place in ("chest", "head")]
    hidden = Cut(seconds=2.0, rate_hz=10.0, quantities=("acc",), slot="imu")
    study = write_study(tmp_path / "study", parts, name="hidden", cut=hidden)
    assert {channel.placement for channel in study.windows().channels} == {"imu"}
    shown = study.windows(placements=("head",), missing="drop")
    assert {channel.placement for channel in shown.channels} == {"head"} and set(
        shown.recording
    ) == {"head"}


def test__slot__two_sensors__is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="two sensors for the slot 'imu'; a slot holds one"):
        cut(tmp_path, recording([(0, 5, "a")], places=("chest", "head")), slot="imu")


def test__labels__chosen__the_others_are_no_class(tmp_path: Path) -> None:
    made = recording([(0.0, 2.0, "a"), (2.0, 4.0, "b"), (4.0, 6.0, "c")])
    windows = cut(tmp_path, made, labels=("c", "a"), overlap=0.0)
    assert windows.classes == ("c", "a")
    assert places(windows) == [(0.0, "a"), (1.0, "a"), (4.0, "c"), (5.0, "c")]


def test__two_rates__come_onto_one_grid(tmp_path: Path) -> None:
    slow = toy_recording("p", seconds_each=4.0, gyro=False)
    fast = replace(slow.streams[0], time_s=slow.streams[0].time_s / 2)  # 100 Hz over the first half
    made = replace(slow, streams=(fast, slow.streams[1]))
    windows = write_study(tmp_path, [made], name="two").windows(
        2.0, 25.0, label_rule="unlabelled", quantities=("acc",)
    )
    assert windows.values().shape == (5, 6, 50)  # 6 s are shared
    assert windows.received().all()


@pytest.mark.parametrize(
    ("choices", "error", "said"),
    [
        ({"seconds": 0.1}, ConfigError, "needs two or more"),
        ({"seconds": "5"}, ConfigError, "'seconds' should be a number"),
        ({"overlap": 1.0}, ConfigError, "'overlap' should be less than 1"),
        ({"rate_hz": -10.0}, ConfigError, "'rate_hz' should be greater than 0"),
        ({"rate": 10.0}, ConfigError, "no setting 'rate'.*Did you mean 'rate_hz'"),
        ({"label_rule": "most"}, ConfigError, "should be 'inside', 'majority', 'centred' or"),
        ({"labels": ("z",)}, StudyError, "has no label 'z'; it has a"),
        ({"quantities": ("gyro",)}, StudyError, r"has none of gyro at chest; it has chest\.acc\.x"),
        ({"placements": ("head",)}, StudyError, "has no sensor at head; it has chest"),
        ({"placements": ("haed",)}, UnknownNameError, "Did you mean 'head'"),
        ({"seconds": 60.0}, StudyError, "gives no window of 60 s.*Ask for shorter windows"),
    ],
)
def test__cut__what_cannot_be__says_why(
    choices: Any, error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        cut(tmp_path, recording([(0.0, 5.0, "a")]), **choices)


def test__cut__no_labels_at_all__points_to_the_plain_grid(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="label_rule='unlabelled'"):
        cut(tmp_path, recording([]))


def test__cut__gravity_mixed__is_refused(tmp_path: Path) -> None:
    other = replace(recording([(0.0, 5.0, "a")], id="r2"), gravity="removed")
    with pytest.raises(StudyError, match="mixes recordings with gravity included and removed"):
        cut(tmp_path, recording([(0.0, 5.0, "a")]), other)


@pytest.mark.parametrize(
    ("performers", "groups"),
    [(("anna", "anna", "bert"), {"anna", "bert"}), ((None,) * 3, {"c1", "c2"})],
)
def test__simulated__windows_belong_to_the_performer_else_the_clip(
    performers: tuple[str | None, ...], groups: set[str], tmp_path: Path
) -> None:
    """All bodies that wore one motion stay together, so that no clip can stand on both sides of a
    split."""
    bodies = [("body 1", "c1"), ("body 2", "c1"), ("body 3", "c2")]
    made = [
        replace(recording([(0, 5, "a")], id=f"r{i}", subject=f"virtual {i}"),
                origin="simulated", performer=performer, clip=clip, body=body)
        for i, ((body, clip), performer) in enumerate(zip(bodies, performers, strict=True))
    ]  # fmt: skip
    windows = cut(tmp_path, *made)
    assert set(windows.subjects) == groups
    clips = dict(zip(("r0", "r1", "r2"), ("c1", "c1", "c2"), strict=True))
    for group in windows.subjects:
        inside = {clips[name] for name in windows.of([group]).recording}
        assert not inside & {clips[name] for name in windows.without([group]).recording}


def test__cache__second_time__is_read_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cut(tmp_path, recording([(0.0, 5.0, "a")]))
    monkeypatch.setattr(store, "_write_store", None)
    again = Study.load(tmp_path / "study").windows(
        seconds=1.0, rate_hz=RATE_HZ, quantities=("acc",)
    )
    assert again.hash == first.hash
    np.testing.assert_array_equal(again.values(), first.values())


def test__cache__deleted__is_made_again(tmp_path: Path) -> None:
    import shutil

    first = cut(tmp_path, recording([(0.0, 5.0, "a")]))
    values = first.values()
    shutil.rmtree(tmp_path / "study" / ".cache")
    again = Study.load(tmp_path / "study").windows(
        seconds=1.0, rate_hz=RATE_HZ, quantities=("acc",)
    )
    np.testing.assert_array_equal(again.values(), values)


def test__cache__study_folder_cannot_be_written__goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    study = write_study(tmp_path / "study", [recording([(0.0, 5.0, "a")])], name="locked")
    (tmp_path / "study" / ".cache").touch()  # a file of that name: no folder can be made
    windows = study.windows(seconds=1.0, rate_hz=RATE_HZ, quantities=("acc",))
    assert cache_folder(study.folder).parent == tmp_path / "home" / "otolith"
    assert list(cache_folder(study.folder).iterdir())
    assert len(windows.values()) == 9


def test__cache__disk_is_full__leaves_nothing_under_the_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path / "study", [recording([(0.0, 5.0, "a")])], name="full")

    def full(received: np.ndarray) -> np.ndarray:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(store, "lost_bits", full)
        study.windows(seconds=1.0, rate_hz=RATE_HZ, quantities=("acc",))
    assert list((tmp_path / "study" / ".cache").iterdir()) == []
    assert len(study.windows(seconds=1.0, rate_hz=RATE_HZ, quantities=("acc",))) == 9
