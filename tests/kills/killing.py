"""Run a command in a process of its own, kill it at a chosen moment, and look at what it leaves."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import shlex
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEFT_BEHIND = (".tmp", ".old", ".partial", ".lock")
CHANGING = ("seconds", "created", "content_sha256")
"""What two runs of one command need not have in common: how long a cell took, when the report was
made, and the hash over these. Cells and results are compared without; that the report's page is
there; all else bit for bit."""
_POLL_S = 0.001


@dataclass(frozen=True)
class Moment:
    """When a command is killed: after a time, or when so many files or folders have appeared (or
    gone), and a bit."""

    seconds: float | None
    events: int | None
    delay_s: float = 0.0

    @classmethod
    def draw(cls, rng: random.Random, seconds: float, events: int) -> Moment:
        """Half of them anywhere in the time that the unbroken run took, half of them at a change in
        its folder."""
        if rng.random() < 0.5 or not events:
            return cls(rng.uniform(0.0, seconds), None)
        return cls(None, rng.randint(1, events), rng.choice((0.0, 0.0, rng.uniform(0.0, 0.004))))


NEVER = Moment(None, None)


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    """The exit status; negative for the signal that killed it."""
    seconds: float
    events: int
    said: str


def run(folder: Path, command: str, moment: Moment = NEVER) -> Ended:
    """Type a command in a folder, and kill it where a moment says so.

    The process is forked from this one, in which everything is imported already: nearly all of its
    time is its work.
    """
    log = folder / "said.txt"
    sys.stdout.flush()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        _be_typed(folder, command, log)
    seen, events, hit = _names(folder), 0, None
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        now = time.perf_counter()
        if pid:
            break
        names = _names(folder)
        events += len(names ^ seen)
        seen = names
        if hit is None and moment.events is not None and events >= moment.events:
            hit = now + moment.delay_s
        if (moment.seconds is not None and now - started >= moment.seconds) or (
            hit is not None and now >= hit
        ):
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(_POLL_S)
    # Killed before it opened its log, a command has said nothing.
    said = log.read_text(errors="replace") if log.exists() else ""
    log.unlink(missing_ok=True)
    return Ended(os.waitstatus_to_exitcode(status), time.perf_counter() - started, events, said)


def _be_typed(folder: Path, command: str, log: Path) -> None:
    """Be the command; this never returns."""
    code = 70
    try:
        os.chdir(folder)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.argv = ["otolith", *shlex.split(command)]
        from otolith.cli.app import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _names(folder: Path) -> set[str]:
    names: set[str] = set()
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    names.add(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # gone meanwhile
            continue
    return names


def result_of(folder: Path) -> dict[str, str]:
    """Hash every file of a result, by name, without what may differ (`CHANGING`)."""
    out: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and ".cache" not in path.parts and name != "report.html":
            out[name] = hashlib.sha256(_plain(path)).hexdigest()
    if (folder / "report.html").exists():
        out["report.html"] = "is there"
    return out


def _plain(path: Path) -> bytes:
    content = path.read_bytes()
    if path.name == ".otolith":  # names of files, in the order in which they were written
        return json.dumps(
            sorted(name for line in content.splitlines()[1:] for name in json.loads(line))
        ).encode()
    if path.name == "results.json" or path.parent.name == "cells":
        return json.dumps(_without(json.loads(content)), sort_keys=True).encode()
    if path.name == "results.csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        return json.dumps(
            [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
        ).encode()
    return content


def _without(content: Any) -> Any:
    if isinstance(content, dict):
        return {
            key: _without(value)
            for key, value in content.items()
            if key not in CHANGING and "seconds" not in key
        }
    return [_without(part) for part in content] if isinstance(content, list) else content


def left_behind(folder: Path) -> list[str]:
    """Name what a finished command should have taken away."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.endswith(LEFT_BEHIND)
    )
