"""Otolith: recognise human activities from worn motion sensors with a handful of labels."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from otolith.core.errors import OtolithError as OtolithError
    from otolith.core.errors import OtolithWarning as OtolithWarning
    from otolith.data.channels import Channel as Channel
    from otolith.data.recording import Recording as Recording
    from otolith.data.recording import Segment as Segment
    from otolith.data.recording import Stream as Stream
    from otolith.data.study import Study as Study
    from otolith.data.study import write_study as write_study
    from otolith.data.windows import Cut as Cut
    from otolith.data.windows import Windows as Windows
    from otolith.learn.training.adapt import adapt as adapt
    from otolith.learn.training.pretrain import pretrain as pretrain
    from otolith.learn.training.pretrained import PretrainedEncoder as PretrainedEncoder
    from otolith.measure.benchmark import benchmark as benchmark
    from otolith.measure.report import Report as Report
    from otolith.use.recogniser import Recogniser as Recogniser
    from otolith.use.timeline import Timeline as Timeline

    load = Study.load

# Bound when first used, so that `import otolith` stays quick and pulls no torch.
_WHERE = {
    "Channel": "otolith.data.channels:Channel",
    "Cut": "otolith.data.study:Cut",
    "OtolithError": "otolith.core.errors:OtolithError",
    "OtolithWarning": "otolith.core.errors:OtolithWarning",
    "PretrainedEncoder": "otolith.learn.training.pretrained:PretrainedEncoder",
    "Recogniser": "otolith.use.recogniser:Recogniser",
    "Recording": "otolith.data.recording:Recording",
    "Report": "otolith.measure.report:Report",
    "Segment": "otolith.data.recording:Segment",
    "Stream": "otolith.data.recording:Stream",
    "Study": "otolith.data.study:Study",
    "Timeline": "otolith.use.timeline:Timeline",
    "Windows": "otolith.data.windows:Windows",
    "adapt": "otolith.learn.training.adapt:adapt",
    "benchmark": "otolith.measure.benchmark:benchmark",
    "load": "otolith.data.study:Study.load",
    "pretrain": "otolith.learn.training.pretrain:pretrain",
    "write_study": "otolith.data.study:write_study",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        from otolith.core.errors import nearest
        from otolith.core.moved import explain

        renamed = explain(f"otolith.{name}")
        raise AttributeError(renamed or f"otolith has no '{name}'.{nearest(name, _WHERE)}")
    module, _, path = _WHERE[name].partition(":")
    value = functools.reduce(getattr, path.split("."), importlib.import_module(module))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _MovedModules:
    """Asked last, for a module that does not exist: one of version 0.1 is an error that says where
    it is now."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if not name.startswith("otolith."):
            return
        from otolith.core.moved import explain

        if sentence := explain(name):
            # Without its name: `from otolith import partners` drops an error that bears the name.
            raise ModuleNotFoundError(sentence)


sys.meta_path.append(_MovedModules)
