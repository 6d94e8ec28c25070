"""Folders of encoders and recognisers, the state of a run, and weights that others published."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.kinds import Kind, Made, kind
from fuzz.target import Target
from fuzz.targets_studies import small_study

ENCODERS: dict[str, dict[str, Any]] = {
    "tpn": {}, "stacked_rnn": {"hidden": 16, "padded": True}, "channel_attention": {}, "deep_conv_lstm": {},
    "features": {},
}  # fmt: skip
HEADS = ("linear", "mlp", "mixture_of_experts", "probe", "logistic", "forest")
QUICK: dict[str, Any] = {
    "steps": 3,
    "epochs": 1,
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
}


@cache
def _windows() -> Any:
    """Labelled windows of a small study, kept in memory for the life of the process."""
    import tempfile

    return small_study(Path(tempfile.mkdtemp()), people=2).windows(seconds=1.0)


@cache
def _aligned() -> Any:
    """An encoder that shares a space with words."""
    import tempfile

    from toy import add_modalities

    from otolith.learn.training.pretrain import pretrain
    from otolith.learn.training.runtime import Runtime

    study = small_study(Path(tempfile.mkdtemp()), people=3)
    add_modalities(study.folder)
    told = {"text": "toy:BagOfWords", "pose": "", "width": 8, "nn": 0.5}
    windows = study.windows(seconds=1.0)
    return pretrain(
        windows,
        "primus",
        runtime=Runtime("cpu", "fp32", 1),
        objective_settings=told,
        epochs=1,
        batch_size=8,
    )


def _encoders(folder: Path) -> None:
    from otolith.learn.training.pretrained import PretrainedEncoder

    for name, settings in ENCODERS.items():
        PretrainedEncoder.fresh(_windows(), name, seed=5, **settings).save(
            folder / name / "encoder"
        )
    _aligned().save(folder / "aligned" / "encoder")


def _read_encoder(given: Path, out: Path, harmed: str) -> Any:
    from otolith.learn.training.pretrained import PretrainedEncoder

    loaded = PretrainedEncoder.load(given / "encoder", trust="toy")
    shared = loaded.alignment.state_dict() if loaded.alignment else {}
    return (
        shared,
        loaded.schema(),
        loaded.record,
        loaded.history,
        loaded.encoder.state_dict(),
        loaded.standardise.state_dict(),
    )


def _recognisers(folder: Path) -> None:
    from otolith.use.recogniser import Recogniser
    from otolith.use.zero_shot import from_words

    for head in HEADS:
        encoder = "features" if head == "forest" else "tpn"
        Recogniser(encoder, head, **QUICK).fit(_windows().few(2)).save(folder / head / "recogniser")
    from_words(_aligned(), ["resting", "walking"], unknown=0.1).save(folder / "text" / "recogniser")


def _read_recogniser(given: Path, out: Path, harmed: str) -> Any:
    from otolith.use.recogniser import Recogniser

    loaded = Recogniser.load(given / "recogniser", threads=1, device="cpu", trust="toy")
    return loaded.classes_, loaded.predict_proba(_windows()[np.arange(3)])


def _state(folder: Path) -> None:
    import torch

    from otolith.learn.training.checkpoint import save_state

    save_state(
        folder / "unfinished",
        {"key": "this", "epoch": 3},
        {"a": torch.arange(50.0), "b": torch.ones(3, 3)},
    )


def _read_state(given: Path, out: Path, harmed: str) -> Any:
    from otolith.core.errors import CheckpointError
    from otolith.learn.training.checkpoint import load_state

    found = load_state(given / "unfinished")
    if found is None:
        raise CheckpointError("damaged: the run begins anew")
    return found


def _weights() -> dict[str, Any]:
    import torch

    from otolith.data.channels import triad
    from otolith.learn.encoders.published import NAMES
    from otolith.learn.encoders.stacked_rnn import StackedRNN

    torch.manual_seed(0)
    channels = (*triad("head", "acc"), *triad("head", "gyro"))
    ours = StackedRNN(channels, 50.0, 250, **_NARROW).state_dict()
    return {theirs: ours[name] for theirs, name in NAMES.items()}


_NARROW: dict[str, Any] = {"hidden": 16}


def _safetensors(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(_weights(), folder / "theirs.safetensors")


def _pt(folder: Path) -> None:
    import torch

    torch.save(_weights(), folder / "theirs.pt")


def _published(given: Path, out: Path, harmed: str) -> Any:
    from otolith.learn.training.published import load_published

    encoder, _ = load_published(given / harmed)
    return encoder.encoder.state_dict()


def reseal(given: Path, harmed: str) -> None:
    """Make the hashes of a checkpoint fit what lies beside its config.json."""
    from otolith.core.files import SEAL, content_digest, file_digest

    path = next(given.rglob("config.json"))
    content = json.loads(path.read_bytes())
    if "weights_sha256" in content:
        content["weights_sha256"] = file_digest(path.with_name("model.safetensors"))
    if isinstance(content.get("files"), dict):
        content["files"] |= {
            n: file_digest(path.with_name(n))
            for n in content["files"]
            if path.with_name(n).is_file()
        }
    content[SEAL] = content_digest(content)
    path.write_text(json.dumps(content))


def other_tensors(content: bytes, rng: random.Random) -> Made:
    """Whole weights, of other names, shapes, types or without a number in them."""
    import torch
    from safetensors.torch import load, save

    tensors = load(content)
    name = rng.choice(sorted(tensors))
    tensor = tensors[name]
    changes = (
        lambda: torch.full_like(tensor, float("nan")) if tensor.is_floating_point() else tensor + 1,
        lambda: torch.full_like(tensor, float("inf")) if tensor.is_floating_point() else -tensor - 1,
        lambda: tensor.double(), lambda: tensor.long(), lambda: tensor.bool(), lambda: tensor.half(),
        lambda: tensor.reshape(-1), lambda: tensor[:0] if tensor.ndim else tensor, lambda: tensor[None],
        lambda: torch.zeros(()), lambda: torch.zeros(1000, 3), lambda: tensor * 1e30, lambda: tensor * 0 + 2**30,
    )  # fmt: skip
    if rng.random() < 0.15:
        del tensors[name]
    elif rng.random() < 0.15:
        tensors[rng.choice(("x", "../x", "encoder.x", "head.x", "\x1b[2J"))] = tensor
    else:
        tensors[name] = rng.choice(changes)().contiguous().clone()
    return Made(save(tensors))


def hostile_pickle(content: bytes, rng: random.Random) -> Made:
    """A pickle that would run something, in torch's own archive."""
    from fuzz.damage_arrays import members, packed

    held = members(content)
    name = next(name for name in held if name.endswith("data.pkl"))
    calls = (
        b"cos\nsystem\n(S'touch hurt'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.", b"\x80\x02" + b"(" * 5000,
        b"csys\nexit\n)R.",
    )  # fmt: skip
    held[name] = rng.choice(calls)
    return Made(packed(held), checked=False)


def _more(name: str, content: bytes) -> tuple[Kind, ...]:
    if name.endswith(".safetensors"):
        return (kind(other_tensors),)
    return (kind(hostile_pickle),) if name.endswith(".pt") else ()


TARGETS = (
    Target(
        "encoder", _encoders, _read_encoder, tuple(f"encoder {name}" for name in ENCODERS), "ours", parts=True,
        more=_more, reseal=reseal,
    ),
    Target(
        "recogniser", _recognisers, _read_recogniser, tuple(f"head {name}" for name in (*HEADS, "text")), "ours",
        parts=True, more=_more, reseal=reseal,
    ),
    Target("run_state", _state, _read_state, (), "ours", more=_more, reseal=reseal),
    Target("published_safetensors", _safetensors, _published, more=_more, factors=()),
    Target("published_pt", _pt, _published, more=_more, factors=()),
)  # fmt: skip
