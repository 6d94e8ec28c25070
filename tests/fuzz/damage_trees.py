"""Damage to trees of settings: JSON, lines of JSON and TOML with wrong types, absurd values and
depths."""

from __future__ import annotations

import copy
import json
import random
import tomllib
from collections.abc import Iterator
from typing import Any

from fuzz.kinds import ABSURD_VALUES, Kind, kind

DEPTHS = (200, 1000, 100_000)


def paths(tree: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree of objects and lists."""
    inner = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree[:20])
        if isinstance(tree, list)
        else ()
    )
    for key, value in inner:
        yield (*here, key)
        yield from paths(value, (*here, key))


def changed(tree: Any, rng: random.Random) -> Any:
    """One place of a tree with another value, gone, doubled under another name, or exchanged with
    another."""
    out = copy.deepcopy(tree)
    every = list(paths(out))
    if not every:
        return rng.choice(ABSURD_VALUES)
    # Each depth is as likely: the many places at the bottom would else hide the few at the top.
    depth = rng.choice(sorted({len(path) for path in every}))
    path = rng.choice([one for one in every if len(one) == depth])
    inside = out
    for step in path[:-1]:
        inside = inside[step]
    last, what = path[-1], rng.randrange(8)
    if what == 0:
        del inside[last]
    elif what == 1 and isinstance(inside, dict):
        inside[rng.choice(("", "x", "../x", "\x00", "k" * 300, str(last).upper()))] = inside[last]
    elif what == 2:
        other = rng.choice(every)
        value = out
        for step in other:
            value = value[step]
        inside[last] = copy.deepcopy(value)
    elif what == 3 and isinstance(inside[last], list):
        inside[last] = (
            inside[last] * rng.choice((2, 50)) if len(inside[last]) < 100 else inside[last][::-1]
        )
    elif what == 4 and isinstance(inside[last], int | float) and not isinstance(inside[last], bool):
        inside[last] = rng.choice(
            (-inside[last], inside[last] * 10**6, inside[last] + 1, str(inside[last]))
        )
    else:
        inside[last] = rng.choice(ABSURD_VALUES)
    return out


def one_change(content: bytes, rng: random.Random) -> bytes:
    """One key or value of another type."""
    return _dumped(changed(json.loads(content), rng))


def some_changes(content: bytes, rng: random.Random) -> bytes:
    """Several of them."""
    tree = json.loads(content)
    for _ in range(rng.randint(2, 6)):
        tree = changed(tree, rng)
    return _dumped(tree)


def another_whole(content: bytes, rng: random.Random) -> bytes:
    """JSON, but something else."""
    return _dumped(rng.choice(ABSURD_VALUES))


def deep(content: bytes, rng: random.Random) -> bytes:
    """Lists in lists, too deep for any stack."""
    depth = rng.choice(DEPTHS)
    opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nest = opened * depth + (b"1" if opened != b"[" else b"") + closed * depth
    head = content.find(b":")
    end = content.rfind(b"}")
    whole = rng.random() < 0.3 or head < 0 or end < 0
    return nest if whole else content[:end] + b', "nested": ' + nest + content[end:]


def key_twice(content: bytes, rng: random.Random) -> bytes:
    """A key that stands twice."""
    tree = json.loads(content)
    if not isinstance(tree, dict) or not tree:
        return content
    key = rng.choice(list(tree))
    return (
        b"{"
        + json.dumps(key).encode()
        + b": "
        + _dumped(rng.choice(ABSURD_VALUES))
        + b","
        + content.lstrip()[1:]
    )


def _dumped(tree: Any) -> bytes:
    return json.dumps(tree, indent=1).encode()


JSON: tuple[Kind, ...] = tuple(
    kind(one)
    for one in (one_change, one_change, one_change, some_changes, another_whole, deep, key_twice)
)


def one_line_changed(content: bytes, rng: random.Random) -> bytes:
    """One line of a journal with another key or value."""
    lines = content.splitlines()
    at = rng.randrange(len(lines))
    try:
        lines[at] = json.dumps(changed(json.loads(lines[at]), rng)).encode()
    except ValueError:
        lines[at] = b"{}"
    return b"\n".join(lines) + b"\n"


def one_line_deep(content: bytes, rng: random.Random) -> bytes:
    """One line too deep for any stack."""
    lines = content.splitlines()
    lines[rng.randrange(len(lines))] = b"[" * rng.choice(DEPTHS)
    return b"\n".join(lines) + b"\n"


JSON_LINES: tuple[Kind, ...] = tuple(
    kind(one) for one in (one_line_changed, one_line_changed, one_line_deep)
)


def toml_change(content: bytes, rng: random.Random) -> bytes:
    """One or a few settings of another type."""
    tree = tomllib.loads(content.decode())
    for _ in range(rng.choice((1, 1, 1, 4))):
        tree = changed(tree, rng)
    return (to_toml(tree) if isinstance(tree, dict) else str(tree)).encode("utf-8", "replace")


def toml_deep(content: bytes, rng: random.Random) -> bytes:
    """Lists, tables or names in one another, too deep for any stack."""
    depth = rng.choice(DEPTHS)
    nest = rng.choice(
        (
            "a = " + "[" * depth,
            "a = " + "{b=" * depth,
            "[" + "a." * depth + "b]",
            "a." * depth + "b = 1",
        )
    )
    return (
        content + b"\n" + nest.encode() + b"\n"
        if rng.random() < 0.5
        else nest.encode() + b"\n" + content
    )


TOML: tuple[Kind, ...] = tuple(
    kind(one) for one in (toml_change, toml_change, toml_change, toml_deep)
)


def to_toml(tree: dict[str, Any]) -> str:
    """Write settings as TOML, all tables inline."""
    return "\n".join(f"{_key(key)} = {_value(value)}" for key, value in tree.items()) + "\n"


def _key(name: Any) -> str:
    return _text(str(name))


def _text(text: str) -> str:
    return (
        '"'
        + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\\x7f' else c for c in text)
        + '"'
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 10**100 else "1" + "0" * 400
    if isinstance(value, float):
        return repr(value)
    return _text("" if value is None else str(value))
