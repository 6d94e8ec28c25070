"""Windows: they know whose they are, draws are nested, and a large store is read in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.data.channels import Channel, triad
from otolith.data.store import Store
from otolith.data.windows import Windows

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = [channel.name for channel in triad("head", "acc")]


def of_array(labels: list[str] | None = None, count: int = 4, **more: Any) -> Windows:
    values = np.arange(count * 3 * 5, dtype=np.float32).reshape(count, 3, 5)
    return Windows.from_array(values, labels, rate_hz=50, channels=NAMES, **more)


def labelled(*counts: int) -> Windows:
    labels = [f"class {i}" for i, n in enumerate(counts) for _ in range(n)]
    return of_array(labels, len(labels))


def test__from_array__values_and_labels__come_back() -> None:
    windows = of_array(["b", "a", "b", "a"], subject=["p10", "p2", "p2", "p10"])
    np.testing.assert_array_equal(
        windows.values(), np.arange(60, dtype=np.float32).reshape(4, 3, 5)
    )
    assert windows.classes == ("a", "b")
    assert windows.labels.tolist() == ["b", "a", "b", "a"]
    assert windows.subjects == ["p2", "p10"]
    assert windows.seconds == 0.1
    assert windows.received().all() and windows.present.all()
    np.testing.assert_array_equal(windows.values([2, 0]), windows.values()[[2, 0]])


def test__from_array__nothing_said_of_people__is_one_person() -> None:
    assert of_array().subjects == ["1"]
    assert not of_array().is_labelled.any()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"labels": ["a"]}, "4 windows but 1 labels"),
        ({"subject": ["a", "b"]}, "4 windows but 2 subject"),
    ],
)
def test__from_array__one_too_few__is_refused(more: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        of_array(**more)


def test__from_array__other_shape__says_which_is_wanted() -> None:
    with pytest.raises(DataError, match=r"\(windows, 3 channels, samples\), found \(4, 5, 3\)"):
        Windows.from_array(np.zeros((4, 5, 3)), rate_hz=50, channels=NAMES)


def test__hash__same_windows_same_hash__other_order_or_labels_another() -> None:
    values = np.arange(30, dtype=np.float32).reshape(2, 3, 5)

    def hash_of(values: np.ndarray, labels: list[str]) -> str:
        return Windows.from_array(values, labels, rate_hz=50, channels=NAMES).hash

    assert hash_of(values, ["a", "b"]) == hash_of(values.copy(), ["a", "b"])
    assert (
        len(
            {
                hash_of(values, ["a", "b"]),
                hash_of(values[::-1], ["a", "b"]),
                hash_of(values, ["b", "a"]),
            }
        )
        == 3
    )
    windows = of_array(["a", "b", "a", "b"])
    assert windows[:2].hash != windows[2:].hash


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 100))
@settings(max_examples=40)
def test__few__any_classes_and_seed__draws_are_nested_and_complete(
    counts: list[int], seed: int
) -> None:
    windows = labelled(*counts)
    before: set[int] = set()
    for shots in (1, 2, 4, 8, 16, 32, 64):
        few = windows.few(shots, seed)
        drawn = set(few.first_row.tolist())
        assert before <= drawn
        assert np.bincount(few.code).tolist() == [min(shots, n) for n in counts]
        assert few.hash == windows.few(shots, seed).hash
        before = drawn
    assert len(before) == len(windows.few("all", seed)) == sum(counts) or max(counts) > 64


def test__few__another_seed__is_another_draw() -> None:
    windows = labelled(40, 40)
    assert windows.few(4, 0).first_row.tolist() != windows.few(4, 1).first_row.tolist()


def test__few__a_class_grows__the_draw_of_the_others_stays() -> None:
    one, other = labelled(20, 5), labelled(20, 9)
    np.testing.assert_array_equal(one.few(3, 1).first_row[:3], other.few(3, 1).first_row[:3])


def test__few__only_labelled_windows__are_drawn(toy_study: Any) -> None:
    windows = toy_study.windows(label_rule="majority", labels=("walking",))
    assert not windows.is_labelled.all()
    assert windows.few("all").is_labelled.all()
    assert set(windows.few(5).labels) == {"walking"}


@pytest.mark.parametrize("shots", [0, -1, "some", 1.5])
def test__few__senseless_number__is_refused(shots: Any) -> None:
    with pytest.raises(ConfigError, match="whole numbers from 1 up"):
        labelled(3).few(shots)


def test__short_classes__says_which_and_how_many() -> None:
    windows = labelled(3, 10)
    assert windows.short_classes(8) == {"class 0": 3}
    assert windows.short_classes(3) == windows.short_classes("all") == {}


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20),
    st.sets(st.sampled_from("abcdefg")),
)
@settings(max_examples=40)
def test__of_and_without__any_people__part_the_windows(people: list[str], chosen: set[str]) -> None:
    windows = of_array(count=len(people), subject=people)
    inside, outside = windows.of(sorted(chosen)), windows.without(sorted(chosen))
    assert set(inside.subjects) <= chosen
    assert not set(outside.subjects) & chosen
    assert sorted([*inside.first_row, *outside.first_row]) == windows.first_row.tolist()


def test__hide_labels__nothing_of_them_is_left(toy_windows: Windows) -> None:
    hidden = toy_windows.hide_labels()
    assert hidden.classes == () and not hidden.is_labelled.any()
    assert set(hidden.labels) == {""}
    np.testing.assert_array_equal(hidden.values([0]), toy_windows.values([0]))


def test__no_split_by_windows__exists() -> None:
    assert not [name for name in dir(Windows) if "split" in name or "shuffle" in name]


def placed(first: list[int], pieces: list[list[int]], **parts: Any) -> Windows:
    """Windows of 4 samples over a store of 20 rows that count up."""
    rows = np.arange(20, dtype=np.float32)[:, None]
    store = Store(
        parts.get("values", rows),
        parts.get("lost", np.zeros(20, np.uint16)),
        np.array(pieces),
        "key",
    )
    count, text = len(first), np.array(["p"] * len(first), dtype=object)
    piece = np.array(parts.get("piece", [0] * count))
    return Windows(store, (Channel("head", "acc", "x"),), 50.0, 4, np.array(first), piece, text, text,
                   np.zeros(count), np.full(count, -1), ())  # fmt: skip


def test__values__past_its_stretch__repeat_the_edge_and_say_so() -> None:
    windows = placed([3, 8, 10, 16], [[5, 11], [11, 18]], piece=[0, 0, 1, 1])
    np.testing.assert_array_equal(
        windows.values()[:, 0], [[5, 5, 5, 6], [8, 9, 10, 10], [11, 11, 12, 13], [16, 17, 17, 17]]
    )
    np.testing.assert_array_equal(
        windows.received().astype(int), [[0, 0, 1, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 1, 0, 0]]
    )


def test__received__lost_by_any_stream__is_not_received() -> None:
    lost = np.zeros(20, np.uint16)
    lost[[2, 3]] = [1, 4]
    windows = placed([0, 1], [[0, 20]], lost=lost)
    np.testing.assert_array_equal(windows.received().astype(int), [[1, 1, 0, 0], [1, 0, 0, 1]])


def test__present__a_recording_without_the_channel__is_marked() -> None:
    values = np.arange(20, dtype=np.float32)[:, None].copy()
    values[10:] = np.nan
    windows = placed([2, 12], [[0, 10], [10, 20]], values=values, piece=[0, 1])
    assert windows.present.tolist() == [[True], [False]]


def test__batches__cover_every_window_once_in_order(toy_windows: Windows) -> None:
    whole = toy_windows.values()
    index, parts = zip(*toy_windows.batches(50), strict=True)
    np.testing.assert_array_equal(np.concatenate(index), np.arange(len(toy_windows)))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert max(map(len, parts)) == 50


def test__batches__pages_handed_back__read_the_same_again(
    toy_windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[int] = []
    original = Store.release
    monkeypatch.setattr("otolith.data.windows._RELEASE_BYTES", 100_000)
    monkeypatch.setattr(Store, "release", lambda store: (released.append(1), original(store))[1])
    parts = [values.copy() for _, values in toy_windows.batches(8)]
    assert len(released) > 3
    np.testing.assert_array_equal(np.concatenate(parts), toy_windows.values())


def test__require__other_channels_or_rate__says_what_to_type(toy_windows: Windows) -> None:
    toy_windows.require(toy_windows.channels, 50.0, toy_windows.length, "encoder 'a'")
    toy_windows.require(toy_windows.channels, 50.0, None, "encoder 'a'")
    with pytest.raises(ChannelError, match=r"encoder 'a' was made for head\.acc\.x"):
        toy_windows.require([Channel("head", "acc", "x")], 50.0, None, "encoder 'a'")
    with pytest.raises(ChannelError, match=r"study\.windows\(seconds=5, rate_hz=20\)"):
        toy_windows.require(toy_windows.channels, 20.0, 100, "encoder 'a'")


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere pages handed back go only when memory is short"
)
def test__memory__a_store_far_larger_than_the_limit__is_read_within_it(tmp_path: Path) -> None:
    """The benchmark of 2,000 hours in small: 60 hours in recordings of an hour, pages handed back
    every 16 MB."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import memory
    finally:
        sys.path.remove(str(BENCHMARKS))
    hours = memory.make(tmp_path / "study", hours=60, hours_each=1)
    megabytes = hours * 3600 * memory.RATE_HZ * memory.CHANNELS * memory.BYTES / 2**20
    script = memory.READ_ALL.replace(
        "started, before",
        "otolith.data.windows._RELEASE_BYTES, otolith.data.cut._RELEASE_ROWS = 2**24, "
        "2**20\nstarted, before",
        1,
    )
    for _ in ("first", "from the store"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "study")],
            capture_output=True,
            text=True,
            check=True,
        )
        measured = json.loads(done.stdout)
        assert measured["windows"] > 85_000
        assert measured["peak_mb"] - measured["before_mb"] < 0.5 * megabytes


def test__values_and_received__of_few_among_very_many__look_up_those_alone() -> None:
    count = 2_000_000
    pieces = np.stack([np.arange(0, 10_000, 10), np.arange(10, 10_001, 10)], axis=1)
    piece = np.arange(count) % len(pieces)
    store = Store(np.zeros((10_000, 3), np.float32), np.zeros(10_000, np.uint16), pieces, "key")
    person = np.broadcast_to(np.array("p", dtype=object), count)
    windows = Windows(store, triad("head", "acc"), 50.0, 10, pieces[piece, 0], piece, person, person,
                      np.zeros(count), np.full(count, -1), ())  # fmt: skip
    chosen = np.arange(0, count, count // 256)
    tracemalloc.start()
    windows.values(chosen)
    windows.received(chosen)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
