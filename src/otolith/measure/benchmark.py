"""The benchmark: every method on every study, by whole people held out, over several draws of
labels."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otolith.core.errors import ConfigError, InterruptedRunError, ReadError
from otolith.core.files import digest, inside, read_json, write_sealed
from otolith.core.ownership import Owned, owned
from otolith.core.parallel import ATTEMPTS, Lost, run_all, tell
from otolith.data.channels import channel_names
from otolith.data.duplicates import warn_of_duplicates
from otolith.data.study import Study
from otolith.data.windows import Windows
from otolith.learn import objectives
from otolith.learn.splits import official_parts, people_folds
from otolith.learn.training.runtime import Runtime, commit, versions
from otolith.measure.few_shot import Fold, FoldRun, read_kept
from otolith.measure.methods import BUILT_IN, Method, parse_method
from otolith.measure.report import Report
from otolith.measure.sides import labelled_windows, of_recordings, plain_windows
from otolith.measure.statistics import Row, Shots

Save = Callable[[Report, Path], object]
"""Writes a report into the folder of a benchmark."""
DEFAULT_METHODS = ("pim", "scratch", "forest", "logistic")
DEFAULT_SHOTS: tuple[Shots, ...] = (1, 2, 4, 8, 16, 32, "all")


def benchmark(
    studies: Sequence[Study],
    methods: Sequence[str | Method] = DEFAULT_METHODS,
    shots: Sequence[Shots] = DEFAULT_SHOTS,
    *,
    folds: int = 5,
    draws: int = 5,
    out: str | Path,
    seed: int = 0,
    seeds: int = 1,
    runtime: Runtime | None = None,
    workers: int = 1,
    windows: Mapping[str, Any] | None = None,
    missing: str = "error",
    own_methods: Mapping[str, Mapping[str, Any]] | None = None,
    pretrain_on: Sequence[str] = (),
    split: str = "people",
    modality_fraction: float | None = None,
    leave_out: Sequence[str] = (),
    command: str = "",
    progress: Callable[[int, int, str], None] | None = None,
    save: Save = Report.save,
) -> Report:
    """Measure how well methods recognise activities of people never seen, with k labelled windows
    per class.

    For each fold of whole people: pretrain on the training people's windows (labels unseen,
    unlabelled stretches included), draw k labelled windows per class from training people (nested
    draws), adapt with those k alone, test on the held-out people. Cells are kept in `out` under a
    content hash, so the same call goes on where it was stopped. Writes results.json and its tables
    through `save`; `otolith.show.report_page.save_with_page` adds the page. `windows` overrides parts of
    each study's own evaluation; `pretrain_on` is given to methods that pretrain and do not say
    themselves whom on (see `Method.pretrain_on`), `modality_fraction` to those with modalities: the
    share of windows that keep theirs. `split` `official` or `takes` goes by the lists that a data
    set's authors made (see `official_parts`), with one fold; People of `leave_out` take no part,
    neither in training nor in testing. `progress(done, cells, what)` is called after each cell, and
    whenever a fold says what it is at. `seeds` repeats everything with seeds from `seed` up, on the
    same folds: other draws, other weights to begin with, other orders.

    Raises SplitError where no fold is possible, ConfigError for shots, draws or seeds below 1 or a
    name that stands twice, InterruptedRunError after Ctrl-C, or where
    a fold's process died in every attempt, when what is finished has been written.
    """
    out = Path(out)
    chosen = [
        _told_whom(parse_method(method, own_methods), tuple(pretrain_on)) for method in methods
    ]
    if modality_fraction is not None:
        chosen = [_told_share(method, modality_fraction) for method in chosen]
    wanted = tuple(dict.fromkeys(_shots(k) for k in shots))
    _refuse_twice("method", [method.name for method in chosen])
    _refuse_twice("study", [study.name for study in studies])
    for what, count in (("draws", draws), ("seeds", seeds)):
        if count < 1:
            raise ConfigError(f"{count} {what} measure nothing; ask for 1 or more.")
    runtime = runtime or Runtime.choose(threads=1 if workers > 1 else None)
    plan = _Plan(
        wanted,
        folds,
        draws,
        seed,
        seeds,
        split,
        missing,
        windows or {},
        runtime,
        out,
        tuple(leave_out),
    )
    with owned_results(out) as mine:
        mine.claim(RESULTS)
        return _measure(plan, studies, chosen, workers, command, progress, save)


RESULTS = ("results.json", "results.csv", "people.csv", "report.html")
"""What a benchmark writes into its folder, beside its cells, encoders and studies."""
_ROOMS = {"cells", "encoders", "studies"}


def owned_results(out: str | Path) -> AbstractContextManager[Owned]:
    """Make a folder a benchmark's, or take it up again (see `ownership.owned`)."""
    return owned(out, "benchmark", (*RESULTS, "recipe.toml", "pairs.md"), _older)


def _older(folder: Path) -> set[str] | None:
    """What a benchmark wrote before such folders had a marker: its results, or what it had finished
    of them."""
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    if there and there <= _ROOMS:
        return set(RESULTS)
    try:
        content = read_json(folder / "results.json")
    except (ReadError, OSError):
        return None
    of_ours = isinstance(content, dict) and {"rows", "studies", "planned"} <= content.keys()
    return {*RESULTS, "recipe.toml", "pairs.md"} if of_ours else None


def _measure(
    plan: _Plan,
    studies: Sequence[Study],
    methods: Sequence[Method],
    workers: int,
    command: str,
    progress: Callable[[int, int, str], None] | None,
    save: Save,
) -> Report:
    out = plan.out
    facts, tasks, notes = plan.make(studies, methods)
    cells = len(tasks) and sum(plan.cells for _ in tasks)
    news = _News(cells, progress)
    interrupted = False
    parts: list[dict[str, Any]] = []
    lost: list[Lost[Fold]] = []
    try:
        for part in run_all(_work, tasks, workers, plan.runtime.threads, news.hear):
            if isinstance(part, Lost):
                lost.append(part)
            else:
                parts.append(part)
    except KeyboardInterrupt:
        interrupted = True
    if interrupted or lost:
        whole = {part["key"] for part in parts}
        halves = [_finished(task) for task in tasks if _key(task) not in whole]
        parts += [half for half in halves if half]
    names = {str(study.folder): study.name for study in studies}
    failed = [_failed_row(one, names) for one in lost]
    notes += [f"{_name(one.task)}: failed in {ATTEMPTS} attempts; {one.reason}" for one in lost]
    order = {_key(task): i for i, task in enumerate(tasks)}
    parts.sort(key=lambda part: order[part["key"]])
    report = Report(
        **facts,
        rows=[row for part in parts for row in part["rows"]],
        losses=[row for part in parts for row in part["losses"]],
        failed=failed,
        embedding=[part["picture"] for part in parts if part["picture"]],
        notes=list(dict.fromkeys([*notes, *(note for part in parts for note in part["notes"])])),
        command=command,
    )
    save(report, out)
    if interrupted:
        raise InterruptedRunError(
            f"Stopped. {len(report.rows)} of {cells} cells are finished and kept in {out}; the "
            f"same command goes on "
            "from there."
        )
    if lost:
        raise InterruptedRunError(
            f"{len(lost)} of {len(tasks)} folds failed, the others are finished and kept in {out}. "
            f"{_name(lost[0].task)}: {lost[0].reason}. The same command tries them again."
        )
    return report


def _failed_row(lost: Lost[Fold], names: Mapping[str, str]) -> Row:
    fold = lost.task
    return {
        "study": names[fold.study],
        "method": fold.method.name,
        "seed": fold.seed,
        "fold": fold.number,
        "test_subjects": list(fold.test),
        "failed": lost.reason,
    }


def _told_whom(method: Method, pretrain_on: tuple[str, ...]) -> Method:
    silent = method.objective not in BUILT_IN and method.pretrain_on == ("people",)
    return (
        dataclasses.replace(method, pretrain_on=pretrain_on) if pretrain_on and silent else method
    )


def _told_share(method: Method, fraction: float) -> Method:
    kind = None if method.objective in BUILT_IN else objectives.FAMILY.resolve(method.objective)
    if kind is None:
        return method
    known = "modality_fraction" in {f.name for f in dataclasses.fields(kind.Config)}
    if not known or "modality_fraction" in method.objective_settings:
        return method
    told = method.objective_settings | {"modality_fraction": fraction}
    kind(**told)
    return dataclasses.replace(method, objective_settings=told)


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"There are two of {what} '{twice[0]}', whose rows nobody could tell apart; rename one."
        )


@dataclass(frozen=True)
class _Plan:
    """Who is tested when, and with what."""

    shots: tuple[Shots, ...]
    folds: int
    draws: int
    seed: int
    seeds: int
    split: str
    missing: str
    overrides: Mapping[str, Any]
    runtime: Runtime
    out: Path
    leave_out: tuple[str, ...] = ()

    @property
    def cells(self) -> int:
        """Cells of one fold of one method."""
        return len(self.shots) * self.draws - (self.draws - 1) * ("all" in self.shots)

    def make(
        self, studies: Sequence[Study], methods: Sequence[Method]
    ) -> tuple[dict[str, Any], list[Fold], list[str]]:
        """Return the facts of a report, the tasks of its workers, and notes."""
        facts, notes = [], []
        tasks: list[Fold] = []
        parted: dict[str, list[list[str]]] = {}
        for study in studies:
            notes += warn_of_duplicates(study.name, study.entries)
            cut = study.cut.changed(self.overrides)
            labelled = labelled_windows(study, cut, self.missing).without(self.leave_out)
            if len(labelled.classes) < 2:
                found = ", ".join(labelled.classes) or "none"
                raise ConfigError(
                    f"Study '{study.name}' has one class or none ({found}); there is nothing to "
                    f"tell apart."
                )
            lists = None
            if self.split == "people":
                parts = people_folds(labelled.subjects, self.folds, self.seed)
                if len(parts) < self.folds:
                    notes.append(
                        f"{study.name}: {len(parts)} folds, one a person, instead of {self.folds}"
                    )
            else:
                lists = official_parts(study, self.split, self.seed)
                parts = [of_recordings(labelled, lists.test).subjects]
                notes.append(
                    f"{study.name}: one fold, by its authors' lists of recordings ({self.split})"
                )
                both = of_recordings(labelled, [*lists.pretrain, *lists.train]).of(parts[0])
                if len(both):
                    notes.append(
                        f"{study.name}: {len(both.subjects)} people stand on both sides of the "
                        f"authors' lists; they "
                        f"are tested, and {len(set(both.recording))} recordings of theirs are not "
                        f"learnt from"
                    )
            parted[study.name] = parts
            facts.append(_facts(study, labelled, plain_windows(study, cut, self.missing)))
            tasks += [
                Fold(
                    str(study.folder), cut.to_json(), self.missing, method, number, tuple(test),
                    self.shots, self.draws, seed, self.runtime, str(self.out), lists,
                    away=self.leave_out, pictured=number == 0 and seed == self.seed,
                )
                for method in methods
                for seed in range(self.seed, self.seed + self.seeds)
                for number, test in enumerate(parts)
            ]  # fmt: skip
        report = {
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seed": self.seed,
            "version": versions()["otolith"],
            "commit": commit(),
            "machine": self.runtime.record(),
            "versions": versions(),
            "studies": facts,
            "folds": parted,
            "planned": {
                "methods": [method.name for method in methods],
                "shots": list(self.shots),
                "draws": [self.draws],
                "seeds": [self.seeds],
            },
        }
        return report, tasks, notes


def _facts(study: Study, labelled: Windows, plain: Windows) -> dict[str, Any]:
    return {
        "name": study.name,
        "origin": "simulated" if study.simulated else "measured",
        "recordings": len(study),
        "hours": study.hours,
        "subjects": labelled.subjects,
        "classes": list(labelled.classes),
        "hash": study.hash,
        "windows": {
            "seconds": labelled.seconds,
            "rate_hz": labelled.rate_hz,
            "overlap": labelled.recipe["overlap"],
            "label_rule": labelled.recipe["label_rule"],
            "count": len(labelled),
            "pretraining": len(plain),
            "dropped": labelled.dropped,
        },
        "channels": channel_names(labelled.channels),
    }


_BEGINS = "cuts windows"
"""What a fold says first."""


class _News:
    """What the workers tell while they work, as one count and one sentence for `progress`."""

    def __init__(self, cells: int, progress: Callable[[int, int, str], None] | None) -> None:
        self.done, self.cells = 0, cells
        self._progress = progress
        self._at: dict[str, str] = {}
        self._cells: dict[str, int] = {}
        self._tell("windows are cut")

    def hear(self, message: tuple[str, int, str]) -> None:
        """Take what a fold tells: its name, cells done since it last spoke, and what it is at;
        nothing at its end."""
        name, cells, at = message
        if at == _BEGINS:  # once more, where its process died
            self.done -= self._cells.pop(name, 0)
        self.done += cells
        self._cells[name] = self._cells.get(name, 0) + cells
        self._at.pop(name, None)
        if at:
            self._at[name] = at
        self._tell("; ".join(f"{name} {at}" for name, at in self._at.items()) or name)

    def _tell(self, what: str) -> None:
        if self._progress:
            self._progress(self.done, self.cells, what)


def _work(fold: Fold) -> dict[str, Any]:
    """Run a fold in a worker: every cell of one method, then what the report shows of its encoder."""
    name = _name(fold)
    tell((name, 0, _BEGINS))
    run = FoldRun(fold, lambda at: tell((name, 0, at)))
    # What an earlier run has finished is told at once: it says nothing about how long the rest
    # takes.
    there = [cell for cell in run.cells() if run.finished(*cell) is not None]
    tell((name, len(there), "adapts"))
    rows = []
    for cell in run.cells():
        rows.append(run.run(*cell))
        if cell not in there:
            tell((name, 1, "adapts"))
    if not fold.pictured or fold.method.objective == "none":
        tell((name, 0, ""))
    picture = None
    if fold.pictured and fold.method.objective != "none":
        path = inside(
            Path(fold.out), f"cells/picture-{run.encoder_key}-{digest(fold.method.name)}.json"
        )
        picture = read_kept(path, _PICTURE)
        if picture is None:
            tell((name, 0, "draws its embedding"))
            picture = run.picture()
            write_sealed(path, picture)
        tell((name, 0, ""))
    told = {"losses": run.losses(), "notes": run.notes(), "picture": picture}
    return {"key": _key(fold), "rows": rows, **told}


_PICTURE = frozenset(["study", "method", "fold", "x", "y", "label", "subject"])


def _finished(fold: Fold) -> dict[str, Any] | None:
    """Return what a stopped run has finished of a fold."""
    run = FoldRun(fold)
    rows = [row for cell in run.cells() if (row := run.finished(*cell)) is not None]
    told = {"losses": run.losses(), "notes": run.notes(), "picture": None} if rows else {}
    return {"key": _key(fold), "rows": rows, **told} if rows else None


def _key(fold: Fold) -> tuple[str, str, int, int]:
    return fold.study, fold.method.name, fold.seed, fold.number


def _name(fold: Fold) -> str:
    return f"{Path(fold.study).name}, {fold.method.name}, seed {fold.seed}, fold {fold.number + 1}"


def _shots(text: Shots) -> Shots:
    if text == "all":
        return "all"
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ConfigError(f"Shots are whole numbers from 1 up, or all; not '{text}'.")
    return number
