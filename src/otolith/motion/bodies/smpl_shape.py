"""Bodies of the SMPL family: a shape (betas) of a user's own model file becomes a body with a skin.

SMPL: Loper et al., "SMPL: A Skinned Multi-Person Linear Model" (2015),
https://doi.org/10.1145/2816795.2818013. The file is read by our own reader
(`otolith.motion.formats.smpl_npz.read_model`); none is part of this project.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError
from otolith.data.skeleton import FINGERS, JOINTS
from otolith.motion import rotations
from otolith.motion.bodies.body import Body
from otolith.motion.bodies.surface import Surface
from otolith.motion.formats.smpl_npz import BodyModel, parent_of
from otolith.motion.formats.world import up_axis

DRAWN = 10
"""How many betas a body by chance gets: the first ten hold nearly all that one sees."""
_WIDEST = 2.0
"""Betas are drawn within so many standard deviations: beyond, skins cross themselves."""


def surface(model: BodyModel, betas: Sequence[float] | Float[np.ndarray, " K"] = ()) -> Surface:
    """The body of these betas (standard deviations along the model's shapes), z up, facing x, arms
    spread.

    The face's joints are rigid with the head. Raises ReadError for a file without weights or
    triangles, or whose body is none.
    """
    if model.weights is None or model.faces is None:
        raise ReadError(f"{model.path} has no weights or no triangles (f): sensors need a skin.")
    axes = up_axis("y")
    shape = np.asarray(betas, dtype=np.float64)
    places, skin = model.places(shape), model.skin(shape)
    kept = [k for k, joint in enumerate(model.joints) if joint in (*JOINTS, *FINGERS)]
    weights = model.weights[:, kept].copy()
    for index, joint in enumerate(model.joints):
        if index not in kept:
            parent = kept.index(model.joints.index(parent_of(joint) or ""))
            weights[:, parent] += model.weights[:, index]
    return Surface(
        tuple(model.joints[index] for index in kept),
        rotations.rotate(axes, places[kept]),
        rotations.rotate(axes, skin),
        model.faces,
        weights,
    )


def body(
    model: BodyModel, betas: Sequence[float] | Float[np.ndarray, " K"] = (), name: str = "smpl"
) -> Body:
    """A body of this shape, as tall as it stands and as heavy as its volume; sensors lie on its
    skin.

    Raises ReadError as `surface` does, ConfigError where the betas make no body.
    """
    return Body.of(surface(model, betas), name)


def draw(model: BodyModel, number: int, seed: int = 0) -> Body:
    """The body of this number: the model's mean for 0, else one by chance, the same however many
    there are."""
    rng = np.random.default_rng([seed, number])
    betas = np.zeros(0) if number == 0 else np.clip(rng.standard_normal(DRAWN), -_WIDEST, _WIDEST)
    return body(model, betas, f"body{number:02d}")
