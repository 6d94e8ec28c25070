"""Vectors of words by the text tower of CLIP, in the space of its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.settings import settings
from otolith.learn.modalities._clip import MODEL, load
from otolith.learn.modalities.texts import TextConfig, TextModel, warn_of_long

_BATCH = 64


@settings
class ClipTextConfig(TextConfig):
    """Which CLIP reads the words."""

    model: str = MODEL
    """Folder of a CLIP model, or its name on the model hub, from where it is fetched once."""


class ClipText(TextModel):
    """Frozen text vectors of CLIP, L2-normalised.

    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021),
    https://arxiv.org/abs/2103.00020; IMU2CLIP and PRIMUS align IMU with them.
    """

    Config: ClassVar[type[Any]] = ClipTextConfig

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Model and tokeniser, loaded on first use."""
        return load(self.config.model, "tokeniser", self.trust)

    @property
    @override
    def dimension(self) -> int:  # type: ignore[override]
        """How many numbers a vector has."""
        return int(self._loaded[0].config.projection_dim)

    @override
    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "N E"]:
        """Return one L2-normalised float32 vector for each text; warns of long ones."""
        import torch
        from torch.nn import functional

        model, tokeniser = self._loaded
        vectors = [np.zeros((0, self.dimension), dtype=np.float32)]
        if not texts:
            return vectors[0]
        most = int(model.config.text_config.max_position_embeddings)
        tokens = tokeniser(list(texts), truncation=False, verbose=False)["input_ids"]
        warn_of_long(texts, [len(ids) for ids in tokens], most)
        how: dict[str, object] = {"padding": True, "truncation": True, "max_length": most}
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                some = list(texts[start : start + _BATCH])
                pooled = model.text_model(
                    **tokeniser(some, return_tensors="pt", **how)
                ).pooler_output
                vectors.append(functional.normalize(model.text_projection(pooled), dim=-1).numpy())
        return np.concatenate(vectors).astype(np.float32)
