"""Simulated values spread as the real ones, and what is left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.data.channels import triad
from otolith.data.recording import Recording, Stream
from otolith.data.signals.match import Matching


def recorded(
    values: np.ndarray, origin: str, subject: str = "ada", placement: str = "left_wrist"
) -> Recording:
    channels = (*triad(placement, "acc"), *triad(placement, "gyro"))[: values.shape[1]]
    stream = Stream("s", channels, np.arange(len(values)) / 50.0, values.astype(np.float32))
    return Recording(f"{origin}-{subject}", subject, (stream,), origin=origin)  # type: ignore[arg-type]


def draws(seed: int, scale: float = 1.0, shift: float = 0.0, count: int = 5000) -> np.ndarray:
    return shift + scale * np.random.default_rng(seed).standard_normal((count, 6))


def test__matching__shifted_and_wider__is_undone() -> None:
    simulated, real = (
        recorded(draws(0), "simulated"),
        recorded(draws(1, 2.0, 3.0), "measured", "eve"),
    )
    matching = Matching.fit([simulated], [real])
    out = matching.apply(simulated).streams[0].values
    np.testing.assert_allclose(out.mean(axis=0), 3.0, atol=0.1)
    np.testing.assert_allclose(out.std(axis=0), 2.0, atol=0.1)
    assert matching.people == ("eve",)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.floats(0.2, 4.0), st.floats(-5.0, 5.0))
def test__matching__any_spread__keeps_the_order_of_values(
    seed: int, scale: float, shift: float
) -> None:
    simulated = recorded(draws(seed, count=300), "simulated")
    matching = Matching.fit(
        [simulated], [recorded(draws(seed + 1, scale, shift, 300) ** 3, "measured")]
    )
    before, after = (
        simulated.streams[0].values[:, 0],
        matching.apply(simulated).streams[0].values[:, 0],
    )
    assert (np.diff(after[np.argsort(before)]) >= 0).all()


def test__matching__to_itself__changes_next_to_nothing() -> None:
    values = draws(3)
    simulated = recorded(values, "simulated")
    out = Matching.fit([simulated], [recorded(values, "measured")]).apply(simulated)
    np.testing.assert_allclose(out.streams[0].values, values, atol=1e-5)


def test__matching__beyond_what_was_seen__shifts() -> None:
    matching = Matching.fit(
        [recorded(draws(0), "simulated")], [recorded(draws(0, 2.0, 1.0), "measured")]
    )
    far = recorded(np.full((3, 6), 50.0), "simulated")
    top = draws(0).max(axis=0)
    np.testing.assert_allclose(
        matching.apply(far).streams[0].values[0], 50.0 + 1.0 + top, rtol=1e-5
    )


def test__matching__by_magnitude__leaves_the_direction() -> None:
    simulated = recorded(draws(0) + 5.0, "simulated")
    matching = Matching.fit([simulated], [recorded(3.0 * (draws(1) + 5.0), "measured")], axes=False)
    before, after = (
        simulated.streams[0].values[:, :3],
        matching.apply(simulated).streams[0].values[:, :3],
    )
    sizes = np.linalg.norm(after, axis=1)
    np.testing.assert_allclose(
        after / sizes[:, None], before / np.linalg.norm(before, axis=1)[:, None], atol=1e-5
    )
    assert np.median(sizes) == pytest.approx(
        3.0 * np.median(np.linalg.norm(before, axis=1)), rel=0.03
    )


def test__matching__changes__says_how_far_it_moved_and_how_close_it_came() -> None:
    simulated = recorded(draws(0), "simulated")
    changes = Matching.fit([simulated], [recorded(draws(1, 1.0, 2.0), "measured")]).changes(
        simulated
    )
    assert next(iter(changes)) == "left_wrist.acc.x"
    for change in changes.values():
        assert change["moved"] == pytest.approx(2.0, abs=0.1)
        assert change["distance_before"] == pytest.approx(2.0, abs=0.1)
        assert change["distance_after"] < 0.02


def test__matching__one_placement_of_two__leaves_the_other() -> None:
    simulated = [
        recorded(draws(0), "simulated"),
        recorded(draws(1), "simulated", placement="chest"),
    ]
    matching = Matching.fit(simulated, [recorded(draws(2, 3.0), "measured")])
    np.testing.assert_array_equal(
        matching.apply(simulated[1]).streams[0].values, simulated[1].streams[0].values
    )


def test__matching__json__comes_back() -> None:
    simulated = recorded(draws(0), "simulated")
    matching = Matching.fit([simulated], [recorded(draws(1, 2.0), "measured")])
    again = Matching.from_json(json.loads(json.dumps(matching.to_json())))
    np.testing.assert_array_equal(
        again.apply(simulated).streams[0].values, matching.apply(simulated).streams[0].values
    )
    with pytest.raises(ConfigError, match="no matching"):
        Matching.from_json(
            {"maps": {"left_wrist.acc.x": [[1.0, 2.0], [1.0]]}, "axes": True, "people": []}
        )
    with pytest.raises(ConfigError, match="no matching"):
        Matching.from_json({"axes": True})


def test__matching__mixed_up_or_nothing_shared__is_refused() -> None:
    simulated, real = recorded(draws(0), "simulated"), recorded(draws(1), "measured")
    with pytest.raises(DataError, match="simulated recordings first"):
        Matching.fit([real], [simulated])
    with pytest.raises(DataError, match="was measured"):
        Matching.fit([simulated], [real]).apply(real)
    with pytest.raises(ChannelError, match="share no channel"):
        Matching.fit([simulated], [recorded(draws(1), "measured", placement="chest")])
    with pytest.raises(ChannelError, match="share no channel"):
        Matching.fit([], [])
    with pytest.raises(ConfigError, match="two quantiles"):
        Matching.fit([simulated], [real], quantiles=1)
