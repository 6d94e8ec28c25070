"""Where a frozen model lies, and that nothing beside its weights is more than data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from otolith.core.errors import ConfigError, ReadError
from otolith.core.files import read_json
from otolith.core.text import printable
from otolith.learn.modalities.modality import refuse_untrusted

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
"""What is fetched of a model: weights as safetensors, words, settings; no code, no pickles."""
_PARTS = frozenset({"Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout"})
"""What a sentence model may be made of. The library would import any name that stands in
modules.json."""


_INSTEAD = (
    "Name a folder that holds one; or use the modality minilm, which needs no download; or bring "
    "vectors of your own: the modality vectors."
)


def model_folder(name: str, trust: Sequence[str] | None) -> Path:
    """Return the folder of a model: where the name says, or where the model hub's files are kept,
    fetched if need be.

    trust: None where the caller named the model; else what he trusts of what a file named. A file
    alone makes us neither read a folder of its choice nor fetch anything. Raises ConfigError, and
    says how to allow it.
    """
    from_file = trust is not None and name not in trust
    if Path(name).is_dir() and not from_file:
        return Path(name)
    # The hub's cache is read for a checkpoint too, but nothing is fetched for it.
    if _HUB.fullmatch(name) and ".." not in name:
        return _on_the_hub(name, from_file)
    refuse_untrusted(name, "model folder", trust)
    raise ConfigError(
        f"The model '{printable(name, 120)}' cannot be loaded: there is no such folder, nor is it "
        f"a name on the model hub, such as owner/model. {_INSTEAD}"
    )


def _on_the_hub(name: str, from_file: bool) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(name, allow_patterns=list(_FILES), local_files_only=from_file)
        return Path(str(folder))
    except Exception as error:  # the hub, the network and the disk each raise their own
        if from_file:
            raise ConfigError(
                f"The checkpoint names the model '{name}', which is not on this machine, and "
                "nothing is fetched because a file says so. If you know it, say so: --trust "
                f"{name}, or trust=('{name}',)."
            ) from error
        raise ConfigError(
            f"The model '{name}' cannot be loaded ({str(error).splitlines()[0][:200]}). {_INSTEAD}"
        ) from error


def refuse_code(folder: Path) -> None:
    """Raise ConfigError where a sentence model's parts are any but the library's, in its folder."""
    path = folder / "modules.json"
    if not path.exists():
        return
    try:
        parts = read_json(path)
    except ReadError as error:
        raise ConfigError(str(error)) from error
    for part in parts if isinstance(parts, list) else [parts]:
        named = part if isinstance(part, dict) else {"type": part}
        kind, place = named.get("type"), named.get("path")
        if not _is_library_part(kind) or not _is_inside(place):
            raise ConfigError(
                f"{path} names the part '{printable(kind, 80)}' in '{printable(place, 80)}'; a "
                f"model may be made of {', '.join(sorted(_PARTS))} of sentence-transformers, in "
                "its own folder. No code of others is run."
            )


def _is_library_part(kind: object) -> bool:
    package, _, name = kind.rpartition(".") if isinstance(kind, str) else ("", "", "")
    return f"{package}.".startswith("sentence_transformers.") and name in _PARTS


def _is_inside(place: object) -> bool:
    if not isinstance(place, str):
        return False
    return not Path(place).is_absolute() and ".." not in Path(place).parts
