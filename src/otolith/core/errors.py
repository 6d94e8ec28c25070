"""What can go wrong, as one small tree.

    OtolithError
    ├── DataError              what was recorded cannot be used as it is
    │   ├── ReadError          a file is truncated, empty, not text, or not in the expected layout
    │   ├── UnitError          a unit is unknown, missing, or contradicted by gravity
    │   └── StudyError         a study folder is incomplete, or lacks what was asked of it
    ├── ChannelError           the channels of a recording and those of an encoder do not fit
    ├── ConfigError            a setting is unknown, misspelt or out of range
    │   └── UnknownNameError   a name that no table holds
    ├── SplitError             no honest split into people exists
    ├── CheckpointError        a saved encoder or recogniser is damaged, or of another kind
    └── InterruptedRunError    a run was stopped, or a part of it failed; the rest is kept

    OtolithWarning             something works, but not as its user may think

Every message says what happened, what was given, and what to type.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

from otolith.core.text import printable

_LIKENESS_OPTIONS = 2000
_LIKENESS_LETTERS = 200


class OtolithError(Exception):
    """The root of every error that this toolkit raises on purpose.

    Messages quote files of others, so none holds a control character, nor more than a screen of
    text.
    """

    def __init__(self, *args: object) -> None:
        texts = (printable(part, _LONGEST) if isinstance(part, str) else part for part in args)
        super().__init__(*texts)


_LONGEST = 3_500


class DataError(OtolithError, ValueError):
    """What was recorded cannot be used as it is."""


class ReadError(DataError):
    """A file is truncated, empty, not text, or not in the expected layout."""


class UnitError(DataError):
    """A unit is unknown, missing, or contradicted by gravity."""


class StudyError(DataError):
    """A study folder is incomplete, or lacks what was asked of it."""


class ChannelError(OtolithError, ValueError):
    """The channels of a recording and those of an encoder do not fit."""


class ConfigError(OtolithError, ValueError):
    """A setting is unknown, misspelt or out of range."""


class UnknownNameError(ConfigError):
    """A name that no table holds."""


class SplitError(OtolithError, ValueError):
    """No honest split into people exists."""


class CheckpointError(OtolithError, RuntimeError):
    """A saved encoder or recogniser is damaged, or of another kind."""


class InterruptedRunError(OtolithError, RuntimeError):
    """A run was stopped, or a part of it failed; what is finished is kept."""


class OtolithWarning(UserWarning):
    """Something works, but not as its user may think."""


def nearest(name: str, options: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the option closest to a misspelt name, or nothing.

    >>> nearest("primmus", ["pim", "primus"])
    " Did you mean 'primus'?"
    """
    # Likeness is slow: of a stranger's thousand columns, and of names as long as pages, some do.
    some = [str(option)[:_LIKENESS_LETTERS] for option in islice(options, _LIKENESS_OPTIONS)]
    close = difflib.get_close_matches(str(name)[:_LIKENESS_LETTERS], some, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
