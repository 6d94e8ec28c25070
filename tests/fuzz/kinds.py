"""What a kind of damage is, and words and numbers that no recorder writes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Made:
    """Damaged bytes."""

    content: bytes
    checked: bool = True
    """Whether a checksum that the format itself carries can know of it: not where the damage was
    packed anew."""


@dataclass(frozen=True)
class Kind:
    """A kind of damage, by name."""

    name: str
    make: Callable[[bytes, random.Random], Made]


def kind(function: Callable[[bytes, random.Random], bytes | Made]) -> Kind:
    """Make a kind of damage of a function of bytes and a generator."""

    def make(content: bytes, rng: random.Random) -> Made:
        made = function(content, rng)
        return made if isinstance(made, Made) else Made(made)

    return Kind(function.__name__, make)


ABSURD_TEXTS = (
    "nan", "inf", "-inf", "1e400", "-1", "0", "1e38", "3.5e38", "1e-320", "9" * 40, "1" + "0" * 400, "0x1F", "1_000",
    "1,5", "1.5.5", "٣", "½", "--5", "+", "-", ".", "e5", "NULL", "true", "x" * 300, "../../up", "/etc/passwd",
    "=1+1", "\x1b[31mred", "subprocess:getoutput", "os:system", "a/b", "..", "%s%n", "{0.__class__}", "\u202eright",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e18", "-1e18", "2147483648", "1e15",
    "2024-13-45T99:99:99", "9999-12-31T23:59:59.999999999Z", "0001-01-01", "💥", "con", "nul",
)  # fmt: skip

ABSURD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**400,
    float("nan"), float("inf"), "", "x", "x" * 300, "..", "../up", "/etc/passwd", "a/../../b", "a\\b", "\x00",
    "\x1b[2J", "subprocess:getoutput", "os:system", "builtins:eval", "otolith.cli.app:main",
    "=1+1", "\u202e", "💥", "nan",
    "1e9", [], {}, [None], [[]], [1, "a", None], {"a": 1}, {"": {}}, ["x"] * 1000, [0] * 1000, [[1, 2], [3]],
    {"modality": "os:system"},
)  # fmt: skip
