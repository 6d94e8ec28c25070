"""Where motions come from: files of motion capture, and equations."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from otolith.catalog import Family

if TYPE_CHECKING:
    from otolith.motions.bvh import write_bvh as write_bvh
    from otolith.motions.plausibility import check as check
    from otolith.motions.reading import find as find
    from otolith.motions.reading import read as read
    from otolith.motions.skeleton import to_body as to_body

FAMILY = Family(
    "motion format",
    {
        "bvh": "otolith.motions.reading:bvh",
        "amc": "otolith.motions.reading:amc",
        "smpl": "otolith.motions.reading:smpl",
        "positions": "otolith.motions.reading:positions",
        "procedural": "otolith.motions.reading:procedural",
    },
)

# Bound when first used: making a procedural motion need not load what reads files.
_WHERE = {
    "check": "otolith.motions.plausibility",
    "find": "otolith.motions.reading",
    "read": "otolith.motions.reading",
    "to_body": "otolith.motions.skeleton",
    "write_bvh": "otolith.motions.bvh",
}
__all__ = ["FAMILY", "check", "find", "read", "to_body", "write_bvh"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'otolith.motions' has no attribute '{name}'")
