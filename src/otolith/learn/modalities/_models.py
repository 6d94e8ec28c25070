"""Where a frozen model lies, and that nothing beside its weights is more than data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from otolith.core.errors import ConfigError, ReadError
from otolith.core.files import read_json
from otolith.core.text import printable

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
"""What is fetched of a model: weights as safetensors, words, settings; no code, no pickles."""
_PARTS = frozenset({"Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout"})
"""What a sentence model may be made of. The library would import any name that stands in
modules.json."""


_INSTEAD = (
    "Name a folder that holds one; or use the modality minilm, which needs no download; or bring "
    "vectors of your own: "
    "the modality vectors."
)


def model_folder(name: str, trust: Sequence[str] | None) -> Path:
    """Return the folder of a model: where the name says, or where the model hub's files are kept,
    fetched if need be.

    trust: None where the caller named the model; else what he trusts of what a file named. A file
    alone makes us neither read a folder of its choice nor fetch anything. Raises ConfigError, and
    says how to allow it.
    """
    said = printable(name, 120)
    from_file = trust is not None and name not in trust
    if Path(name).is_dir() and not from_file:
        return Path(name)
    if not _HUB.fullmatch(name) or ".." in name:
        raise ConfigError(
            f"The checkpoint names the model folder '{said}', which is not read because a file "
            f"says so. If you know "
            f"it, say so: --trust {said}, or trust=('{said}',)."
            if from_file
            else f"The model '{said}' cannot be loaded: there is no such folder, nor is it a name "
            f"on the model hub, "
            f"such as owner/model. {_INSTEAD}"
        )
    return _on_the_hub(name, from_file)


def _on_the_hub(name: str, from_file: bool) -> Path:
    from huggingface_hub import snapshot_download

    try:
        found: Any = snapshot_download(
            name, allow_patterns=list(_FILES), local_files_only=from_file
        )
        return Path(found)
    except Exception as error:  # the hub, the network and the disk each raise their own
        if from_file:
            raise ConfigError(
                f"The checkpoint names the model '{name}', which is not on this machine, and "
                f"nothing is fetched "
                f"because a file says so. If you know it, say so: --trust {name}, or "
                f"trust=('{name}',)."
            ) from error
        raise ConfigError(
            f"The model '{name}' cannot be loaded ({str(error).splitlines()[0][:200]}). {_INSTEAD}"
        ) from error


def refuse_code(folder: Path) -> None:
    """Raise ConfigError where a sentence model's list of parts names anything but the library's
    own."""
    path = folder / "modules.json"
    if not path.exists():
        return
    try:
        parts = read_json(path)
    except ReadError as error:
        raise ConfigError(str(error)) from error
    for part in parts if isinstance(parts, list) else [parts]:
        kind, where = (
            (part.get("type"), part.get("path")) if isinstance(part, dict) else (part, None)
        )
        own = (
            isinstance(kind, str)
            and kind.startswith("sentence_transformers.")
            and kind.rpartition(".")[2] in _PARTS
        )
        inside = (
            isinstance(where, str)
            and not Path(where).is_absolute()
            and ".." not in Path(where).parts
        )
        if not (own and inside):
            raise ConfigError(
                f"{path} names the part '{printable(kind, 80)}' in '{printable(where, 80)}'; a "
                f"model may be made of "
                f"{', '.join(sorted(_PARTS))} of sentence-transformers, in its own folder. No code "
                f"of others is run."
            )
