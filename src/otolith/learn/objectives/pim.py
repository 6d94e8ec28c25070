"""PIM: predict how fast each sensor moves, how it lies in gravity, and how alike the two sides of
the body move."""

from __future__ import annotations

import warnings
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError, OtolithWarning
from otolith.core.settings import Count, NonNegative, settings
from otolith.data.batch import Batch
from otolith.data.physics.bins import UniformBins
from otolith.data.physics.pseudo_labels import Physics, Quantity, family_of, measure
from otolith.data.windows import Windows
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.objectives.objective import Fitted, Objective

Percentile = Annotated[float, Interval(ge=0, le=100)]
_CROWDED = 0.9
"""A quantity with more than this share of windows in one bin teaches next to nothing."""


@settings
class PIMConfig:
    """Settings of PIM; what the paper leaves open is named here and may be changed."""

    speed: NonNegative = 1.0
    """α, weight of the speed terms; 0 leaves them out."""
    angle: NonNegative = 1.0
    """β, weight of the roll, pitch and yaw terms."""
    symmetry: NonNegative = 1.0
    """γ, weight of the left/right symmetry terms."""
    bins: Annotated[int, Ge(2)] = 11
    """Classes that each quantity is cut into, of equal width."""
    clip_percentile: tuple[Percentile, Percentile] | None = (0.5, 99.5)
    """Bin edges come from between these percentiles, so that one outlier does not empty most bins;
    None: min, max."""
    loss: Literal["softmax", "sigmoid"] = "softmax"
    """`softmax` cross-entropy, or `sigmoid`: one binary cross-entropy a bin, as the related TPN
    does."""
    reduction: Literal["mean", "sum"] = "mean"
    """Over the quantities of a family: `mean` keeps families balanced however many sensors there
    are."""
    head_width: Count = 256
    """Hidden units of each head."""
    pairs: tuple[tuple[str, str], ...] | None = None
    """Pairs of sensors to compare; None: every left/right pair among the placements."""
    triad: Literal["gravity", "compass"] = "gravity"
    """Angles from gravity alone, or with the heading of a magnetometer."""
    velocity: Literal["highpass", "detrend"] = "highpass"
    """How drift leaves the integrated velocity: a high-pass over the recording, or a linear trend
    in the window."""
    znorm: bool = False
    """Whether the norms are z-scored before they are compared, which removes differences in
    strength."""


class Heads(nn.Module):
    """A network with one hidden layer for each of Q quantities, evaluated by one product a layer.

    Each starts from the weights of a module of its own. One after the other, thirteen of them, as
    three sensors need, took a fifth of a step of 64 windows on a CPU.
    """

    def __init__(self, count: int, dimension: int, width: int, classes: int) -> None:
        super().__init__()
        layers = [(nn.Linear(dimension, width), nn.Linear(width, classes)) for _ in range(count)]
        first, last = zip(*layers, strict=True)
        self.hidden_weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in first]))
        self.hidden_bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in first]))
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in last]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in last]))

    def __len__(self) -> int:
        return len(self.weight)

    @override
    def forward(self, pooled: Tensor) -> Tensor:
        """Return logits (Q, B, K) of vectors (B, D)."""
        # All heads see the same vector: one wide product, then one small one for each.
        hidden = functional.linear(pooled, self.hidden_weight, self.hidden_bias).relu()
        each = hidden.view(len(pooled), len(self), -1).transpose(0, 1)
        return torch.baddbmm(self.bias, each, self.weight)


class PIM(Objective):
    """Physics-informed multi-task pretraining.

    Source: Nshimyimana, Fortes Rey, Suh, Zhou, Lukowicz, "PIM: Physics-Informed Multi-task
    Pre-training for Improving Inertial Sensor-Based Human Activity Recognition" (2025),
    https://arxiv.org/abs/2503.17978. For each sensor, its mean speed (equation 4) and its roll,
    pitch and yaw; for each left/right pair of sensors, how alike they move; each cut into 11
    classes over the training people and predicted by a head of its own:

        L = α · mean_sensors CE(speed)
          + β · mean_sensors mean_angles CE(angle)
          + γ · mean_pairs CE(symmetry)

    A quantity that is undefined in a window (a missing sensor, a constant signal) is left out of
    its sum.

    >>> PIM(symmetry=0.0, bins=7)
    PIM(symmetry=0.0, bins=7)
    """

    Config: ClassVar[type[Any]] = PIMConfig
    config: PIMConfig

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        c = self.config
        self.weights = {"speed": c.speed, "angle": c.angle, "symmetry": c.symmetry}
        self.quantities: list[Quantity] = []
        self.bins: list[UniformBins] = []
        self.heads: nn.Module = nn.ModuleList()
        self.notes: list[str] = []
        # `fit` and `targets` ask for the same windows: measured once.
        self._measured: dict[str, Physics] = {}

    def _measure(self, windows: Windows) -> Physics:
        """Measure the quantities of some windows in the continuous recordings around them, once."""
        if windows.hash not in self._measured:
            c = self.config
            self._measured[windows.hash] = measure(
                windows,
                pairs=c.pairs,
                triad=c.triad,
                velocity=c.velocity,
                znorm=c.znorm,
                families=tuple(name for name, weight in self.weights.items() if weight),
            )
        return self._measured[windows.hash]

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """Cut each quantity into bins over these (training) people, and build a head for each."""
        c, physics = self.config, self._measure(windows)
        self.notes = list(physics.notes)
        self.quantities, self.bins = [], []
        for quantity, values in zip(physics.quantities, physics.values.T, strict=True):  # (N,)
            # Such as the symmetry of sensors that no window has together.
            if not np.isfinite(values).any():
                self.notes.append(f"{quantity.name} is undefined in every window and left out")
                continue
            bins = UniformBins.fit(values, c.bins, clip_percentile=c.clip_percentile)
            count = bins.occupancy(bins.transform(values))
            # A head that always names this bin is right almost always: the term teaches little.
            if count.max() > _CROWDED * count.sum() > 0:
                share = count.max() / count.sum()
                self.notes.append(f"{quantity.name}: one bin holds {share:.0%} of the windows")
            self.quantities.append(quantity)
            self.bins.append(bins)
        if not self.quantities:
            raise ConfigError(
                f"PIM has nothing to predict: "
                f"{'; '.join(self.notes) or 'all its weights are 0'}. It needs an accelerometer "
                "and a weight above 0."
            )
        for note in self.notes:
            warnings.warn(f"PIM: {note}.", OtolithWarning, stacklevel=3)
        self.heads = Heads(len(self.quantities), encoder.dimension, c.head_width, c.bins)

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the bin of each quantity, (N, Q) int64, -1 where undefined."""
        physics = self._measure(windows)
        codes = [
            bins.transform(physics[quantity.name])
            for quantity, bins in zip(self.quantities, self.bins, strict=True)
        ]
        return {"physics": np.stack(codes, axis=1)}

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of each family: speed, angle, symmetry."""
        # (Q, B, K) and (Q, B).
        logits, target = self.heads(encoder(batch).pooled), batch.modalities["physics"].T
        losses = cross_entropy(logits, target, self.config.loss)  # (Q,)
        members: dict[str, list[int]] = {}
        for i, quantity in enumerate(self.quantities):
            members.setdefault(family_of(quantity), []).append(i)
        collect = torch.mean if self.config.reduction == "mean" else torch.sum
        return {
            family: self.weights[family] * collect(losses[chosen])
            for family, chosen in members.items()
        }

    @override
    def report(self) -> Fitted:
        """Return the bins of each quantity, and what was left out."""
        return {
            "quantities": [quantity.name for quantity in self.quantities],
            "bins": [bins.to_dict() for bins in self.bins],
            "notes": self.notes,
        }


def cross_entropy(logits: Tensor, target: Tensor, loss: str = "softmax") -> Tensor:
    """Return the mean over the windows where a quantity is defined; 0 where it never is.

    logits: (… B K). target: (… B), -1 where undefined. The result is (…).

    >>> cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, -1]))  # log 4
    tensor(1.3863)
    """
    defined, safe = target >= 0, target.clamp(min=0)
    logits = logits.float()
    if loss == "softmax":
        # Undefined targets stand as class 0 here and are masked out below: shapes stay fixed.
        flat = functional.cross_entropy(logits.flatten(0, -2), safe.flatten(), reduction="none")
        losses = flat.view(target.shape)
    else:
        one_hot = functional.one_hot(safe, logits.shape[-1]).float()
        each = functional.binary_cross_entropy_with_logits(logits, one_hot, reduction="none")
        losses = each.sum(-1)
    return (losses * defined).sum(-1) / defined.sum(-1).clamp(min=1)
