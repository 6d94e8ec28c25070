"""A checkpoint is a folder: model.safetensors, config.json and a card that a person reads. Loading
is strict."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from otolith.core.errors import CheckpointError, DataError, ReadError
from otolith.core.files import (
    atomic_folder,
    file_digest,
    read_json,
    seal_holds,
    share,
    write_sealed,
)
from otolith.core.locks import LOCK, TEMPORARY, only_writer, recover, sweep
from otolith.core.text import printable
from otolith.learn.encoders.weights import read_safetensors

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT, OLDEST = 2, 1
"""What is written, and the oldest that is still read; the first had no hash of its own."""
ODD_CONFIG = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    OverflowError,
)
"""What building something from an edited config may raise, below the errors that already say what
is wrong."""


BESIDE = ("losses.csv", "losses.svg", "gates.csv", "gates.svg", "recipe.toml")
"""What commands write into a checkpoint's folder, besides what its config.json names."""
Finish = Callable[[Path], object]
"""Writes further files into a checkpoint's folder before it is whole, so that neither is ever there
without the other: any of `BESIDE`."""


def save(
    folder: Path,
    kind: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    files: Mapping[str, str],
    finish: Finish | None = None,
) -> None:
    """Write a checkpoint folder, whole or not at all; `files` are further texts by name, the card
    among them.

    An older checkpoint there is replaced, what else lies beside it stays; DataError where the
    folder holds something else.
    """
    refuse_strange_folder(Path(folder), kind)
    with atomic_folder(Path(folder), ours=ours(folder)) as temporary:
        save_tensors(temporary / WEIGHTS, tensors)
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        content = {
            "otolith_checkpoint": FORMAT,
            "kind": kind,
            "weights_sha256": file_digest(temporary / WEIGHTS),
        }
        content["files"] = {name: file_digest(temporary / name) for name in files}
        write_sealed(temporary / CONFIG, content | dict(config))
        if finish:
            finish(temporary)


def ours(folder: Path) -> set[str]:
    """Return the names in a checkpoint's folder that are its own, whether they are there or not."""
    try:
        held = read_json(folder / CONFIG)
    except ReadError:
        held = {}
    files = held.get("files", {}) if isinstance(held, dict) else {}
    return {CONFIG, WEIGHTS, CARD, *BESIDE, *(files if isinstance(files, dict) else ())}


def remove(folder: Path) -> None:
    """Remove a checkpoint; what else lies in its folder stays."""
    for name in ours(folder):
        if _NAME.fullmatch(name) and not (folder / name).is_dir():
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


@contextmanager
def writing(folder: Path, kind: str) -> Iterator[None]:
    """Let nobody else make a checkpoint in a folder meanwhile.

    Raises DataError where somebody does, or where the folder holds something else.
    """
    folder = folder.resolve()
    with only_writer(lock_of(folder), f"the {kind} {folder}"):
        sweep(folder.parent)
        refuse_strange_folder(folder, kind)
        yield


def lock_of(folder: Path) -> Path:
    """Where the lock of a checkpoint's folder is, beside it."""
    return folder.with_name(f".{folder.name}{LOCK}")


def refuse_strange_folder(folder: Path, kind: str) -> None:
    """Raise DataError where writing a checkpoint would replace a folder that is none, or one of
    another kind."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        held = read_json(folder / CONFIG)
    except (ReadError, OSError):
        held = None
    if not isinstance(held, dict) or "otolith_checkpoint" not in held:
        raise DataError(
            f"{folder} holds other files, which would be lost; choose another folder for the "
            f"{kind}."
        )
    if held.get("kind") != kind:
        other = printable(held.get("kind"), 80)
        raise DataError(
            f"{folder} holds a checkpoint of kind '{other}'; choose another folder for the {kind}."
        )


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors."""
    # Cloned, because safetensors refuses tensors that share memory, as a model and its best copy
    # may.
    try:
        save_file(
            {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
            path,
        )
    except SafetensorError as error:
        # A full disk arrives as an error of safetensors' own, whose number stands in its text.
        number = re.search(r"(?:os error |code: )(\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
    share(path)  # safetensors writes for the owner alone


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors; CheckpointError where the file is damaged."""
    return read_safetensors(path)


def load(folder: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a checkpoint folder.

    Raises CheckpointError where it is none, is of another kind or format, or any of its files is
    not what it was saved with.
    """
    folder = Path(folder)
    if not (folder / CONFIG).exists():
        recover(folder)
    if not (folder / CONFIG).exists():
        how = {
            "encoder": "otolith pretrain STUDY --objective pim --out ENCODER",
            "recogniser": "otolith adapt ENCODER STUDY --shots K --out RECOGNISER",
        }
        raise CheckpointError(
            f"{folder} is no saved {kind}: it has no {CONFIG}. Make one with: {how[kind]}"
        )
    try:
        config = read_json(folder / CONFIG)
    except ReadError as error:
        raise CheckpointError(str(error)) from error
    _refuse_edited(folder, config)
    if config.get("kind") != kind:
        raise CheckpointError(
            f"{folder} holds a checkpoint of kind '{printable(config.get('kind'), 80)}', not "
            f"'{kind}'."
        )
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            f"{folder} has no {WEIGHTS}: the copy is incomplete. Copy the whole folder again."
        )
    for name, sha256 in {WEIGHTS: config.get("weights_sha256"), **_files(folder, config)}.items():
        if not (folder / name).is_file():
            raise CheckpointError(
                f"{folder} has no {name}, which it was saved with: the copy is incomplete. {_AGAIN}"
            )
        if file_digest(folder / name) != sha256:
            raise CheckpointError(
                f"{folder / name} is not the file that {CONFIG} was saved with (its sha256 "
                f"differs): it is damaged or "
                f"was exchanged. {_AGAIN}"
            )
    return config, load_tensors(folder / WEIGHTS)


_AGAIN = "Copy the whole folder again from where it was made."


def _refuse_edited(folder: Path, config: Any) -> None:
    """Raise CheckpointError where config.json is of no format that we read, or not as it was
    written."""
    version = config.get("otolith_checkpoint") if isinstance(config, dict) else None
    sealed = seal_holds(config) if isinstance(config, dict) else None
    # Whatever it says of its version: an edit of the version must not undo the seal.
    if sealed is False or (sealed is None and type(version) is int and OLDEST < version <= FORMAT):
        raise CheckpointError(
            f"{folder / CONFIG} is not as it was saved (the hash of its content differs): it is "
            f"damaged or was edited. "
            f"{_AGAIN}"
        )
    if type(version) is not int or not OLDEST <= version <= FORMAT:
        raise CheckpointError(
            f"{folder / CONFIG} is not of checkpoint format {FORMAT}; found "
            f"{printable(repr(version), 40)}. Save it "
            "again with this version, or read it with the version that made it."
        )


def _files(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The other files that were saved, by name; CheckpointError for a name that leads out of the
    folder."""
    files = config.get("files", {})
    if not isinstance(files, dict) or not all(_NAME.fullmatch(name) for name in files):
        raise CheckpointError(
            f"{folder / CONFIG} names files that cannot lie in its folder: it was edited. {_AGAIN}"
        )
    return files


_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


@contextmanager
def no_more_weights(tensors: Mapping[str, Tensor], settings: Any) -> Iterator[None]:
    """Let no module be built of settings that want more weights than there are: an edited one could
    ask for all memory.

    Raises CheckpointError in the midst of building, before what was asked for is filled.
    """
    if any(abs(number) > MOST for number in _numbers(settings)):
        raise CheckpointError(f"{CONFIG} has a setting beyond {MOST:,}: it was edited. {_AGAIN}")
    parts, numbers = (
        _SPARE_PARTS + 4 * len(tensors),
        _SPARE_NUMBERS + sum(t.numel() for t in tensors.values()),
    )

    def count(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal parts, numbers
        parts, numbers = parts - 1, numbers - (0 if tensor is None else tensor.numel())
        if parts < 0 or numbers < 0:
            raise CheckpointError(
                f"{CONFIG} asks for more weights than {WEIGHTS} holds ({name} of "
                f"{type(module).__name__}): it was "
                f"edited. {_AGAIN}"
            )

    hooks = nn.modules.module
    handles = [
        hooks.register_module_parameter_registration_hook(count),
        hooks.register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _numbers(content: Any) -> Iterator[float]:
    if isinstance(content, int | float):
        yield content
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _numbers(part)


MOST = 10_000_000
"""What no setting of an encoder or head is larger than; as many layers would be as many as memory
has room for."""
_SPARE_PARTS, _SPARE_NUMBERS = 1_000, 10_000_000
"""How many are nothing to speak of: 40 MB. What is a little wrong is told by its name, when it is
loaded."""


def save_state(folder: Path, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write where a run is, whole or not at all, with the hashes of both parts."""
    with atomic_folder(folder, (CONFIG, WEIGHTS)) as temporary:
        save_tensors(temporary / WEIGHTS, tensors)
        write_sealed(
            temporary / CONFIG, {**facts, "weights_sha256": file_digest(temporary / WEIGHTS)}
        )


def remove_state(folder: Path) -> None:
    """Remove what `save_state` wrote; what else lies there stays."""
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= {CONFIG, WEIGHTS}:
        # Under a name that is swept: a kill in the middle leaves no half of it that nobody would
        # know.
        folder = folder.rename(folder.with_name(f".{folder.name}{TEMPORARY}"))
    for name in (CONFIG, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def load_state(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Read where a run was; None where what it had written is damaged, so that it begins anew.

    Raises CheckpointError where the folder holds anything else, which a run would overwrite.
    """
    try:
        facts = read_json(folder / CONFIG)
    except ReadError:
        facts = None
    if not isinstance(facts, dict) or "key" not in facts:
        raise CheckpointError(
            f"{folder} holds no run that could go on. Look into it; to start anew: rm -r {folder}"
        )
    path = folder / WEIGHTS
    if (
        not seal_holds(facts)
        or not path.is_file()
        or file_digest(path) != facts.get("weights_sha256")
    ):
        return None
    try:
        return facts, load_tensors(path)
    except CheckpointError:
        return None


def kind_of(folder: str | Path) -> str | None:
    """Return what a checkpoint folder holds, "encoder" or "recogniser"; None where it is none."""
    try:
        held = read_json(Path(folder) / CONFIG)
    except (ReadError, OSError):
        return None
    return held.get("kind") if isinstance(held, dict) and "otolith_checkpoint" in held else None


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str, where: str) -> None:
    """Load every weight under a prefix into a module.

    Raises CheckpointError that names what is missing, left over or of another shape; then nothing
    was loaded.
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
            f"The weights in {where} do not fit {type(module).__name__}: "
            f"{'; '.join(problems[:5])}{more}. Nothing was "
            "loaded. Was config.json edited, or was it saved by another version?"
        )
    module.load_state_dict(given)


def refuse_strangers(tensors: Mapping[str, Tensor], prefixes: tuple[str, ...], where: str) -> None:
    """Raise CheckpointError where a tensor belongs to no part of what is loaded."""
    strangers = [name for name in tensors if not name.startswith(prefixes)]
    if strangers:
        raise CheckpointError(
            f"{where} holds weights that belong to no part of it: {', '.join(strangers[:5])}. Was "
            f"it saved by another "
            "version?"
        )


def pack(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Return a module's weights and buffers under a prefix."""
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}
