"""Weights from files, read as data: what a file says of its size is held against its size before
memory is taken."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file
from torch import Tensor

from otolith.core.errors import CheckpointError, ReadError
from otolith.core.foreign.plain import opened
from otolith.core.text import well_formed

MAX_HEADER_BYTES = 4 * 2**20
"""How long the table of names may be that a file of weights begins with, or the pickle that stands
for it in a .pt."""

# The few names that torch writes where there are nothing but tensors, plain values and
# dictionaries.
_STATE_DICT = frozenset(
    {
        *(
            "collections OrderedDict",
            "torch._utils _rebuild_tensor_v2",
            "torch._utils _rebuild_parameter",
        ),
        *("torch Size", "torch device", "_codecs encode"),
        *(
            f"torch {kind}Storage"
            for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char")
        ),
        *("torch ByteStorage", "torch BoolStorage"),
        *(
            f"torch {kind}"
            for kind in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "bool")
        ),
    }
)
_AGAIN = "It is damaged or was edited; copy the whole folder again from where it was made."


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


def read_torch(path: Path) -> Any:
    """Read what torch saved, of which nothing but tensors and plain values is taken; no code is
    run.

    Raises CheckpointError where it is damaged, holds anything else, or would take more memory than
    its own size.
    """
    try:
        _refuse_odd_archive(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # what a damaged or hostile file raises is not for us to list
        raise CheckpointError(
            f"{path} cannot be read as weights ({type(error).__name__}): it is damaged, or holds "
            f"objects that only "
            "code could bring back, which is never run. Save the state dict alone, best with "
            "safetensors."
        ) from error


def _refuse_odd_archive(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path} cannot be read as weights: it is no archive as torch writes them since "
            f"version 1.6. Save the "
            "state dict again, best with safetensors."
        )
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        size = path.stat().st_size
        # torch stores tensors as they are. Packed entries, or ones that share bytes, are how a
        # small file grows large.
        if any(e.compress_type for e in entries) or sum(e.file_size for e in entries) > size:
            raise CheckpointError(
                f"{path} has {size:,} bytes and would unpack to more, which torch does not write. "
                f"{_AGAIN}"
            )
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                if entry.file_size > MAX_HEADER_BYTES:
                    raise CheckpointError(
                        f"{path} has a table of names of {entry.file_size:,} bytes; at most "
                        f"{MAX_HEADER_BYTES:,} are "
                        "read. Save the state dict alone, best with safetensors."
                    )
                _refuse_objects(path, archive.read(entry))


def _refuse_objects(path: Path, pickled: bytes) -> None:
    """Walk through a pickle without running it; beyond state dicts even torch's safe reader makes
    large things."""
    for code, argument, _ in pickletools.genops(io.BytesIO(pickled)):
        strange = code.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
        if strange or (code.name == "GLOBAL" and argument not in _STATE_DICT):
            raise CheckpointError(
                f"{path} cannot be read as weights: it holds objects that only code could bring "
                f"back "
                f"({json.dumps(str(argument))[:80]}), which is never run. Save the state dict "
                f"alone, best with "
                "safetensors."
            )
