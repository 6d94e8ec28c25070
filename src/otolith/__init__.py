"""Otolith: recognise human activities from worn motion sensors with a handful of labels."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from otolith.channels import Channel as Channel
    from otolith.recording import Recording as Recording
    from otolith.recording import Segment as Segment
    from otolith.recording import Stream as Stream
    from otolith.study import Evaluation as Evaluation
    from otolith.study import Study as Study
    from otolith.study import write_study as write_study

# Bound when first used, so that `import otolith` stays quick and pulls no torch.
_WHERE = {
    "Channel": "otolith.channels",
    "Evaluation": "otolith.study",
    "Recording": "otolith.recording",
    "Segment": "otolith.recording",
    "Stream": "otolith.recording",
    "Study": "otolith.study",
    "write_study": "otolith.study",
}
__all__ = sorted(_WHERE)


def load(folder: Any) -> Any:
    return importlib.import_module("otolith.study").Study.load(folder)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'otolith' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
