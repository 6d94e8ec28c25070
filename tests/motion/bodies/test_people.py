"""Virtual people: the same ones each time, different from each other, labelled honestly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from otolith.core.errors import ConfigError, UnknownNameError
from otolith.motion.bodies.people import Person, virtual_study

FEW = ("walking", "sitting", "boxing")


def study(people: int = 2, seed: int = 0, **changes: object) -> list:
    choices = {"activities": FEW, "bouts": 1} | changes
    return list(virtual_study(people, seed, 0.2, **choices))  # type: ignore[arg-type]


def test__virtual_study__recordings__are_simulated_people_with_labels() -> None:
    recordings = study(3)
    assert [recording.subject for recording in recordings] == ["person01", "person02", "person03"]
    assert len({recording.group for recording in recordings}) == 3
    for recording in recordings:
        assert recording.origin == "simulated"
        assert sorted(segment.label for segment in recording.segments) == sorted(FEW)
        assert recording.placements == ["left_wrist", "right_wrist"]
        assert all(np.isfinite(stream.values).all() for stream in recording.streams)
        assert all(verdict.plausible for verdict in recording.gravity_verdicts().values())


def test__virtual_study__passages__carry_no_label() -> None:
    (recording,) = study(1)
    segments = sorted(recording.segments, key=lambda segment: segment.start_s)
    gaps = [b.start_s - a.end_s for a, b in pairwise(segments)]
    assert gaps == pytest.approx([2.0, 2.0], abs=0.05)
    assert segments[-1].end_s <= recording.duration_s + 0.05


def test__virtual_study__seed__repeats_to_the_bit() -> None:
    one, again, other = study(1), study(1), study(1, seed=1)
    np.testing.assert_array_equal(one[0].streams[0].values, again[0].streams[0].values)
    assert one[0].segments == again[0].segments
    assert not np.array_equal(one[0].streams[0].values[:100], other[0].streams[0].values[:100])


def test__virtual_study__more_people__leaves_the_first_as_they_were() -> None:
    np.testing.assert_array_equal(study(1)[0].streams[1].values, study(2)[0].streams[1].values)


def test__person__drawn__differs_in_body_and_style() -> None:
    people = [Person.draw(number) for number in range(1, 21)]
    assert len({person.style for person in people}) == 20
    assert np.ptp([person.body.stature_m for person in people]) > 0.15
    assert np.std([person.style.cadence for person in people]) > 0.03
    assert Person.draw(3) == people[2]


def test__virtual_study__walking__is_livelier_than_sitting_at_the_wrist() -> None:
    for recording in study(2):
        stream = recording.streams[0]
        spread = {}
        for segment in recording.segments:
            inside = (stream.time_s >= segment.start_s) & (stream.time_s < segment.end_s)
            spread[segment.label] = stream.values[inside, :3].std(axis=0).mean()
        assert spread["walking"] > 3 * spread["sitting"]


def test__virtual_study__nonsense__is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a person"):
        next(virtual_study(people=0))
    with pytest.raises(UnknownNameError, match="Did you mean 'walking'"):
        next(virtual_study(people=1, activities=("walkng",)))
