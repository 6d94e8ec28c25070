"""Pretraining: repeatable, resumable bit for bit, blind to labels, and judged by training people
alone."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from otolith import Study
from otolith.core.errors import (
    CheckpointError,
    ConfigError,
    OtolithWarning,
    SplitError,
    UnknownNameError,
)
from otolith.data.windows import Windows
from otolith.learn.training.pretrain import pretrain, validation_people
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime

CPU = Runtime("cpu", "fp32", 1)
QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 64, "patience": 0}


def weights(model: PretrainedEncoder) -> dict[str, torch.Tensor]:
    return dict(model.encoder.state_dict())


def same(first: PretrainedEncoder, second: PretrainedEncoder) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test__pretrain__same_seed__gives_identical_weights(
    toy_windows: Windows, precision: str
) -> None:
    runtime = Runtime("cpu", precision, 1)
    first = pretrain(toy_windows, runtime=runtime, **QUICK)
    torch.manual_seed(99)  # whatever was drawn in between must not matter
    torch.randn(7)
    second = pretrain(toy_windows, runtime=runtime, **QUICK)
    assert same(first, second)
    assert first.history == second.history
    assert not same(first, pretrain(toy_windows, runtime=runtime, **QUICK, seed=1))


def test__pretrain__losses__fall_and_are_written(toy_windows: Windows, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    model = pretrain(
        toy_windows,
        out=tmp_path / "encoder",
        runtime=CPU,
        epochs=8,
        batch_size=64,
        progress=lambda epoch, epochs, losses: seen.append((epoch, epochs)),
    )
    assert seen == [(i + 1, 8) for i in range(len(seen))]
    assert model.history[-1]["train"] < 0.8 * model.history[0]["train"]
    terms = {"train_speed", "train_angle", "train_symmetry"}
    assert terms <= model.history[0].keys()
    assert model.history[0]["train"] == pytest.approx(sum(model.history[0][term] for term in terms))
    text = (tmp_path / "encoder" / "losses.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert [float(row["validation"]) for row in rows] == [
        row["validation"] for row in model.history
    ]
    assert not (tmp_path / "encoder.partial").exists()
    best = min(range(len(rows)), key=lambda i: float(rows[i]["validation"])) + 1
    assert model.record["best_epoch"] == best


def test__pretrain__patience__stops_early_and_keeps_the_best_epoch(toy_windows: Windows) -> None:
    # A rate so high that it only gets worse after the first epochs.
    model = pretrain(
        toy_windows, runtime=CPU, epochs=60, batch_size=64, learning_rate=0.1, patience=2
    )
    history = [row["validation"] for row in model.history]
    assert len(history) < 60
    assert len(history) - model.record["best_epoch"] == 2
    assert history[model.record["best_epoch"] - 1] == min(history)


def test__pretrain__labels__are_never_looked_at(toy_windows: Windows) -> None:
    other = dataclasses.replace(
        toy_windows, code=np.random.default_rng(0).permutation(toy_windows.code)
    )
    none = dataclasses.replace(toy_windows, code=np.full(len(toy_windows), -1), classes=())
    first = pretrain(toy_windows, runtime=CPU, **QUICK)
    assert same(first, pretrain(other, runtime=CPU, **QUICK))
    assert same(first, pretrain(none, runtime=CPU, **QUICK))


def test__pretrain__validation_people__are_training_people(toy_windows: Windows) -> None:
    training = toy_windows.without(["p0", "p4"])
    model = pretrain(training, runtime=CPU, **QUICK)
    assert model.record["subjects"] == ["p1", "p2", "p3", "p5"]
    held_back = model.record["validation_subjects"]
    assert len(held_back) == 1 and set(held_back) < set(training.subjects)
    # Mean and deviation are of the people who were trained on, without those who choose the epoch.
    rows = training.without(held_back).values().transpose(1, 0, 2).reshape(12, -1)
    np.testing.assert_allclose(
        model.standardise.mean.numpy(), rows.mean(axis=1), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(model.standardise.std.numpy(), rows.std(axis=1), rtol=1e-3)


@pytest.mark.parametrize(("people", "count"), [(2, 1), (9, 1), (10, 2), (40, 2)])
def test__validation_people__one_or_two_from_ten_up(people: int, count: int) -> None:
    names = [f"p{i}" for i in range(people)]
    chosen = validation_people(names, 0, seed=0)
    assert len(set(chosen)) == count and set(chosen) < set(names)
    assert chosen == validation_people(names, 0, seed=0)
    draws = {tuple(validation_people(names, 0, seed=seed)) for seed in range(20)}
    assert len(draws) > 1


def test__validation_people__nobody_left__is_told() -> None:
    with pytest.raises(SplitError, match="there are 1"):
        validation_people(["p0"], 0, seed=0)
    with pytest.raises(SplitError, match="Give recordings of more people"):
        validation_people(["p0", "p1", "p2"], 3, seed=0)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"epochs": 0}, ConfigError, "'epochs' should be greater than or equal to 1"),
        ({"learning_rat": 1.0}, ConfigError, "Did you mean 'learning_rate'"),
        ({"objective": "pimm"}, UnknownNameError, "Did you mean 'pim'"),
        ({"encoder": "tpm"}, UnknownNameError, "Did you mean 'tpn'"),
        ({"encoder": "features"}, ConfigError, "no weights to pretrain"),
    ],
)
def test__pretrain__bad_setting__is_told(
    toy_windows: Windows, settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        pretrain(toy_windows, runtime=CPU, **settings)


_SCRIPT = """
import os, signal, sys
os.environ["OMP_NUM_THREADS"] = "1"
from otolith import Study
from otolith.learn.training import checkpoint
from otolith.learn.training import pretrain as module
from otolith.learn.training.runtime import Runtime

study, out, when = sys.argv[1:]
count = 0

def after(original, limit):
    def wrapped(*given, **named):
        global count
        count += 1
        result = original(*given, **named)
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

if when == "step":  # in the middle of the third epoch (three steps each)
    module._Run.step = after(module._Run.step, 8)
elif when == "write":  # the state of the second epoch is on disk, but not under its name
    checkpoint.save_tensors = after(checkpoint.save_tensors, 2)
elif when == "beside":  # what else belongs to the encoder is written, but nothing is under its name
    module.write_losses = after(module.write_losses, 1)
elif when == "end":  # everything is saved, the beginnings are not cleared away yet
    checkpoint.remove_state = lambda folder: os.kill(os.getpid(), signal.SIGKILL)
module.pretrain(Study.load(study).windows(), out=out, runtime=Runtime("cpu", "fp32", 1), epochs=4,
                batch_size=64)
"""


def run(study: Study, out: Path, when: str = "never") -> int:
    command = [sys.executable, "-c", _SCRIPT, str(study.folder), str(out), when]
    return subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True
    ).returncode


@pytest.fixture(scope="module")
def unbroken(toy_windows: Windows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "encoder"
    pretrain(toy_windows, out=out, runtime=CPU, epochs=4, batch_size=64)
    return out


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("when", ["step", "write", "beside", "end"])
def test__pretrain__killed_and_run_again__ends_with_the_weights_of_an_unbroken_run(
    toy_study: Study, toy_windows: Windows, unbroken: Path, tmp_path: Path, when: str
) -> None:
    out = tmp_path / "encoder"
    assert run(toy_study, out, when) == -signal.SIGKILL
    assert (tmp_path / "encoder.partial" / "config.json").exists()
    assert out.exists() == (when == "end")
    epochs: list[int] = []
    pretrain(
        toy_windows,
        out=out,
        runtime=CPU,
        epochs=4,
        batch_size=64,
        progress=lambda epoch, epochs_, losses: epochs.append(epoch),
    )
    assert (
        epochs == {"step": [3, 4], "write": [2, 3, 4], "beside": [], "end": []}[when]
    )  # it went on, it did not start anew
    first, second = load_file(unbroken / "model.safetensors"), load_file(out / "model.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    histories = [
        json.loads((path / "config.json").read_text())["history"] for path in (unbroken, out)
    ]
    assert histories[0] == histories[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder"], "nothing is left behind"
    assert (out / "losses.csv").read_bytes() == (unbroken / "losses.csv").read_bytes()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test__pretrain__what_was_kept_is_damaged__begins_anew(
    name: str, toy_windows: Windows, unbroken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "encoder"
    interrupted(toy_windows, out, epochs=4, batch_size=64)
    path = tmp_path / "encoder.partial" / name
    whole = path.read_bytes()
    path.write_bytes(
        whole.replace(b'"stage": 0', b'"stage": 1') if name == "config.json" else whole[:-10]
    )
    with pytest.warns(OtolithWarning, match="the run begins anew"):
        pretrain(toy_windows, out=out, runtime=CPU, epochs=4, batch_size=64)
    first, second = load_file(unbroken / "model.safetensors"), load_file(out / "model.safetensors")
    assert all(torch.equal(first[key], second[key]) for key in first)
    (tmp_path / "mine.partial").mkdir()
    (tmp_path / "mine.partial" / "diary.txt").touch()
    with pytest.raises(CheckpointError, match="holds no run that could go on"):
        pretrain(toy_windows, out=tmp_path / "mine", runtime=CPU, epochs=1, batch_size=64)
    assert (tmp_path / "mine.partial" / "diary.txt").exists()


def interrupted(windows: Windows, out: Path, **settings: Any) -> None:
    def stop(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(windows, out=out, runtime=CPU, progress=stop, **settings)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"learning_rate": 2e-3},
        {"runtime": Runtime("cpu", "bf16", 1)},
        {"objective": "other"},
    ],
)
def test__pretrain__resume_with_other_settings__is_refused(
    toy_windows: Windows, tmp_path: Path, change: dict[str, Any]
) -> None:
    out = tmp_path / "encoder"
    interrupted(toy_windows, out, **QUICK)
    if change == {"objective": "other"}:
        change = {"objective_settings": {"symmetry": 0.0}}
    with pytest.raises(CheckpointError, match=r"holds the beginnings of another run[\s\S]*rm -r"):
        pretrain(toy_windows, out=out, **({"runtime": CPU} | QUICK | change))
    assert not out.exists()


def test__pretrain__resume_with_other_windows__is_refused(
    toy_windows: Windows, tmp_path: Path
) -> None:
    interrupted(toy_windows, tmp_path / "encoder", **QUICK)
    with pytest.raises(CheckpointError, match="other windows"):
        pretrain(toy_windows.without(["p3"]), out=tmp_path / "encoder", runtime=CPU, **QUICK)


def test__pretrain__interrupted__leaves_nothing_under_the_final_name(
    toy_windows: Windows, tmp_path: Path
) -> None:
    interrupted(toy_windows, tmp_path / "encoder", **QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.partial"]
