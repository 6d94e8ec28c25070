"""Motions that the project makes itself, from equations: for demonstrations, tests and
documentation without a network.

They are plausible, not captured: joint angles follow published curves where there are any,
everything else was written down and looked at. What they are good for is knowing the truth; what
they are not is a replacement for people.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from otolith.core.errors import ConfigError, UnknownNameError, nearest
from otolith.motion.motion import Motion
from otolith.motion.procedural import exercise, gait, stillness
from otolith.motion.procedural.gait import Maker
from otolith.motion.procedural.style import Style

PROCEDURAL: dict[str, Maker] = {
    "boxing": exercise.boxing,
    "climbing stairs": gait.climbing_stairs,
    "descending stairs": gait.descending_stairs,
    "jumping": exercise.jumping,
    "lying": stillness.lying,
    "running": gait.running,
    "sit to stand": exercise.sit_to_stand,
    "sitting": stillness.sitting,
    "squat": exercise.squat,
    "standing": stillness.standing,
    "walking": gait.walking,
    "waving": exercise.waving,
}
TERMS = "Apache-2.0"


def make(
    name: str,
    style: Style | None = None,
    seconds: float = 10.0,
    rate_hz: float = 100.0,
    seed: int | np.random.Generator = 0,
    performer: str | None = None,
) -> Motion:
    """A motion of one activity by one person, such as ``make("walking", seconds=30)``.

    The same style and seed give the same motion; another seed gives the same person another time.
    The skeleton is the reference body of 1.70 m, its lowest point on the floor (z = 0), its first
    frame facing x.

    Raises UnknownNameError for an activity that is not in `PROCEDURAL`, ConfigError for a length or
    a rate that holds less than two strides or under 20 frames per second.

    >>> make("waving", seconds=5.0, seed=1)
    Motion(501 frames, 24 joints, 100 Hz, 5.00 s, 0 lost, label='waving', clip='waving-c26e363e')
    """
    if name not in PROCEDURAL:
        raise UnknownNameError(
            f"There is no procedural motion '{name}'.{nearest(name, PROCEDURAL)} Known: "
            f"{', '.join(PROCEDURAL)}."
        )
    if not (3.0 <= seconds < np.inf and 20.0 <= rate_hz <= 10_000.0):
        raise ConfigError(
            f"A procedural motion is at least 3 s long, at 20 to 10,000 frames per second; asked "
            f"for {seconds} s "
            f"at {rate_hz} Hz."
        )
    rng = np.random.default_rng(seed)
    motion = PROCEDURAL[name](style or Style(), seconds, rate_hz, rng)
    clip = f"{name.replace(' ', '_')}-{rng.integers(2**32):08x}"
    return replace(
        motion,
        label=name,
        text=name,
        performer=performer,
        clip=clip,
        source="otolith procedural",
        terms=TERMS,
    )
