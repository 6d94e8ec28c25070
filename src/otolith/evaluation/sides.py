"""Which windows of a study are learnt from, and which are tested on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otolith.study import Evaluation, Study
from otolith.windows import Windows


def labelled_windows(study: Study, evaluation: Evaluation, missing: str = "error") -> Windows:
    """Return the labelled windows that count."""
    return study.windows(**evaluation.to_json(), missing=missing).labelled


def plain_windows(study: Study, evaluation: Evaluation, missing: str = "error") -> Windows:
    """Return the windows for pretraining, their labels unseen.

    Every stretch is cut on a plain grid, the unlabelled ones included; where a study consists of trials with one
    window each, those are taken.
    """
    if evaluation.label_rule == "centred":
        return labelled_windows(study, evaluation, missing).hide_labels()
    return study.windows(**evaluation.to_json() | {"label_rule": "unlabelled", "labels": ()}, missing=missing)


def other_windows(study: Study, evaluation: Evaluation, missing: str = "error") -> Windows:
    """Return the windows of another study for pretraining, as long and as fast as those of the study it is for.

    They lie on a plain grid with the overlap that the other study's own evaluation has.
    """
    cut = evaluation.to_json() | {"label_rule": "unlabelled", "labels": (), "overlap": study.evaluation.overlap}
    return study.windows(**cut, missing=missing)


def added_windows(study: Study, evaluation: Evaluation, missing: str = "error") -> Windows:
    """Return the labelled windows of another study, cut like those that it is learnt from beside."""
    cut = evaluation.to_json() | {"labels": (), "overlap": study.evaluation.overlap}
    return study.windows(**cut, missing=missing).labelled


def of_recordings(windows: Windows, ids: Sequence[str]) -> Windows:
    """Return the windows of some recordings, as a data set's authors list them."""
    return windows[np.isin(windows.recording.astype(str), list(ids))]
