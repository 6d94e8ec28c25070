"""One wrist of an encoder that was pretrained on two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import toy_recording
from typer.testing import CliRunner

from otolith import Cut, Recogniser, write_study
from otolith.cli.app import app
from otolith.core.errors import ConfigError
from otolith.data.windows import Windows
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.measure.benchmark import benchmark
from otolith.measure.methods import Method

CPU = Runtime("cpu", "fp32", 1)
SMALL: dict[str, Any] = {"width": 16, "heads": 2}


@pytest.fixture(scope="module")
def both(toy_windows: Windows) -> PretrainedEncoder:
    return PretrainedEncoder.fresh(toy_windows, "channel_attention", **SMALL)


def test__narrowed__one_wrist__gives_what_it_gave_beside_the_other(
    both: PretrainedEncoder, toy_study: Any, toy_windows: Windows
) -> None:
    left = toy_study.windows(placements=("left_wrist",))
    alone = both.narrowed(left.channels)
    masked = both.embed(toy_study.windows(), CPU)
    assert alone.channels == left.channels and masked.shape == (len(left), 16)
    from otolith.learn.training.loader import Loader

    batch = Loader(toy_windows, batch_size=9).batch(np.arange(9))
    each = both.encode(batch).sensors
    assert each is not None
    np.testing.assert_allclose(alone.embed(left[:9], CPU), each[:, 0].detach().numpy(), atol=1e-6)


def test__narrowed__what_cannot_be__is_told(both: PretrainedEncoder, toy_windows: Windows) -> None:
    mixes = PretrainedEncoder.fresh(toy_windows, "tpn", filters=(4, 4, 4))
    with pytest.raises(ConfigError, match="TPN mixes its sensors"):
        mixes.narrowed(mixes.channels[:6])
    with pytest.raises(ConfigError, match="no sensor 'left_wrist' with these channels"):
        both.narrowed(both.channels[:3])


def test__otolith_adapt__placements__takes_that_part(
    both: PretrainedEncoder, toy_study: Any, tmp_path: Path
) -> None:
    both.save(tmp_path / "encoder")
    command = [
        "adapt",
        str(tmp_path / "encoder"),
        str(toy_study.folder),
        "--shots",
        "1",
        "--head",
        "linear",
    ]
    command += ["--out", str(tmp_path / "out"), "--device", "cpu", "--overwrite", "--placements"]
    told = CliRunner().invoke(app, [*command, "right_wrist"])
    assert told.exit_code == 0, told.output
    loaded = Recogniser.load(tmp_path / "out")
    assert {channel.placement for channel in loaded.chain_.channels} == {"right_wrist"}
    told = CliRunner().invoke(app, [*command, "right_wrsit"])
    assert told.exit_code == 2 and "Did you mean 'right_wrist'" in " ".join(told.output.split())


def test__benchmark__pretrained_on_two_wrists__is_tested_on_one(
    toy_study: Any, tmp_path: Path
) -> None:
    people = [toy_recording(f"s{i}", 6.0) for i in range(3)]
    other = write_study(
        tmp_path / "other", people, name="other", cut=Cut(seconds=2.0, rate_hz=50.0)
    )
    method = Method(
        "left", "simclr", "channel_attention", "linear", "frozen", encoder_settings=SMALL,
        pretrain_on=(str(other.folder),), pretrain_placements=("left_wrist", "right_wrist"),
        pretrain={"epochs": 1}, adapt={"steps": 2, "epochs": 1},
    )  # fmt: skip
    settings = {
        "folds": 2,
        "draws": 1,
        "out": tmp_path / "out",
        "runtime": CPU,
        "windows": {"placements": ("left_wrist",)},
    }
    report = benchmark([toy_study], methods=[method], shots=[1], **settings)
    assert len(report.rows) == 2
    people_too = Method(**vars(method) | {"pretrain_on": ("people", str(other.folder))})
    with pytest.raises(ConfigError, match="without people"):
        benchmark([toy_study], methods=[people_too], shots=[1], **settings)
