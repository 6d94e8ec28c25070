"""Names from files of others reach a terminal as letters, never as commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otolith.core.text import printable


@given(st.text(st.characters()))
def test__printable__any_text__holds_no_control_character(text: str) -> None:
    shown = printable(text)
    assert all(c.isprintable() or c in "\n\t" or c.isspace() for c in shown)
    assert "\x1b" not in shown and "\r" not in shown


@given(st.text(st.characters(whitelist_categories=("L", "N"))))
def test__printable__letters__are_untouched(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("bad", "good"),
    [("\x1b[31mred", "\\x1b[31mred"), ("a\u202eb", "a\\u202eb"), ("a\x07", "a\\x07")],
)
def test__printable__commands_of_a_terminal__are_shown(bad: str, good: str) -> None:
    assert printable(bad) == good


def test__printable__endless_text__is_cut_and_counted() -> None:
    assert printable("x" * 5_000) == "x" * 2_000 + "… (3,000 more characters)"
