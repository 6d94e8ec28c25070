"""JSON and TOML of other people: bounded in size and depth, and free of what no file of ours could
hold."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import read_text

MAX_JSON_BYTES = 2**30
"""The narrations of Ego4D are the largest that is read, some hundred megabytes."""
MAX_TOML_BYTES = 2**18
MAX_DEPTH = 100
"""Lists within lists; what people write by hand or by a program goes ten deep."""


def read_json(path: Path) -> Any:
    """Read a stranger's JSON file.

    Raises ReadError where it is absent, cut off, not JSON, nested too deeply or too large. Half
    characters (a lone surrogate), which no text file can hold, become "?".

    >>> _ = Path("a.json").write_text('{"label": "walking"}')
    >>> read_json(Path("a.json"))
    {'label': 'walking'}
    """
    text = read_text(path, MAX_JSON_BYTES)
    content = parse_json(text, path, "Get it again")
    if isinstance(content, dict | list) and _too_deep(content):
        raise ReadError(f"{path} nests lists or objects more than {MAX_DEPTH} deep. Get it again.")
    return _mended(content) if "\\ud" in text.lower() else content


def parse_json(text: str | bytes, path: Path, remedy: str, once_each: bool = False) -> Any:
    """Read the text of a JSON file; `once_each` refuses an object that names a key twice.

    >>> parse_json(b'{"label": "walking"}', Path("a.json"), "Get it again")
    {'label': 'walking'}

    Raises ReadError, with the remedy, where it is cut off, not JSON, or nested too deeply.
    """
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        return json.loads(plain, object_pairs_hook=_once_each if once_each else None)
    except RecursionError:
        fault = "nests lists or objects too deeply"
    except ValueError as error:
        fault = f"is not readable as JSON ({error}); it may be cut off"
    raise ReadError(f"{path} {fault}. {remedy}.")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return out


def parse_toml(text: str, name: object) -> dict[str, Any]:
    """Read the text of a TOML file; ReadError where it is none, too long, or nested too deeply.

    >>> parse_toml("[csv]\\ndelimiter = ';'", "mapping.toml")
    {'csv': {'delimiter': ';'}}
    """
    if len(text) > MAX_TOML_BYTES:
        raise ReadError(f"{name} has {len(text):,} letters; at most {MAX_TOML_BYTES:,} are read.")
    # tomllib takes minutes over a key of thousands of parts, wherever it stands.
    if text.count(".") > MAX_DEPTH and _LONG_KEY.search(text):
        raise ReadError(f"{name} has a key of more than {MAX_DEPTH} parts.")
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise ReadError(f"{name} nests lists or tables too deeply.") from error
    except ValueError as error:  # TOMLDecodeError, and what a stamp or number out of range leads to
        raise ReadError(
            f"{name} is not valid TOML: {error}. Backslashes stand in '…' or are doubled in \"…\"."
        ) from error
    if _too_deep(content):
        raise ReadError(f"{name} nests lists or tables more than {MAX_DEPTH} deep.")
    return content


_LONG_KEY = re.compile(
    rf"""(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_DEPTH}}}""", re.ASCII
)


def _too_deep(content: Any) -> bool:
    """Whether lists and objects stand within one another more than MAX_DEPTH deep."""
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(content: Any) -> list[Any]:
    values = content.values() if isinstance(content, dict) else content
    return [value for value in values if isinstance(value, dict | list)]


def _mended(content: Any) -> Any:
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode()
    if isinstance(content, list):
        return [_mended(value) for value in content]
    if isinstance(content, dict):
        return {_mended(key): _mended(value) for key, value in content.items()}
    return content
