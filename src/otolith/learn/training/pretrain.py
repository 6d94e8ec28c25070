"""Pretraining: one loop that knows neither what is asked of the encoder nor which encoder it is."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from otolith.core.errors import CheckpointError, ConfigError, OtolithWarning, ReadError, SplitError
from otolith.core.files import digest, read_json, write_text
from otolith.core.settings import built_from, configure
from otolith.core.sheets import sheet_of
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn import objectives
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives.objective import Objective
from otolith.learn.training import checkpoint
from otolith.learn.training.configs import PretrainConfig as PretrainConfig
from otolith.learn.training.divergence import found_at
from otolith.learn.training.loader import Loader
from otolith.learn.training.pretrained import PART, PretrainedEncoder
from otolith.learn.training.processes import Processes
from otolith.learn.training.records import Record
from otolith.learn.training.runtime import Runtime, commit, versions
from otolith.learn.training.schedule import falls, turns
from otolith.learn.training.seen import training_facts

Progress = Callable[[int, int, dict[str, float]], None]
"""Called after every epoch with its number, the most there can be, and the losses."""


def pretrain(
    windows: Windows,
    objective: str | Objective = "pim",
    encoder: str | type[Encoder] = "tpn",
    *,
    out: str | Path | None = None,
    runtime: Runtime | None = None,
    progress: Progress | None = None,
    finish: Callable[[PretrainedEncoder, Path], object] | None = None,
    **settings: Any,
) -> PretrainedEncoder:
    """Pretrain an encoder on unlabelled windows and return it with its best epoch's weights.

    Labels, where there are any, are not looked at. Early stopping watches one or two of the given
    people, never anybody else. With `out` the encoder is saved there; after an interruption the
    same call goes on from the last whole epoch, and ends with the weights of an unbroken run, bit
    for bit. Started by torchrun, several processes share each batch, and the first one writes.

    settings: the fields of `PretrainConfig`. progress: called as progress(epoch, epochs, losses)
    after every epoch. finish: called as finish(encoder, folder) to write further files into the
    encoder's folder before that is whole.

    Raises ConfigError for settings that are unknown or out of range, CheckpointError where `out`
    holds another unfinished run, DataError where it holds anything but an older encoder or another
    process writes there.

        pretrain(windows, "pim", epochs=20, objective_settings={"bins": 10}, out="encoders/mine")
    """
    config = configure(PretrainConfig, settings, "pretraining")
    windows = windows.hide_labels()
    runtime = runtime or Runtime.choose()
    goal = _goal(objective, config.objective_settings or {})
    folder = Path(out).resolve() if out else None
    partial = partial_of(folder) if folder else None
    with Processes.here(runtime) as processes, ExitStack() as held:
        # Of several processes the first one writes; all of them read what a stopped run left.
        first = processes.first
        if folder and first:
            held.enter_context(checkpoint.writing(folder, "encoder"))
        run = _Run.start(windows, goal, encoder, config, runtime, processes)
        with runtime.active():
            if partial and partial.exists():
                run.resume(partial)
            run.go(partial if first else None, progress if first else None)
            result = run.best()

        def beside(inner: Path) -> None:
            write_losses(inner, result.history)
            if finish:
                finish(result, inner)

        if folder and partial and first:
            result.save(folder, beside)
            checkpoint.remove_state(partial)
    return result


def _goal(objective: str | Objective, settings: Mapping[str, Any]) -> Objective:
    if not isinstance(objective, Objective):
        with built_from(settings, f"Objective '{objective}'"):
            built: Objective = objectives.FAMILY.resolve(objective)(**settings)
        return built
    if settings:
        raise ConfigError(
            "objective_settings belong to an objective that is built by its name; give this one "
            "its settings when you build it."
        )
    return objective


def partial_of(folder: Path) -> Path:
    """Where a run that is not finished keeps its state, beside the folder that it makes.

    >>> partial_of(Path("encoders/mine")).name
    'mine.partial'
    """
    return folder.with_name(f"{folder.name}.partial")


def to_be_tidied(out: Path) -> bool:
    """Whether a run was stopped when all it had left to do was to put its result in place and
    remove its state."""
    state = partial_of(out.resolve()) / checkpoint.CONFIG
    try:
        facts = read_json(state) if state.is_file() else {}
    except ReadError:
        return False
    return isinstance(facts, dict) and facts.get("finished") is True


_STATE = ("history", "best_epoch", "best_loss", "stage", "before")
_VALIDATION_BATCH = 1024


@dataclass
class _Run:
    """The state of one pretraining: everything that the next epoch depends on."""

    model: PretrainedEncoder
    goal: Objective
    config: PretrainConfig
    runtime: Runtime
    training: list[Loader]
    """One for each study that takes its turn; else one for all."""
    validation: list[Loader]
    key: str
    """Hash of all that decides the result."""
    processes: Processes
    history: list[dict[str, float]] = field(default_factory=list)
    stage: int = 0
    """Which of the studies that take turns is learnt from."""
    before: int = 0
    """Epochs before this stage."""
    best_loss: float = float("inf")
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.model.to(self.runtime.device)
        self.goal.to(self.runtime.device)
        self.encoder = self.processes.divide(self.model.encoder)
        groups = [
            *self.model.encoder.parameter_groups(),
            {"params": list(self.goal.parameters())},
        ]
        self.optimiser = torch.optim.Adam(groups, lr=self.config.learning_rate, fused=True)

    @classmethod
    def start(
        cls,
        windows: Windows,
        goal: Objective,
        encoder: str | type[Encoder],
        config: PretrainConfig,
        runtime: Runtime,
        processes: Processes,
    ) -> _Run:
        """Hold back the validation people, build the encoder, and fit the objective."""
        seed = config.seed
        held_back = [
            person
            for turn in turns(windows, config.in_turn)
            for person in validation_people(turn.subjects, config.validation_people, seed)
        ]
        training, validation = windows.without(held_back), windows.of(held_back)
        model = PretrainedEncoder.fresh(training, encoder, seed, **config.encoder_settings or {})
        if not model.encoder.learns:
            raise ConfigError(
                f"Encoder '{model.name}' has no weights to pretrain; choose another: otolith list "
                f"encoders."
            )
        goal.prepare(windows)
        # Seeded once more: an objective's weights do not depend on how many the encoder drew.
        torch.manual_seed(seed)
        goal.fit(training, model.encoder)
        # What was built is recorded, its defaults included.
        config = replace(
            config,
            objective_settings=goal.settings(),
            encoder_settings=model.encoder.settings(),
        )
        name, count = objectives.FAMILY.name_of(goal), processes.count
        decides = [windows.hash, name, model.name, asdict(config), goal.report(), asdict(runtime)]
        key = digest([*decides, count])
        model.record = _record(windows, name, config, goal) | {
            "validation_subjects": held_back,
            "runtime": runtime.record() | {"processes": count},
        }
        runtime = processes.runtime(runtime)

        def loaders(side: Windows, size: int) -> list[Loader]:
            return [
                Loader(
                    part,
                    goal.targets(part),
                    batch_size=size,
                    seed=seed,
                    device=runtime.device,
                    groups=None if goal.mixes_studies else part.part,
                )
                for part in turns(side, config.in_turn)
            ]

        learnt, watched = (
            loaders(training, config.batch_size),
            loaders(validation, _VALIDATION_BATCH),
        )
        return cls(model, goal, config, runtime, learnt, watched, key, processes)

    @property
    def turn_over(self) -> bool:
        """Whether the study whose turn it is has been learnt from for long enough."""
        epoch, patience = len(self.history), self.config.patience
        waited = epoch - max(self.best_epoch, self.before)
        return epoch - self.before >= self.config.epochs or 0 < patience <= waited

    @property
    def finished(self) -> bool:
        """Whether there is no further epoch."""
        return self.turn_over and self.stage == len(self.training) - 1

    def go(self, partial: Path | None, progress: Progress | None) -> None:
        """Train until it stops; after each epoch keep the state in `partial`, and report."""
        while not self.finished:
            self.one_epoch()
            if partial:
                self.keep(partial)
            if progress:
                epochs = self.config.epochs * len(self.training)
                progress(len(self.history), epochs, self.history[-1])

    def one_epoch(self) -> None:
        """Train on every window once, then measure the validation people."""
        number = len(self.history)
        if self.turn_over:
            self.stage, self.before, self.best_loss = self.stage + 1, number, float("inf")
        rate = self.config.learning_rate
        if self.config.plateau:
            watched = [row["validation"] for row in self.history[self.before :]]
            rate *= 0.1 ** falls(watched, self.config.plateau)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Validation left both in eval mode.
        self.model.encoder.train()
        self.goal.train()
        row: dict[str, float] = {"epoch": number + 1}
        if len(self.training) > 1:
            row["study"] = self.stage + 1
        means, steps = self._train(number)
        row |= means
        row["train"] = sum(means.values())
        row |= {name: value for name, value in self.goal.measured().items() if np.isfinite(value)}
        row |= self.validate()
        if not np.isfinite([row["train"], row["validation"]]).all():
            raise self._diverged(found_at(steps, row["validation"]), rate)
        known = self.goal.complaints(self.history)
        self.history.append(row)
        if self.processes.first:
            for note in self.goal.complaints(self.history):
                if note not in known:
                    warnings.warn(note, OtolithWarning, stacklevel=4)
        if row["validation"] < self.best_loss:
            self.best_loss, self.best_epoch = row["validation"], len(self.history)
            self.best_weights = {
                name: tensor.detach().cpu().clone() for name, tensor in self.kept().items()
            }

    def _train(self, epoch: int) -> tuple[dict[str, float], list[Tensor]]:
        """Return the mean of each loss over the windows, and the whole loss of every step."""
        training = self.training[self.stage]
        sums: dict[str, Tensor] = {}
        steps: list[Tensor] = []
        for batch in training.epoch(epoch):
            losses = self.step(batch)
            steps.append(torch.stack([loss.detach().float() for loss in losses.values()]).sum())
            for name, loss in losses.items():
                # Summed as tensors: reading a number would make a GPU wait in every step.
                zero = torch.zeros((), device=loss.device)
                sums[name] = sums.get(name, zero) + loss.detach() * len(batch)
        count = len(training.windows)
        return {f"train_{name}": float(total) / count for name, total in sums.items()}, steps

    def _diverged(self, where: str, rate: float) -> ConfigError:
        precision = self.runtime.precision
        kept = "there is no epoch before it"
        if self.history:
            kept = (
                f"the {len(self.history)} before it are kept in OUT.partial, the best of them "
                f"epoch {self.best_epoch}"
            )
        exact = "" if precision == "fp32" else ", or with --precision fp32"
        return ConfigError(
            f"Pretraining diverged in epoch {len(self.history) + 1}: {where}, at learning rate "
            f"{rate:g} in {precision}. Nothing of this epoch is kept; {kept}. Type it with a lower "
            f"rate, such as --learning-rate {rate / 10:.3g}, and another --out{exact}. If the rate "
            f"is not to blame, look for odd values in the recordings: otolith info STUDY."
        )

    def kept(self) -> dict[str, Tensor]:
        """Return the weights that pretraining leaves: the encoder's, and those of the space that it
        shares."""
        alignment = self.goal.alignment()
        shared = checkpoint.pack(alignment, PART) if alignment else {}
        return checkpoint.pack(self.model.encoder, "encoder.") | shared

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Take one optimiser step and return the losses."""
        losses = self._losses(batch)
        total = torch.stack(list(losses.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.processes.add_up(self.model.encoder, self.goal)
        self.optimiser.step()
        return losses

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        with self.runtime.autocast():
            batch.values = self.model.standardise(batch.values)
            losses: dict[str, Tensor] = self.goal(self.encoder, batch)
        return losses

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the validation people's losses."""
        self.model.encoder.eval()
        self.goal.eval()
        sums: dict[str, float] = {}
        validation = self.validation[self.stage]
        for batch in validation.epoch():
            for name, loss in self._losses(batch).items():
                key = f"validation_{name}"
                sums[key] = sums.get(key, 0.0) + float(loss) * len(batch)
        means = {name: total / len(validation.windows) for name, total in sums.items()}
        return means | {"validation": sum(means.values())}

    def best(self) -> PretrainedEncoder:
        """Return the encoder with the weights of its best epoch."""
        model = self.model
        checkpoint.load_into(model.encoder, self.best_weights, "encoder.", "the best epoch")
        model.alignment = copy.deepcopy(self.goal.alignment())
        if model.alignment:
            checkpoint.load_into(model.alignment, self.best_weights, PART, "the best epoch")
            model.alignment.eval()
        # A checkpoint written on a GPU is read where there is none.
        model.to("cpu").encoder.eval()
        model.history = self.history
        model.record |= {"epochs": len(self.history), "best_epoch": self.best_epoch}
        if notes := self.goal.complaints(self.history):
            fitted = model.record["fitted"]
            model.record["fitted"] = {**fitted, "notes": [*fitted.get("notes", []), *notes]}
        return copy.deepcopy(model)

    def keep(self, folder: Path) -> None:
        """Write the state after an epoch, whole or not at all."""
        tensors = checkpoint.pack(self.model.encoder, "encoder.")
        tensors |= checkpoint.pack(self.goal, "objective.")
        tensors |= {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        for index, slots in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{slot}": value for slot, value in slots.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.runtime.device.startswith("cuda"):
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        facts = {"key": self.key, "finished": self.finished}
        facts |= {name: getattr(self, name) for name in _STATE}
        checkpoint.save_state(folder, facts, tensors)

    def resume(self, folder: Path) -> None:
        """Go back to the state after the last whole epoch."""
        state_then = checkpoint.load_state(folder)
        if state_then is None:
            warnings.warn(
                f"What {folder} held of an unfinished run is damaged: the run begins anew.",
                OtolithWarning,
                stacklevel=3,
            )
            return
        facts, tensors = state_then
        if facts["key"] != self.key:
            raise CheckpointError(
                f"{folder} holds the beginnings of another run (other windows, settings, precision "
                f"or threads). Go on with exactly what that run was started with, or delete the "
                f"folder to start anew: rm -r {folder}"
            )
        checkpoint.load_into(self.model.encoder, tensors, "encoder.", str(folder))
        checkpoint.load_into(self.goal, tensors, "objective.", str(folder))
        self.best_weights = {
            n.removeprefix("best."): t for n, t in tensors.items() if n.startswith("best.")
        }
        # Adam's moments are tensors among the others: a file of weights holds nothing else.
        state = self.optimiser.state_dict()
        for name, tensor in tensors.items():
            if name.startswith("optimiser."):
                _, index, slot = name.split(".")
                state["state"].setdefault(int(index), {})[slot] = tensor
        self.optimiser.load_state_dict(state)
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"])
        for name in _STATE:
            setattr(self, name, facts[name])


def _record(windows: Windows, objective: str, config: PretrainConfig, goal: Objective) -> Record:
    """What a checkpoint says of how it came about."""
    schedule, seen = asdict(config), training_facts(windows)
    return {
        "objective": objective,
        "objective_settings": schedule.pop("objective_settings"),
        "fitted": goal.report(),
        "subjects": windows.subjects,
        "people": seen["people"],
        "recordings": seen["recordings"],
        "studies": {windows.study: windows.study_hash},
        "windows": {"count": len(windows), "dropped": windows.dropped, "recipe": windows.recipe},
        "settings": {name: schedule[name] for name in schedule if name != "encoder_settings"},
        "seed": config.seed,
        "versions": versions(),
        "commit": commit(),
    }


def validation_people(subjects: list[str], count: int, seed: int) -> list[str]:
    """Choose who of the training people is held back to choose the best epoch.

    Raises SplitError where nobody would be left to train on.

    >>> len(validation_people(["ann", "bob", "eve"], count=0, seed=0))
    1
    """
    needed = count or (1 if len(subjects) < 10 else 2)
    if len(subjects) <= needed:
        raise SplitError(
            f"Pretraining holds back {needed} of the people to choose the best epoch, but there "
            f"are {len(subjects)} ({', '.join(subjects)}). Give recordings of more people."
        )
    chosen = np.random.default_rng(seed).choice(len(subjects), needed, replace=False)
    return [subjects[i] for i in sorted(chosen)]


def write_losses(folder: Path, history: list[dict[str, float]]) -> None:
    """Write the losses of every epoch as a table beside the checkpoint."""
    # A term may start later than the others: the columns are those of all rows.
    write_text(folder / "losses.csv", sheet_of(history))
