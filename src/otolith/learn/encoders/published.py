"""The PRIMUS authors' own checkpoint of the stacked recurrent network, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from otolith.core.errors import CheckpointError
from otolith.data.channels import triad
from otolith.learn.encoders.stacked_rnn import StackedRNN
from otolith.learn.encoders.weights import misfits, read_safetensors, read_torch, some_of

RATE_HZ, LENGTH, PLACEMENT = 50.0, 250, "head"
PUBLISHED_WIDTH = 512
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
    if sum(t.numel() * t.element_size() for t in tensors.values()) > path.stat().st_size:
        # A few bytes can stand for a tensor of any shape.
        raise CheckpointError(
            f"{path} names tensors that are larger than itself: it is damaged or was edited."
        )
    width = _width(tensors)
    channels = (*triad(PLACEMENT, "acc"), *triad(PLACEMENT, "gyro"))
    encoder = StackedRNN(channels, RATE_HZ, LENGTH, hidden=width)
    # Checkpoints of the IMU2CLIP kind have no heads.
    heads = {name: nn.Linear(width, width) for name in HEADS if f"{name}.weight" in tensors}

    if problems := _problems(tensors, encoder, heads):
        raise CheckpointError(
            f"{path} is no published encoder of PRIMUS or IMU2CLIP: {some_of(problems)}. Nothing "
            "was loaded."
        )
    encoder.load_state_dict({part: tensors[name].float() for name, part in NAMES.items()})
    for head, layer in heads.items():
        parts = {part: tensors[f"{head}.{part}"].float() for part in ("weight", "bias")}
        layer.load_state_dict(parts)
    return Published(encoder.eval(), heads.get("ssl_head"), heads.get("mmcl_head"))


def _problems(
    tensors: dict[str, Tensor], encoder: StackedRNN, heads: dict[str, nn.Linear]
) -> list[str]:
    """Return what does not fit, in words."""
    ours = encoder.state_dict()
    expected = {theirs: ours[part].shape for theirs, part in NAMES.items()}
    for head, layer in heads.items():
        expected |= {f"{head}.{part}": t.shape for part, t in layer.state_dict().items()}
    problems = misfits(tensors, expected)
    if not problems:  # only of tensors that are as large as they may be
        problems = [f"{n} is not finite" for n in expected if not tensors[n].isfinite().all()]
    if len(heads) == 1:
        problems.append(f"it has {next(iter(heads))}, but not the other head")
    return problems


def _width(tensors: dict[str, Tensor]) -> int:
    """Return the GRU's width: its state-to-state weights are (3·D, D)."""
    states = tensors.get("net.5.weight_hh_l0")
    square = states is not None and states.ndim == 2 and len(states) == 3 * states.shape[-1]
    return states.shape[-1] if states is not None and square else PUBLISHED_WIDTH


def _read(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    content = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not weights by name.")
    return dict(content)


def _encoder_part(content: dict[str, object]) -> dict[str, Tensor]:
    """Return the tensors of the encoder alone, by the names that it gives them."""
    inner = content.get("state_dict", content)
    named = inner.items() if isinstance(inner, dict) else ()
    tensors = {str(name): value for name, value in named if isinstance(value, Tensor)}
    encoder = {n.removeprefix(PREFIX): t for n, t in tensors.items() if n.startswith(PREFIX)}
    return encoder or tensors
