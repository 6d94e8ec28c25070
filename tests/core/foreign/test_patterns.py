"""Patterns in linear time mean what they mean in Python; what cannot be done so is refused with its
reason."""

from __future__ import annotations

import re

import pytest

from otolith.core.errors import ConfigError, ReadError
from otolith.core.foreign.patterns import Pattern

PATTERNS = [
    r"(?P<subject>P\d+)_(?P<session>\d+)_(?P<sensor>[a-z]+)",
    r"(?P<subject>\w+?)_",
    r"[^\W_]+",
    r"[\w-]+/(?P<a>[^/]+)\.csv$",
    r"a{,3}b",
    r"[]a]+",
    r"[^]a]+",
    r"x\Z",
    r"[\d.]+",
    r"\S+\s\S*",
    r"(?i)p(?P<n>\d+)",
    r"[\]a]+",
    r"\u00fc",
    r"^(?:a|b)*?c",
    r"\.\[x\]",
    r"\D\W",
]
PATHS = [
    "P01_2_lw.csv",
    "Müller_3_a.csv",
    "abab/P12/x y.csv",
    "aaab",
    "]a]",
    "x",
    "ü12 3.4",
    "p7",
    "１２_x",
    "abc",
]


@pytest.mark.parametrize("text", PATTERNS)
def test__pattern__any_path__matches_as_in_python(text: str) -> None:
    pattern = Pattern(text)
    for path in PATHS:
        theirs = re.search(text, path)
        assert pattern.search(path) == (theirs.groupdict() if theirs else None)
        assert pattern.matches(path) == bool(re.fullmatch(text, path))


@pytest.mark.parametrize(
    "text", [r"(a+)+$", r"(?P<subject>(a|a)*)b", r"(.*)*(.*)*(.*)*x", r"(\w+\s?)*$"]
)
def test__pattern__takes_minutes_in_python__is_matched_at_once(text: str) -> None:
    Pattern(text).search("a" * 100_000 + "!")


@pytest.mark.parametrize(
    "text",
    [
        r"(?=a)b",
        r"(?<!a)b",
        r"(a)\1",
        r"(?P<x>a)(?P=x)",
        r"a++",
        r"(?>a)b",
        r"a{2000}",
        r"((a{99}){99}){99}",
    ],
)
def test__pattern__beyond_linear_time__says_what_is_not_taken(text: str) -> None:
    with pytest.raises(ConfigError, match="linear time"):
        Pattern(text, "[files]")


@pytest.mark.parametrize(
    "text", ["(", "[", "(" * 900, "a" * 1001, r"[[a]", "(?P<a>x)(?P<a>y)", "*"]
)
def test__pattern__none__is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Pattern(text)


def test__pattern__word_edges_among_letters_beyond_ascii__are_refused_not_guessed() -> None:
    assert Pattern(r"\bP1\b").search("a P1 b") is not None
    with pytest.raises(ReadError, match="edge"):
        Pattern(r"\bP1\b").search("ü P1 b")
