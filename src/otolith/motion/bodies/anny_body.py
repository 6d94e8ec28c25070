"""Bodies of Anny, whose model anybody may use: statures, ages, builds, each with a skin for sensors
to lie on.

Brégier et al., "Human Mesh Modeling for Anny Body" (2025), https://arxiv.org/abs/2511.03589; code
Apache-2.0, shapes CC0 from MakeHuman. Needs the extra `anny`. Its rest pose is upright with half
hanging arms, z up, facing -y.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from otolith.core.errors import ConfigError
from otolith.core.settings import Share, settings
from otolith.data.skeleton import FINGERS, REFERENCE_STATURE_M
from otolith.motion.bodies.body import Body
from otolith.motion.bodies.surface import Surface

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_LIMBS = {
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "foot": "toe2-1",
    "collar": "clavicle", "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
}  # fmt: skip
_TRUNK = {
    "pelvis": "root", "spine1": "spine04", "spine2": "spine03", "spine3": "spine02",
    "neck": "neck01", "head": "head",
}  # fmt: skip


def _bone(joint: str) -> str:
    side, _, part = joint.partition("_")
    if joint in FINGERS:
        part = f"finger{_FINGERS.index(part[:-1]) + 1}-{part[-1]}"
    return _TRUNK.get(joint) or f"{_LIMBS.get(part, part)}.{side[0].upper()}"


_SIDED = [f"{side}_{part}" for part in _LIMBS for side in ("left", "right")]
BONES: dict[str, str] = {joint: _bone(joint) for joint in (*_TRUNK, *_SIDED, *FINGERS)}
"""Our joint -> the bone of Anny's default skeleton that begins there."""
_STEPS = 60


@settings
class Build:
    """What a body is like: Anny's own scales from 0 to 1, and its stature.

    Raises ConfigError for values beyond them.
    """

    stature_m: Annotated[float, Interval(ge=0.3, le=3.0)] = REFERENCE_STATURE_M
    """Standing height in metres; Anny's height is chosen so that the body stands so tall."""
    gender: Share = 0.5
    """From male (0) to female (1)."""
    age: Share = 0.67
    """A baby at 0, a child at 1/3, a young adult at 2/3, old at 1."""
    muscle: Share = 0.5
    """From little (0) to much (1)."""
    weight: Share = 0.5
    """From light (0) to heavy (1)."""
    proportions: Share = 0.5
    """From ideal (0) to uncommon (1)."""

    @property
    def scales(self) -> dict[str, float]:
        """What Anny calls a phenotype, but for the height."""
        names = ("gender", "age", "muscle", "weight", "proportions")
        return {name: getattr(self, name) for name in names}


@functools.cache
def _model() -> Any:
    try:
        import anny
    except ImportError as error:
        raise ConfigError(
            "Bodies of Anny need the extra 'anny'. Type: pip install 'otolith[anny]'"
        ) from error
    # Its other way to move the skin starts a compiler, and prints; here the body stands still.
    return anny.Anny(skinning_method="lbs")


def surface(build: Build | None = None) -> Surface:
    """The body of this build at rest, z up, facing x. The first one in a life of the machine takes
    a minute.

    Raises ConfigError without Anny, and for a stature that no body of this age and build has.
    """
    build, model = build or Build(), _model()
    low, high = 0.0, 1.0
    # Stature rises with Anny's height; what it depends on beside, it does by tables.
    least, most = (_stature(_at_rest(build, height)) for height in (low, high))
    if not least <= build.stature_m <= most:
        raise ConfigError(
            f"Bodies of this build stand {least:.2f} to {most:.2f} m tall; asked for "
            f"{build.stature_m} m."
        )
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        rest = _at_rest(build, middle)
        if abs(_stature(rest) - build.stature_m) < 1e-4:
            break
        low, high = (middle, high) if _stature(rest) < build.stature_m else (low, middle)
    labels = list(model.bone_labels)
    joints = tuple(sorted(BONES, key=lambda joint: labels.index(BONES[joint])))
    owner = _owners(labels, list(model.bone_parents), joints)
    bones, shares = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.double().numpy()
    weights = np.zeros((len(bones), len(joints)))
    np.add.at(weights, (np.arange(len(bones))[:, None], owner[bones]), shares)
    heads = rest["rest_bone_heads"][0].double().numpy()
    places = heads[[labels.index(BONES[joint]) for joint in joints]]
    faces = model.faces.numpy().astype(np.int64)
    return Surface(joints, _ours(places), _ours(_skin(rest)), faces, weights)


def body(build: Build | None = None, name: str = "anny") -> Body:
    """A body of this build, as heavy as its volume; sensors lie on its skin. Raises as `surface`
    does."""
    return Body.of(surface(build), name)


def draw(number: int, seed: int = 0, height: tuple[float, float] = (0.85, 1.15)) -> Body:
    """The adult of this number: the average of 1.70 m for 0, else one by chance, the same however
    many there are.

    `height` are the bounds of its stature relative to 1.70 m.
    """
    if number == 0:
        return body(name="body00")
    rng = np.random.default_rng([seed, number])
    stature = float(rng.uniform(*height)) * REFERENCE_STATURE_M
    # Of gender, age, muscle, weight and proportions.
    low, high = (0.0, 0.6, 0.2, 0.1, 0.0), (1.0, 0.95, 0.8, 0.9, 1.0)
    return body(Build(stature, *rng.uniform(low, high).tolist()), f"body{number:02d}")


def _at_rest(build: Build, height: float) -> dict[str, Any]:
    import torch

    with torch.no_grad():
        rest: dict[str, Any] = _model()(phenotype_kwargs={**build.scales, "height": height})
    return rest


def _skin(rest: dict[str, Any]) -> np.ndarray:
    return np.asarray(rest["rest_vertices"][0].double().numpy())


def _stature(rest: dict[str, Any]) -> float:
    return float(np.ptp(_skin(rest)[:, 2]))


def _ours(points: np.ndarray) -> np.ndarray:
    """From facing -y, left at x, to facing x, left at y."""
    return np.stack([-points[:, 1], points[:, 0], points[:, 2]], axis=1)


def _owners(labels: list[str], parents: list[int], joints: tuple[str, ...]) -> np.ndarray:
    """For each bone of Anny the joint of ours that it is rigid with: its own, or its nearest
    forebear's."""
    owners = {labels.index(BONES[joint]): index for index, joint in enumerate(joints)}
    for bone in range(len(labels)):
        at, passed = bone, []
        while at not in owners:
            passed.append(at)
            at = int(parents[at])
        owners |= dict.fromkeys(passed, owners[at])
    return np.array([owners[bone] for bone in range(len(labels))])
