"""All targets by name."""

from __future__ import annotations

from fuzz import (
    targets_checkpoints,
    targets_datasets,
    targets_motions,
    targets_results,
    targets_studies,
    targets_tables,
)
from fuzz.target import Target

_PARTS = (
    targets_tables, targets_datasets, targets_motions, targets_studies, targets_checkpoints, targets_results,
)  # fmt: skip
TARGETS: dict[str, Target] = {target.name: target for part in _PARTS for target in part.TARGETS}

__all__ = ["TARGETS", "Target"]
