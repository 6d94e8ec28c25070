"""Where motions come from: files of motion capture, and equations.

Readers turn a file's axes and unit into ours once (z up, metres, joints of
`otolith.data.skeleton`), hold the result against a human body, and note what was repaired.

>>> from otolith.motion.formats import check, read
>>> motion = read("procedural:walking")
>>> motion.label, motion.frames, check(motion)  # nothing that a body cannot do
('walking', 1001, [])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from otolith.core.catalog import Family

if TYPE_CHECKING:
    from otolith.motion.formats.plausibility import check as check
    from otolith.motion.formats.reading import find as find
    from otolith.motion.formats.reading import read as read
    from otolith.motion.formats.skeleton import to_body as to_body

FAMILY = Family(
    "motion format",
    {
        "bvh": "otolith.motion.formats.reading:bvh",
        "amc": "otolith.motion.formats.reading:amc",
        "smpl": "otolith.motion.formats.reading:smpl",
        "positions": "otolith.motion.formats.reading:positions",
        "procedural": "otolith.motion.formats.reading:procedural",
    },
)

# Bound when first used: making a procedural motion need not load what reads files.
_WHERE = {
    "check": "otolith.motion.formats.plausibility",
    "find": "otolith.motion.formats.reading",
    "read": "otolith.motion.formats.reading",
    "to_body": "otolith.motion.formats.skeleton",
}
__all__ = ["FAMILY", "check", "find", "read", "to_body"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'otolith.motion.formats' has no attribute '{name}'")
