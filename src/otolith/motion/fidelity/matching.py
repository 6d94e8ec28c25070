"""A simulated study whose values are spread as those of a real one, written recording by recording."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from otolith.core.errors import DataError, SplitError, nearest
from otolith.core.files import atomic_path, inside, write_json
from otolith.core.ownership import claim
from otolith.data.paired import FOLDER as MODALITIES
from otolith.data.signals.match import Matching
from otolith.data.study import Study, finish_study, write_recording
from otolith.data.study_files import owned_study, refuse_taken

FILE = "matching.json"


@dataclass(frozen=True)
class Change:
    """What matching did to one channel, or to the magnitude of one sensor's quantity, over the
    whole study."""

    name: str
    """The channel, or sensor and quantity such as "left_wrist.acc"."""
    moved: float
    """Root mean square of the change, in m/s², rad/s or µT."""
    distance_before: float
    """Mean distance of the quantiles of a recording to the real ones, same unit."""
    distance_after: float
    """The same, when matched."""


def match_study(
    simulated: Study,
    real: Study,
    out: str | Path,
    leave_out: Sequence[str] = (),
    axes: bool = True,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Study, list[Change]]:
    """Write a simulated study again, its values spread as in a real one of the same placements, and
    tell what changed.

    The manner is that of `otolith.data.signals.match.Matching`. leave_out: people of the real study
    who are not looked at; whoever the result is judged on belongs there. The maps, the people seen
    and the changes are kept in matching.json, and each recording says in its facts whom it was
    matched to. Pose, truth and text go along unchanged.

    Raises SplitError for a person to leave out who is not there or where nobody is left, DataError
    where a study is of the wrong origin or `out` is taken, ChannelError where the two share no
    channel.
    """
    out = Path(out)
    for person in leave_out:
        if person not in real.subjects:
            raise SplitError(
                f"Nobody in {real.folder} is called '{person}'.{nearest(person, real.subjects)}"
            )
    if not set(real.subjects) - set(leave_out):
        raise SplitError(
            f"Everybody in {real.folder} is left out; somebody's recordings are what is matched to."
        )
    if out.resolve() in (simulated.folder.resolve(), real.folder.resolve()):
        raise DataError(f"{out} is one of the two studies; choose another --out.")
    refuse_taken(out, overwrite)
    with owned_study(out, (FILE,)) as mine:
        found = Matching.fit(simulated, (one for one in real if one.group not in leave_out), axes)
        mine.remove(["study.json"])
        return _match(simulated, real, out, found, progress)


def _match(
    simulated: Study,
    real: Study,
    out: Path,
    found: Matching,
    progress: Callable[[int, int, str], None] | None,
) -> tuple[Study, list[Change]]:
    told: dict[str, str | int | float] = {
        "matched_study": real.name,
        "matched_people": ", ".join(found.people),
    }
    changes: dict[str, list[dict[str, float]]] = {}
    entries, segments = [], []
    for number, (recording, entry) in enumerate(zip(simulated, simulated.entries, strict=True), 1):
        for name, change in found.changes(recording).items():
            changes.setdefault(name, []).append(change)
        matched = found.apply(recording)
        written = write_recording(out, replace(matched, facts=recording.facts | told))
        entries.append(
            entry | written
        )  # what else an entry says, such as where its pose is, still holds
        segments += [
            {"recording": recording.id, **asdict(segment)} for segment in recording.segments
        ]
        if progress:
            progress(number, len(simulated), recording.id)
    for path in sorted((simulated.folder / MODALITIES).rglob("*")):
        if path.is_file():
            name = path.relative_to(simulated.folder).as_posix()
            with atomic_path(claim(out, name)) as temporary:
                shutil.copyfile(inside(simulated.folder, name), temporary)
    report = [_pooled(name, found_changes) for name, found_changes in changes.items()]
    write_json(
        claim(out, FILE),
        found.to_json() | told | {"changes": [asdict(change) for change in report]},
    )
    # Bent axes need not hold gravity at rest any more: nothing is checked, and nothing claimed.
    study = finish_study(
        out,
        entries,
        segments,
        {},
        name=f"{simulated.name} as {real.name}",
        source=f"{simulated.source}, spread as {real.name}",
        terms="; ".join(filter(None, dict.fromkeys((simulated.terms, real.terms)))),
        citation="; ".join(filter(None, dict.fromkeys((simulated.citation, real.citation)))),
        cut=simulated.cut,
    )
    return study, report


def people_matched_to(simulated: Study, real: str) -> set[str]:
    """The people of a real study, by its name, whose values a simulated study was spread as; nobody
    if it was not."""
    facts = [entry.get("facts", {}) for entry in simulated.entries]
    seen = {str(one["matched_people"]) for one in facts if one.get("matched_study") == real}
    return {person for people in seen for person in people.split(", ")}


def _pooled(name: str, changes: Sequence[dict[str, Any]]) -> Change:
    moved = float(np.sqrt(np.mean([change["moved"] ** 2 for change in changes])))
    before, after = (
        float(np.mean([change[key] for change in changes]))
        for key in ("distance_before", "distance_after")
    )
    return Change(name, moved, before, after)
