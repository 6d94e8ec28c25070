"""Environment variables, set within a block: what child processes started there see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable within a block, and restore it afterwards.

    >>> with variable("OTOLITH_EXAMPLE", "1"):
    ...     os.environ["OTOLITH_EXAMPLE"]
    '1'
    >>> "OTOLITH_EXAMPLE" in os.environ
    False
    """
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
