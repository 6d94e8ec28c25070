"""The way from a recording to the windows that an encoder takes, kept with the recogniser and
walked again."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from otolith.core.errors import (
    ChannelError,
    CheckpointError,
    DataError,
    OtolithError,
    OtolithWarning,
)
from otolith.core.settings import configure
from otolith.data.channels import Channel, channel_names, explain_mismatch, sensors
from otolith.data.cut import LEAST_RECORDED, MOST_BRIDGED, cut_recording
from otolith.data.grid import BRIDGE_S, Missing
from otolith.data.recording import Recording, Stream
from otolith.data.windows import Cut, Windows

HIDDEN = "imu"
"""The placement of a sensor whose place the model is not shown."""


@dataclass(frozen=True)
class SignalChain:
    """Which channels at which rate, how lost samples are bridged, and how windows are cut."""

    channels: tuple[Channel, ...]
    rate_hz: float
    length: int
    """Samples in a window."""
    gravity: str
    cut: Cut
    missing: Missing = "error"

    @property
    def seconds(self) -> float:
        """Length of a window."""
        return self.length / self.rate_hz

    @classmethod
    def of(cls, windows: Windows) -> SignalChain:
        """Read it off windows; what an array does not tell is filled in from its channels."""
        recipe = dict(windows.recipe)
        if "seconds" in recipe:
            missing = recipe.pop("missing", "error")
            cut = configure(Cut, recipe, "the recipe of these windows")
        else:
            missing = "error"
            places = tuple(dict.fromkeys(channel.placement for channel in windows.channels))
            quantities = tuple(dict.fromkeys(channel.quantity for channel in windows.channels))
            hidden = HIDDEN if places == (HIDDEN,) else ""
            shown = () if hidden else places
            cut = Cut(
                windows.seconds,
                windows.rate_hz,
                0.0,
                "unlabelled",
                (),
                quantities,
                shown,
                slot=hidden,
            )
        return cls(windows.channels, windows.rate_hz, windows.length, windows.gravity, cut, missing)

    def require(self, windows: Windows) -> None:
        """Raise ChannelError where windows are not what this chain makes."""
        windows.require(self.channels, self.rate_hz, self.length, "this recogniser")
        if windows.gravity != self.gravity:
            raise ChannelError(
                f"These windows have gravity {windows.gravity}, this recogniser was trained with "
                f"gravity {self.gravity}. Import the recordings that way, or fit a recogniser to "
                "windows like these."
            )

    def schema(self) -> dict[str, Any]:
        """Return what a window must be, as JSON writes it."""
        return {
            "channels": channel_names(self.channels),
            "rate_hz": self.rate_hz,
            "length": self.length,
            "gravity": self.gravity,
        }

    def steps(self) -> list[dict[str, Any]]:
        """Return every step between a recording and the encoder, by name and with its settings."""
        window = {k: list(v) if isinstance(v, tuple) else v for k, v in self.cut.to_json().items()}
        return [
            {"name": "resample", "rate_hz": self.rate_hz, "bridge_s": BRIDGE_S},
            {"name": "window", **window, "missing": self.missing, "most_bridged": MOST_BRIDGED},
            {"name": "standardise", "tensors": "standardise."},
        ]

    @classmethod
    def load(
        cls, schema: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], where: str
    ) -> SignalChain:
        """Read the chain back.

        Raises CheckpointError for a step or setting that this version does not know or would carry
        out otherwise.
        """
        try:
            names = [step["name"] for step in steps]
            if names != ["resample", "window", "standardise"]:
                raise CheckpointError(
                    f"{where}: the signal steps are {', '.join(map(str, names)) or 'none'}; this "
                    f"version knows "
                    "resample, window, standardise, in this order. Load it with the version that "
                    "its card names."
                )
            window = {key: value for key, value in steps[1].items() if key != "name"}
            for key, given, here in (
                ("bridge_s", steps[0]["bridge_s"], BRIDGE_S),
                ("most_bridged", window.pop("most_bridged"), MOST_BRIDGED),
                ("rate_hz", steps[0]["rate_hz"], schema["rate_hz"]),
                ("gravity", schema["gravity"] in ("included", "removed"), True),
            ):
                if given != here:
                    raise CheckpointError(
                        f"{where}: the signal chain has {key} = {given}, but this version works "
                        f"with {here}. "
                        "Load it with the version that its card names."
                    )
            channels = tuple(Channel.parse(name) for name in schema["channels"])
            if not channels or len(set(channels)) < len(channels):
                raise CheckpointError(
                    f"{where}: the schema names no channel, or one twice. config.json was edited."
                )
            chain = cls(
                channels,
                float(schema["rate_hz"]),
                int(schema["length"]),
                schema["gravity"],
                missing=window.pop("missing"),
                cut=configure(Cut, window, where),
            )
            if chain.length != round(chain.cut.seconds * chain.rate_hz):
                raise CheckpointError(
                    f"{where}: {chain.length} samples are not the {chain.cut.seconds:g} s "
                    f"that windows last. "
                    "config.json was edited; copy the whole folder again."
                )
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OtolithError) as error:
            raise CheckpointError(
                f"{where}: the signal chain cannot be read ({type(error).__name__}: {error}). "
                f"config.json was "
                "edited or cut off; copy the whole folder again."
            ) from error
        return chain

    def windows(
        self, recording: Recording, overlap: float, allow_placement: bool = False
    ) -> tuple[Windows, Bool[np.ndarray, " N"]]:
        """Cut a recording on a regular grid, by the function and the rules that cut the study.

        Returns the windows, and which of them lost too many samples. Raises ChannelError where the
        recording does not fit, ConfigError for an overlap outside of 0 to 1, DataError where no
        stretch of it fills a window.
        """
        fitting = self.fit_channels(recording, allow_placement)
        cut = self.cut.changed({"overlap": overlap})
        missing: Missing = "mask" if self.missing == "mask" else "error"
        windows, bridged = cut_recording(fitting, cut, self.channels, missing)
        if not len(windows):
            need = self.seconds * (LEAST_RECORDED if cut.pad else 1.0)
            pieces = windows.store.pieces
            longest = np.diff(pieces, axis=1).max(initial=0) / self.rate_hz
            raise DataError(
                f"Recording '{recording.id}' is too short: this recogniser needs {need:g} s "
                f"without a gap, the longest stretch of all its sensors lasts {longest:.2f} s. "
                "Record longer, or adapt a recogniser to shorter windows."
            )
        return windows, bridged

    def fit_channels(self, recording: Recording, allow_placement: bool = False) -> Recording:
        """Return the recording with its channels called as this chain calls them.

        Raises ChannelError where channels are missing, where gravity was treated otherwise, or
        where the sensor sits elsewhere and `allow_placement` does not say that this is meant; then
        it warns.
        """
        if recording.gravity != self.gravity:
            raise ChannelError(
                f"Recording '{recording.id}' has gravity {recording.gravity}, this recogniser was "
                f"trained with gravity "
                f"{self.gravity}. Export the recording that way, or adapt a recogniser to "
                f"recordings like this one."
            )
        slot = self.cut.slot
        found = [
            dataclasses.replace(c, placement=slot, device="") if slot else c
            for c in recording.channels
        ]
        wanted = [c for c in found if c in self.channels]
        if len(set(wanted)) < len(wanted):
            raise ChannelError(
                f"Recording '{recording.id}' holds {', '.join(sensors(recording.channels))}, this "
                f"recogniser takes one "
                "sensor, wherever it sits. Give a recording with one of them."
            )
        absent = [c for c in self.channels if c not in found]
        if not absent:
            return recording
        if self.missing == "mask" and len(absent) < len(self.channels):
            warnings.warn(
                f"Recording '{recording.id}' lacks {', '.join(channel_names(absent))}; they are "
                f"masked.",
                OtolithWarning,
                stacklevel=4,
            )
            return recording
        elsewhere = self._only_elsewhere(recording)
        here = self.channels[0].sensor
        if elsewhere and allow_placement:
            warnings.warn(
                f"Recording '{recording.id}' was worn at {elsewhere}, this recogniser was trained "
                f"at {here}: its "
                "labels were never tested there.",
                OtolithWarning,
                stacklevel=4,
            )
            return _renamed(recording, elsewhere, self.channels[0])
        hint = (
            f"The sensor has all that is needed but sits at {elsewhere} instead of {here}. If that "
            f"is meant, pass "
            "allow_placement=True (--allow-placement)."
            if elsewhere
            else "Record these channels, or adapt a recogniser to those that there are: otolith "
            "adapt."
        )
        raise ChannelError(
            f"Recording '{recording.id}' does not fit this recogniser: "
            f"{explain_mismatch(absent, [])}; it holds "
            f"{', '.join(channel_names(recording.channels)) or 'nothing'}. {hint}"
        )

    def _only_elsewhere(self, recording: Recording) -> str:
        """Return the recording's only sensor if nothing but its place tells it from the wanted one."""
        if len(sensors(self.channels)) != 1 or len(sensors(recording.channels)) != 1:
            return ""
        needed = {(c.quantity, c.axis, c.frame) for c in self.channels}
        given = {(c.quantity, c.axis, c.frame) for c in recording.channels}
        return sensors(recording.channels)[0] if needed <= given else ""


def _renamed(recording: Recording, sensor: str, wanted: Channel) -> Recording:
    def rename(stream: Stream) -> Stream:
        named = tuple(
            dataclasses.replace(c, placement=wanted.placement, device=wanted.device)
            if c.sensor == sensor
            else c
            for c in stream.channels
        )
        return dataclasses.replace(stream, channels=named)

    return dataclasses.replace(
        recording, streams=tuple(rename(stream) for stream in recording.streams)
    )
