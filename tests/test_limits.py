"""A small file that unpacks to gigabytes is refused before memory is taken."""

from __future__ import annotations

import pytest

from otolith.errors import ReadError
from otolith.limits import DEFAULT_BYTES, allow_bytes, refuse_large, unpacked_limit


def test__refuse_large__a_bomb__names_the_option_that_allows_it() -> None:
    with pytest.raises(ReadError, match="--max-bytes 10000000000"):
        refuse_large("bomb.csv.gz", 10_000, 10_000_000_000)


def test__allow_bytes__within_the_block__is_the_limit() -> None:
    with allow_bytes(2 * DEFAULT_BYTES):
        refuse_large("large.csv.gz", 10, DEFAULT_BYTES + 1)
    with pytest.raises(ReadError):
        refuse_large("large.csv.gz", 10, DEFAULT_BYTES + 1)


def test__unpacked_limit__a_large_honest_file__grows_with_it() -> None:
    assert unpacked_limit(DEFAULT_BYTES) == 100 * DEFAULT_BYTES
