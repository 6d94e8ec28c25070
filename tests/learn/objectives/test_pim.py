"""PIM: which terms there are, how they are put together, and what is left out."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy import write_toy_study

from otolith.core.errors import ConfigError, OtolithWarning
from otolith.data.batch import Batch
from otolith.data.channels import triad
from otolith.data.physics.bins import UniformBins
from otolith.data.physics.pseudo_labels import Quantity
from otolith.data.windows import Windows
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives.pim import PIM, Heads, cross_entropy
from otolith.learn.training.pretrained import PretrainedEncoder

KINDS = ("speed", "roll", "pitch", "yaw")


def fitted(windows: Windows, **settings: Any) -> tuple[PIM, Encoder]:
    windows = windows.hide_labels()
    encoder = PretrainedEncoder.fresh(windows, "tpn").encoder
    goal = PIM(**settings)
    goal.fit(windows, encoder)
    return goal, encoder


class Constant(Encoder):
    """Gives every window the same vector, so that a head's logits are known."""

    dimension = 2

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def forward(self, batch: Batch) -> Embeddings:
        pooled = torch.zeros(len(batch), 2)
        return Embeddings(pooled[:, None], pooled)


def hand_made(biases: dict[str, list[float]], **settings: Any) -> PIM:
    """A PIM whose heads give the stated logits whatever they see; quantities are called
    sensor.kind."""
    goal = PIM(bins=3, **settings)
    goal.quantities = [Quantity(*name.rsplit(".", 1)) for name in biases]
    goal.bins = [UniformBins.fit(np.arange(4.0), 3) for _ in biases]
    goal.heads = Heads(len(biases), 2, 4, 3)
    torch.nn.init.zeros_(goal.heads.weight)
    goal.heads.bias = torch.nn.Parameter(torch.tensor(list(biases.values()))[:, None])
    return goal


def asked(goal: PIM, targets: list[list[int]]) -> dict[str, float]:
    channels = triad("left_wrist", "acc")
    rows = len(targets)
    batch = Batch(
        torch.zeros(rows, 3, 4),
        torch.ones(rows, 3, dtype=torch.bool),
        torch.ones(rows, 4, dtype=torch.bool),
        channels,
        50.0,
        modalities={"physics": torch.tensor(targets)},
    )
    return {name: float(loss.detach()) for name, loss in goal(Constant(), batch).items()}


def test__pim__quantities__are_four_a_sensor_and_one_a_pair(toy_windows: Windows) -> None:
    goal, _ = fitted(toy_windows)
    names = [f"{side}_wrist.{kind}" for side in ("left", "right") for kind in KINDS]
    assert [quantity.name for quantity in goal.quantities] == [
        *names,
        "left_wrist~right_wrist.symmetry",
    ]
    targets = goal.targets(toy_windows)["physics"]
    assert targets.shape == (len(toy_windows), 9)
    assert targets.min() >= -1 and targets.max() <= 10
    assert all(len(set(column.tolist())) > 2 for column in targets.T)
    assert goal.report()["quantities"] == [*names, "left_wrist~right_wrist.symmetry"]


@pytest.mark.parametrize(
    ("off", "families"),
    [
        (("speed",), {"angle", "symmetry"}),
        (("angle",), {"speed", "symmetry"}),
        (("symmetry",), {"speed", "angle"}),
        (("angle", "symmetry"), {"speed"}),
    ],
)
def test__pim__weight_of_0__leaves_the_family_out(
    toy_windows: Windows, off: tuple[str, ...], families: set[str]
) -> None:
    goal, _ = fitted(toy_windows, **dict.fromkeys(off, 0.0))
    kinds = {"angle" if q.kind in KINDS[1:] else q.kind for q in goal.quantities}
    assert kinds == families
    assert len(goal.heads) == len(goal.quantities)


def test__pim__all_weights_0__has_nothing_to_predict(toy_windows: Windows) -> None:
    with pytest.raises(ConfigError, match="nothing to predict"):
        fitted(toy_windows, speed=0.0, angle=0.0, symmetry=0.0)


def test__pim__softmax_mean_and_weights__by_hand() -> None:
    biases = {
        "a.speed": [0.0, 0.0, 0.0],
        "b.speed": [math.log(2), 0.0, 0.0],
        "a.roll": [0.0, math.log(4), 0.0],
    }
    targets = [[0, 0, 1], [1, 1, 1]]
    equal, mixed = math.log(3), (math.log(4 / 2) + math.log(4)) / 2
    roll = math.log(6 / 4)
    losses = asked(hand_made(biases, speed=2.0, angle=0.5), targets)
    assert losses == pytest.approx(
        {"speed": 2 * (equal + mixed) / 2, "angle": 0.5 * roll}, rel=1e-6
    )
    losses = asked(hand_made(biases, speed=2.0, angle=0.5, reduction="sum"), targets)
    assert losses == pytest.approx({"speed": 2 * (equal + mixed), "angle": 0.5 * roll}, rel=1e-6)


def test__pim__sigmoid__is_one_binary_cross_entropy_a_bin() -> None:
    def binary(logit: float, truth: int) -> float:
        share = 1 / (1 + math.exp(-logit))
        return -math.log(share if truth else 1 - share)

    logits = [0.0, 1.0, -2.0]
    losses = asked(hand_made({"a.speed": logits}, loss="sigmoid"), [[1], [2]])
    expected = np.mean(
        [sum(binary(x, int(i == hit)) for i, x in enumerate(logits)) for hit in (1, 2)]
    )
    assert losses == pytest.approx({"speed": expected}, rel=1e-6)


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test__pim__undefined_target__gives_no_gradient(loss: str) -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    cross_entropy(logits, torch.tensor([0, -1, 2, -1]), loss).backward()
    assert logits.grad is not None
    assert logits.grad[[1, 3]].abs().sum() == 0
    assert (logits.grad[[0, 2]].abs().sum(dim=1) > 0).all()


def test__pim__defined_windows__are_averaged_over_themselves_alone() -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    some = cross_entropy(logits, torch.tensor([0, -1, 2, -1]))
    assert float(some) == pytest.approx(float(cross_entropy(logits[[0, 2]], torch.tensor([0, 2]))))
    assert float(cross_entropy(logits, torch.full((4,), -1))) == 0.0


def test__pim__bins__come_from_the_people_it_was_fitted_on(toy_windows: Windows) -> None:
    few, _ = fitted(toy_windows.of(["p0", "p1", "p2"]))
    before = [bins.to_dict() for bins in few.bins]
    few.targets(toy_windows)
    assert [bins.to_dict() for bins in few.bins] == before
    everybody, _ = fitted(toy_windows)
    assert [bins.to_dict() for bins in everybody.bins] != before


def test__heads__are_the_networks_that_each_would_be_alone() -> None:
    torch.manual_seed(0)
    heads, pooled = Heads(3, 5, 7, 4), torch.randn(6, 5)
    together = heads(pooled)
    assert len(heads) == 3 and together.shape == (3, 6, 4)
    torch.manual_seed(0)
    for logits in together:
        hidden, last = torch.nn.Linear(5, 7), torch.nn.Linear(7, 4)
        torch.testing.assert_close(logits, last(hidden(pooled).relu()))


def test__pim__no_pair__says_so_and_leaves_symmetry_out(tmp_path: Path) -> None:
    windows = write_toy_study(tmp_path / "one", people=2, places=("left_wrist",)).windows()
    with pytest.warns(OtolithWarning, match="no left/right pair among the sensors"):
        goal, _ = fitted(windows)
    assert [q.kind for q in goal.quantities] == list(KINDS)
    assert any("no left/right pair" in note for note in goal.report()["notes"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(windows, symmetry=0.0)  # who did not ask for it is not told


@pytest.mark.parametrize("settings", [{"loss": "hinge"}, {"reduction": "max"}, {"bins": 1}])
def test__pim__impossible_setting__is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PIM(**settings)
