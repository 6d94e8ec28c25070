"""What is finished of a simulation, line by line, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from otolith.errors import ConfigError
from otolith.study import refuse_taken

FILE = "simulated.jsonl"
FORMAT = 1
_OURS = ("recordings", "partners", ".cache", FILE, "study.json", "segments.parquet", "skipped.json")


class Journal:
    """The finished recordings of a study folder: settings in the first line, then one line for each.

    A line is written after the files of its recording, so that whatever has a line is whole; a last line that was cut
    off is dropped. Only ids and marks are kept in memory.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], overwrite: bool = False) -> None:
        """Open the journal of a folder, or begin one.

        Raises ConfigError where the folder holds a simulation with other settings, DataError where it holds something
        else; `overwrite` replaces a study in either case.
        """
        self.path = folder / FILE
        self.done: dict[str, str] = {}
        header = {"otolith_simulation": FORMAT, "settings": json.loads(json.dumps(dict(settings)))}
        found = self._header()
        if found is None or overwrite:
            # What is replaced is a study, whole or broken off; never a folder of somebody's other files.
            refuse_taken(folder, overwrite and (found is not None or (folder / "study.json").exists()))
            _clear(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(header, ensure_ascii=False) + "\n", encoding="utf-8")
            return
        if found != header:
            before, now = found.get("settings", {}), header["settings"]
            other = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
            raise ConfigError(
                f"{folder} holds a simulation made with other settings ({', '.join(other) or 'an older format'}). "
                "Choose another --out, repeat the settings to go on with it, or pass --overwrite."
            )
        self._drop_torn_line()
        for line in self.lines():
            self.done[line["id"]] = line["mark"]

    def add(self, id: str, mark: str, facts: Mapping[str, Any]) -> None:
        """Note that a recording's files are written, and what the study will say of it."""
        line = json.dumps({"id": id, "mark": mark, **facts}, ensure_ascii=False, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as opened:
            opened.write(line + "\n")
        self.done[id] = mark

    def lines(self) -> Iterator[dict[str, Any]]:
        """What was noted, in order; of an id that occurs twice the later line counts."""
        with self.path.open(encoding="utf-8") as opened:
            next(opened)
            for line in opened:
                yield json.loads(line)

    def _header(self) -> dict[str, Any] | None:
        if not self.path.is_file():
            return None
        with self.path.open(encoding="utf-8") as opened:
            first = opened.readline()
        try:
            header = json.loads(first)
        except json.JSONDecodeError:
            return None
        return header if isinstance(header, dict) else None

    def _drop_torn_line(self) -> None:
        with self.path.open("r+b") as opened:
            whole = 0
            for line in opened:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
            opened.truncate(whole)


def _clear(folder: Path) -> None:
    for name in _OURS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
