"""Errors: what a message may hold."""

from __future__ import annotations

import pickle

import pytest

from otolith.core.errors import CheckpointError, ConfigError, OtolithError, ReadError


@pytest.mark.parametrize("kind", [ReadError, ConfigError, CheckpointError])
def test__error__that_quotes_a_file_of_others__holds_no_control_character(
    kind: type[OtolithError],
) -> None:
    error = kind("a.csv, line 1: found '\x1b[2J\x00\u202e'.\nType: x")
    assert str(error) == "a.csv, line 1: found '\\x1b[2J\\x00\\u202e'.\nType: x"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test__error__that_quotes_endless_text__says_how_much_is_left_out() -> None:
    assert str(ReadError("x" * 10_000)).endswith("… (6,500 more characters)")


def test__error__of_several_things__keeps_them() -> None:
    assert OtolithError("a", 3).args == ("a", 3)
