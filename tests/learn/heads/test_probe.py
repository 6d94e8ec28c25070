"""The published linear probe: where it begins, how its rate goes, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch.nn import functional

from otolith.core.errors import ConfigError
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.probe import LinearProbe, warm_cosine
from otolith.learn.modalities.alignment import Alignment


class Said(Alignment):
    """A space of three numbers in which every text lies on the axis of its last word."""

    def __init__(self) -> None:
        super().__init__(3, 3, {}, linear=False)

    def words(self, texts: Sequence[str]) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[
            [("up", "down", "left").index(text.split()[-1]) for text in texts]
        ]


def logits_of(head: LinearProbe, vectors: np.ndarray) -> torch.Tensor:
    pooled = torch.from_numpy(vectors.astype(np.float32))
    return head(Embeddings(pooled[:, None], pooled))


def test__probe__from_words__is_zero_shot_before_it_learns() -> None:
    head = LinearProbe(3, 3, initial="text")
    head.begin(Said(), ["left", "up", "down"])
    vectors = np.array([[0.0, 0.1, 5.0], [2.0, 0.1, 0.0], [0.3, 4.0, 0.2]])
    assert logits_of(head, vectors).argmax(1).tolist() == [0, 1, 2]
    assert torch.allclose(logits_of(head, vectors), logits_of(head, 10 * vectors))


def test__probe__a_few_published_steps__hardly_leave_the_words() -> None:
    head = LinearProbe(3, 3, initial="text", epochs=5)
    head.begin(Said(), ["left", "up", "down"])
    before = head.weight.clone()
    head.fit(np.eye(3), np.arange(3), seed=0)
    moved = (head.weight - before).abs().max()
    assert 0 < moved <= 5 * 1e-4 + 1e-6


def test__probe__one_step_of_a_full_batch__is_adamw_by_hand() -> None:
    rng = np.random.default_rng(0)
    vectors, code = rng.normal(size=(8, 4)).astype(np.float32), np.arange(8) % 3
    torch.manual_seed(0)
    head = LinearProbe(4, 3, epochs=1, warmup=0, learning_rate=0.1, weight_decay=0.5)
    weight = head.weight.double().requires_grad_()
    seen = torch.from_numpy(vectors).double()
    functional.cross_entropy(
        seen @ weight.T + head.bias.double(), torch.from_numpy(code)
    ).backward()
    # Adam's first step is the sign of the gradient; the decay shrinks the weight beside it.
    wanted = weight.detach() * (1 - 0.1 * 0.5) - 0.1 * weight.grad.sign()
    head.fit(vectors, code, seed=0)
    torch.testing.assert_close(head.weight.double(), wanted, atol=1e-5, rtol=0)


def test__warm_cosine__rises_then_falls_to_nothing() -> None:
    share = warm_cosine(110, 10)
    assert [share(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert [share(step) for step in (10, 60, 110)] == pytest.approx([1.0, 0.5, 0.0])
    assert warm_cosine(5000, 10)(24) == pytest.approx(
        0.5
    )  # a hundredth of the steps is more than ten
    assert warm_cosine(10, 0)(0) == 1.0


@pytest.mark.parametrize(
    "settings", [{"initial": "words"}, {"epochs": 0}, {"learning_rate": 0.0}, {"warmup": -1}]
)
def test__probe__settings_out_of_range__are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(
        ConfigError, match=r"'initial' should be 'random' or 'text'|should be greater"
    ):
        LinearProbe(3, 2, **settings)


def test__probe__words_without_a_shared_space__says_how_to_get_one() -> None:
    head = LinearProbe(3, 2, initial="text")
    for alignment in (None, Alignment(5, 8, {})):
        with pytest.raises(ConfigError, match="otolith pretrain STUDY --objective primus"):
            head.begin(alignment, ["up", "down"])
    with pytest.raises(ConfigError, match="call begin"):
        head.fit(np.eye(3)[:2], np.arange(2), seed=0)
