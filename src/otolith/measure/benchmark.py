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
from otolith.core.settings import configure
from otolith.data.channels import channel_names
from otolith.data.duplicates import warn_of_duplicates
from otolith.data.study import Study
from otolith.data.windows import Windows
from otolith.learn import objectives
from otolith.learn.splits import Parts, official_parts, people_folds
from otolith.learn.training.runtime import Runtime, commit, versions
from otolith.measure.benchmark_config import BenchmarkConfig as BenchmarkConfig
from otolith.measure.benchmark_config import refuse_twice
from otolith.measure.few_shot import Fold, FoldRun, read_kept
from otolith.measure.methods import Method, parse_method
from otolith.measure.report import Report
from otolith.measure.sides import labelled_windows, of_recordings, plain_windows
from otolith.measure.statistics import Row

Save = Callable[[Report, Path], object]
"""Writes a report into the folder of a benchmark."""
Progress = Callable[[int, int, str], None]
"""Called after each cell, and whenever a fold says what it is at: cells done, of how many, what."""
RESULTS = ("results.json", "results.csv", "people.csv", "report.html")
"""What a benchmark writes into its folder, beside its cells, encoders and studies."""
_ROOMS = {"cells", "encoders", "studies"}


def benchmark(
    studies: Sequence[Study],
    config: BenchmarkConfig | None = None,
    *,
    out: str | Path,
    runtime: Runtime | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    save: Save = Report.save,
    **settings: Any,
) -> Report:
    """Measure how well methods recognise activities of people never seen, with k labelled windows
    per class.

    For each fold of whole people: pretrain on the training people's windows (labels unseen,
    unlabelled stretches included), draw k labelled windows per class from training people (nested
    draws), adapt with those k alone, test on the held-out people. Cells are kept in `out` under a
    content hash, so the same call goes on where it was stopped.

    settings: the fields of `BenchmarkConfig`, in place of `config`. save: writes results.json and
    its tables; `otolith.show.report_page.save_with_page` adds the page.

    Raises ConfigError for settings that cannot be, SplitError where no fold is possible,
    InterruptedRunError after Ctrl-C, or where a fold's process died in every attempt, when what is
    finished has been written.

        benchmark([study], methods=["pim", "forest"], shots=[2, 8], folds=3, out="results/mine")
    """
    if config is None:
        config = configure(BenchmarkConfig, settings, "benchmark")
    elif settings:
        config = dataclasses.replace(config, **settings)
    methods = methods_of(config)
    refuse_twice("study", [study.name for study in studies])
    runtime = runtime or Runtime.choose(threads=1 if workers > 1 else None)
    with owned_results(out) as mine:
        mine.claim(RESULTS)
        plan = _plan(studies, methods, config, runtime, Path(out))
        news = _News(len(plan.folds) * config.cells, progress)
        return _measure(plan, workers, news, lambda report: save(report, Path(out)))


def owned_results(out: str | Path) -> AbstractContextManager[Owned]:
    """Make a folder a benchmark's, or take it up again (see `ownership.owned`)."""
    return owned(out, "benchmark", (*RESULTS, "recipe.toml", "pairs.md"), _older)


def _older(folder: Path) -> set[str] | None:
    """What a benchmark wrote before such folders had a marker: its results, or what it had finished
    of them."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    if names and names <= _ROOMS:
        return set(RESULTS)
    try:
        content = read_json(folder / "results.json")
    except (ReadError, OSError):
        return None
    of_ours = isinstance(content, dict) and {"rows", "studies", "planned"} <= content.keys()
    return {*RESULTS, "recipe.toml", "pairs.md"} if of_ours else None


def methods_of(config: BenchmarkConfig) -> list[Method]:
    """Return the methods of a benchmark, with what it says of all of them.

    Raises ConfigError where it says what no method can use.
    """
    parsed = [parse_method(method, config.method) for method in config.methods]
    methods = [_with_choices(method, config) for method in parsed]
    if config.pretrain_on != ("people",) and not any(method.pretrains for method in methods):
        raise ConfigError(
            f"pretrain_on is {', '.join(config.pretrain_on)}, but none of "
            f"{', '.join(method.name for method in methods)} is pretrained. Add a method that is, "
            f"such as pim, or leave pretrain_on out."
        )
    return methods


def _with_choices(method: Method, config: BenchmarkConfig) -> Method:
    if not method.pretrains:
        return method
    if method.pretrain_on == ("people",):
        method = dataclasses.replace(method, pretrain_on=config.pretrain_on)
    fraction, given = config.modality_fraction, method.objective_settings
    if fraction is None or "modality_fraction" in given:
        return method
    kind = objectives.FAMILY.resolve(method.objective)
    if "modality_fraction" not in {field.name for field in dataclasses.fields(kind.Config)}:
        return method
    given = {**given, "modality_fraction": fraction}
    return parse_method(dataclasses.replace(method, objective_settings=given))


@dataclass(frozen=True)
class _Plan:
    """Who is tested when, and with what."""

    facts: dict[str, Any]
    """Of the report."""
    folds: list[Fold]
    notes: list[str]
    names: dict[str, str]
    """Folder of a study -> its name."""


def _plan(
    studies: Sequence[Study],
    methods: Sequence[Method],
    config: BenchmarkConfig,
    runtime: Runtime,
    out: Path,
) -> _Plan:
    facts, folds, notes, tested = [], [], [], {}
    for study in studies:
        notes += warn_of_duplicates(study.name, study.entries)
        cut = study.cut.changed(config.windows.chosen())
        labelled = labelled_windows(study, cut, config.missing).without(config.leave_out)
        if len(labelled.classes) < 2:
            raise ConfigError(
                f"Study '{study.name}' has one class or none "
                f"({', '.join(labelled.classes) or 'none'}); there is nothing to tell apart."
            )
        parts, lists, remarks = _split(study, labelled, config)
        notes += remarks
        tested[study.name] = parts
        facts.append(_facts(study, labelled, plain_windows(study, cut, config.missing)))
        folds += [
            Fold(
                study=str(study.folder),
                cut=cut.to_json(),
                missing=config.missing,
                method=method,
                number=number,
                test=tuple(test),
                shots=config.distinct_shots,
                draws=config.draws,
                seed=seed,
                runtime=runtime,
                out=str(out),
                parts=lists,
                away=config.leave_out,
                pictured=number == 0 and seed == config.seed,
            )
            for method in methods
            for seed in range(config.seed, config.seed + config.seeds)
            for number, test in enumerate(parts)
        ]
    report = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": config.seed,
        "version": versions()["otolith"],
        "commit": commit(),
        "machine": runtime.record(),
        "versions": versions(),
        "studies": facts,
        "folds": tested,
        "planned": {
            "methods": [method.name for method in methods],
            "shots": list(config.distinct_shots),
            "draws": [config.draws],
            "seeds": [config.seeds],
        },
    }
    return _Plan(report, folds, notes, {str(study.folder): study.name for study in studies})


def _split(
    study: Study, labelled: Windows, config: BenchmarkConfig
) -> tuple[list[list[str]], Parts | None, list[str]]:
    """The people who are tested in each fold, the authors' lists where these decide, and notes."""
    if config.split == "people":
        parts = people_folds(labelled.subjects, config.folds, config.seed)
        fewer = f"{study.name}: {len(parts)} folds, one a person, instead of {config.folds}"
        return parts, None, [fewer] if len(parts) < config.folds else []
    lists = official_parts(study, config.split, config.seed)
    people = of_recordings(labelled, lists.test).subjects
    notes = [f"{study.name}: one fold, by its authors' lists of recordings ({config.split})"]
    both = of_recordings(labelled, [*lists.pretrain, *lists.train]).of(people)
    if len(both):
        notes.append(
            f"{study.name}: {len(both.subjects)} people stand on both sides of the authors' lists; "
            f"they are tested, and {len(set(both.recording))} recordings of theirs are not learnt "
            f"from"
        )
    return [people], lists, notes


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


def _measure(plan: _Plan, workers: int, news: _News, save: Callable[[Report], object]) -> Report:
    threads = plan.folds[0].runtime.threads if plan.folds else 1
    parts: dict[_Key, dict[str, Any]] = {}
    lost: list[Lost[Fold]] = []
    interrupted = False
    try:
        for part in run_all(_work, plan.folds, workers, threads, news.hear):
            if isinstance(part, Lost):
                lost.append(part)
            else:
                parts[part["key"]] = part
    except KeyboardInterrupt:
        interrupted = True
    if interrupted or lost:
        for fold in plan.folds:
            if _key(fold) not in parts and (half := _finished(fold)):
                parts[_key(fold)] = half
    report = _report(plan, parts, lost)
    save(report)
    if interrupted:
        raise InterruptedRunError(
            f"Stopped. {len(report.rows)} of {news.cells} cells are finished and kept; the same "
            f"command goes on from there."
        )
    if lost:
        raise InterruptedRunError(
            f"{len(lost)} of {len(plan.folds)} folds failed, the others are finished and kept. "
            f"{_name(lost[0].task)}: {lost[0].reason}. The same command tries them again."
        )
    return report


def _report(
    plan: _Plan, parts: Mapping[_Key, dict[str, Any]], lost: Sequence[Lost[Fold]]
) -> Report:
    # Workers end in any order; the report is in that of the plan, so that runs can be compared.
    ordered = [parts[_key(fold)] for fold in plan.folds if _key(fold) in parts]
    failed = [f"{_name(one.task)}: failed in {ATTEMPTS} attempts; {one.reason}" for one in lost]
    return Report(
        **plan.facts,
        rows=_all(ordered, "rows"),
        losses=_all(ordered, "losses"),
        failed=[_failed_row(one, plan.names) for one in lost],
        embedding=_all(ordered, "pictures"),
        # Every fold of a method notes the same of its study.
        notes=list(dict.fromkeys([*plan.notes, *failed, *_all(ordered, "notes")])),
    )


def _all(parts: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [each for part in parts for each in part[name]]


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


_BEGINS = "cuts windows"
"""What a fold says first."""


class _News:
    """What the workers tell while they work, as one count and one sentence for `progress`."""

    def __init__(self, cells: int, progress: Progress | None) -> None:
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
    """Run a fold in a worker: every cell of one method, then the picture of its encoder."""
    name = _name(fold)
    tell((name, 0, _BEGINS))
    run = FoldRun(fold, lambda at: tell((name, 0, at)))
    # What an earlier run has finished is told at once: it says nothing about how long the rest
    # takes.
    known = [cell for cell in run.cells() if run.finished(*cell) is not None]
    tell((name, len(known), "adapts"))
    rows = []
    for cell in run.cells():
        rows.append(run.run(*cell))
        if cell not in known:
            tell((name, 1, "adapts"))
    picture = None
    if fold.pictured and fold.method.objective != "none":
        file = f"cells/picture-{run.encoder_key}-{digest(fold.method.name)}.json"
        path = inside(Path(fold.out), file)
        picture = read_kept(path, _PICTURE)
        if picture is None:
            tell((name, 0, "draws its embedding"))
            picture = run.picture()
            write_sealed(path, picture)
    tell((name, 0, ""))
    return _part(run, rows) | {"pictures": [picture] if picture else []}


_PICTURE = frozenset(["study", "method", "fold", "x", "y", "label", "subject"])


def _finished(fold: Fold) -> dict[str, Any] | None:
    """Return what a stopped run has finished of a fold."""
    run = FoldRun(fold)
    rows = [row for cell in run.cells() if (row := run.finished(*cell)) is not None]
    return _part(run, rows) if rows else None


def _part(run: FoldRun, rows: list[dict[str, Any]]) -> dict[str, Any]:
    key, losses, notes = _key(run.fold), run.losses(), run.notes()
    return {"key": key, "rows": rows, "losses": losses, "notes": notes, "pictures": []}


_Key = tuple[str, str, int, int]


def _key(fold: Fold) -> _Key:
    return fold.study, fold.method.name, fold.seed, fold.number


def _name(fold: Fold) -> str:
    return f"{Path(fold.study).name}, {fold.method.name}, seed {fold.seed}, fold {fold.number + 1}"
