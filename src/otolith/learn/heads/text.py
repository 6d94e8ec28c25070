"""Classes from words: a window is of the class whose description lies nearest, with or without a
few examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Interval
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Positive, settings
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.head import ClosedHead
from otolith.learn.modalities.alignment import Alignment

TEMPLATES = (
    "{}",
    "a person: {}",
    "a person doing this: {}",
    "the movement of a person: {}",
    "human activity: {}",
)
"""What is said of a class where nothing else is given; {} stands for its name."""
UNKNOWN = "unknown"
"""What windows are called that lie near no description."""


@settings
class TextHeadConfig:
    """How near a window must lie, and how much words count beside examples."""

    temperature: Positive = 0.1
    """Of the softmax over cosines: the smaller, the surer; which class is nearest does not change.
    """
    unknown: Annotated[float, Interval(ge=-1, le=1)] | None = None
    """Cosine below which a window is of no class; the last class is then "unknown". None: it is
    always of one."""
    words_count: Positive = 2.0
    """As how many examples the words of a class count."""


class TextHead(ClosedHead):
    """Cosines with one unit vector a class: where its words lie, drawn towards its examples.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
    (2021), https://arxiv.org/abs/2103.00020, section 3.1 (prompts and their ensembles). With w the
    words' vector, n examples and x̄ the mean of their unit vectors, the class lies in the direction
    (c·w + n·x̄) / (c + n). Without words it is the nearest class mean. It needs vectors in the
    space that the encoder shares with text (`space = "shared"`).

    Raises ConfigError for settings out of range.
    """

    Config: ClassVar[type[Any]] = TextHeadConfig
    config: TextHeadConfig
    words: Tensor
    """(K, E) unit vectors of the words; zeros where a class has none."""
    centres: Tensor
    """(K, E) unit vectors of the classes; zeros where nothing is known of one."""

    def __init__(self, dimension: int, classes: int, **settings: object) -> None:
        super().__init__(dimension, classes, **settings)
        c = self.config
        known = classes - (c.unknown is not None)
        self.register_buffer("words", torch.zeros(known, dimension))
        self.register_buffer("centres", torch.zeros(known, dimension))

    @override
    def fit(self, vectors: np.ndarray, code: np.ndarray, seed: int) -> None:
        """Draw the classes towards examples: vectors (N, E) of any length, class indices (N,)."""
        unit = functional.normalize(torch.from_numpy(np.asarray(vectors, dtype=np.float32)), dim=-1)
        labels = torch.from_numpy(np.asarray(code, dtype=np.int64))
        sums = functional.one_hot(labels, self.classes).float().T @ unit  # (K, E), n·x̄
        # Words count as so many examples of their class: a prior that data outweighs.
        drawn = self.config.words_count * self.words + sums[: len(self.words)]
        self.centres = functional.normalize(drawn, dim=-1)

    @override
    def forward(self, embeddings: Embeddings) -> Tensor:
        """Return logits (B, K): cosines over the temperature."""
        with torch.autocast(embeddings.pooled.device.type, enabled=False):
            cosine = functional.normalize(embeddings.pooled.float(), dim=-1) @ self.centres.T
            # A class of which nothing is known is never predicted.
            cosine = cosine.masked_fill(~self.centres.any(dim=1), -100.0)
            if self.config.unknown is not None:
                cosine = functional.pad(cosine, (0, 1), value=self.config.unknown)
            return cosine / self.config.temperature


def place_words(head: TextHead, words: Float[np.ndarray, "K E"]) -> TextHead:
    """Put each class where its words lie, the classes in order without "unknown"; return the head.

    >>> head = place_words(TextHead(2, 2), np.eye(2))
    >>> head.words.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    vectors = torch.from_numpy(np.asarray(words, dtype=np.float32))
    head.words = functional.normalize(vectors, dim=-1)
    head.centres = head.words.clone()
    return head


def prompts_of(
    labels: Sequence[str] | Mapping[str, Sequence[str]], templates: Sequence[str] = TEMPLATES
) -> dict[str, list[str]]:
    """Return what is said of each class: its own sentences, or its name in every template.

    Raises ConfigError for fewer than two classes, a class that is empty or stands twice, or a
    template without one place for the name.

    >>> prompts_of(["sit_down", "walk"], ["a person: {}"])
    {'sit_down': ['a person: sit down'], 'walk': ['a person: walk']}
    """
    prompts = (
        {name: [t.strip() for t in texts if t.strip()] for name, texts in labels.items()}
        if isinstance(labels, Mapping)
        else _filled(labels, templates)
    )
    if len(prompts) < 2 or {"", UNKNOWN} & prompts.keys() or not all(prompts.values()):
        raise ConfigError(
            "To choose among, there must be two classes or more, each with a name (other than "
            f"'{UNKNOWN}') and something said of it; given {', '.join(prompts) or 'none'}."
        )
    return prompts


def _filled(labels: Sequence[str], templates: Sequence[str]) -> dict[str, list[str]]:
    if not templates or any(text.count("{}") != 1 for text in templates):
        listed = ", ".join(templates) or "none"
        raise ConfigError(f"A template holds {{}} once, where the class goes: {listed}.")
    names = [name.strip() for name in labels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"The class '{twice[0]}' stands twice among the labels.")
    return {
        name: [text.replace("{}", name.replace("_", " ")) for text in templates] for name in names
    }


def words_of(
    alignment: Alignment, prompts: Mapping[str, Sequence[str]]
) -> Float[np.ndarray, "K E"]:
    """Return one unit vector a class: the mean of where its sentences lie in the shared space.

    Raises ConfigError where the encoder was aligned with no text model.
    """
    placed = alignment.words([text for texts in prompts.values() for text in texts])
    ends = np.cumsum([len(texts) for texts in prompts.values()])[:-1]
    # Of unit vectors: each sentence of a class weighs the same.
    means = np.stack([part.mean(axis=0) for part in np.split(placed, ends)])
    unit: np.ndarray = means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)
    return unit.astype(np.float32)
