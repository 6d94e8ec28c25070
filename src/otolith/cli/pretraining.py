"""`otolith pretrain`: an encoder from recordings without labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from annotated_types import Le

from otolith.cli.options import (
    Compute,
    Missing,
    Overwrite,
    Quiet,
    Recipe,
    settings_of,
    some,
    some_people,
)
from otolith.cli.progress import bar
from otolith.cli.recipe import keep_recipe
from otolith.core.errors import ConfigError
from otolith.core.options import CUT, LENGTH, RUN, Option
from otolith.core.settings import Count, settings
from otolith.core.terminal import tell
from otolith.data.choices import CutChoices
from otolith.learn.training.configs import PretrainConfig

if TYPE_CHECKING:
    from otolith.data.windows import Windows
    from otolith.learn.training.pretrained import PretrainedEncoder


@settings
class Pretrain:
    """Pretrain an encoder on recordings without their labels; an interrupted run is resumed when
    typed again.

    otolith pretrain studies/mine --out encoders/mine
    otolith pretrain studies/mine studies/more --leave-out P07,P08 --out encoders/both
    """

    command: ClassVar[str] = "pretrain"

    studies: Annotated[tuple[Path, ...], Option(argument=True)]
    """Study folders; of several, all must have the same channels."""
    out: Path
    """Encoder folder to write."""
    objective: str = "pim"
    """See: otolith list objectives."""
    encoder: str = "tpn"
    """See: otolith list encoders."""
    pairs: tuple[str, ...] = ()
    """PIM: sensors to compare, such as left_foot~right_foot,head~chest."""
    setting: Annotated[
        tuple[str, ...], Option(flags=("--set",), metavar="NAME=VALUE", repeated=True)
    ] = ()
    """A setting of the objective, such as mm=0; may be repeated."""
    leave_out: tuple[str, ...] = ()
    """People who must not be learnt from, with commas between."""
    pretrain: Annotated[PretrainConfig, Option(panel=LENGTH)] = PretrainConfig()
    windows: Annotated[CutChoices, Option(panel=CUT)] = CutChoices()
    missing: Missing = "error"
    compute: Compute = Compute()
    processes: Annotated[Count, Le(1024), Option(panel=RUN)] = 1
    """Processes that share each batch, one a GPU."""
    overwrite: Overwrite = False
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Pretrain, in several processes where that was asked for."""
        from otolith.core.files import refuse_existing
        from otolith.learn.training import pretrain as training
        from otolith.learn.training.processes import is_launched, launch

        if not training.to_be_tidied(self.out):
            refuse_existing(self.out, "encoder", self.overwrite)
        # The launched processes type the same command, and find that they are.
        if self.processes > 1 and not is_launched():
            raise typer.Exit(launch(self.processes, sys.argv[1:]))
        self._train(self._windows())

    def _train(self, windows: Windows) -> None:
        from otolith.learn.training import pretrain as training
        from otolith.learn.training.processes import is_first

        people = some(len(windows.subjects), "person", "people")
        schedule = {name: getattr(self.pretrain, name) for name in _SCHEDULE}
        epochs = self.pretrain.epochs * (len(self.studies) if self.pretrain.in_turn else 1)
        with bar(self.quiet or not is_first(), "epochs") as show:
            show(0, epochs, f"{len(windows)} windows of {people}")
            encoder = training.pretrain(
                windows,
                self.objective,
                self.encoder,
                out=self.out,
                runtime=self.compute.runtime(),
                objective_settings=self._objective_settings(),
                progress=lambda done, of, losses: show(
                    done, of, f"loss {losses['train']:.3f}, validation {losses['validation']:.3f}"
                ),
                finish=lambda made, folder: self._finish(made, folder, windows),
                **schedule,
            )
        if is_first() and not self.quiet:
            tell(
                f"{self.out}: encoder '{encoder.name}' from {len(windows)} windows of {people}, "
                f"best epoch {encoder.record['best_epoch']} of {len(encoder.history)}. Next: "
                f"otolith adapt {self.out} {self.studies[0]} --shots 8 --out RECOGNISER"
            )

    def _windows(self) -> Windows:
        from otolith.data.study import Study
        from otolith.data.windows import Windows
        from otolith.measure.sides import plain_windows

        choices, parts = self.windows.chosen(), []
        for folder in self.studies:
            study = Study.load(folder)
            parts.append(plain_windows(study, study.cut.changed(choices), self.missing))
        windows = Windows.concatenate(parts)
        if not self.leave_out:
            return windows
        return windows.without(some_people(self.leave_out, windows.subjects))

    def _objective_settings(self) -> dict[str, Any]:
        given = {**(self.pretrain.objective_settings or {}), **settings_of(self.setting)}
        if self.pairs:
            given["pairs"] = [_pair(text) for text in self.pairs]
        return given

    def _finish(self, encoder: PretrainedEncoder, folder: Path, windows: Windows) -> None:
        from otolith.show.figures import loss_figure

        loss_figure(encoder.history, folder / "losses.svg")
        keep_recipe(
            self,
            folder,
            "setting",
            "pairs",
            objective=encoder.record["objective_settings"],
            encoder=encoder.encoder.settings(),
            windows=self.windows.chosen(),
        )


_SCHEDULE = [name for name in PretrainConfig.__dataclass_fields__ if name != "objective_settings"]


def _pair(text: str) -> tuple[str, ...]:
    pair = tuple(part.strip() for part in text.split("~"))
    if len(pair) != 2 or not all(pair):
        raise ConfigError(
            f"A pair is two sensors with ~ between, such as left_foot~right_foot; not '{text}'."
        )
    return pair
