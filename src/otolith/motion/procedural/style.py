"""How one person moves: the few numbers by which people differ in the same activity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """One person's manner of moving; the defaults are an average adult, exactly regular and
    symmetric."""

    cadence: float = 1.0
    """Steps per minute relative to the average of each gait."""
    stride: float = 1.0
    """Range of the leg joints in gait relative to the average."""
    arm_swing: float = 1.0
    """Range of the arms in gait relative to the average."""
    tempo: float = 1.0
    """Speed of exercises and gestures relative to the average."""
    amplitude: float = 1.0
    """Range of exercises and gestures relative to the average."""
    asymmetry: float = 0.0
    """By which share the left side moves more, and the right side less, than their mean."""
    posture: float = 0.0
    """Forward lean of the trunk in degrees, added to every upright activity."""
    elbow: float = 0.0
    """Degrees by which the elbows are held more bent than the average."""
    carriage: float = 0.0
    """Degrees by which the arms are held farther from the body than the average."""
    pronation: float = 0.0
    """Degrees by which the forearms are turned, palms backward, more than the average."""
    jitter: float = 0.0
    """Variation from one cycle to the next; 0.03 is an adult's gait, more is less steady."""
    restlessness: float = 0.0
    """Size of unneeded small movements while still; 1 is average, 0 none at all."""
    left_handed: bool = False
    """Which hand leads in gestures."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """A person by chance.

        The spread of cadence (8 %) and of stride time from cycle to cycle (about 3 %) is that of
        healthy adults (Winter, "The Biomechanics and Motor Control of Human Gait", 1991; Hausdorff,
        "Gait dynamics, fractals and falls", 2007, https://doi.org/10.1016/j.humov.2007.05.003); the
        others are chosen by eye.
        """

        def near_one(spread: float, low: float, high: float) -> float:
            return float(np.clip(np.exp(spread * rng.standard_normal()), low, high))

        return cls(
            cadence=near_one(0.08, 0.8, 1.25),
            stride=near_one(0.10, 0.75, 1.25),
            arm_swing=near_one(0.40, 0.3, 2.0),
            tempo=near_one(0.20, 0.6, 1.6),
            amplitude=near_one(0.20, 0.6, 1.4),
            asymmetry=float(0.08 * rng.standard_normal()),
            posture=float(4.0 * rng.standard_normal()),
            elbow=float(10.0 * rng.standard_normal()),
            carriage=float(4.0 * rng.standard_normal()),
            pronation=float(20.0 * rng.standard_normal()),
            jitter=float(rng.uniform(0.02, 0.05)),
            restlessness=near_one(0.40, 0.4, 2.5),
            left_handed=bool(rng.uniform() < 0.1),
        )

    def side(self, name: str) -> float:
        """Factor on the range of the "left" or "right" side."""
        return 1.0 + self.asymmetry if name == "left" else 1.0 - self.asymmetry
