"""A fixed vector of the pose during a window: the other modality where there is no video."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Interval
from typing_extensions import override

from otolith.core.settings import settings
from otolith.data.skeleton import JOINTS, PARENTS, POSE_JOINTS, reference_offsets
from otolith.data.windows import Windows
from otolith.learn.modalities.modality import Modality, ModalityVectors
from otolith.learn.modalities.poses import poses_of


@settings
class PoseVectorConfig:
    """How finely a pose is described."""

    moments: Annotated[int, Interval(ge=2, le=1_000)] = 8
    """Moments of the window at which joints are looked at."""


class PoseVector(Modality):
    """Where 22 joints are on average, how they move about that, and how fast: nothing is learned.

    Positions are taken from a standing body's and speeds per second of window, in metres, the body
    facing x. With the default of 8 moments 22 x (3 + 8 x 3 + 1) = 616 numbers.
    """

    Config: ClassVar[type[Any]] = PoseVectorConfig
    kind: ClassVar[str] = "pose"

    @override
    def vectors(self, windows: Windows) -> ModalityVectors:
        """Return the vector of each window whose pelvis and at least half of the joints are known
        throughout."""
        poses, known = poses_of(windows, self.config.moments, POSE_JOINTS)
        mean = poses.mean(axis=1, keepdims=True)
        steps = np.linalg.norm(np.diff(poses, axis=1), axis=-1).mean(axis=1)
        speed = steps * (self.config.moments / windows.seconds)
        still = np.where(known[..., None], mean[:, 0] - _standing(), 0.0)
        # A tenth of the speeds, so that fast movements do not outweigh where the joints are.
        parts = [still.reshape(len(poses), -1), (poses - mean).reshape(len(poses), -1), 0.1 * speed]
        present = known[:, 0] & (known.mean(axis=1) >= 0.5)
        return ModalityVectors(np.concatenate(parts, axis=1), present)


def _standing() -> np.ndarray:
    """Joints of the reference body with hanging arms, from the pelvis."""
    offsets = reference_offsets()
    place = np.zeros_like(offsets)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            arm = any(part in JOINTS[joint] for part in ("elbow", "wrist", "hand"))
            step = np.array([0.0, 0.0, -np.linalg.norm(offsets[joint])]) if arm else offsets[joint]
            place[joint] = place[parent] + step
    return place[: len(POSE_JOINTS)]
