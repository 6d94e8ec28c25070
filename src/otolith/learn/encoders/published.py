"""The PRIMUS authors' own checkpoint of the stacked recurrent network, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from otolith.core.errors import CheckpointError
from otolith.data.channels import triad
from otolith.learn.encoders.stacked_rnn import StackedRNN
from otolith.learn.encoders.weights import read_safetensors, read_torch

RATE_HZ, LENGTH, PLACEMENT = 50.0, 250, "head"
PREFIX = "imu_encoder."
"""Under which a checkpoint of the whole training keeps the encoder, beside the frozen models for
video and text."""

# Name in the authors' encoder -> part here. Counting starts at the first normalisation.
NAMES = {
    "net.0.weight": "norm.weight",
    "net.0.bias": "norm.bias",
    "net.1.net.0.weight": "convolutions.0.weight",
    "net.2.net.0.weight": "convolutions.1.weight",
    "net.3.net.0.weight": "convolutions.2.weight",
    "net.4.weight": "filter_norm.weight",
    "net.4.bias": "filter_norm.bias",
    "net.5.weight_ih_l0": "recurrent.weight_ih_l0",
    "net.5.weight_hh_l0": "recurrent.weight_hh_l0",
    "net.5.bias_ih_l0": "recurrent.bias_ih_l0",
    "net.5.bias_hh_l0": "recurrent.bias_hh_l0",
}
HEADS = ("ssl_head", "mmcl_head")


class Published(NamedTuple):
    """What the authors' checkpoint holds.

    `ssl` is the head of the self-supervised term, `mmcl` the one for text and video. Both take the
    encoder's vector, and both are None in a checkpoint of the IMU2CLIP kind, which has no heads.
    """

    encoder: StackedRNN
    ssl: nn.Linear | None
    mmcl: nn.Linear | None


def from_published(path: str | Path) -> Published:
    """Read a checkpoint in the layout of
    https://github.com/nokia-bell-labs/pretrained-imu-encoders.

    Either the encoder's own weights or the checkpoint of a whole training, as .safetensors, or as
    .pt or .ckpt, of which nothing but tensors and plain values is read, and no more of them than
    the file is long. The encoder takes acceleration (m/s²) and angular rate (rad/s) of a sensor on
    the head, 250 samples at 50 Hz, as they come: its statistics are mean 0 and deviation 1.

    Raises CheckpointError for a file that is damaged, holds objects, or whose tensors have other
    names or shapes.
    """
    path = Path(path)
    tensors = _encoder_part(_read(path))
    if (
        sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        > path.stat().st_size
    ):
        raise CheckpointError(
            f"{path} names tensors that are larger than itself: it is damaged or was edited."
        )
    states = tensors.get("net.5.weight_hh_l0", torch.empty(3 * 512, 512))
    width = states.shape[-1] if states.ndim == 2 and len(states) == 3 * states.shape[-1] else 512
    channels = (*triad(PLACEMENT, "acc"), *triad(PLACEMENT, "gyro"))
    encoder = StackedRNN(channels, RATE_HZ, LENGTH, hidden=width)
    wanted = {name: (part, encoder.state_dict()[part].shape) for name, part in NAMES.items()}
    heads = {name: nn.Linear(width, width) for name in HEADS if f"{name}.weight" in tensors}
    for head, layer in heads.items():
        wanted |= {
            f"{head}.{part}": (part, value.shape) for part, value in layer.state_dict().items()
        }
    problems = [f"{name} is missing" for name in wanted if name not in tensors]
    problems += [f"{name} is not part of it" for name in tensors if name not in wanted]
    problems += [
        f"{name} has shape {list(tensors[name].shape)}, not {list(shape)}"
        for name, (_, shape) in wanted.items()
        if name in tensors and tensors[name].shape != shape
    ]
    # Only of tensors that are as large as they may be: a few bytes can stand for a tensor of any
    # shape.
    problems += [
        f"{name} is not finite"
        for name in wanted
        if not problems and not tensors[name].isfinite().all()
    ]
    if len(heads) == 1:
        problems.append(f"it has {next(iter(heads))}, but not the other head")
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise CheckpointError(
            f"{path} is no published encoder of PRIMUS or IMU2CLIP: "
            f"{'; '.join(problems[:5])}{more}. Nothing was "
            "loaded."
        )
    encoder.load_state_dict({part: tensors[name].float() for name, part in NAMES.items()})
    for head, layer in heads.items():
        layer.load_state_dict(
            {part: tensors[f"{head}.{part}"].float() for part in ("weight", "bias")}
        )
    return Published(encoder.eval(), heads.get("ssl_head"), heads.get("mmcl_head"))


def _read(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    content = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not weights by name.")
    return dict(content)


def _encoder_part(content: dict[str, object]) -> dict[str, Tensor]:
    """The tensors of the encoder alone, by the names that it gives them."""
    inner = content.get("state_dict", content)
    tensors = (
        {str(k): v for k, v in inner.items() if isinstance(v, Tensor)}
        if isinstance(inner, dict)
        else {}
    )
    own = {
        name.removeprefix(PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(PREFIX)
    }
    return own or tensors
