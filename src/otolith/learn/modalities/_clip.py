"""Loading CLIP, whose two towers are two modalities."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from otolith.core.errors import ConfigError
from otolith.learn.modalities._models import model_folder

MODEL = "openai/clip-vit-base-patch32"
"""The model of IMU2CLIP and PRIMUS: 512 numbers, 224 pixels."""


def load(name: str, beside: str, trust: Sequence[str] | None) -> tuple[Any, Any]:
    """Return a frozen CLIP and what prepares its input: the `tokeniser`, or nothing for `pictures`.

    trust: as `model_folder` takes it. Raises ConfigError where it cannot be had. Weights come from
    safetensors alone; no code beside a model is run.
    """
    try:
        from transformers import AutoTokenizer, CLIPModel
    except ImportError as error:
        raise ConfigError("CLIP needs transformers. Type: pip install 'otolith[video]'") from error
    folder = str(model_folder(name, trust))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # a bar of its own for a tenth of a second
            model = CLIPModel.from_pretrained(
                folder, use_safetensors=True, trust_remote_code=False, local_files_only=True
            )
        prepares = None
        if beside == "tokeniser":
            prepares = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
    except Exception as error:  # the hub, the disk and the model's own files each raise their own
        raise ConfigError(
            f"The CLIP model '{name}' cannot be loaded ({str(error).splitlines()[0][:200]}). Name "
            f"a folder that holds "
            "it, or bring vectors of your own: the modality vectors."
        ) from error
    model.train(False)
    return model.requires_grad_(False), prepares
