"""The readers of the two paired sets, for tests: benchmarks/ is no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "readers" / "paired.py"
_SPEC = importlib.util.spec_from_file_location("benchmark_readers_paired", _FILE)
assert _SPEC is not None and _SPEC.loader is not None
_paired = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = _paired  # dataclasses look their module up
_SPEC.loader.exec_module(_paired)

read_broad = _paired.read_broad
read_gaitmap = _paired.read_gaitmap
rigid_pose = _paired.rigid_pose
