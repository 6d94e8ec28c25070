"""A recogniser that was pretrained and fine-tuned on four of the six toy people."""

from __future__ import annotations

from pathlib import Path

import pytest

from otolith.data.windows import Windows
from otolith.learn.training.pretrain import pretrain
from otolith.learn.training.runtime import Runtime
from otolith.use.recogniser import Recogniser


@pytest.fixture(scope="session")
def encoder_folder(toy_windows: Windows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained") / "encoder"
    training = toy_windows.without(["p4", "p5"])
    pretrain(
        training, "pim", out=folder, runtime=Runtime("cpu", "fp32", 1), epochs=2, batch_size=64
    )
    return folder


@pytest.fixture(scope="session")
def recogniser(encoder_folder: Path, toy_windows: Windows) -> Recogniser:
    unfitted = Recogniser(
        encoder_folder, steps=80, epochs=1, device="cpu", precision="fp32", threads=1
    )
    return unfitted.fit(toy_windows.without(["p4", "p5"]).few(8))
