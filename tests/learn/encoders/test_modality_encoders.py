"""What every encoder of a modality promises, and the sizes of each counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from otolith.core.errors import ConfigError
from otolith.learn import encoders
from otolith.learn.encoders.modality_encoder import ModalityEncoder

NAMES = list(encoders.MODALITY_ENCODERS)
POSES = [name for name in NAMES if name.startswith("pose")]
FRAMES, JOINTS, TEXT = 30, 22, 384
SMALL: dict[str, dict[str, Any]] = {
    "pose_former": {"joint_width": 8, "heads": 2},
    "pose_attention": {"width": 32, "hidden": 64},
}


def built(name: str, **settings: Any) -> ModalityEncoder:
    torch.manual_seed(0)
    shape = (FRAMES, JOINTS, 3) if name in POSES else (TEXT,)
    encoder: ModalityEncoder = encoders.MODALITY_ENCODERS.resolve(name)(shape, 256, **settings)
    return encoder.eval()


def modality(name: str, rows: int = 5) -> tuple[Tensor, Tensor | None]:
    torch.manual_seed(1)
    if name in POSES:
        return torch.randn(rows, FRAMES, JOINTS, 3), torch.ones(rows, JOINTS, dtype=torch.bool)
    return torch.randn(rows, TEXT), None


def weights(encoder: ModalityEncoder) -> int:
    return sum(p.numel() for p in encoder.parameters())


@pytest.mark.parametrize("name", NAMES)
def test__modality_encoder__rows__are_apart_and_of_the_asked_width(name: str) -> None:
    encoder = built(name, **SMALL.get(name, {}))
    values, known = modality(name)
    with torch.inference_mode():
        together = encoder(values, known)
        alone = torch.cat(
            [
                encoder(values[i : i + 1], None if known is None else known[i : i + 1])
                for i in range(5)
            ]
        )
    assert together.shape == (5, 256) and float(together.std(dim=0).max()) > 0
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test__modality_encoder__every_weight__learns(name: str) -> None:
    encoder = built(name, **SMALL.get(name, {})).train()
    encoder(*modality(name)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


@pytest.mark.parametrize("name", POSES)
def test__pose__joints_that_are_not_known__do_not_count(name: str) -> None:
    encoder = built(name, **SMALL[name])
    values, known = modality(name)
    assert known is not None
    known[:, 15:] = False
    other = values.clone()
    other[:, :, 15:] = 7.0
    known[0] = False
    with torch.inference_mode():
        first, second = encoder(values, known), encoder(other, known)
    assert torch.isfinite(first).all()
    torch.testing.assert_close(first[1:], second[1:])


def test__pose_former__weights__are_as_many_as_counted_by_hand() -> None:
    def block(width: int) -> int:
        attention = 4 * (width * width + width)
        feed_forward = width * 2 * width + 2 * width + 2 * width * width + width
        return attention + feed_forward + 2 * 2 * width

    for joints, expected in ((22, 16_130_207), (52, 89_196_767)):
        wide = 32 * joints
        spatial = 3 * 32 + 32 + joints * 32 + 4 * block(32) + 2 * 32
        temporal = FRAMES * wide + 4 * block(wide) + 2 * wide
        end = FRAMES + 1 + 2 * wide + wide * 256 + 256
        with torch.device("meta"):
            encoder = encoders.MODALITY_ENCODERS.resolve("pose_former")((FRAMES, joints, 3), 256)
        assert weights(encoder) == spatial + temporal + end == expected
        drops = [block.depth_drop for block in encoder.temporal]
        assert drops == pytest.approx([0, 0.2 / 3, 0.4 / 3, 0.2])


def test__pose_former__narrower_moments__cost_less() -> None:
    assert weights(built("pose_former", temporal_width=256)) < 2_500_000


def test__pose_attention__weights__are_as_many_as_counted_by_hand() -> None:
    attention = 4 * (256 * 256 + 256) + 2 * 256
    expected = (66 * 256 + 256) + attention + (30 * 256 * 2560 + 2560) + (2560 * 1280 + 1280)
    assert weights(built("pose_attention")) == expected


@pytest.mark.parametrize(("length", "left"), [(384, 48), (768, 96), (77, 10)])
def test__text_resnet__any_width__has_the_weights_counted_by_hand(length: int, left: int) -> None:
    blocks = sum(i * o * 3 + 2 * o + i * o for i, o in ((1, 64), (64, 128), (128, 256)))
    encoder = encoders.MODALITY_ENCODERS.resolve("text_resnet")((length,), 256).eval()
    assert weights(encoder) == blocks + 256 * left * 256 + 256
    with torch.inference_mode():
        assert encoder(torch.randn(3, length)).shape == (3, 256)


def test__text_mlp__is_768_512_256() -> None:
    encoder = encoders.MODALITY_ENCODERS.resolve("text_mlp")((768,), 256)
    assert weights(encoder) == 768 * 512 + 512 + 512 * 256 + 256


def test__modality_encoder__sizes_out_of_range__are_refused() -> None:
    for name, settings in (
        ("pose_former", {"spatial_depth": 0}),
        ("pose_attention", {"views": 0}),
        ("text_resnet", {"kernel": 4}),
    ):
        with pytest.raises(ConfigError, match=f"{name} needs|should be greater than"):
            built(name, **settings)
