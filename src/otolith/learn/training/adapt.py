"""Adaptation: a head, and the encoder where it may move, on a handful of labelled windows and
nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from otolith.core.errors import ConfigError, DataError
from otolith.core.settings import (
    Count,
    Index,
    NonNegative,
    Seed,
    built_from,
    configure,
    settings,
)
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn import heads
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import ClosedHead, Head
from otolith.learn.heads.probe import warm_cosine
from otolith.learn.training.divergence import first_odd, is_finite
from otolith.learn.training.loader import IN_MEMORY_BYTES, Loader
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime

LEAST_FALL = 1e-4
"""Share by which a loss must fall to count as lower: less is rounding."""


@settings
class AdaptConfig:
    """How a head, and the encoder with it, learns from a few labels; fixed, as no label is left to
    choose by."""

    mode: Literal["finetune", "frozen", "staged"] = "finetune"
    """Whether the encoder's weights move too, as PIM's do; staged: only after the head has learnt,
    as Multi3Net's."""
    steps: Count = 100
    """Optimiser steps at least; more where the windows need them, see `epochs`. Tried on people of
    the training side: 30 to 100 steps were better than 200 at two windows a class, and as good at
    eight."""
    epochs: Index = 10
    """Passes over all windows at least."""
    batch_size: Count = 64
    """Windows in a step."""
    learning_rate: NonNegative = 3e-4
    """Adam's step for the encoder; the rate falls to 0 along a cosine."""
    head_learning_rate: NonNegative = 1e-3
    """Adam's step for the head."""
    patience: Count = 5
    """Staged: epochs without a lower training loss after which the encoder moves too; it does in
    any case after as many steps as are left to it."""
    staged_learning_rate: NonNegative = 1e-4
    """Staged: Adam's step for the encoder once it moves."""
    weight_decay: NonNegative = 0.0
    """AdamW's decay of all weights, in place of what the encoder asks for; 0: Adam, and what the
    encoder asks for."""
    warmup: Index = 0
    """Steps at least over which the rate rises, or a hundredth of all where that is more; 0: it
    begins high."""
    space: Literal["encoder", "shared"] = "encoder"
    """What the head sees: the encoder's own vectors, or unit vectors in the space that it shares
    with texts, video or poses."""
    balanced: bool = True
    """Weigh the classes alike in the loss, however many windows each has."""
    seed: Seed = 0
    """Of the head's weights, the order and dropout."""


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
        placed = (
            functional.normalize(space.motion(v), dim=-1)
            for v in (embeddings.tokens, embeddings.pooled)
        )
        return Embeddings(*placed)

    @torch.inference_mode()
    def probabilities(
        self, windows: Windows, runtime: Runtime, batch_size: int = 512
    ) -> np.ndarray:
        """Return (N, K) float32 probabilities of each class."""
        self.encoder.require(windows)
        self.encoder.to(runtime.device)
        self.head.to(runtime.device)
        self.encoder.encoder.eval()
        self.head.eval()
        out = np.empty((len(windows), len(self.classes)), dtype=np.float32)
        start = 0
        with runtime.active():
            for batch in Loader(windows, batch_size=batch_size, device=runtime.device).epoch():
                with runtime.autocast():
                    logits = self.head(self.encode(batch))
                out[start : start + len(batch)] = logits.float().softmax(-1).cpu().numpy()
                start += len(batch)
        return out


def adapt(
    encoder: PretrainedEncoder,
    windows: Windows,
    head: str | type[Head] = "mlp",
    *,
    runtime: Runtime | None = None,
    head_settings: dict[str, Any] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    vectors: np.ndarray | None = None,
    **settings: Any,
) -> Adapted:
    """Train a head on labelled windows, on a copy of the encoder that moves with it unless it is
    frozen.

    `windows` are all the labels there are: the schedule is fixed beforehand, and nothing is held
    back to choose from. `settings` are the fields of `AdaptConfig`; `progress(step, steps, loss)`
    is called after every step; `vectors` are the windows' embeddings for who has them already
    (closed heads on a frozen encoder).

    Raises DataError where there is no labelled window or only one class, ChannelError where the
    windows do not fit.
    """
    config = configure(AdaptConfig, settings, "adaptation")
    dimension = (
        encoder.require_alignment().width if config.space == "shared" else encoder.encoder.dimension
    )
    encoder.require(windows)
    windows = windows.labelled
    present = np.unique(windows.code)
    if len(present) < 2:
        found = f"one class, '{windows.classes[present[0]]}'" if len(present) else "none"
        raise DataError(
            f"A recogniser needs labelled windows of at least two classes; found {found}."
        )
    runtime = runtime or Runtime.choose()
    kind = heads.FAMILY.resolve(head)
    torch.manual_seed(config.seed)
    given = dict(head_settings or {})
    if getattr(kind, "counts_tokens", False):
        given.setdefault("tokens", _tokens(encoder, windows, runtime))
    with built_from(head_settings, f"Head '{head if isinstance(head, str) else head.__name__}'"):
        built: Head = kind(dimension, len(windows.classes), **given)
    built.begin(encoder.alignment, windows.classes)
    model = Adapted(encoder, built, windows.classes, config)
    if isinstance(built, ClosedHead):
        seen = encoder.embed(windows, runtime, space=config.space) if vectors is None else vectors
        with built_from(
            head_settings, f"Head '{head if isinstance(head, str) else head.__name__}'"
        ):
            built.fit(seen, windows.code, config.seed)
        return model
    if not encoder.encoder.learns:
        raise ConfigError(
            f"Head '{head}' learns by gradients, encoder '{encoder.name}' has none: use forest or "
            f"logistic."
        )
    model.encoder = copy.deepcopy(encoder)
    with runtime.active():
        _descend(model, windows, runtime, progress)
    model.encoder.to("cpu")
    built.to("cpu")
    return model


def _descend(
    model: Adapted,
    windows: Windows,
    runtime: Runtime,
    progress: Callable[[int, int, float], None] | None,
) -> None:
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
    model.encoder.encoder.eval()
    model.head.eval()


@dataclass
class _Learning:
    """The descent of a head, and of the encoder with it, in one or two stages."""

    model: Adapted
    windows: Windows
    runtime: Runtime
    steps: int
    """Of a stage, at most."""
    progress: Callable[[int, int, float], None] | None
    done: int = 0
    epoch: int = 0

    def go(self, moves: bool, rate: float, patience: int = 0) -> None:
        """Take the steps of a stage; with `patience`, until the training loss has not fallen for as
        many epochs."""
        model, config, body = self.model, self.model.config, self.model.encoder.encoder
        groups = [{"params": list(model.head.parameters()), "lr": config.head_learning_rate}]
        if moves:
            groups += [group | {"lr": rate} for group in body.parameter_groups()]
            if config.space == "shared":
                groups += [
                    {"params": list(model.encoder.require_alignment().imu.parameters()), "lr": rate}
                ]
        groups = [group for group in groups if group["params"]]
        optimiser = _optimiser(groups, config.weight_decay)
        seen = {} if moves else _seen(model, self.windows, self.runtime)
        device = self.runtime.device
        loader = Loader(
            self.windows, seen, batch_size=config.batch_size, seed=config.seed, device=device
        )
        # How long the stage lasts that waits is not known beforehand: its rate stays.
        schedule = None if patience else _schedule(optimiser, self.steps, config.warmup)
        weight = class_weights(self.windows).to(device) if config.balanced else None
        last = self.done + self.steps
        total = last + self.steps * bool(patience)
        body.train(moves)
        model.head.train()
        lowest, waited = float("inf"), 0
        while self.done < last and not (patience and waited >= patience):
            losses: list[Tensor] = []
            sizes: list[int] = []
            for batch in loader.epoch(self.epoch):
                code = batch.code
                assert code is not None
                with self.runtime.autocast():
                    embeddings = _encode(model, batch, frozen=not moves)
                    loss = functional.cross_entropy(
                        model.head(embeddings).float(), code, weight=weight
                    )
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                if schedule:
                    schedule.step()
                self.done += 1
                losses.append(loss.detach())
                sizes.append(len(batch))
                if self.progress:
                    self.progress(self.done, total, float(loss.detach()))
                if self.done == last:
                    break
            self.refuse_divergence(losses, rate if moves else 0.0)
            self.epoch += 1
            if patience:
                mean = float(
                    torch.stack(
                        [loss * size for loss, size in zip(losses, sizes, strict=True)]
                    ).sum()
                )
                lowest, waited = (
                    (mean, 0) if mean < lowest * (1 - LEAST_FALL) else (lowest, waited + 1)
                )

    def refuse_divergence(self, losses: list[Tensor], rate: float) -> None:
        """Raise ConfigError where a loss of the epoch just past, or a weight after it, is no number
        any more."""
        step = first_odd(losses)
        if step is None and is_finite(self.model.head, self.model.encoder.encoder):
            return
        config = self.model.config
        what = (
            f"the loss became {float(losses[step - 1])} in step {self.done - len(losses) + step}"
            if step
            else f"a weight left the numbers by step {self.done}"
        )
        rates = f"head_learning_rate {config.head_learning_rate:g}" + (
            f" and encoder's {rate:g}" if rate else ""
        )
        name = "staged_learning_rate" if config.mode == "staged" else "learning_rate"
        lower = f"head_learning_rate = {config.head_learning_rate / 10:.3g}"
        lower += f", {name} = {rate / 10:.3g}" if rate else ""
        raise ConfigError(
            f"Adaptation diverged in epoch {self.epoch + 1}: {what}, at {rates} in "
            f"{self.runtime.precision}. Nothing "
            f"was written, and the pretrained encoder is as it was. Lower the rates: adapt = {{ "
            f"{lower} }} in a file "
            f"for "
            f"--recipe{', or type --precision fp32' if self.runtime.precision != 'fp32' else ''}. "
            f"If they are not "
            "to blame, look for odd values in the recordings: otolith info STUDY."
        )


def _optimiser(groups: list[dict[str, Any]], weight_decay: float) -> torch.optim.Optimizer:
    if not weight_decay:
        return torch.optim.Adam(groups, fused=True)
    return torch.optim.AdamW(
        [group | {"weight_decay": weight_decay} for group in groups], fused=True
    )


def _schedule(
    optimiser: torch.optim.Optimizer, steps: int, warmup: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if not warmup:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    return torch.optim.lr_scheduler.LambdaLR(optimiser, warm_cosine(steps, warmup))


def _encode(model: Adapted, batch: Batch, frozen: bool) -> Embeddings:
    if not frozen:
        return model.encode(batch)
    if "pooled" in batch.modalities:
        return Embeddings(batch.modalities["tokens"], batch.modalities["pooled"])
    with torch.no_grad():
        return model.encode(batch)


@torch.no_grad()
def _tokens(encoder: PretrainedEncoder, windows: Windows, runtime: Runtime) -> int:
    """How many tokens the encoder makes of a window."""
    encoder.to(runtime.device).encoder.eval()
    return int(
        encoder.encode(Loader(windows[:1], device=runtime.device).batch(np.arange(1))).tokens.shape[
            1
        ]
    )


@torch.no_grad()
def _seen(model: Adapted, windows: Windows, runtime: Runtime) -> dict[str, np.ndarray]:
    """What an encoder that stands still makes of each window; nothing where that would fill the
    memory."""
    model.encoder.encoder.eval()
    parts: list[Embeddings] = []
    for batch in Loader(windows, batch_size=512, device=runtime.device).epoch():
        with runtime.autocast():
            parts.append(model.encode(batch))
        # float32 holds bf16 exactly, and NumPy knows no bf16
        if parts[0].tokens[0].numel() * 4 * len(windows) > IN_MEMORY_BYTES:
            return {}
    joined = {
        name: torch.cat([getattr(part, name) for part in parts]) for name in ("tokens", "pooled")
    }
    return {name: tensor.float().cpu().numpy() for name, tensor in joined.items()}


def class_weights(windows: Windows) -> Tensor:
    """Return a weight for each class, inverse to its number of windows, mean 1 over the windows."""
    count = np.bincount(windows.code, minlength=len(windows.classes)).astype(np.float32)
    weight = np.where(count > 0, len(windows) / np.maximum(count, 1) / max((count > 0).sum(), 1), 0)
    return torch.from_numpy(weight.astype(np.float32))


def parameters(module: nn.Module) -> int:
    """Return how many weights a module learns."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
