"""What a real device adds to the truth: noise, an offset, an offset that wanders, and the end of its range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from otolith.errors import UnknownNameError, nearest
from otolith.units import STANDARD_GRAVITY

MILLI_G = STANDARD_GRAVITY / 1000.0
DEGREE = float(np.pi / 180.0)


@dataclass(frozen=True)
class Noise:
    """Errors of one kind of device, in SI units; all zero is an ideal one."""

    acc_density: float = 0.0
    """White noise of the accelerometer, m/s² per root hertz."""
    gyro_density: float = 0.0
    """White noise of the gyroscope, rad/s per root hertz."""
    acc_bias: float = 0.0
    """Standard deviation over devices of the accelerometer's offset, m/s²."""
    gyro_bias: float = 0.0
    """Standard deviation over devices of the gyroscope's offset, rad/s."""
    acc_walk: float = 0.0
    """How the accelerometer's offset wanders, m/s² per root second."""
    gyro_walk: float = 0.0
    """How the gyroscope's offset wanders, rad/s per root second."""
    acc_range: float = np.inf
    """Largest acceleration per axis, m/s²; beyond it the reading stays there."""
    gyro_range: float = np.inf
    """Largest angular rate per axis, rad/s."""

    def add(
        self, acceleration: Float[np.ndarray, "T 3"], angular_rate: Float[np.ndarray, "T 3"], rate_hz: float, seed: int
    ) -> tuple[Float[np.ndarray, "T 3"], Float[np.ndarray, "T 3"]]:
        """What one device of this kind would have read, given the truth; the seed is the device.

        White noise is that of a device which filters to half its output rate.
        """
        acc_rng, gyro_rng = np.random.default_rng(seed).spawn(2)
        return (
            _read(acceleration, self.acc_density, self.acc_bias, self.acc_walk, self.acc_range, rate_hz, acc_rng),
            _read(angular_rate, self.gyro_density, self.gyro_bias, self.gyro_walk, self.gyro_range, rate_hz, gyro_rng),
        )


def _read(
    truth: Float[np.ndarray, "T 3"],
    density: float,
    bias: float,
    walk: float,
    limit: float,
    rate_hz: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "T 3"]:
    out = truth + bias * rng.standard_normal(3)
    if density:
        out = out + density * np.sqrt(rate_hz / 2.0) * rng.standard_normal(truth.shape)
    if walk:
        out = out + walk / np.sqrt(rate_hz) * np.cumsum(rng.standard_normal(truth.shape), axis=0)
    return np.asarray(np.clip(out, -limit, limit))


# Noise densities, typical offsets (taken as standard deviations) and ranges stand in the makers' data sheets. How far
# an offset wanders does not: these values let it move by a tenth of the typical offset in ten minutes.
NOISES: dict[str, Noise] = {
    "none": Noise(),
    # Bosch Sensortec BMI160 (data sheet BST-BMI160-DS000): 180 µg/√Hz, 0.007 °/s/√Hz, ±40 mg, ±3 °/s; 8 g, 2000 °/s.
    "watch": Noise(
        acc_density=0.180 * MILLI_G,
        gyro_density=0.007 * DEGREE,
        acc_bias=40.0 * MILLI_G,
        gyro_bias=3.0 * DEGREE,
        acc_walk=0.16 * MILLI_G,
        gyro_walk=0.012 * DEGREE,
        acc_range=8.0 * STANDARD_GRAVITY,
        gyro_range=2000.0 * DEGREE,
    ),
    # TDK InvenSense MPU-6500 (product specification): 300 µg/√Hz, 0.01 °/s/√Hz, ±60 mg, ±5 °/s; 8 g, 2000 °/s.
    "phone": Noise(
        acc_density=0.300 * MILLI_G,
        gyro_density=0.010 * DEGREE,
        acc_bias=60.0 * MILLI_G,
        gyro_bias=5.0 * DEGREE,
        acc_walk=0.24 * MILLI_G,
        gyro_walk=0.020 * DEGREE,
        acc_range=8.0 * STANDARD_GRAVITY,
        gyro_range=2000.0 * DEGREE,
    ),
}


def noise(name: str) -> Noise:
    """The errors of a kind of device by name; raises UnknownNameError that names the nearest."""
    if name not in NOISES:
        raise UnknownNameError(f"There is no noise '{name}'.{nearest(name, NOISES)} Known: {', '.join(NOISES)}.")
    return NOISES[name]
