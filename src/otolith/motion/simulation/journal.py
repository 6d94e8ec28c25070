"""What is finished of a simulation, line by line, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from otolith.core.errors import ConfigError, DataError
from otolith.core.files import SEAL, content_digest, inside, seal_holds, write_text
from otolith.core.ownership import Owned
from otolith.data.paired import TEXTS
from otolith.data.study_files import file_facts, files_of, refuse_taken

FILE = "simulated.jsonl"
FORMAT = 1


class Journal:
    """The finished recordings of a study folder: settings in the first line, then one line for
    each.

    A line is written after the files of its recording, so that whatever has a line is whole; a line
    that was cut off or damaged counts for nothing, nor does one whose files are gone. Only ids and
    marks are kept in memory.
    """

    def __init__(self, mine: Owned, settings: Mapping[str, Any], overwrite: bool = False) -> None:
        """Open the journal of a folder that is ours, or begin one.

        Raises ConfigError where the folder holds a simulation with other settings, DataError where
        it holds another study; `overwrite` replaces a study in either case.
        """
        self.folder, self.path = mine.folder, mine.folder / FILE
        self.done: dict[str, str] = {}
        header = {"otolith_simulation": FORMAT, "settings": json.loads(json.dumps(dict(settings)))}
        written = _header(self.path)
        if written is None or overwrite:
            refuse_taken(mine.folder, overwrite)
            mine.remove(set(mine.named))
            mine.claim([FILE])
            write_text(self.path, _line(header))
            return
        if written != header:
            before, now = written.get("settings", {}), header["settings"]
            other = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
            raise ConfigError(
                f"{mine.folder} holds a simulation made with other settings "
                f"({', '.join(other) or 'an older format'}). Choose another --out, repeat the "
                "settings to go on with it, or pass --overwrite."
            )
        mine.claim([FILE])
        if self._holds_damage():
            write_text(self.path, "".join(map(_line, [header, *self.lines()])))
        # Lines of whole files, with checksums where an older version wrote none.
        whole = [_line(line) for line in self.lines() if _is_whole(self.folder, line)]
        self.done = {line["id"]: line["mark"] for line in map(json.loads, whole)}
        if whole != [_line(line) for line in self.lines()]:
            write_text(self.path, "".join([_line(header), *whole]))

    def add(self, id: str, mark: str, facts: Mapping[str, Any]) -> None:
        """Note that a recording's files are written, and what the study will say of it."""
        # On disk before the next recording is begun: a kill then costs one recording at most.
        with self.path.open("a", encoding="utf-8") as opened:
            opened.write(_line({"id": id, "mark": mark, **facts}))
            opened.flush()
            os.fsync(opened.fileno())
        self.done[id] = mark

    def lines(self) -> Iterator[dict[str, Any]]:
        """What was noted, in order; of an id that occurs twice the later line counts."""
        return _lines(self.path)

    def _holds_damage(self) -> bool:
        content = self.path.read_bytes()
        lines = 1 + sum(1 for _ in self.lines())
        return not content.endswith(b"\n") or content.count(b"\n") != lines


def _is_whole(folder: Path, line: Mapping[str, Any]) -> bool:
    """Whether all files of a line are there as they were written; checksums that an older version
    lacks are added."""
    try:
        entry = line["entry"]
        for part in (*entry["streams"], *entry.get("partners", {}).values()):
            facts = file_facts(inside(folder, part["file"]))
            if any(part.get(key, fact) != fact for key, fact in facts.items()):
                return False
            part |= facts
    except (DataError, OSError, KeyError, TypeError, AttributeError):
        return False
    return True


def named_by_journal(folder: Path) -> set[str]:
    """Return the files that a journal names, of a folder that has no marker yet."""
    if _header(folder / FILE) is None:
        return set()
    return {FILE, TEXTS} | files_of(line["entry"] for line in _lines(folder / FILE))


def _line(content: Mapping[str, Any]) -> str:
    sealed = {**content, SEAL: content_digest(content)}
    return json.dumps(sealed, ensure_ascii=False, allow_nan=False) + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as opened:
        # Journals of before there were seals have none.
        sealed = f'"{SEAL}"'.encode() in next(opened, b"")
        for text in opened:
            line = _parsed(text, sealed)
            if line is not None and line.keys() >= _WHOLE and isinstance(line["entry"], dict):
                yield line


_WHOLE = {"id", "mark", "entry", "segments", "text", "still", "source", "terms", "doubts"}


def _header(path: Path) -> dict[str, Any] | None:
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as opened:
        header = _parsed(opened.readline())
    return header if header is not None and "otolith_simulation" in header else None


def _parsed(text: bytes, sealed: bool = False) -> dict[str, Any] | None:
    try:
        content = json.loads(text) if text.endswith(b"\n") else None
        if not isinstance(content, dict) or seal_holds(content) is False:
            return None
        if sealed and SEAL not in content:
            return None
    except (ValueError, RecursionError):
        return None
    content.pop(SEAL, None)
    return content
