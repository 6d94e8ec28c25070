"""Rotations as unit quaternions, order x y z w, named ``a_to_b``, with any leading dimensions.

``multiply(b_to_c, a_to_b)`` is ``a_to_c``: read right to left, as with matrices. A quaternion and
its negative are the same rotation; `unroll` chooses signs along time so that neighbours are close,
which every spline or difference needs.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from otolith.core.errors import DataError

__all__ = [
    "angular_rate", "conjugate", "from_axis_angle", "from_euler", "from_matrix", "multiply",
    "normalise", "rotate", "slerp", "to_axis_angle", "to_euler", "to_matrix", "unroll",
]  # fmt: skip

Quaternions = Float[np.ndarray, "*leading 4"]
Vectors = Float[np.ndarray, "*leading 3"]

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])


def normalise(q: Float[np.ndarray, "*leading 4"]) -> Float[np.ndarray, "*leading 4"]:
    """Scale quaternions to length one; raises DataError where one has no length or is not finite.

    >>> normalise(np.array([0.0, 0.0, 3.0, 4.0])).tolist()
    [0.0, 0.0, 0.6, 0.8]
    """
    length = np.linalg.norm(q, axis=-1, keepdims=True)
    usable = np.isfinite(length) & (length > 0)
    if not usable.all():
        raise DataError(
            f"{int((~usable).sum())} of {usable.size} quaternions have no direction (zero or not "
            "finite). Mark those frames as a gap before turning them into rotations."
        )
    return np.asarray(q / length)


def multiply(
    b_to_c: Float[np.ndarray, "*#leading 4"], a_to_b: Float[np.ndarray, "*#leading 4"]
) -> Float[np.ndarray, "*#leading 4"]:
    """Rotation a_to_c, Hamilton's product ``b_to_c a_to_b``: first a_to_b, then b_to_c.

    Leading dimensions broadcast.

    >>> quarter = from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    >>> to_axis_angle(multiply(quarter, quarter)).round(4).tolist()  # half a turn about z
    [0.0, 0.0, 3.1416]
    """
    x1, y1, z1, w1 = np.moveaxis(np.asarray(b_to_c), -1, 0)
    x2, y2, z2, w2 = np.moveaxis(np.asarray(a_to_b), -1, 0)
    x = w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2
    y = w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2
    z = w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2
    w = w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2
    return np.stack([x, y, z, w], axis=-1)


def conjugate(a_to_b: Float[np.ndarray, "*leading 4"]) -> Float[np.ndarray, "*leading 4"]:
    """The opposite rotation, b_to_a.

    >>> turn = from_axis_angle(np.array([0.3, -0.2, 0.1]))
    >>> multiply(conjugate(turn), turn).round(9).tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    return np.asarray(a_to_b * np.array([-1.0, -1.0, -1.0, 1.0]))


def rotate(
    a_to_b: Float[np.ndarray, "*#leading 4"], v: Float[np.ndarray, "*#leading 3"]
) -> Float[np.ndarray, "*#leading 3"]:
    """The vector v, given in frame a, expressed in frame b: ``q v conj(q)``, units kept.

    Leading dimensions broadcast.

    >>> quarter = from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    >>> rotate(quarter, np.array([1.0, 0.0, 0.0])).round(9).tolist()  # x becomes y
    [0.0, 1.0, 0.0]
    """
    x, y, z, w = np.moveaxis(np.asarray(a_to_b), -1, 0)
    vx, vy, vz = np.moveaxis(np.asarray(v), -1, 0)
    # With u the vector part: v + 2 w (u x v) + 2 u x (u x v), half the work of two products.
    tx, ty, tz = 2.0 * (y * vz - z * vy), 2.0 * (z * vx - x * vz), 2.0 * (x * vy - y * vx)
    turned_x = vx + w * tx + y * tz - z * ty
    turned_y = vy + w * ty + z * tx - x * tz
    turned_z = vz + w * tz + x * ty - y * tx
    return np.stack([turned_x, turned_y, turned_z], axis=-1)


def from_axis_angle(
    rotation_vector: Float[np.ndarray, "*leading 3"],
) -> Float[np.ndarray, "*leading 4"]:
    """Rotation vectors (axis times angle in radians) to quaternions.

    ``q = (sin(|v| / 2) v / |v|, cos(|v| / 2))``, and the identity where v is zero.

    >>> from_axis_angle(np.array([np.pi, 0.0, 0.0])).round(9).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    vector = np.asarray(rotation_vector, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    # np.sinc is sin(pi x)/(pi x): exact at zero, where the axis is undefined and does not matter.
    half_sine = 0.5 * np.sinc(angle / (2.0 * np.pi))
    return np.concatenate([half_sine * vector, np.cos(0.5 * angle)], axis=-1)


def to_axis_angle(a_to_b: Float[np.ndarray, "*leading 4"]) -> Float[np.ndarray, "*leading 3"]:
    """Quaternions to rotation vectors (axis times angle in radians, 0 to pi).

    >>> to_axis_angle(np.array([1.0, 0.0, 0.0, 0.0])).round(4).tolist()
    [3.1416, 0.0, 0.0]
    """
    rotation, leading = _scipy(a_to_b)
    return np.asarray(rotation.as_rotvec()).reshape(*leading, 3)


def from_euler(
    order: str, angles: Float[np.ndarray, "*leading K"]
) -> Float[np.ndarray, "*leading 4"]:
    """Euler angles in radians to quaternions; order as in SciPy: "ZYX" turns with the body, "zyx"
    about fixed axes.

    >>> from_euler("ZYX", np.array([np.pi, 0.0, 0.0])).round(9).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    angle = np.asarray(angles, dtype=np.float64)
    flat = angle.reshape(-1, angle.shape[-1]) if len(order) > 1 else angle.reshape(-1)
    return np.asarray(Rotation.from_euler(order, flat).as_quat()).reshape(*angle.shape[:-1], 4)


def to_euler(
    order: str, a_to_b: Float[np.ndarray, "*leading 4"]
) -> Float[np.ndarray, "*leading 3"]:
    """Quaternions to three Euler angles in radians; order as in SciPy ("ZYX": with the body).

    >>> to_euler("ZYX", np.array([0.0, 0.0, 1.0, 1.0]) / np.sqrt(2.0)).round(4).tolist()
    [1.5708, 0.0, 0.0]
    """
    rotation, leading = _scipy(a_to_b)
    return np.asarray(rotation.as_euler(order)).reshape(*leading, 3)


def from_matrix(a_to_b: Float[np.ndarray, "*leading 3 3"]) -> Float[np.ndarray, "*leading 4"]:
    """Rotation matrices (columns are the axes of a, seen in b) to quaternions.

    >>> from_matrix(np.eye(3)).tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    matrix = np.asarray(a_to_b, dtype=np.float64)
    rotation = Rotation.from_matrix(matrix.reshape(-1, 3, 3))
    return np.asarray(rotation.as_quat()).reshape(*matrix.shape[:-2], 4)


def to_matrix(a_to_b: Float[np.ndarray, "*leading 4"]) -> Float[np.ndarray, "*leading 3 3"]:
    """Quaternions to rotation matrices: ``matrix @ v_in_a == v_in_b``.

    >>> to_matrix(from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))).round(9)[:, 0].tolist()
    [0.0, 1.0, 0.0]
    """
    rotation, leading = _scipy(a_to_b)
    return np.asarray(rotation.as_matrix()).reshape(*leading, 3, 3)


def _scipy(a_to_b: Float[np.ndarray, "*leading 4"]) -> tuple[Rotation, tuple[int, ...]]:
    q = np.asarray(a_to_b, dtype=np.float64)
    return Rotation.from_quat(q.reshape(-1, 4)), q.shape[:-1]


def slerp(
    start: Float[np.ndarray, "*#leading 4"],
    end: Float[np.ndarray, "*#leading 4"],
    fraction: Float[np.ndarray, "*#leading"] | float,
) -> Float[np.ndarray, "*#leading 4"]:
    """The rotation a fraction of the way (0 to 1) along the shortest turn from start to end.

    Shoemake, "Animating Rotation with Quaternion Curves" (1985),
    https://doi.org/10.1145/325165.325242.

    >>> half = slerp(IDENTITY, from_axis_angle(np.array([0.0, 0.0, 1.0])), 0.5)
    >>> to_axis_angle(half).round(9).tolist()
    [0.0, 0.0, 0.5]
    """
    cosine = np.sum(start * end, axis=-1, keepdims=True)
    # q and -q are one rotation: the nearer of both gives the shorter turn.
    nearer = np.where(cosine < 0, -end, end)
    angle = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    share = np.asarray(fraction, dtype=np.float64)[..., None]
    small = angle < 1e-6  # the sines cancel; the chord is the arc to within rounding
    scale = np.where(small, 1.0, np.sin(angle))
    first = np.where(small, 1.0 - share, np.sin((1.0 - share) * angle) / scale)
    second = np.where(small, share, np.sin(share * angle) / scale)
    blend = first * start + second * nearer
    return np.asarray(blend / np.linalg.norm(blend, axis=-1, keepdims=True))


def unroll(a_to_b: Float[np.ndarray, "F *joints 4"]) -> Float[np.ndarray, "F *joints 4"]:
    """The same rotations along time (axis 0), with signs chosen so that no neighbour jumps to the
    other sign.

    >>> unroll(np.array([[0.0, 0.0, 0.6, 0.8], [0.0, 0.0, -0.6, -0.8]]))[:, 3].tolist()
    [0.8, 0.8]
    """
    q = np.asarray(a_to_b)
    flips = np.sum(q[1:] * q[:-1], axis=-1, keepdims=True) < 0
    signs = np.cumprod(np.where(flips, -1.0, 1.0), axis=0)
    return np.asarray(q * np.concatenate([np.ones_like(q[:1, ..., :1]), signs]))


def angular_rate(
    sensor_to_world: Float[np.ndarray, "F *joints 4"], rate_hz: float
) -> Float[np.ndarray, "F *joints 3"]:
    """How fast a sensor turns, in rad/s about its own axes: what an ideal gyroscope reads.

    Centred difference: the rotation vector of ``q[t-1]^-1 q[t+1]`` over two samples; one-sided at
    both ends. Exact for a constant spin below half a turn in two samples; for a smooth varying one
    use `otolith.motion.simulation.kinematics`, which differentiates a spline. Raises `DataError`
    for fewer than two frames.

    >>> angle = np.arange(5)[:, None] * np.array([0.0, 0.0, 0.1])  # 0.1 rad a frame, about z
    >>> angular_rate(from_axis_angle(angle), rate_hz=50.0)[2].round(9).tolist()
    [0.0, 0.0, 5.0]
    """
    q = np.asarray(sensor_to_world, dtype=np.float64)
    if len(q) < 2:
        raise DataError(f"An angular rate needs at least 2 frames, found {len(q)}.")
    before, after = np.concatenate([q[:1], q[:-1]]), np.concatenate([q[1:], q[-1:]])
    span_s = np.full(len(q), 2.0 / rate_hz)
    span_s[[0, -1]] = 1.0 / rate_hz
    turn = to_axis_angle(multiply(conjugate(before), after))
    return np.asarray(turn / span_s.reshape(-1, *([1] * (q.ndim - 1))))
