"""What every augmentation promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from otolith.core.errors import ConfigError
from otolith.core.settings import Configured, settings
from otolith.data.channels import Channel
from otolith.learn import augmentations


@settings
class NoConfig:
    """An augmentation without settings."""


class Augmentation(Configured, ABC):
    """Windows (B, C, T) -> windows of the same shape that show the same activity.

    Each window gets a draw of its own, on the device where it lies, from the given generator of
    that device or else from torch's. What goes in stays as it is. The numbers of the settings are
    in the unit of the windows: SI units, or standard deviations where the windows were standardised
    before, as pretraining does.
    """

    Config: ClassVar[type[Any]] = NoConfig

    def __init__(self, channels: Sequence[Channel], **settings: Any) -> None:
        self.channels = tuple(channels)
        self.configure(settings)

    def __call__(
        self,
        values: Tensor,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return changed windows; channels that are not `present` (B, C) stay 0."""
        changed = self.change(values, generator)
        return changed if present is None else torch.where(present[..., None], changed, 0.0)

    @abstractmethod
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return changed windows, absent channels not minded."""

    def require(self, allowed: bool, what: str) -> None:
        """Raise ConfigError, saying what is asked of the settings or the channels, unless it is so."""
        if not allowed:
            raise ConfigError(f"Augmentation '{augmentations.FAMILY.name_of(self)}': {what}.")


class Chain:
    """Several augmentations, one after the other."""

    def __init__(
        self,
        names: Sequence[str],
        channels: Sequence[Channel],
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Build them by name, with their settings by name; ConfigError for settings of one that is
        not there."""
        given = dict(settings or {})
        strange = [name for name in given if name not in names]
        if strange:
            raise ConfigError(
                f"There are settings for '{strange[0]}', which is not among the augmentations "
                f"({', '.join(names)})."
            )
        self.links: list[Augmentation] = [
            augmentations.FAMILY.resolve(name)(channels, **given.get(name, {})) for name in names
        ]

    def __call__(
        self,
        values: Tensor,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return windows changed by all of them; channels that are not `present` stay 0."""
        for link in self.links:
            values = link(values, present, generator)
        return values
