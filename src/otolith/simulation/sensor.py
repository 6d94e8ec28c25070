"""What sensors worn by a moving body would have measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from otolith import rotations
from otolith.channels import triad
from otolith.errors import ConfigError
from otolith.motion import Motion
from otolith.recording import Recording, Segment, Stream
from otolith.simulation.body import Body, fit
from otolith.simulation.kinematics import Track, track
from otolith.simulation.noise import Noise, noise
from otolith.simulation.placements import site
from otolith.units import STANDARD_GRAVITY

GRAVITY = np.array([0.0, 0.0, -STANDARD_GRAVITY])
"""In the world (z up), m/s²."""


class Reading(NamedTuple):
    """What an ideal sensor reads, in its own axes."""

    acceleration: Float[np.ndarray, "T 3"]
    """Specific force, m/s²: +9.81 along up at rest, nothing in free fall."""
    angular_rate: Float[np.ndarray, "T 3"]
    """rad/s."""


@dataclass(frozen=True)
class Mounting:
    """How one sensor sits otherwise than its placement says."""

    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Rotation vector in degrees, in the sensor's axes as they should be."""
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Shift in metres, in the sensor's axes as they should be."""

    @classmethod
    def draw(cls, rng: np.random.Generator, degrees: float = 6.0, metres: float = 0.012) -> Mounting:
        """A sensor put on by hand: a few degrees and a centimetre or so off, the same all through the recording."""
        turn, shift = degrees * rng.standard_normal(3), metres * rng.standard_normal(3)
        shift[2] *= 0.3  # it lies on the skin
        return cls(
            (float(turn[0]), float(turn[1]), float(turn[2])), (float(shift[0]), float(shift[1]), float(shift[2]))
        )


def ideal(path: Track) -> Reading:
    """Acceleration ``R (r'' - g)`` and angular rate in the sensor's frame, from a sensor's path.

    The equations of an inertial sensor, as in Young et al., "IMUSim: A simulation environment for inertial sensing
    algorithm design and evaluation" (2011).
    """
    world_to_sensor = rotations.conjugate(path.sensor_to_world)
    return Reading(rotations.rotate(world_to_sensor, path.acceleration - GRAVITY), path.angular_rate)


def worn(
    motion: Motion,
    placement: str,
    body: Body | None = None,
    mounting: Mounting | None = None,
    time_s: Float[np.ndarray, " T"] | None = None,
) -> Track:
    """Path of a sensor worn at a placement by a body that moves so; the motion is taken as that body's own."""
    place, on, sits = site(placement), body or Body(), mounting or Mounting()
    (position,), (joint_to_world,) = (np.moveaxis(part, 1, 0) for part in motion.forward((place.joint,)))
    sensor_to_joint = place.sensor_to_joint()
    lever = place.lever(on.stature_m, on.girth) + rotations.rotate(sensor_to_joint, np.array(sits.offset_m))
    turned = rotations.multiply(sensor_to_joint, rotations.from_axis_angle(np.deg2rad(np.array(sits.rotation_deg))))
    point = position + rotations.rotate(joint_to_world, lever)
    return track(point, rotations.multiply(joint_to_world, turned), motion.rate_hz, time_s)


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
) -> Recording:
    """Record a motion with virtual sensors: one stream of acceleration and angular rate per placement.

    body: who wears them; the motion is fitted to it (else it is taken as it is). mounting: per placement, how the
    sensor sits otherwise than by default. noise_of: a kind of device ("none", "watch", "phone") or its figures, one
    device per placement, chosen by the seed. segments: what is labelled; the whole clip where left out and the motion
    has a label. Acceleration includes gravity. The motion's own rate bounds what can be seen: it is interpolated.

    Raises UnknownNameError for an unknown placement or noise, DataError for a clip of fewer than 6 frames,
    ConfigError for a rate that is not positive or no placement.
    """
    if not (np.isfinite(rate_hz) and rate_hz > 0) or not placements:
        raise ConfigError(
            f"A simulation needs a positive rate and at least one placement; found {rate_hz} Hz and {list(placements)}."
        )
    errors = noise(noise_of) if isinstance(noise_of, str) else noise_of
    moved = motion if body is None else fit(motion, body)
    samples = int(np.floor(motion.duration_s * rate_hz + 1e-6)) + 1
    time_s = np.arange(samples) / rate_hz
    streams = []
    for index, placement in enumerate(placements):
        reading = ideal(worn(moved, placement, body, (mounting or {}).get(placement), time_s))
        acceleration, rate = errors.add(*reading, rate_hz, seed * 1000 + index)
        streams.append(
            Stream(
                placement,
                (*triad(placement, "acc"), *triad(placement, "gyro")),
                time_s,
                np.concatenate([acceleration, rate], axis=1).astype(np.float32),
                nominal_rate_hz=rate_hz,
            )
        )
    if segments is None:
        segments = () if motion.label is None else (Segment(0.0, samples / rate_hz, motion.label, "simulated"),)
    wearer = body.name if body else "as captured"
    who = motion.performer or motion.clip or "unknown"
    return Recording(
        id=name or "-".join(part.replace(" ", "_") for part in (who, motion.clip or "clip", wearer)),
        subject=subject or who,
        streams=tuple(streams),
        segments=tuple(segments),
        performer=motion.performer,
        clip=motion.clip,
        body=wearer,
        origin="simulated",
        facts={"stature_m": round(body.stature_m, 3), "mass_kg": round(body.mass_kg, 1)} if body else {},
    )
