"""Statistics of channels: a glitch sets no scale, real movement is not cut, and the range stays
with the weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from resealed import edit_tensors

from otolith.core.errors import CheckpointError
from otolith.data.store import Store
from otolith.data.windows import Windows
from otolith.learn.training import statistics
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.statistics import channel_range, channel_statistics
from otolith.use.recogniser import Recogniser

CPU = Runtime("cpu", "fp32", 1)
XYZ = ["left_wrist.acc.x", "left_wrist.acc.y", "left_wrist.acc.z"]


def spoilt(windows: Windows, size: float = 1e6, window: int = 3) -> Windows:
    """The same windows, but for one sample of the first channel."""
    values = np.array(windows.store.values)
    values[windows.first_row[window] + 5, 0] = size
    store = Store(
        values, np.array(windows.store.lost), windows.store.pieces, f"{windows.store.key}-spoilt"
    )
    return replace(windows, store=store)


@pytest.mark.parametrize("size", [1e3, -1e6, 1e30, np.inf])
def test__channel_statistics__one_glitch__leaves_the_scale_as_it_was(
    toy_windows: Windows, size: float
) -> None:
    clean, found = channel_statistics(toy_windows), channel_statistics(spoilt(toy_windows, size))
    np.testing.assert_allclose(found.std, clean.std, rtol=0.05)
    np.testing.assert_allclose(found.mean, clean.mean, atol=0.05)
    np.testing.assert_allclose(found.low, clean.low, rtol=0.05)


@pytest.mark.parametrize("count", [3, 12, 400])
def test__channel_statistics__few_windows_of_which_one_is_spoilt__is_of_the_others(
    count: int,
) -> None:
    values = np.random.default_rng(0).normal(0, 2, (count, 3, 50)).astype(np.float32)
    clean = channel_statistics(Windows.from_array(values, rate_hz=50, channels=XYZ))
    values[1, 0, 7] = 1e6
    found = channel_statistics(Windows.from_array(values, rate_hz=50, channels=XYZ))
    assert abs(found.mean[0] - clean.mean[0]) < 0.5
    assert found.std[0] / clean.std[0] < 3.0
    assert found.high[0] < 60


def test__channel_range__movement_with_impacts__cuts_nothing() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (200, 3, 100)).astype(np.float32)
    strikes = rng.random(values.shape) < 2e-3
    values[strikes] *= 5  # heels that strike the ground
    low, high = channel_range(Windows.from_array(values, rate_hz=50, channels=XYZ))
    assert ((values >= low[:, None]) & (values <= high[:, None])).all()
    clean = channel_statistics(Windows.from_array(values, rate_hz=50, channels=XYZ))
    np.testing.assert_allclose(clean.std, values.std(axis=(0, 2)), rtol=1e-4)


def test__channel_statistics__a_channel_that_rests_or_is_absent__is_not_clipped() -> None:
    values = np.zeros((40, 3, 50), dtype=np.float32)
    values[:, 1] = np.nan
    values[5, 0, 5] = 1e6  # the only sample that ever moved
    found = channel_statistics(Windows.from_array(values, rate_hz=50, channels=XYZ))
    assert found.std.tolist() == [1.0, 1.0, 1.0]
    assert found.mean.tolist() == [0.0, 0.0, 0.0]
    assert np.isinf(found.low).all() and np.isinf(found.high).all()


def test__channel_range__large_study__is_taken_from_windows_spread_over_it(
    toy_windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    low, high = channel_range(toy_windows)
    monkeypatch.setattr(statistics, "SAMPLED", 40 * toy_windows.length * len(toy_windows.channels))
    less_low, less_high = channel_range(toy_windows)
    np.testing.assert_allclose(less_high - less_low, high - low, rtol=0.3)


def test__encode__a_glitch__is_bounded_and_other_windows_stay_as_they_are(
    toy_windows: Windows,
) -> None:
    clean = PretrainedEncoder.fresh(toy_windows, "tpn", seed=1)
    learnt = PretrainedEncoder.fresh(spoilt(toy_windows), "tpn", seed=1)
    seen = learnt.standardise(torch.from_numpy(spoilt(toy_windows).values()))
    assert float(seen.abs().max()) < 60
    others = [i for i in range(len(toy_windows)) if i != 3]
    np.testing.assert_allclose(
        learnt.embed(toy_windows[others], CPU), clean.embed(toy_windows[others], CPU), atol=0.05
    )


@pytest.mark.parametrize("head", ["forest", "logistic"])
def test__recogniser__hand_made_features_of_a_glitch__do_not_drown_the_rest(
    toy_windows: Windows, head: str
) -> None:
    training, tested = toy_windows.without(["p5"]), toy_windows.of(["p5"])
    labelled = spoilt(training.few(4))
    recogniser = Recogniser("features", head, device="cpu", threads=1).fit(labelled)
    assert recogniser.score(tested) > 0.9
    vectors = recogniser.adapted_.encoder.embed(labelled, CPU)
    assert np.abs(vectors).max() < 1e5


def test__save__the_range__comes_back_and_goes_with_some_of_the_channels(
    toy_windows: Windows, tmp_path: Path
) -> None:
    saved = PretrainedEncoder.fresh(toy_windows, "channel_attention")
    saved.save(tmp_path / "encoder")
    loaded = PretrainedEncoder.load(tmp_path / "encoder")
    assert torch.isfinite(loaded.standardise.high).all()
    for name, tensor in saved.standardise.state_dict().items():
        assert torch.equal(loaded.standardise.state_dict()[name], tensor)
    wrist = [c for c in toy_windows.channels if c.placement == "right_wrist"]
    place = [toy_windows.channels.index(c) for c in wrist]
    assert torch.equal(loaded.narrowed(wrist).standardise.high, saved.standardise.high[place])


def without_range(folder: Path, *names: str) -> None:
    """Take tensors out of a checkpoint, and write its hashes as its maker would have."""
    edit_tensors(folder, lambda tensors: [tensors.pop(name) for name in names])


def test__load__an_encoder_without_a_range__clips_nothing(
    toy_windows: Windows, tmp_path: Path
) -> None:
    PretrainedEncoder.fresh(toy_windows, "tpn").save(tmp_path / "encoder")
    shutil.copytree(tmp_path / "encoder", tmp_path / "half")
    without_range(tmp_path / "encoder", "standardise.low", "standardise.high")
    loaded = PretrainedEncoder.load(tmp_path / "encoder")
    assert torch.isinf(loaded.standardise.low).all() and torch.isinf(loaded.standardise.high).all()
    without_range(tmp_path / "half", "standardise.low")
    with pytest.raises(CheckpointError, match="low is missing"):
        PretrainedEncoder.load(tmp_path / "half")
