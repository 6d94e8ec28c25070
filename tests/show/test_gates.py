"""Gate use: means by class of what the head asks, written and drawn."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from otolith.cli.app import app
from otolith.core.errors import ConfigError
from otolith.data.windows import Windows
from otolith.learn.heads.mixture_of_experts import gates_of
from otolith.learn.training.adapt import Adapted, adapt
from otolith.learn.training.loader import Loader
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.show.gates import gate_figure, gate_use, write_gates

CPU = Runtime("cpu", "fp32", 1)
SMALL = {"experts": 3, "channels": 8, "feed_forward": 16, "hidden": 8}


@pytest.fixture(scope="module")
def model(toy_windows: Windows) -> Adapted:
    start = PretrainedEncoder.fresh(toy_windows, "tpn", filters=(8, 8, 16))
    settings = {"runtime": CPU, "steps": 10, "epochs": 1, "head_settings": SMALL}
    return adapt(start, toy_windows.few(4), "mixture_of_experts", **settings)


def test__gate_use__is_the_mean_over_the_windows_of_a_class(
    model: Adapted, toy_windows: Windows
) -> None:
    some = toy_windows[toy_windows.labels != "walking"]
    use = gate_use(model, some, CPU)
    assert use.shape == (3, 3)
    own = some[some.labels == "shaking"]
    with torch.inference_mode():
        batch = Loader(own, batch_size=len(own)).batch(np.arange(len(own)))
        gates = gates_of(model.head, model.encode(batch))
    np.testing.assert_allclose(
        use[model.classes.index("shaking")], gates.numpy().mean(axis=0), atol=1e-6
    )
    np.testing.assert_allclose(use[:2].sum(axis=1), 1.0, atol=1e-6)
    assert np.isnan(use[model.classes.index("walking")]).all()


def test__gate_use__head_without_gates_or_windows_without_labels__is_told(
    model: Adapted, toy_windows: Windows
) -> None:
    linear = adapt(model.encoder, toy_windows.few(1), "linear", runtime=CPU, steps=1, epochs=1)
    with pytest.raises(ConfigError, match="--head mixture_of_experts"):
        gate_use(linear, toy_windows, CPU)
    with pytest.raises(ConfigError, match="give labelled windows"):
        gate_use(model, toy_windows.hide_labels(), CPU)


def test__gates__written__are_read_back(tmp_path: Path) -> None:
    use = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])
    table, figure = write_gates(use, ['say "so", twice', "b"], tmp_path)
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    assert (
        rows[0] == ["class", "expert_1", "expert_2", "expert_3"] and rows[1][0] == 'say "so", twice'
    )
    assert [[float(cell) for cell in row[1:]] for row in rows[1:]] == use.tolist()
    assert figure.read_text(encoding="utf-8").startswith("<svg")


def test__gate_figure__shade__is_the_share_of_the_largest() -> None:
    drawn = gate_figure(np.array([[0.5, 0.25], [np.nan, np.nan]]), ["a", "b"])
    axes = drawn.axes[0]
    assert [patch.get_alpha() for patch in axes.patches] == [1.0, 0.5]
    assert "darkest: 50 % of the answer; equal shares: 50 %" in axes.get_xlabel()


def test__otolith_adapt__mixture_of_experts__leaves_its_gates(
    toy_study: Any, tmp_path: Path
) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        "".join(f"{k} = {v}\n" for k, v in SMALL.items()).join(["[head]\n", ""]), encoding="utf-8"
    )
    out = tmp_path / "recogniser"
    command = [
        "adapt",
        "tpn",
        str(toy_study.folder),
        "--shots",
        "2",
        "--head",
        "mixture_of_experts",
        "--mode",
        "staged",
    ]
    told = CliRunner().invoke(
        app, [*command, "--recipe", str(recipe), "--out", str(out), "--device", "cpu"]
    )
    assert told.exit_code == 0, told.output
    assert (out / "gates.svg").exists() and len(
        (out / "gates.csv").read_text(encoding="utf-8").splitlines()
    ) == 4
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert config["record"]["adaptation"]["settings"]["mode"] == "staged"
