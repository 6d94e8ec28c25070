"""What there is to recognise in a file, a folder of tables or a study: its recordings, read one at
a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from otolith.core.errors import ReadError
from otolith.data.readers.mapping import Mapping, load_mapping
from otolith.data.readers.planning import Planned, plan
from otolith.data.readers.table import read_planned
from otolith.data.recording import Recording
from otolith.data.study import Study
from otolith.use.reading import read_recording, refuse_unit

Gravity = Literal["included", "removed"]


@dataclass(frozen=True)
class Source:
    """One recording that can be read; several where a column of its table names the people."""

    name: str
    """What its timeline is called."""
    where: str
    """The files, or the recording and its study, as a message names them."""
    read: Callable[[], list[Recording]]


def sources_of(
    path: str | Path, mapping: str | Path | None = None, gravity: Gravity = "included"
) -> list[Source]:
    """Return the recordings of a study, of a folder of tables with its mapping, or of one file, in
    a fixed order.

    Files of a folder are joined into recordings as `otolith import` joins them, by the mapping's
    pattern. `gravity` is taken for a table without a mapping, which cannot say it. Raises ReadError
    for a folder that is neither, and for paths that do not fit the mapping; what is inside the
    files is only looked at when they are read.
    """
    path = Path(path)
    if not path.is_dir():
        return [Source(path.stem, str(path), lambda: [read_recording(path, mapping, gravity)])]
    if mapping is not None:
        rules = load_mapping(mapping)
        return [_planned(planned, rules, path) for planned in plan(path, rules)]
    if not (path / "study.json").exists():
        raise ReadError(
            f"{path} is a folder, but no study: it has no study.json. Say how its files are read: "
            f"otolith import "
            f"{path} --guess --mapping mapping.toml, then pass --mapping mapping.toml."
        )
    study = Study.load(path)
    ids = [entry["id"] for entry in study.entries]
    return [Source(id, f"recording '{id}' of {path}", partial(_of_study, study, id)) for id in ids]


def _of_study(study: Study, id: str) -> list[Recording]:
    return [study.recording(id)]


def _planned(planned: Planned, rules: Mapping, root: Path) -> Source:
    where = ", ".join(str(file) for file, _ in planned.files)
    return Source(
        planned.id,
        where,
        lambda: [refuse_unit(found, where) for found in read_planned(planned, rules, root)],
    )
