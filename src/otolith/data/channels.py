"""A channel is (placement, device, quantity, axis, frame), written `left_wrist@e4.acc.x`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from typing_extensions import override

from otolith.core.catalog import placement as known_placement
from otolith.core.errors import ChannelError

QUANTITIES = {"acc": "acceleration", "gyro": "angular velocity", "mag": "magnetic field"}
AXES = ("x", "y", "z")
_PATTERN = re.compile(
    r"^(?P<placement>[a-z_0-9]+)(@(?P<device>[A-Za-z0-9_-]+))?\.(?P<quantity>[a-z]+)\.(?P<axis>[a-z]+)(:(?P<frame>[a-z]+))?$"
)


@dataclass(frozen=True, order=True)
class Channel:
    """One axis of one sensor, by name; nothing passes a bare column number beside an array."""

    placement: str
    quantity: str
    axis: str
    device: str = ""
    """Tells two devices on one placement apart; empty for an only device."""
    frame: str = "sensor"
    """`sensor` for the sensor's own axes, `world` for z up."""

    def __post_init__(self) -> None:
        known_placement(self.placement)
        if self.quantity not in QUANTITIES or self.axis not in AXES:
            raise ChannelError(
                f"'{self.name}' is no channel: the quantity is one of {', '.join(QUANTITIES)}, the "
                f"axis one of x, y, z."
            )

    @property
    def sensor(self) -> str:
        """The device and its place, such as `left_wrist@e4`."""
        return f"{self.placement}@{self.device}" if self.device else self.placement

    @property
    def name(self) -> str:
        """The name as it stands in files."""
        frame = "" if self.frame == "sensor" else f":{self.frame}"
        return f"{self.sensor}.{self.quantity}.{self.axis}{frame}"

    @override
    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, name: str) -> Channel:
        """Read a channel from its name.

        Raises ChannelError where the name has another form.
        """
        match = _PATTERN.match(name)
        if not match:
            raise ChannelError(
                f"'{name}' is no channel name; one looks like left_wrist.acc.x or "
                f"left_wrist@e4.gyro.z."
            )
        parts = match.groupdict()
        return cls(
            parts["placement"],
            parts["quantity"],
            parts["axis"],
            parts["device"] or "",
            parts["frame"] or "sensor",
        )


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


def triads(channels: Sequence[Channel]) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return (sensor, quantity) -> the indices of its x, y and z, for every complete triad."""
    index = {
        (channel.sensor, channel.quantity, channel.axis): i for i, channel in enumerate(channels)
    }
    out: dict[tuple[str, str], tuple[int, int, int]] = {}
    for sensor, quantity, _ in index:
        found = [index.get((sensor, quantity, axis)) for axis in AXES]
        if None not in found:
            x, y, z = (i for i in found if i is not None)
            out[sensor, quantity] = (x, y, z)
    return out


def explain_mismatch(wanted: Sequence[Channel], found: Sequence[Channel]) -> str:
    """Say in one clause which channels are missing and which are left over."""
    missing = [c.name for c in wanted if c not in found]
    extra = [c.name for c in found if c not in wanted]
    clauses = []
    if missing:
        clauses.append(f"missing are {', '.join(missing)}")
    if extra:
        clauses.append(f"not wanted are {', '.join(extra)}")
    return "; ".join(clauses) or "the order differs"
