"""How a real sensor sits against a simulated one: turned, shifted and late; estimated on one part,
used on another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from otolith.core.errors import DataError
from otolith.motion import rotations
from otolith.motion.shapes import Point, Turn
from otolith.motion.simulation.sensor import Reading

_ROUNDS = 8
"""Rotation and lever arm in turn: each is a linear problem, and on gait the pair settles in four or
five."""


@dataclass(frozen=True)
class Alignment:
    """What takes a simulated sensor to the real one; the default takes it nowhere."""

    simulated_to_real: Turn
    """Rotation between the two sensors' axes, quaternion xyzw."""
    lever_m: Point
    """From the simulated to the real sensor, metres, in the simulated sensor's axes."""
    delay_s: float = 0.0
    """How much later the real clock stamps the same moment."""

    def apply(self, simulated: Reading, rate_hz: float) -> Reading:
        """What the real sensor would have read, by the simulation: same samples, NaN where a delay
        shifts them out."""
        acceleration, rate = (_delayed(part, self.delay_s * rate_hz) for part in simulated)
        added = np.einsum("tij,j->ti", lever_effect(rate, rate_hz), self.lever_m)
        parts = (acceleration + added, rate)
        return Reading(*(rotations.rotate(self.simulated_to_real, part) for part in parts))


def lever_effect(rate: Float[np.ndarray, "T 3"], rate_hz: float) -> Float[np.ndarray, "T 3 3"]:
    """Matrix that takes a lever arm (m) to the acceleration that it adds: turning faster, and
    turning at all.

    `alpha × l + omega × (omega × l)`, all in the sensor's axes.

    >>> spin = np.tile([0.0, 0.0, 2.0], (5, 1))  # 2 rad/s about z: ω² l towards the axis
    >>> (lever_effect(spin, rate_hz=100.0)[2] @ np.array([0.1, 0.0, 0.0])).round(9).tolist()
    [-0.4, 0.0, 0.0]
    """
    turn, faster = _cross(rate), _cross(np.gradient(rate, 1.0 / rate_hz, axis=0))
    return np.asarray(faster + turn @ turn)


def align(
    simulated: Reading,
    real: Reading,
    rate_hz: float,
    where: Bool[np.ndarray, " T"] | None = None,
    rotation: bool = True,
    lever: bool = True,
    max_delay_s: float = 0.05,
) -> Alignment:
    """Estimate how the real sensor sits and how late its clock is, from the samples marked in
    `where`.

    Delay: the whole or half sample within ±`max_delay_s` at which the two magnitudes of angular
    rate agree best. Rotation: Wahba's problem (1965, https://doi.org/10.1137/1007077) over both
    quantities, each divided by its spread. Lever arm: least squares. Both signals should have been
    filtered to the same band before.

    Raises DataError for fewer than ten samples, shapes that differ, or a sensor that never turns.

    >>> rate = np.random.default_rng(0).standard_normal((300, 3))
    >>> seen = Reading(rate @ np.diag([3.0, 2.0, 1.0]), rate)
    >>> turn = rotations.from_axis_angle(np.array([0.0, 0.0, 0.5]))
    >>> worn = Reading(*(rotations.rotate(turn, part) for part in seen))
    >>> sits = align(seen, worn, rate_hz=100.0, lever=False, max_delay_s=0.0)
    >>> round(float(rotations.to_axis_angle(sits.simulated_to_real)[2]), 6)  # about z
    0.5
    """
    count = len(real.angular_rate)
    chosen = np.ones(count, dtype=bool) if where is None else np.asarray(where)
    if not len(simulated.angular_rate) == count == len(chosen):
        raise DataError(
            f"Simulated and real samples are compared one by one; found "
            f"{len(simulated.angular_rate)} and {count}, and {len(chosen)} marks. Bring them onto "
            "one clock first."
        )
    delay = _delay(simulated.angular_rate, real.angular_rate, chosen, max_delay_s * rate_hz)
    acceleration, rate = (_delayed(part, delay) for part in simulated)
    effect = lever_effect(rate, rate_hz)
    known = np.isfinite(np.concatenate([effect[:, 0], acceleration, *real], axis=1)).all(axis=1)
    use = chosen & known
    if use.sum() < 10 or not np.any(rate[use]):
        still = " that never turn" if use.sum() >= 10 else ""
        raise DataError(
            f"A mounting is estimated from a sensor that turns; found {int(use.sum())} samples in "
            f"common{still}. Choose a part with movement."
        )
    acceleration, rate, effect = acceleration[use], rate[use], effect[use]
    # Each quantity over its own spread: m/s² would outvote rad/s.
    scales = [1.0 / max(float(np.std(part[use])), 1e-9) for part in real]
    target = np.concatenate([part[use] * s for part, s in zip(real, scales, strict=True)])
    turn, arm = rotations.IDENTITY, np.zeros(3)
    for _ in range(_ROUNDS):
        if rotation:
            moved = acceleration + effect @ arm
            turn = _wahba(np.concatenate([moved * scales[0], rate * scales[1]]), target)
        if not lever:
            break
        unturned = rotations.rotate(rotations.conjugate(turn), real.acceleration[use])
        missing = unturned - acceleration
        arm = np.linalg.lstsq(effect.reshape(-1, 3), missing.reshape(-1), rcond=None)[0]
    return Alignment(turn, arm, delay / rate_hz)


def _wahba(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotation that takes one set of vectors to another, least squares."""
    u, _, vt = np.linalg.svd(target.T @ source)
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return rotations.from_matrix(u @ handed @ vt)


def _delay(simulated: np.ndarray, real: np.ndarray, where: np.ndarray, most: float) -> float:
    """Samples by which the real magnitude lags: best on a grid of half samples."""
    if most <= 0:
        return 0.0
    size = np.linalg.norm(simulated, axis=1, keepdims=True)
    target = np.linalg.norm(real, axis=1)
    best, chosen = np.inf, 0.0
    halves = np.arange(-np.floor(2 * most), np.floor(2 * most) + 1)
    for delay in sorted(halves / 2.0, key=abs):
        # Magnitudes do not depend on the mounting, which is not known yet.
        difference = (_delayed(size, delay)[:, 0] - target)[where]
        error = float(np.nanmean(difference**2)) if np.isfinite(difference).any() else np.inf
        if error < best * (1.0 - 1e-12):
            best, chosen = error, float(delay)
    return chosen


def _delayed(values: np.ndarray, samples: float) -> np.ndarray:
    """The same signal, later by some samples; cubic in between (Catmull-Rom), NaN where nothing is
    known."""
    if samples == 0.0:
        return values
    count = len(values)
    at = np.arange(count) - samples
    whole = np.floor(at).astype(np.int64)
    u = (at - whole)[:, None]
    index = np.clip(whole[:, None] + np.arange(-1, 3), 0, count - 1)
    before, left, right, after = np.moveaxis(values[index], 1, 0)
    bend = 2 * before - 5 * left + 4 * right - after
    out = left + 0.5 * u * (right - before + u * (bend + u * (3 * (left - right) + after - before)))
    out[(at < 0) | (at > count - 1)] = np.nan
    return np.asarray(out)


def _cross(vector: np.ndarray) -> np.ndarray:
    x, y, z = vector.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
