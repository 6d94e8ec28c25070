"""A motion: how a skeleton moved, frame by frame, before any sensor is worn.

World frame: z up, right-handed. At rest the body stands in a T, facing x, its left to y; every
joint's own axes are then the world's. Rotations are quaternions xyzw, ``joint_to_parent``; the
root's parent is the world.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float
from typing_extensions import override

from otolith.core.errors import DataError, UnknownNameError, nearest
from otolith.data.skeleton import JOINTS, PARENTS, reference_offsets
from otolith.motion import rotations
from otolith.motion.shapes import Curve, JointTurns, Marks, Points

FARTHEST_M = 1e6
"""Nobody walks further within a clip, and no bone is longer: what lies beyond is damage."""


def runs(marked: Marks) -> Iterator[slice]:
    """Runs of marked frames or samples, in order.

    >>> list(runs(np.array([True, True, False, True])))
    [slice(0, 2, None), slice(3, 4, None)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        yield slice(start, stop)


@dataclass(frozen=True, repr=False)
class Motion:
    """One motion clip: a skeleton and how each of its joints turned, frame by frame.

    A frame that was lost is NaN as a whole: a gap, never a jump (`lost`, `pieces`). Raises
    DataError where shapes disagree, a parent follows its child, the frame rate is not positive, or
    no frame is finite.

    >>> import numpy as np
    >>> still = np.tile([0.0, 0.0, 0.0, 1.0], (100, 24, 1))
    >>> Motion(still, np.zeros((100, 3)), rate_hz=50.0, label="standing")
    Motion(100 frames, 24 joints, 50 Hz, 1.98 s, 0 lost, label='standing')
    """

    rotations: JointTurns
    """joint_to_parent quaternions xyzw, float64; joint 0's parent is the world."""
    root: Points
    """Where joint 0 is in the world, in metres."""
    rate_hz: float
    """Frames per second."""
    joints: tuple[str, ...] = JOINTS
    """Names of the joints, parents before children."""
    parents: tuple[int, ...] = PARENTS
    """Index of each joint's parent; -1 for joint 0."""
    offsets: Float[np.ndarray, "J 3"] = field(default_factory=reference_offsets)
    """Each joint's place in its parent's frame, in metres; the reference body's where left out."""
    label: str | None = None
    """What activity this is, where one name fits the whole clip."""
    text: str = ""
    """What happens, in words."""
    performer: str | None = None
    """Who moved; None where it is unknown."""
    clip: str | None = None
    """Which clip this is, unique within its source."""
    source: str = ""
    """Where the clip comes from."""
    terms: str = ""
    """Under which terms it may be used."""
    group: str | None = None
    """Where the performer is unknown: clips of one group may be of one person, and stay on one side
    of a split."""
    split: str | None = None
    """Which part of its collection the clip belongs to by the authors' own split, such as train,
    val or test."""
    unreliable_twist: frozenset[str] = frozenset()
    """Joints whose turn about their own bone was not observed, as in positions of joints: the
    gyroscope's axis along that bone cannot be trusted."""
    notes: tuple[str, ...] = ()
    """What the reader repaired or doubted, in words."""

    def __post_init__(self) -> None:
        for name in ("rotations", "root", "offsets"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        frames, joints = len(self.root), len(self.joints)
        shapes = (self.rotations.shape, self.root.shape, self.offsets.shape, len(self.parents))
        if shapes != ((frames, joints, 4), (frames, 3), (joints, 3), joints):
            raise DataError(
                f"A motion of {frames} frames and {joints} joints has rotations, root, offsets and "
                f"parents of shapes (F, J, 4), (F, 3), (J, 3) and J; found {shapes}."
            )
        ordered = all(-1 <= parent < index for index, parent in enumerate(self.parents))
        if not ordered or self.parents.count(-1) != 1:
            raise DataError("Parents come before their children, joint 0 alone is the root (-1).")
        if not 0.0 < self.rate_hz < np.inf:
            raise DataError(f"A frame rate is a positive number per second; found {self.rate_hz}.")
        if not (np.abs(self.offsets) <= FARTHEST_M).all():
            raise DataError("A joint's offset is finite, and no further than a thousand km.")
        # A frame is lost as a whole: half a skeleton cannot carry a sensor.
        near = (np.abs(self.root) <= FARTHEST_M).all(axis=1)
        lost = ~(np.isfinite(self.rotations).all(axis=(1, 2)) & near)
        if frames and lost.all():
            raise DataError(f"None of the {frames} frames of this motion is finite.")
        if lost.any():
            for name in ("rotations", "root"):
                values = getattr(self, name).copy()
                values[lost] = np.nan
                object.__setattr__(self, name, values)

    @override
    def __repr__(self) -> str:
        facts = {"label": self.label, "performer": self.performer, "clip": self.clip}
        named = "".join(f", {name}={value!r:.60}" for name, value in facts.items() if value)
        size = f"{self.frames} frames, {len(self.joints)} joints, {self.rate_hz:g} Hz"
        return f"Motion({size}, {self.duration_s:.2f} s, {int(self.lost.sum())} lost{named})"

    @property
    def frames(self) -> int:
        """How many frames the clip has."""
        return len(self.root)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""
        return (self.frames - 1) / self.rate_hz

    @property
    def time_s(self) -> Curve:
        """When each frame is, in seconds from the first."""
        return np.arange(self.frames) / self.rate_hz

    @property
    def lost(self) -> Marks:
        """Which frames were lost."""
        return np.asarray(np.isnan(self.root[:, 0]))

    def pieces(self) -> list[Motion]:
        """The stretches between lost frames, each a motion without gaps; the motion itself where it
        has none."""
        lost = self.lost
        if not lost.any():
            return [self]
        return [self.cut(run.start, run.stop) for run in runs(~lost)]

    def joint(self, name: str) -> int:
        """Index of a joint by its name; raises UnknownNameError that lists what is there."""
        if name not in self.joints:
            raise UnknownNameError(
                f"This motion has no joint '{name}'.{nearest(name, self.joints)} Its joints: "
                f"{', '.join(self.joints)}."
            )
        return self.joints.index(name)

    def cut(self, start: int, stop: int) -> Motion:
        """The frames from start up to, not including, stop."""
        return replace(self, rotations=self.rotations[start:stop], root=self.root[start:stop])

    def forward(
        self, names: Sequence[str] | None = None
    ) -> tuple[Float[np.ndarray, "F K 3"], Float[np.ndarray, "F K 4"]]:
        """Positions in the world (m) and joint_to_world quaternions of some joints, or of all.

        Only the chains that lead to the joints asked for are computed: a wrist needs 7 of 24.
        """
        asked = [self.joint(name) for name in (self.joints if names is None else names)]
        known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        # Parents come before children, so that sorted indices are an order to work in.
        for index in sorted({ancestor for joint in asked for ancestor in self._chain(joint)}):
            turn, parent = self.rotations[:, index], self.parents[index]
            if parent < 0:
                known[index] = self.root, turn
            else:
                position, parent_to_world = known[parent]
                known[index] = (
                    position + rotations.rotate(parent_to_world, self.offsets[index]),
                    rotations.multiply(parent_to_world, turn),
                )
        places, turns = zip(*(known[index] for index in asked), strict=True)
        return np.stack(places, axis=1), np.stack(turns, axis=1)

    def _chain(self, index: int) -> list[int]:
        """A joint and all that carry it, up to the root."""
        chain = []
        while index >= 0:
            chain.append(index)
            index = self.parents[index]
        return chain
