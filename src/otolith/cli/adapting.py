"""`otolith adapt`: a recogniser from an encoder and a few labels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from otolith.cli.options import (
    Compute,
    Missing,
    Overwrite,
    Quiet,
    Recipe,
    Shots,
    Trust,
    some_people,
)
from otolith.cli.progress import bar
from otolith.cli.recipe import keep_recipe
from otolith.core.errors import ConfigError, nearest
from otolith.core.options import CUT, LENGTH, Option
from otolith.core.settings import settings
from otolith.core.terminal import note, tell
from otolith.data.choices import CutChoices
from otolith.learn.training.configs import AdaptConfig

if TYPE_CHECKING:
    from otolith.data.windows import Cut, Windows
    from otolith.learn.training.pretrained import PretrainedEncoder
    from otolith.use.recogniser import Recogniser


@settings
class Adapt:
    """Train a recogniser of your classes from an encoder and a few labelled windows.

    otolith adapt encoders/mine studies/mine --shots 8 --out recognisers/mine
    otolith adapt features studies/mine --head forest --out recognisers/forest
    """

    command: ClassVar[str] = "adapt"

    encoder: Annotated[str, Option(argument=True)]
    """Encoder folder, or the name of an encoder for random weights."""
    study: Annotated[Path, Option(argument=True)]
    """Study folder with labelled segments."""
    out: Path
    """Recogniser folder to write."""
    shots: Shots = "all"
    """Labelled windows per class to use, or all."""
    head: str = "mlp"
    """See: otolith list heads."""
    head_settings: Annotated[dict[str, Any] | None, Option()] = None
    """Settings of the head that differ from its defaults."""
    people: tuple[str, ...] = ()
    """Use the labels of these people only, with commas between."""
    add: tuple[str, ...] = ()
    """Studies whose labels count too, such as simulated ones, with commas between."""
    adapt: Annotated[AdaptConfig, Option(panel=LENGTH)] = AdaptConfig()
    windows: Annotated[CutChoices, Option(panel=CUT)] = CutChoices()
    missing: Missing = "error"
    compute: Compute = Compute()
    trust: Trust = ()
    overwrite: Overwrite = False
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Fit a recogniser and save it."""
        from otolith.core.files import refuse_existing
        from otolith.data.study import Study
        from otolith.learn.training.checkpoint import refuse_strange_folder
        from otolith.measure.sides import added_windows
        from otolith.use.recogniser import Recogniser

        refuse_existing(self.out, "recogniser", self.overwrite)
        refuse_strange_folder(self.out, "recogniser")
        saved, choices = self._saved_encoder()
        study = Study.load(self.study)
        cut = study.cut.changed(choices)
        windows = study.windows(**asdict(cut), missing=self.missing).labelled
        added = [added_windows(Study.load(name), cut, self.missing) for name in self.add]
        if self.people:
            windows = windows.of(some_people(self.people, windows.subjects))
        few = windows.few(self.shots, self.adapt.seed)
        recogniser = Recogniser(
            saved or self._fresh_encoder(windows),
            self.head,
            head_settings=self.head_settings,
            **asdict(self.adapt),
            **asdict(self.compute),
        )
        with bar(self.quiet, "steps") as show:
            recogniser.fit(
                few, add=added, progress=lambda done, of, loss: show(done, of, f"loss {loss:.3f}")
            )
        recogniser.save(
            self.out,
            overwrite=self.overwrite,
            finish=lambda folder: self._finish(recogniser, few, cut, folder),
        )
        for name, count in windows.short_classes(self.shots).items():
            note(
                f"class '{name}' has {count} labelled windows, fewer than {self.shots}; all are "
                f"used"
            )
        if not self.quiet:
            more = "".join(
                f" and {n} of {name}"
                for name, n in recogniser.record_["adaptation"]["added"].items()
            )
            tell(
                f"{self.out}: {len(few)} windows{more}, {len(few.classes)} classes. Next: otolith "
                f"recognise {self.out} FILE"
            )

    def _saved_encoder(self) -> tuple[PretrainedEncoder | None, dict[str, Any]]:
        """The encoder of a folder, and how to cut for it."""
        from otolith.learn import encoders
        from otolith.learn.training.pretrained import PretrainedEncoder

        choices = self.windows.chosen()
        if self.encoder in encoders.FAMILY or ":" in self.encoder:
            return None, choices
        saved = PretrainedEncoder.load(self.encoder, trust=self.trust)
        if placements := choices.pop("placements", ()):
            saved = _narrowed(saved, placements)
        return saved, saved.cutting() | choices

    def _fresh_encoder(self, windows: Windows) -> PretrainedEncoder:
        """Random weights, with the statistics of all windows here, as a benchmark builds it."""
        from otolith.learn.training.pretrained import PretrainedEncoder

        return PretrainedEncoder.fresh(windows, self.encoder, self.adapt.seed)

    def _finish(self, recogniser: Recogniser, few: Windows, cut: Cut, folder: Path) -> None:
        from otolith.learn.heads.mixture_of_experts import MixtureOfExperts
        from otolith.show.gates import gate_use, write_gates

        adapted = recogniser.adapted_
        if isinstance(adapted.head, MixtureOfExperts):
            use = gate_use(adapted, few, self.compute.runtime())
            write_gates(use, adapted.classes, folder)
        keep_recipe(self, folder, head=adapted.head.settings(), windows=cut.to_json())


def _narrowed(encoder: PretrainedEncoder, placements: tuple[str, ...]) -> PretrainedEncoder:
    known = list(dict.fromkeys(channel.placement for channel in encoder.channels))
    for placement in placements:
        if placement not in known:
            raise ConfigError(
                f"This encoder knows {', '.join(known)}, not '{placement}'."
                f"{nearest(placement, known)}"
            )
    return encoder.narrowed([c for c in encoder.channels if c.placement in placements])
