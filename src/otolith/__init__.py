"""Otolith: recognise human activities from worn motion sensors with a handful of labels."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from otolith.channels import Channel as Channel
    from otolith.deployment.recogniser import Recogniser as Recogniser
    from otolith.deployment.timeline import Timeline as Timeline
    from otolith.errors import OtolithError as OtolithError
    from otolith.errors import OtolithWarning as OtolithWarning
    from otolith.evaluation.benchmark import benchmark as benchmark
    from otolith.recording import Recording as Recording
    from otolith.recording import Segment as Segment
    from otolith.recording import Stream as Stream
    from otolith.report import Report as Report
    from otolith.study import Evaluation as Evaluation
    from otolith.study import Study as Study
    from otolith.study import write_study as write_study
    from otolith.training.adapt import adapt as adapt
    from otolith.training.pretrain import pretrain as pretrain
    from otolith.training.pretrained import PretrainedEncoder as PretrainedEncoder
    from otolith.windows import Windows as Windows

    load = Study.load

# Bound when first used, so that `import otolith` stays quick and pulls no torch.
_WHERE = {
    "Channel": "otolith.channels:Channel",
    "Evaluation": "otolith.study:Evaluation",
    "OtolithError": "otolith.errors:OtolithError",
    "OtolithWarning": "otolith.errors:OtolithWarning",
    "PretrainedEncoder": "otolith.training.pretrained:PretrainedEncoder",
    "Recogniser": "otolith.deployment.recogniser:Recogniser",
    "Recording": "otolith.recording:Recording",
    "Report": "otolith.report:Report",
    "Segment": "otolith.recording:Segment",
    "Stream": "otolith.recording:Stream",
    "Study": "otolith.study:Study",
    "Timeline": "otolith.deployment.timeline:Timeline",
    "Windows": "otolith.windows:Windows",
    "adapt": "otolith.training.adapt:adapt",
    "benchmark": "otolith.evaluation.benchmark:benchmark",
    "load": "otolith.study:Study.load",
    "pretrain": "otolith.training.pretrain:pretrain",
    "write_study": "otolith.study:write_study",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'otolith' has no attribute '{name}'")
    module, _, path = _WHERE[name].partition(":")
    found = functools.reduce(getattr, path.split("."), importlib.import_module(module))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
