"""A checkpoint is a folder: model.safetensors, config.json and a card that a person reads. Loading is strict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from otolith.errors import CheckpointError, DataError, ReadError
from otolith.files import atomic_folder, file_digest, read_json, write_json

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT = 1
ODD_CONFIG = (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError)
"""What building something from an edited config may raise, below the errors that already say what is wrong."""


def save(
    folder: Path, kind: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor], files: Mapping[str, str]
) -> None:
    """Write a checkpoint folder, whole or not at all; `files` are further texts by name, the card among them.

    An older checkpoint there is replaced; DataError where the folder holds anything else.
    """
    refuse_strange_folder(Path(folder), kind)
    with atomic_folder(Path(folder)) as temporary:
        save_tensors(temporary / WEIGHTS, tensors)
        content = {"otolith_checkpoint": FORMAT, "kind": kind, "weights_sha256": file_digest(temporary / WEIGHTS)}
        write_json(temporary / CONFIG, content | dict(config))
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")


def refuse_strange_folder(folder: Path, kind: str) -> None:
    """Raise DataError where writing a checkpoint would replace a folder that is none."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        held = read_json(folder / CONFIG)
    except (ReadError, OSError):
        held = None
    if not isinstance(held, dict) or "otolith_checkpoint" not in held:
        raise DataError(f"{folder} holds other files, which would be lost; choose another folder for the {kind}.")


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors."""
    # Cloned, because safetensors refuses tensors that share memory, as a model and its best copy may.
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors; CheckpointError where the file is damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({error}). Copy or make the whole folder again.") from error


def load(folder: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a checkpoint folder.

    Raises CheckpointError where it is none, is of another kind or format, or its weights are not those it was saved
    with.
    """
    folder = Path(folder)
    if not (folder / CONFIG).exists():
        how = {
            "encoder": "otolith pretrain STUDY --objective pim --out ENCODER",
            "recogniser": "otolith adapt ENCODER STUDY --shots K --out RECOGNISER",
        }
        raise CheckpointError(f"{folder} is no saved {kind}: it has no {CONFIG}. Make one with: {how[kind]}")
    try:
        config = read_json(folder / CONFIG)
    except ReadError as error:
        raise CheckpointError(str(error)) from error
    if not isinstance(config, dict) or config.get("otolith_checkpoint") != FORMAT:
        raise CheckpointError(
            f"{folder / CONFIG} is not of checkpoint format {FORMAT}; save it again with this version."
        )
    if config.get("kind") != kind:
        raise CheckpointError(f"{folder} holds a checkpoint of kind '{config.get('kind')}', not '{kind}'.")
    path = folder / WEIGHTS
    if not path.exists():
        raise CheckpointError(f"{folder} has no {WEIGHTS}: the copy is incomplete. Copy the whole folder again.")
    if file_digest(path) != config.get("weights_sha256"):
        raise CheckpointError(
            f"{path} is not the file that {CONFIG} was saved with (its sha256 differs): it is damaged or was "
            "exchanged. Copy the whole folder again from where it was made."
        )
    return config, load_tensors(path)


def kind_of(folder: str | Path) -> str | None:
    """Return what a checkpoint folder holds, "encoder" or "recogniser"; None where it is none."""
    try:
        held = read_json(Path(folder) / CONFIG)
    except (ReadError, OSError):
        return None
    return held.get("kind") if isinstance(held, dict) and "otolith_checkpoint" in held else None


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str, where: str) -> None:
    """Load every weight under a prefix into a module.

    Raises CheckpointError that names what is missing, left over or of another shape; then nothing was loaded.
    """
    given = {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
    wanted = module.state_dict()
    problems = [f"{name} is missing" for name in wanted if name not in given]
    problems += [f"{name} is not part of it" for name in given if name not in wanted]
    problems += [
        f"{name} has shape {list(given[name].shape)}, not {list(t.shape)}"
        for name, t in wanted.items()
        if name in given and given[name].shape != t.shape
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise CheckpointError(
            f"The weights in {where} do not fit {type(module).__name__}: {'; '.join(problems[:5])}{more}. Nothing was "
            "loaded. Was config.json edited, or was it saved by another version?"
        )
    module.load_state_dict(given)


def refuse_strangers(tensors: Mapping[str, Tensor], prefixes: tuple[str, ...], where: str) -> None:
    """Raise CheckpointError where a tensor belongs to no part of what is loaded."""
    strangers = [name for name in tensors if not name.startswith(prefixes)]
    if strangers:
        raise CheckpointError(
            f"{where} holds weights that belong to no part of it: {', '.join(strangers[:5])}. Was it saved by another "
            "version?"
        )


def pack(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Return a module's weights and buffers under a prefix."""
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}
