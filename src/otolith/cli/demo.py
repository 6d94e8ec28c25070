"""`otolith demo`: the whole main job, on virtual people or on your own study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Interval

from otolith.cli.benchmarking import Workers, measured, say
from otolith.cli.options import Compute, Quiet, Recipe
from otolith.cli.progress import counter
from otolith.core.errors import ConfigError
from otolith.core.options import RUN, Option
from otolith.core.settings import Seed, settings
from otolith.measure.benchmark_config import BenchmarkConfig

if TYPE_CHECKING:
    from otolith.data.study import Study


@settings
class Demo:
    """Run the main job from recordings to report, on virtual people or on your own study.

    Pretrains on everybody but the people held out, adapts with a few labels, tests on the held-out
    people, beside a network without pretraining, a random forest and logistic regression on
    hand-made features.

    otolith demo
    otolith demo --study studies/mine
    """

    command: ClassVar[str] = "demo"

    study: Path | None = None
    """Run it on your own study instead of simulated people."""
    out: Path = Path("demo-out")
    """Folder for everything it writes."""
    people: Annotated[int, Interval(ge=4, le=10_000)] = 20
    """How many virtual people."""
    workers: Workers = None
    seed: Annotated[Seed, Option(panel=RUN)] = 0
    """Of every random choice; the same seed gives the same result."""
    compute: Compute = Compute()
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Make the people, measure, and say what came out."""
        from otolith.data.study import Study
        from otolith.measure.methods import METHODS

        study = Study.load(self.study) if self.study else self._virtual_study()
        # Short, so that the whole walk takes minutes on two cores; `otolith benchmark` pretrains
        # until it stops helping.
        short = replace(METHODS["pim"], pretrain={"epochs": 12})
        config = BenchmarkConfig(
            methods=(short, "scratch", "forest", "logistic"),
            shots=(1, 2, 4, 8, "all"),
            folds=4,
            draws=2,
            seed=self.seed,
        )
        results = self.out / (self.study.resolve().name if self.study else "results")
        say(measured([study], config, results, self), results)

    def _virtual_study(self) -> Study:
        from otolith.core.errors import StudyError
        from otolith.data.study import Study, write_study
        from otolith.data.windows import Cut
        from otolith.motion.bodies.people import virtual_study

        folder, name = self.out / "study", f"{self.people} virtual people, seed {self.seed}"
        try:
            study = Study.load(folder)
        except StudyError:
            pass  # nothing there yet, or a beginning that was broken off
        else:
            if study.name == name:
                return study
            raise ConfigError(
                f"{folder} holds another study ('{study.name}'); choose another --out."
            )
        with counter(self.quiet, "virtual people") as tick:
            return write_study(
                folder,
                virtual_study(self.people, self.seed, minutes_per_activity=0.5),
                name=name,
                source="simulated by otolith from motions of its own making",
                terms="CC0",
                cut=Cut(seconds=2.5, rate_hz=50.0, overlap=0.5),
                progress=tick,
            )
