"""What sensors worn by a moving body would have measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError
from otolith.core.settings import settings
from otolith.data.channels import triad
from otolith.data.quantities import STANDARD_GRAVITY
from otolith.data.recording import Recording, RowReport, Segment, Stream
from otolith.motion import rotations
from otolith.motion.bodies.body import Body, fit
from otolith.motion.motion import Motion
from otolith.motion.shapes import Point, Turn
from otolith.motion.simulation.kinematics import Track, track
from otolith.motion.simulation.magnetic import field_reading
from otolith.motion.simulation.noise import Noise, noise
from otolith.motion.simulation.placements import Site, site
from otolith.motion.simulation.smoothing import Smoothing

GRAVITY = np.array([0.0, 0.0, -STANDARD_GRAVITY])
"""In the world (z up), m/s²."""
HARDEST = (500.0, 150.0)
"""m/s² and rad/s that no part of a body exceeds (a boxer's fist, a pitcher's shoulder): beyond, a
marker jumped."""
CHUNK = 8192
"""Frames of a clip that are worked on at a time."""


class Reading(NamedTuple):
    """What an ideal sensor reads, in its own axes."""

    acceleration: Float[np.ndarray, "T 3"]
    """Specific force, m/s²: +9.81 along up at rest, nothing in free fall."""
    angular_rate: Float[np.ndarray, "T 3"]
    """rad/s."""


@settings
class Mounting:
    """How one sensor sits otherwise than its placement says."""

    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Rotation vector in degrees, in the sensor's axes as they should be."""
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Shift in metres, in the sensor's axes as they should be."""

    @classmethod
    def draw(
        cls, rng: np.random.Generator, degrees: float = 6.0, metres: float = 0.012
    ) -> Mounting:
        """A sensor put on by hand: a few degrees and a centimetre or so off, the same all through
        the recording."""
        turn, shift = degrees * rng.standard_normal(3), metres * rng.standard_normal(3)
        shift[2] *= 0.3  # it lies on the skin
        return cls(_three(turn), _three(shift))

    @classmethod
    def draw_any(cls, rng: np.random.Generator) -> Mounting:
        """A sensor in a loose pocket or on an unknown strap: turned any way, all as likely."""
        quaternion = rng.standard_normal(4)
        return cls(_degrees(quaternion / np.linalg.norm(quaternion)))

    @property
    def turn(self) -> Turn:
        """Its rotation as a quaternion xyzw, from its own axes to those of the placement."""
        return rotations.from_axis_angle(np.deg2rad(np.array(self.rotation_deg)))

    def then(self, further: Mounting) -> Mounting:
        """A sensor that sits as this one says and, from there, as `further` says in its own axes.

        >>> turned = Mounting((0, 0, 90), (0.1, 0, 0)).then(Mounting((0, 0, 30), (0.1, 0, 0)))
        >>> np.round(turned.rotation_deg, 6).tolist(), np.round(turned.offset_m, 6).tolist()
        ([0.0, 0.0, 120.0], [0.1, 0.1, 0.0])
        """
        shift = np.array(self.offset_m) + rotations.rotate(self.turn, np.array(further.offset_m))
        return Mounting(_degrees(rotations.multiply(self.turn, further.turn)), _three(shift))


def _degrees(quaternion: Turn) -> tuple[float, float, float]:
    return _three(np.rad2deg(rotations.to_axis_angle(quaternion)))


def _three(values: Point) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z


def ideal(path: Track) -> Reading:
    """What an ideal sensor on a path reads, in its own axes.

    Specific force ``f = R^T (r'' - g)`` in m/s² and angular rate in rad/s, with R sensor_to_world,
    r the sensor's position in the world (z up) and g = (0, 0, -9.80665): as in Young et al.,
    "IMUSim: A simulation environment for inertial sensing algorithm design and evaluation" (2011).

    >>> import numpy as np
    >>> from otolith.motion.simulation.kinematics import track
    >>> still = track(np.zeros((10, 3)), np.tile([0.0, 0.0, 0.0, 1.0], (10, 1)), rate_hz=100.0)
    >>> ideal(still).acceleration[0].round(3).tolist()
    [0.0, 0.0, 9.807]
    """
    world_to_sensor = rotations.conjugate(path.sensor_to_world)
    specific_force = rotations.rotate(world_to_sensor, path.acceleration - GRAVITY)
    return Reading(specific_force, path.angular_rate)


def worn(
    motion: Motion,
    placement: str,
    body: Body | None = None,
    mounting: Mounting | None = None,
    time_s: Float[np.ndarray, " T"] | None = None,
    smoothing: Smoothing = "none",
) -> Track:
    """Path of a sensor worn at a placement by a body that moves so; the motion is taken as that
    body's own.

    >>> from otolith.motion.procedural.procedural import make
    >>> path = worn(make("walking", seconds=4.0), "left_wrist", time_s=np.arange(100) / 50.0)
    >>> path.acceleration.shape, path.sensor_to_world.shape
    ((100, 3), (100, 4))
    """
    place = site(placement)
    positions, turns = motion.forward((place.joint,))
    lever, sensor_to_joint = _mount(place, body or Body(), mounting)
    point = positions[:, 0] + rotations.rotate(turns[:, 0], lever)
    turn = rotations.multiply(turns[:, 0], sensor_to_joint)
    # A lost frame may stand for a jump of the markers, which must not be differentiated across:
    # nothing is bridged.
    return track(point, turn, motion.rate_hz, time_s, smoothing, bridge_s=0.0)


def _mount(place: Site, on: Body, mounting: Mounting | None) -> tuple[np.ndarray, np.ndarray]:
    """Where a sensor is in its joint's axes, and how it is turned there (sensor_to_joint)."""
    sits = mounting or Mounting()
    if on.surface is None:
        lever, sensor_to_joint = place.lever(on.stature_m, on.girth), place.sensor_to_joint()
    else:
        lever, sensor_to_joint = on.surface.mount(place)
    lever = lever + rotations.rotate(sensor_to_joint, np.array(sits.offset_m))
    return lever, rotations.multiply(sensor_to_joint, sits.turn)


def sense_worn(
    motion: Motion,
    placements: Sequence[str],
    body: Body | None,
    mounting: Mapping[str, Mounting],
    time_s: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "S T 6"]:
    """Readings of several ideal sensors at once, acceleration and angular rate: a chunk of frames
    after another.

    What is in memory beside the result does not grow with the clip. The same numbers as `worn` and
    `ideal`, away from the ends to 1e-7, and a hundred times as fast. Raises DataError for fewer
    than 6 frames or for lost ones.

    >>> from otolith.motion.procedural.procedural import make
    >>> walk = make("walking", seconds=4.0)
    >>> sense_worn(walk, ["left_wrist", "head"], None, {}, np.arange(100) / 50.0).shape
    (2, 100, 6)
    """
    from otolith.motion.simulation.fused import HALO, sense

    places = [site(placement) for placement in placements]
    joints = list(dict.fromkeys(place.joint for place in places))
    which = [joints.index(place.joint) for place in places]
    levers, turns = zip(
        *(
            _mount(place, body or Body(), mounting.get(placement))
            for place, placement in zip(places, placements, strict=True)
        ),
        strict=True,
    )
    out = np.empty((len(places), len(time_s), 6), dtype=np.float32)
    for first in range(0, motion.frames, CHUNK):
        stop = min(motion.frames, first + CHUNK)
        low, high = max(0, first - HALO), min(motion.frames, stop + HALO)
        # Moments past the last frame by a rounding belong to the last chunk, as do those on it.
        bounds = [first, stop if stop < motion.frames else np.inf]
        start, end = np.searchsorted(time_s * motion.rate_hz, bounds)
        if start == end:
            continue
        positions, to_world = (part[:, which] for part in motion.cut(low, high).forward(joints))
        moments = time_s[start:end] - low / motion.rate_hz
        mounts = np.stack(levers), np.stack(turns)
        out[:, start:end] = sense(positions, to_world, motion.rate_hz, *mounts, moments)
    return out


def simulate(
    motion: Motion,
    placements: Sequence[str] = ("left_wrist", "right_wrist"),
    rate_hz: float = 50.0,
    mounting: Mapping[str, Mounting] | None = None,
    noise_of: str | Noise = "none",
    body: Body | None = None,
    seed: int = 0,
    segments: Sequence[Segment] | None = None,
    name: str | None = None,
    subject: str | None = None,
    smoothing: Smoothing = "none",
    magnetic_field_ut: Sequence[float] | Point | None = None,
) -> Recording:
    """Record a motion with virtual sensors: one stream of acceleration and angular rate per
    placement.

    body: who wears them; the motion is fitted to it (else it is taken as it is). mounting: per
    placement, how the sensor sits otherwise than by default. noise_of: a kind of device ("none",
    "watch", "phone", "mtw") or its figures, one device per placement, chosen by the seed. segments:
    what is labelled; the whole clip where left out and the motion has a label. smoothing: as in
    `otolith.motion.simulation.kinematics.track`, for motions captured with noise.
    magnetic_field_ut: of the place, in the world's axes
    (`otolith.motion.simulation.magnetic.local_field`); adds a magnetometer. Acceleration includes
    gravity. The motion's own rate bounds what can be seen: it is interpolated.

    Frames that the motion lost are a gap in the recording, and so are samples beyond what a body
    can do (500 m/s², 150 rad/s: captured markers that jump); streams report both.
    `otolith.data.signals` bridges up to 0.1 s, and marks it. Raises UnknownNameError for an unknown
    placement or noise, DataError for a clip of fewer than 6 frames, ConfigError for a rate that is
    not positive or no placement.

    >>> from otolith.motion.procedural.procedural import make
    >>> recording = simulate(make("walking", seconds=4.0), ["left_wrist", "head"], rate_hz=50.0)
    >>> recording.origin, [stream.name for stream in recording.streams]
    ('simulated', ['left_wrist', 'head'])
    """
    if not 0 < rate_hz < np.inf or not placements:
        raise ConfigError(
            f"A simulation needs a positive rate and at least one placement; found {rate_hz} Hz "
            f"and {list(placements)}."
        )
    errors = noise(noise_of) if isinstance(noise_of, str) else noise_of
    moved = motion if body is None else fit(motion, body)
    # A clip whose length is a whole number of samples keeps its last one, whatever the rounding.
    samples = int(np.floor(motion.duration_s * rate_hz + 1e-6)) + 1
    sits = dict(mounting or {})
    # A device is drawn by its place in the list: one more sensor leaves the others as they are.
    clocks = [errors.clock(samples, rate_hz, seed * 1000 + k) for k in range(len(placements))]
    truths = _truths(moved, placements, body, sits, [time_s for time_s, _ in clocks], smoothing,
                     magnetic_field_ut)  # fmt: skip
    streams = [
        _stream(placements[k], *clocks[k], truth, rate_hz, errors, seed * 1000 + k)
        for k, truth in enumerate(truths)
    ]
    if segments is None and motion.label is not None:
        segments = [Segment(0.0, samples / rate_hz, motion.label, "simulated")]
    wearer, facts = (body.name, body.facts) if body else ("as captured", {})
    return Recording(
        id=name or _name(motion, wearer),
        subject=subject or _who(motion),
        streams=tuple(streams),
        segments=tuple(segments or ()),
        performer=motion.performer,
        clip=motion.clip,
        body=wearer,
        origin="simulated",
        facts=facts,
    )


def _name(motion: Motion, wearer: str) -> str:
    parts = (_who(motion), motion.clip or "clip", wearer)
    return "-".join(part.replace(" ", "_") for part in parts)


def _who(motion: Motion) -> str:
    # Clips of unknown people are one person each, so that none stands on both sides of a split.
    return motion.performer or motion.clip or "unknown"


def _truths(
    moved: Motion,
    placements: Sequence[str],
    body: Body | None,
    mounting: Mapping[str, Mounting],
    times_s: Sequence[Float[np.ndarray, " T"]],
    smoothing: Smoothing,
    field_ut: Sequence[float] | Point | None,
) -> Iterator[Float[np.ndarray, "T C"]]:
    """What each sensor would read without errors: acceleration, angular rate, magnetic field."""
    # The fused kernel knows no gaps, filters or magnetometers; sensors of one clock go at once.
    if smoothing == "none" and field_ut is None and not moved.lost.any():
        if all(np.array_equal(time_s, times_s[0]) for time_s in times_s):
            yield from sense_worn(moved, placements, body, mounting, times_s[0])
            return
        for placement, time_s in zip(placements, times_s, strict=True):
            yield from sense_worn(moved, [placement], body, mounting, time_s)
        return
    for placement, time_s in zip(placements, times_s, strict=True):
        path = worn(moved, placement, body, mounting.get(placement), time_s, smoothing)
        parts = [*ideal(path)]
        if field_ut is not None:
            field = np.asarray(field_ut, dtype=np.float64)
            parts.append(field_reading(path.sensor_to_world, field))
        yield np.concatenate(parts, axis=1)


def _stream(
    placement: str,
    time_s: Float[np.ndarray, " T"],
    missing: int,
    truth: Float[np.ndarray, "T C"],
    rate_hz: float,
    errors: Noise,
    device: int,
) -> Stream:
    """What one device makes of the truth, without gaps and absurd samples; `device` is its seed."""
    acceleration, rate, field = truth[:, :3], truth[:, 3:6], truth[:, 6:]
    # Judged before noise and the end of the range, which would hide a jump of the markers.
    absurd = (np.abs(acceleration) > HARDEST[0]).any(axis=1)
    absurd |= (np.abs(rate) > HARDEST[1]).any(axis=1)
    parts = [*errors.add(acceleration, rate, rate_hz, device)]
    if field.size:
        parts.append(errors.add_magnetic(field, device))
    values = np.concatenate(parts, axis=1).astype(np.float32)
    gap = ~np.isfinite(values).all(axis=1)
    limits = f"beyond {HARDEST[0]:g} m/s² or {HARDEST[1]:g} rad/s no body moves: a marker jumped"
    reports = {
        RowReport("lost samples", 0, f"{missing} never came: simulated loss"): missing,
        RowReport("gap in the motion", int(gap.sum()), "frames that the capture lost"): gap.any(),
        RowReport("implausible movement", int(absurd.sum()), limits): absurd.any(),
    }
    quantities = ("acc", "gyro", "mag")[: len(parts)]
    known = ~(gap | absurd)
    return Stream(
        placement,
        tuple(channel for quantity in quantities for channel in triad(placement, quantity)),
        time_s[known],
        values[known],
        nominal_rate_hz=rate_hz,
        reports=tuple(report for report, holds in reports.items() if holds),
    )
