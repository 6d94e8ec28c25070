"""Plain tables, CSV or Parquet, through a mapping file -> recordings.

One file per recording, or one per sensor (joined by person, session and recording); a column may
name the people too. `otolith.data.readers.mapping` lists every setting. A stream is one sensor's
columns on their clock; per stream, the rows read are the rows kept plus the rows reported.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from otolith.core.errors import ConfigError, DataError, ReadError
from otolith.core.foreign.plain import name_of
from otolith.core.text import printable
from otolith.data.duplicates import warn_of_duplicates
from otolith.data.readers.clock import start_of
from otolith.data.readers.labels import LabelFiles, label_runs
from otolith.data.readers.mapping import Mapping, load_mapping
from otolith.data.readers.parts import Part, read_parts
from otolith.data.readers.planning import Planned, plan, safe_name
from otolith.data.recording import Recording, Segment, Stream, refuse_wrong_unit
from otolith.data.study import Study, write_study
from otolith.data.study_files import owned_study, refuse_taken

OnError = Literal["stop", "skip"]
"""What happens at a file that cannot be read: the import ends, or goes on without the file."""
SKIPPED = "skipped.json"
"""Which files were left out, beside study.json."""
# Stillness that it takes to refuse a single recording's unit; the study as a whole is judged later.
_SURE_S = 5.0


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why."""

    file: str
    reason: str


def import_tables(
    source: str | Path,
    mapping_path: str | Path,
    out: str | Path,
    overwrite: bool = False,
    on_error: OnError = "stop",
    progress: Callable[[Recording], None] | None = None,
) -> Study:
    """Read somebody's own tables into a study folder; what `otolith import --mapping` does.

    With `on_error="skip"` a file that cannot be read is left out, and listed with its reason in
    `skipped.json` beside study.json. `progress` is called with each recording as it is written.

    Raises ReadError, UnitError or DataError naming the file, ConfigError for the mapping.
    """
    out = Path(out)
    refuse_taken(out, overwrite)
    mapping = load_mapping(mapping_path)
    skipped: list[Skipped] = []

    def beside() -> dict[str, list[dict[str, str]]]:
        return {SKIPPED: [dataclasses.asdict(one) for one in skipped]} if skipped else {}

    with owned_study(out, (SKIPPED,)):
        recordings = read_table_study(source, mapping, on_error, skipped, ignore=out)
        first = next(recordings, None)
        if first is None:
            reason = f" The first: {skipped[0].reason}" if skipped else ""
            raise ReadError(
                f"None of the {len(skipped)} files under {source} could be read.{reason}"
            )
        facts = mapping.study
        study = write_study(
            out,
            itertools.chain((first,), recordings),
            name=facts.name,
            source=facts.source or Path(source).name,
            terms=facts.terms,
            citation=facts.citation,
            cut=mapping.cut,
            beside=beside,
            progress=progress,
        )
    warn_of_duplicates(study.name, study.entries)
    return study


def read_table_study(
    source: str | Path,
    mapping: Mapping,
    on_error: OnError = "stop",
    skipped: list[Skipped] | None = None,
    ignore: Path | None = None,
) -> Iterator[Recording]:
    """Read the recordings of a folder (or one file) of tables, one at a time, in a fixed order.

    With `on_error="skip"`, files that cannot be read are added to `skipped` instead of raising.
    What lies under `ignore` (the study that is being written) is not read.

    Raises ReadError or UnitError, naming the file.
    """
    if on_error not in get_args(OnError):
        raise ConfigError(f"on_error is 'stop' or 'skip'; found '{on_error}'.")
    source = Path(source)
    root = source if source.is_dir() else source.parent
    labels = LabelFiles(root, mapping) if mapping.label and mapping.label.file else None
    left_out: list[Skipped] = skipped if skipped is not None else []

    @contextmanager
    def leaving_out(*files: str) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            if on_error == "stop":
                raise
            left_out.extend(Skipped(file, printable(str(error))) for file in files)

    for planned in plan(source, mapping, ignore):
        files = [_relative(path, root) for path, _ in planned.files]
        parts: list[Part] = []
        for file, (path, sensors) in zip(files, planned.files, strict=True):
            with leaving_out(file):
                parts += read_parts(path, sensors, mapping)
        with leaving_out(*files):
            yield from _Joined(planned, mapping, root, labels).recordings(parts)
    if labels:
        with leaving_out(labels.rule.file):
            labels.refuse_unused()


def read_planned(planned: Planned, mapping: Mapping, root: Path) -> list[Recording]:
    """Read what some files under `root` hold, without the labels.

    Returns one recording, or one for each person that a column names. Raises ReadError or
    UnitError, naming the file.
    """
    silent = dataclasses.replace(mapping, label=None)
    parts = [part for path, sensors in planned.files for part in read_parts(path, sensors, silent)]
    return list(_Joined(planned, silent, root).recordings(parts))


def _relative(path: Path, root: Path) -> str:
    return name_of(path.relative_to(root).as_posix())


@dataclass(frozen=True)
class _Joined:
    """The parts of some files, joined into one recording for each person."""

    planned: Planned
    mapping: Mapping
    root: Path
    labels: LabelFiles | None = None

    def recordings(self, parts: Sequence[Part]) -> Iterator[Recording]:
        """Return the recordings, in the order in which the people first appear."""
        for person in dict.fromkeys(part.person for part in parts):
            yield self._recording([part for part in parts if part.person == person])

    def _recording(self, parts: Sequence[Part]) -> Recording:
        planned, person = self.planned, parts[0].person
        id = planned.id
        if any(person):
            id = safe_name("_".join((id, *filter(None, person))))
        files = dict.fromkeys(part.path for part in parts)
        where = ", ".join(_relative(path, self.root) for path in files)
        zeros = _zeros(parts, self.mapping.time.zero, where)
        moments = {start_of(zeros[part.path], part.zone) for part in parts}
        recording = Recording(
            id,
            planned.subject or person[0],
            tuple(_stream(part, zeros[part.path]) for part in parts),
            session=person[1] or planned.session,
            gravity=self.mapping.study.gravity,
            facts={"file": where},
            # Where the files do not agree on its start, none is believed.
            start=moments.pop() if len(moments) == 1 else None,
        )
        segments = self._segments(recording, parts, zeros)
        if recording.gravity == "included":
            for sensor, verdict in recording.gravity_verdicts().items():
                if verdict.still_s >= _SURE_S:
                    refuse_wrong_unit(sensor, verdict, where)
        # Two files may label the same stretch alike: each segment is kept once.
        return dataclasses.replace(recording, segments=tuple(dict.fromkeys(segments)))

    def _segments(
        self, recording: Recording, parts: Sequence[Part], zeros: dict[Path, float]
    ) -> list[Segment]:
        if self.labels:
            zero_s, end_s = min(zeros.values()), recording.duration_s
            return self.labels.of(recording.id, recording.subject, recording.session, zero_s, end_s)
        rule = self.mapping.label
        # Every table of a recording carries the same labels; the first that has some is believed.
        for part in parts if rule else ():
            if part.labels is not None and rule:
                runs = label_runs(part.time_s - zeros[part.path], part.labels, rule)
                if runs:
                    return runs
        return []


def _stream(part: Part, zero_s: float) -> Stream:
    time_s = part.time_s - zero_s
    try:
        return Stream.from_rows(
            part.name, part.channels, time_s, part.values, part.rate_hz, part.reports
        )
    except ReadError as error:
        raise ReadError(f"{part.path}: {error}") from error


def _zeros(
    parts: Sequence[Part], zero: Literal["absolute", "first"], where: str
) -> dict[Path, float]:
    """Return the moment of each file's clock that is the recording's zero."""
    firsts: dict[Path, float] = {}
    lasts: dict[Path, float] = {}
    for part in parts:
        stamps = part.usable_s
        if not len(stamps):
            raise ReadError(
                f"{part.path}: none of its {len(part.time_s)} rows has a stamp and every value of "
                f"'{part.name}' as numbers. Where acceleration and angular rate stand in rows of "
                "their own, write separate = true under [[sensor]]; otherwise look at the time "
                "column."
            )
        firsts[part.path] = min(firsts.get(part.path, np.inf), float(stamps[0]))
        lasts[part.path] = max(lasts.get(part.path, -np.inf), float(stamps[-1]))
    if zero == "first":
        return firsts
    if len(firsts) > 1 and max(firsts.values()) > min(lasts.values()):
        raise ReadError(
            f"{where}: these files are one recording, but their clocks do not overlap. Where each "
            'file counts from its own start, write zero = "first" under [time]; otherwise they '
            "are not of one recording."
        )
    return dict.fromkeys(firsts, min(firsts.values()))
