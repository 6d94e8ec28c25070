"""Joined motions go on where the last one ended."""

from __future__ import annotations

import numpy as np
import pytest

from otolith.core.errors import DataError
from otolith.motion import rotations
from otolith.motion.procedural.procedural import make
from otolith.motion.procedural.sequence import join
from otolith.motion.procedural.style import Style

NAMES = ("walking", "sitting", "lying", "climbing stairs", "standing", "boxing")


def test__join__several_activities__has_no_jump_and_keeps_spans() -> None:
    style = Style.draw(np.random.default_rng(0))
    clips = [make(name, style, 10.0, 100.0, seed=i) for i, name in enumerate(NAMES)]
    motion, spans = join(clips, passage_s=2.0)
    assert motion.frames == 6 * 1001 - 5 * 200
    assert [span.label for span in spans] == list(NAMES)
    assert [span.stop - span.start for span in spans] == [801, 601, 601, 601, 601, 801]
    assert np.linalg.norm(np.diff(motion.root, axis=0), axis=1).max() * 100.0 < 3.0
    turn = rotations.angular_rate(motion.rotations, 100.0)
    assert np.linalg.norm(turn, axis=-1).max() < 35.0
    jerk = np.abs(np.diff(motion.root, n=2, axis=0)).max() * 100.0**2
    assert jerk < 40.0


def test__join__inside_a_span__is_the_clip_itself() -> None:
    clips = [make(name, None, 10.0, 100.0) for name in ("standing", "squat")]
    motion, (_, span) = join(clips)
    np.testing.assert_allclose(
        motion.rotations[span.start : span.stop, 1:], clips[1].rotations[200:, 1:]
    )
    own, joined = clips[1].root[200:], motion.root[span.start : span.stop]
    np.testing.assert_allclose(np.diff(joined[:, 2]), np.diff(own[:, 2]), atol=1e-12)


def test__join__after_stairs__stands_on_the_upper_floor() -> None:
    clips = [make(name, None, 12.0, 100.0) for name in ("climbing stairs", "standing")]
    motion, (_, span) = join(clips)
    climbed = 0.17 * 2 * 0.71 * 12.0
    foot = motion.forward(("left_foot",))[0][span.start :, 0, 2].min()
    assert foot == pytest.approx(climbed, abs=0.2)


def test__join__clip_shorter_than_its_passages__is_refused() -> None:
    clips = [make("walking", None, 3.5, 100.0), make("walking", None, 10.0, 100.0)]
    with pytest.raises(DataError, match="longer than two passages"):
        join(clips, passage_s=2.0)


def test__join__other_rate_or_nothing__is_refused() -> None:
    with pytest.raises(DataError, match="same joints and frame rate"):
        join([make("walking", rate_hz=100.0), make("walking", rate_hz=50.0)])
    with pytest.raises(DataError, match="at least one"):
        join([])
