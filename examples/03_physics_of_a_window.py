"""The quantities that PIM predicts, on signals whose values are known in closed form."""

from __future__ import annotations

import numpy as np

from otolith.data.physics.angles import gravity_angles
from otolith.data.physics.bins import UniformBins
from otolith.data.physics.gravity import split_gravity
from otolith.data.physics.speed import speed
from otolith.data.physics.symmetry import best_lag, norms, symmetry

RATE_HZ = 50.0
GRAVITY = 9.81


def main() -> None:
    """Measure speed, angles and symmetry, and compare with closed forms."""
    time_s = np.arange(0, 30, 1 / RATE_HZ)

    # A sensor tilted by 30° that swings along its x axis: amplitude A m/s², frequency f.
    amplitude, hertz, tilt = 6.0, 1.5, np.radians(30)
    reading = np.zeros((len(time_s), 3))
    reading[:, 1], reading[:, 2] = GRAVITY * np.sin(tilt), GRAVITY * np.cos(tilt)
    reading[:, 0] = amplitude * np.sin(2 * np.pi * hertz * time_s)

    gravity, linear, _ = split_gravity(reading, RATE_HZ)
    middle = slice(500, 1000)
    roll, pitch, yaw = np.degrees(gravity_angles(gravity[middle].mean(axis=0)))
    print(f"roll {roll:.1f}°, pitch {pitch:.1f}°, yaw {yaw:.1f}° (exact: 30, 0, 30)")

    # The velocity of A·sin(2πft) has amplitude A / 2πf, and |sin| is 2/π on average.
    measured = speed(linear, RATE_HZ)[middle].mean()
    exact = amplitude / (2 * np.pi * hertz) * 2 / np.pi
    print(f"mean speed {measured:.3f} m/s (exact: {exact:.3f})")

    # Two wrists with the same movement, the right one 0.2 s later: once aligned, they are equal.
    rng = np.random.default_rng(0)
    left = rng.standard_normal((1, 3, 250)).cumsum(axis=2)
    right = np.roll(left, round(0.2 * RATE_HZ), axis=2)
    a, b = norms(left[..., 20:-20]), norms(right[..., 20:-20])
    print(
        f"lag {best_lag(a, b, RATE_HZ)[0] / RATE_HZ:.2f} s, symmetry "
        f"{symmetry(a, b, RATE_HZ)[0]:.3f} (0.20 and 0)"
    )
    print(f"with one side of twice the amplitude: {symmetry(a, 2 * b, RATE_HZ)[0]:.2f} m/s²")

    # The network predicts the bin of a value, of eleven bins of equal width.
    bins = UniformBins.fit(speed(linear, RATE_HZ)[middle])
    print(
        f"speeds 0.0, 0.3 and 9.9 m/s are in bins "
        f"{bins.transform(np.array([0.0, 0.3, 9.9])).tolist()} of {bins.n_bins}"
    )


if __name__ == "__main__":
    main()
