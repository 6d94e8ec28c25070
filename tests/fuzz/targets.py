"""All targets by name."""

from __future__ import annotations

from fuzz import targets_datasets, targets_motions, targets_tables
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for part in (targets_tables, targets_datasets, targets_motions) for target in part.TARGETS
}

__all__ = ["TARGETS", "Target"]
