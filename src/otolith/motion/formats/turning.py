"""Rotations that readers need: Euler angles of any number of axes, and the shortest way between two
directions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from otolith.motion import rotations
from otolith.motion.shapes import Turn, Turns


def turned(order: str, angles: Float[np.ndarray, "*leading K"]) -> Float[np.ndarray, "*leading 4"]:
    """Quaternions of one to three angles (radians); order as in SciPy: "ZXY" with the body, "zxy"
    about fixed axes.

    Axes that a joint does not have are put last, where turning by nothing changes nothing.

    >>> turned("Z", np.array([np.pi])).round(9).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    rest = [axis for axis in ("XYZ" if order.isupper() else "xyz") if axis not in order]
    padded = np.concatenate([angles, np.zeros((*angles.shape[:-1], len(rest)))], axis=-1)
    return rotations.from_euler(order + "".join(rest), padded)


def shortest(
    a: Float[np.ndarray, "*#leading 3"], b: Float[np.ndarray, "*#leading 3"]
) -> Float[np.ndarray, "*leading 4"]:
    """The shortest rotation that lays direction a on b; where they are opposite, half a turn about
    an axis across.

    >>> turn = shortest(np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0]))
    >>> rotations.rotate(turn, np.array([1.0, 0.0, 0.0])).round(9).tolist()
    [0.0, 1.0, 0.0]
    """
    a = a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-12)
    b = b / np.maximum(np.linalg.norm(b, axis=-1, keepdims=True), 1e-12)
    q = np.concatenate([np.cross(a, b), 1.0 + np.sum(a * b, axis=-1, keepdims=True)], axis=-1)
    across = np.cross(
        a, np.where(np.abs(a[..., :1]) < 0.9, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    )
    half = np.concatenate([across, np.zeros_like(across[..., :1])], axis=-1)
    q = np.where(np.linalg.norm(q, axis=-1, keepdims=True) < 1e-9, half, q)
    return np.asarray(q / np.linalg.norm(q, axis=-1, keepdims=True))


def mean_rotation(turns: Turns) -> Turn:
    """The mean of rotations, signs indifferent.

    Markley et al., "Averaging quaternions" (2007), https://doi.org/10.2514/1.28949.
    """
    return np.asarray(np.linalg.eigh(turns.T @ turns)[1][:, -1])
