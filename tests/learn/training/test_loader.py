"""The loader: every window once, in an order that an epoch can repeat by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from otolith.core.errors import ConfigError
from otolith.data.windows import Windows
from otolith.learn.training import loader as module
from otolith.learn.training.loader import Loader
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.statistics import channel_statistics


def test__loader__epoch__yields_every_window_once(toy_windows: Windows) -> None:
    number = np.arange(len(toy_windows))
    batches = list(Loader(toy_windows, {"number": number}, batch_size=50, seed=1).epoch(3))
    assert [len(batch) for batch in batches] == [50, 50, 50, 48]
    assert len(batches) == len(Loader(toy_windows, batch_size=50))
    seen = torch.cat([batch.modalities["number"] for batch in batches]).numpy()
    assert sorted(seen.tolist()) == number.tolist() and seen.tolist() != number.tolist()
    values = torch.cat([batch.values for batch in batches]).numpy()
    np.testing.assert_array_equal(values, toy_windows.values()[seen])
    assert torch.cat([batch.code for batch in batches]).tolist() == toy_windows.code[seen].tolist()


def test__loader__order__comes_from_seed_and_epoch_alone(toy_windows: Windows) -> None:
    def order(seed: int, epoch: int | None) -> list[int]:
        walk = Loader(toy_windows, {"n": np.arange(len(toy_windows))}, batch_size=64, seed=seed)
        return [int(i) for batch in walk.epoch(epoch) for i in batch.modalities["n"]]

    assert order(0, 5) == order(0, 5)
    assert order(0, 5) != order(0, 6) and order(0, 5) != order(1, 5)
    assert order(0, None) == list(range(len(toy_windows)))


def test__loader__windows_too_large_for_memory__give_the_same_batches(
    toy_windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = list(Loader(toy_windows, batch_size=64, seed=2).epoch(1))
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 1000)
    gathered = list(Loader(toy_windows, batch_size=64, seed=2).epoch(1))
    for a, b in zip(held, gathered, strict=True):
        assert torch.equal(a.values, b.values) and torch.equal(a.received, b.received)
        assert torch.equal(a.present, b.present)


def test__encode__leaves_the_batch_as_it_was(toy_windows: Windows) -> None:
    model = PretrainedEncoder.fresh(toy_windows, "tpn")
    model.encoder.eval()
    batch = next(Loader(toy_windows, batch_size=8).epoch())
    before = batch.values.clone()
    with torch.inference_mode():
        first, second = model.encode(batch).pooled, model.encode(batch).pooled
    assert torch.equal(batch.values, before) and torch.equal(first, second)


def test__channel_statistics__match_numpy_and_leave_absent_channels_out() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, (6, 3, 40)).astype(np.float32)
    values[2:4, 1] = np.nan  # two windows lack the second channel
    values[:, 2] = 7.0  # a channel that never changes
    names = ["left_wrist.acc.x", "left_wrist.acc.y", "left_wrist.acc.z"]
    found = channel_statistics(Windows.from_array(values, rate_hz=50, channels=names))
    mean, std = found.mean, found.std
    np.testing.assert_allclose(mean[:2], np.nanmean(values, axis=(0, 2))[:2], rtol=1e-5)
    np.testing.assert_allclose(std[:2], np.nanstd(values, axis=(0, 2))[:2], rtol=1e-4)
    assert mean[2] == 7.0 and std[2] == 1.0


def test__runtime__what_is_not_there__is_told() -> None:
    with pytest.raises(ConfigError, match="not available; here are cpu"):
        Runtime.choose("tpu")
    with pytest.raises(ConfigError, match="not 'fp16'"):
        Runtime.choose("cpu", "fp16")
    assert Runtime.choose("cpu", "fp32", 3) == Runtime("cpu", "fp32", 3)


def test__runtime__active__puts_everything_back() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with pytest.raises(KeyError), Runtime("cpu", "fp32", before[0] + 1).active():
        assert torch.get_num_threads() == before[0] + 1
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyError
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
