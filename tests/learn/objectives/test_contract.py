"""What every objective in the table promises."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from otolith.core.errors import ConfigError
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn import objectives
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives.objective import Objective
from otolith.learn.training.loader import Loader
from otolith.learn.training.pretrained import PretrainedEncoder

NAMES = list(objectives.FAMILY)
MODALITIES: dict[str, dict[str, Any]] = {
    "imu2clip": {"text": "", "video": "vectors"},
    "primus": {"text": "", "video": "vectors", "queue": 64},
    "multi3net": {
        "text": "vectors",
        "modality_settings": {"text": {"kind": "text"}},
        "pose_encoder": "",
    },
}
"""Settings that ask for no more than the toy study has."""


@pytest.fixture
def toy_windows(paired_windows: Windows) -> Windows:
    """All members meet windows with modalities; those that want none do not look at them."""
    return paired_windows


def fitted(name: str, windows: Windows, **settings: Any) -> tuple[Objective, Encoder, Batch]:
    """An objective, an encoder and one standardised batch of everything."""
    windows = windows.hide_labels()
    start = PretrainedEncoder.fresh(windows, "tpn", seed=0)
    goal: Objective = objectives.FAMILY.resolve(name)(**MODALITIES.get(name, {}) | settings)
    torch.manual_seed(0)
    goal.fit(windows, start.encoder)
    batch = Loader(windows, goal.targets(windows), batch_size=len(windows)).batch(
        np.arange(len(windows))
    )
    batch.values = start.standardise(batch.values)
    return goal.eval(), start.encoder.eval(), batch


def rows_of(batch: Batch, index: np.ndarray) -> Batch:
    chosen = torch.from_numpy(index)
    modalities = {name: modality[chosen] for name, modality in batch.modalities.items()}
    parts = {
        "values": batch.values[chosen],
        "present": batch.present[chosen],
        "received": batch.received[chosen],
    }
    return dataclasses.replace(batch, **parts, code=None, modalities=modalities)


@pytest.mark.parametrize("name", NAMES)
def test__objective__losses__are_finite_and_reach_encoder_and_heads(
    name: str, toy_windows: Windows
) -> None:
    goal, encoder, batch = fitted(name, toy_windows)
    losses = goal(encoder, batch)
    assert losses and all(
        loss.ndim == 0 and torch.isfinite(loss) and loss > 0 for loss in losses.values()
    )
    torch.stack(list(losses.values())).sum().backward()
    for part in (encoder, goal):
        assert list(part.parameters())
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


@pytest.mark.parametrize("name", NAMES)
def test__objective__on_toy_data__falls(name: str, toy_windows: Windows) -> None:
    goal, encoder, batch = fitted(name, toy_windows[::4])
    optimiser = torch.optim.Adam([*encoder.parameters(), *goal.parameters()], lr=3e-3)
    seen = []
    for _ in range(40):
        loss = torch.stack(list(goal(encoder, batch).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(float(loss.detach()))
    assert np.mean(seen[-5:]) < 0.8 * seen[0]


@pytest.mark.parametrize("name", NAMES)
def test__objective__order_of_the_batch__is_irrelevant(name: str, toy_windows: Windows) -> None:
    goal, encoder, batch = fitted(name, toy_windows)
    order = np.random.default_rng(0).permutation(len(batch))
    with torch.inference_mode():
        straight, mixed = goal(encoder, batch), goal(encoder, rows_of(batch, order))
    assert straight.keys() == mixed.keys()
    for part in straight:
        torch.testing.assert_close(straight[part], mixed[part], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test__objective__labels__change_nothing(name: str, toy_windows: Windows) -> None:
    other = dataclasses.replace(
        toy_windows, code=np.random.default_rng(0).permutation(toy_windows.code)
    )
    first, encoder, batch = fitted(name, toy_windows)
    second, again, relabelled = fitted(name, other)
    with torch.inference_mode():
        losses, others = first(encoder, batch), second(again, relabelled)
    assert {k: float(v) for k, v in losses.items()} == {k: float(v) for k, v in others.items()}


@pytest.mark.parametrize("name", NAMES)
def test__objective__that_measures_likeness__complains_when_the_vectors_collapse(
    name: str, toy_windows: Windows
) -> None:
    goal, encoder, batch = fitted(name, toy_windows)
    goal.train()(encoder, batch)
    measured = goal.measured()
    collapsed = [measured | {"epoch": 1.0}, measured | {"epoch": 2.0, "mean_cosine": 0.999}]
    complaints = goal.complaints(collapsed)
    assert bool(complaints) == ("mean_cosine" in measured)
    assert all("collapsed in epoch 2" in complaint for complaint in complaints)


@pytest.mark.parametrize("name", NAMES)
def test__objective__repr__is_short(name: str, toy_windows: Windows) -> None:
    goal, _, _ = fitted(name, toy_windows)
    assert repr(goal).startswith(type(goal).__name__) and len(repr(goal)) <= 300


@pytest.mark.parametrize("name", NAMES)
def test__objective__unknown_setting__is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has no setting 'wieght'"):
        objectives.FAMILY.resolve(name)(wieght=1.0)
