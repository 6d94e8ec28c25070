"""Loading CLIP, whose two towers are two partners."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from otolith.errors import ConfigError

MODEL = "openai/clip-vit-base-patch32"
"""The model of IMU2CLIP and PRIMUS: 512 numbers, 224 pixels."""


def load(name: str, beside: str) -> tuple[Any, Any]:
    """Return a frozen CLIP and what prepares its input: the `tokeniser`, or nothing for `pictures`.

    Raises ConfigError where it cannot be had. Weights come from safetensors alone; no code beside a model is run.
    """
    try:
        from transformers import AutoTokenizer, CLIPModel
    except ImportError as error:
        raise ConfigError("CLIP needs transformers. Type: pip install 'otolith[video]'") from error
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # a bar of its own for a tenth of a second
            model = CLIPModel.from_pretrained(name, use_safetensors=True)
        prepares = AutoTokenizer.from_pretrained(name, trust_remote_code=False) if beside == "tokeniser" else None
    except Exception as error:  # the hub, the disk and the model's own files each raise their own
        raise ConfigError(
            f"The CLIP model '{name}' cannot be loaded ({str(error).splitlines()[0][:200]}). Name a folder that holds "
            "it, or bring vectors of your own: the partner vectors."
        ) from error
    model.train(False)
    return model.requires_grad_(False), prepares
