"""Editing a checkpoint as somebody would who means to get past its hashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from otolith.core.files import file_digest, write_sealed


def edit_config(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what config.json says and make its hash fit."""
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    write_sealed(path, content)


def edit_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the weights and make their hash fit."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    edit_config(folder, lambda config: config.update(weights_sha256=file_digest(path)))
