"""Training in trouble: rates that blow up, and a disk that takes no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from otolith import Study
from otolith.core.errors import ConfigError
from otolith.data.windows import Windows
from otolith.learn.encoders.weights import read_safetensors
from otolith.learn.training import checkpoint
from otolith.learn.training.adapt import adapt
from otolith.learn.training.divergence import found_at, is_finite
from otolith.learn.training.pretrain import pretrain
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime

CPU = Runtime("cpu", "fp32", 1)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"learning_rate": 1e38, "batch_size": 10_000}, "validation loss became"),
        ({"learning_rate": 1e38, "batch_size": 16}, "in step 2 of"),
        ({"learning_rate": 1e36, "batch_size": 10_000}, "validation loss became"),
        (
            {"learning_rate": 1e38, "batch_size": 10_000, "in_turn": True, "plateau": 1},
            "validation loss became",
        ),
    ],
)
def test__pretrain__that_diverges__names_epoch_step_and_rate(
    settings: dict[str, Any], where: str, toy_windows: Windows, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=where) as caught:
        pretrain(toy_windows, runtime=CPU, epochs=3, out=tmp_path / "encoder", **settings)
    assert "in epoch 1" in str(caught.value) and "--learning-rate" in str(caught.value)
    assert f"learning rate {settings['learning_rate']:g}" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test__pretrain__that_diverges_later__keeps_the_last_good_epoch(
    toy_windows: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otolith.learn.training.pretrain import _Run

    step = _Run.step

    def poisoned(self: _Run, batch: Any) -> dict[str, torch.Tensor]:
        if len(self.history) == 2:
            with torch.no_grad():
                next(self.model.encoder.parameters()).fill_(float("nan"))
        return step(self, batch)

    monkeypatch.setattr(_Run, "step", poisoned)
    settings: dict[str, Any] = {
        "runtime": CPU,
        "epochs": 4,
        "batch_size": 64,
        "out": tmp_path / "encoder",
    }
    for _ in range(2):  # the same call goes on from the last good epoch, and finds the same
        with pytest.raises(
            ConfigError, match="in epoch 3: the loss became nan in step 1"
        ) as caught:
            pretrain(toy_windows, **settings)
        assert "the 2 before it are kept" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.partial"]
    held = read_safetensors(tmp_path / "encoder.partial" / checkpoint.WEIGHTS)
    assert all(bool(torch.isfinite(t).all()) for t in held.values() if t.is_floating_point())


@pytest.mark.parametrize("mode", ["finetune", "frozen", "staged"])
@pytest.mark.parametrize("steps", [1, 30])
def test__adapt__that_diverges__says_so_and_leaves_the_encoder(
    mode: str, steps: int, toy_windows: Windows
) -> None:
    encoder = PretrainedEncoder.fresh(toy_windows, "tpn", 0)
    rates = {"head_learning_rate": 1e39, "learning_rate": 1e39, "staged_learning_rate": 1e39}
    with pytest.raises(ConfigError, match="Adaptation diverged in epoch 1") as caught:
        adapt(encoder, toy_windows, runtime=CPU, mode=mode, steps=steps, epochs=1, **rates)
    assert "head_learning_rate 1e+39" in str(caught.value) and "step" in str(caught.value)
    assert is_finite(encoder.encoder)


def test__adapt__encoder_that_diverges_in_its_own_stage__is_found(toy_windows: Windows) -> None:
    encoder = PretrainedEncoder.fresh(toy_windows, "tpn", 0)
    with pytest.raises(ConfigError, match=r"encoder's 1e\+39.*staged_learning_rate = "):
        adapt(
            encoder,
            toy_windows,
            runtime=CPU,
            mode="staged",
            steps=4,
            epochs=1,
            staged_learning_rate=1e39,
        )


def test__found_at__names_the_first_step() -> None:
    steps = [torch.tensor(1.0), torch.tensor(float("inf")), torch.tensor(float("nan"))]
    assert found_at(steps, 1.0) == "the loss became inf in step 2 of 3"
    assert found_at(steps[:1], float("nan")) == "the validation loss became nan after its 1 steps"


_SCRIPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from otolith.__main__ import main
main()
"""


def with_room(size: int, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Type a command where no file may become larger, as on a disk that is nearly full."""
    command = [sys.executable, "-c", _SCRIPT, str(size), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=dict(os.environ), check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test__full_disk__pretrain_and_adapt__one_paragraph_and_nothing_half_written(
    toy_study: Study, tmp_path: Path
) -> None:
    study = str(toy_study.folder)
    quick = ("--device", "cpu", "--threads", "1", "--quiet")
    before = sorted(path.name for path in toy_study.folder.rglob("*"))
    for command in (
        ("pretrain", study, "--epochs", "1", "--out", "new", *quick),
        ("adapt", "tpn", study, "--shots", "1", "--out", "new", *quick),
        ("adapt", "features", study, "--head", "forest", "--out", "new", *quick),
    ):
        done = with_room(4096, *command, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "File too large" in done.stderr and "new" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr and done.stderr.count("error:") == 1
        assert not list(tmp_path.iterdir()), command
    assert sorted(path.name for path in toy_study.folder.rglob("*")) == before
