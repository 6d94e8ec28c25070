"""PRIMUS and IMU2CLIP: each term against its formula in float64, what is left out, and what is
told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from otolith.core.errors import CheckpointError, ConfigError, OtolithWarning
from otolith.data.batch import Batch
from otolith.data.channels import triad
from otolith.data.windows import Windows
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.modalities.alignment import Alignment
from otolith.learn.objectives._modalities import (
    Companions,
    Spread,
    Temperature,
    collapse_notes,
    kept,
)
from otolith.learn.objectives.imu2clip import IMU2CLIP
from otolith.learn.objectives.primus import PRIMUS
from otolith.learn.training.pretrain import pretrain
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime

CPU = Runtime("cpu", "fp32", 1)
VIDEO: dict[str, Any] = {"text": "", "pose": "", "video": "vectors"}
FLAT = {"augmentations": ("time_reversal",)}


class Ends(Encoder):
    """The first and the last sample of each channel: a view in reverse has another vector."""

    dimension = 12

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, batch: Batch) -> Embeddings:
        pooled = torch.cat([batch.values[..., 0], 2 * batch.values[..., -1]], dim=1)
        return Embeddings(pooled[:, None], pooled)


def batch_of(rows: int = 9, seed: int = 0, first: int = 0, **modalities: torch.Tensor) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    channels = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))
    values = torch.randn(rows, 6, 4, generator=generator)
    there = torch.ones(rows, 6, dtype=torch.bool), torch.ones(rows, 4, dtype=torch.bool)
    for name, width in {"video": 5, "text": 512}.items():
        modalities.setdefault(name, torch.randn(rows, width, generator=generator))
        modalities.setdefault(f"{name}_present", torch.rand(rows, generator=generator) < 0.7)
    return Batch(
        values,
        *there,
        channels,
        50.0,
        modalities=modalities | {"window": torch.arange(first, first + rows)},
    )


def built(kind: Any = PRIMUS, **settings: Any) -> Any:
    """An objective that was fitted to windows with vectors of video (5 numbers) and text (512)."""
    goal = kind(
        **({"queue": 24} if kind is PRIMUS else {})
        | {"video": "vectors", "text": "minilm"}
        | settings
    )

    def fit(windows: Windows) -> None:
        from dataclasses import replace

        sizes = {"video": 5, "text": 512}
        goal.companions.roles = {
            name: replace(role, dimension=sizes[name])
            for name, role in goal.companions.asked.items()
            if name in sizes
        }

    goal.companions.fit = fit
    torch.manual_seed(0)
    goal.fit(
        Windows.from_array(np.zeros((1, 6, 4)), rate_hz=50.0, channels=batch_of().channels), Ends()
    )
    return goal


def contrast(q: np.ndarray, k: np.ndarray, tau: float, mask: np.ndarray) -> float:
    """InfoNCE both ways over some rows, in float64 by loops."""
    q, k = (x[mask] / np.linalg.norm(x[mask], axis=1, keepdims=True) for x in (q, k))
    total = 0.0
    for one, other in ((q, k), (k, q)):
        for i in range(len(one)):
            scores = [one[i] @ other[j] / tau for j in range(len(other))]
            total += (math.log(sum(math.exp(s) for s in scores)) - scores[i]) / len(one)
    return total


def linear(layer: nn.Module, x: np.ndarray) -> np.ndarray:
    if isinstance(layer, nn.Identity):
        return x
    return x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()


def placed(space: Alignment, name: str, vectors: torch.Tensor) -> np.ndarray:
    x = vectors.double().numpy()
    return linear(space.modalities[name], x / np.linalg.norm(x, axis=1, keepdims=True))


def ends(values: torch.Tensor) -> np.ndarray:
    return torch.cat([values[..., 0], 2 * values[..., -1]], dim=1).double().numpy()


def test__primus__ss_and_mm__equal_their_formulas() -> None:
    goal, batch = built(**FLAT, ss=0.5, mm=2.0, nn=0.0).train(), batch_of()
    losses = {name: float(loss.detach()) for name, loss in goal(Ends(), batch).items()}
    everyone = np.ones(9, dtype=bool)
    own, back = linear(goal.ssl, ends(batch.values)), linear(goal.ssl, ends(batch.values.flip(-1)))
    motion = linear(goal.space.imu, ends(batch.values))
    expected = {"ss": 0.5 * contrast(own, back, 0.1, everyone)}
    for name in ("video", "text"):
        mask = batch.modalities[f"{name}_present"].numpy()
        expected[f"mm_{name}"] = 2.0 * contrast(
            motion, placed(goal.space, name, batch.modalities[name]), 0.1, mask
        )
    assert losses == pytest.approx(expected, rel=1e-6)


def test__primus__nn_step_by_step__equals_a_plain_search_and_its_formula() -> None:
    goal = built(**FLAT, ss=0, mm=0, nn=1.5).train()
    slots: list[dict[str, np.ndarray]] = []
    for step in range(5):
        batch = batch_of(seed=step, first=9 * (step % 2))
        losses = {name: float(loss.detach()) for name, loss in goal(Ends(), batch).items()}
        present = {name: batch.modalities[f"{name}_present"].numpy() for name in ("video", "text")}
        own, motion = (
            linear(goal.ssl, ends(batch.values)),
            linear(goal.space.imu, ends(batch.values)),
        )
        given = {"imu": own} | {name: batch.modalities[name].double().numpy() for name in present}
        near: dict[str, list[np.ndarray]] = {"imu": [], "video": [], "text": []}
        held: dict[str, list[bool]] = {"imu": [], "video": [], "text": []}
        rows = [
            {name: v[i] for name, v in given.items() if name == "imu" or present[name][i]}
            for i in range(9)
        ]
        for i, row in enumerate(rows):
            found = search(slots, row, int(batch.modalities["window"][i]))
            for name, width in (("imu", 512), ("video", 5), ("text", 512)):
                held[name].append(found is not None and name in found)
                near[name].append(found[name] if held[name][-1] else np.ones(width))
        if slots:
            expected = {
                "nn_imu": 1.5 * contrast(own, np.array(near["imu"]), 0.1, np.array(held["imu"]))
            }
            for name in present:
                theirs = placed(goal.space, name, torch.from_numpy(np.array(near[name])))
                expected[f"nn_{name}"] = 1.5 * contrast(motion, theirs, 0.1, np.array(held[name]))
            assert losses == pytest.approx(expected, rel=1e-6)
        else:
            assert set(losses.values()) == {0.0}
        slots += [
            row | {"number": batch.modalities["window"][i].numpy()} for i, row in enumerate(rows)
        ]
        slots = slots[-24:]


def search(
    slots: list[dict[str, np.ndarray]], own: dict[str, np.ndarray], number: int
) -> dict[str, np.ndarray] | None:
    def likeness(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    for name in ("video", "text", "imu"):
        others = [slot for slot in slots if name in slot and int(slot["number"]) != number]
        if name in own and others:
            tie = 1e-4 if name == "text" else 0.0
            return max(
                others,
                key=lambda s: likeness(own[name], s[name]) + tie * likeness(own["imu"], s["imu"]),
            )
    return None


def test__imu2clip__equals_its_formula() -> None:
    goal, batch = built(IMU2CLIP, temperature=0.2).train(), batch_of()
    losses = {name: float(loss.detach()) for name, loss in goal(Ends(), batch).items()}
    motion = linear(goal.space.imu, ends(batch.values))
    expected = {
        f"mm_{name}": contrast(
            motion,
            placed(goal.space, name, batch.modalities[name]),
            0.2,
            batch.modalities[f"{name}_present"].numpy(),
        )
        for name in ("video", "text")
    }
    assert losses == pytest.approx(expected, rel=1e-6)


def test__projection__only_where_widths_differ_unless_asked_for() -> None:
    goal = built(**FLAT)
    assert isinstance(goal.space.modalities["text"], nn.Identity) and isinstance(
        goal.space.modalities["video"], nn.Linear
    )
    goal = built(**FLAT, project="always")
    assert isinstance(goal.space.modalities["text"], nn.Linear)
    assert isinstance(built(IMU2CLIP, width=12, text="").space.imu, nn.Identity)
    with pytest.raises(ConfigError, match="'where_needed' or 'always'"):
        built(**FLAT, project="never")


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({"ss": True, "mm": False, "nn": False}, {"ss"}),
        ({"ss": False, "mm": True, "nn": False}, {"mm_video"}),
        ({"ss": False, "mm": False, "nn": True}, {"nn_imu", "nn_video"}),
        ({"ss": True, "mm": True, "nn": False}, {"ss", "mm_video"}),
        ({"ss": True, "mm": False, "nn": True, "video": ""}, {"ss", "nn_imu"}),
        ({"ss": False, "mm": True, "nn": True}, {"mm_video", "nn_imu", "nn_video"}),
        ({}, {"ss", "mm_video", "nn_imu", "nn_video"}),
    ],
)
def test__primus__every_row_of_the_ablation__has_its_terms(
    paired_windows: Windows, weights: dict[str, Any], terms: set[str]
) -> None:
    model = pretrain(
        paired_windows,
        "primus",
        runtime=CPU,
        objective_settings=VIDEO | weights,
        epochs=2,
        batch_size=64,
    )
    row = model.history[-1]
    assert {name.removeprefix("train_") for name in row if name.startswith("train_")} == terms
    assert {
        name.removeprefix("validation_") for name in row if name.startswith("validation_")
    } == terms
    assert 0 <= row["embedding_variance"] <= 1 and -1 <= row["mean_cosine"] <= 1
    assert (model.alignment is None) == (not any(term.endswith("video") for term in terms))


def test__primus__validation__feeds_no_queue_and_draws_the_same() -> None:
    goal = built(**FLAT).train()
    goal(Ends(), batch_of(seed=1))
    before = goal.state_dict()["queue.imu"].clone()
    goal.eval()
    with torch.no_grad():
        first, second = goal(Ends(), batch_of(seed=2)), goal(Ends(), batch_of(seed=2))
    assert torch.equal(goal.state_dict()["queue.imu"], before) and int(goal.queue.taken) == 9
    assert {name: float(x) for name, x in first.items()} == {
        name: float(x) for name, x in second.items()
    }


def test__primus__interrupted__goes_on_with_its_queue(
    paired_windows: Windows, tmp_path: Any
) -> None:
    asked: dict[str, Any] = {
        "runtime": CPU,
        "epochs": 4,
        "batch_size": 64,
        "objective_settings": VIDEO | {"queue": 50},
    }
    whole = pretrain(paired_windows, "primus", out=tmp_path / "whole", **asked)

    def stop(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(paired_windows, "primus", out=tmp_path / "broken", progress=stop, **asked)
    again = pretrain(paired_windows, "primus", out=tmp_path / "broken", **asked)
    assert again.history == whole.history
    assert all(
        torch.equal(t, again.encoder.state_dict()[n]) for n, t in whole.encoder.state_dict().items()
    )
    assert whole.alignment is not None and again.alignment is not None
    assert all(
        torch.equal(t, again.alignment.state_dict()[n])
        for n, t in whole.alignment.state_dict().items()
    )


def test__alignment__is_of_the_best_epoch_and_kept(paired_windows: Windows, tmp_path: Any) -> None:
    model = pretrain(
        paired_windows,
        "imu2clip",
        out=tmp_path / "encoder",
        runtime=CPU,
        epochs=3,
        batch_size=64,
        objective_settings=VIDEO,
    )
    again = PretrainedEncoder.load(tmp_path / "encoder")
    for one in (model, again):
        vectors = one.embed(paired_windows, CPU, space="shared")
        assert vectors.shape == (len(paired_windows), 512)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors, model.embed(paired_windows, CPU, space="shared"))
    assert "shares a space of 512 numbers with video ('vectors')" in again.card()
    assert again.record["fitted"]["windows_with"] == {"video": 132}


def test__modalities__none_at_all__is_told(toy_windows: Windows) -> None:
    for kind in (PRIMUS, IMU2CLIP):
        with pytest.raises(
            ConfigError,
            match=r"none of these has one\. A study has texts in partners/text\.parquet",
        ):
            kind().fit(toy_windows, PretrainedEncoder.fresh(toy_windows).encoder)
    goal = PRIMUS(mm=0)  # neighbours by motion alone
    goal.fit(toy_windows, PretrainedEncoder.fresh(toy_windows).encoder)
    assert goal.alignment() is None and "text was left out" in " ".join(goal.report()["notes"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ss": 0, "mm": 0, "nn": 0}, "one of them above 0"),
        ({"nn": -1}, "greater than or equal to 0"),
        ({"augmentations": ()}, "name an augmentation"),
        ({"queue": 0}, "'queue' should be greater than or equal to 1"),
        ({"temperature": 2.0}, "does not lie above 0 and within"),
        ({"modality_fraction": 1.5}, "less than or equal to 1"),
        ({"modality_settings": {"minilm": {}}}, "given by role"),
        ({"text": "miniln"}, "Did you mean 'minilm'"),
        ({"text": "otolith.core.errors:DataError"}, "is no modality"),
    ],
)
def test__primus__bad_setting__is_told(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PRIMUS(**settings)


def test__temperature__stays_within_bounds_and_comes_back() -> None:
    tau = Temperature(0.1, (0.05, 0.2))
    optimiser = torch.optim.SGD(tau.parameters(), lr=1.0)
    for direction, expected in ((1.0, 0.05), (-0.05, 0.1)):
        optimiser.zero_grad()
        (direction * tau()).backward()
        optimiser.step()
        assert float(tau().detach()) == pytest.approx(expected)


def test__modality_fraction__larger_share_holds_the_smaller(paired_windows: Windows) -> None:
    some, more = kept(paired_windows, 0.1), kept(paired_windows, 0.5)
    assert 0.03 < some.mean() < 0.2 and 0.35 < more.mean() < 0.65
    assert (
        (more | ~some).all()
        and kept(paired_windows, 1.0).all()
        and not kept(paired_windows, 0.0).any()
    )
    companions = Companions({"video": "vectors"}, {}, 0.5)
    companions.fit(paired_windows)
    present = companions.targets(paired_windows)["video_present"]
    assert (present == (more & (paired_windows.subject != "p1"))).all()


def test__spread__equals_its_definition() -> None:
    vectors = np.random.default_rng(0).normal(0.3, 1, (50, 7))
    spread = Spread()
    for part in np.array_split(vectors, 4):
        spread.add(torch.from_numpy(part))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(50, dtype=bool)]
    variance = vectors.var(axis=0).mean() / (vectors**2).mean()
    assert spread.figures() == pytest.approx(
        {"embedding_variance": variance, "mean_cosine": cosines.mean()}
    )
    assert spread.figures() == {}


def test__collapse__in_a_run_made_to_collapse__is_told_and_recorded(
    paired_windows: Windows,
) -> None:
    # Steps so large that every unit of the encoder dies: all windows get the same vector.
    with pytest.warns(OtolithWarning, match="collapsed in epoch") as told:
        model = pretrain(
            paired_windows,
            "primus",
            runtime=CPU,
            epochs=4,
            batch_size=64,
            patience=0,
            learning_rate=3.0,
            objective_settings=VIDEO | {"mm": 0, "video": ""},
        )
    assert len(told) == 1  # once, not in every epoch
    assert model.history[-1]["mean_cosine"] > 0.99
    assert "collapsed in epoch" in model.record["fitted"]["notes"][-1]


def test__collapse__is_told_from_a_high_start_that_falls() -> None:
    def epochs(*cosines: float, variance: float = 0.5) -> list[dict[str, float]]:
        return [
            {"epoch": i + 1, "mean_cosine": c, "embedding_variance": variance}
            for i, c in enumerate(cosines)
        ]

    assert (
        collapse_notes([])
        == collapse_notes(epochs(0.995))
        == collapse_notes(epochs(0.97, 0.96, 0.6))
        == []
    )
    assert "in epoch 3" in collapse_notes(epochs(0.1, 0.3, 0.96, 0.96))[0]
    assert "in epoch 2" in collapse_notes(epochs(0.97, 0.992))[0]
    assert "in epoch 2" in collapse_notes(epochs(0.1, 0.1, variance=0.001))[0]


def test__vectors_in_the_order_of_all_windows__reach_the_right_people(
    paired_windows: Windows, tmp_path: Any
) -> None:
    values = np.random.default_rng(0).normal(size=(len(paired_windows), 6)).astype(np.float32)
    np.save(tmp_path / "clips.npy", values)
    given = {"video": {"file": str(tmp_path / "clips.npy")}}
    companions = Companions({"video": "vectors"}, given, 1.0)
    companions.prepare(paired_windows)
    some = paired_windows.of(["p2", "p4"])
    companions.fit(some)
    np.testing.assert_array_equal(
        companions.targets(some)["video"], values[np.isin(paired_windows.subject, ["p2", "p4"])]
    )
    model = pretrain(
        paired_windows,
        "imu2clip",
        runtime=CPU,
        epochs=1,
        objective_settings={"text": "", "video": "vectors", "modality_settings": given},
    )
    assert model.record["fitted"]["windows_with"] == {"video": 165}


def test__primus__interrupted_and_the_modalities_changed__is_refused(
    paired_windows: Windows, tmp_path: Any
) -> None:
    values = np.random.default_rng(0).normal(size=(len(paired_windows), 6)).astype(np.float32)
    np.save(tmp_path / "clips.npy", values)
    given = {"text": "", "pose": "", "video": "vectors"}
    asked: dict[str, Any] = {"runtime": CPU, "epochs": 2, "out": tmp_path / "encoder"}
    asked["objective_settings"] = given | {
        "modality_settings": {"video": {"file": str(tmp_path / "clips.npy")}}
    }

    def stop(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(paired_windows, "primus", progress=stop, **asked)
    np.save(tmp_path / "clips.npy", values + 1)
    with pytest.raises(CheckpointError, match="holds the beginnings of another run"):
        pretrain(paired_windows, "primus", **asked)
