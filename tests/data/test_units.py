"""Units at the door, and gravity as the judge of a stated unit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import UnitError
from otolith.data.quantities import QUANTITIES, STANDARD_GRAVITY, factor, units_of
from otolith.data.units import gravity_verdict, still_blocks

RATE_HZ = 50.0


def at_rest(norm: float, seconds: float = 20.0) -> np.ndarray:
    values = np.zeros((round(seconds * RATE_HZ), 3))
    values[:, 1] = norm
    return values


def verdict_of(values: np.ndarray) -> object:
    return gravity_verdict(*still_blocks(values, RATE_HZ))


@pytest.mark.parametrize(
    ("quantity", "unit", "inner"),
    [
        ("acc", "m/s2", 1.0),
        ("acc", "g", 9.80665),
        ("acc", "mg", 0.00980665),
        ("gyro", "deg/s", math.pi / 180),
        ("gyro", "mdps", math.pi / 180_000),
        ("mag", "G", 100.0),
        ("mag", "mG", 0.1),
        ("baro", "hPa", 100.0),
        ("baro", "mbar", 100.0),
        ("time", "ms", 1e-3),
        ("time", "ns", 1e-9),
    ],
)
def test__factor__known_units__are_the_physical_ones(
    quantity: str, unit: str, inner: float
) -> None:
    assert factor(quantity, unit) == pytest.approx(inner, rel=1e-12)


def test__factor__inner_unit__changes_nothing() -> None:
    for quantity in (*QUANTITIES, "time"):
        assert factor(quantity, next(iter(units_of(quantity)))) == 1.0


def test__likely_units__follow_from_the_plausible_range() -> None:
    assert QUANTITIES["baro"].likely_units(98_000.0, 102_000.0) == ["Pa"]
    assert QUANTITIES["baro"].likely_units(98.0, 102.0) == ["kPa"]
    assert QUANTITIES["gyro"].likely_units(-400.0, 300.0) == ["deg/s", "dps", "mdps"]


@pytest.mark.parametrize(
    ("quantity", "unit", "said"), [("acc", "rad/s", "m/s2"), ("temp", "K", "known are acc")]
)
def test__factor__unknown__says_what_to_write(quantity: str, unit: str, said: str) -> None:
    with pytest.raises(UnitError, match=said):
        factor(quantity, unit)


@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    st.floats(8.6, 10.9),
)
@settings(max_examples=30)
def test__verdict__gravity_in_any_direction__is_plausible(
    direction: tuple[float, ...], norm: float
) -> None:
    unit = np.array(direction) / np.linalg.norm(direction)
    verdict = verdict_of(np.tile(unit * norm, (500, 1)))
    assert verdict.checked and verdict.plausible
    assert verdict.median_norm == pytest.approx(norm)
    assert verdict.still_s == 10.0


@pytest.mark.parametrize(
    ("norm", "said"),
    [
        (1.0, "unit = 'g'"),
        (1000.0, "unit = 'mg'"),
        (9.81 * STANDARD_GRAVITY, "unit = 'm/s2'"),
        (0.02, "gravity = 'removed'"),
        (20.0, "no known unit"),
    ],
)
def test__verdict__wrong_unit__names_the_likely_one(norm: float, said: str) -> None:
    verdict = verdict_of(at_rest(norm))
    assert not verdict.plausible
    assert said in verdict.likely
    assert verdict.likely in verdict.sentence()


def test__verdict__never_still__is_not_checked_and_not_refused() -> None:
    time = np.arange(1000) / RATE_HZ
    shaking = np.stack([30 * np.sin(40 * time), np.zeros(1000), np.zeros(1000)], axis=1)
    verdict = verdict_of(shaking)
    assert not verdict.checked
    assert verdict.plausible
    assert verdict.still_s == 0
    assert "not checked" in verdict.sentence()


def test__verdict__some_movement__counts_only_the_still_part(rng: np.random.Generator) -> None:
    moving = at_rest(9.81, 10.0) + rng.normal(0, 5, (500, 3))
    verdict = verdict_of(np.concatenate([at_rest(9.81, 10.0), moving]))
    assert verdict.still_s == 10.0
    assert verdict.median_norm == pytest.approx(9.81)


def test__still_blocks__less_than_half_a_second__is_nothing() -> None:
    norms, still = still_blocks(at_rest(9.81, 0.3), RATE_HZ)
    assert len(norms) == len(still) == 0
    assert not gravity_verdict(norms, still).checked
