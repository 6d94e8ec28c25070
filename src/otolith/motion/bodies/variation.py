"""Bodies by the dozen: how much they vary, and a captured motion put on one of them, feet on the
floor."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Literal

import numpy as np

from otolith.core.errors import ConfigError
from otolith.core.settings import settings
from otolith.data.skeleton import ANKLE_HEIGHT, REFERENCE_STATURE_M, SKELETON
from otolith.motion import rotations
from otolith.motion.bodies.body import Body, fit
from otolith.motion.formats.smpl_npz import read_model
from otolith.motion.motion import Motion

ANNY = "anny"
_BALL_HEIGHT = ANKLE_HEIGHT + SKELETON["left_foot"][1][2]
_FEET = dict.fromkeys(("left_ankle", "right_ankle"), ANKLE_HEIGHT)
_FEET |= dict.fromkeys(("left_foot", "right_foot"), _BALL_HEIGHT)
"""Joint of a foot -> its height above the floor, as a fraction of stature."""


@settings
class BodyRanges:
    """Between which bounds bodies are drawn, evenly.

    Multi3Net+ (2025, https://doi.org/10.3389/fcomp.2025.1569205) varies height, weight, limb
    lengths and shoulder width, and leaves the ranges open: these are ours. Raises ConfigError for
    bounds in the wrong order, or beyond what a body can be.

    >>> BodyRanges(bmi=(20.0, 20.0)).draw(3, seed=1).name
    'body03'
    """

    height: tuple[float, float] = (0.85, 1.15)
    """Stature relative to 1.70 m."""
    legs: tuple[float, float] = (0.9, 1.1)
    """Length of the legs relative to that of the captured body at this stature."""
    arms: tuple[float, float] = (0.9, 1.1)
    """Length of the arms, likewise."""
    shoulders: tuple[float, float] = (0.9, 1.1)
    """Width of the shoulders, likewise."""
    bmi: tuple[float, float] = (18.0, 35.0)
    """Body mass index, kg/m²: sensors on a heavier body sit farther from the bone."""

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = getattr(self, field.name)
            bounds = (8.0, 80.0) if field.name == "bmi" else (0.5, 1.7)
            if not bounds[0] <= low <= high <= bounds[1]:
                raise ConfigError(
                    f"BodyRanges: {field.name} goes from {low} to {high}; give two numbers that "
                    f"rise, within {bounds[0]} to {bounds[1]}."
                )

    def draw(self, number: int, seed: int = 0) -> Body:
        """The body of this number: the average one for 0, else one by chance, the same however many
        there are."""
        name = f"body{number:02d}"
        if number == 0:
            return Body(name)
        rng = np.random.default_rng([seed, number])
        height, legs, arms, shoulders, bmi = (
            float(rng.uniform(*getattr(self, field.name))) for field in fields(self)
        )
        stature = height * REFERENCE_STATURE_M
        return Body(name, stature, bmi * stature**2, "female", legs, arms, shoulders)


def bodies(
    count: int, seed: int = 0, ranges: BodyRanges | None = None, model: str | Path = ""
) -> tuple[Body, ...]:
    """So many bodies: the first is the average one of 1.70 m, the others are drawn from the ranges.

    model: "anny", or a SMPL, SMPL-H or SMPL-X file (.npz) of the user's own: bodies with a skin,
    the first being the model's average, the others adults of chance (of Anny) or shapes of chance
    (betas), in place of the ranges.

    Raises ConfigError where none is asked for, ranges stand beside a model, or Anny is not
    installed; ReadError for a file that is no model.

    >>> [body.name for body in bodies(3, seed=1)]
    ['body00', 'body01', 'body02']
    """
    if count < 1:
        raise ConfigError(f"A simulation needs at least one body; asked for {count}.")
    if model and ranges not in (None, BodyRanges()):
        raise ConfigError("Ranges vary our body, a body model varies its shapes: give one of them.")
    if str(model) == ANNY:
        from otolith.motion.bodies import anny_body

        return tuple(anny_body.draw(number, seed) for number in range(count))
    if model:
        from otolith.motion.bodies import smpl_shape

        opened = read_model(model)
        return tuple(smpl_shape.draw(opened, number, seed) for number in range(count))
    return tuple((ranges or BodyRanges()).draw(number, seed) for number in range(count))


def put_on(motion: Motion, body: Body, heading: Literal["keep", "remove"] = "keep") -> Motion:
    """A motion made by this body: its size and proportions, on the floor, starting at the origin.

    The centre of the feet is at the origin in the first frame, and the lowest that a sole ever gets
    is z = 0; "remove" also turns the first frame to face x. Feet that stood still in the capture
    stand still here, whatever the body's legs. Raises DataError for a skeleton that no body fits.

    >>> from otolith.motion.procedural.procedural import make
    >>> tall = Body("tall", stature_m=1.9)
    >>> put_on(make("standing", seconds=3.0), tall).root[0, 2].round(1)  # the pelvis is higher
    np.float64(1.1)
    """
    if heading not in ("keep", "remove"):
        raise ConfigError(f"heading is 'keep' or 'remove'; found '{heading}'.")
    return on_the_floor(fit(motion, body), body.stature_m, heading == "remove")


def on_the_floor(
    motion: Motion, stature_m: float = REFERENCE_STATURE_M, facing_x: bool = False
) -> Motion:
    """The same motion with its feet's centre at the origin in the first frame, and its lowest sole
    at z = 0.

    facing_x: also turned about the vertical, so that the pelvis faces x in the first frame. Lost
    frames stay lost.

    >>> from otolith.motion.procedural.procedural import make
    >>> walk = make("walking", seconds=4.0)
    >>> raised = replace(walk, root=walk.root + np.array([5.0, 0.0, 2.0]))
    >>> bool(np.allclose(on_the_floor(raised).root, on_the_floor(walk).root))
    True
    """
    first = int(np.argmin(motion.lost))
    if facing_x:
        z, w = motion.rotations[first, 0, 2:]
        # Swing and twist: a turn about the vertical is defined for a lying body, too; upside down
        # it is not.
        turn = -2.0 * float(np.arctan2(z, w)) if np.hypot(z, w) > 1e-6 else 0.0
        about_up = rotations.from_axis_angle(np.array([0.0, 0.0, turn]))
        turned = motion.rotations.copy()
        turned[:, 0] = rotations.multiply(about_up, turned[:, 0])
        motion = replace(motion, rotations=turned, root=rotations.rotate(about_up, motion.root))
    feet = [joint for joint in _FEET if joint in motion.joints]
    places, _ = motion.forward(feet)
    soles = places[..., 2] - stature_m * np.array([_FEET[joint] for joint in feet])
    centre = places[first, :, :2].mean(axis=0)
    return replace(motion, root=motion.root - np.array([centre[0], centre[1], np.nanmin(soles)]))
