"""PRIMUS: a window belongs to its changed self, to its modalities, and to its nearest neighbour."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Literal

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
    Aligned,
    Companions,
    Temperature,
    multimodal,
    placement,
    vectors_of,
)
from otolith.learn.objectives._queue import IMU, Queue
from otolith.learn.objectives._views import NUMBER, in_order, stacked

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
    """γ, weight of the contrast with nearest neighbours; without modalities motion alone decides
    who is near."""
    text: str = "minilm"
    """The modality of words; empty to leave words out: otolith list modalities."""
    video: str = ""
    """The modality of video: `clip_video`, or `vectors` where they were made elsewhere."""
    pose: str = "pose_vector"
    """The modality of poses, which stand in where there is no video; empty to leave them out."""
    modality_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of the modalities by `text`, `video`, `pose`."""
    modality_fraction: Share = 1.0
    """Share of the windows whose modalities are seen."""
    augmentations: tuple[str, ...] = ("scaling", "time_reversal")
    """What changes the second view, one after the other: otolith list augmentations."""
    augmentation_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Settings of augmentations by name; scaling has the published deviation of 0.25 unless another
    is given."""
    width: Count = 512
    """Numbers of both heads, and of the space that motion and modalities share."""
    project: Literal["where_needed", "always"] = "where_needed"
    """`where_needed`: a modality of `width` numbers is taken as it is; `always`: each gets a linear
    layer."""
    temperature: Positive = 0.1
    """Start of both learnt temperatures."""
    temperature_bounds: tuple[Positive, Positive] = (0.01, 1.0)
    """They stay within these."""
    queue: Count = 8192
    """Windows among which neighbours are looked for."""


class PRIMUS(Aligned):
    """Self-supervised, multimodal and nearest-neighbour contrast.

    Source: Das, Tang, Kawsar, Malekzadeh, "PRIMUS: Pretraining IMU Encoders with Multimodal and
    Self-Supervised Learning" (2024), https://arxiv.org/abs/2411.15127. With f the encoder, s and m
    two linear heads, h a changed window, v and t frozen vectors of video and text, and z those of
    the nearest window in a queue,

        L = α·L_SS + β·L_MM + γ·L_NN
        L_SS = InfoNCE(s(f(x)), s(f(h(x))); τ_s)
        L_MM = InfoNCE(m(f(x)), v; τ_m) + InfoNCE(m(f(x)), t; τ_m)
        L_NN = InfoNCE(s(f(x)), z_imu; τ_s)
             + InfoNCE(m(f(x)), z_v; τ_m) + InfoNCE(m(f(x)), z_t; τ_m)

    all symmetric, each over the windows of a batch that have what it needs. The neighbour is the
    nearest by video, else pose, else text, else motion, and never the window itself. The queue is
    read before the batch enters it, and is not fed in validation.

    Raises ConfigError for settings out of range, or with `mm` where no window has a modality.

    >>> PRIMUS(text="", pose="", mm=0, nn=0)  # self-supervision alone: SS of the ablation
    PRIMUS(mm=0.0, nn=0.0, text='', pose='')
    """

    Config: ClassVar[type[Any]] = PRIMUSConfig
    config: PRIMUSConfig
    temperature_mm: Temperature | None

    def __init__(self, **settings: object) -> None:
        # A switch of the ablation is a weight: true is 1, false 0.
        for name in ("ss", "mm", "nn"):
            if isinstance(settings.get(name), bool):
                settings[name] = 1.0 if settings[name] else 0.0
        super().__init__(**settings)
        c = self.config
        if not max(c.ss, c.mm, c.nn):
            raise ConfigError("PRIMUS needs one of ss, mm, nn, and one of them above 0.")
        if c.ss and not c.augmentations:
            raise ConfigError(
                "PRIMUS with ss contrasts a window with its changed self; name an augmentation or "
                "more."
            )
        named = {"text": c.text, "video": c.video, "pose": c.pose} if c.mm or c.nn else {}
        self.companions = Companions(named, c.modality_settings, c.modality_fraction)
        self.ssl: nn.Module = nn.Identity()
        self.space = None
        self.queue: Queue | None = None
        bounds = c.temperature_bounds
        self.temperature_ssl = Temperature(c.temperature, bounds) if c.ss or c.nn else None
        self.temperature_mm = None

    @override
    def fit(self, windows: Windows, encoder: Encoder) -> None:
        """See which modalities there are, and build the heads, the shared space and the queue."""
        c = self.config
        self.companions.fit(windows)
        roles = self.companions.roles
        if c.mm and not roles:
            raise ConfigError(
                f"PRIMUS contrasts windows with modalities, and none of these has one. {NEEDS} "
                "Without any, set mm = 0."
            )
        if c.ss:
            published = {n: given for n, given in _PUBLISHED.items() if n in c.augmentations}
            given = published | c.augmentation_settings
            self.chain = Chain(c.augmentations, windows.channels, given)
        if c.ss or c.nn:
            self.ssl = nn.Linear(encoder.dimension, c.width)
        if roles:
            self.space = placement(encoder.dimension, c.width, roles, c.project)
            self.temperature_mm = Temperature(c.temperature, c.temperature_bounds)
        if c.nn:
            widths = {name: role.dimension for name, role in roles.items()}
            self.queue = Queue(c.queue, {IMU: c.width} | widths)

    @override
    def forward(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted losses: `ss`, `mm_` and `nn_` by modality; no `nn_`, or 0, while the
        queue is empty."""
        c = self.config
        batch, generator = in_order(batch, self.training)
        vectors, present = vectors_of(batch, self.companions.roles)
        pooled, changed = self._both_views(encoder, batch, generator)
        view = self.ssl(pooled)  # s(f(x)), (B, E)
        motion = self.space.motion(pooled) if self.space else view  # m(f(x)), (B, E)
        if self.training:
            self._spread.add(motion)
        # One temperature for each head, as published.
        tau_s, tau_m = _value(self.temperature_ssl), _value(self.temperature_mm)

        losses: dict[str, Tensor] = {}
        if c.ss:
            losses["ss"] = c.ss * info_nce(view, self.ssl(changed), tau_s)
        if c.mm and self.space:
            terms = multimodal(self.space, motion, vectors, present, tau_m)
            losses |= {name: c.mm * term for name, term in terms.items()}
        if self.queue is None:
            return losses

        number = batch.modalities[NUMBER]
        if not self.training:  # windows of validation people never were in the queue
            number = torch.full_like(number, _NOBODY)
        vectors = vectors | {IMU: view}
        present = present | {IMU: torch.ones_like(number, dtype=torch.bool)}
        # Without another loss a loss of 0 still has to be returned.
        if not self.queue.is_empty or not losses:
            slot, has_one = self.queue.nearest(
                [*self.companions.roles, IMU], number, vectors, present
            )
            terms = nearest_neighbour(
                self.queue, self.space, view, motion, (slot, has_one), (tau_s, tau_m)
            )
            losses |= {name: c.nn * term for name, term in terms.items()}
        # After the lookup: a window is never its own neighbour.
        if self.training and torch.is_grad_enabled():
            self.queue.push(number, vectors, present)
        return losses

    def _both_views(
        self, encoder: Encoder, batch: Batch, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Return f(x) and f(h(x)), (B, D) each; without `ss` the window is seen once."""
        if not self.config.ss:
            pooled = encoder(batch).pooled
            return pooled, pooled
        changed = self.chain(batch.values, batch.present, generator)
        first, second = encoder(stacked(batch, [batch.values, changed])).pooled.chunk(2)
        return first, second


def nearest_neighbour(
    queue: Queue,
    space: Alignment | None,
    view: Tensor,
    motion: Tensor,
    nearest: tuple[Tensor, Tensor],
    temperatures: tuple[Tensor, Tensor],
) -> dict[str, Tensor]:
    """Return L_NN: the contrast of each window with all that belongs to its nearest neighbour.

    view, motion: s(f(x)) and m(f(x)), (B, E). nearest: the neighbour's slot (B,), and whether there
    is one (B,). temperatures: τ_s and τ_m.
    """
    slot, has_one = nearest
    tau_s, tau_m = temperatures
    losses = {"nn_imu": info_nce(view, queue.at(slot, IMU)[0], tau_s, has_one)}
    for name in space.roles if space else ():
        assert space is not None
        vectors, present = queue.at(slot, name)
        placed = space.modality(name, vectors)
        losses[f"nn_{name}"] = info_nce(motion, placed, tau_m, has_one & present)
    return losses


def _value(temperature: Temperature | None) -> Tensor:
    """Return a temperature; NaN where no loss has it."""
    value: Tensor = temperature() if temperature else torch.tensor(torch.nan)
    return value
