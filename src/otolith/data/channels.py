"""A channel is (placement, device, quantity, axis, frame), written `left_wrist@e4.acc.x`.

A scalar quantity has no axis: `left_wrist.baro`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from typing_extensions import override

from otolith.core.catalog import placement as known_placement
from otolith.core.errors import ChannelError
from otolith.data.quantities import AXES, QUANTITIES

_PATTERN = re.compile(
    r"(?P<placement>[a-z_0-9]+)(@(?P<device>[A-Za-z0-9_-]+))?"
    r"\.(?P<quantity>[a-z]+)(\.(?P<axis>[a-z]+))?(:(?P<frame>[a-z]+))?"
)


@dataclass(frozen=True, order=True)
class Channel:
    """One axis of one sensor, by name; nothing passes a bare column number beside an array.

    >>> Channel.parse("left_wrist@e4.gyro.z").sensor
    'left_wrist@e4'
    """

    placement: str
    quantity: str
    axis: str = ""
    """x, y or z; empty for a scalar quantity."""
    device: str = ""
    """Tells two devices on one placement apart; empty for an only device."""
    frame: str = "sensor"
    """`sensor` for the sensor's own axes, `world` for z up."""

    def __post_init__(self) -> None:
        known_placement(self.placement)
        quantity = QUANTITIES.get(self.quantity)
        if quantity is None or self.axis not in (quantity.axes or ("",)):
            raise ChannelError(
                f"'{self.name}' is no channel: the quantity is one of {', '.join(QUANTITIES)}, the "
                "axis one of x, y, z, or none for a scalar (left_wrist.acc.x, left_wrist.baro)."
            )

    @property
    def sensor(self) -> str:
        """The device and its place, such as `left_wrist@e4`."""
        return f"{self.placement}@{self.device}" if self.device else self.placement

    @property
    def name(self) -> str:
        """The name as it stands in files."""
        axis = f".{self.axis}" if self.axis else ""
        frame = "" if self.frame == "sensor" else f":{self.frame}"
        return f"{self.sensor}.{self.quantity}{axis}{frame}"

    @override
    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, name: str) -> Channel:
        """Read a channel from its name; ChannelError where the name has another form."""
        match = _PATTERN.fullmatch(name)
        if not match:
            raise ChannelError(
                f"'{name}' is no channel name; one looks like left_wrist.acc.x or "
                "left_wrist@e4.gyro.z."
            )
        return cls(**{part: text for part, text in match.groupdict().items() if text})


def quantity_channels(
    placement: str, quantity: str, device: str = "", frame: str = "sensor"
) -> tuple[Channel, ...]:
    """Return the channels of one quantity of one sensor: x, y and z, or the one of a scalar."""
    axes = QUANTITIES[quantity].axes or ("",)
    return tuple(Channel(placement, quantity, axis, device, frame) for axis in axes)


def triad(
    placement: str, quantity: str, device: str = "", frame: str = "sensor"
) -> tuple[Channel, Channel, Channel]:
    """Return the x, y and z channels of one quantity of one sensor."""
    x, y, z = (Channel(placement, quantity, axis, device, frame) for axis in AXES)
    return x, y, z


def channel_names(channels: Iterable[Channel]) -> list[str]:
    """Return the names of some channels, in their order."""
    return [channel.name for channel in channels]


def sensors(channels: Sequence[Channel]) -> list[str]:
    """Return the sensors that some channels belong to, each once, in order of first appearance."""
    return list(dict.fromkeys(channel.sensor for channel in channels))


def by_quantity(channels: Sequence[Channel]) -> dict[tuple[str, str], list[int]]:
    """Return (sensor, quantity) -> the indices of its channels, in order of first appearance."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, channel in enumerate(channels):
        groups.setdefault((channel.sensor, channel.quantity), []).append(index)
    return groups


def triads(channels: Sequence[Channel]) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return (sensor, quantity) -> the indices of its x, y and z, for every complete triad.

    >>> triads((*triad("head", "acc"), Channel("head", "gyro", "x")))
    {('head', 'acc'): (0, 1, 2)}
    """
    complete: dict[tuple[str, str], tuple[int, int, int]] = {}
    for key, indices in by_quantity(channels).items():
        of_axis = {channels[index].axis: index for index in indices}
        if set(AXES) <= of_axis.keys():
            complete[key] = (of_axis["x"], of_axis["y"], of_axis["z"])
    return complete


def explain_mismatch(needed: Sequence[Channel], given: Sequence[Channel]) -> str:
    """Say in one clause which channels are missing and which are left over."""
    missing = [channel.name for channel in needed if channel not in given]
    extra = [channel.name for channel in given if channel not in needed]
    clauses = []
    if missing:
        clauses.append(f"missing are {', '.join(missing)}")
    if extra:
        clauses.append(f"not needed are {', '.join(extra)}")
    return "; ".join(clauses) or "the order differs"
