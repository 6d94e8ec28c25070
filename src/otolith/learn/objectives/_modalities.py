"""What objectives share that contrast windows with modalities: which there are, their vectors, and
whether the embeddings collapse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.files import digest
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.modalities.alignment import ROLES, Alignment, Role
from otolith.learn.modalities.modality import Modality, ModalityVectors
from otolith.learn.objectives._contrast import info_nce
from otolith.learn.objectives._views import numbered
from otolith.learn.objectives.objective import Fitted, Objective

NEEDS = (
    "A study has texts in partners/text.parquet, poses in partners/pose/, other vectors in "
    "partners/NAME.parquet (docs/recordings.md)."
)


class Companions:
    """The modalities of windows by role: text, video, pose.

    named: modality by role, empty for none. settings: of the modalities, by role. fraction: share
    of the windows that keep theirs (see `kept`).
    """

    def __init__(
        self,
        named: Mapping[str, str],
        settings: Mapping[str, Mapping[str, object]],
        fraction: float,
    ) -> None:
        if unknown := set(settings) - {*ROLES}:
            raise ConfigError(
                f"modality_settings are given by role: {', '.join(ROLES)}; not "
                f"{', '.join(unknown)}."
            )
        self.fraction = fraction
        self.asked = {
            name: Role(named[name], dict(settings.get(name, {})))
            for name in ROLES
            if named.get(name)
        }
        self._modalities: dict[str, Modality] = {n: role.ask() for n, role in self.asked.items()}
        self._store: object = None
        self._row: dict[tuple[int, int], int] = {}
        self._prepared: dict[str, ModalityVectors] = {}
        self.roles: dict[str, Role] = {}
        """The roles that any training window has, after `fit`."""
        self.counted: dict[str, int] = {}
        """Training windows that have each."""
        self.hashes: dict[str, str] = {}
        """Hash of the vectors of each."""

    def prepare(self, windows: Windows) -> None:
        """Ask for the modalities of all windows at once: some are known only by their order."""
        self._prepared = self._ask(windows)
        self._store = windows.store
        self._row = {place: row for row, place in enumerate(_places(windows))}

    def _ask(self, windows: Windows) -> dict[str, ModalityVectors]:
        # Fewer modalities, the same windows: what `modality_fraction` measures is their worth.
        keep = kept(windows, self.fraction)
        every = {name: modality.vectors(windows) for name, modality in self._modalities.items()}
        return {name: ModalityVectors(v.values, v.present & keep) for name, v in every.items()}

    def fit(self, windows: Windows) -> None:
        """See which modalities the training people's windows have."""
        vectors = self.vectors(windows)
        self.counted = {name: int(v.present.sum()) for name, v in vectors.items()}
        self.hashes = {name: _hash(v) for name, v in vectors.items()}
        self.roles = {
            name: replace(role, dimension=vectors[name].dimension)
            for name, role in self.asked.items()
            if self.counted[name]
        }

    def vectors(self, windows: Windows) -> dict[str, ModalityVectors]:
        """Return the vectors of some windows by role."""
        # Windows of another store than those prepared are asked for anew.
        same = windows.store is self._store
        rows = [self._row.get(place, -1) for place in _places(windows)] if same else [-1]
        if -1 in rows:
            return self._ask(windows)
        return {
            n: ModalityVectors(v.values[rows], v.present[rows]) for n, v in self._prepared.items()
        }

    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return vectors (N, E) float32 by role, and as `text_present` and the like which windows
        have one (N,)."""
        vectors = self.vectors(windows)
        targets: dict[str, np.ndarray] = {}
        for name, role in self.roles.items():
            values, present = vectors[name].values, vectors[name].present
            if vectors[name].dimension != role.dimension:
                raise ConfigError(
                    f"Modality '{role.modality}' gives {vectors[name].dimension} numbers for these "
                    f"windows and {role.dimension} for the training people's."
                )
            targets |= {name: values, f"{name}_present": present}
        return targets

    def report(self) -> Fitted:
        """Return how many windows have which modality."""
        return {
            "windows_with": {name: self.counted[name] for name in self.roles},
            "modality_hashes": {name: self.hashes[name] for name in self.roles},
            "notes": [
                f"no window has what '{role.modality}' needs: {name} was left out"
                for name, role in self.asked.items()
                if name not in self.roles
            ],
        }


def _hash(vectors: ModalityVectors) -> str:
    # The record tells apart two runs whose modality vectors differ: another model, another video.
    return hashlib.sha256(vectors.values.tobytes() + vectors.present.tobytes()).hexdigest()[:16]


def _places(windows: Windows) -> Iterator[tuple[int, int]]:
    return zip(windows.piece.tolist(), windows.first_row.tolist(), strict=True)


def kept(windows: Windows, fraction: float) -> np.ndarray:
    """Return which windows keep their modalities (N,) bool; a larger share holds a smaller one.

    A hash of recording and time decides, so that it does not depend on the other windows.
    """
    if fraction >= 1:
        return np.ones(len(windows), dtype=bool)
    places = zip(windows.recording.tolist(), windows.start_s.tolist(), strict=True)
    hashes = (digest([recording, round(start_s, 3)])[:8] for recording, start_s in places)
    return np.array([int(hash_, 16) / 16**8 < fraction for hash_ in hashes], dtype=bool)


def vectors_of(
    batch: Batch, roles: Mapping[str, Role]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return by role the vectors of a batch (B, E), and which windows have one (B,)."""
    vectors = {name: batch.modalities[name] for name in roles}
    present = {name: batch.modalities[f"{name}_present"] for name in roles}
    return vectors, present


def multimodal(
    space: Alignment,
    motion: Tensor,
    vectors: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    temperature: Tensor,
) -> dict[str, Tensor]:
    """Return by modality InfoNCE(m, v; τ) of windows (B, E) in the space and vectors (B, F)."""
    return {
        f"mm_{name}": info_nce(
            motion, space.modality(name, vectors[name]), temperature, present[name]
        )
        for name in space.roles
    }


class Spread:
    """How much the vectors of different windows differ: sums over an epoch, kept on the device."""

    def __init__(self) -> None:
        self.sums: Tensor | None = None

    @torch.no_grad()
    def add(self, vectors: Tensor) -> None:
        """Take in the vectors (B, E) of a batch."""
        with torch.autocast(vectors.device.type, enabled=False):
            # Metal has no float64.
            exact = torch.float32 if vectors.device.type == "mps" else torch.float64
            vectors = vectors.detach().to(exact)
            # Sums of unit vectors give the mean cosine of all pairs without forming the pairs.
            unit = functional.normalize(vectors, dim=-1)
            count = torch.full_like(vectors[0], len(vectors))
            new = torch.stack([count, vectors.sum(0), vectors.square().sum(0), unit.sum(0)])
        self.sums = new if self.sums is None else self.sums + new

    def figures(self) -> dict[str, float]:
        """Return the figures of the epoch, and forget them.

        `embedding_variance`: mean variance of a coordinate over the mean square of all.
        `mean_cosine`: between two different windows.
        """
        if self.sums is None:
            return {}
        count, total, square, unit = self.sums.cpu().numpy()
        self.sums = None
        n = float(count[0])
        # One window has no other to be compared with.
        if n < 2:
            return {}
        # Of each coordinate, over all windows of the epoch.
        variance = (square / n - (total / n) ** 2).clip(min=0).mean()
        return {
            "embedding_variance": float(variance / max((square / n).mean(), 1e-30)),
            "mean_cosine": float((unit @ unit - n) / (n * (n - 1))),
        }


_ALIKE, _STILL = 0.99, 0.01
"""A mean cosine above, or a variance below, is collapse: the losses then mean nothing."""
_RISEN, _BY = 0.95, 0.05
"""So is a cosine above this that rose by that much since the first epoch; some encoders start high
and fall."""


def collapse_notes(history: Sequence[Mapping[str, float]]) -> list[str]:
    """Return one sentence if the vectors of different windows became nearly the same."""
    for row in history[1:]:  # the first epoch still shows the random start
        cosine, variance = row.get("mean_cosine", 0.0), row.get("embedding_variance", 1.0)
        risen = cosine > max(_RISEN, history[0].get("mean_cosine", 0.0) + _BY)
        if cosine > _ALIKE or variance < _STILL or risen:
            return [
                f"the vectors collapsed in epoch {row['epoch']:g}: those of different windows are "
                f"nearly the same (mean cosine {cosine:.2f}, variance {variance:.3f} of the mean "
                "square). Lower the learning rate, or train with modalities (mm above 0)"
            ]
    return []


class Contrastive(Objective):
    """An objective that measures whether its embeddings collapse, and complains when they do."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self._spread = Spread()

    @override
    def measured(self) -> dict[str, float]:
        return self._spread.figures()

    @override
    def complaints(self, history: Sequence[Mapping[str, float]]) -> list[str]:
        return collapse_notes(history)


class Aligned(Contrastive):
    """A contrastive objective that leaves a space which encoder and modalities share."""

    companions: Companions
    space: Alignment | None

    @override
    def prepare(self, windows: Windows) -> None:
        self.companions.prepare(windows)

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        return numbered(windows) | self.companions.targets(windows)

    @override
    def report(self) -> Fitted:
        return self.companions.report()

    @override
    def alignment(self) -> Alignment | None:
        return self.space


class Temperature(nn.Module):
    """A learnt temperature that is kept within bounds."""

    def __init__(self, start: float, bounds: Sequence[float]) -> None:
        super().__init__()
        self.low, self.high = bounds
        if not 0 < self.low <= start <= self.high:
            raise ConfigError(
                f"A temperature of {start} does not lie above 0 and within {tuple(bounds)}."
            )
        self.value = nn.Parameter(torch.tensor(float(start)))

    @override
    def forward(self) -> Tensor:
        """Return it."""
        # The weight itself, not only its use: beyond a bound no gradient would bring it back.
        self.value.data.clamp_(self.low, self.high)
        return self.value


def placement(
    dimension: int, width: int, roles: Mapping[str, Role], project: str, imu: bool = True
) -> Alignment:
    """Build the space that an encoder of `dimension` numbers shares with its modalities.

    `project` is "always" or "where_needed": whether a modality of `width` numbers gets a linear
    layer too. The encoder gets one with `imu`, or where it needs one.
    """
    always = project == "always"
    linear = {
        name: replace(role, linear=always or role.dimension != width)
        for name, role in roles.items()
    }
    return Alignment(dimension, width, linear, imu or always or dimension != width)
