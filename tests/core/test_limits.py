"""A small file that unpacks to gigabytes is refused before memory is taken."""

from __future__ import annotations

import subprocess
import sys

import pytest

from otolith.core.errors import ConfigError, ReadError
from otolith.core.limits import DEFAULT_BYTES, allow_bytes, bytes_of, refuse_large, unpacked_limit


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


@pytest.mark.parametrize(
    ("text", "count"), [("4G", 4 * 2**30), ("800M", 800 * 2**20), ("1.5k", 1536), ("77", 77)]
)
def test__bytes_of__a_size__is_counted(text: str, count: int) -> None:
    assert bytes_of(text) == bytes_of(f" {text} ") == count


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "4X", "nan", "inf", "1e9", "G", "9" * 30, "4G4", "９"]
)
def test__bytes_of__none__is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--max-bytes"):
        bytes_of(text)


def test__allow_bytes__process_started_within__knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTOLITH_MAX_BYTES", raising=False)
    script = "from otolith.core.limits import unpacked_limit; print(unpacked_limit(1))"
    with allow_bytes(12345):
        printed = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
    assert int(printed) == 12345
    assert unpacked_limit(1) == DEFAULT_BYTES
