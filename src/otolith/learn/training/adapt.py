"""Adaptation: a head, and the encoder where it may move, on a few labelled windows and nothing
else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import lr_scheduler

from otolith.core.errors import ConfigError, DataError
from otolith.core.settings import built_from, configure
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn import heads
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import ClosedHead, Head
from otolith.learn.heads.probe import warm_cosine
from otolith.learn.training.configs import AdaptConfig as AdaptConfig
from otolith.learn.training.divergence import first_odd, is_finite
from otolith.learn.training.loader import IN_MEMORY_BYTES, Loader
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime

LEAST_FALL = 1e-4
"""Share by which a loss must fall to count as lower: less is rounding."""

Progress = Callable[[int, int, float], None]
"""Called after every step with its number, the number of steps, and the loss."""


@dataclass
class Adapted:
    """An encoder and the head that was trained on it."""

    encoder: PretrainedEncoder
    head: Head
    classes: tuple[str, ...]
    config: AdaptConfig

    def encode(self, batch: Batch) -> Embeddings:
        """Encode a batch as the head sees it."""
        embeddings = self.encoder.encode(batch)
        if self.config.space == "encoder":
            return embeddings
        space = self.encoder.require_alignment()
        vectors = (embeddings.tokens, embeddings.pooled)
        return Embeddings(*(functional.normalize(space.motion(v), dim=-1) for v in vectors))

    @torch.inference_mode()
    def probabilities(
        self, windows: Windows, runtime: Runtime, batch_size: int = 512
    ) -> np.ndarray:
        """Return (N, K) float32 probabilities of each class."""
        self.encoder.require(windows)
        self.encoder.to(runtime.device).encoder.eval()
        self.head.to(runtime.device).eval()
        parts = [np.empty((0, len(self.classes)), dtype=np.float32)]
        with runtime.active():
            for batch in Loader(windows, batch_size=batch_size, device=runtime.device).epoch():
                with runtime.autocast():
                    logits = self.head(self.encode(batch))
                parts.append(logits.float().softmax(-1).cpu().numpy())
        return np.concatenate(parts)


def adapt(
    encoder: PretrainedEncoder,
    windows: Windows,
    head: str | type[Head] = "mlp",
    *,
    runtime: Runtime | None = None,
    head_settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    vectors: np.ndarray | None = None,
    **settings: Any,
) -> Adapted:
    """Train a head on labelled windows, on a copy of the encoder that moves with it unless frozen.

    windows: all the labels there are; the schedule is fixed beforehand, and nothing is held back to
    choose from. settings: the fields of `AdaptConfig`. vectors: (N, D) embeddings of the windows,
    for callers that have them already (closed heads on a frozen encoder).

    Raises ConfigError for settings that cannot be, DataError without labelled windows of two
    classes, ChannelError where windows and encoder do not fit.

        adapt(encoder, windows.few(8), "linear", mode="frozen", steps=50)
    """
    config = configure(AdaptConfig, settings, "adaptation")
    aligned = encoder.require_alignment() if config.space == "shared" else None
    encoder.require(windows)
    windows = _of_two_classes(windows)
    runtime = runtime or Runtime.choose()
    kind = heads.FAMILY.resolve(head)
    who = f"Head '{head if isinstance(head, str) else head.__name__}'"
    torch.manual_seed(config.seed)
    # A head that weighs tokens must know how many there are; only the encoder can say.
    given = dict(head_settings or {})
    if getattr(kind, "counts_tokens", False):
        given.setdefault("tokens", _tokens(encoder, windows, runtime))
    width = aligned.width if aligned else encoder.encoder.dimension
    with built_from(head_settings, who):
        built: Head = kind(width, len(windows.classes), **given)
    built.begin(encoder.alignment, windows.classes)
    model = Adapted(encoder, built, windows.classes, config)
    if isinstance(built, ClosedHead):
        if vectors is None:
            vectors = encoder.embed(windows, runtime, space=config.space)
        with built_from(head_settings, who):
            built.fit(vectors, windows.code, config.seed)
    elif encoder.encoder.learns:
        # The caller's encoder stays as it is, for the next draw of labels.
        model.encoder = copy.deepcopy(encoder)
        with runtime.active():
            _descend(model, windows, runtime, progress)
    else:
        raise ConfigError(
            f"{who} learns by gradients, encoder '{encoder.name}' has none: use forest or logistic."
        )
    return model


def _of_two_classes(windows: Windows) -> Windows:
    windows = windows.labelled
    present = np.unique(windows.code)
    if len(present) < 2:
        counted = f"one class, '{windows.classes[present[0]]}'" if len(present) else "none"
        raise DataError(
            f"A recogniser needs labelled windows of at least two classes; found {counted}."
        )
    return windows


def _descend(model: Adapted, windows: Windows, runtime: Runtime, progress: Progress | None) -> None:
    model.encoder.to(runtime.device)
    model.head.to(runtime.device)
    config = model.config
    steps = max(config.steps, config.epochs * -(-len(windows) // config.batch_size))
    learning = _Learning(model, windows, runtime, steps, progress)
    if config.mode == "staged":
        learning.go(moves=False, rate=0.0, patience=config.patience)
        learning.go(moves=True, rate=config.staged_learning_rate)
    else:
        learning.go(moves=config.mode == "finetune", rate=config.learning_rate)
    model.encoder.to("cpu").encoder.eval()
    model.head.to("cpu").eval()


@dataclass
class _Learning:
    """The descent of a head, and of the encoder with it, in one or two stages."""

    model: Adapted
    windows: Windows
    runtime: Runtime
    steps: int
    """Of a stage, at most."""
    progress: Progress | None
    done: int = 0
    epoch: int = 0

    def go(self, moves: bool, rate: float, patience: int = 0) -> None:
        """Take the steps of a stage; with `patience`, until the training loss has not fallen for as
        many epochs."""
        config, device = self.model.config, self.runtime.device
        optimiser = self.optimiser(moves, rate)
        embedded = {} if moves else _embedded(self.model, self.windows, self.runtime)
        size = config.batch_size
        loader = Loader(self.windows, embedded, batch_size=size, seed=config.seed, device=device)
        # A stage that waits lasts nobody knows how long beforehand: its rate stays.
        schedule = None if patience else _schedule(optimiser, self.steps, config.warmup)
        weight = class_weights(self.windows).to(device) if config.balanced else None
        last = self.done + self.steps
        total = last + self.steps * bool(patience)
        # Dropout and batch statistics of a frozen encoder stay as they are when it is used.
        self.model.encoder.encoder.train(moves)
        self.model.head.train()
        lowest, waited = float("inf"), 0

        while self.done < last and not (patience and waited >= patience):
            losses: list[Tensor] = []
            sizes: list[int] = []
            # The last epoch of a stage may be cut short by its number of steps.
            for batch in islice(loader.epoch(self.epoch), last - self.done):
                losses.append(self.step(batch, moves, optimiser, weight))
                sizes.append(len(batch))
                if schedule:
                    schedule.step()
                self.done += 1
                if self.progress:
                    self.progress(self.done, total, float(losses[-1]))
            # Once an epoch: to read a loss in every step would make a GPU wait.
            self.refuse_divergence(losses, rate if moves else 0.0)
            self.epoch += 1
            if patience:
                sums = [loss * size for loss, size in zip(losses, sizes, strict=True)]
                mean = float(torch.stack(sums).sum())
                fell = mean < lowest * (1 - LEAST_FALL)
                lowest, waited = (mean, 0) if fell else (lowest, waited + 1)

    def step(
        self, batch: Batch, moves: bool, optimiser: torch.optim.Optimizer, weight: Tensor | None
    ) -> Tensor:
        """Take one optimiser step and return its loss."""
        assert batch.code is not None
        with self.runtime.autocast():
            logits = self.model.head(_encode(self.model, batch, frozen=not moves))
            loss = functional.cross_entropy(logits.float(), batch.code, weight=weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return loss.detach()

    def optimiser(self, moves: bool, rate: float) -> torch.optim.Optimizer:
        """Return Adam over the head's weights, and over those of the encoder where it moves."""
        config, groups = self.model.config, self._groups(moves, rate)
        if not config.weight_decay:
            return torch.optim.Adam(groups, fused=True)
        groups = [group | {"weight_decay": config.weight_decay} for group in groups]
        return torch.optim.AdamW(groups, fused=True)

    def _groups(self, moves: bool, rate: float) -> list[dict[str, Any]]:
        model, config = self.model, self.model.config
        groups = [{"params": list(model.head.parameters()), "lr": config.head_learning_rate}]
        if moves:
            groups += [group | {"lr": rate} for group in model.encoder.encoder.parameter_groups()]
            if config.space == "shared":
                shared = model.encoder.require_alignment().imu.parameters()
                groups += [{"params": list(shared), "lr": rate}]
        # A part without weights, such as a head of fixed vectors, has no group.
        return [group for group in groups if group["params"]]

    def refuse_divergence(self, losses: list[Tensor], rate: float) -> None:
        """Raise ConfigError where a loss of the last epoch, or a weight after it, is not finite."""
        step = first_odd(losses)
        if step is None and is_finite(self.model.head, self.model.encoder.encoder):
            return
        config, precision = self.model.config, self.runtime.precision
        what = f"a weight was no longer finite by step {self.done}"
        if step:
            number = self.done - len(losses) + step
            what = f"the loss became {float(losses[step - 1])} in step {number}"
        rates = f"head_learning_rate {config.head_learning_rate:g}"
        lower = f"head_learning_rate = {config.head_learning_rate / 10:.3g}"
        if rate:
            rates += f" and encoder's {rate:g}"
            name = "staged_learning_rate" if config.mode == "staged" else "learning_rate"
            lower += f", {name} = {rate / 10:.3g}"
        exact = "" if precision == "fp32" else ", or type --precision fp32"
        raise ConfigError(
            f"Adaptation diverged in epoch {self.epoch + 1}: {what}, at {rates} in {precision}. "
            f"Nothing was written, and the pretrained encoder is as it was. Lower the rates: "
            f"adapt = {{ {lower} }} in a file for --recipe{exact}. If they are not to blame, look "
            f"for odd values in the recordings: otolith info STUDY."
        )


def _schedule(
    optimiser: torch.optim.Optimizer, steps: int, warmup: int
) -> lr_scheduler.LRScheduler:
    if not warmup:
        return lr_scheduler.CosineAnnealingLR(optimiser, steps)
    return lr_scheduler.LambdaLR(optimiser, warm_cosine(steps, warmup))


def _encode(model: Adapted, batch: Batch, frozen: bool) -> Embeddings:
    if frozen and "pooled" in batch.modalities:
        return Embeddings(batch.modalities["tokens"], batch.modalities["pooled"])
    with torch.set_grad_enabled(not frozen):
        return model.encode(batch)


@torch.no_grad()
def _tokens(encoder: PretrainedEncoder, windows: Windows, runtime: Runtime) -> int:
    """How many tokens the encoder makes of a window."""
    encoder.to(runtime.device).encoder.eval()
    first = Loader(windows[:1], device=runtime.device).batch(np.arange(1))
    return int(encoder.encode(first).tokens.shape[1])


@torch.no_grad()
def _embedded(model: Adapted, windows: Windows, runtime: Runtime) -> dict[str, np.ndarray]:
    """Tokens and embeddings of each window from a frozen encoder; none where they would fill the
    memory."""
    model.encoder.encoder.eval()
    parts: list[Embeddings] = []
    for batch in Loader(windows, batch_size=512, device=runtime.device).epoch():
        with runtime.autocast():
            parts.append(model.encode(batch))
        # float32 holds bf16 exactly, and NumPy knows no bf16
        if parts[0].tokens[0].numel() * 4 * len(windows) > IN_MEMORY_BYTES:
            return {}
    return {
        name: torch.cat([getattr(part, name) for part in parts]).float().cpu().numpy()
        for name in ("tokens", "pooled")
    }


def class_weights(windows: Windows) -> Tensor:
    """Return a weight for each class, inverse to its number of windows, mean 1 over the windows."""
    count = np.bincount(windows.code, minlength=len(windows.classes)).astype(np.float32)
    weight = np.where(count > 0, len(windows) / np.maximum(count, 1) / max((count > 0).sum(), 1), 0)
    return torch.from_numpy(weight.astype(np.float32))
