"""SimCLR, transformation recognition and masked reconstruction against float64 references written
from the formulas."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from otolith import pretrain
from otolith.core.errors import ConfigError
from otolith.data.batch import Batch
from otolith.data.channels import triad
from otolith.data.windows import Windows
from otolith.learn import objectives
from otolith.learn.augmentations.augmentation import Chain
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.encoders.stacked_rnn import StackedRNN
from otolith.learn.encoders.tpn import TPN
from otolith.learn.objectives._views import _SEED
from otolith.learn.objectives.masked import Masked, hidden_steps
from otolith.learn.objectives.objective import Objective
from otolith.learn.objectives.simclr import SimCLR
from otolith.learn.objectives.transformations import Transformations
from otolith.learn.training.runtime import Runtime

CHANNELS = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
ROWS, LENGTH = 5, 40
RIVALS = ("simclr", "transformations", "masked")


class Plain(Encoder):
    """Tokens are tanh(W·x_t + b), their mean over time the vector: simple enough to be written
    again in NumPy."""

    dimension = 4

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.channels, self.rate_hz, self.length = CHANNELS, 50.0, LENGTH
        torch.manual_seed(1)
        self.layer = nn.Linear(6, 4)

    def forward(self, batch: Batch) -> Embeddings:
        tokens = self.layer(batch.values.transpose(1, 2)).tanh()
        return Embeddings(tokens, tokens.mean(1))


def windows() -> Windows:
    values = np.random.default_rng(0).normal(size=(ROWS, 6, LENGTH)).astype(np.float32)
    return Windows.from_array(values, rate_hz=50.0, channels=CHANNELS)


def whole(dtype: torch.dtype = torch.float32) -> Batch:
    there = torch.ones(ROWS, 6, dtype=torch.bool)
    there[3, 3:] = False
    received = torch.ones(ROWS, LENGTH, dtype=torch.bool)
    received[1, 10:20] = False
    values = torch.from_numpy(windows().values().copy()).to(dtype)
    values[3, 3:] = 0
    modalities = {"window": torch.arange(ROWS)}
    return Batch(values, there, received, CHANNELS, 50.0, modalities=modalities)


def fitted(kind: type[Objective], **settings: Any) -> tuple[Any, Plain]:
    encoder = Plain()
    goal = kind(**settings)
    torch.manual_seed(2)
    goal.fit(windows(), encoder)
    return goal.eval(), encoder


def linear(layer: Any, x: np.ndarray) -> np.ndarray:
    return x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()


def tokens_of(encoder: Plain, values: np.ndarray) -> np.ndarray:
    return np.tanh(linear(encoder.layer, values.transpose(0, 2, 1)))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(_SEED)


def test__simclr__equals_the_formula() -> None:
    goal, encoder = fitted(
        SimCLR,
        augmentations=("scaling", "jitter"),
        augmentation_settings={"scaling": {"deviation": 0.25}},
    )
    loss = goal(encoder, whole())["contrast"]
    chain, generator, batch = Chain(["scaling", "jitter"], CHANNELS), seeded(), whole()
    chain.links[0].config = dataclasses.replace(chain.links[0].config, deviation=0.25)
    z = []
    for _ in range(2):
        view = chain(batch.values, batch.present, generator).double().numpy()
        vectors = tokens_of(encoder, view).mean(1)
        for layer in goal.projector:
            vectors = (
                linear(layer, vectors) if isinstance(layer, nn.Linear) else np.maximum(vectors, 0)
            )
        z.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    both, total = np.concatenate(z), 0.0
    for i in range(2 * ROWS):
        similar = [math.exp(both[i] @ both[j] / 0.1) for j in range(2 * ROWS)]
        total -= math.log(similar[(i + ROWS) % (2 * ROWS)] / (sum(similar) - similar[i]))
    assert [layer.out_features for layer in goal.projector if isinstance(layer, nn.Linear)] == [
        256,
        128,
        50,
    ]
    assert float(loss.detach()) == pytest.approx(total / (2 * ROWS), rel=1e-6, abs=1e-6)


def test__transformations__equal_the_formula() -> None:
    goal, encoder = fitted(Transformations)
    tasks = goal.config.tasks
    losses = goal(encoder, whole())
    assert tuple(losses) == tasks and len(tasks) == 8
    generator, batch = seeded(), whole()
    versions = [batch.values] + [
        link(batch.values, batch.present, generator) for link in Chain(tasks, CHANNELS).links
    ]
    pooled = [tokens_of(encoder, version.double().numpy()).mean(1) for version in versions]
    heads = goal.heads
    for number, task in enumerate(tasks):
        rows = slice(256 * number, 256 * (number + 1))
        hidden_weight, hidden_bias = heads.hidden_weight[rows], heads.hidden_bias[rows]
        total = 0.0
        for version, vectors in enumerate(pooled):
            hidden = np.maximum(
                vectors @ hidden_weight.detach().double().numpy().T
                + hidden_bias.detach().double().numpy(),
                0,
            )
            logit = (
                hidden @ heads.weight[number].detach().double().numpy()
                + heads.bias[number].detach().item()
            )
            share = 1 / (1 + np.exp(-logit))
            total -= np.log(share if version == number + 1 else 1 - share).sum()
        assert float(losses[task].detach()) == pytest.approx(
            total / (9 * ROWS), rel=1e-6, abs=1e-6
        ), task


@pytest.mark.parametrize("settings", [{}, {"share": 0.3, "span": 4}])
def test__masked__equals_the_formula(settings: dict[str, Any]) -> None:
    goal, encoder = fitted(Masked, **settings)
    loss = goal(encoder, whole())["reconstruction"]
    batch = whole()
    hidden = hidden_steps(batch, goal.config.share, goal.config.span, seeded()).numpy()
    true = batch.values.double().numpy()
    drawn = linear(goal.decoder, tokens_of(encoder, np.where(hidden[:, None], 0, true)))
    total, count = 0.0, 0
    for row in range(ROWS):
        for channel in range(6):
            for step in range(LENGTH):
                if hidden[row, step] and batch.present[row, channel] and batch.received[row, step]:
                    total += (drawn[row, step, channel] - true[row, channel, step]) ** 2
                    count += 1
    assert float(loss.detach()) == pytest.approx(total / count, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "steps"), [({}, 4), ({"share": 0.3}, 12), ({"share": 0.2, "span": 5}, 10)]
)
def test__masked__hides_the_stated_share_in_spans(settings: dict[str, Any], steps: int) -> None:
    goal = Masked(**settings)
    hidden = hidden_steps(whole(), goal.config.share, goal.config.span, seeded())
    assert hidden.sum(1).tolist() == [steps] * ROWS
    assert len({row.numpy().tobytes() for row in hidden}) > 1
    span = goal.config.span
    blocks = hidden.view(ROWS, LENGTH // span, span)
    assert torch.equal(blocks.any(2), blocks.all(2))


def test__masked__no_sample_that_was_received_is_hidden__is_0() -> None:
    goal, encoder = fitted(Masked)
    batch = whole()
    batch.received[:] = False
    loss = goal(encoder, batch)["reconstruction"]
    loss.backward()
    assert float(loss.detach()) == 0.0


def test__masked__tpn__has_a_token_for_each_sample() -> None:
    encoder, goal = TPN(CHANNELS, 50.0, 100).eval(), Masked()
    many = Windows.from_array(np.zeros((2, 6, 100), np.float32), rate_hz=50.0, channels=CHANNELS)
    goal.fit(many, encoder)
    assert goal.margin == (22, 23) and goal.between is None
    # A token's field lies around its sample: of 46 samples, 22 before it and 23 after.
    values = torch.randn(1, 6, 145, generator=torch.Generator().manual_seed(0)).requires_grad_()
    encoder(Batch(values, torch.ones(1, 6), torch.ones(1, 145), CHANNELS, 50.0)).tokens[
        0, 50
    ].sum().backward()
    touched = values.grad.abs().sum((0, 1)).nonzero().flatten() - 22
    assert touched.min() >= 50 - 22 and touched.max() <= 50 + 23
    received = torch.ones(ROWS, 100, dtype=torch.bool)
    longer = dataclasses.replace(whole(), values=torch.randn(ROWS, 6, 100), received=received)
    assert goal(encoder, longer)["reconstruction"] > 0


def test__masked__coarse_tokens__are_interpolated() -> None:
    many = Windows.from_array(np.zeros((2, 6, 128), np.float32), rate_hz=50.0, channels=CHANNELS)
    goal = Masked()
    goal.fit(many, StackedRNN(CHANNELS, 50.0, 128, hidden=8, time_major=True))
    assert goal.margin == (0, 0) and goal.between.shape == (32, 128)
    torch.testing.assert_close(goal.between.sum(0), torch.ones(128))
    assert "between" not in goal.state_dict()
    with pytest.raises(ConfigError, match="Set its time_major = true if it is stacked_rnn"):
        goal.fit(many, StackedRNN(CHANNELS, 50.0, 128, hidden=8))


@pytest.mark.parametrize("name", RIVALS)
def test__rivals__draw_anew_in_training_and_alike_in_validation(name: str) -> None:
    goal, encoder = fitted(objectives.FAMILY.resolve(name))
    with torch.no_grad():
        validation = [float(sum(goal(encoder, whole()).values())) for _ in range(2)]
        goal.train()
        training = [float(sum(goal(encoder, whole()).values())) for _ in range(2)]
    assert validation[0] == validation[1]
    assert training[0] != training[1]


@pytest.mark.parametrize("name", RIVALS)
def test__rivals__absent_channels__stay_absent(name: str) -> None:
    goal, encoder = fitted(objectives.FAMILY.resolve(name))
    seen: list[Batch] = []
    forward = encoder.forward
    encoder.forward = lambda batch: (seen.append(batch), forward(batch))[1]  # type: ignore[method-assign]
    goal(encoder, whole())
    (batch,) = seen
    assert batch.present.shape == batch.values.shape[:2]
    assert (batch.values[~batch.present] == 0).all()
    assert int((~batch.present).sum()) == 3 * len(batch) // ROWS


@pytest.mark.parametrize("name", RIVALS)
def test__rivals__interrupted__go_on_to_the_same_weights(
    name: str, toy_windows: Windows, tmp_path: Path
) -> None:
    some = toy_windows[::6]
    choices = {"epochs": 3, "batch_size": 16, "patience": 0, "runtime": Runtime("cpu", "fp32", 1)}
    unbroken = pretrain(some, name, **choices)

    def stop(epoch: int, *_: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(some, name, out=tmp_path / "encoder", progress=stop, **choices)
    torch.manual_seed(99)
    resumed = pretrain(some, name, out=tmp_path / "encoder", **choices)
    assert unbroken.history == resumed.history
    ours, theirs = unbroken.encoder.state_dict(), resumed.encoder.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (SimCLR, {"temperature": 0.0}),
        (SimCLR, {"projector": ()}),
        (SimCLR, {"augmentations": ()}),
        (Transformations, {"tasks": ()}),
        (Transformations, {"tasks": ("jitter", "jitter")}),
        (Masked, {"share": 0.0}),
        (Masked, {"span": 0}),
    ],
)
def test__rivals__impossible_settings__are_refused(
    kind: type[Objective], settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        kind(**settings)
