"""Foreign JSON and TOML: bounded in depth and size, free of half characters."""

from __future__ import annotations

from pathlib import Path

import pytest

from otolith.core.errors import ReadError
from otolith.core.foreign.texts import MAX_TOML_BYTES, parse_toml, read_json


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1,",
        b"\xff",
        b"[" * 100_000,
        b"[" * 200 + b"]" * 200,
        b'{"a":' * 5000 + b"1",
        b"9" * 5000 + b"}",
    ],
)
def test__read_json__damaged_or_deep__is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.json"):
        read_json(path)


def test__read_json__half_a_character__becomes_one_that_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"\\ud800": ["a\\udfffb", "\\ud83d\\ude00"]}')
    assert read_json(path) == {"?": ["a?b", "😀"]}


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50_000,
        "a = " + "[" * 500 + "]" * 500,
        ".".join("a" * 5000) + " = 1",
        "a = " + "{b = " * 2000,
        "[" + ".".join("a" * 20_000) + "]",
        "a = 1\n" * 2,
        "a = 99999999999999999999-01-01",
        "#" * (MAX_TOML_BYTES + 1),
    ],
)
def test__parse_toml__deep_long_or_none__is_refused(text: str) -> None:
    with pytest.raises(ReadError, match="mapping"):
        parse_toml(text, "mapping")


@pytest.mark.parametrize(
    "text",
    [
        "a." * 20_000 + "b = 1",
        "[" + "a." * 20_000 + "b]",
        "x = {" + "a . " * 20_000 + "b = 1}",
        '"=".' + "'.'." * 20_000 + "b = 1",
    ],
)
def test__parse_toml__key_of_thousands_of_parts__is_refused_at_once(text: str) -> None:
    with pytest.raises(ReadError, match="a key of more than 100 parts"):
        parse_toml(text, "a.toml")


def test__parse_toml__many_numbers_and_sentences__are_no_long_key() -> None:
    text = f"a = [{', '.join(['1.25'] * 500)}]\nb = '{'One sentence. ' * 90}'\n"
    assert len(parse_toml(text, "a.toml")["a"]) == 500
