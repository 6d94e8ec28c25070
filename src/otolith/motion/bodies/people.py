"""Virtual people: each a body, a manner of moving and sensors not quite where they should be, and a
session of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from otolith.core.errors import ConfigError
from otolith.data.recording import Recording, Segment
from otolith.motion.bodies.body import Body
from otolith.motion.motion import Motion
from otolith.motion.procedural.procedural import PROCEDURAL, make
from otolith.motion.procedural.sequence import Span, join
from otolith.motion.procedural.style import Style
from otolith.motion.simulation.noise import Noise
from otolith.motion.simulation.sensor import Mounting, simulate

PASSAGE_S = 2.0
MOTION_HZ = 100.0
"""Frames per second of the motions: angles and paths written here hold nothing above 20 Hz."""


@dataclass(frozen=True)
class Person:
    """One virtual person."""

    name: str
    style: Style
    body: Body
    seed: int

    @classmethod
    def draw(cls, number: int, seed: int = 0) -> Person:
        """The person of this number in the world of this seed: the same one however many others
        there are."""
        name = f"person{number:02d}"
        rng = np.random.default_rng([seed, number])
        return cls(name, Style.draw(rng), Body.draw(rng, name), int(rng.integers(2**31)))


def session(
    person: Person,
    activities: Sequence[str] = tuple(PROCEDURAL),
    minutes_per_activity: float = 1.0,
    bouts: int = 2,
    rate_hz: float = MOTION_HZ,
) -> tuple[Motion, tuple[Span, ...]]:
    """One person doing several activities in an order of chance, each in several bouts, with
    passages between.

    >>> motion, spans = session(Person.draw(1), ["walking", "sitting"], 0.1, bouts=1)
    >>> sorted(span.label for span in spans)
    ['sitting', 'walking']
    """
    rng = np.random.default_rng(person.seed)
    length_s = 60.0 * minutes_per_activity / bouts
    named = np.array(activities, dtype=object)
    clips = []
    for activity in np.concatenate([rng.permutation(named) for _ in range(bouts)]):
        # Nobody does a thing twice at quite the same pace.
        mood = np.exp(0.05 * rng.standard_normal(4))
        usual = person.style
        style = replace(
            usual,
            cadence=usual.cadence * mood[0] ** 0.5,
            tempo=usual.tempo * mood[1],
            amplitude=usual.amplitude * mood[2],
            arm_swing=usual.arm_swing * mood[3] ** 2,
        )
        clips.append(make(activity, style, length_s + 2.0 * PASSAGE_S, rate_hz, rng, person.name))
    motion, spans = join(clips, PASSAGE_S)
    return replace(motion, performer=person.name, clip=f"{person.name}-session"), spans


def virtual_study(
    people: int = 20,
    seed: int = 0,
    minutes_per_activity: float = 1.0,
    rate_hz: float = 50.0,
    placements: Sequence[str] = ("left_wrist", "right_wrist"),
    activities: Sequence[str] = tuple(PROCEDURAL),
    bouts: int = 2,
    noise_of: str | Noise = "watch",
) -> Iterator[Recording]:
    """Sessions of virtual people, one recording each: labelled activities, unlabelled passages
    between them.

    People differ in body, cadence, range, symmetry, posture, habits of the arms, and in how their
    sensors sit. The same seed gives the same recordings; person 3 is the same in a study of 5 and
    of 50. `origin` is "simulated".

    Raises UnknownNameError for an unknown activity or placement, ConfigError for numbers out of
    range.

    >>> recordings = list(virtual_study(2, minutes_per_activity=0.1, activities=["squat"], bouts=1))
    >>> [recording.subject for recording in recordings]
    ['person01', 'person02']
    """
    if people < 1 or bouts < 1 or 60.0 * minutes_per_activity / bouts < PASSAGE_S or not activities:
        raise ConfigError(
            f"A virtual study needs a person, an activity and bouts of at least {PASSAGE_S} s; "
            f"found {people} people, {len(activities)} activities, {bouts} bouts of "
            f"{60.0 * minutes_per_activity / max(bouts, 1):.1f} s."
        )
    for number in range(1, people + 1):
        person = Person.draw(number, seed)
        motion, spans = session(person, activities, minutes_per_activity, bouts)
        # A stream of its own: how sensors sit must not depend on how many activities there are.
        rng = np.random.default_rng([person.seed, 1])
        segments = []
        for span in spans:
            bounds = span.start / motion.rate_hz, span.stop / motion.rate_hz
            segments.append(Segment(*bounds, span.label or "", "simulated"))
        yield simulate(
            motion,
            placements,
            rate_hz,
            mounting={placement: Mounting.draw(rng) for placement in placements},
            noise_of=noise_of,
            body=person.body,
            seed=person.seed,
            segments=segments,
            name=person.name,
            subject=person.name,
        )
