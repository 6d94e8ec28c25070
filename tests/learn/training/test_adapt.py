"""Adaptation: a fixed schedule on a few labels, and an encoder that moves only where it may."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from otolith.core.errors import ChannelError, ConfigError, DataError, UnknownNameError
from otolith.data.windows import Windows
from otolith.learn.training.adapt import adapt, class_weights
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime

CPU = Runtime("cpu", "fp32", 1)
FEW: dict[str, Any] = {"steps": 40, "epochs": 1, "runtime": CPU, "head_settings": {"width": 32}}


@pytest.fixture(scope="module")
def encoder(toy_windows: Windows) -> PretrainedEncoder:
    return PretrainedEncoder.fresh(toy_windows, "tpn")


def changed(before: PretrainedEncoder, after: PretrainedEncoder) -> list[bool]:
    pairs = zip(before.encoder.parameters(), after.encoder.parameters(), strict=True)
    return [not torch.equal(a, b) for a, b in pairs]


def test__adapt__finetune__moves_a_copy_and_learns(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    before = {name: tensor.clone() for name, tensor in encoder.encoder.state_dict().items()}
    model = adapt(encoder, toy_windows.of(["p0", "p1", "p2", "p3"]).few(8), **FEW | {"steps": 80})
    assert all(changed(encoder, model.encoder))
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in encoder.encoder.state_dict().items()
    )
    test = toy_windows.of(["p4", "p5"])
    probability = model.probabilities(test, CPU)
    assert probability.shape == (len(test), 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    assert (probability.argmax(axis=1) == test.code).mean() > 0.8


@pytest.mark.parametrize("head", ["mlp", "linear", "logistic", "forest"])
def test__adapt__frozen__leaves_the_encoder_untouched(
    encoder: PretrainedEncoder, toy_windows: Windows, head: str
) -> None:
    settings = FEW | {"head_settings": None, "mode": "frozen"}
    model = adapt(encoder, toy_windows.few(4), head, **settings)
    assert not any(changed(encoder, model.encoder))
    statistics = [
        (getattr(m.standardise, n)) for m in (encoder, model.encoder) for n in ("mean", "std")
    ]
    assert torch.equal(statistics[0], statistics[2]) and torch.equal(statistics[1], statistics[3])


def test__adapt__frozen__sees_the_encoder_without_dropout(toy_windows: Windows) -> None:
    few = toy_windows.few(4)
    calm, wild = (
        PretrainedEncoder.fresh(toy_windows, "tpn", dropout=share) for share in (0.0, 0.9)
    )
    assert not any(changed(calm, wild))
    for mode, alike in (("frozen", True), ("finetune", False)):
        heads = [
            list(adapt(start, few, mode=mode, **FEW).head.parameters()) for start in (calm, wild)
        ]
        assert all(torch.equal(a, b) for a, b in zip(*heads, strict=True)) == alike


@pytest.mark.parametrize(
    ("settings", "expected"), [((10, 1, 64), 10), ((1, 5, 64), 5), ((1, 5, 8), 20)]
)
def test__adapt__schedule__is_fixed_beforehand(
    encoder: PretrainedEncoder, toy_windows: Windows, settings: tuple[int, int, int], expected: int
) -> None:
    steps, epochs, batch_size = settings
    windows = toy_windows.few(10)  # 30 windows
    seen: list[tuple[int, int, float]] = []
    adapt(
        encoder, windows, runtime=CPU, steps=steps, epochs=epochs, batch_size=batch_size,
        progress=lambda *step: seen.append(step),
    )  # fmt: skip
    assert [step[:2] for step in seen] == [(i + 1, expected) for i in range(expected)]
    assert all(isinstance(step[2], float) for step in seen)


def test__adapt__same_seed__gives_identical_weights(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    first, second, third = (
        adapt(encoder, toy_windows.few(2), seed=seed, **FEW) for seed in (3, 3, 4)
    )
    pairs = [
        list(model.head.parameters()) + list(model.encoder.encoder.parameters())
        for model in (first, second, third)
    ]
    assert all(torch.equal(a, b) for a, b in zip(pairs[0], pairs[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(pairs[0], pairs[2], strict=True))


def test__adapt__unlabelled_windows__are_left_out(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    few = toy_windows.few(2)
    padded = toy_windows[np.sort(np.concatenate([np.arange(0, 20), np.arange(40, 60)]))]
    code = np.where(np.isin(padded.first_row, few.first_row), padded.code, -1)
    code[[0, 25]] = [0, 1]
    padded = dataclasses.replace(padded, code=code)
    first = adapt(encoder, padded, **FEW)
    second = adapt(encoder, padded.labelled, **FEW)
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.head.parameters(), second.head.parameters(), strict=True)
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test__adapt__rows__do_not_depend_on_their_batch(
    encoder: PretrainedEncoder, toy_windows: Windows, precision: str
) -> None:
    runtime = Runtime("cpu", precision, 1)
    model = adapt(encoder, toy_windows.few(4), **FEW | {"runtime": runtime})
    whole = model.probabilities(toy_windows, runtime)
    parts = model.probabilities(toy_windows, runtime, batch_size=7)
    np.testing.assert_allclose(whole, parts, atol=1e-5 if precision == "fp32" else 2e-2)


def test__adapt__one_class_or_none__is_told(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    only = toy_windows[toy_windows.code == 1]
    with pytest.raises(DataError, match="at least two classes; found one class, 'shaking'"):
        adapt(encoder, only, **FEW)
    with pytest.raises(DataError, match="found none"):
        adapt(encoder, toy_windows.hide_labels(), **FEW)


@pytest.mark.parametrize("head", ["mlp", "logistic", "forest"])
def test__adapt__class_without_windows__works_and_is_hardly_said(
    encoder: PretrainedEncoder, toy_windows: Windows, head: str
) -> None:
    two = toy_windows[toy_windows.code != 1]
    model = adapt(encoder, two.few(10), head, runtime=CPU, steps=100)
    probability = model.probabilities(toy_windows, CPU)
    assert probability.shape[1] == 3 and np.isfinite(probability).all()
    assert (probability.argmax(axis=1) != 1).all()


def test__class_weights__are_inverse_to_the_count_with_mean_one(toy_windows: Windows) -> None:
    index = np.concatenate(
        [np.flatnonzero(toy_windows.code == code)[:n] for code, n in ((0, 6), (2, 2))]
    )
    chosen = toy_windows[index]
    weight = class_weights(chosen)
    assert weight.tolist() == pytest.approx([8 / 6 / 2, 0.0, 8 / 2 / 2])
    assert float(weight[torch.from_numpy(chosen.code)].mean()) == pytest.approx(1.0)


def test__adapt__features_and_a_head_that_descends__is_refused(toy_windows: Windows) -> None:
    features = PretrainedEncoder.fresh(toy_windows, "features")
    with pytest.raises(ConfigError, match="use forest or logistic"):
        adapt(features, toy_windows.few(2), "mlp", runtime=CPU)
    adapt(features, toy_windows.few(2), "logistic", runtime=CPU)


def test__adapt__what_does_not_fit__is_told(
    encoder: PretrainedEncoder, toy_windows: Windows, toy_study: Any
) -> None:
    with pytest.raises(ChannelError, match=r"missing are right_wrist\.acc\.x"):
        adapt(encoder, toy_study.windows(placements=("left_wrist",)), **FEW)
    with pytest.raises(ChannelError, match=r"rate_hz=50"):
        adapt(encoder, toy_study.windows(rate_hz=25.0, seconds=4.0), **FEW)
    with pytest.raises(ChannelError, match="have gravity removed"):
        adapt(encoder, dataclasses.replace(toy_windows, gravity="removed"), **FEW)
    with pytest.raises(UnknownNameError, match="Did you mean 'linear'"):
        adapt(encoder, toy_windows, "liner", runtime=CPU)
    with pytest.raises(ConfigError, match="Did you mean 'batch_size'"):
        adapt(encoder, toy_windows, runtime=CPU, batchsize=3)
    with pytest.raises(
        ConfigError, match="'mode' should be 'finetune', 'frozen' or 'staged'; given 'half'"
    ):
        adapt(encoder, toy_windows, runtime=CPU, mode="half")
