"""When the learning rate falls, held to torch's own rule; and studies that take turns or share no
batch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy import toy_recording

from otolith import Cut, write_study
from otolith.core.errors import SplitError
from otolith.data.windows import Windows
from otolith.learn.training import pretrain as module
from otolith.learn.training.loader import Loader
from otolith.learn.training.pretrain import pretrain
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.schedule import falls, turns

CPU = Runtime("cpu", "fp32", 1)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """Two studies of three people each, put together."""
    parts = []
    for name in ("a", "b"):
        people = [toy_recording(f"{name}{i}", 4.0, ("left_wrist",)) for i in range(3)]
        folder = tmp_path_factory.mktemp(name) / "study"
        cut = Cut(seconds=2.0, rate_hz=50.0)
        parts.append(write_study(folder, people, name=name, cut=cut).windows().hide_labels())
    return Windows.concatenate(parts)


@pytest.mark.parametrize("plateau", [1, 2, 5])
def test__falls__equals_torchs_rule(plateau: int, rng: np.random.Generator) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, patience=plateau, min_lr=0.0, eps=0.0
    )
    losses = np.exp(-np.arange(80) / 30) + rng.normal(0, 0.1, 80) ** 2
    losses[40:] = losses[39]
    for number, loss in enumerate(losses):
        theirs.step(float(loss))
        rate = 0.1 ** falls(losses[: number + 1].tolist(), plateau)
        assert optimiser.param_groups[0]["lr"] == pytest.approx(rate)
    assert falls(losses.tolist(), plateau) > 0 and falls([], plateau) == 0


def test__windows__part__tells_the_studies_apart(two: Windows) -> None:
    assert two.part.tolist() == [0 if str(s).startswith("a/") else 1 for s in two.subject]
    first, second = turns(two, in_turn=True)
    assert set(first.part) == {0} and set(second.part) == {1}
    assert not first.part.any() and turns(first, in_turn=False)[0] is first


def test__loader__groups__share_no_batch_and_every_window_comes_once(two: Windows) -> None:
    number = {"number": np.arange(len(two))}
    loader = Loader(two, number, batch_size=8, seed=3, groups=two.part)
    batches = [batch.modalities["number"].numpy() for batch in loader.epoch(1)]
    assert all(len(set(two.part[rows])) == 1 for rows in batches)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(two))) and len(
        batches
    ) == len(loader)
    of = [int(two.part[rows[0]]) for rows in batches]
    assert of != sorted(of), "one study comes whole before the other"
    again = [batch.modalities["number"].numpy() for batch in loader.epoch(1)]
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test__loader__one_group__has_the_order_of_none(two: Windows) -> None:
    number = {"number": np.arange(len(two))}
    orders = [
        [
            batch.modalities["number"].tolist()
            for batch in Loader(two, number, batch_size=8, groups=groups).epoch(2)
        ]
        for groups in (None, np.zeros(len(two), dtype=int))
    ]
    assert orders[0] == orders[1]


def small(windows: Windows, **settings: Any) -> Any:
    return pretrain(
        windows,
        "simclr",
        "tpn",
        runtime=CPU,
        encoder_settings={"filters": [4, 4, 4]},
        batch_size=16,
        **settings,
    )


def test__in_turn__one_study_after_the_other(two: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []
    step = module._Run.step

    def watched(self: Any, batch: Any) -> Any:
        seen.append({self.stage})
        return step(self, batch)

    monkeypatch.setattr(module._Run, "step", watched)
    told: list[tuple[int, int]] = []
    model = small(two, epochs=2, patience=0, in_turn=True, progress=lambda *at: told.append(at[:2]))
    assert [row["study"] for row in model.history] == [1, 1, 2, 2] and told == [
        (i, 4) for i in (1, 2, 3, 4)
    ]
    assert model.record["best_epoch"] in (3, 4)
    held = model.record["validation_subjects"]
    assert sorted(person[0] for person in held) == ["a", "b"]


def test__in_turn__patience__counts_from_each_start(
    two: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.0, 2.0, 3.0, 9.0, 8.0, 8.5, 8.6])
    monkeypatch.setattr(module._Run, "validate", lambda self: {"validation": next(losses)})
    model = small(two, epochs=20, patience=2, in_turn=True)
    assert [row["study"] for row in model.history] == [1, 1, 1, 2, 2, 2, 2]
    assert model.record["best_epoch"] == 5


@pytest.mark.parametrize("after", [2, 3])
def test__in_turn__broken_off_and_run_again__ends_with_the_same_weights(
    two: Windows, tmp_path: Path, after: int
) -> None:
    settings = {"epochs": 2, "patience": 0, "in_turn": True, "plateau": 1}
    whole = small(two, **settings)

    def stop(done: int, *_: Any) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(two, out=tmp_path / "encoder", progress=stop, **settings)
    again = small(two, out=tmp_path / "encoder", **settings)
    assert again.history == whole.history
    pairs = zip(again.encoder.parameters(), whole.encoder.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test__in_turn__study_of_one_person__is_refused(two: Windows) -> None:
    one = two[(two.part == 0) | (two.subject == "b/b0")]
    with pytest.raises(SplitError, match="there are 1"):
        small(one, in_turn=True)


def test__plateau__makes_the_rate_fall(two: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    epoch = module._Run.one_epoch

    def watched(self: Any) -> None:
        epoch(self)
        rates.append(self.optimiser.param_groups[0]["lr"])

    monkeypatch.setattr(module._Run, "one_epoch", watched)
    monkeypatch.setattr(module._Run, "validate", lambda self: {"validation": 1.0})
    small(two, epochs=6, patience=0, plateau=1)
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5])


def test__objective_that_mixes_no_studies__gets_batches_of_one(
    two: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otolith.learn.objectives.simclr import SimCLR

    met: list[int] = []
    forward = SimCLR.forward

    def watched(self: Any, encoder: Any, batch: Any) -> Any:
        met.append(len({str(two.subject[i])[0] for i in batch.modalities["of"].tolist()}))
        return forward(self, encoder, batch)

    monkeypatch.setattr(SimCLR, "mixes_studies", False)
    monkeypatch.setattr(SimCLR, "forward", watched)
    targets = SimCLR.targets
    place = {row: i for i, row in enumerate(two.first_row.tolist())}
    monkeypatch.setattr(
        SimCLR,
        "targets",
        lambda self, w: (
            targets(self, w) | {"of": np.array([place[r] for r in w.first_row.tolist()])}
        ),
    )
    small(dataclasses.replace(two), epochs=1)
    assert set(met) == {1}
