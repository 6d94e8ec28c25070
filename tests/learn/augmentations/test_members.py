"""What each augmentation does to signs, norms, gravity and the distribution of its draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from otolith.core.errors import ConfigError
from otolith.data.channels import Channel, triad
from otolith.learn import augmentations
from otolith.learn.augmentations.augmentation import Augmentation
from otolith.learn.augmentations.rotation import random_rotations

SIX = (*triad("left_wrist", "acc"), *triad("left_wrist", "gyro"))


def built(name: str, channels: tuple[Channel, ...] = SIX, **settings: Any) -> Augmentation:
    augmentation: Augmentation = augmentations.FAMILY.resolve(name)(channels, **settings)
    return augmentation


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(rows: int = 4, channels: int = 6, length: int = 60) -> Tensor:
    return torch.randn(rows, channels, length, generator=seeded(9), dtype=torch.float64)


def ramp(rows: int, length: int = 50) -> Tensor:
    """Each sample its own number, so that one sees where it went; channels 1,000 apart."""
    return (
        torch.arange(length, dtype=torch.float64)
        + 1000.0 * torch.arange(6)[:, None]
        + torch.zeros(rows, 1, 1)
    )


def test__jitter__adds_noise_of_the_stated_deviation() -> None:
    added = built("jitter", deviation=0.3)(torch.zeros(50, 6, 100), generator=seeded())
    assert float(added.std()) == pytest.approx(0.3, rel=0.02)
    assert abs(float(added.mean())) < 0.01


def test__scaling__is_one_factor_a_channel_and_window() -> None:
    factor = built("scaling", deviation=0.25)(torch.ones(4000, 6, 5), generator=seeded())
    assert torch.equal(factor, factor[..., :1].expand_as(factor))
    assert float(factor[..., 0].mean()) == pytest.approx(1, abs=0.01)
    assert float(factor[..., 0].std()) == pytest.approx(0.25, rel=0.02)
    assert abs(float(torch.corrcoef(factor[:, :2, 0].T)[0, 1])) < 0.05


def test__negation__turns_every_sign() -> None:
    assert torch.equal(built("negation")(noise()), -noise())


@pytest.mark.parametrize("negate_rates", [False, True])
def test__time_reversal__negates_rates_only_where_asked(negate_rates: bool) -> None:
    changed = built("time_reversal", negate_rates=negate_rates)(noise())
    assert torch.equal(changed[:, :3], noise()[:, :3].flip(-1))
    assert torch.equal(changed[:, 3:], noise()[:, 3:].flip(-1) * (-1 if negate_rates else 1))


def test__time_reversal__with_rates_negated__is_the_movement_backwards() -> None:
    # A swing of angle θ(t): its rate is θ', its tangential acceleration θ''. Backwards it is the
    # swing θ(2 − t).
    time = torch.linspace(0, 2, 101, dtype=torch.float64)
    forth, back = torch.zeros(2, 1, 6, 101, dtype=torch.float64)
    forth[0, 0], forth[0, 5] = -9 * torch.sin(3 * time), 3 * torch.cos(3 * time)
    back[0, 0], back[0, 5] = -9 * torch.sin(3 * (2 - time)), -3 * torch.cos(3 * (2 - time))
    torch.testing.assert_close(built("time_reversal", negate_rates=True)(forth), back)


def test__permutation__keeps_all_samples_and_all_channels_together() -> None:
    given = ramp(200)
    changed = built("permutation", cuts=4)(given, generator=seeded())
    assert torch.equal(changed.sort(-1).values, given)
    assert torch.equal(changed - changed[:, :1], given - given[:, :1]), (
        "channels were cut at different places"
    )
    seams = (changed[:, 0].diff(dim=-1) != 1).sum(-1)
    assert int(seams.max()) == 4 and int(seams.min()) >= 0 and float(seams.double().mean()) > 2.5


def test__rotation__keeps_norms_and_the_angle_between_quantities() -> None:
    given = noise()
    changed = built("rotation")(given, generator=seeded())
    for part in (slice(0, 3), slice(3, 6)):
        torch.testing.assert_close(changed[:, part].norm(dim=1), given[:, part].norm(dim=1))
    dots = [(x[:, :3] * x[:, 3:]).sum(1) for x in (given, changed)]
    torch.testing.assert_close(dots[0], dots[1])
    handed = [
        (torch.linalg.cross(x[:, :3, 0], x[:, :3, 1]) * x[:, :3, 2]).sum(1)
        for x in (given, changed)
    ]
    torch.testing.assert_close(handed[0], handed[1])


def test__rotation__equals_rodrigues_formula() -> None:
    like = torch.empty(0, dtype=torch.float64)
    drawn = random_rotations(50, np.pi, like, seeded(3)).numpy()
    generator = seeded(3)
    axes = torch.empty(50, 3, dtype=torch.float64).uniform_(-1, 1, generator=generator).numpy()
    angles = (
        torch.empty(50, dtype=torch.float64).uniform_(-np.pi, np.pi, generator=generator).numpy()
    )
    for turn, axis, angle in zip(drawn, axes, angles, strict=True):
        axis = axis / np.linalg.norm(axis)
        for x in np.eye(3):
            turned = (
                x * np.cos(angle)
                + np.cross(axis, x) * np.sin(angle)
                + axis * (axis @ x) * (1 - np.cos(angle))
            )
            np.testing.assert_allclose(turn @ x, turned, atol=1e-12)


def test__rotation__sensors_turn_apart_and_lone_or_world_axes_stay() -> None:
    channels = (
        *SIX,
        *triad("head", "acc"),
        *triad("chest", "acc", frame="world"),
        Channel("waist", "acc", "x"),
    )
    given = torch.ones(3, len(channels), 4, dtype=torch.float64)
    changed = built("rotation", channels)(given, generator=seeded())
    assert torch.allclose(changed[:, :3], changed[:, 3:6])
    assert not torch.allclose(changed[:, :3], changed[:, 6:9])
    assert torch.equal(changed[:, 9:], given[:, 9:])


def test__rotation__smaller_angles() -> None:
    changed = built("rotation", largest_deg=10.0)(noise(200), generator=seeded())
    cosine = torch.cosine_similarity(changed[:, :3, 0], noise(200)[:, :3, 0], dim=1)
    assert float(cosine.min()) >= np.cos(np.radians(10)) - 1e-12


@pytest.mark.parametrize("name", ["rotation", "channel_shuffle"])
def test__axes_without_companions__are_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"Augmentation '{name}': it needs the x, y and z of a sensor"
    ):
        built(name, (Channel("head", "acc", "x"), Channel("head", "acc", "y")))


def test__channel_shuffle__never_leaves_all_axes_and_shuffles_quantities_alike() -> None:
    changed = built("channel_shuffle")(ramp(400), generator=seeded())
    order = (changed[..., 0] // 1000).long()
    assert torch.equal(order[:, 3:], order[:, :3] + 3)
    assert len({tuple(row.tolist()) for row in order}) == 5
    assert not (order[:, :3] == torch.arange(3)).all(1).any()


def test__channel_dropout__drops_the_stated_share_and_never_all() -> None:
    stays = built("channel_dropout", share=0.3)(torch.ones(4000, 6, 2), generator=seeded())[..., 0]
    assert float((stays == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    nearly_all = built("channel_dropout", share=0.99)(torch.ones(400, 6, 2), generator=seeded())[
        ..., 0
    ]
    assert (nearly_all.sum(1) >= 1).all()


def test__time_warp__follows_the_spline_of_its_speeds() -> None:
    length, knots = 80, 4
    changed = built("time_warp", knots=knots)(ramp(30, length), generator=seeded(2))[:, 0].numpy()
    drawn = (
        torch.empty(30, knots + 2, dtype=torch.float64)
        .normal_(1.0, 0.2, generator=seeded(2))
        .numpy()
    )
    for read_at, speeds in zip(changed, drawn, strict=True):
        speed = CubicSpline(np.linspace(0, length - 1, knots + 2), speeds)(np.arange(length))
        time = np.concatenate([[0], np.cumsum(np.maximum(speed, 0.05)[1:])])
        np.testing.assert_allclose(read_at, time / time[-1] * (length - 1), atol=1e-9)


def test__time_warp__never_runs_backwards_and_keeps_the_ends() -> None:
    changed = built("time_warp", deviation=1.0)(ramp(100), generator=seeded())
    assert (changed[:, 0].diff(dim=-1) > 0).all()
    torch.testing.assert_close(changed[..., [0, -1]], ramp(100)[..., [0, -1]])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("jitter", {"deviation": 0.0}),
        ("scaling", {"deviation": -1.0}),
        ("permutation", {"cuts": 0}),
        ("rotation", {"largest_deg": 200.0}),
        ("channel_dropout", {"share": 1.0}),
        ("time_warp", {"knots": 1}),
        ("time_warp", {"deviation": 0.0}),
    ],
)
def test__impossible_settings__are_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"Augmentation '{name}'|should be (greater|less) than"):
        built(name, **settings)
