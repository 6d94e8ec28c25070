"""What objectives share that contrast windows with modalities: which there are, and their vectors as
targets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

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

NEEDS = (
    "A study has texts in partners/text.parquet, poses in partners/pose/, other vectors in "
    "partners/NAME.parquet "
    "(docs/recordings.md)."
)


class Companions:
    """The modalities that an objective asks of windows, one for each role that any window has.

    named: modality by role, empty for none. settings: of the modalities, by role. fraction: share of
    the windows that keep theirs; which do is decided by their recording and time, so that a larger
    share holds a smaller one.
    """

    def __init__(
        self, named: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]], fraction: float
    ) -> None:
        if unknown := set(settings) - {*ROLES}:
            raise ConfigError(
                f"modality_settings are given by role: {', '.join(ROLES)}; not {', '.join(unknown)}."
            )
        if not 0 <= fraction <= 1:
            raise ConfigError(f"modality_fraction is a share from 0 to 1, not {fraction}.")
        self.fraction = fraction
        self.asked = {
            name: Role(named[name], dict(settings.get(name, {})))
            for name in ROLES
            if named.get(name)
        }
        self._modalities: dict[str, Modality] = {
            name: role.ask() for name, role in self.asked.items()
        }
        self._store: object = None
        self._place: dict[tuple[int, int], int] = {}
        self._known: dict[str, ModalityVectors] = {}
        self.roles: dict[str, Role] = {}
        """The roles that are there, known after `fit`."""
        self.counted: dict[str, int] = {}
        """How many of the training people's windows have each."""
        self.hashes: dict[str, str] = {}
        """Hash of the vectors of each."""

    def prepare(self, windows: Windows) -> None:
        """Ask for the modalities of everybody's windows at once: some are only known by their order."""
        self._known = self._asked(windows)
        self._store = windows.store
        self._place = {place: row for row, place in enumerate(_places(windows))}

    def _asked(self, windows: Windows) -> dict[str, ModalityVectors]:
        keep = kept(windows, self.fraction)
        found = {name: modality.vectors(windows) for name, modality in self._modalities.items()}
        return {name: ModalityVectors(v.values, v.present & keep) for name, v in found.items()}

    def fit(self, windows: Windows) -> None:
        """See which modalities the training people's windows have."""
        found = self.vectors(windows)
        self.counted = {name: int(vectors.present.sum()) for name, vectors in found.items()}
        self.hashes = {name: _hash(vectors) for name, vectors in found.items()}
        self.roles = {
            name: replace(role, dimension=found[name].dimension)
            for name, role in self.asked.items()
            if self.counted[name]
        }

    def vectors(self, windows: Windows) -> dict[str, ModalityVectors]:
        """Return the modalities of some windows by role."""
        rows = (
            [self._place.get(place, -1) for place in _places(windows)]
            if windows.store is self._store
            else [-1]
        )
        if -1 in rows:
            return self._asked(windows)
        return {
            name: ModalityVectors(v.values[rows], v.present[rows])
            for name, v in self._known.items()
        }

    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return vectors (N, E) float32 by role, and under "text_present" and the like which
        windows have one."""
        found = self.vectors(windows)
        out: dict[str, np.ndarray] = {}
        for name, role in self.roles.items():
            if found[name].dimension != role.dimension:
                raise ConfigError(
                    f"Modality '{role.modality}' gives {found[name].dimension} numbers for these "
                    f"windows and "
                    f"{role.dimension} for the training people's."
                )
            out |= {name: found[name].values, f"{name}_present": found[name].present}
        return out

    def report(self) -> dict[str, Any]:
        """Return how many windows have which modality."""
        notes = [
            f"no window has what '{role.modality}' needs: {name} was left out"
            for name, role in self.asked.items()
            if name not in self.roles
        ]
        return {
            "windows_with": {name: self.counted[name] for name in self.roles},
            "modality_hashes": {name: self.hashes[name] for name in self.roles},
            "notes": notes,
        }


def _hash(vectors: ModalityVectors) -> str:
    return hashlib.sha256(vectors.values.tobytes() + vectors.present.tobytes()).hexdigest()[:16]


def _places(windows: Windows) -> Iterator[tuple[int, int]]:
    return zip(windows.piece.tolist(), windows.first_row.tolist(), strict=True)


def kept(windows: Windows, fraction: float) -> np.ndarray:
    """Return which windows keep their modalities, (N,) bool."""
    if fraction >= 1:
        return np.ones(len(windows), dtype=bool)
    places = zip(windows.recording.tolist(), windows.start_s.tolist(), strict=True)
    drawn = np.array(
        [int(digest([recording, round(start, 3)])[:8], 16) / 16**8 for recording, start in places]
    )
    return np.asarray(drawn < fraction)


def vectors_of(
    batch: Batch, roles: Mapping[str, Role]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the modalities of a batch by role: vectors (B, E), and which windows have one (B,)."""
    vectors = {name: batch.modalities[name] for name in roles}
    present = {name: batch.modalities[f"{name}_present"] for name in roles}
    return vectors, present


class Spread:
    """Whether vectors of different windows still differ: sums over an epoch, kept on the device."""

    def __init__(self) -> None:
        self.sums: list[Tensor] = []

    @torch.no_grad()
    def add(self, vectors: Tensor) -> None:
        """Take in the vectors (B, E) of a batch."""
        with torch.autocast(vectors.device.type, enabled=False):
            vectors = vectors.detach().to(
                torch.float32 if vectors.device.type == "mps" else torch.float64
            )
            unit = functional.normalize(vectors, dim=-1)
            count = torch.full_like(vectors[0], len(vectors))
            new = torch.stack([count, vectors.sum(0), vectors.square().sum(0), unit.sum(0)])
        self.sums = [self.sums[0] + new if self.sums else new]

    def figures(self) -> dict[str, float]:
        """Return `embedding_variance`, the mean variance of a coordinate over the mean square of
        all, and `mean_cosine`, between two different windows; then forget them."""
        if not self.sums:
            return {}
        count, total, square, unit = self.sums[0].cpu().numpy()
        self.sums = []
        n = float(count[0])
        if n < 2:
            return {}
        variance = (square / n - (total / n) ** 2).clip(min=0).mean()
        return {
            "embedding_variance": float(variance / max((square / n).mean(), 1e-30)),
            "mean_cosine": float((unit @ unit - n) / (n * (n - 1))),
        }


_ALIKE, _STILL = 0.99, 0.01
"""A mean cosine above the one, or a variance below the other, is collapse: the losses then say
nothing any more."""
_RISEN, _BY = 0.95, 0.05
"""So is one above this that is that much higher than in the first epoch; some encoders start high,
and fall."""


def collapse_notes(history: Sequence[Mapping[str, float]]) -> list[str]:
    """Return one sentence where the vectors of different windows became nearly the same, else
    nothing."""
    for row in history[1:]:  # the first epoch still shows the random start
        cosine, variance = row.get("mean_cosine", 0.0), row.get("embedding_variance", 1.0)
        risen = cosine > max(_RISEN, history[0].get("mean_cosine", 0.0) + _BY)
        if cosine > _ALIKE or variance < _STILL or risen:
            return [
                f"the vectors collapsed in epoch {row['epoch']:g}: those of different windows are "
                f"nearly the same "
                f"(mean cosine {cosine:.2f}, variance {variance:.3f} of the mean square). Lower "
                f"the learning rate, or "
                "train with modalities (mm above 0)"
            ]
    return []


class Temperature(nn.Module):
    """A temperature that is learnt, and kept within bounds before it is used."""

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
        # The weight itself, not only its use: beyond a bound it would get no gradient to come back
        # by.
        self.value.data.clamp_(self.low, self.high)
        return self.value


def placement(
    dimension: int, width: int, roles: Mapping[str, Role], project: str, imu: bool = True
) -> Alignment:
    """Build the space that an encoder of `dimension` numbers shares with its modalities.

    `project`: "where_needed" or "always", which of the modalities get a linear layer; the encoder
    does where `imu` says so or where it must.
    """
    if project not in ("where_needed", "always"):
        raise ConfigError(f"project is where_needed or always, not '{project}'.")
    always = project == "always"
    named = {
        name: replace(role, linear=always or role.dimension != width)
        for name, role in roles.items()
    }
    return Alignment(dimension, width, named, imu or always or dimension != width)
