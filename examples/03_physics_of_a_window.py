"""What PIM asks the network to predict, on signals whose answer is known in closed form."""

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
    """Measure speed, angles and symmetry where they can be worked out by hand."""
    time_s = np.arange(0, 30, 1 / RATE_HZ)

    # A sensor tilted by 30° that swings along its x axis: amplitude A m/s², frequency f.
    amplitude, hertz, tilt = 6.0, 1.5, np.radians(30)
    reading = np.zeros((len(time_s), 3))
    reading[:, 1], reading[:, 2] = GRAVITY * np.sin(tilt), GRAVITY * np.cos(tilt)
    reading[:, 0] = amplitude * np.sin(2 * np.pi * hertz * time_s)

    gravity, linear, _ = split_gravity(reading, RATE_HZ)
    middle = slice(500, 1000)
    roll, pitch, yaw = np.degrees(gravity_angles(gravity[middle].mean(axis=0)))
    print(f"roll {roll:.1f}°, pitch {pitch:.1f}°, yaw {yaw:.1f}° (by hand: 30, 0, 30)")

    # The velocity of A·sin(2πft) has amplitude A / 2πf, and |sin| is 2/π on average.
    found = speed(linear, RATE_HZ)[middle].mean()
    print(
        f"mean speed {found:.3f} m/s (by hand: {amplitude / (2 * np.pi * hertz) * 2 / np.pi:.3f})"
    )

    # Two wrists that do the same, the right one 0.2 s later: the lag is found, and nothing is left
    # to tell them apart.
    rng = np.random.default_rng(0)
    left = rng.standard_normal((1, 3, 250)).cumsum(axis=2)
    right = np.roll(left, round(0.2 * RATE_HZ), axis=2)
    a, b = norms(left[..., 20:-20]), norms(right[..., 20:-20])
    print(
        f"lag {best_lag(a, b, RATE_HZ)[0] / RATE_HZ:.2f} s, symmetry "
        f"{symmetry(a, b, RATE_HZ)[0]:.3f} (0.20 and 0)"
    )
    print(f"with one side twice as strong: {symmetry(a, 2 * b, RATE_HZ)[0]:.2f} m/s²")

    # What the network predicts is not the number but its class, of eleven of equal width.
    bins = UniformBins.fit(speed(linear, RATE_HZ)[middle])
    print(
        f"speeds 0.0, 0.3 and 9.9 m/s are classes "
        f"{bins.transform(np.array([0.0, 0.3, 9.9])).tolist()} of {bins.n_bins}"
    )


if __name__ == "__main__":
    main()
