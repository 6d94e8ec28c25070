"""How much a file may unpack to: small files that grow to gigabytes are refused before memory is
taken."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from otolith.core.environment import variable
from otolith.core.errors import ConfigError, ReadError

DEFAULT_BYTES = 64 * 2**20
"""What a small packed file may unpack to without a word from its user; what is made of it takes
some times as much."""
HONEST_RATIO = 100
"""Recordings pack to a third or a twentieth; what grows more than this was made to."""

_VARIABLE = "OTOLITH_MAX_BYTES"
_allowed: ContextVar[int | None] = ContextVar("otolith_max_bytes", default=None)


def unpacked_limit(packed_bytes: int) -> int:
    """Return how many bytes a file of this size may unpack to: `--max-bytes`, or 100 times its size
    if that is more.

    >>> unpacked_limit(10) == DEFAULT_BYTES, unpacked_limit(2**30) == 100 * 2**30
    (True, True)
    """
    allowed = _allowed.get()
    return max(_from_outside() if allowed is None else allowed, HONEST_RATIO * packed_bytes)


def refuse_large(where: object, packed_bytes: int, unpacked_bytes: int) -> None:
    """Raise ReadError where a file would unpack to more than it may; an archive's own word is
    enough to refuse it.

    >>> refuse_large("a.zip", packed_bytes=100, unpacked_bytes=2**40)
    Traceback (most recent call last):
    otolith.core.errors.ReadError: a.zip has 100 bytes and unpacks to 1,099,511,627,776 or more; ...
    """
    limit = unpacked_limit(packed_bytes)
    if unpacked_bytes > limit:
        raise ReadError(
            f"{where} has {packed_bytes:,} bytes and unpacks to {unpacked_bytes:,} or more; "
            f"at most {limit:,} are read. If you trust it, allow more: --max-bytes {unpacked_bytes}"
        )


@contextmanager
def allow_bytes(count: int | None) -> Iterator[None]:
    """Let files unpack to this many bytes within a block; None leaves the limit as it is.

    >>> with allow_bytes(2**40):
    ...     unpacked_limit(100)
    1099511627776
    """
    if count is None:
        yield
        return
    token = _allowed.set(count)
    try:
        with variable(_VARIABLE, str(count)):  # for child processes, which know no context of ours
            yield
    finally:
        _allowed.reset(token)


def bytes_of(text: str) -> int:
    """Return how many bytes a size is; a K is 1024.

    >>> bytes_of("1.5K"), bytes_of("1000000")
    (1536, 1000000)

    Raises ConfigError where it is no size, or less than one byte.
    """
    size = re.fullmatch(
        r"(\d{1,15}(?:\.\d{1,3})?)\s*([KMGT]?)(?:I?B)?", text.strip().upper(), re.ASCII
    )
    count = float(size[1]) * 1024 ** " KMGT".index(size[2] or " ") if size else 0.0
    if not 1 <= count < 2**60:
        raise ConfigError(f"--max-bytes is a size such as 800M or 4G; given '{text[:40]}'.")
    return int(count)


def _from_outside() -> int:
    given = os.environ.get(_VARIABLE, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else DEFAULT_BYTES
