"""How much a file may unpack to: small files that grow to gigabytes are refused before memory is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from otolith.errors import ReadError

DEFAULT_BYTES = 64 * 2**20
"""What a small packed file may unpack to without a word from its user; what is made of it takes some times as much."""
HONEST_RATIO = 100
"""Recordings pack to a third or a twentieth; what grows more than this was made to."""

_allowed: ContextVar[int] = ContextVar("otolith_max_bytes", default=DEFAULT_BYTES)


def unpacked_limit(packed_bytes: int) -> int:
    """Return how many bytes a file of this size may unpack to: `--max-bytes`, or 100 times its size if that is more."""
    return max(_allowed.get(), HONEST_RATIO * packed_bytes)


def refuse_large(where: object, packed_bytes: int, unpacked_bytes: int) -> None:
    """Raise ReadError where a file would unpack to more than it may; an archive's own word is enough to refuse it."""
    limit = unpacked_limit(packed_bytes)
    if unpacked_bytes > limit:
        raise ReadError(
            f"{where} has {packed_bytes:,} bytes and unpacks to {unpacked_bytes:,} or more; at most {limit:,} are "
            f"read. If you trust it, allow more: --max-bytes {unpacked_bytes}"
        )


@contextmanager
def allow_bytes(count: int | None) -> Iterator[None]:
    """Let files unpack to this many bytes within a block; None leaves the limit as it is."""
    token = _allowed.set(_allowed.get() if count is None else count)
    try:
        yield
    finally:
        _allowed.reset(token)
