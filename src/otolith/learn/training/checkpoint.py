"""A model as a folder of data: config.json, safetensors and a card, written whole, read strictly.

config.json carries a hash of its own content and of every other file, so that damage and edits are
seen before a value is used. Nothing here is ever unpickled.
"""

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
from otolith.learn.encoders.weights import misfits, read_safetensors, some_of

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT, OLDEST = 2, 1
"""The format that is written, and the oldest that is read; the first had no hash of its own."""
BESIDE = ("losses.csv", "losses.svg", "gates.csv", "gates.svg", "recipe.toml")
"""Files that commands write into a checkpoint's folder, besides those that config.json names."""
MOST = 10_000_000
"""No setting of an encoder or head is larger."""
_SPARE_PARTS, _SPARE_NUMBERS = 1_000, 10_000_000
"""Weights that a config may ask for beyond those saved, 40 MB; a small misfit is reported by name
when the weights are loaded."""
ODD_CONFIG = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    OverflowError,
)
"""What an edited config may raise where a model is built from it."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_AGAIN = "Copy the whole folder again from where it was made."
_MAKE = {
    "encoder": "otolith pretrain STUDY --objective {objective} --out {folder}",
    "recogniser": "otolith adapt ENCODER STUDY --shots K --out {folder}",
}
Finish = Callable[[Path], object]
"""Writes any of `BESIDE` into a checkpoint's folder before the folder is put in place."""


def save(
    folder: Path,
    kind: str,
    config: Mapping[str, object],
    tensors: Mapping[str, Tensor],
    files: Mapping[str, str],
    finish: Finish | None = None,
) -> None:
    """Write a checkpoint folder, whole or not at all; `files` are texts by name, such as the card.

    An older checkpoint is replaced; other files beside it stay. Raises DataError where the folder
    holds anything else.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "mine"
    >>> save(folder, "encoder", {"seed": 0}, {"weight": torch.ones(2)}, {CARD: "Mine."})
    >>> sorted(path.name for path in folder.iterdir())
    ['README.md', 'config.json', 'model.safetensors']
    """
    # Asked again: minutes of training may lie between `writing` and here.
    refuse_strange_folder(Path(folder), kind)
    with atomic_folder(Path(folder), ours=ours(folder)) as temporary:
        save_tensors(temporary / WEIGHTS, tensors)
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        content = {
            "otolith_checkpoint": FORMAT,
            "kind": kind,
            "weights_sha256": file_digest(temporary / WEIGHTS),
            "files": {name: file_digest(temporary / name) for name in files},
        }
        write_sealed(temporary / CONFIG, content | dict(config))  # last: it has the hashes
        if finish:
            finish(temporary)


def ours(folder: Path) -> set[str]:
    """Return the names of a checkpoint's own files, present or not.

    >>> "losses.csv" in ours(Path("absent")), "notes.txt" in ours(Path("absent"))
    (True, False)
    """
    return {CONFIG, WEIGHTS, CARD, *BESIDE, *files_of(_config_or_none(folder) or {})}


def files_of(config: Mapping[str, object]) -> dict[str, object]:
    """Return the sha256 of each further file that a config names; none where it was edited.

    >>> files_of({"files": {"README.md": "e3b0c442…"}})
    {'README.md': 'e3b0c442…'}
    """
    files = config.get("files")
    return files if isinstance(files, dict) else {}


def _config_or_none(folder: Path) -> dict[str, object] | None:
    """Read config.json; None where it is absent, damaged or no table."""
    try:
        held = read_json(folder / CONFIG)
    except (ReadError, OSError):
        return None
    return held if isinstance(held, dict) else None


def remove(folder: Path) -> None:
    """Remove a checkpoint; other files in its folder stay.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> save(folder, "encoder", {}, {"weight": torch.ones(2)}, {})
    >>> remove(folder)
    >>> folder.exists()
    False
    """
    for name in ours(folder):
        if _NAME.fullmatch(name) and not (folder / name).is_dir():
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


@contextmanager
def writing(folder: Path, kind: str) -> Iterator[None]:
    """Keep other processes from writing a checkpoint to this folder.

    Raises DataError where one already does, or where the folder holds anything else.

    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "mine"
    >>> with writing(folder, "encoder"):
    ...     lock_of(folder).exists()
    True
    """
    folder = folder.resolve()
    with only_writer(lock_of(folder), f"the {kind} {folder}"):
        sweep(folder.parent)
        refuse_strange_folder(folder, kind)
        yield


def lock_of(folder: Path) -> Path:
    """Return the path of a checkpoint folder's lock, beside the folder.

    >>> lock_of(Path("encoders/mine")).as_posix()
    'encoders/.mine.otolith.lock'
    """
    return folder.with_name(f".{folder.name}{LOCK}")


def kind_of(folder: str | Path) -> str | None:
    """Return "encoder" or "recogniser"; None where a folder is no checkpoint.

    >>> kind_of("absent") is None
    True
    """
    held = _config_or_none(Path(folder))
    kind = held.get("kind") if held and "otolith_checkpoint" in held else None
    return kind if isinstance(kind, str) else None


def refuse_strange_folder(folder: Path, kind: str) -> None:
    """Raise DataError where a folder holds anything but a checkpoint of this kind.

    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "thesis.tex").write_text("…")
    >>> refuse_strange_folder(folder, "encoder")
    Traceback (most recent call last):
    otolith.core.errors.DataError: ... holds other files, which would be lost; choose another ...
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    held = _config_or_none(folder)
    if not held or "otolith_checkpoint" not in held:
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
    """Write tensors as safetensors; a full disk raises OSError.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / WEIGHTS
    >>> save_tensors(path, {"weight": torch.ones(2)})
    >>> read_safetensors(path)
    {'weight': tensor([1., 1.])}
    """
    # Cloned: safetensors refuses tensors that share memory, as a model and its best copy may.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        save_file(plain, path)
    except SafetensorError as error:
        # The system's error number arrives only in the text.
        number = re.search(r"(?:os error |code: )(\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
    share(path)  # safetensors writes for the owner alone


def load(folder: str | Path, kind: str) -> tuple[dict[str, object], dict[str, Tensor]]:
    """Read a checkpoint folder: its config and its tensors.

    Raises CheckpointError where there is none, it is of another kind or format, or any file is not
    as it was saved.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> save(folder, "encoder", {"seed": 7}, {"weight": torch.ones(2)}, {})
    >>> config, tensors = load(folder, "encoder")
    >>> config["seed"], tensors
    (7, {'weight': tensor([1., 1.])})
    """
    folder = Path(folder)
    if not (folder / CONFIG).exists():
        recover(folder)
    if not (folder / CONFIG).exists():
        command = _MAKE[kind].format(objective="pim", folder=kind.upper())
        raise CheckpointError(
            f"{folder} is no saved {kind}: it has no {CONFIG}. Make one with: {command}"
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
    _refuse_v0_1(folder, kind, config)
    _refuse_changed_files(folder, config)
    return config, read_safetensors(folder / WEIGHTS)


def _refuse_edited(folder: Path, config: Any) -> None:
    """Raise CheckpointError where config.json is of no format that is read, or was edited."""
    version = config.get("otolith_checkpoint") if isinstance(config, dict) else None
    sealed = seal_holds(config) if isinstance(config, dict) else None
    # Whatever version it states: an edit of the version must not undo the seal.
    if sealed is False or (sealed is None and type(version) is int and OLDEST < version <= FORMAT):
        raise CheckpointError(
            f"{folder / CONFIG} is not as it was saved (the hash of its content differs): it is "
            f"damaged or was edited. {_AGAIN}"
        )
    if type(version) is not int or not OLDEST <= version <= FORMAT:
        raise CheckpointError(
            f"{folder / CONFIG} is not of checkpoint format {FORMAT}, but "
            f"{printable(repr(version), 40)}. Save it again with this version, or read it with the "
            "version that made it."
        )


def _refuse_v0_1(folder: Path, kind: str, config: Mapping[str, object]) -> None:
    """Raise CheckpointError for a space shared with partners: they are modalities since v0.2."""
    alignment = config.get("alignment")
    if not isinstance(alignment, dict) or "partners" not in alignment:
        return
    record = config.get("record")
    objective = record.get("objective", "primus") if isinstance(record, dict) else "primus"
    command = _MAKE[kind].format(objective=printable(objective, 40), folder=folder)
    raise CheckpointError(
        f"{folder} was saved by Otolith 0.1, which called modalities partners. Make it again: "
        f"{command}"
    )


def _refuse_changed_files(folder: Path, config: Mapping[str, object]) -> None:
    """Raise CheckpointError where a file is absent, or not the one that was saved."""
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(f"{folder} has no {WEIGHTS}: the copy is incomplete. {_AGAIN}")
    files = config.get("files", {})
    if not isinstance(files, dict) or not all(_NAME.fullmatch(name) for name in files):
        raise CheckpointError(
            f"{folder / CONFIG} names files that cannot lie in its folder: it was edited. {_AGAIN}"
        )
    for name, sha256 in {WEIGHTS: config.get("weights_sha256"), **files}.items():
        if not (folder / name).is_file():
            raise CheckpointError(
                f"{folder} has no {name}, which it was saved with: the copy is incomplete. {_AGAIN}"
            )
        if file_digest(folder / name) != sha256:
            raise CheckpointError(
                f"{folder / name} is not the file that {CONFIG} was saved with (its sha256 "
                f"differs): it is damaged or was exchanged. {_AGAIN}"
            )


@contextmanager
def no_more_weights(tensors: Mapping[str, Tensor], settings: object) -> Iterator[None]:
    """Stop the building of modules whose settings ask for more weights than were saved.

    An edited config could ask for all memory. Raises CheckpointError before the memory is filled.

    >>> import torch
    >>> with no_more_weights({"weight": torch.zeros(2, 2)}, {"width": 10**9}):
    ...     nn.Linear(2, 10**9)
    Traceback (most recent call last):
    otolith.core.errors.CheckpointError: config.json has a setting beyond 10,000,000: it was ...
    """
    # Before any module is built: one number can ask for all memory in one allocation.
    if any(abs(number) > MOST for number in _numbers(settings)):
        raise CheckpointError(f"{CONFIG} has a setting beyond {MOST:,}: it was edited. {_AGAIN}")
    parts = _SPARE_PARTS + 4 * len(tensors)
    numbers = _SPARE_NUMBERS + sum(tensor.numel() for tensor in tensors.values())

    def count(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal parts, numbers
        parts, numbers = parts - 1, numbers - (0 if tensor is None else tensor.numel())
        if parts < 0 or numbers < 0:
            raise CheckpointError(
                f"{CONFIG} asks for more weights than {WEIGHTS} holds ({name} of "
                f"{type(module).__name__}): it was edited. {_AGAIN}"
            )

    # Hooks of all modules, as an encoder may be anybody's class.
    handles = [
        nn.modules.module.register_module_parameter_registration_hook(count),
        nn.modules.module.register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _numbers(content: object) -> Iterator[float]:
    if isinstance(content, int | float):
        yield content
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _numbers(part)


def save_state(folder: Path, facts: Mapping[str, object], tensors: Mapping[str, Tensor]) -> None:
    """Write the state of an unfinished run, whole or not at all, with the hashes of both parts.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "unfinished"
    >>> save_state(folder, {"key": "a1", "finished": 3}, {"weight": torch.ones(2)})
    >>> facts, tensors = load_state(folder)
    >>> facts["finished"], tensors
    (3, {'weight': tensor([1., 1.])})
    """
    with atomic_folder(folder, (CONFIG, WEIGHTS)) as temporary:
        save_tensors(temporary / WEIGHTS, tensors)
        sha256 = file_digest(temporary / WEIGHTS)
        write_sealed(temporary / CONFIG, {**facts, "weights_sha256": sha256})


def remove_state(folder: Path) -> None:
    """Remove what `save_state` wrote; other files stay.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "unfinished"
    >>> save_state(folder, {"key": "a1"}, {"weight": torch.ones(2)})
    >>> remove_state(folder)
    >>> folder.exists()
    False
    """
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= {CONFIG, WEIGHTS}:
        # Renamed first: a kill half-way then leaves only what `sweep` removes.
        folder = folder.rename(folder.with_name(f".{folder.name}{TEMPORARY}"))
    for name in (CONFIG, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def load_state(folder: Path) -> tuple[dict[str, object], dict[str, Tensor]] | None:
    """Read the state of an unfinished run; None where it is damaged, so that the run starts anew.

    Raises CheckpointError where the folder holds anything else, which a run would overwrite.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> save_state(folder, {"key": "a1"}, {"weight": torch.ones(2)})
    >>> (folder / WEIGHTS).unlink()
    >>> load_state(folder) is None
    True
    """
    facts = _config_or_none(folder)
    if not facts or "key" not in facts:
        raise CheckpointError(
            f"{folder} holds no run that could go on. Look into it; to start anew: rm -r {folder}"
        )
    path = folder / WEIGHTS
    if not seal_holds(facts) or not path.is_file():
        return None
    # Damage costs a run its progress, not its result: it begins anew.
    if file_digest(path) != facts.get("weights_sha256"):
        return None
    try:
        return facts, read_safetensors(path)
    except CheckpointError:
        return None


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str, where: str) -> None:
    """Load every weight under a prefix into a module, or none of them.

    Raises CheckpointError naming each weight that is missing, left over or of another shape.

    >>> import torch
    >>> layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    >>> load_into(layer, pack(other, "head."), "head.", "a folder")
    >>> torch.equal(layer.weight, other.weight)
    True
    """
    # All or nothing: half-loaded weights would work, and give wrong answers.
    given = {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    if problems := misfits(given, expected):
        raise CheckpointError(
            f"The weights in {where} do not fit {type(module).__name__}: {some_of(problems)}. "
            "Nothing was loaded. Was config.json edited, or was it saved by another version?"
        )
    module.load_state_dict(given)


def refuse_strangers(tensors: Mapping[str, Tensor], prefixes: tuple[str, ...], where: str) -> None:
    """Raise CheckpointError where a tensor belongs to no part of the model.

    >>> import torch
    >>> refuse_strangers({"head.weight": torch.ones(2)}, ("encoder.",), "a folder")
    Traceback (most recent call last):
    otolith.core.errors.CheckpointError: a folder holds weights that belong to no part of it: ...
    """
    if strangers := [name for name in tensors if not name.startswith(prefixes)]:
        raise CheckpointError(
            f"{where} holds weights that belong to no part of it: {', '.join(strangers[:5])}. Was "
            "it saved by another version?"
        )


def pack(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Return a module's weights and buffers under a prefix.

    >>> list(pack(nn.Linear(2, 2), "head."))
    ['head.weight', 'head.bias']
    """
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}
