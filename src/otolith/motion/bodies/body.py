"""Virtual bodies: stature, mass and proportions, and a motion fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, DataError
from otolith.data.skeleton import FINGERS, JOINTS, REFERENCE_STATURE_M, reference_offsets
from otolith.motion.bodies.surface import Surface
from otolith.motion.formats.skeleton import stature_m
from otolith.motion.motion import Motion

# Mean and standard deviation of adult stature in metres, young adults of high-income countries: NCD
# Risk Factor Collaboration, "A century of trends in adult human height" (2016),
# https://doi.org/10.7554/eLife.13410, and the usual 4 % within a sex.
STATURE = {"female": (1.645, 0.065), "male": (1.78, 0.07)}
USUAL_BMI = 22.0  # kg/m², the body that the placements' distances from the bone are written for

WATER_KG_M3 = 1000.0
_LEGS = ("hip", "knee", "ankle", "foot")


@dataclass(frozen=True)
class Body:
    """One body: how tall, how heavy, and how its limbs differ from average proportions."""

    name: str = "average"
    """What the body is called in a study."""
    stature_m: float = REFERENCE_STATURE_M
    """Standing height in metres."""
    mass_kg: float = USUAL_BMI * REFERENCE_STATURE_M**2
    """Mass in kilograms; a heavier body carries its sensors farther from the bone."""
    sex: Literal["female", "male"] = "female"
    """Which statistics it was drawn from."""
    legs: float = 1.0
    """Length of the legs relative to the average for this stature."""
    arms: float = 1.0
    """Length of the arms relative to the average for this stature."""
    shoulders: float = 1.0
    """Width of the shoulders relative to the average for this stature."""
    surface: Surface | None = field(default=None, compare=False, repr=False)
    """A skin and bones from a body model, which take the place of proportions and girth: see
    `Body.of`."""

    def __post_init__(self) -> None:
        if not (0.5 <= self.stature_m <= 3.0 and 2.0 <= self.mass_kg <= 500.0):
            raise ConfigError(
                f"A body is 0.5 to 3 m tall and weighs 2 to 500 kg; found {self.stature_m} m and "
                f"{self.mass_kg} kg."
            )
        if not all(0.5 <= part <= 2.0 for part in (self.legs, self.arms, self.shoulders)):
            raise ConfigError("Legs, arms and shoulders are factors from 0.5 to 2; 1 is average.")

    @classmethod
    def draw(cls, rng: np.random.Generator, name: str = "drawn") -> Body:
        """A body by chance: stature by sex, body mass index about 23.5, limbs and shoulders within
        about 5 %."""
        sex: Literal["female", "male"] = "female" if rng.uniform() < 0.5 else "male"
        mean, deviation = STATURE[sex]
        most = 3 * deviation
        stature = float(np.clip(rng.normal(mean, deviation), mean - most, mean + most))
        bmi = float(np.clip(23.5 * np.exp(0.13 * rng.standard_normal()), 17.0, 38.0))
        proportions = np.clip(1.0 + 0.03 * rng.standard_normal(3), 0.9, 1.1).tolist()
        return cls(name, stature, bmi * stature**2, sex, *proportions)

    @classmethod
    def of(cls, surface: Surface, name: str) -> Body:
        """The body of a model's surface: as tall as it stands, as heavy as its volume of water
        (bodies: within 5 %)."""
        return cls(name, surface.stature_m, WATER_KG_M3 * surface.volume_m3, surface=surface)

    @property
    def facts(self) -> dict[str, str | int | float]:
        """What a recording says of who wore its sensors."""
        return {"stature_m": round(self.stature_m, 3), "mass_kg": round(self.mass_kg, 1)}

    @property
    def girth(self) -> float:
        """How far a sensor on the skin is from the bone, relative to a slender body: grows as the
        root of the mass."""
        # A limb's radius grows as the root of its mass at the same length.
        return float(np.sqrt(self.mass_kg / self.stature_m**2 / USUAL_BMI))

    def factors(self, joints: Sequence[str] = JOINTS) -> Float[np.ndarray, "J 3"]:
        """How far each joint is from its parent, forward, left and up, relative to average
        proportions.

        Hips and legs are scaled as one, so that the feet of a longer body do what those of a
        shorter one did, larger. Joints below the wrist go with the arms.
        """
        out = np.ones((len(joints), 3))
        for index, joint in enumerate(joints):
            side, _, part = joint.rpartition("_")
            if part in _LEGS:
                out[index] = self.legs
            elif part in ("collar", "shoulder"):
                out[index, 1] = self.shoulders
            elif side:
                out[index] = self.arms
        return out

    def offsets(self) -> Float[np.ndarray, "J 3"]:
        """Offsets of the 24 joints from their parents at rest, in metres."""
        return np.asarray(self.factors() * reference_offsets(self.stature_m))


def fit(motion: Motion, body: Body) -> Motion:
    """The same movement made by another body: its limbs, its step, its height above the floor.

    Joint angles stay; the skeleton is brought to the body's stature by its own proportions, which
    the body's factors then change. The path of the pelvis is scaled by the length of the legs, so
    that feet that stood still do so again. Raises DataError for a skeleton whose joints are not
    those of `otolith.data.skeleton.JOINTS` (whole limbs may lack, hands may have fingers).

    >>> from otolith.motion.procedural.procedural import make
    >>> walk = make("walking", seconds=4.0)
    >>> round(stature_m(fit(walk, Body(stature_m=1.87))) / stature_m(walk), 3)
    1.1
    """
    strange = [joint for joint in motion.joints if joint not in JOINTS and joint not in FINGERS]
    if strange:
        raise DataError(
            "A body is fitted to the joints of otolith.data.skeleton.JOINTS; this motion also has "
            f"{', '.join(strange[:5])}. Call otolith.motion.formats.to_body(motion) first."
        )
    if body.surface is not None:
        return body.surface.fit(motion)
    size = body.stature_m / stature_m(motion)
    return replace(
        motion,
        offsets=size * body.factors(motion.joints) * motion.offsets,
        root=size * body.legs * motion.root,
    )
