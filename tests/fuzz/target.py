"""What is damaged, who reads it, and what may come out."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fuzz.kinds import Kind


@dataclass(frozen=True)
class Target:
    """One reader, or one file of ours."""

    name: str
    write: Callable[[Path], None]
    """Writes undamaged files into a folder."""
    read: Callable[[Path, Path, str], Any]
    """(folder of the files, empty folder to write to, the damaged file) -> all that was read."""
    covers: tuple[str, ...] = ()
    """Members of families that it reads, as "dataset hapt"."""
    promise: Literal["ours", "checked", "rest"] = "rest"
    """ours: a change is seen, whatever it is; checked: as far as the format's own checksums reach;
    rest: what is read was in the file, and every row is kept or counted."""
    harmed: tuple[str, ...] = ("*",)
    """Which of the files are damaged."""
    parts: bool = False
    """Each folder that `write` makes is a sample of its own; a case takes one."""
    more: Callable[[str, bytes], tuple[Kind, ...]] | None = None
    """Further kinds of damage that only this target's files can meet."""
    reseal: Callable[[Path, str], None] | None = None
    """Makes the hashes fit a damaged file, as somebody would who means to get past them."""
    factors: tuple[float, ...] = (1.0,)
    """What numbers of the files are multiplied by on the way in."""
    writes: tuple[str, ...] = ()
    """Where in the files' own folder the reader may write, such as its cache."""


@dataclass
class Case:
    """A damaged copy of a target's files."""

    what: str
    file: str
    content: bytes
    seen: bool
    """Whether a change must be noticed."""
    sealed_anew: bool = False
    absent: Literal["", "gone", "folder", "loop"] = ""


def fingerprint(thing: Any) -> str:
    """A hash of all that was read, equal for equal content."""
    total = hashlib.sha256()
    try:
        for piece in _pieces(thing):
            total.update(piece)
    except RecursionError:  # a tree that was read, but is deeper than any undamaged one
        return "deep"
    return total.hexdigest()


def _pieces(thing: Any) -> Iterator[bytes]:
    if isinstance(thing, np.ndarray):
        yield f"array{thing.dtype}{thing.shape}".encode()
        yield (
            str(thing.tolist()).encode()
            if thing.dtype.hasobject
            else np.ascontiguousarray(thing).tobytes()
        )
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for one in dataclasses.fields(thing):
            if one.name != "folder":
                yield one.name.encode()
                yield from _pieces(getattr(thing, one.name))
    elif isinstance(thing, Mapping):
        for key, value in sorted(
            thing.items(), key=lambda item: str(item[0])
        ):  # their order says nothing
            yield f"key{key}".encode("utf-8", "replace")
            yield from _pieces(value)
    elif isinstance(thing, list | tuple):
        yield f"list{len(thing)}".encode()
        for one in thing:
            yield from _pieces(one)
    elif isinstance(thing, set | frozenset):
        yield from _pieces(sorted(thing))
    elif hasattr(thing, "detach"):
        yield from _pieces(thing.detach().cpu().float().numpy())
    elif isinstance(thing, Path):
        yield thing.name.encode()
    elif thing is None or isinstance(thing, str | int | float | bool | bytes | np.generic):
        yield repr(thing).encode("utf-8", "replace")
    else:
        raise TypeError(f"a target's reader returned {type(thing)}, of which no hash is made")


def records_in(thing: Any, depth: int = 3) -> Iterator[Any]:
    """Every recording in what was read."""
    from otolith import Recording

    if isinstance(thing, Recording):
        yield thing
    elif depth and isinstance(thing, Mapping | list | tuple):
        for one in thing.values() if isinstance(thing, Mapping) else thing:
            yield from records_in(one, depth - 1)


def faults_of(
    recordings: Iterable[Any],
    known: np.ndarray | None = None,
    damaged: Callable[[], np.ndarray] | None = None,
) -> Iterator[str]:
    """Say what no recording may have: rows that are neither kept nor told, numbers that were in no
    file."""
    for recording in recordings:
        for stream in recording.streams:
            where = f"{recording.id}, stream {stream.name}"
            told = sum(report.rows for report in stream.reports)
            kept = len(stream.time_s)
            if stream.rows_read != kept + told or len(stream.values) != kept:
                yield f"{where}: {stream.rows_read} rows read, {kept} kept, {told} told"
            if not np.isfinite(stream.time_s).all() or (np.diff(stream.time_s) <= 0).any():
                yield f"{where}: stamps that are not finite or do not rise"
            if not np.isfinite(stream.values).all():
                yield f"{where}: values that are not finite"
            elif known is not None:
                strange = _not_in(known, stream.values.reshape(-1))
                if len(strange) and damaged is not None:
                    strange = _not_in(damaged(), strange)
                if len(strange):
                    yield f"{where}: {len(strange)} values that were in no file, as {strange[0]!r}"
        for segment in recording.segments:
            if not (math.isfinite(segment.start_s) and math.isfinite(segment.end_s)):
                yield f"{recording.id}: a segment from {segment.start_s} to {segment.end_s}"


def _not_in(numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    if not len(numbers):
        return values
    return np.asarray(
        values[numbers[np.minimum(np.searchsorted(numbers, values), len(numbers) - 1)] != values]
    )


def seeded(target: str, case: int) -> random.Random:
    """The generator of one case: the same damage whenever and wherever it is run."""
    return random.Random(f"{target} {case}")
