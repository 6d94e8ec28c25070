"""Calibration of simulated recordings where some real ones exist: their values are spread as the
real ones are.

Off unless asked for. It makes a simulated wrist look like the real wrists that it was fitted to in
how often each value occurs, and in nothing else; what it changes is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.data.channels import triads
from otolith.data.recording import Recording, Stream

QUANTILES = 201
"""Points of each map; between them it is a straight line."""
SAMPLES_EACH = 20_000
"""Values that one recording contributes to a channel, evenly spaced over it: a long one does not
outvote the others."""


@dataclass(frozen=True)
class Matching:
    """A rising map per channel, from simulated values to the real values of the same rank.

    Kwon et al., "IMUTube: Automatic Extraction of Virtual on-body Accelerometry from Video for
    Human Activity Recognition" (2020), https://doi.org/10.1145/3411841. Two manners: by axis, as
    there, which also bends the direction of gravity; or by magnitude (`axes` False), which
    stretches vectors and leaves their direction.
    """

    maps: Mapping[str, tuple[np.ndarray, np.ndarray]]
    """Channel, or sensor and quantity such as "left_wrist.acc": simulated and real values at rising
    ranks."""
    axes: bool
    """Each axis by itself; else magnitudes."""
    people: tuple[str, ...]
    """Whom the real recordings are of: these must be training subjects, never any that the result
    is judged on."""

    @classmethod
    def fit(
        cls,
        simulated: Iterable[Recording],
        real: Iterable[Recording],
        axes: bool = True,
        quantiles: int = QUANTILES,
    ) -> Matching:
        """Learn the maps from recordings of both kinds, of the same placements; those of training
        subjects only.

        What only one side has stays as it is. Raises DataError where the two sides are mixed up or
        empty, ChannelError where they share no channel, ConfigError for fewer than two quantiles.
        """
        if quantiles < 2:
            raise ConfigError(
                f"A map has two quantiles at least; found {quantiles}. The default is {QUANTILES}."
            )
        people: dict[str, None] = {}
        sides: list[dict[str, list[np.ndarray]]] = [{}, {}]
        for side, origin, recordings in ((0, "simulated", simulated), (1, "measured", real)):
            for recording in recordings:
                if recording.origin != origin:
                    raise DataError(
                        f"Recording '{recording.id}' is {recording.origin}; "
                        f"Matching.fit(simulated, real) takes the "
                        "simulated recordings first and the measured ones second."
                    )
                if side:
                    people[recording.subject] = None
                for name, values in _signals(recording, axes):
                    step = max(1, -(-len(values) // SAMPLES_EACH))
                    sides[side].setdefault(name, []).append(values[::step].astype(np.float64))
        shared = [name for name in sides[0] if name in sides[1]]
        if not shared:
            raise ChannelError(
                f"Simulated and real recordings share no channel: {sorted(sides[0])[:6]} and "
                f"{sorted(sides[1])[:6]}. "
                "Simulate the placements that were measured: simulate(..., placements=[...])."
            )
        ranks = np.linspace(0.0, 1.0, quantiles)
        maps = {}
        for name in shared:
            source, target = (np.quantile(np.concatenate(side[name]), ranks) for side in sides)
            # Where many simulated values are one and the same, so is what becomes of them: the
            # middle of their ranks.
            kept, at = np.unique(source, return_inverse=True)
            maps[name] = (kept, np.bincount(at, target) / np.bincount(at))
        return cls(maps, axes, tuple(people))

    def apply(self, recording: Recording) -> Recording:
        """The same recording with its values spread as the real ones; beyond the values seen it is
        shifted, not bent.

        Raises DataError for a measured recording: that is what the simulated ones are matched to.
        """
        if recording.origin != "simulated":
            raise DataError(
                f"Recording '{recording.id}' was measured; only simulated ones are matched to real "
                f"ones."
            )
        return replace(
            recording,
            streams=tuple(self._stream(stream) for stream in recording.streams),
            facts=recording.facts | {"matched_to": f"{len(self.people)} people"},
        )

    def changes(self, recording: Recording) -> dict[str, dict[str, float]]:
        """What applying changes, per channel (or sensor and quantity), in m/s², rad/s or µT.

        moved: root mean square of the change; distance_before and distance_after: mean distance of
        the quantiles to those of the real recordings (Wasserstein's of order 1).
        """
        before, after = (
            dict(_signals(part, self.axes)) for part in (recording, self.apply(recording))
        )
        out = {}
        for name, (source, target) in self.maps.items():
            if name in before:
                ranks = np.linspace(0.0, 1.0, QUANTILES)
                wanted = np.interp(ranks, np.linspace(0.0, 1.0, len(source)), target)
                first, second = (np.quantile(side[name], ranks) for side in (before, after))
                out[name] = {
                    "moved": float(
                        np.sqrt(np.mean((after[name].astype(np.float64) - before[name]) ** 2))
                    ),
                    "distance_before": float(np.abs(first - wanted).mean()),
                    "distance_after": float(np.abs(second - wanted).mean()),
                }
        return out

    def to_json(self) -> dict[str, Any]:
        """The maps as plain numbers, to be kept beside a study."""
        maps = {
            name: [source.tolist(), target.tolist()] for name, (source, target) in self.maps.items()
        }
        return {"axes": self.axes, "people": list(self.people), "maps": maps}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Matching:
        """Read what `to_json` wrote; raises ConfigError for anything else."""
        try:
            maps = {
                name: (np.array(source, dtype=np.float64), np.array(target, dtype=np.float64))
                for name, (source, target) in content["maps"].items()
            }
            found = cls(maps, bool(content["axes"]), tuple(content["people"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"This is no matching that Matching.to_json wrote: {error!r}."
            ) from error
        if any(a.shape != b.shape or a.ndim != 1 or not a.size for a, b in maps.values()):
            raise ConfigError(
                "This is no matching that Matching.to_json wrote: its maps differ in length."
            )
        return found

    def _stream(self, stream: Stream) -> Stream:
        values = stream.values.astype(np.float64)
        if self.axes:
            for column, channel in enumerate(stream.channels):
                if channel.name in self.maps:
                    values[:, column] = _mapped(values[:, column], *self.maps[channel.name])
        else:
            for (sensor, quantity), columns in triads(stream.channels).items():
                name = f"{sensor}.{quantity}"
                if name in self.maps:
                    size = np.linalg.norm(values[:, list(columns)], axis=1)
                    wanted = np.maximum(_mapped(size, *self.maps[name]), 0.0)
                    values[:, list(columns)] *= (wanted / np.maximum(size, 1e-12))[:, None]
        return replace(stream, values=values.astype(np.float32))


def _mapped(values: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Along the map where it was seen, beside it at a constant distance."""
    inside = np.interp(values, source, target)
    low, high = np.minimum(values - source[0], 0.0), np.maximum(values - source[-1], 0.0)
    return np.asarray(inside + low + high)


def _signals(recording: Recording, axes: bool) -> Iterable[tuple[str, Float[np.ndarray, " T"]]]:
    for stream in recording.streams:
        if axes:
            yield from (
                (channel.name, stream.values[:, i]) for i, channel in enumerate(stream.channels)
            )
        else:
            for (sensor, quantity), columns in triads(stream.channels).items():
                yield (
                    f"{sensor}.{quantity}",
                    np.linalg.norm(stream.values[:, list(columns)], axis=1),
                )
