"""Multinomial logistic regression: many problems in a few batches, each with its own bits.

Shapes: B problems of a batch, N rows, D numbers of a vector, K classes, R axes (D or fewer, and one
for the constant).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from otolith.core.errors import DataError

_MEMORY = 6
"""Steps that L-BFGS remembers."""
_BATCH_NUMBERS = 1 << 24
"""Most numbers in the vectors of a batch: 64 MB as float32."""
_ALIGNED = 16
"""Rows and columns are padded to a multiple: 64 bytes of float32."""
_LOOK = 4
"""Iterations between two looks at which problems are solved."""


@dataclass(frozen=True)
class Problem:
    """Labelled vectors that one model is fitted to."""

    vectors: Float[np.ndarray, "N D"]
    code: Int[np.ndarray, " N"]
    """Index of each row's class."""


@dataclass(frozen=True)
class Solution:
    """The classes of a problem, and their logits as `vectors @ weight.T + bias`."""

    present: Int[np.ndarray, " K"]
    weight: Float[np.ndarray, "K D"]
    bias: Float[np.ndarray, " K"]


def solve(
    problems: Sequence[Problem],
    *,
    strength: float = 1.0,
    tolerance: float = 0.025,
    iterations: int = 300,
) -> list[Solution]:
    """Fit a multinomial logistic regression to each problem.

    Each minimises, over its standardised vectors x of classes y,

        Σ −log softmax(W x + b)_y + ‖W‖² / (2 · strength)

    as scikit-learn's LogisticRegression does with C = strength (with two classes: its binary form).
    The vectors are written on their principal axes and scaled so that no curvature exceeds 1
    (Böhning, "Multinomial logistic regression algorithm", 1992,
    https://doi.org/10.1007/BF00048682, gives the bound). L-BFGS then walks on all problems at once
    until the gradient's norm is below tolerance · √loss; below 1e-3 it does so in float64.

    A solution does not depend, in any bit, on the problems it is solved beside: a benchmark solves
    hundreds together, and a recogniser that is shipped has one.

    Raises DataError for a problem that is empty or not finite.
    """
    for number, problem in enumerate(problems):
        rows, labels = len(problem.vectors), len(problem.code)
        if not rows or rows != labels:
            raise DataError(f"Problem {number} has {rows} vectors and {labels} classes.")
        if not np.isfinite(problem.vectors).all():
            raise DataError(f"Problem {number} holds vectors that are not finite.")

    # float32 is twice as fast, and cannot tell losses apart that differ by a millionth.
    dtype = torch.float32 if tolerance > 1e-3 else torch.float64
    solutions: dict[int, Solution] = {}
    with _one_thread():
        for numbers in _batches(problems):
            # A batch of one would go through another matrix product, with other rounding.
            alone = len(numbers) == 1
            batch = _Batch([problems[i] for i in numbers * (1 + alone)], strength, dtype)
            solutions |= zip(numbers, batch.solve(tolerance, iterations), strict=not alone)
    return [solutions[i] for i in range(len(problems))]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums over several threads are split by the size of the whole batch, and so rounded by it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _batches(problems: Sequence[Problem]) -> Iterator[list[int]]:
    """Group problems of equal padded size and number of classes, by their places."""

    def size(i: int) -> tuple[int, int, int]:
        rows, width = problems[i].vectors.shape
        return _padded(rows), _padded(width), len(np.unique(problems[i].code))

    for (rows, width, _), group in itertools.groupby(
        sorted(range(len(problems)), key=size), key=size
    ):
        numbers, most = list(group), max(2, _BATCH_NUMBERS // (rows * width))
        yield from (numbers[start : start + most] for start in range(0, len(numbers), most))


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


@dataclass
class _Terms:
    """What the loss of each problem is computed from."""

    inside: Tensor
    """(B, N, R) the vectors on their scaled principal axes, and a constant."""
    code: Tensor
    """(B, 1, N) the class of each row."""
    real: Tensor
    """(B, 1, N) 1, or 0 for rows of padding."""
    decay: Tensor
    """(B, 1, R) L2 penalty of each axis."""

    def take(self, rows: Tensor) -> _Terms:
        """Return the terms of some problems."""
        return _Terms(self.inside[rows], self.code[rows], self.real[rows], self.decay[rows])

    def value(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss (B,) and its gradient (B, K, R) at some weights (B, K, R).

        Classes come before rows in memory: with a handful of them, both products and the softmax
        are three times as fast as the other way round.
        """
        logits = at @ self.inside.mT
        highest = logits.amax(1, keepdim=True)
        true = logits.gather(1, self.code)
        share = (logits - highest).exp_()
        total = share.sum(1, keepdim=True)
        loss = ((total.log() + highest - true) * self.real).sum((1, 2))
        loss = loss + (self.decay * at.square()).sum((1, 2)) / 2
        residual = share.mul_(self.real / total).scatter_add_(1, self.code, -self.real)
        return loss, torch.baddbmm(self.decay * at, residual, self.inside)


class _Batch:
    """Problems of one padded size and one number of classes."""

    def __init__(self, problems: list[Problem], strength: float, dtype: torch.dtype) -> None:
        rows, self.width = max(len(p.code) for p in problems), problems[0].vectors.shape[1]
        shape = (len(problems), _padded(rows), _padded(self.width))
        vectors = torch.zeros(shape, dtype=dtype)
        code = torch.zeros(shape[:2], dtype=torch.long)
        self.present = []
        for i, problem in enumerate(problems):
            present, compact = np.unique(problem.code, return_inverse=True)
            self.present.append(present)
            known = torch.from_numpy(np.ascontiguousarray(problem.vectors)).to(dtype)
            vectors[i, : len(compact), : self.width] = known
            code[i, : len(compact)] = torch.from_numpy(compact)
        self.count = torch.tensor([[len(p.code)] for p in problems], dtype=dtype)
        real = (torch.arange(shape[1]) < self.count).to(dtype)

        self.mean = vectors.sum(1) / self.count
        vectors = (vectors - self.mean[:, None]) * real[..., None]
        std = (vectors.square().sum(1) / self.count).sqrt()
        self.std = torch.where(std < 1e-8, 1.0, std)
        # The penalty of one weight vector for two classes is half that of two opposite ones.
        penalty = (2.0 if len(self.present[0]) == 2 else 1.0) / strength
        inside, scale = self._on_principal_axes(vectors / self.std[:, None], penalty)

        # The constant, and columns of padding behind it.
        extra = torch.zeros(*inside.shape[:2], _ALIGNED, dtype=dtype)
        extra[..., 0] = real * (2 / self.count).sqrt()
        decay = torch.zeros(shape[0], 1, inside.shape[2] + _ALIGNED, dtype=dtype)
        decay[:, 0, : inside.shape[2]] = penalty * scale.square()
        self.axes = inside.shape[2]
        self.terms = _Terms(torch.cat([inside, extra], dim=2), code[:, None], real[:, None], decay)

    def _on_principal_axes(self, vectors: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
        """Return vectors on axes where no curvature exceeds 1, and each axis's scale (B, R)."""
        if vectors.shape[1] < vectors.shape[2]:  # few rows span few axes
            square, left = torch.linalg.eigh(vectors @ vectors.mT)
            square = square.clamp(min=0)
            scale = (square / 2 + penalty).rsqrt()
            # V = X' U / S; where S is nothing, so is the weight on it.
            counts = (square > 1e-6 * square[:, -1:]).to(square.dtype)
            back = counts * scale / square.clamp(min=1e-12).sqrt()
            self.back = vectors.mT @ left * back[:, None]
            return left * (square.sqrt() * scale)[:, None], scale
        square, right = torch.linalg.eigh(vectors.mT @ vectors)
        scale = (square.clamp(min=0) / 2 + penalty).rsqrt()
        self.back = right * scale[:, None]
        return vectors @ self.back, scale

    def solve(self, tolerance: float, iterations: int) -> Iterator[Solution]:
        """Yield the solution of each problem, in the units that its vectors came in."""
        start = self.terms.inside.new_zeros(
            len(self.present), len(self.present[0]), self.terms.inside.shape[2]
        )
        best = _descend(self.terms, start, tolerance, iterations)
        constant = best[..., self.axes] * (2 / self.count).sqrt()
        weight = best[..., : self.axes] @ self.back.mT / self.std[:, None]
        # Only differences of logits count: the constants are centred.
        bias = constant - constant.mean(1, keepdim=True) - (weight @ self.mean[..., None])[..., 0]
        for present, w, b in zip(self.present, weight, bias, strict=True):
            yield Solution(present, w[:, : self.width].float().numpy(), b.float().numpy())


def _descend(terms: _Terms, at: Tensor, tolerance: float, iterations: int) -> Tensor:
    """Return where L-BFGS ends on each problem; problems that are solved leave the batch."""
    nobody = len(at)  # a row of results that is not read
    results = torch.cat([at, at[:1]])
    alive = torch.arange(len(at))
    loss, gradient = terms.value(at)
    steps: list[Tensor] = []
    changes: list[Tensor] = []
    for number in range(iterations):
        # Only every few iterations, counted alike for all: how far a problem gets must not depend
        # on those it is solved beside.
        if number % _LOOK == 0:
            solved = gradient.flatten(1).norm(dim=1) <= tolerance * loss.sqrt()
            if solved.any():
                results[alive] = at
                rows = (~solved & (alive < nobody)).nonzero()[:, 0]
                if not len(rows):
                    break
                rows = _two_or_more(rows)
                alive = alive[rows]
                alive[1:][alive[1:] == alive[0]] = nobody
                at, loss, gradient = at[rows], loss[rows], gradient[rows]
                terms = terms.take(rows)
                steps, changes = [s[rows] for s in steps], [c[rows] for c in changes]
        direction = _direction(gradient, steps, changes)
        new, new_loss, new_gradient = _step(terms, at, loss, gradient, direction)
        steps, changes = [*steps, new - at], [*changes, new_gradient - gradient]
        del steps[:-_MEMORY], changes[:-_MEMORY]
        at, loss, gradient = new, new_loss, new_gradient
    else:
        results[alive] = at
    return results[:nobody]


def _step(
    terms: _Terms, at: Tensor, loss: Tensor, gradient: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Go as far as the loss falls: the whole way, a quarter, or one gradient.

    No curvature above 1 can spoil the last one.
    """
    slope = _dot(direction, gradient)
    uphill = slope >= 0
    direction = torch.where(uphill[:, None, None], -gradient, direction)
    slope = torch.where(uphill, -_dot(gradient, gradient), slope)
    slack = 1e-6 * loss.abs()
    new = at + direction
    new_loss, new_gradient = terms.value(new)
    for attempt in (0.25, None):
        bad = (new_loss > loss + 1e-4 * slope + slack).nonzero()[:, 0]
        if not len(bad):
            break
        bad = _two_or_more(bad)
        new[bad] = at[bad] + (-gradient[bad] if attempt is None else attempt * direction[bad])
        new_loss[bad], new_gradient[bad] = terms.take(bad).value(new[bad])
    return new, new_loss, new_gradient


def _two_or_more(rows: Tensor) -> Tensor:
    return rows.repeat(2) if len(rows) == 1 else rows


def _direction(gradient: Tensor, steps: list[Tensor], changes: list[Tensor]) -> Tensor:
    """Return the two loops of L-BFGS; pairs without curvature count nothing."""
    direction = -gradient
    curvature = [_dot(s, c) for s, c in zip(steps, changes, strict=True)]
    weight = [torch.where(c > 1e-12, 1 / c.clamp(min=1e-12), 0.0) for c in curvature]
    kept = []
    for s, c, w in zip(reversed(steps), reversed(changes), reversed(weight), strict=True):
        share = w * _dot(s, direction)
        kept.append(share)
        direction = torch.addcmul(direction, c, -share[:, None, None].expand_as(c))
    if steps:
        last, size = curvature[-1], _dot(changes[-1], changes[-1])
        usable = (last > 1e-12) & (size > 0)
        scale = torch.where(usable, last / size.clamp(min=1e-30), 1.0)
        direction = direction * scale[:, None, None]
    for s, c, w, share in zip(steps, changes, weight, reversed(kept), strict=True):
        other = w * _dot(c, direction)
        direction = torch.addcmul(direction, s, (share - other)[:, None, None].expand_as(s))
    return direction


def _dot(first: Tensor, second: Tensor) -> Tensor:
    product: Tensor = torch.linalg.vecdot(first.flatten(1), second.flatten(1))
    return product
