"""Labelled windows of other studies, such as simulated ones, beside those of the people in
question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from otolith.core.errors import DataError
from otolith.data.windows import Windows


def with_added(windows: Windows, others: Sequence[Windows]) -> Windows:
    """Return labelled windows and those of other studies that have one of their classes, whose
    order is kept.

    Raises DataError where another study has none of these classes, ChannelError where its windows
    do not fit.

    >>> def windows(*labels):
    ...     values = np.zeros((len(labels), 1, 50))
    ...     return Windows.from_array(values, labels, rate_hz=50, channels=["head.acc.x"])
    >>> with_added(windows("walk", "sit"), [windows("walk", "swim")]).labels.tolist()
    ['walk', 'sit', 'walk']
    """
    labelled = windows.labelled
    known = [labelled.classes[code] for code in np.unique(labelled.code)]
    parts = [labelled]
    for other in others:
        fitting = other[np.isin(other.labels, known)]
        if not len(fitting):
            raise DataError(
                f"Study '{other.study}' has none of the classes {', '.join(known)}; it has "
                f"{', '.join(other.classes) or 'no labels'}. Give it segments of the same labels."
            )
        parts.append(fitting)
    together = Windows.concatenate(parts)
    place = {name: code for code, name in enumerate(labelled.classes)}
    # Joining sorts the classes anew; a head counts them in the order of the labelled windows.
    code = np.array([place[name] for name in together.labels], dtype=np.int64)
    return replace(together, code=code, classes=labelled.classes)
