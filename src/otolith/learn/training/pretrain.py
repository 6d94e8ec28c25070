"""Pretraining: one loop that knows neither what is asked of the encoder nor which encoder it is."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from otolith.core.errors import CheckpointError, ConfigError, OtolithWarning, ReadError, SplitError
from otolith.core.files import digest, read_json, write_text
from otolith.core.settings import Count, Index, Positive, Seed, built_from, configure, settings
from otolith.core.sheets import sheet_of
from otolith.data.windows import Windows
from otolith.learn import objectives
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives.objective import Objective
from otolith.learn.training import checkpoint
from otolith.learn.training.divergence import found_at
from otolith.learn.training.loader import Loader
from otolith.learn.training.pretrained import PART, PretrainedEncoder
from otolith.learn.training.processes import Processes
from otolith.learn.training.runtime import Runtime, commit, versions
from otolith.learn.training.schedule import falls, turns
from otolith.learn.training.seen import training_facts


@settings
class PretrainConfig:
    """How long and how fast to pretrain."""

    epochs: Count = 100
    """Most passes over the windows."""
    batch_size: Count = 256
    """Windows in a step."""
    learning_rate: Positive = 1e-3
    """Adam's step."""
    patience: Index = 10
    """Epochs without a better validation loss after which it stops; 0 goes through all epochs."""
    plateau: Index = 0
    """Epochs without a better validation loss after which the learning rate falls to a tenth; 0: it
    never does."""
    in_turn: bool = False
    """Of several studies: one after the other, each until it stops and on with the weights that it
    leaves; otherwise all together. Each then holds back people of its own, and the best epoch is
    one of the last study."""
    validation_people: Index = 0
    """Training people held back to choose the best epoch; 0: one, or two from ten people up."""
    seed: Seed = 0
    """Of weights, order, dropout and the choice of validation people."""


def pretrain(
    windows: Windows,
    objective: str | Objective = "pim",
    encoder: str | type[Encoder] = "tpn",
    *,
    out: str | Path | None = None,
    runtime: Runtime | None = None,
    objective_settings: dict[str, Any] | None = None,
    encoder_settings: dict[str, Any] | None = None,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
    finish: Callable[[PretrainedEncoder, Path], object] | None = None,
    **settings: Any,
) -> PretrainedEncoder:
    """Pretrain an encoder on unlabelled windows and return it with its best epoch's weights.

    Labels, where there are any, are not looked at. Early stopping watches one or two of the given
    people, never anybody else. With `out` the encoder is saved there, and an interrupted run goes
    on from its last whole epoch when the same call comes again: the weights are then, bit for bit,
    those of an unbroken run. `settings` are the fields of `PretrainConfig`; `progress(epoch,
    epochs, losses)` is called after every epoch; `finish(encoder, folder)` writes what else belongs
    into the encoder's folder, before that is whole. Started by torchrun, several processes take
    their shares of each batch; the first one writes.

    Raises ConfigError for settings that are unknown or out of range, CheckpointError where `out`
    holds the beginnings of another run, DataError where it holds anything but an older encoder or
    another process writes there.
    """
    config = configure(PretrainConfig, settings, "pretraining")
    windows = windows.hide_labels()
    runtime = runtime or Runtime.choose()
    with built_from(
        objective_settings, f"Objective '{objective if isinstance(objective, str) else 'given'}'"
    ):
        goal = (
            objective
            if isinstance(objective, Objective)
            else objectives.FAMILY.resolve(objective)(**objective_settings or {})
        )
    folder = Path(out).resolve() if out else None
    partial = partial_of(folder) if folder else None
    with ExitStack() as held:
        processes = held.enter_context(Processes.here(runtime))
        if folder and processes.first:
            held.enter_context(checkpoint.writing(folder, "encoder"))
        run = _Run.start(windows, goal, encoder, encoder_settings or {}, config, runtime, processes)
        with runtime.active():
            if partial and partial.exists():
                run.resume(partial)
            while not run.finished:
                run.one_epoch()
                if partial and processes.first:
                    run.keep(partial)
                if progress and processes.first:
                    progress(len(run.history), config.epochs * len(run.training), run.history[-1])
            result = run.best()

        def beside(inner: Path) -> None:
            write_losses(inner, result.history)
            if finish:
                finish(result, inner)

        if folder and partial and processes.first:
            result.save(folder, beside)
            checkpoint.remove_state(partial)
    return result


def partial_of(folder: Path) -> Path:
    """Where a run that is not finished keeps its state, beside the folder that it makes."""
    return folder.with_name(f"{folder.name}.partial")


def to_be_tidied(out: Path) -> bool:
    """Whether a run was stopped when it had nothing left to do but to put its result in place and
    remove its state."""
    state = partial_of(out.resolve()) / checkpoint.CONFIG
    try:
        facts = read_json(state) if state.is_file() else {}
    except ReadError:
        return False
    return isinstance(facts, dict) and facts.get("finished") is True


_STATE = ("history", "best_epoch", "best_loss", "stage", "before")
_VALIDATION_BATCH = 1024


class _Run:
    """The state of one pretraining: everything that the next epoch depends on."""

    def __init__(
        self,
        model: PretrainedEncoder,
        goal: Objective,
        config: PretrainConfig,
        runtime: Runtime,
        training: list[Loader],
        validation: list[Loader],
        key: str,
        processes: Processes,
    ) -> None:
        self.model, self.goal, self.config, self.runtime, self.key = (
            model,
            goal,
            config,
            runtime,
            key,
        )
        self.training, self.validation, self.processes = training, validation, processes
        self.model.to(runtime.device)
        self.goal.to(runtime.device)
        self.encoder = processes.divide(model.encoder)
        groups = [*model.encoder.parameter_groups(), {"params": list(goal.parameters())}]
        self.optimiser = torch.optim.Adam(groups, lr=config.learning_rate, fused=True)
        self.history: list[dict[str, float]] = []
        self.stage, self.before = 0, 0
        """Which of the studies is learnt from, of those that take turns, and the epochs before it.
        """
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.best_weights: dict[str, Tensor] = {}

    @classmethod
    def start(
        cls,
        windows: Windows,
        goal: Objective,
        encoder: str | type[Encoder],
        encoder_settings: dict[str, Any],
        config: PretrainConfig,
        runtime: Runtime,
        processes: Processes,
    ) -> _Run:
        held_back = [
            person
            for turn in turns(windows, config.in_turn)
            for person in validation_people(turn.subjects, config.validation_people, config.seed)
        ]
        training, validation = windows.without(held_back), windows.of(held_back)
        model = PretrainedEncoder.fresh(training, encoder, config.seed, **encoder_settings)
        if not model.encoder.learns:
            raise ConfigError(
                f"Encoder '{model.name}' has no weights to pretrain; choose another: otolith list "
                f"encoders."
            )
        goal.prepare(windows)
        torch.manual_seed(config.seed)
        goal.fit(training, model.encoder)
        name = objectives.FAMILY.name_of(goal)
        key = digest(
            [
                *(
                    windows.hash,
                    name,
                    goal.settings(),
                    model.name,
                    model.encoder.settings(),
                    asdict(config),
                ),
                *(goal.report(), asdict(runtime), processes.count),
            ]
        )
        model.record = {
            "objective": name,
            "objective_settings": goal.settings(),
            "fitted": goal.report(),
            "subjects": windows.subjects,
            **training_facts(windows),
            "validation_subjects": held_back,
            "studies": {windows.study: windows.study_hash},
            "windows": {"count": len(windows), "dropped": windows.dropped, "recipe": windows.recipe},
            "settings": asdict(config),
            "seed": config.seed,
            "runtime": runtime.record() | {"processes": processes.count},
            "versions": versions(),
            "commit": commit(),
        }  # fmt: skip
        runtime = processes.runtime(runtime)
        learnt, watched = (
            [
                _loader(part, goal, size, config.seed, runtime.device)
                for part in turns(side, config.in_turn)
            ]
            for side, size in ((training, config.batch_size), (validation, _VALIDATION_BATCH))
        )
        return cls(model, goal, config, runtime, learnt, watched, key, processes)

    @property
    def turn_over(self) -> bool:
        """Whether the study whose turn it is has been learnt from for long enough."""
        done, waited = (
            len(self.history) - self.before,
            len(self.history) - max(self.best_epoch, self.before),
        )
        return done >= self.config.epochs or bool(
            self.config.patience and waited >= self.config.patience
        )

    @property
    def finished(self) -> bool:
        return self.turn_over and self.stage == len(self.training) - 1

    def one_epoch(self) -> None:
        """Train on every window once, then measure the validation people."""
        number = len(self.history)
        if self.turn_over:
            self.stage, self.before, self.best_loss = self.stage + 1, number, float("inf")
        training = self.training[self.stage]
        rate = self.config.learning_rate
        if self.config.plateau:
            rate *= 0.1 ** falls(
                [row["validation"] for row in self.history[self.before :]], self.config.plateau
            )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.model.encoder.train()
        self.goal.train()
        row: dict[str, float] = {"epoch": number + 1}
        if len(self.training) > 1:
            row["study"] = self.stage + 1
        sums: dict[str, Tensor] = {}
        steps: list[Tensor] = []
        for batch in training.epoch(number):
            losses = self.step(batch)
            steps.append(torch.stack([loss.detach().float() for loss in losses.values()]).sum())
            for name, loss in losses.items():
                # Summed as tensors: reading a number would make a GPU wait in every step.
                sums[name] = sums.get(
                    name, torch.zeros((), device=loss.device)
                ) + loss.detach() * len(batch)
        row |= {
            f"train_{name}": float(total) / len(training.windows) for name, total in sums.items()
        }
        row["train"] = sum(value for key, value in row.items() if key.startswith("train_"))
        row |= {name: value for name, value in self.goal.measured().items() if np.isfinite(value)}
        row |= self.validate()
        if not np.isfinite([row["train"], row["validation"]]).all():
            raise ConfigError(
                f"Pretraining diverged in epoch {number + 1}: "
                f"{found_at(steps, row['validation'])}, at learning rate "
                f"{rate:g} in {self.runtime.precision}. Nothing of this epoch is kept; "
                f"{self.kept_words()}. Type it "
                f"with a lower rate, such as --learning-rate {rate / 10:.3g}, and another --out"
                f"{', or with --precision fp32' if self.runtime.precision != 'fp32' else ''}. If "
                f"the rate is not to "
                "blame, look for odd values in the recordings: otolith info STUDY."
            )
        known = self.goal.complaints(self.history)
        self.history.append(row)
        if self.processes.first:
            for note in self.goal.complaints(self.history):
                if note not in known:
                    warnings.warn(note, OtolithWarning, stacklevel=3)
        if row["validation"] < self.best_loss:
            self.best_loss, self.best_epoch = row["validation"], len(self.history)
            self.best_weights = {
                name: tensor.detach().cpu().clone() for name, tensor in self.kept().items()
            }

    def kept_words(self) -> str:
        """Say what there is from before an epoch that diverged."""
        if not self.history:
            return "there is no epoch before it"
        return f"the {len(self.history)} before it are kept in OUT.partial, the best of them epoch {self.best_epoch}"

    def kept(self) -> dict[str, Tensor]:
        """Return the weights that pretraining leaves: the encoder's, and those of the space that it
        shares."""
        alignment = self.goal.alignment()
        return checkpoint.pack(self.model.encoder, "encoder.") | (
            checkpoint.pack(alignment, PART) if alignment else {}
        )

    def step(self, batch: Any) -> dict[str, Tensor]:
        """Take one optimiser step and return the losses."""
        with self.runtime.autocast():
            batch.values = self.model.standardise(batch.values)
            losses: dict[str, Tensor] = self.goal(self.encoder, batch)
            total = torch.stack(list(losses.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.processes.add_up(self.model.encoder, self.goal)
        self.optimiser.step()
        return losses

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the validation people's losses."""
        self.model.encoder.eval()
        self.goal.eval()
        sums: dict[str, float] = {}
        validation = self.validation[self.stage]
        for batch in validation.epoch():
            with self.runtime.autocast():
                batch.values = self.model.standardise(batch.values)
                losses = self.goal(self.encoder, batch)
            for name, loss in losses.items():
                sums[f"validation_{name}"] = sums.get(f"validation_{name}", 0.0) + float(
                    loss
                ) * len(batch)
        means = {name: total / len(validation.windows) for name, total in sums.items()}
        return means | {"validation": sum(means.values())}

    def best(self) -> PretrainedEncoder:
        """Return the encoder with the weights of its best epoch."""
        checkpoint.load_into(self.model.encoder, self.best_weights, "encoder.", "the best epoch")
        self.model.alignment = copy.deepcopy(self.goal.alignment())
        if self.model.alignment:
            checkpoint.load_into(self.model.alignment, self.best_weights, PART, "the best epoch")
            self.model.alignment.eval()
        self.model.to("cpu")
        self.model.encoder.eval()
        self.model.history = self.history
        self.model.record |= {"epochs": len(self.history), "best_epoch": self.best_epoch}
        if notes := self.goal.complaints(self.history):
            fitted = self.model.record["fitted"]
            self.model.record["fitted"] = fitted | {"notes": [*fitted.get("notes", []), *notes]}
        return copy.deepcopy(self.model)

    def keep(self, folder: Path) -> None:
        """Write the state after an epoch, whole or not at all."""
        tensors = checkpoint.pack(self.model.encoder, "encoder.") | checkpoint.pack(
            self.goal, "objective."
        )
        tensors |= {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        state = self.optimiser.state_dict()
        for index, slots in state["state"].items():
            tensors |= {f"optimiser.{index}.{slot}": value for slot, value in slots.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.runtime.device.startswith("cuda"):
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        checkpoint.save_state(
            folder,
            {"key": self.key, "finished": self.finished}
            | {name: getattr(self, name) for name in _STATE},
            tensors,
        )

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
                f"or threads). "
                f"Go on with exactly what that run was started with, or delete the folder to start "
                f"anew: rm -r {folder}"
            )
        checkpoint.load_into(self.model.encoder, tensors, "encoder.", str(folder))
        checkpoint.load_into(self.goal, tensors, "objective.", str(folder))
        self.best_weights = {
            n.removeprefix("best."): t for n, t in tensors.items() if n.startswith("best.")
        }
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


def _loader(windows: Windows, goal: Objective, size: int, seed: int, device: str) -> Loader:
    groups = None if goal.mixes_studies else windows.part
    return Loader(
        windows, goal.targets(windows), batch_size=size, seed=seed, device=device, groups=groups
    )


def validation_people(subjects: list[str], count: int, seed: int) -> list[str]:
    """Choose who of the training people is held back to choose the best epoch.

    Raises SplitError where nobody would be left to train on.
    """
    wanted = count or (1 if len(subjects) < 10 else 2)
    if len(subjects) <= wanted:
        raise SplitError(
            f"Pretraining holds back {wanted} of the people to choose the best epoch, but there "
            f"are {len(subjects)} "
            f"({', '.join(subjects)}). Give recordings of more people."
        )
    chosen = np.random.default_rng(seed).choice(len(subjects), wanted, replace=False)
    return [subjects[i] for i in sorted(chosen)]


def write_losses(folder: Path, history: list[dict[str, float]]) -> None:
    """Write the losses of every epoch as a table beside the checkpoint."""
    # A term may start later than the others: the columns are those of all rows.
    write_text(folder / "losses.csv", sheet_of(history))
