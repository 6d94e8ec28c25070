"""Readers that each break one promise, so that the harness can be held to seeing it."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.target import Target
from otolith.core.errors import ReadError

CONTENT = b"".join(b"%d,%d,3\n" % (n, n + 1) for n in range(200))


def _write(folder: Path) -> None:
    (folder / "a.csv").write_bytes(CONTENT)


def _when_damaged(break_it: Callable[[Path], Any]) -> Callable[[Path, Path, str], Any]:
    def read(given: Path, out: Path, harmed: str) -> Any:
        path = given / harmed
        return break_it(path) if not path.is_file() or path.read_bytes() != CONTENT else "whole"

    return read


def _traceback(path: Path) -> Any:
    return {}["absent"]


def _files(path: Path) -> Any:
    (Path.home() / "mine.txt").write_text("x")


def _unseen(path: Path) -> Any:
    return "something else"


def _memory(path: Path) -> Any:
    return float(np.ones(160 * 2**20).sum())


def _death(path: Path) -> Any:
    os.kill(os.getpid(), signal.SIGSEGV)


def _stream(rows: int, value: float) -> Any:
    from otolith import Recording, Stream
    from otolith.data.channels import triad

    values = np.full((3, 3), value, np.float32)
    stream = Stream("acc", triad("waist", "acc"), np.arange(3.0), values, 1.0, 3)
    object.__setattr__(stream, "rows_read", rows)  # which a stream itself refuses
    return Recording("r", "p", (stream,))


def _warning(path: Path) -> Any:
    warnings.warn("numbers were hurt", RuntimeWarning, stacklevel=1)


class UncleanError(ReadError):
    """An error that says what stands in a file as it stands there, which no error of ours does."""

    def __str__(self) -> str:
        return "found \x1b[2J"


def _message(path: Path) -> Any:
    raise UncleanError("")


def _hang(path: Path) -> Any:
    time.sleep(60)


def _one(name: str, break_it: Callable[[Path], Any], promise: str = "rest") -> Target:
    return Target(f"broken_{name}", _write, _when_damaged(break_it), promise=promise)  # type: ignore[arg-type]


BROKEN = {
    target.name: target
    for target in (
        _one("traceback", _traceback),
        _one("files", _files),
        _one("unseen", _unseen, "ours"),
        _one("memory", _memory),
        _one("death", _death),
        _one("rows", lambda path: _stream(7, 1.0)),
        _one("values", lambda path: _stream(3, 0.123)),
        _one("warning", _warning),
        _one("message", _message),
        _one("hang", _hang),
    )
}
