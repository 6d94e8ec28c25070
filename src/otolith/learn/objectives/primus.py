"""PRIMUS: a window belongs to its changed self, to what goes with it, and to the nearest window
seen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from otolith.core.errors import ConfigError
from otolith.core.settings import Count, NonNegative, Positive, Share, settings
from otolith.data.batch import Batch
from otolith.data.windows import Windows
from otolith.learn.augmentations.augmentation import Chain
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.modalities.alignment import Alignment
from otolith.learn.objectives._contrast import info_nce
from otolith.learn.objectives._modalities import (
    NEEDS,
    Companions,
    Spread,
    Temperature,
    collapse_notes,
    placement,
    vectors_of,
)
from otolith.learn.objectives._queue import IMU, Queue
from otolith.learn.objectives._views import NUMBER, in_order, numbered, stacked
from otolith.learn.objectives.imu2clip import multimodal
from otolith.learn.objectives.objective import Objective

_PUBLISHED = {"scaling": {"deviation": 0.25}}
_NOBODY = -2
"""The number of a window that never was in the queue."""


@settings
class PRIMUSConfig:
    """Settings of PRIMUS; `ss`, `mm`, `nn` give every row of its ablation."""

    ss: NonNegative = 1.0
    """α, weight of self-supervision; 0 leaves it out."""
    mm: NonNegative = 1.0
    """β, weight of the contrast with modalities."""
    nn: NonNegative = 1.0
    """γ, weight of the contrast with nearest neighbours; without modalities these are found by motion
    alone."""
    text: str = "minilm"
    """The modality that makes vectors of words; empty to leave words out: otolith list modalities."""
    video: str = ""
    """The modality of video: `clip_video`, or `vectors` where they were made elsewhere."""
    pose: str = "pose_vector"
    """The modality of poses, which stand in where there is no video; empty to leave them out."""
    modality_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of the modalities by `text`, `video`, `pose`."""
    modality_fraction: Share = 1.0
    """Share of the windows whose modalities are seen."""
    augmentations: tuple[str, ...] = ("scaling", "time_reversal")
    """What changes the second view, one after the other: otolith list augmentations."""
    augmentation_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of augmentations by name; scaling has the published deviation of 0.25 unless another
    is given."""
    width: Count = 512
    """Numbers of both heads, and of the space that motion and modalities share."""
    project: Literal["where_needed", "always"] = "where_needed"
    """`where_needed`: a modality of `width` numbers is taken as it is; `always`: each gets a linear
    layer."""
    temperature: Positive = 0.1
    """Where both learnt temperatures start."""
    temperature_bounds: tuple[Positive, Positive] = (0.01, 1.0)
    """They stay within these."""
    queue: Count = 8192
    """Windows among which neighbours are looked for."""


class PRIMUS(Objective):
    """Self-supervised, multimodal and nearest-neighbour contrast.

    Source: Das, Tang, Kawsar, Malekzadeh, "PRIMUS: Pretraining IMU Encoders with Multimodal and
    Self-Supervised Learning" (2024), https://arxiv.org/abs/2411.15127. With f the encoder, s and m
    two linear heads, h a changed window, v and t frozen vectors of video and text, and z those of
    the nearest window in a queue,

        L = α·InfoNCE(s(f(x)), s(f(h(x))); τ_s)
          + β·[InfoNCE(m(f(x)), v; τ_m) + InfoNCE(m(f(x)), t; τ_m)]
          + γ·[InfoNCE(s(f(x)), z_imu; τ_s) + InfoNCE(m(f(x)), z_v; τ_m) + InfoNCE(m(f(x)), z_t; τ_m)]

    all symmetric, each over the windows of a batch that have what it needs. The neighbour is the
    nearest by video, else pose, else text, else motion, and never the window itself. The queue is
    looked up before the batch enters it, and is not fed in validation. Modalities of another width
    than the space get a linear layer.

    Raises ConfigError for settings out of range, or where `mm` asks for modalities and no window has
    one.
    """

    Config: ClassVar[type[Any]] = PRIMUSConfig
    config: PRIMUSConfig

    def __init__(self, **settings: Any) -> None:
        weights = {
            name: float(settings[name])
            for name in ("ss", "mm", "nn")
            if isinstance(settings.get(name), bool)
        }
        super().__init__(**settings | weights)
        c = self.config
        if min(c.ss, c.mm, c.nn) < 0 or not max(c.ss, c.mm, c.nn):
            raise ConfigError(
                "PRIMUS needs weights ss, mm, nn of 0 or more, and one of them above 0."
            )
        if c.ss and not c.augmentations:
            raise ConfigError(
                "PRIMUS with ss contrasts a window with its changed self; name an augmentation or "
                "more."
            )
        named = {"text": c.text, "video": c.video, "pose": c.pose} if c.mm or c.nn else {}
        self.companions = Companions(named, c.modality_settings, c.modality_fraction)
        self.ssl: nn.Module = nn.Identity()
        self.space: Alignment | None = None
        self.queue: Queue | None = None
        self.temperature_ssl = (
            Temperature(c.temperature, c.temperature_bounds) if c.ss or c.nn else None
        )
        self.temperature_mm: Temperature | None = None
        self.spread = Spread()

    @override
    def prepare(self, windows: Windows) -> None:
        """Ask for the modalities of everybody's windows at once."""
        self.companions.prepare(windows)

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """See which modalities there are, and build the heads, the shared space and the queue."""
        c = self.config
        self.companions.fit(windows)
        roles = self.companions.roles
        if c.mm and not roles:
            raise ConfigError(
                f"PRIMUS contrasts windows with modalities, and none of these has one. {NEEDS} "
                f"Without any, set mm = 0."
            )
        if c.ss:
            published = {name: own for name, own in _PUBLISHED.items() if name in c.augmentations}
            self.chain = Chain(
                c.augmentations, windows.channels, published | c.augmentation_settings
            )
        if c.ss or c.nn:
            self.ssl = nn.Linear(encoder.dimension, c.width)
        if roles:
            self.space = placement(encoder.dimension, c.width, roles, c.project)
            self.temperature_mm = Temperature(c.temperature, c.temperature_bounds)
        if c.nn:
            self.queue = Queue(
                c.queue, {IMU: c.width} | {name: role.dimension for name, role in roles.items()}
            )

    @override
    def targets(self, windows: Windows) -> dict[str, np.ndarray]:
        """Return the modalities' vectors, and the numbers of the windows."""
        return numbered(windows) | self.companions.targets(windows)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted losses: `ss`, `mm_` and `nn_` by modality; while the queue is empty no
        `nn_`, or 0."""
        c = self.config
        batch, generator = in_order(batch, self.training)
        vectors, present = vectors_of(batch, self.companions.roles)
        if c.ss:
            changed = self.chain(batch.values, batch.present, generator)
            pooled, other = encoder(stacked(batch, [batch.values, changed])).pooled.chunk(2)
        else:
            pooled = other = encoder(batch).pooled
        own = self.ssl(pooled)
        motion = self.space.motion(pooled) if self.space else own
        if self.training:
            self.spread.add(motion)
        losses: dict[str, Tensor] = {}
        if c.ss:
            losses["ss"] = c.ss * info_nce(own, self.ssl(other), self._tau_ssl)
        if c.mm and self.space:
            terms = multimodal(self.space, motion, vectors, present, self._tau_mm)
            losses |= {name: c.mm * term for name, term in terms.items()}
        if self.queue is not None:
            number = (
                batch.modalities[NUMBER]
                if self.training
                else torch.full_like(batch.modalities[NUMBER], _NOBODY)
            )
            vectors, present = (
                vectors | {IMU: own},
                present | {IMU: torch.ones_like(number, dtype=torch.bool)},
            )
            if not self.queue.is_empty or not losses:
                terms = self.nearest(own, motion, number, vectors, present)
                losses |= {name: c.nn * term for name, term in terms.items()}
            if self.training and torch.is_grad_enabled():
                self.queue.push(number, vectors, present)
        return losses

    def nearest(
        self,
        own: Tensor,
        motion: Tensor,
        number: Tensor,
        vectors: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the contrast of each window with all that belongs to its nearest neighbour in the
        queue."""
        assert self.queue is not None
        roles = self.companions.roles
        slot, found = self.queue.nearest([*roles, IMU], number, vectors, present)
        losses = {"nn_imu": info_nce(own, self.queue.at(slot, IMU)[0], self._tau_ssl, found)}
        for name in roles:
            assert self.space is not None
            theirs, there = self.queue.at(slot, name)
            losses[f"nn_{name}"] = info_nce(
                motion, self.space.modality(name, theirs), self._tau_mm, found & there
            )
        return losses

    @property
    def _tau_ssl(self) -> Tensor:
        assert self.temperature_ssl is not None
        value: Tensor = self.temperature_ssl()
        return value

    @property
    def _tau_mm(self) -> Tensor:
        assert self.temperature_mm is not None
        value: Tensor = self.temperature_mm()
        return value

    @override
    def measured(self) -> dict[str, float]:
        """Return whether vectors of different windows still differ."""
        return self.spread.figures()

    @override
    def complaints(self, history: Sequence[Mapping[str, float]]) -> list[str]:
        """Return a sentence where they collapsed."""
        return collapse_notes(history)

    @override
    def report(self) -> dict[str, Any]:
        """Return how many windows have which modality."""
        return self.companions.report()

    @override
    def alignment(self) -> Alignment | None:
        """Return the space shared with the modalities; None without any."""
        return self.space
