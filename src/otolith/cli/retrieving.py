"""`otolith retrieve`: how well motion finds what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from otolith.cli.options import AsJson, Compute, Missing, Quiet, Recipe, Trust, some_people
from otolith.core.options import RUN, Option
from otolith.core.settings import Seed, settings
from otolith.core.terminal import tell, tell_json


@settings
class Retrieve:
    """Measure how often a window finds its text, video or pose among all others of a study, and the
    reverse.

    Shares of queries with a right answer among the first 1, 5 and 10, and the mean of 1/place.

    otolith retrieve encoders/primus studies/new
    """

    command: ClassVar[str] = "retrieve"

    encoder: Annotated[Path, Option(argument=True)]
    """Encoder folder, pretrained together with texts, video or poses."""
    study: Annotated[Path, Option(argument=True)]
    """Study folder with such modalities."""
    people: tuple[str, ...] = ()
    """These people only, with commas between; else all whom the encoder never saw."""
    missing: Missing = "error"
    as_json: AsJson = False
    seed: Annotated[Seed, Option(panel=RUN)] = 0
    """Of every random choice; the same seed gives the same result."""
    compute: Compute = Compute()
    trust: Trust = ()
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Print the table."""
        from otolith.data.study import Study
        from otolith.learn.training.pretrained import PretrainedEncoder
        from otolith.learn.training.seen import unseen_people
        from otolith.measure.retrieval import retrieve

        encoder = PretrainedEncoder.load(self.encoder, trust=self.trust)
        encoder.require_alignment()
        windows = Study.load(self.study).windows(**encoder.cutting(), missing=self.missing)
        if self.people:
            people = some_people(self.people, windows.subjects)
        else:
            people = unseen_people(encoder.record, windows, f"Encoder {self.encoder}")
        rows = retrieve(encoder, windows.of(people), self.compute.runtime())
        if self.as_json:
            tell_json({"people": people, "rows": rows})
            return
        if not self.quiet:
            tell(f"{len(people)} people{'' if self.people else ' whom the encoder never saw'}")
        tell("| | queries | answers | R@1 | R@5 | R@10 | MRR | chance R@1 |")
        tell("|---|---|---|---|---|---|---|---|")
        for row in rows:
            names = ("r1", "r5", "r10", "mrr", "chance_r1")
            figures = " | ".join(f"{row[name]:.3f}" for name in names)
            tell(f"| {row['direction']} | {row['queries']} | {row['answers']} | {figures} |")
