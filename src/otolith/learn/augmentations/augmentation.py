"""What every augmentation promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from otolith.core.errors import ConfigError
from otolith.core.settings import Configured
from otolith.data.channels import Channel, triads
from otolith.learn import augmentations


class Augmentation(Configured, ABC):
    """Windows (B, C, T) -> windows of the same shape that show the same activity.

    Each window gets a draw of its own, on its device, from the given generator or else torch's. The
    input is not changed. Settings are in the unit of the windows: SI units, or standard deviations
    where windows are standardised before, as in pretraining. A member is one class, and one line in
    the table of this folder:

    >>> class Offset(Augmentation):
    ...     "Shift each channel by an offset, as an uncalibrated sensor does."
    ...     def change(self, values, generator):
    ...         offset = torch.empty_like(values[..., :1])
    ...         return values + offset.normal_(0.0, 0.1, generator=generator)
    >>> Offset(())(torch.zeros(2, 3, 50)).shape
    torch.Size([2, 3, 50])
    """

    def __init__(self, channels: Sequence[Channel], **settings: object) -> None:
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
        # Offsets and noise would otherwise give an absent channel values that look measured.
        return changed if present is None else torch.where(present[..., None], changed, 0.0)

    @abstractmethod
    def change(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return changed windows; absent channels need no care."""

    def require(self, allowed: bool, what: str) -> None:
        """Raise ConfigError, saying what the settings or channels must be, where they are not."""
        if not allowed:
            raise ConfigError(f"Augmentation '{augmentations.FAMILY.name_of(self)}': {what}.")


class Triads:
    """The complete x, y, z triads among some channels, and the sensor of each.

    index: (K, 3) channels of K triads. sensor: (K,) the sensor's number, below `sensors`.
    """

    def __init__(self, channels: Sequence[Channel], worlds_too: bool = True) -> None:
        chosen = {
            key: index
            for key, index in triads(channels).items()
            # A channel in the world frame does not turn with the sensor that is rotated.
            if worlds_too or channels[index[0]].frame != "world"
        }
        names = list(dict.fromkeys(sensor for sensor, _ in chosen))
        self.index = torch.tensor(list(chosen.values()), dtype=torch.int64)
        self.sensor = torch.tensor([names.index(name) for name, _ in chosen], dtype=torch.int64)
        self.sensors = len(names)

    def to(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return index and sensor on a device."""
        return self.index.to(device), self.sensor.to(device)


class Chain:
    """Several augmentations, one after the other, built by name with their settings by name.

    Raises ConfigError for settings of an augmentation that is not in the chain.
    """

    def __init__(
        self,
        names: Sequence[str],
        channels: Sequence[Channel],
        settings: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        given = dict(settings or {})
        if strange := given.keys() - set(names):
            raise ConfigError(
                f"There are settings for '{min(strange)}', which is not among the augmentations "
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
