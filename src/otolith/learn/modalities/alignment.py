"""Linear maps of an encoder, of words, video and poses into one space."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from otolith.core.errors import CheckpointError, ConfigError, UnknownNameError
from otolith.learn import modalities
from otolith.learn.modalities.modality import Modality
from otolith.learn.modalities.texts import TextModel

ROLES = ("video", "pose", "text")
"""What may go with a window; where several do, the first says best what was done."""


class RoleFacts(TypedDict, total=False):
    """What builds a `Role` again."""

    modality: str
    settings: dict[str, object]
    dimension: int
    linear: bool


class AlignmentFacts(TypedDict):
    """What builds an `Alignment` again, weights aside."""

    dimension: int
    width: int
    linear: bool
    modalities: dict[str, RoleFacts]


@dataclass(frozen=True)
class Role:
    """Which modality an encoder was aligned with, and what is needed to ask it again."""

    modality: str
    """Its name: `minilm`, `clip_video`, `pose_vector`, …"""
    settings: dict[str, object] = field(default_factory=dict)
    """Its settings."""
    dimension: int = 0
    """How many numbers its vectors have."""
    linear: bool = True
    """Whether a linear layer brings its vectors into the shared space, or they are taken as they
    are."""
    trust: tuple[str, ...] | None = field(default=None, compare=False)
    """Packages and models that may be loaded where a file said all this; None where the caller did.
    """

    def ask(self) -> Modality:
        """Return the modality; its model is loaded when it is first used."""
        family = modalities.FAMILY
        kind = (
            family.resolve(self.modality)
            if self.trust is None
            else family.stored(self.modality, self.trust)
        )
        modality: Modality = kind(**self.settings)
        modality.trust = self.trust
        return modality

    def facts(self) -> RoleFacts:
        """Return what builds it again, as JSON writes it."""
        # Without `trust`: whom to trust is the caller's to say, each time.
        return {
            "modality": self.modality,
            "settings": copy.deepcopy(self.settings),
            "dimension": self.dimension,
            "linear": self.linear,
        }


class Alignment(nn.Module):
    """The space that an encoder shares with its modalities, and a linear layer into it from each.

    dimension: D of the encoder's vectors. width: E of the space. roles: modalities by `text`,
    `video`, `pose`. linear: whether the encoder's vectors go through a layer, or are in the space
    already (then D is E). Likeness in the space is the cosine: only directions count.

    >>> space = Alignment(8, 4, {"text": Role("minilm", {}, 384)})
    >>> space.motion(torch.zeros(2, 8)).shape, space.modality("text", torch.zeros(2, 384)).shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self, dimension: int, width: int, roles: Mapping[str, Role], linear: bool = True
    ) -> None:
        super().__init__()
        self.dimension, self.width, self.roles = dimension, width, dict(roles)
        for name, role in self.roles.items():
            if name not in ROLES:
                raise ConfigError(
                    f"What goes with a window is one of {', '.join(ROLES)}; not '{name}'."
                )
            if not role.linear and role.dimension != width:
                raise ConfigError(
                    f"Modality '{role.modality}' has {role.dimension} numbers, the space has "
                    f"{width}."
                )
        if not linear and dimension != width:
            raise ConfigError(
                f"The encoder's vectors have {dimension} numbers, the space has {width}."
            )
        self.imu: nn.Module = nn.Linear(dimension, width) if linear else nn.Identity()
        # Built in the order of the roles, which decides the random numbers each starts from.
        layers = {n: nn.Linear(r.dimension, width) for n, r in self.roles.items() if r.linear}
        self.modalities = nn.ModuleDict({n: layers.get(n, nn.Identity()) for n in self.roles})

    def motion(self, pooled: Tensor) -> Tensor:
        """Return where the encoder's vectors (B, D) lie in the space, (B, E), of any length."""
        placed: Tensor = self.imu(pooled)
        return placed

    def modality(self, name: str, vectors: Tensor) -> Tensor:
        """Return where a modality's vectors (B, F) lie in the space, (B, E), of any length."""
        # Unit length first: the space compares directions, and frozen models differ in norm.
        placed: Tensor = self.modalities[name](functional.normalize(vectors, dim=-1))
        return placed

    @torch.no_grad()
    def place(self, name: str, vectors: Float[np.ndarray, "N F"]) -> Float[np.ndarray, "N E"]:
        """Return a modality's vectors as unit vectors of the space."""
        given = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
        unit: np.ndarray = functional.normalize(self.modality(name, given), dim=-1).numpy()
        return unit

    def words(self, texts: Sequence[str]) -> Float[np.ndarray, "N E"]:
        """Return texts as unit vectors of the space.

        Raises ConfigError where the encoder was aligned with no text model.
        """
        role = self.roles.get("text")
        model = role.ask() if role else None
        if not isinstance(model, TextModel):
            what = f"vectors of texts ('{role.modality}')" if role else ", ".join(self.roles)
            raise ConfigError(
                f"This encoder was aligned with {what}, and cannot place words. Pretrain one with "
                "the texts of a study that has them (partners/text.parquet): otolith pretrain "
                "STUDY --objective primus --out ENCODER"
            )
        return self.place("text", model.encode(list(texts)))

    def facts(self) -> AlignmentFacts:
        """Return what builds it again, weights aside, as JSON writes it."""
        return {
            "dimension": self.dimension,
            "width": self.width,
            "linear": isinstance(self.imu, nn.Linear),
            "modalities": {name: role.facts() for name, role in self.roles.items()},
        }

    @classmethod
    def build(cls, facts: AlignmentFacts, trust: Sequence[str] = ()) -> Alignment:
        """Build what `facts` from a file described, weights not loaded yet.

        Raises CheckpointError where they were edited, UnknownNameError for a modality that is
        neither in our table nor of a package that the caller trusts.
        """
        try:
            roles = {name: _role(role, tuple(trust)) for name, role in facts["modalities"].items()}
            return cls(facts["dimension"], facts["width"], roles, facts["linear"])
        except UnknownNameError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
            raise CheckpointError(
                f"The alignment in config.json cannot be read ({type(error).__name__}: {error}). "
                "It was edited or cut off; copy the whole folder again."
            ) from error


def _role(content: RoleFacts, trust: tuple[str, ...]) -> Role:
    if "trust" in content:
        raise ValueError("a file cannot say whom to trust")
    role = Role(**content, trust=trust)
    modalities.FAMILY.admit(role.modality, trust, "The checkpoint")
    return role
