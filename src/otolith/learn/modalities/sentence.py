"""Sentence vectors by any model that sentence-transformers loads."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import settings
from otolith.learn.modalities._models import model_folder, refuse_code
from otolith.learn.modalities.texts import TextConfig, TextModel, warn_of_long


@settings
class SentenceConfig(TextConfig):
    """Which model reads the words, and what it is told."""

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    """Folder of a model, or its name on the model hub, from where it is fetched once."""
    instruction: str = ""
    """What an Instructor model is told before each text, such as `Represent human activity sentence
    for clustering`."""


class Sentence(TextModel):
    """Frozen sentence vectors, L2-normalised.

    Reimers and Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks" (2019),
    https://arxiv.org/abs/1908.10084; instructions: Su et al., "One Embedder, Any Task" (2022),
    https://arxiv.org/abs/2212.09741. Multi3Net uses hkunlp/instructor-large, 768 numbers a text.
    """

    Config: ClassVar[type[Any]] = SentenceConfig

    @property
    def _folder(self) -> Path:
        """Folder of the model; ConfigError where it cannot be had, or only a file asks for it."""
        return model_folder(str(self.config.model), self.trust)

    @property
    def _prompt(self) -> str:
        """What stands before each text."""
        return f"{self.config.instruction}: " if self.config.instruction else ""

    @cached_property
    def _model(self) -> Any:
        """The model, loaded on first use; ConfigError where it cannot be had."""
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ConfigError(
                "Text vectors need sentence-transformers. Type: pip install 'otolith[text]'"
            ) from error
        folder = self._folder
        refuse_code(folder)
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # its own progress bar
                # Weights come from safetensors alone; no code that lies beside a model is run.
                return SentenceTransformer(
                    str(folder),
                    device="cpu",
                    trust_remote_code=False,
                    local_files_only=True,
                    model_kwargs={"use_safetensors": True},
                )
        except Exception as error:  # the hub, the disk and the model's files each raise their own
            raise ConfigError(
                f"The text model in {folder} cannot be loaded "
                f"({str(error).splitlines()[0][:200]}). "
                "Name a folder that holds it, or use the modality minilm, which needs no download."
            ) from error

    @property
    @override
    def dimension(self) -> int:  # type: ignore[override]
        """How many numbers a vector has."""
        return int(self._model.get_embedding_dimension())

    @override
    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "N E"]:
        """Return one L2-normalised float32 vector for each text; warns of long ones."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        model, prompt = self._model, self._prompt
        whole = [prompt + text for text in texts]
        tokens = model.tokenizer(whole, truncation=False, verbose=False)["input_ids"]
        warn_of_long(texts, [len(ids) for ids in tokens], int(model.max_seq_length))
        vectors = model.encode(
            list(texts),
            # Not as part of the text: Instructor models average over the text's tokens alone.
            prompt=prompt or None,
            batch_size=64,
            show_progress_bar=False,
            normalize_embeddings=True,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, dtype=np.float32)


def packaged(package: str) -> Path:
    """Folder of the model that a Python package carries; ConfigError where it is not installed."""
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"The model of the package {package} is not installed. Type: pip install "
            f"'otolith[text]'"
        )
    return Path(spec.submodule_search_locations[0]) / "model"
