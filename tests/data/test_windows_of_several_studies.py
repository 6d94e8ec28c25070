"""Windows of several studies put together for pretraining."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.errors import ChannelError
from otolith.data.study import Study
from otolith.data.windows import Windows


def test__concatenate__two_studies__keeps_every_signal_and_tells_people_apart(
    toy_study: Study,
) -> None:
    whole = toy_study.windows(seconds=2)
    first, second = whole[::2], whole[1::3]
    both = Windows.concatenate([first, second])
    assert len(both) == len(first) + len(second)
    np.testing.assert_array_equal(both.values(), np.concatenate([first.values(), second.values()]))
    np.testing.assert_array_equal(
        both.received(), np.concatenate([first.received(), second.received()])
    )
    np.testing.assert_array_equal(both.present, np.concatenate([first.present, second.present]))
    assert both.labels.tolist() == [*first.labels, *second.labels]
    assert set(both.subject[: len(first)]) == {
        f"{first.study}/{person}" for person in first.subjects
    }


def test__concatenate__padded_windows__are_filled_from_their_own_stretch() -> None:
    values = np.arange(2 * 3 * 10, dtype=np.float32).reshape(2, 3, 10)
    channels = ["left_wrist.acc.x", "left_wrist.acc.y", "left_wrist.acc.z"]
    one = Windows.from_array(values, rate_hz=10, channels=channels)
    moved = Windows(**{**one.__dict__, "first_row": one.first_row - 4})
    both = Windows.concatenate([moved, moved])
    np.testing.assert_array_equal(both.values()[2:], moved.values())
    assert (both.values()[2, :, :5] == values[0, :, :1]).all()
    assert both.received()[2].tolist() == [False] * 4 + [True] * 6


def test__concatenate__other_rate__is_refused(toy_study: Study) -> None:
    with pytest.raises(ChannelError, match="samples at"):
        Windows.concatenate(
            [toy_study.windows(seconds=2), toy_study.windows(seconds=2, rate_hz=25)]
        )
