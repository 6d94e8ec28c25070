"""Many sensors on one body at once: from joints to readings in one pass, without an array in
between.

The same quintic spline as `otolith.motion.simulation.kinematics`, as a recursion: spline
coefficients of even frames come out of two short filters that run once forwards and once backwards
(Unser, "Splines: a perfect fit for signal and image processing", 1999,
https://doi.org/10.1109/79.799930). What a frame does to coefficients 40 frames away is lost in the
rounding of float64, so a clip can be worked through in blocks that fit the processor's cache.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from jaxtyping import Float

from otolith.core.errors import DataError
from otolith.data.quantities import STANDARD_GRAVITY

HALO = 40
"""Frames on either side that a block looks at: 0.43 to the power of 40 is 2e-15."""
_BLOCK = 512
_ROW = _BLOCK + 2 * HALO
_GRAVITY = STANDARD_GRAVITY
# The roots of the quintic B-spline's filter inside the unit circle, z^4 + 26 z^3 + 66 z^2 + 26 z +
# 1.
_POLES = (
    np.sqrt(270.0 - np.sqrt(70980.0)) / 2.0 + np.sqrt(105.0) / 2.0 - 13.0 / 2.0,
    np.sqrt(270.0 + np.sqrt(70980.0)) / 2.0 - np.sqrt(105.0) / 2.0 - 13.0 / 2.0,
)
_A = float(_POLES[0] + _POLES[1])
_B = float(-_POLES[0] * _POLES[1])
_REST = 1.0 - _A - _B


def sense(
    position: Float[np.ndarray, "F S 3"],
    joint_to_world: Float[np.ndarray, "F S 4"],
    rate_hz: float,
    lever: Float[np.ndarray, "S 3"],
    sensor_to_joint: Float[np.ndarray, "S 4"],
    time_s: Float[np.ndarray, " T"] | None = None,
) -> Float[np.ndarray, "S T 6"]:
    """What ideal sensors on moving joints read: acceleration (with gravity, m/s²) and angular rate
    (rad/s), float32.

    position, joint_to_world: of each sensor's joint, frame by frame, metres and quaternions xyzw;
    lever: from the joint to the sensor in the joint's axes, metres; sensor_to_joint: how it is
    turned there. time_s: moments, rising, within the clip; each frame's own where left out.
    Reckoned in float64. The ends of the clip go on as polynomials of degree five. Raises DataError
    for fewer than 6 frames, frames that are not finite (cut the clip there), or moments outside of
    the clip.

    With q the sensor's quaternion and r its point, R^T (r'' - g) and 2 conj(q) q' as in
    `otolith.motion.simulation.sensor.ideal`; the same numbers away from the ends, to 1e-7.

    >>> still = np.tile([0.0, 0.0, 0.0, 1.0], (50, 1, 1))
    >>> read = sense(np.zeros((50, 1, 3)), still, 100.0, np.zeros((1, 3)), still[0])
    >>> np.abs(read[0, 10]).round(3)
    array([0.   , 0.   , 9.807, 0.   , 0.   , 0.   ], dtype=float32)
    """
    frames, sensors = position.shape[:2]
    if frames < 6:
        raise DataError(f"A quintic spline needs at least 6 frames, found {frames}.")
    if not (np.isfinite(position).all() and np.isfinite(joint_to_world).all()):
        raise DataError("A frame is not finite; cut the clip there: motion.cut(a, b).")
    path, turns = np.ascontiguousarray(position, float), np.ascontiguousarray(joint_to_world, float)
    arm, mount = np.ascontiguousarray(lever, float), np.ascontiguousarray(sensor_to_joint, float)
    rate_hz = float(rate_hz)
    if time_s is None:
        out = np.empty((sensors, frames, 6), dtype=np.float32)
        _on_frames(path, turns, rate_hz, arm, mount, out)
        return out
    at = np.asarray(time_s, dtype=np.float64) * rate_hz
    if at.size and (at[0] < 0.0 or at[-1] > frames - 1 + 1e-6 or np.any(np.diff(at) < 0)):
        raise DataError(
            f"Moments rise and lie within the clip, 0 to {(frames - 1) / rate_hz:.3f} s; found "
            f"{at[0] / rate_hz:.3f} to {at[-1] / rate_hz:.3f} s."
        )
    out = np.empty((sensors, at.size, 6), dtype=np.float32)
    _at_moments(path, turns, rate_hz, arm, mount, np.minimum(at, frames - 1), out)
    return out


# All rows of a block lie in one flat array, at distances known when this is compiled: so the
# compiler sees that rows do not overlap and handles four or eight frames at a time. Rows 0-2:
# point, then its spline coefficients; 3-6: the sensor's quaternion, then its coefficients; 7-10:
# the quaternion as it was; 11-16: readings.
_ROWS = 17
_FAST = {"contract", "nsz", "arcp"}


@nb.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _prepare(
    work: np.ndarray,
    position: np.ndarray,
    turns: np.ndarray,
    sensor: int,
    arm: np.ndarray,
    mount: np.ndarray,
    first: int,
) -> int:
    """Fill a block with a sensor's points and quaternions, go on at the ends, and turn them into
    coefficients."""
    frames = len(position)
    start, stop = max(0, HALO - first), min(_ROW, frames - first + HALO)
    shift = first - HALO
    lx, ly, lz = arm[sensor, 0], arm[sensor, 1], arm[sensor, 2]
    mx, my, mz, mw = mount[sensor, 0], mount[sensor, 1], mount[sensor, 2], mount[sensor, 3]
    for i in range(start, stop):
        for axis in range(3):
            work[axis * _ROW + i] = position[i + shift, sensor, axis]
        for axis in range(4):
            work[(3 + axis) * _ROW + i] = turns[i + shift, sensor, axis]
    # Whole rows, also what lies beyond the clip: the compiler then knows every index, and nothing
    # reads the rest.
    for i in range(_ROW):
        x, y, z, w = work[3 * _ROW + i], work[4 * _ROW + i], work[5 * _ROW + i], work[6 * _ROW + i]
        scale = 1.0 / np.sqrt(x * x + y * y + z * z + w * w)
        x, y, z, w = x * scale, y * scale, z * scale, w * scale
        tx, ty, tz = 2.0 * (y * lz - z * ly), 2.0 * (z * lx - x * lz), 2.0 * (x * ly - y * lx)
        work[i] += lx + w * tx + y * tz - z * ty
        work[_ROW + i] += ly + w * ty + z * tx - x * tz
        work[2 * _ROW + i] += lz + w * tz + x * ty - y * tx
        work[3 * _ROW + i] = w * mx + x * mw + y * mz - z * my
        work[4 * _ROW + i] = w * my - x * mz + y * mw + z * mx
        work[5 * _ROW + i] = w * mz + x * my - y * mx + z * mw
        work[6 * _ROW + i] = w * mw - x * mx - y * my - z * mz
    # A quaternion and its negative are one rotation: neighbours of opposite sign would tear the
    # spline.
    for i in range(1, _ROW):
        work[7 * _ROW + i] = (
            work[3 * _ROW + i] * work[3 * _ROW + i - 1]
            + work[4 * _ROW + i] * work[4 * _ROW + i - 1]
            + work[5 * _ROW + i] * work[5 * _ROW + i - 1]
            + work[6 * _ROW + i] * work[6 * _ROW + i - 1]
        )
    sign = 1.0
    work[7 * _ROW + start] = 1.0
    for i in range(start, stop):
        sign = -sign if work[7 * _ROW + i] < 0.0 else sign
        work[7 * _ROW + i] = sign
    for i in range(_ROW):
        work[3 * _ROW + i] *= work[7 * _ROW + i]
        work[4 * _ROW + i] *= work[7 * _ROW + i]
        work[5 * _ROW + i] *= work[7 * _ROW + i]
        work[6 * _ROW + i] *= work[7 * _ROW + i]
    if start > 0 or stop < _ROW:
        _extend(work, start, stop)
        stop = min(_ROW, stop + HALO)
    for i in range(4 * _ROW):
        work[7 * _ROW + i] = work[3 * _ROW + i]
    _coefficients(work, stop)
    return stop


@nb.njit(cache=True, nogil=True)
def _extend(work: np.ndarray, start: int, stop: int) -> None:
    """Beyond the ends of the clip: the quintic polynomial through the six outermost frames."""
    for row in range(7):
        at = row * _ROW
        for i in range(at + start - 1, at - 1, -1):
            work[i] = (
                6.0 * (work[i + 1] + work[i + 5])
                - 15.0 * (work[i + 2] + work[i + 4])
                + 20.0 * work[i + 3]
                - work[i + 6]
            )
        for i in range(at + stop, at + min(_ROW, stop + HALO)):
            work[i] = (
                6.0 * (work[i - 1] + work[i - 5])
                - 15.0 * (work[i - 2] + work[i - 4])
                + 20.0 * work[i - 3]
                - work[i - 6]
            )


@nb.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _coefficients(work: np.ndarray, stop: int) -> None:
    # Seven recursions side by side: each waits for its own last result, and the others fill the
    # wait.
    px, py, pz, qx, qy, qz, qw = (
        work[0] / _REST, work[_ROW] / _REST, work[2 * _ROW] / _REST, work[3 * _ROW] / _REST,
        work[4 * _ROW] / _REST, work[5 * _ROW] / _REST, work[6 * _ROW] / _REST,
    )  # fmt: skip
    px2, py2, pz2, qx2, qy2, qz2, qw2 = px, py, pz, qx, qy, qz, qw
    for i in range(stop):
        px, px2 = (work[i] + _B * px2) + _A * px, px
        py, py2 = (work[_ROW + i] + _B * py2) + _A * py, py
        pz, pz2 = (work[2 * _ROW + i] + _B * pz2) + _A * pz, pz
        qx, qx2 = (work[3 * _ROW + i] + _B * qx2) + _A * qx, qx
        qy, qy2 = (work[4 * _ROW + i] + _B * qy2) + _A * qy, qy
        qz, qz2 = (work[5 * _ROW + i] + _B * qz2) + _A * qz, qz
        qw, qw2 = (work[6 * _ROW + i] + _B * qw2) + _A * qw, qw
        work[i], work[_ROW + i], work[2 * _ROW + i], work[3 * _ROW + i] = px, py, pz, qx
        work[4 * _ROW + i], work[5 * _ROW + i], work[6 * _ROW + i] = qy, qz, qw
    gain = _REST * _REST
    px, py, pz, qx, qy, qz, qw = (
        px * _REST, py * _REST, pz * _REST, qx * _REST, qy * _REST, qz * _REST, qw * _REST
    )  # fmt: skip
    px2, py2, pz2, qx2, qy2, qz2, qw2 = px, py, pz, qx, qy, qz, qw
    for i in range(stop - 1, -1, -1):
        px, px2 = (gain * work[i] + _B * px2) + _A * px, px
        py, py2 = (gain * work[_ROW + i] + _B * py2) + _A * py, py
        pz, pz2 = (gain * work[2 * _ROW + i] + _B * pz2) + _A * pz, pz
        qx, qx2 = (gain * work[3 * _ROW + i] + _B * qx2) + _A * qx, qx
        qy, qy2 = (gain * work[4 * _ROW + i] + _B * qy2) + _A * qy, qy
        qz, qz2 = (gain * work[5 * _ROW + i] + _B * qz2) + _A * qz, qz
        qw, qw2 = (gain * work[6 * _ROW + i] + _B * qw2) + _A * qw, qw
        work[i], work[_ROW + i], work[2 * _ROW + i], work[3 * _ROW + i] = px, py, pz, qx
        work[4 * _ROW + i], work[5 * _ROW + i], work[6 * _ROW + i] = qy, qz, qw


@nb.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _read(
    ax: float, ay: float, az: float, x: float, y: float, z: float, w: float,
    dx: float, dy: float, dz: float, dw: float,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """Acceleration less gravity, turned into the sensor's axes, and twice the vector part of
    conjugate(q) dq."""
    scale = 1.0 / (x * x + y * y + z * z + w * w)
    az = az + _GRAVITY
    tx, ty, tz = (
        2.0 * scale * (z * ay - y * az),
        2.0 * scale * (x * az - z * ax),
        2.0 * scale * (y * ax - x * ay),
    )
    return (
        ax + w * tx - y * tz + z * ty,
        ay + w * ty - z * tx + x * tz,
        az + w * tz - x * ty + y * tx,
        2.0 * scale * (w * dx - x * dw - y * dz + z * dy),
        2.0 * scale * (w * dy + x * dz - y * dw - z * dx),
        2.0 * scale * (w * dz - x * dy + y * dx - z * dw),
    )


@nb.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _bend(c: np.ndarray, i: int) -> float:
    """Six times the second derivative of a quintic spline at a frame, from its coefficients."""
    return float(c[i - 2] + c[i + 2] + 2.0 * (c[i - 1] + c[i + 1]) - 6.0 * c[i])


@nb.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _slope(c: np.ndarray, i: int) -> float:
    """24 times the first derivative."""
    return float(c[i + 2] - c[i - 2] + 10.0 * (c[i + 1] - c[i - 1]))


@nb.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _on_frames(
    position: np.ndarray,
    turns: np.ndarray,
    rate_hz: float,
    arm: np.ndarray,
    mount: np.ndarray,
    out: np.ndarray,
) -> None:
    work = np.empty(_ROWS * _ROW)
    slope, bend = rate_hz / 24.0, rate_hz * rate_hz / 6.0
    for first in range(0, len(position), _BLOCK):
        count = min(_BLOCK, len(position) - first)
        for sensor in range(position.shape[1]):
            _prepare(work, position, turns, sensor, arm, mount, first)
            for i in range(HALO, HALO + _BLOCK):
                j, k = _ROW + i, 2 * _ROW + i
                a, b, c, d = 3 * _ROW + i, 4 * _ROW + i, 5 * _ROW + i, 6 * _ROW + i
                r0, r1, r2, r3, r4, r5 = _read(
                    bend * _bend(work, i), bend * _bend(work, j), bend * _bend(work, k),
                    work[7 * _ROW + i], work[8 * _ROW + i], work[9 * _ROW + i], work[10 * _ROW + i],
                    slope * _slope(work, a), slope * _slope(work, b),
                    slope * _slope(work, c), slope * _slope(work, d),
                )  # fmt: skip
                work[11 * _ROW + i], work[12 * _ROW + i], work[13 * _ROW + i] = r0, r1, r2
                work[14 * _ROW + i], work[15 * _ROW + i], work[16 * _ROW + i] = r3, r4, r5
            here = out[sensor, first : first + count]
            for i in range(count):
                for column in range(6):
                    here[i, column] = work[(11 + column) * _ROW + HALO + i]


@nb.njit(cache=True, nogil=True)
def _weights(f: float, of: np.ndarray) -> None:
    """Six weights each for the value, the slope and the bend, a fraction f after a frame (Cox and
    de Boor)."""
    b = np.zeros(6)
    b[0] = 1.0
    for p in range(1, 6):
        if p == 4:
            for j in range(6):
                one = b[j - 1] if 1 <= j <= 4 else 0.0
                two = b[j - 2] if j >= 2 else 0.0
                of[12 + j] = two - 2.0 * one + (b[j] if j <= 3 else 0.0)
        if p == 5:
            for j in range(6):
                of[6 + j] = (b[j - 1] if j >= 1 else 0.0) - (b[j] if j <= 4 else 0.0)
        for j in range(p, -1, -1):
            before = b[j - 1] if j >= 1 else 0.0
            b[j] = ((f + p - j) * before + (j + 1 - f) * b[j]) / p
    of[:6] = b


@nb.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _at_moments(
    position: np.ndarray, turns: np.ndarray, rate_hz: float, arm: np.ndarray, mount: np.ndarray,
    at: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    work = np.empty(_ROWS * _ROW)
    frames, bend = len(position), rate_hz * rate_hz
    begin = 0
    for first in range(0, frames, _BLOCK):
        end = begin
        # The last frame belongs to the block before it where the clip ends there.
        while end < len(at) and (at[end] < first + _BLOCK or first + _BLOCK >= frames):
            end += 1
        weights = np.empty((end - begin, 18))
        index = np.empty(end - begin, dtype=np.int64)
        for n in range(begin, end):
            whole = int(np.floor(at[n]))
            _weights(at[n] - whole, weights[n - begin])
            index[n - begin] = whole - first + HALO
        if end > begin:
            for sensor in range(position.shape[1]):
                _prepare(work, position, turns, sensor, arm, mount, first)
                for n in range(begin, end):
                    of, i = weights[n - begin], index[n - begin] - 2
                    ax = ay = az = x = y = z = w = dx = dy = dz = dw = 0.0
                    for tap in range(6):
                        value, slope, curve = of[tap], of[6 + tap], of[12 + tap]
                        ax += curve * work[i + tap]
                        ay += curve * work[_ROW + i + tap]
                        az += curve * work[2 * _ROW + i + tap]
                        qx, qy = work[3 * _ROW + i + tap], work[4 * _ROW + i + tap]
                        qz, qw = work[5 * _ROW + i + tap], work[6 * _ROW + i + tap]
                        x, y, z, w = x + value * qx, y + value * qy, z + value * qz, w + value * qw
                        dx, dy = dx + slope * qx, dy + slope * qy
                        dz, dw = dz + slope * qz, dw + slope * qw
                    r0, r1, r2, r3, r4, r5 = _read(
                        bend * ax, bend * ay, bend * az, x, y, z, w,
                        rate_hz * dx, rate_hz * dy, rate_hz * dz, rate_hz * dw,
                    )  # fmt: skip
                    out[sensor, n, 0], out[sensor, n, 1], out[sensor, n, 2] = r0, r1, r2
                    out[sensor, n, 3], out[sensor, n, 4], out[sensor, n, 5] = r3, r4, r5
        begin = end
