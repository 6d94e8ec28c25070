"""Labels over the same time: one label twice is one stretch, two labels at once are no label, and
both are counted."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otolith import Cut, Recording, Segment, Stream, write_study
from otolith.core.errors import OtolithWarning, StudyError
from otolith.data.channels import triad
from otolith.data.contradiction import contradicting, merged, other_label


def cut(folder: Path, *segments: tuple[float, float, str], **choices: Any) -> Any:
    """Windows of 2 s at 10 Hz, one after the other, of 40 s in which nothing moves."""
    time_s = np.arange(400) / 10
    values = np.tile(np.array([0.1, 0.2, 9.81], dtype=np.float32), (400, 1))
    stream = Stream("waist", tuple(triad("waist", "acc")), time_s, values, 10.0)
    recording = Recording("r", "p", (stream,), tuple(Segment(*s) for s in segments))
    study = write_study(folder / "study", [recording], name="hand", cut=Cut())
    return study.windows(
        **{"seconds": 2.0, "rate_hz": 10.0, "overlap": 0.0, "quantities": ("acc",)} | choices
    )


def places(windows: Any) -> list[tuple[float, str]]:
    return [
        (round(float(s), 2), str(label))
        for s, label in zip(windows.start_s, windows.labels, strict=True)
    ]


def test__inside__one_stretch_under_two_labels__gives_neither_and_says_how_many(
    tmp_path: Path,
) -> None:
    with pytest.warns(
        OtolithWarning, match=r"8 windows lie under two labels .*\(run and walk: 8\)"
    ):
        windows = cut(tmp_path, (0, 8, "walk"), (0, 8, "run"), (10, 14, "walk"))
    assert places(windows) == [(10, "walk"), (12, "walk")]
    assert windows.dropped == {"under two labels (run and walk)": 8}


def test__inside__labels_that_overlap_in_part__lose_what_more_than_half_of_is_claimed(
    tmp_path: Path,
) -> None:
    with pytest.warns(OtolithWarning, match="2 windows lie under two labels"):
        windows = cut(tmp_path, (0, 10, "walk"), (7, 16, "run"))
    # walk 8 to 10 and run 7 to 9 are claimed by the other; walk 6 to 8 and run 9 to 11 by half of
    # it at most.
    assert places(windows) == [
        (0, "walk"),
        (2, "walk"),
        (4, "walk"),
        (6, "walk"),
        (9, "run"),
        (11, "run"),
        (13, "run"),
    ]


def test__inside__one_label_twice__is_one_window_each(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twice = cut(tmp_path, (0, 8, "walk"), (0, 8, "walk"), (2, 6, "walk"), (20, 24, "sit"))
    assert places(twice) == [
        (0, "walk"),
        (2, "walk"),
        (4, "walk"),
        (6, "walk"),
        (20, "sit"),
        (22, "sit"),
    ]
    joined = cut(tmp_path / "b", (1, 7, "walk"), (3, 9, "walk"), (20, 24, "sit"))
    assert [start for start, label in places(joined) if label == "walk"] == [1, 3, 5, 7]


@pytest.mark.parametrize("rule", ["inside", "majority", "centred"])
def test__labels_beside_one_another__stay_as_they_are(tmp_path: Path, rule: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        windows = cut(tmp_path, (0, 4, "walk"), (4, 8, "walk"), (8, 12, "sit"), label_rule=rule)
    assert [label for _, label in places(windows) if label] == {
        "inside": ["walk"] * 4 + ["sit"] * 2, "majority": ["walk"] * 4 + ["sit"] * 2, "centred": ["walk"] * 2 + ["sit"],
    }[rule]  # fmt: skip


def test__majority__two_labels_that_both_fill_a_window__are_none(tmp_path: Path) -> None:
    with pytest.warns(OtolithWarning, match=r"\(sit and walk: 3\)"):
        windows = cut(tmp_path, (0, 10, "walk"), (4, 10, "sit"), label_rule="majority").labelled
    assert places(windows) == [(0, "walk"), (2, "walk")]
    once = cut(
        tmp_path / "b", (0, 1.5, "walk"), (0, 1.5, "walk"), (20, 24, "sit"), label_rule="majority"
    ).labelled
    assert places(once)[0] == (0, "walk")


def test__centred__one_trial_twice_and_one_under_two_labels(tmp_path: Path) -> None:
    with pytest.warns(OtolithWarning, match=r"2 windows lie under two labels"):
        windows = cut(
            tmp_path, (2, 4, "wave"), (2, 4, "wave"), (10, 11, "clap"), (10, 11, "wave"), (11.2, 12, "clap"),
            label_rule="centred",
        )  # fmt: skip
    # Around a short trial others lie by right: the clap at 11.2 s is kept though its window holds
    # all of the first.
    assert [label for _, label in places(windows)] == ["wave", "clap"]
    assert windows.dropped["the same window twice (wave)"] == 1


def test__labels_chosen__what_does_not_count_contradicts_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        windows = cut(
            tmp_path, (0, 8, "walk"), (0, 8, "outdoors"), (10, 14, "sit"), labels=("walk", "sit")
        )
    assert [label for _, label in places(windows)] == ["walk"] * 4 + ["sit"] * 2


def test__nothing_left__says_why(tmp_path: Path) -> None:
    with (
        pytest.warns(OtolithWarning, match="two labels"),
        pytest.raises(StudyError, match="8 × under two labels"),
    ):
        cut(tmp_path, (0, 8, "walk"), (0, 8, "run"))


def test__merged_and_contradicting__by_hand() -> None:
    a, b, c = Segment(0, 4, "a"), Segment(3, 9, "a"), Segment(8, 9, "b")
    assert merged([c, a, b], 2.0) == [c, a, b]  # a second is shared, where windows last two
    assert merged([c, a, b], 1.0) == [Segment(0, 9, "a"), c]
    assert contradicting([a, b, c]) == [b, c]
    assert contradicting([a, Segment(4, 8, "b")]) == []
    assert other_label(0, 2, "a", [Segment(1.1, 9, "b")]) is None
    assert other_label(0, 2, "a", [Segment(0.9, 9, "b")]) == "b"
    assert other_label(0, 2, "a", [Segment(0, 2, "a")]) is None
