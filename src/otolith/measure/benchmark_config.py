"""What a benchmark measures, and what a method is. They stand here without torch, so that a command
can list its options at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Annotated, Any, Literal

from annotated_types import Interval, Le

from otolith.core.errors import ConfigError, nearest
from otolith.core.options import CUT, RUN, Option
from otolith.core.settings import Count, Seed, Share, settings
from otolith.data.choices import CutChoices

Table = Mapping[str, Any]
BUILT_IN = ("none", "labels")
"""What stands for an objective and is none."""
LAST_SEED = 2**32 - 1


@settings
class Method:
    """One way from recordings to labels.

    >>> Method("mine", "pim", head="linear", pretrain={"epochs": 20}).encoder
    'tpn'
    """

    name: str
    objective: str = "none"
    """What the encoder is pretrained with; `none` leaves it at random weights; `labels` trains it
    on every label of the training people, however few the head then gets: what stands beside a
    method that saw those labels as words."""
    encoder: str = "tpn"
    head: str = "mlp"
    mode: Literal["finetune", "frozen", "staged"] = "finetune"
    """Whether the labels move the encoder too; staged: once the head has learnt."""
    objective_settings: Table = field(default_factory=dict)
    pretrain_on: tuple[str, ...] = ("people",)
    """Whose windows the encoder is pretrained on: `people`, the training people of each fold, and
    folders of other studies."""
    pretrain_share: Annotated[float, Interval(gt=0, le=1)] = 1.0
    """Share of the recordings that the encoder is pretrained on; a larger share holds a smaller
    one."""
    pretrain_placements: tuple[str, ...] = ()
    """Sensors that pretraining on other studies sees, of which the tested ones are kept; empty for
    the tested ones."""
    add: tuple[str, ...] = ()
    """Folders of other studies, such as simulated ones, whose labelled windows are learnt from
    beside the few."""
    encoder_settings: Table = field(default_factory=dict)
    head_settings: Table = field(default_factory=dict)
    pretrain: Table = field(default_factory=dict)
    """Settings of the pretraining that differ from its defaults; of the adaptation for objective
    `labels`."""
    adapt: Table = field(default_factory=dict)
    """Settings of the adaptation that differ from its defaults."""

    def __post_init__(self) -> None:
        if not self.pretrain_on or "" in self.pretrain_on:
            raise ConfigError(
                f"Method '{self.name}': pretrain_on names nothing; write people, a study's folder, "
                f"or both."
            )

    @property
    def pretrains(self) -> bool:
        """Whether an objective is given, and not labels or nothing."""
        return self.objective not in BUILT_IN

    def to_json(self) -> dict[str, Any]:
        """Return everything that decides what this method does."""
        several = ("pretrain_on", "pretrain_placements", "add")
        return asdict(self) | {name: list(getattr(self, name)) for name in several}


@settings
class BenchmarkConfig:
    """What is compared, on whom, and how often.

    >>> BenchmarkConfig(methods=["pim", "forest"], shots=[2, 8], folds=3).draws
    5
    """

    methods: tuple[str | Method, ...] = ("pim", "scratch", "forest", "logistic")
    """With commas between; see: otolith list methods. Or objective:encoder:head."""
    shots: tuple[Count | Literal["all"], ...] = (1, 2, 4, 8, 16, 32, "all")
    """Labelled windows per class, with commas between; all takes every label."""
    pretrain_on: tuple[str, ...] = ("people",)
    """Study folders that methods pretrain on, unless they say it themselves; `people` among them:
    also the training people."""
    modality_fraction: Share | None = None
    """Share of the windows whose text, video or pose pretraining sees."""
    split: Literal["people", "official", "takes"] = "people"
    """Folds of people; or one fold by the authors' lists; or whole takes of what these hold
    back."""
    folds: Annotated[int, Interval(ge=2, le=10_000)] = 5
    """Groups of people, each tested once."""
    draws: Annotated[Count, Le(10_000)] = 5
    """Random draws of the labelled windows."""
    seeds: Annotated[Count, Le(10_000)] = 1
    """Repeat everything with as many seeds, from `seed` up, on the same folds."""
    seed: Annotated[Seed, Option(panel=RUN)] = 0
    """Of every random choice; the same seed gives the same result."""
    leave_out: tuple[str, ...] = ()
    """People who take no part, neither in training nor in testing."""
    windows: Annotated[CutChoices, Option(panel=CUT)] = CutChoices()
    """What differs from each study's own cut."""
    missing: Annotated[Literal["error", "mask", "drop"], Option(panel=CUT)] = "error"
    """Where a recording lacks a channel: stop, mask the channel, or leave the recording out."""
    method: Mapping[str, Table] = field(default_factory=dict)
    """Methods of your own, by name: what differs from the method of that name, or from the
    defaults of `Method`; "*" goes for all of them."""

    def __post_init__(self) -> None:
        if self.seed + self.seeds > LAST_SEED:
            raise ConfigError(
                f"'seed' and 'seeds' lead past {LAST_SEED:,}, the last seed; begin with a smaller "
                f"one."
            )
        names = [method.name if isinstance(method, Method) else method for method in self.methods]
        refuse_twice("method", names)
        for table in set(self.method) - set(names):
            self._refuse_misspelt(table, names)

    def _refuse_misspelt(self, table: str, names: list[str]) -> None:
        """A table of a method that is not measured this time is no mistake, unless a method that is
        measured has nearly its name, and no table."""
        lacking = [name for name in names if name not in self.method]
        if suggestion := nearest(table, lacking):
            raise ConfigError(f"No method is called '{table}', as [method] has it.{suggestion}")

    @property
    def distinct_shots(self) -> tuple[int | str, ...]:
        """The numbers of labels, each once."""
        return tuple(dict.fromkeys(self.shots))

    @property
    def cells(self) -> int:
        """Cells of one fold of one method: all labels are drawn once."""
        shots = self.distinct_shots
        return len(shots) * self.draws - (self.draws - 1) * ("all" in shots)


def refuse_twice(what: str, names: list[str]) -> None:
    """Raise ConfigError where a name stands twice.

    >>> refuse_twice("study", ["a", "b", "a"])
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: There are two of study 'a', whose rows nobody could tell ...
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"There are two of {what} '{twice[0]}', whose rows nobody could tell apart; rename one."
        )
