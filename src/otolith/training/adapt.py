"""Adaptation: a head, and the encoder where it may move, on a handful of labelled windows and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from otolith import heads
from otolith.embeddings import Embeddings
from otolith.errors import ConfigError, DataError
from otolith.heads.head import ClosedHead, Head
from otolith.settings import configure
from otolith.training.loader import IN_MEMORY_BYTES, Loader
from otolith.training.pretrained import PretrainedEncoder
from otolith.training.runtime import Runtime
from otolith.windows import Windows


@dataclass(frozen=True)
class AdaptConfig:
    """How a head, and the encoder with it, learns from a few labels; fixed, as no label is left to choose by."""

    mode: Literal["finetune", "frozen"] = "finetune"
    """Whether the encoder's weights move too, as PIM's do."""
    steps: int = 100
    """Optimiser steps at least; more where the windows need them, see `epochs`. Tried on people of the training side:
    30 to 100 steps were better than 200 at two windows a class, and as good at eight."""
    epochs: int = 10
    """Passes over all windows at least."""
    batch_size: int = 64
    """Windows in a step."""
    learning_rate: float = 3e-4
    """Adam's step for the encoder; the rate falls to 0 along a cosine."""
    head_learning_rate: float = 1e-3
    """Adam's step for the head."""
    balanced: bool = True
    """Weigh the classes alike in the loss, however many windows each has."""
    seed: int = 0
    """Of the head's weights, the order and dropout."""


@dataclass
class Adapted:
    """An encoder and the head that was trained on it."""

    encoder: PretrainedEncoder
    head: Head
    classes: tuple[str, ...]
    config: AdaptConfig

    @torch.inference_mode()
    def probabilities(self, windows: Windows, runtime: Runtime, batch_size: int = 512) -> np.ndarray:
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
                    logits = self.head(self.encoder.encode(batch))
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
    """Train a head on labelled windows, on a copy of the encoder that moves with it unless it is frozen.

    `windows` are all the labels there are: the schedule is fixed beforehand, and nothing is held back to choose from.
    `settings` are the fields of `AdaptConfig`; `progress(step, steps, loss)` is called after every step; `vectors`
    are the windows' embeddings for who has them already (closed heads on a frozen encoder).

    Raises DataError where there is no labelled window or only one class, ChannelError where the windows do not fit.
    """
    config = configure(AdaptConfig, settings, "adaptation")
    if config.mode not in ("finetune", "frozen"):
        raise ConfigError(f"mode is 'finetune' or 'frozen', not '{config.mode}'.")
    encoder.require(windows)
    windows = windows.labelled
    present = np.unique(windows.code)
    if len(present) < 2:
        found = f"one class, '{windows.classes[present[0]]}'" if len(present) else "none"
        raise DataError(f"A recogniser needs labelled windows of at least two classes; found {found}.")
    runtime = runtime or Runtime.choose()
    kind = heads.FAMILY.resolve(head)
    torch.manual_seed(config.seed)
    built: Head = kind(encoder.encoder.dimension, len(windows.classes), **head_settings or {})
    model = Adapted(encoder, built, windows.classes, config)
    if isinstance(built, ClosedHead):
        built.fit(encoder.embed(windows, runtime) if vectors is None else vectors, windows.code, config.seed)
        return model
    if not encoder.encoder.learns:
        raise ConfigError(
            f"Head '{head}' learns by gradients, encoder '{encoder.name}' has none: use forest or logistic."
        )
    model.encoder = copy.deepcopy(encoder)
    with runtime.active():
        _descend(model, windows, runtime, progress)
    model.encoder.to("cpu")
    built.to("cpu")
    return model


def _descend(
    model: Adapted, windows: Windows, runtime: Runtime, progress: Callable[[int, int, float], None] | None
) -> None:
    config, head, body = model.config, model.head, model.encoder.encoder
    model.encoder.to(runtime.device)
    head.to(runtime.device)
    frozen = config.mode == "frozen"
    groups = [{"params": list(head.parameters()), "lr": config.head_learning_rate}]
    if not frozen:
        groups += [group | {"lr": config.learning_rate} for group in body.parameter_groups()]
    optimiser = torch.optim.Adam(groups, fused=True)
    seen = _seen(model, windows, runtime) if frozen else {}
    loader = Loader(windows, seen, batch_size=config.batch_size, seed=config.seed, device=runtime.device)
    steps = max(config.steps, config.epochs * len(loader))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    weight = class_weights(windows).to(runtime.device) if config.balanced else None
    done, epoch = 0, 0
    body.train(not frozen)
    head.train()
    while done < steps:
        for batch in loader.epoch(epoch):
            code = batch.code
            assert code is not None
            with runtime.autocast():
                embeddings = _encode(model, batch, frozen)
                loss = functional.cross_entropy(head(embeddings).float(), code, weight=weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            done += 1
            if progress:
                progress(done, steps, float(loss.detach()))
            if done == steps:
                break
        epoch += 1
    body.eval()
    head.eval()


def _encode(model: Adapted, batch: Any, frozen: bool) -> Embeddings:
    if not frozen:
        return model.encoder.encode(batch)
    if "pooled" in batch.partners:
        return Embeddings(batch.partners["tokens"], batch.partners["pooled"])
    with torch.no_grad():
        return model.encoder.encode(batch)


@torch.no_grad()
def _seen(model: Adapted, windows: Windows, runtime: Runtime) -> dict[str, np.ndarray]:
    """What an encoder that stands still makes of each window; nothing where that would fill the memory."""
    model.encoder.encoder.eval()
    parts: list[Embeddings] = []
    for batch in Loader(windows, batch_size=512, device=runtime.device).epoch():
        with runtime.autocast():
            parts.append(model.encoder.encode(batch))
        # float32 holds bf16 exactly, and NumPy knows no bf16
        if parts[0].tokens[0].numel() * 4 * len(windows) > IN_MEMORY_BYTES:
            return {}
    joined = {name: torch.cat([getattr(part, name) for part in parts]) for name in ("tokens", "pooled")}
    return {name: tensor.float().cpu().numpy() for name, tensor in joined.items()}


def class_weights(windows: Windows) -> Tensor:
    """Return a weight for each class, inverse to its number of windows, mean 1 over the windows."""
    count = np.bincount(windows.code, minlength=len(windows.classes)).astype(np.float32)
    weight = np.where(count > 0, len(windows) / np.maximum(count, 1) / max((count > 0).sum(), 1), 0)
    return torch.from_numpy(weight.astype(np.float32))


def parameters(module: nn.Module) -> int:
    """Return how many weights a module learns."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
