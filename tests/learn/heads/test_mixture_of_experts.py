"""The mixture of experts: held to a loop over its formula, rows apart, sizes by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from otolith.core.errors import ConfigError
from otolith.learn.embeddings import Embeddings
from otolith.learn.heads.mixture_of_experts import MixtureOfExperts, gates_of

SMALL = {"tokens": 6, "channels": 5, "heads": 2, "feed_forward": 12, "hidden": 7}


def built(experts: int, dimension: int = 8, classes: int = 3) -> MixtureOfExperts:
    torch.manual_seed(0)
    return MixtureOfExperts(dimension, classes, experts=experts, **SMALL)


def windows(rows: int = 9, dimension: int = 8) -> Embeddings:
    torch.manual_seed(1)
    tokens = torch.randn(rows, 6, dimension)
    return Embeddings(tokens, tokens.mean(dim=1))


def by_loops(head: MixtureOfExperts, tokens: Tensor) -> Tensor:
    """y = mean over tokens of Σ_j w_j f_j(z), token by token and expert by expert."""
    hidden = head.config.hidden
    out = []
    for row in head._attend(tokens):
        answers = []
        for z in row:
            score = torch.stack([z @ head.gate.weight[j] for j in range(head.config.experts)])
            share = score.exp() / score.exp().sum()
            said = torch.zeros(head.classes, dtype=z.dtype)
            for j in range(head.config.experts):
                rows = slice(j * hidden, (j + 1) * hidden)
                inner = functional.relu(head.first.weight[rows] @ z + head.first.bias[rows])
                said = said + share[j] * (head.second[j] @ inner + head.bias[j])
            answers.append(said)
        out.append(torch.stack(answers).mean(dim=0))
    return torch.stack(out)


@torch.inference_mode()
@pytest.mark.parametrize("experts", [1, 2, 4, 8, 16])
def test__mixture__logits__are_those_of_the_formula_in_float64(experts: int) -> None:
    head = built(experts).double().eval()
    tokens = windows().tokens.double()
    torch.testing.assert_close(
        head(Embeddings(tokens, tokens[:, 0])), by_loops(head, tokens), atol=1e-12, rtol=0
    )


@torch.inference_mode()
def test__mixture__gates__sum_to_1_and_one_expert_is_always_asked() -> None:
    shares = gates_of(built(4).eval(), windows())
    assert shares.shape == (9, 4) and (shares > 0).all()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(9))
    assert (gates_of(built(1).eval(), windows()) == 1).all()


@torch.inference_mode()
def test__mixture__a_row__is_untouched_by_its_neighbours() -> None:
    head, whole = built(4).eval(), windows()
    other = windows()
    other.tokens[1:] = 9.0
    together, changed = head(whole), head(other)
    torch.testing.assert_close(changed[0], together[0])
    for row in range(9):
        alone = head(Embeddings(whole.tokens[row : row + 1], whole.pooled[row : row + 1]))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-5, atol=1e-6)


def test__mixture__attention_alone__does_not_cross_windows_while_training() -> None:
    head, whole = built(4).train(), windows()
    head.convolution.eval()  # batch normalisation is what may mix windows, and only while training
    tokens = whole.tokens.clone().requires_grad_(True)
    head._attend(tokens)[0].sum().backward()
    assert tokens.grad is not None and tokens.grad[0].abs().sum() > 0 and not tokens.grad[1:].any()


def test__mixture__of_the_published_size__has_the_weights_counted_by_hand() -> None:
    head = MixtureOfExperts(256, 11, tokens=6)
    convolution = 6 * 64 * 3 + 64 + 2 * 64
    stage = 4 * (256 * 256 + 256) + 2 * 256 + (256 * 512 + 512) + (512 * 256 + 256)
    expert = 256 * 128 + 128 + 128 * 11 + 11
    expected = convolution + 2 * stage + 16 * 256 + 16 * expert
    assert sum(p.numel() for p in head.parameters()) == expected
    with torch.inference_mode():
        tokens = torch.randn(2, 6, 256)
        assert head._attend(tokens).shape == (2, 64, 256)


def test__mixture__sizes_out_of_range__are_refused() -> None:
    with pytest.raises(
        ConfigError, match="'experts' should be greater than or equal to 1; given 0"
    ):
        built(0)
    with pytest.raises(ConfigError, match="tokens = 0"):
        MixtureOfExperts(8, 3, heads=2)
    with pytest.raises(ConfigError, match="cannot have 8 heads"):
        MixtureOfExperts(12, 3, tokens=6)
