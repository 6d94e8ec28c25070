"""Settings are the constructor: what is unknown or of another type fails and is named."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from otolith.core.errors import ConfigError
from otolith.core.settings import Configured, configure


@dataclass(frozen=True)
class Example:
    temperature: float = 0.5
    layers: int = 2
    name: str = "a"
    sizes: tuple[int, ...] = (1, 2)
    people: int | None = None
    deep: bool = False


class Built(Configured):
    Config = Example

    def __init__(self, **settings: Any) -> None:
        self.configure(settings)


def test__configure__given__replaces_defaults() -> None:
    made = configure(Example, {"layers": 3, "name": "b"}, "example")
    assert made == Example(layers=3, name="b")


def test__configure__from_json__whole_numbers_and_lists_become_what_the_field_is() -> None:
    made = configure(Example, json.loads('{"temperature": 1, "sizes": [4, 5]}'), "example")
    assert made.sizes == (4, 5)
    assert isinstance(made.temperature, float)


def test__configure__unknown_key__names_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"example has no setting 'temprature'.*Did you mean 'temperature'"
    ):
        configure(Example, {"temprature": 1.0}, "example")


@pytest.mark.parametrize(
    ("key", "value"),
    [("layers", "3"), ("layers", 2.5), ("name", 1), ("temperature", "0.5"), ("temperature", True)],
)
def test__configure__another_type__is_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^example: '{key}[^']*' (should (be|have)|is missing)"):
        configure(Example, {key: value}, "example")


@dataclass(frozen=True)
class Deep:
    sizes: tuple[int, ...] = (1, 2)
    bounds: tuple[float, float] = (0.0, 1.0)
    pairs: tuple[tuple[str, str], ...] | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    loss: Literal["mean", "sum"] = "mean"
    width: int = 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sizes", ["x"]),
        ("sizes", [True]),
        ("sizes", [1.5]),
        ("sizes", [[1]]),
        ("sizes", 3),
        ("sizes", None),
        ("bounds", [1]),
        ("bounds", [1, 2, 3]),
        ("bounds", [True, 2]),
        ("bounds", [0.0, float("nan")]),
        ("pairs", [["a"]]),
        ("pairs", ["ab"]),
        ("tables", {"a": 1}),
        ("tables", [1]),
        ("loss", "max"),
        ("loss", 1),
        ("width", True),
    ],
)
def test__configure__another_type_within__is_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^example: '{key}[^']*' (should (be|have)|is missing)"):
        configure(Deep, {key: value}, "example")


def test__configure__what_fits_within__is_taken() -> None:
    given = {
        "sizes": [3],
        "bounds": [0, 1.5],
        "pairs": [["a", "b"]],
        "tables": {"a": {"b": 1}},
        "loss": "sum",
    }
    assert configure(Deep, given, "example").pairs == (("a", "b"),)
    assert configure(Deep, {"sizes": [], "pairs": None}, "example") == Deep(sizes=())


def test__configure__optional__takes_a_value_and_nothing() -> None:
    assert configure(Example, {"people": 3}, "example").people == 3
    assert configure(Example, {"people": None}, "example").people is None


def test__configured__settings__build_it_again() -> None:
    built = Built(layers=5, sizes=[1])
    again = Built(**json.loads(json.dumps(built.settings())))
    assert again.config == built.config
