"""Classes from words: where they lie, what examples change, and what is near to none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from otolith.core.errors import ConfigError
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.text import TEMPLATES, TextHead, place_words, prompts_of, words_of
from otolith.learn.modalities.alignment import Alignment

WORDS = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])


def seen(*rows: list[float]) -> Embeddings:
    pooled = torch.tensor(rows)
    return Embeddings(pooled[:, None], pooled)


def test__text_head__words_alone__are_cosines_over_the_temperature() -> None:
    head = place_words(TextHead(3, 2, temperature=0.5), WORDS)
    logits = head(seen([3.0, 4.0, 0.0], [0.0, 0.0, 1.0]))
    torch.testing.assert_close(logits, torch.tensor([[0.6, 0.8], [0.0, 0.0]]) / 0.5)


def test__text_head__examples__draw_a_class_as_much_as_they_are_many() -> None:
    head = place_words(TextHead(3, 2, words_count=2.0), WORDS)
    head.fit(np.array([[0.0, 0.0, 5.0]], dtype=np.float32), np.array([0]), 0)
    expected = np.array([2.0, 0.0, 1.0]) / np.sqrt(5)  # two parts words, one part example
    np.testing.assert_allclose(head.centres[0].numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(
        head.centres[1].numpy(), [0, 1, 0], atol=1e-7
    )  # no example: the words
    head.fit(np.tile([[0.0, 0.0, 5.0]], (98, 1)).astype(np.float32), np.zeros(98, dtype=int), 0)
    np.testing.assert_allclose(
        head.centres[0].numpy(), np.array([2, 0, 98]) / np.hypot(2, 98), rtol=1e-5
    )


def test__text_head__near_to_none__is_unknown() -> None:
    head = place_words(TextHead(3, 3, unknown=0.5), WORDS)
    chosen = head(
        seen([1.0, 0.1, 0.0], [0.1, 1.0, 0.0], [0.1, 0.1, 1.0], [-1.0, -1.0, 0.0])
    ).argmax(1)
    assert chosen.tolist() == [0, 1, 2, 2]
    everything = place_words(TextHead(3, 2), WORDS)(seen([0.1, 0.2, 1.0]))
    assert everything.shape == (1, 2) and everything.argmax() == 1


def test__text_head__class_of_which_nothing_is_known__is_never_said() -> None:
    head = TextHead(2, 3)
    head.fit(np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32), np.array([0, 2]), 0)
    assert head(seen([-0.7, -0.7])).argmax() != 1


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"words_count": 0.0}, {"unknown": 1.5}])
def test__text_head__bad_setting__is_told(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"should be (greater|less) than"):
        TextHead(3, 2, **settings)


def test__prompts__names_in_templates_or_sentences_of_their_own() -> None:
    prompts = prompts_of(["climbing_stairs", " sitting "])
    assert list(prompts) == ["climbing_stairs", "sitting"]
    assert prompts["climbing_stairs"][0] == "climbing stairs" and len(prompts["sitting"]) == len(
        TEMPLATES
    )
    assert prompts_of(["a", "b"], ["one {} two"]) == {"a": ["one a two"], "b": ["one b two"]}
    assert prompts_of({"a": ["x", " y "], "b": ["z", ""]}) == {"a": ["x", "y"], "b": ["z"]}


@pytest.mark.parametrize(
    ("labels", "templates", "words"),
    [
        (["a"], TEMPLATES, "two classes or more"),
        (["a", "a"], TEMPLATES, "'a' stands twice"),
        (["a", "unknown"], TEMPLATES, "other than 'unknown'"),
        (["a", " "], TEMPLATES, "each with a name"),
        ({"a": ["x"], "b": []}, TEMPLATES, "something said of it"),
        (["a", "b"], ["no place"], r"holds \{\} once"),
        (["a", "b"], [], "holds"),
    ],
)
def test__prompts__odd_ones__are_told(labels: list[str], templates: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        prompts_of(labels, templates)


def test__words__are_the_mean_direction_of_their_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"x": [1.0, 0.0], "y": [0.0, 1.0], "z": [-1.0, 0.0]}
    monkeypatch.setattr(
        Alignment, "words", lambda self, texts: np.array([places[text] for text in texts])
    )
    found = words_of(Alignment(2, 2, {}), {"a": ["x", "y"], "b": ["z"]})
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [-1, 0]], rtol=1e-6)
