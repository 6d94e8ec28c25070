"""Methods by name, by objective:encoder:head, and of one's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otolith.core.errors import ConfigError, UnknownNameError
from otolith.measure.methods import METHODS, Method, parse_method


@pytest.mark.parametrize("name", sorted(METHODS))
def test__parse__every_listed_method__is_one(name: str) -> None:
    method = parse_method(name)
    assert method.name == name
    assert json.loads(json.dumps(method.to_json())) == method.to_json()


def test__parse__scratch_and_pim__differ_in_the_objective_alone() -> None:
    pim, scratch = parse_method("pim").to_json(), parse_method("scratch").to_json()
    assert {key for key in pim if pim[key] != scratch[key]} == {"name", "objective"}


def test__parse__three_names__are_objective_encoder_head() -> None:
    method = parse_method("none:tpn:linear")
    assert (method.name, method.objective, method.encoder, method.head) == (
        "none:tpn:linear",
        "none",
        "tpn",
        "linear",
    )


def test__parse__a_method_itself__comes_back() -> None:
    method = Method("mine", head="linear")
    assert parse_method(method) is method


def test__parse__of_ones_own__goes_before_the_listed() -> None:
    own = {"pim": {"objective": "pim", "pretrain": {"epochs": 3}}}
    assert parse_method("pim", own).pretrain == {"epochs": 3}
    assert parse_method("scratch", own) == METHODS["scratch"]


@pytest.mark.parametrize(
    ("text", "own", "error", "said"),
    [
        ("pmi", {}, UnknownNameError, "Did you mean 'pim'"),
        ("a:b", {}, UnknownNameError, "objective:encoder:head"),
        ("none:tnp:linear", {}, UnknownNameError, "Did you mean 'tpn'"),
        ("pmi:tpn:linear", {}, UnknownNameError, "Did you mean 'pim'"),
        ("none:tpn:lienar", {}, UnknownNameError, "Did you mean 'linear'"),
        ("pim:features:forest", {}, ConfigError, "has no weights for an objective to train"),
        ("none:features:mlp", {}, ConfigError, "use forest or logistic"),
        (
            "x",
            {"x": {"heads": "mlp"}},
            ConfigError,
            "method 'x' has no setting 'heads'.*Did you mean 'head'",
        ),
        (
            "x",
            {"x": {"mode": "melted"}},
            ConfigError,
            "should be 'finetune', 'frozen' or 'staged'; given 'melted'",
        ),
        (
            "x",
            {"x": {"objective": "pim", "objective_settings": {"sped": 0.0}}},
            ConfigError,
            "Did you mean 'speed'",
        ),
    ],
)
def test__parse__what_cannot_be__says_what_to_type(
    text: str, own: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        parse_method(text, own)
