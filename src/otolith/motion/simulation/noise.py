"""What a real device adds to the truth: noise, offsets that wander, wrong scales, steps, the end of
its range, loss."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, UnknownNameError, nearest
from otolith.data.quantities import STANDARD_GRAVITY

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
    acc_scale: float = 0.0
    """Standard deviation over devices and axes of the accelerometer's scale error; 0.01 is one per
    cent."""
    gyro_scale: float = 0.0
    """The same of the gyroscope."""
    acc_step: float = 0.0
    """Smallest difference that the accelerometer tells, m/s²."""
    gyro_step: float = 0.0
    """Smallest difference that the gyroscope tells, rad/s."""
    mag_noise: float = 0.0
    """White noise of the magnetometer, root mean square per sample, µT."""
    mag_bias: float = 0.0
    """Standard deviation over devices of what the magnetometer's own iron adds, µT."""
    mag_step: float = 0.0
    """Smallest difference that the magnetometer tells, µT."""
    jitter_s: float = 0.0
    """Standard deviation of the moments of sampling about an even clock, s; stamps say the true
    moments."""
    loss: float = 0.0
    """Share of samples that never arrive, below 1."""
    burst: float = 1.0
    """How many samples in a row are lost at once, on average."""

    def __post_init__(self) -> None:
        if not (0.0 <= self.loss < 1.0 and self.burst >= 1.0 and self.jitter_s >= 0.0):
            raise ConfigError(
                f"Noise: 0 <= loss < 1, burst >= 1 and jitter_s >= 0; found loss {self.loss}, "
                f"burst {self.burst}, jitter_s {self.jitter_s}."
            )

    def add(
        self,
        acceleration: Float[np.ndarray, "T 3"],
        angular_rate: Float[np.ndarray, "T 3"],
        rate_hz: float,
        seed: int,
    ) -> tuple[Float[np.ndarray, "T 3"], Float[np.ndarray, "T 3"]]:
        """What one device of this kind would have read, given the truth; the seed is the device.

        White noise is that of a device which filters to half its output rate.
        """
        # A generator for each, so that a figure of one sensor changes nothing of the other's noise.
        acc_rng, gyro_rng = np.random.default_rng(seed).spawn(2)
        return (
            self._read(acceleration, "acc", rate_hz, acc_rng),
            self._read(angular_rate, "gyro", rate_hz, gyro_rng),
        )

    def _read(
        self, truth: Float[np.ndarray, "T 3"], kind: str, rate_hz: float, rng: np.random.Generator
    ) -> Float[np.ndarray, "T 3"]:
        density, bias, walk, limit, scale, step = (
            getattr(self, f"{kind}_{part}")
            for part in ("density", "bias", "walk", "range", "scale", "step")
        )
        out = truth + bias * rng.standard_normal(3)
        if density:
            out += density * np.sqrt(rate_hz / 2.0) * rng.standard_normal(truth.shape)
        if walk:
            out += walk / np.sqrt(rate_hz) * np.cumsum(rng.standard_normal(truth.shape), axis=0)
        if scale:
            out += truth * (scale * rng.standard_normal(3))
        return np.asarray(np.clip(_stepped(out, step), -limit, limit))

    def add_magnetic(self, field: Float[np.ndarray, "T 3"], seed: int) -> Float[np.ndarray, "T 3"]:
        """What the device's magnetometer would have read, µT, given the truth; the seed is the
        device."""
        rng = np.random.default_rng([seed, 2])
        out = field + self.mag_bias * rng.standard_normal(3)
        if self.mag_noise:
            out = out + self.mag_noise * rng.standard_normal(field.shape)
        return np.asarray(_stepped(out, self.mag_step))

    def clock(self, samples: int, rate_hz: float, seed: int) -> tuple[Float[np.ndarray, " T"], int]:
        """When the samples that arrive were taken, in seconds, and how many of `samples` never
        arrived.

        Moments vary about an even clock, by two fifths of a period at most, so that they stay in
        order; loss comes in bursts (Gilbert, "Capacity of a Burst-Noise Channel", 1960,
        https://doi.org/10.1002/j.1538-7305.1960.tb03959.x).
        """
        rng = np.random.default_rng([seed, 3])
        time_s = np.arange(samples) / rate_hz
        if self.jitter_s and samples:
            most = 0.4 / rate_hz  # beyond half a period two samples would change places
            late = np.clip(self.jitter_s * rng.standard_normal(samples), -most, most)
            time_s = np.clip(time_s + late, 0.0, time_s[-1])
        if not self.loss:
            return time_s, 0
        arrives = np.ones(samples, dtype=bool)
        # Alternating runs of good and bad samples, geometric, whose mean lengths give the share
        # that is lost.
        at, good = 0, self.burst * (1.0 - self.loss) / self.loss
        while at < samples:
            at += int(rng.geometric(1.0 / max(good, 1.0)))
            lost = int(rng.geometric(1.0 / self.burst))
            arrives[at : at + lost] = False
            at += lost
        return time_s[arrives], int((~arrives).sum())


def _stepped(values: np.ndarray, step: float) -> np.ndarray:
    return step * np.rint(values / step) if step else values


# Noise densities, typical offsets (taken as standard deviations) and ranges stand in the makers'
# data sheets. How far an offset wanders does not: these values let it move by a tenth of the
# typical offset in ten minutes. Sheets bound the scale at a few per cent (±3 % in that of
# InvenSense's MPU-6050, PS-MPU-6000A-00, 6.1 and 6.2): a third of that is the standard deviation
# here. Steps are those of 16 bits over the range. Stamps that phones round to a millisecond scatter
# by 0.3 to 0.5 ms (0.45 ms in the data set MEX). Loss is a matter of the radio and the room: none
# is assumed.
# Bosch Sensortec BMI160 (data sheet BST-BMI160-DS000): 180 µg/√Hz, 0.007 °/s/√Hz, ±40 mg, ±3 °/s;
# 8 g, 2000 °/s.
_WATCH = Noise(
    acc_density=0.180 * MILLI_G,
    gyro_density=0.007 * DEGREE,
    acc_bias=40.0 * MILLI_G,
    gyro_bias=3.0 * DEGREE,
    acc_walk=0.16 * MILLI_G,
    gyro_walk=0.012 * DEGREE,
    acc_range=8.0 * STANDARD_GRAVITY,
    gyro_range=2000.0 * DEGREE,
    acc_scale=0.01,
    gyro_scale=0.01,
    acc_step=STANDARD_GRAVITY / 4096.0,
    gyro_step=DEGREE / 16.4,
)
NOISES: dict[str, Noise] = {
    "none": Noise(),
    "watch": _WATCH,
    # TDK InvenSense MPU-6500 (product specification): 300 µg/√Hz, 0.01 °/s/√Hz, ±60 mg, ±5 °/s;
    # ranges, scales and steps as above.
    "phone": replace(
        _WATCH,
        acc_density=0.300 * MILLI_G,
        gyro_density=0.010 * DEGREE,
        acc_bias=60.0 * MILLI_G,
        gyro_bias=5.0 * DEGREE,
        acc_walk=0.24 * MILLI_G,
        gyro_walk=0.020 * DEGREE,
        mag_step=0.15,  # AK8963, 16 bits
        jitter_s=0.00045,
    ),
    # Xsens MTw Awinda (user manual MW0502P): 200 µg/√Hz, 0.01 °/s/√Hz, 10 °/h, 0.1 mg; ±160 m/s²,
    # ±2000 °/s; calibrated one by one, so the stability is all the offset that is left; scale
    # within half a per cent. At rest, two trackers of OpenSense's example recording show 189 to 205
    # µg/√Hz, and none of 8 lost a packet in 25 s. Magnetometer: the same maker's MTi-300 sheet, 0.5
    # mG root mean square.
    "mtw": Noise(
        acc_density=0.200 * MILLI_G,
        gyro_density=0.010 * DEGREE,
        acc_bias=0.1 * MILLI_G,
        gyro_bias=10.0 / 3600.0 * DEGREE,
        acc_range=160.0,
        gyro_range=2000.0 * DEGREE,
        acc_scale=0.005 / 3.0,
        gyro_scale=0.001 / 3.0,
        mag_noise=0.05,
    ),
}


def noise(name: str) -> Noise:
    """The errors of a kind of device by name; raises UnknownNameError that names the nearest.

    >>> round(noise("watch").acc_density / MILLI_G * 1000)  # µg per root hertz
    180
    """
    if name not in NOISES:
        raise UnknownNameError(
            f"There is no noise '{name}'.{nearest(name, NOISES)} Known: {', '.join(NOISES)}."
        )
    return NOISES[name]
