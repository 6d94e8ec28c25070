"""`otolith benchmark`: how well methods do on people whom they have never seen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol

from annotated_types import Le

from otolith.cli.console import typed
from otolith.cli.options import Compute, Quiet, Recipe
from otolith.cli.progress import bar
from otolith.cli.recipe import keep_recipe
from otolith.core.errors import InterruptedRunError
from otolith.core.options import RUN, Option
from otolith.core.settings import Count, settings
from otolith.core.terminal import tell
from otolith.measure.benchmark_config import BenchmarkConfig

if TYPE_CHECKING:
    from otolith.data.study import Study
    from otolith.measure.report import Report

Workers = Annotated[
    Annotated[Count, Le(1024)] | None,
    Option(panel=RUN, help="Processes; as many as there are cores if not given."),
]
NOTES = 6
"""Notes of a run that are printed; all of them stand in its report."""


@settings
class Benchmark:
    """Measure how well methods recognise activities of held-out people, with few labels.

    Whole people are held out; several draws of labels are averaged before anything else; every
    control stands beside the claim. A stopped run goes on where it was when the same command is
    typed again.

    otolith benchmark studies/mine --out results/mine
    otolith benchmark studies/mine --methods pim,none:tpn:linear --shots 2,8,all --out results/short
    otolith benchmark --recipe results/mine/recipe.toml --out results/again
    """

    command: ClassVar[str] = "benchmark"

    studies: Annotated[tuple[Path, ...], Option(argument=True)]
    """Study folders."""
    out: Path
    """Folder for results.json, results.csv and report.html."""
    benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    workers: Workers = None
    compute: Compute = Compute()
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Measure, keep the recipe also of a run that is stopped, and say what came out."""
        from otolith.data.study import Study
        from otolith.measure.benchmark import owned_results

        studies = [Study.load(folder) for folder in self.studies]
        with owned_results(self.out):
            try:
                report = measured(studies, self.benchmark, self.out, self)
            except InterruptedRunError:
                self._keep_recipe(studies)
                raise
            self._keep_recipe(studies)
        if not self.quiet:
            say(report, self.out)

    def _keep_recipe(self, studies: Sequence[Study]) -> None:
        from otolith.measure.benchmark import methods_of
        from otolith.measure.methods import completed

        methods = [completed(method).to_json() for method in methods_of(self.benchmark)]
        tables = {method.pop("name"): method for method in methods}
        choices = self.benchmark.windows.chosen()
        cuts = [study.cut.changed(choices).to_json() for study in studies]
        common = {
            name: value for name, value in cuts[0].items() if all(c[name] == value for c in cuts)
        }
        keep_recipe(self, self.out, method=tables, windows=common)


class Measuring(Protocol):
    """A job that measures."""

    @property
    def workers(self) -> int | None:
        """Processes."""

    @property
    def compute(self) -> Compute:
        """Where each of them computes."""

    @property
    def quiet(self) -> bool:
        """Whether nothing is printed on the way."""


def measured(
    studies: Sequence[Study],
    config: BenchmarkConfig,
    out: Path,
    job: Measuring,
) -> Report:
    """Run a benchmark on the cores of this machine, with a page beside its results."""
    from otolith.measure.benchmark import benchmark
    from otolith.show.report_page import save_with_page

    cores = os.cpu_count() or 1
    workers = job.workers or (cores if job.compute.device in ("auto", "cpu") else 1)
    runtime = job.compute.runtime(max(1, cores // workers))
    first = "windows are cut, the first folds are on their way"
    with bar(job.quiet, "cells", first) as show:
        return benchmark(
            studies,
            config,
            out=out,
            runtime=runtime,
            workers=workers if runtime.device == "cpu" else 1,
            progress=show,
            save=lambda report, folder: save_with_page(replace(report, command=typed()), folder),
        )


def say(report: Report, folder: Path) -> None:
    """Print the table, the verdict and the first notes of a report."""
    from otolith.measure.verdict import verdict

    tell(report.table())
    for study in report.study_names():
        sentences = (f"  {sentence}" for sentence in verdict(report, study))
        tell("\n".join([f"{study}:", *sentences, ""]))
    notes = report.all_notes()
    for note in notes[:NOTES]:
        tell(f"note: {note}")
    if len(notes) > NOTES:
        tell(f"note: {len(notes) - NOTES} more stand in the report")
    tell(f"Report: {(folder / 'report.html').resolve()}")
