"""Weights from files, read as data; a stated size is checked before memory is taken."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file
from torch import Tensor

from otolith.core.errors import CheckpointError, ReadError
from otolith.core.foreign.plain import opened
from otolith.core.text import well_formed

MAX_HEADER_BYTES = 4 * 2**20
"""Longest table of names at the start of a file of weights, or pickle in a .pt."""

_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "bool")
_STATE_DICT = frozenset(
    {
        *("collections OrderedDict", "torch Size", "torch device", "_codecs encode"),
        *("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"),
        *(f"torch {kind}Storage" for kind in _STORAGES),
        *(f"torch {kind}" for kind in _DTYPES),
    }
)
"""The names that torch writes where there are only tensors, plain values and dictionaries."""
_AGAIN = "It is damaged or was edited; copy the whole folder again from where it was made."
_SAVE = "Save the state dict alone, best with safetensors."


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a .safetensors file.

    Raises CheckpointError where it is damaged, or its header is longer than any encoder's.
    """
    try:
        with opened(path) as file:
            start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > path.stat().st_size - 8:
            raise CheckpointError(
                f"{path} cannot be read as weights: it is shorter than its header says. {_AGAIN}"
            )
        # The header is parsed as JSON, which takes many times its length in memory.
        if length > MAX_HEADER_BYTES:
            raise CheckpointError(
                f"{path} has a header of {length:,} bytes; at most {MAX_HEADER_BYTES:,} are read."
            )
        if well_formed(str(path)) != str(path):  # a name that safetensors does not take
            return dict(load(path.read_bytes()))
        return dict(load_file(path))
    except (ReadError, SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} cannot be read as weights ({error}). {_AGAIN}") from error


def read_torch(path: Path) -> object:
    """Read tensors and plain values that torch saved; no code is run.

    Raises CheckpointError where the file is damaged, holds anything else, or would take more memory
    than its own size.
    """
    try:
        _refuse_odd_archive(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # damaged and hostile files raise anything
        raise CheckpointError(
            f"{path} cannot be read as weights ({type(error).__name__}): it is damaged, or holds "
            f"objects that only code could bring back, which is never run. {_SAVE}"
        ) from error


def _refuse_odd_archive(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path} cannot be read as weights: it is no archive as torch writes them since "
            f"version 1.6. {_SAVE}"
        )
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        # torch stores tensors as they are; packed entries, or ones that share bytes, are how a
        # small file grows large.
        if any(e.compress_type for e in entries) or sum(e.file_size for e in entries) > size:
            raise CheckpointError(
                f"{path} has {size:,} bytes and would unpack to more, which torch does not write. "
                f"{_AGAIN}"
            )
        for entry in entries:
            if not entry.filename.endswith(".pkl"):
                continue
            if entry.file_size > MAX_HEADER_BYTES:
                raise CheckpointError(
                    f"{path} has a table of names of {entry.file_size:,} bytes; at most "
                    f"{MAX_HEADER_BYTES:,} are read. {_SAVE}"
                )
            _refuse_objects(path, archive.read(entry))


def _refuse_objects(path: Path, pickled: bytes) -> None:
    """Walk through a pickle without running it: torch's safe reader would build large things."""
    for code, argument, _ in pickletools.genops(io.BytesIO(pickled)):
        builds = code.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
        if builds or (code.name == "GLOBAL" and argument not in _STATE_DICT):
            raise CheckpointError(
                f"{path} cannot be read as weights: it holds objects that only code could bring "
                f"back ({json.dumps(str(argument))[:80]}), which is never run. {_SAVE}"
            )


def misfits(given: Mapping[str, Tensor], expected: Mapping[str, Sequence[int]]) -> list[str]:
    """Return a phrase for each weight that is missing, left over or of another shape.

    >>> misfits({"b": torch.zeros(2)}, {"a": (1,), "b": (3,)})
    ['a is missing', 'b has shape [2], not [3]']
    """
    missing = [f"{name} is missing" for name in expected if name not in given]
    left_over = [f"{name} is not part of it" for name in given if name not in expected]
    reshaped = [
        f"{name} has shape {list(given[name].shape)}, not {list(shape)}"
        for name, shape in expected.items()
        if name in given and list(given[name].shape) != list(shape)
    ]
    return [*missing, *left_over, *reshaped]


def some_of(problems: Sequence[str]) -> str:
    """Return the first five of some phrases, and how many more there are."""
    rest = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
    return "; ".join(problems[:5]) + rest
