"""Adaptation in stages, in the shared space, and by heads that count the encoder's tokens."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from otolith.core.errors import ConfigError
from otolith.data.windows import Windows
from otolith.learn.modalities.alignment import Alignment, Role
from otolith.learn.training import adapt as adapting
from otolith.learn.training.adapt import adapt
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.use.recogniser import Recogniser

CPU = Runtime("cpu", "fp32", 1)
FEW: dict[str, Any] = {"steps": 20, "epochs": 1, "runtime": CPU, "head_settings": {"width": 16}}
SMALL = {"experts": 2, "channels": 8, "feed_forward": 16, "hidden": 8}


@pytest.fixture(scope="module")
def encoder(toy_windows: Windows) -> PretrainedEncoder:
    return PretrainedEncoder.fresh(toy_windows, "tpn", filters=(8, 8, 16))


@pytest.fixture(scope="module")
def aligned(encoder: PretrainedEncoder) -> PretrainedEncoder:
    torch.manual_seed(0)
    return dataclasses.replace(
        encoder, alignment=Alignment(16, 24, {"video": Role("vectors", {}, 12)})
    )


def moved(before: PretrainedEncoder, after: PretrainedEncoder) -> bool:
    pairs = zip(before.encoder.parameters(), after.encoder.parameters(), strict=True)
    return any(not torch.equal(a, b) for a, b in pairs)


def test__staged__encoder__stands_still_until_the_loss_does(
    encoder: PretrainedEncoder, toy_windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: list[tuple[bool, float, int]] = []
    go = adapting._Learning.go

    def watched(self: Any, moves: bool, rate: float, patience: int = 0) -> None:
        before = [p.clone() for p in self.model.encoder.encoder.parameters()]
        first = self.done
        go(self, moves, rate, patience)
        same = all(
            torch.equal(a, b)
            for a, b in zip(before, self.model.encoder.encoder.parameters(), strict=True)
        )
        stages.append((not same, rate, self.done - first))

    monkeypatch.setattr(adapting._Learning, "go", watched)
    # A rate of 0 for the head: its loss never falls again after the first epoch.
    model = adapt(
        encoder, toy_windows.few(8), mode="staged", patience=3, head_learning_rate=0.0, **FEW
    )
    assert stages == [
        (False, 0.0, 4),
        (True, 1e-4, 20),
    ]  # an epoch is one step here: one that is best, three that wait
    assert moved(encoder, model.encoder)


def test__staged__loss_that_keeps_falling__leaves_the_first_stage_after_its_steps(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    seen: list[tuple[int, int, float]] = []
    adapt(
        encoder,
        toy_windows.few(8),
        mode="staged",
        patience=50,
        progress=lambda *at: seen.append(at),
        **FEW,
    )
    assert [at[:2] for at in seen] == [(i + 1, 40) for i in range(40)]


def test__staged__same_seed__gives_identical_weights(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    first, second = (adapt(encoder, toy_windows.few(4), mode="staged", **FEW) for _ in range(2))
    parts = [
        [*model.head.parameters(), *model.encoder.encoder.parameters()] for model in (first, second)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*parts, strict=True))


@pytest.mark.parametrize("mode", ["finetune", "frozen", "staged"])
def test__mixture_of_experts__is_told_the_tokens_and_learns(
    toy_windows: Windows, mode: str
) -> None:
    start = PretrainedEncoder.fresh(toy_windows, "channel_attention", width=16, heads=2)
    model = adapt(
        start,
        toy_windows,
        "mixture_of_experts",
        runtime=CPU,
        head_settings=SMALL,
        mode=mode,
        steps=80,
        learning_rate=1e-3,
        head_learning_rate=3e-3,
        patience=80,
    )
    assert model.head.config.tokens == 12
    assert (model.probabilities(toy_windows, CPU).argmax(axis=1) == toy_windows.code).mean() > 0.8


@pytest.mark.parametrize("head", ["linear", "mixture_of_experts", "logistic"])
def test__shared_space__head__sees_unit_vectors_of_its_width(
    aligned: PretrainedEncoder, toy_windows: Windows, head: str
) -> None:
    settings = {
        "head_settings": SMALL if head == "mixture_of_experts" else None,
        "mode": "frozen",
        "space": "shared",
    }
    few = toy_windows.few(8)
    model = adapt(aligned, few, head, **FEW | settings)
    assert model.head.dimension == 24
    batch = adapting.Loader(few, batch_size=7).batch(np.arange(7))
    with torch.inference_mode():
        seen = model.encode(batch)
    expected = aligned.embed(few, CPU, space="shared")[:7]
    np.testing.assert_allclose(seen.pooled.numpy(), expected, atol=1e-6)
    torch.testing.assert_close(seen.tokens.norm(dim=-1), torch.ones(seen.tokens.shape[:2]))
    assert np.isfinite(model.probabilities(few, CPU)).all()


def test__shared_space__finetune__moves_the_layer_into_it(
    aligned: PretrainedEncoder, toy_windows: Windows
) -> None:
    model = adapt(
        aligned, toy_windows.few(4), "linear", **FEW | {"head_settings": None, "space": "shared"}
    )
    assert aligned.alignment is not None and model.encoder.alignment is not None
    before, after = aligned.alignment.state_dict(), model.encoder.alignment.state_dict()
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "imu.weight",
        "imu.bias",
    }


@pytest.mark.parametrize("mode", ["finetune", "frozen"])
def test__mixture_of_experts__in_bf16__says_what_it_says_in_fp32(
    toy_windows: Windows, mode: str
) -> None:
    start = PretrainedEncoder.fresh(toy_windows, "channel_attention", width=16, heads=2)
    said = []
    for precision in ("fp32", "bf16"):
        runtime = Runtime("cpu", precision, 1)
        settings = {"steps": 3, "epochs": 1, "head_settings": SMALL, "mode": mode}
        model = adapt(start, toy_windows.few(4), "mixture_of_experts", runtime=runtime, **settings)
        said.append(model.probabilities(toy_windows.few(4), runtime))
    np.testing.assert_allclose(*said, atol=0.05)


def test__recogniser__in_stages_and_shared_space__is_saved_and_loaded(
    aligned: PretrainedEncoder, toy_windows: Windows, tmp_path: Any
) -> None:
    start = Recogniser(
        aligned,
        "mixture_of_experts",
        mode="staged",
        space="shared",
        patience=2,
        steps=5,
        epochs=1,
        head_settings=SMALL | {"heads": 4},
        device="cpu",
        precision="fp32",
        threads=1,
    )
    fitted = start.fit(toy_windows.few(4))
    assert fitted.record_["adaptation"]["encoder_moved"]
    fitted.save(tmp_path / "kept")
    again = Recogniser.load(tmp_path / "kept", device="cpu", threads=1)
    assert (again.mode, again.space, again.patience) == ("staged", "shared", 2)
    np.testing.assert_array_equal(
        again.predict_proba(toy_windows), fitted.predict_proba(toy_windows)
    )


def test__adapt__what_cannot_be__is_told(encoder: PretrainedEncoder, toy_windows: Windows) -> None:
    few = toy_windows.few(2)
    with pytest.raises(ConfigError, match="shares no space with"):
        adapt(encoder, few, space="shared", runtime=CPU)
    with pytest.raises(ConfigError, match="'space' should be 'encoder' or 'shared'; given 'ours'"):
        adapt(encoder, few, space="ours", runtime=CPU)
    with pytest.raises(ConfigError, match="'patience' should be greater than"):
        adapt(encoder, few, mode="staged", patience=0, runtime=CPU)
