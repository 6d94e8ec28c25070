"""What every augmentation in the table promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from otolith.core.errors import ConfigError, UnknownNameError
from otolith.data.channels import triad
from otolith.learn import augmentations
from otolith.learn.augmentations.augmentation import Augmentation, Chain

NAMES = list(augmentations.FAMILY)
FIXED = ("negation", "time_reversal")
CHANNELS = tuple(
    channel
    for place in ("left_wrist", "head")
    for what in ("acc", "gyro")
    for channel in triad(place, what)
)


def windows(rows: int = 6, length: int = 101, dtype: torch.dtype = torch.float32) -> Tensor:
    values = np.random.default_rng(0).normal(size=(rows, len(CHANNELS), length))
    values[:, [2, 8]] += 9.81
    return torch.tensor(values, dtype=dtype)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(name: str) -> Augmentation:
    augmentation: Augmentation = augmentations.FAMILY.resolve(name)(CHANNELS)
    return augmentation


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test__augmentation__changes_every_window_and_keeps_its_form(
    name: str, dtype: torch.dtype
) -> None:
    given = windows(dtype=dtype)
    before = given.clone()
    changed = built(name)(given, generator=seeded())
    assert (
        changed.shape == given.shape and changed.dtype == dtype and changed.device == given.device
    )
    assert torch.isfinite(changed).all()
    assert torch.equal(given, before), "what went in was changed"
    different = (changed != given).flatten(1).any(1)
    assert different.all() if name != "channel_dropout" else different.any()


@pytest.mark.parametrize("name", NAMES)
def test__augmentation__seed__decides(name: str) -> None:
    first, again, other = (built(name)(windows(), generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) is (name in FIXED)
    torch.manual_seed(5)
    unseeded = built(name)(windows())
    torch.manual_seed(5)
    assert torch.equal(unseeded, built(name)(windows())), (
        "torch's own generator is taken where none is given"
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FIXED])
def test__augmentation__each_window__gets_its_own_draw(name: str) -> None:
    same = windows(1).repeat(20, 1, 1)
    changed = built(name)(same, generator=seeded())
    assert len({row.numpy().tobytes() for row in changed}) > 3


@pytest.mark.parametrize("name", NAMES)
def test__augmentation__a_window__takes_nothing_from_its_neighbours(name: str) -> None:
    given, others = windows(), windows()
    others[1:] = -7.0
    first, second = (built(name)(values, generator=seeded())[0] for values in (given, others))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test__augmentation__absent_channels__stay_0(name: str) -> None:
    given, present = windows(), torch.ones(6, len(CHANNELS), dtype=torch.bool)
    present[:, 6:] = False
    present[2, :3] = False
    given[~present] = 0
    changed = built(name)(given, present, seeded())
    assert (changed[~present] == 0).all()
    assert (changed[present] != 0).any()


@pytest.mark.parametrize("length", [2, 3, 500])
@pytest.mark.parametrize("name", NAMES)
def test__augmentation__any_length_and_one_window(name: str, length: int) -> None:
    given = windows(1, length)
    assert built(name)(given, generator=seeded()).shape == given.shape


@pytest.mark.parametrize("name", NAMES)
def test__augmentation__within_bf16__is_as_exact_as_without(name: str) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        inside = built(name)(windows(), generator=seeded())
    assert torch.equal(inside, built(name)(windows(), generator=seeded()))


@pytest.mark.parametrize("name", NAMES)
def test__augmentation__used_in_inference_first__still_serves_training(name: str) -> None:
    augmentation = built(name)
    with torch.inference_mode():
        augmentation(windows())
    weight = torch.ones(len(CHANNELS), 1, requires_grad=True)
    (augmentation(windows()) * weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize("name", NAMES)
def test__augmentation__unknown_setting__is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has no setting"):
        augmentations.FAMILY.resolve(name)(CHANNELS, strenght=3)


def test__chain__is_one_after_the_other() -> None:
    chain = Chain(["scaling", "time_reversal"], CHANNELS, {"scaling": {"deviation": 0.25}})
    scaling, reversal = chain.links
    assert scaling.config.deviation == 0.25
    step = reversal(scaling(windows(), None, seeded()))
    assert torch.equal(chain(windows(), None, seeded()), step)
    assert torch.equal(Chain([], CHANNELS)(windows()), windows())


def test__chain__unknown_name_or_settings_for_another__are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no augmentation 'scalling'"):
        Chain(["scalling"], CHANNELS)
    with pytest.raises(
        ConfigError, match="settings for 'jitter', which is not among the augmentations"
    ):
        Chain(["scaling"], CHANNELS, {"jitter": {}})
