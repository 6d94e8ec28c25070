"""Linear probes of a whole sweep, solved together: every draw, number of shots and fold in a few
batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from otolith.core.errors import ConfigError, DataError

_MEMORY = 6
"""Steps that the solver remembers."""
_BATCH_NUMBERS = 1 << 24
"""Most numbers of padded vectors in a batch: 64 MB as float32."""
_GROWTH = 1.3
"""Problems of one batch differ by this factor in rows at most, so that little of it is padding."""
_LOOK = 4
"""Every so many steps it is seen which problems are solved."""
_NEVER = -30.0
"""Logit of a class that was in none of a problem's rows, as in `heads/logistic`."""


@dataclass(frozen=True)
class Problem:
    """One set of labelled vectors that a probe is fitted to."""

    vectors: Float[np.ndarray, "N D"]
    code: Int[np.ndarray, " N"]
    """Index of each row's class."""


@dataclass(frozen=True)
class Probe:
    """What was found: logits are `vectors @ weight.T + bias`."""

    weight: Float[np.ndarray, "K D"]
    bias: Float[np.ndarray, " K"]

    def predict(self, vectors: Float[np.ndarray, "N D"]) -> Int[np.ndarray, " N"]:
        """Return the most likely class of each vector."""
        code: np.ndarray = (vectors @ self.weight.T + self.bias).argmax(axis=1)
        return code


def solve(
    problems: Sequence[Problem],
    classes: int,
    *,
    strength: float = 1.0,
    tolerance: float = 0.025,
    iterations: int = 300,
    dtype: torch.dtype = torch.float32,
) -> list[Probe]:
    """Fit a multinomial logistic regression to each problem, all of them in a few batches.

    Each minimises, over its standardised vectors x of classes y that it holds,

        Σ −log softmax(W x + b)_y + ‖W‖² / (2 · strength)

    which is what scikit-learn's LogisticRegression minimises with C = strength (with two classes:
    its binary form). The vectors are turned into their principal axes and scaled so that no
    curvature exceeds 1 (Böhning, "Multinomial logistic regression algorithm", 1992,
    https://doi.org/10.1007/BF00048682, gives the bound); then L-BFGS walks on all problems at once
    until the gradient's norm falls below tolerance · √loss: a step along it would then change
    little of the loss. Classes: K; codes are below it.

    Raises DataError for a problem that is empty or not finite, ConfigError for a strength of 0 or
    below.
    """
    if strength <= 0:
        raise ConfigError(f"strength is above 0, not {strength}.")
    for number, problem in enumerate(problems):
        if not len(problem.code) or len(problem.code) != len(problem.vectors):
            raise DataError(
                f"Problem {number} has {len(problem.vectors)} vectors and {len(problem.code)} "
                f"classes."
            )
        if not np.isfinite(problem.vectors).all():
            raise DataError(f"Problem {number} holds vectors that are not finite.")
    found: list[Probe | None] = [None] * len(problems)
    for chosen in _batches(problems):
        batch = _Batch([problems[i] for i in chosen], classes, strength, dtype)
        for i, probe in zip(chosen, batch.solve(tolerance, iterations), strict=True):
            found[i] = probe
    return [probe for probe in found if probe is not None]


def _batches(problems: Sequence[Problem]) -> list[list[int]]:
    """Put problems of like sizes together."""
    order = sorted(
        range(len(problems)), key=lambda i: (problems[i].vectors.shape[1], len(problems[i].code))
    )
    out: list[list[int]] = []
    for i in order:
        rows, width = problems[i].vectors.shape
        if out:
            first = problems[out[-1][0]].vectors.shape
            small = (len(out[-1]) + 1) * rows * width <= _BATCH_NUMBERS
            if small and first[1] == width and rows <= max(_GROWTH * first[0], first[0] + 8):
                out[-1].append(i)
                continue
        out.append([i])
    return out


class _Batch:
    """Problems of one width and about one size, padded with rows that count nothing."""

    def __init__(
        self, problems: list[Problem], classes: int, strength: float, dtype: torch.dtype
    ) -> None:
        rows, width = max(len(p.code) for p in problems), problems[0].vectors.shape[1]
        count = torch.tensor([len(p.code) for p in problems], dtype=dtype)
        self.count = count
        self.real = (torch.arange(rows) < count[:, None]).to(dtype)
        vectors = torch.zeros(len(problems), rows, width, dtype=dtype)
        code = torch.zeros(len(problems), rows, dtype=torch.long)
        for i, problem in enumerate(problems):
            vectors[i, : len(problem.code)] = torch.from_numpy(
                np.ascontiguousarray(problem.vectors)
            ).to(dtype)
            code[i, : len(problem.code)] = torch.from_numpy(np.asarray(problem.code))
        here = torch.zeros(len(problems), classes, dtype=dtype).scatter_add_(1, code, self.real) > 0
        # The penalty of one weight vector for two classes is half that of two opposite ones.
        self.penalty = torch.where(here.sum(1) == 2, 2.0, 1.0).to(dtype) / strength
        self.mean = vectors.sum(1) / count[:, None]
        vectors = (vectors - self.mean[:, None]) * self.real[..., None]
        std = (vectors.square().sum(1) / count[:, None]).sqrt()
        self.std = torch.where(std < 1e-8, 1.0, std)
        vectors /= self.std[:, None]
        self._turn(vectors)
        self.here, self.code = here, code[:, None]

    def _turn(self, vectors: Tensor) -> None:
        """Write vectors (B N D) as coordinates on their principal axes, and keep how to come back."""
        penalty = self.penalty[:, None]
        if vectors.shape[1] < vectors.shape[2]:  # few rows span few axes
            square, left = torch.linalg.eigh(vectors @ vectors.mT)
            square = square.clamp(min=0)
            scale = (square / 2 + penalty).rsqrt()
            inside = left * (square.sqrt() * scale)[:, None]
            # V = X' U / S; where S is nothing, so is the weight on it.
            back = (
                (square > 1e-6 * square[:, -1:]).to(square.dtype)
                * scale
                / square.clamp(min=1e-12).sqrt()
            )
            self.back = vectors.mT @ left * back[:, None]
        else:
            square, right = torch.linalg.eigh(vectors.mT @ vectors)
            scale = (square.clamp(min=0) / 2 + penalty).rsqrt()
            self.back = right * scale[:, None]
            inside = vectors @ self.back
        constant = self.real * (2 / self.count[:, None]).sqrt()
        self.inside = torch.cat([inside, constant[..., None]], dim=2)
        self.decay = torch.cat([penalty * scale.square(), torch.zeros_like(penalty)], dim=1)[
            :, None
        ]

    def solve(self, tolerance: float, iterations: int) -> list[Probe]:
        """Return the probe of each problem, in the units that its vectors came in."""
        shape = (len(self.count), self.here.shape[1], self.inside.shape[2])
        found = torch.zeros(shape, dtype=self.inside.dtype)
        if self.inside.numel():
            bias = torch.where(self.here, 0.0, float("-inf")).to(self.inside.dtype)
            terms = [self.inside, self.code, self.real[:, None], self.decay, bias]
            _descend(terms, found, tolerance, iterations)
        constant = found[..., -1] * (2 / self.count[:, None]).sqrt()
        weight = found[..., :-1] @ self.back.mT / self.std[:, None]
        bias = constant - (weight @ self.mean[..., None])[..., 0]
        weight = torch.where(self.here[..., None], weight, 0.0)
        bias = torch.where(self.here, bias, _NEVER)
        # Only differences of logits count; without their mean, "never" lies below all of them.
        mean = torch.where(self.here, constant, 0.0).sum(1, keepdim=True) / self.here.sum(
            1, keepdim=True
        )
        bias = torch.where(self.here, bias - mean, bias)
        pairs = zip(weight.float().numpy(), bias.float().numpy(), strict=True)
        return [Probe(w, b) for w, b in pairs]


def _value(terms: list[Tensor], at: Tensor) -> tuple[Tensor, Tensor]:
    """Return loss (B,) and gradient (B K R) of each problem.

    Classes come before rows in memory: with a handful of them, both products and the softmax are
    three times as fast as the other way round.
    """
    inside, code, real, decay, bias = terms
    logits = torch.baddbmm(bias[..., None], at, inside.mT)
    highest = logits.amax(1, keepdim=True)
    own = logits.gather(1, code)
    share = (logits - highest).exp_()
    total = share.sum(1, keepdim=True)
    loss = ((total.log() + highest - own) * real).sum((1, 2)) + (decay * at.square()).sum(
        (1, 2)
    ) / 2
    residual = share.mul_(real / total).scatter_add_(1, code, -real)
    return loss, torch.baddbmm(decay * at, residual, inside)


def _descend(terms: list[Tensor], found: Tensor, tolerance: float, iterations: int) -> None:
    """L-BFGS on every problem, each with its own step; what is done leaves the batch."""
    alive = torch.arange(len(found))
    at = found.clone()
    loss, gradient = _value(terms, at)
    steps: list[Tensor] = []
    changes: list[Tensor] = []
    for number in range(iterations):
        # Looked at in fixed iterations, so that how far a problem gets does not depend on those it
        # is solved beside.
        if (
            number % _LOOK == 0
            and (done := gradient.flatten(1).norm(dim=1) <= tolerance * loss.sqrt()).any()
        ):
            found[alive] = at
            keep = ~done
            if not keep.any():
                return
            alive, at, loss, gradient = alive[keep], at[keep], loss[keep], gradient[keep]
            terms = [term[keep] for term in terms]
            steps, changes = [s[keep] for s in steps], [c[keep] for c in changes]
        direction = _direction(gradient, steps, changes)
        slope = _dot(direction, gradient)
        uphill = slope >= 0
        direction = torch.where(uphill[:, None, None], -gradient, direction)
        slope = torch.where(uphill, -_dot(gradient, gradient), slope)
        new, new_loss, new_gradient = _step(terms, at, loss, gradient, direction, slope)
        steps.append(new - at)
        changes.append(new_gradient - gradient)
        del steps[:-_MEMORY], changes[:-_MEMORY]
        at, loss, gradient = new, new_loss, new_gradient
    found[alive] = at


def _step(
    terms: list[Tensor],
    at: Tensor,
    loss: Tensor,
    gradient: Tensor,
    direction: Tensor,
    slope: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Go as far as the loss falls: the whole way, a quarter, or one gradient, which no curvature
    above 1 can spoil."""
    slack = 1e-6 * loss.abs()
    new = at + direction
    new_loss, new_gradient = _value(terms, new)
    for attempt in (0.25, None):
        bad = (new_loss > loss + 1e-4 * slope + slack).nonzero()[:, 0]
        if not len(bad):
            break
        shorter = -gradient[bad] if attempt is None else attempt * direction[bad]
        new[bad] = at[bad] + shorter
        new_loss[bad], new_gradient[bad] = _value([term[bad] for term in terms], new[bad])
    return new, new_loss, new_gradient


def _direction(gradient: Tensor, steps: list[Tensor], changes: list[Tensor]) -> Tensor:
    """The two loops of L-BFGS; pairs without curvature count nothing."""
    direction = -gradient
    curved = [_dot(s, c) for s, c in zip(steps, changes, strict=True)]
    weight = [torch.where(c > 1e-12, 1 / c.clamp(min=1e-12), 0.0) for c in curved]
    kept = []
    for s, c, w in zip(reversed(steps), reversed(changes), reversed(weight), strict=True):
        share = w * _dot(s, direction)
        kept.append(share)
        direction = torch.addcmul(direction, c, -share[:, None, None].expand_as(c))
    if steps:
        size = _dot(changes[-1], changes[-1])
        scale = torch.where(
            (curved[-1] > 1e-12) & (size > 0), curved[-1] / size.clamp(min=1e-30), 1.0
        )
        direction = direction * scale[:, None, None]
    for s, c, w, share in zip(steps, changes, weight, reversed(kept), strict=True):
        other = w * _dot(c, direction)
        direction = torch.addcmul(direction, s, (share - other)[:, None, None].expand_as(s))
    return direction


def _dot(first: Tensor, second: Tensor) -> Tensor:
    product: Tensor = torch.linalg.vecdot(first.flatten(1), second.flatten(1))
    return product
