"""The signal chain: from a recording to the windows that an encoder takes, kept with it."""

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
from otolith.data.recording import Recording
from otolith.data.windows import Cut, Windows
from otolith.learn.training.pretrained import PretrainedEncoder

HIDDEN = "imu"
"""The placement of a sensor whose place the model is not shown."""
_STEPS = ("resample", "window", "standardise")


@dataclass(frozen=True)
class SignalChain:
    """Which channels, and how windows are cut from them."""

    channels: tuple[Channel, ...]
    gravity: str
    cut: Cut
    missing: Missing = "error"

    @property
    def rate_hz(self) -> float:
        """The rate that every stream is resampled to."""
        return self.cut.rate_hz

    @property
    def length(self) -> int:
        """Samples in a window."""
        return self.cut.length

    @classmethod
    def of(cls, windows: Windows) -> SignalChain:
        """Read the chain off windows; what an array does not say comes from its channels.

        >>> windows = Windows.from_array(np.zeros((2, 1, 100)), rate_hz=50, channels=["head.acc.x"])
        >>> SignalChain.of(windows).schema()
        {'channels': ['head.acc.x'], 'rate_hz': 50.0, 'length': 100, 'gravity': 'included'}
        """
        recipe = dict(windows.recipe)
        missing = recipe.pop("missing", "error")
        if "seconds" not in recipe:
            # An array has no cut of its own; this one is what would give such windows.
            places = list(dict.fromkeys(channel.placement for channel in windows.channels))
            hidden = places == [HIDDEN]
            recipe = {
                "seconds": windows.seconds,
                "rate_hz": windows.rate_hz,
                "overlap": 0.0,
                "label_rule": "unlabelled",
                "quantities": list(dict.fromkeys(c.quantity for c in windows.channels)),
                "placements": [] if hidden else places,
                "slot": HIDDEN if hidden else "",
            }
        cut = configure(Cut, recipe, "the recipe of these windows")
        return cls(windows.channels, windows.gravity, cut, missing)

    @classmethod
    def of_encoder(cls, encoder: PretrainedEncoder) -> SignalChain:
        """Return the chain that an encoder was pretrained behind."""
        recipe = encoder.record.get("windows", {}).get("recipe", {})
        # How the pretraining overlapped its windows does not matter to who recognises.
        grid = {"overlap": 0.0, "label_rule": "unlabelled", "pad": bool(recipe.get("pad", False))}
        cut = configure(Cut, {**encoder.cutting(), **grid}, "the recipe of this encoder")
        return cls(encoder.channels, encoder.gravity, cut)

    @classmethod
    def load(
        cls, schema: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], where: str
    ) -> SignalChain:
        """Read the chain back.

        Raises CheckpointError for a step or setting that this version does not know or would carry
        out otherwise.
        """
        try:
            names = [str(step["name"]) for step in steps]
            if tuple(names) != _STEPS:
                raise CheckpointError(
                    f"{where}: the signal steps are {', '.join(names) or 'none'}; this version "
                    f"knows {', '.join(_STEPS)}, in this order. Load it with the version that its "
                    "card names."
                )
            window = dict(steps[1])
            for key in ("name", "most_bridged"):
                del window[key]
            missing = window.pop("missing")
            channels = tuple(Channel.parse(name) for name in schema["channels"])
            chain = cls(channels, schema["gravity"], configure(Cut, window, where), missing)
            # A chain that is carried out otherwise than in training gives wrong labels without a
            # word.
            chain._refuse_other(schema, steps, where)
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OtolithError) as error:
            raise CheckpointError(
                f"{where}: the signal chain cannot be read ({type(error).__name__}: {error}). "
                "config.json was edited or cut off; copy the whole folder again."
            ) from error
        return chain

    def _refuse_other(
        self, schema: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], where: str
    ) -> None:
        """Raise CheckpointError where a file says what this chain would carry out otherwise."""
        if not self.channels or len(set(self.channels)) < len(self.channels):
            raise CheckpointError(
                f"{where}: the schema names no channel, or one twice. config.json was edited."
            )
        if self.gravity not in ("included", "removed"):
            raise CheckpointError(f"{where}: gravity is {self.gravity!r:.80}: it was edited.")
        # Only what the file says: a setting that is newer than it has its default.
        for stored, here in zip([schema, *steps], [self.schema(), *self.steps()], strict=True):
            for key, value in stored.items():
                if here.get(key) != value:
                    raise CheckpointError(
                        f"{where}: the signal chain has {key} = {value!r:.80}, but this version "
                        f"works with {here.get(key)!r}. Load it with the version that its card "
                        "names."
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

    def require(self, windows: Windows) -> None:
        """Raise ChannelError where windows are not what this chain makes."""
        windows.require(self.channels, self.rate_hz, self.length, "this recogniser")
        if windows.gravity != self.gravity:
            raise ChannelError(
                f"These windows have gravity {windows.gravity}, this recogniser was trained with "
                f"gravity {self.gravity}. Import the recordings that way, or fit a recogniser to "
                "windows like these."
            )

    def windows(
        self, recording: Recording, overlap: float, allow_placement: bool = False
    ) -> tuple[Windows, Bool[np.ndarray, " N"]]:
        """Cut a recording on a regular grid, by the function and the rules that cut the study.

        Returns the windows, and which of them lost too many samples. Raises ChannelError where the
        recording does not fit, ConfigError for an overlap outside of 0 to 1, DataError where no
        stretch of it fills a window.
        """
        fitting = self.fit_channels(recording, allow_placement)
        # The grid is for the one who recognises to choose; all else is as in training.
        cut = self.cut.changed({"overlap": overlap})
        # A study may drop a recording that lacks a channel; here there is only this one.
        missing: Missing = "mask" if self.missing == "mask" else "error"
        windows, bridged = cut_recording(fitting, cut, self.channels, missing)
        if not len(windows):
            need = cut.seconds * (LEAST_RECORDED if cut.pad else 1.0)
            longest = np.diff(windows.store.pieces, axis=1).max(initial=0) / self.rate_hz
            raise DataError(
                f"Recording '{recording.id}' is too short: this recogniser needs {need:g} s "
                f"without a gap, the longest stretch of all its sensors lasts {longest:.2f} s. "
                "Record longer, or adapt a recogniser to shorter windows."
            )
        return windows, bridged

    def fit_channels(self, recording: Recording, allow_placement: bool = False) -> Recording:
        """Return the recording with its channels called as this chain calls them.

        Raises ChannelError where channels are missing, where gravity was treated otherwise, or
        where the sensor sits elsewhere; with `allow_placement` that is a warning.
        """
        name, here = f"Recording '{recording.id}'", self.channels[0]
        if recording.gravity != self.gravity:
            raise ChannelError(
                f"{name} has gravity {recording.gravity}, this recogniser was trained with gravity "
                f"{self.gravity}. Export the recording that way, or adapt a recogniser to "
                "recordings like this one."
            )
        known = [
            channel for c in recording.channels if (channel := self._shown(c)) in self.channels
        ]
        if len(set(known)) < len(known):
            raise ChannelError(
                f"{name} holds {', '.join(sensors(recording.channels))}, this recogniser takes one "
                "sensor, wherever it sits. Give a recording with one of them."
            )
        absent = [channel for channel in self.channels if channel not in known]
        elsewhere = self._only_elsewhere(recording)
        if not absent:
            return recording
        # Trained with masked channels, so it knows how to do without some of them.
        if self.missing == "mask" and len(absent) < len(self.channels):
            message = f"{name} lacks {', '.join(channel_names(absent))}; they are masked."
            warnings.warn(message, OtolithWarning, stacklevel=4)
            return recording
        if elsewhere and allow_placement:
            message = (
                f"{name} was worn at {elsewhere}, this recogniser was trained at {here.sensor}: "
                "its labels were never tested there."
            )
            warnings.warn(message, OtolithWarning, stacklevel=4)
            return _moved(recording, here)
        hint = "Record these channels, or adapt a recogniser to those available: otolith adapt."
        if elsewhere:
            hint = (
                f"The sensor has all that is needed but sits at {elsewhere} instead of "
                f"{here.sensor}. If that is meant, pass allow_placement=True (--allow-placement)."
            )
        held = ", ".join(channel_names(recording.channels)) or "nothing"
        raise ChannelError(
            f"{name} does not fit this recogniser: {explain_mismatch(absent, [])}; it holds "
            f"{held}. {hint}"
        )

    def _shown(self, channel: Channel) -> Channel:
        """A recording's channel as the model sees it: without its place, where that is hidden."""
        slot = self.cut.slot
        return dataclasses.replace(channel, placement=slot, device="") if slot else channel

    def _only_elsewhere(self, recording: Recording) -> str:
        """The recording's only sensor, if it has all that this chain's only sensor has."""
        if len(sensors(self.channels)) != 1 or len(sensors(recording.channels)) != 1:
            return ""
        needed, held = (
            {(c.quantity, c.axis, c.frame) for c in channels}
            for channels in (self.channels, recording.channels)
        )
        return sensors(recording.channels)[0] if needed <= held else ""


def _moved(recording: Recording, to: Channel) -> Recording:
    """A recording of one sensor, as if worn where another one sits."""
    place = {"placement": to.placement, "device": to.device}
    streams = tuple(
        dataclasses.replace(
            stream, channels=tuple(dataclasses.replace(c, **place) for c in stream.channels)
        )
        for stream in recording.streams
    )
    return dataclasses.replace(recording, streams=streams)
